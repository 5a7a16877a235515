//! The documented classes, probed: crate `secrets` accepts and refuses the same inputs and says the same.
//!
//! `tests/model-probes.jsonl` holds what `Secret`, `SecretsCollectionSummary` and `SecretsCollection` of the PyPI
//! package `nextmv` 1.13.0 do with an input, one probe a line.

mod corpus;

use serde_json::Value;
use strongroom_secrets::{
    Document, JsonError, JsonRule, Secret, SecretsCollection, SecretsCollectionSummary, Timestamp,
};

#[test]
fn the_model_agrees_with_the_documented_classes() {
    let probes = include_str!("../model-probes.jsonl");
    let mut count = 0;
    for line in probes.lines() {
        let probe: Value = serde_json::from_str(line).expect("a probe is JSON");
        let input = probe["input"].to_string();
        let said = say(probe["model"].as_str().expect("a model's name"), &input);
        match (said, probe["accepted"] == Value::Bool(true)) {
            (Ok(said), true) => assert_eq!(said, in_our_form(&probe["to_dict"]), "{line}"),
            (Err(error), false) => assert!(is_one_of(&error, &probe["errors"]), "{error:?}\n{line}"),
            (said, _) => panic!("{said:?}\n{line}"),
        }
        count += 1;
    }
    assert!(count >= 72, "the probes are there");
}

fn say(model: &str, input: &str) -> Result<Value, JsonError> {
    let document = Document::parse(input.as_bytes())?;
    let root = document.root();
    let json = match model {
        "Secret" => {
            let secret = Secret::read(&root)?;
            serde_json::json!({
                "type": secret.secret_type, "location": secret.location, "value": secret.value.expose()
            })
        }
        "SecretsCollectionSummary" => {
            serde_json::to_value(SecretsCollectionSummary::read(&root)?).expect("JSON")
        }
        "SecretsCollection" => serde_json::from_str(&SecretsCollection::read(&root)?.to_plain_json())
            .expect("what we say is JSON"),
        other => panic!("no model {other}"),
    };
    Ok(json)
}

/// A date is the same instant in our one form.
fn in_our_form(dict: &Value) -> Value {
    let mut dict = dict.clone();
    for key in ["created_at", "updated_at"] {
        if let Some(text) = dict.get(key).and_then(Value::as_str) {
            dict[key] = Timestamp::parse(text).expect("a date").to_string().into();
        }
    }
    dict
}

fn is_one_of(error: &JsonError, expected: &Value) -> bool {
    let kinds: &[&str] = match error.rule {
        JsonRule::Missing => &["missing"],
        JsonRule::Text => &["string_type"],
        JsonRule::SecretType => &["enum"],
        JsonRule::Object => &["model_type"],
        JsonRule::List => &["list_type"],
        JsonRule::Time => &["datetime_type", "datetime_from_date_parsing"],
        _ => &[],
    };
    expected.as_array().expect("a list").iter().any(|pair| {
        let kind = pair[1].as_str().expect("a kind");
        // An error at an alias is named by the alias there, and so it is here.
        pair[0] == error.at.as_str() && kinds.contains(&kind)
    })
}
