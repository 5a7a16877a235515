//! JSON as bodies and files bring it. It is read as serde reads it, within its limits of depth and number, and refused at a
//! byte without a word of it. What the JSON says is the business of `body`.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../laws.rs"]
mod laws;

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

#[cfg(test)]
use super::laws;
use serde_json::Value;
use strongroom_secrets::{Document, JsonError, JsonRule, Node, Timestamp};

pub(crate) fn check(data: &[u8]) {
    let value = serde_json::from_slice::<Value>(data);
    match Document::parse(data) {
        Ok(document) => {
            // A number may be too large for serde's own Value and still be JSON.
            if let Ok(value) = value {
                let (depth, nodes) = measure(&value);
                assert!(
                    depth <= 32 && nodes <= 10_000,
                    "too much was accepted: {depth} levels, {nodes} values"
                );
                agrees(&document.root(), &value);
            }
        }
        Err(error) => is_refused_for_a_reason(data, &error, value.ok().as_ref()),
    }
}

fn is_refused_for_a_reason(data: &[u8], error: &JsonError, value: Option<&Value>) {
    laws::is_silent(error);
    assert!(error.at.is_empty(), "no name has been read yet");
    let byte = error.byte.expect("a text that is at fault is so at a byte");
    assert!(byte <= data.len());
    match (error.rule, std::str::from_utf8(data)) {
        (JsonRule::Utf8, Err(error)) => assert_eq!(byte, error.valid_up_to()),
        (JsonRule::Syntax, Ok(_)) => assert!(value.is_none(), "serde reads what is refused as no JSON"),
        (JsonRule::TooDeep, Ok(_)) => assert!(value.is_none_or(|value| measure(value).0 > 32)),
        // serde keeps one of two equal keys, so what it has cannot be counted against this.
        (JsonRule::TooMany, Ok(_)) => {
            assert!(data.len() > 10_000, "a value has at least a byte, and a comma")
        }
        (JsonRule::DuplicateKey, Ok(text)) => assert_eq!(text.as_bytes()[byte], b'"', "at the second key"),
        (JsonRule::LoneSurrogate, Ok(text)) => assert!(text[byte..].starts_with("\\u")),
        (rule, _) => panic!("no text as such breaks this rule: {rule:?}"),
    }
}

/// The levels of a value and how many values it has, itself included.
fn measure(value: &Value) -> (usize, usize) {
    let inner: Vec<(usize, usize)> = match value {
        Value::Array(list) => list.iter().map(measure).collect(),
        Value::Object(map) => map.values().map(measure).collect(),
        _ => return (0, 1),
    };
    (
        1 + inner.iter().map(|(depth, _)| *depth).max().unwrap_or(0),
        1 + inner.iter().map(|(_, nodes)| *nodes).sum::<usize>(),
    )
}

/// The walk through slices finds what serde found.
fn agrees(node: &Node<'_>, value: &Value) {
    assert_eq!(node.is_null(), value.is_null());
    assert_eq!(node.is_list(), value.is_array());
    match (value, node.object(), node.list(), node.text()) {
        (Value::Object(map), Ok(fields), Err(_), Err(_)) => {
            for (key, value) in map {
                agrees(&fields.required(key).expect("a key that serde found"), value);
            }
        }
        (Value::Array(list), Err(_), Ok(nodes), Err(_)) => {
            assert_eq!(nodes.len(), list.len());
            nodes.iter().zip(list).for_each(|(node, value)| agrees(node, value));
        }
        (Value::String(text), Err(_), Err(_), Ok(read)) => {
            assert_eq!(&read, text);
            assert_eq!(node.value().expect("a text").expose(), text);
        }
        (Value::Null | Value::Bool(_) | Value::Number(_), Err(_), Err(_), Err(_)) => {}
        _ => panic!("a value is read as another kind of value"),
    }
    if let Ok(time) = node.time() {
        let said = time.to_string();
        assert_eq!(Timestamp::parse(&said).map(|read| read.to_string()), Some(said), "a moment reads back");
    }
}
