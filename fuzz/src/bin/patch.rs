//! Changes of a collection: PATCH, or PUT where the first byte is `U`, applied by the real strongroom and by a naive model of
//! lists. Nothing is lost or altered that the request does not name, and what is refused changes nothing.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../served.rs"]
mod served;

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

#[cfg(test)]
use super::served;
use serde_json::Value;
use served::{COLLECTION, STORED, Served, whole, with_served};

type Secrets = Vec<(String, String)>;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    with_served(|served| match text.strip_prefix('U') {
        Some(body) => change(served, "PUT", body, replaced),
        None => change(served, "PATCH", text, operated),
    });
}

/// Whether the strongroom is as it was.
fn change(
    served: &Served,
    method: &str,
    body: &str,
    model: fn(&Secrets, &Value, &Secrets) -> Option<Secrets>,
) -> bool {
    let stored: Secrets = STORED.map(|(kind, at, value)| (format!("{kind}:{at}"), value.to_owned())).into();
    let masks = served.masks();
    let body = with_masks(body, &masks);
    let Some(answer) = served.send(method, COLLECTION, &[], &body) else { return true };
    let now = served.reveal();
    if answer.status != 200 {
        assert!((400..500).contains(&answer.status), "{answer:?}");
        assert_eq!(now, stored, "what is refused changes nothing");
        return true;
    }
    let asked: Value = serde_json::from_str(&body).expect("what is accepted is JSON");
    let expected = model(&stored, &asked, &masks).expect("what is accepted has a meaning");
    assert_eq!(now, expected, "{method} {body}");
    assert!(!answer.text.contains("stored value of"), "the answer shows masks");
    let back = served.send("PUT", COLLECTION, &[], &whole()).expect("a request");
    back.status == 200
}

/// An input cannot know a mask: it writes `@0` to `@3` for those of the stored secrets.
fn with_masks(body: &str, masks: &Secrets) -> String {
    let mut body = body.to_owned();
    for (i, (_, mask)) in masks.iter().enumerate() {
        body = body.replace(&format!("@{i}"), mask);
    }
    body
}

/// What a secret's value becomes: a mask stands for what is stored in that very place.
fn meant(stored: &Secrets, secret: &Value, masks: &Secrets) -> Option<(String, String)> {
    let place = place(secret)?;
    let value = secret["value"].as_str()?;
    let kept = masks.iter().position(|(at, mask)| *at == place && mask == value);
    let value = kept.map_or(value, |i| &stored[i].1);
    Some((place, value.to_owned()))
}

fn place(secret: &Value) -> Option<String> {
    let kind = secret["type"].as_str().or_else(|| secret["secret_type"].as_str())?;
    Some(format!("{kind}:{}", secret["location"].as_str()?))
}

fn replaced(stored: &Secrets, asked: &Value, masks: &Secrets) -> Option<Secrets> {
    match &asked["secrets"] {
        Value::Null => Some(stored.clone()),
        list => list.as_array()?.iter().map(|secret| meant(stored, secret, masks)).collect(),
    }
}

fn operated(stored: &Secrets, asked: &Value, masks: &Secrets) -> Option<Secrets> {
    let mut now = stored.clone();
    let none = Vec::new();
    for operation in asked["operations"].as_array().unwrap_or(&none) {
        let place = place(operation)?;
        let at = now.iter().position(|(other, _)| *other == place);
        match (operation["op"].as_str()?, at) {
            ("create", None) => now.push(meant(stored, operation, masks)?),
            ("update", Some(at)) => now[at] = meant(stored, operation, masks)?,
            ("delete", Some(at)) => drop(now.remove(at)),
            ("delete", None) => {}
            _ => return None,
        }
    }
    Some(now)
}
