//! Bodies, each kind that is read on either side of the wire: the first byte says which, the rest is the JSON. What is
//! accepted keeps the rules of names and limits and reads back when it is said again; a refusal never repeats a value, a
//! name or a description.
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
use strongroom_secrets::{
    CollectionId, Delivered, DeliveryRequest, Document, Draft, End, JsonError, Limits, Mask, NewCollection,
    NewKey, Place, RequestError, SecretValue, SecretsCollection, Update, Verb,
};

const LIMITS: Limits = Limits::NEXTMV;

pub(crate) fn check(data: &[u8]) {
    let Some((kind, json)) = data.split_first() else { return };
    let Ok(document) = Document::parse(json) else { return };
    let outcome = match kind {
        b'c' => create(&document, Draft::read_collection),
        b'f' => create(&document, Draft::read),
        b'u' => put(&document),
        b'p' => patch(&document),
        b'd' => again(&document, |document| Ok(DeliveryRequest::read(document)?)),
        b'e' => again(&document, |document| Ok(End::read(document)?)),
        b'k' => again(&document, NewKey::read),
        b'h' => handed_over(&document),
        b's' => collection(&document),
        _ => return,
    };
    // A location and an id may be named, and then whatever somebody planted in one.
    if let (Err(error), false) = (outcome, names_what_is_planted(json)) {
        laws::is_silent(&error);
        assert!(error.to_string().len() < 3000, "a refusal is short");
    }
}

fn names_what_is_planted(json: &[u8]) -> bool {
    fn within(value: &Value) -> bool {
        const NAMED: [&str; 5] = ["id", "collection_id", "application_id", "location", "receipt"];
        match value {
            Value::Array(list) => list.iter().any(within),
            Value::Object(map) => map.iter().any(|(key, value)| {
                let is_planted = value.as_str().is_some_and(|text| text.contains(laws::PLANTED));
                is_planted && NAMED.contains(&key.as_str()) || within(value)
            }),
            _ => false,
        }
    }
    serde_json::from_slice(json).is_ok_and(|value| within(&value))
}

fn in_order<'a>(secrets: impl Iterator<Item = (&'a Place, &'a SecretValue)>) {
    for (place, value) in secrets {
        assert_eq!(Place::parse(place.secret_type(), place.location()).as_ref(), Ok(place));
        assert!(value.len() as u64 <= LIMITS.bytes() && !value.expose().contains('\0'));
        assert!(!Mask::shapes(value.expose()), "a mask is never stored");
    }
}

/// What stands beside the secrets.
fn texts_in_order(name: Option<&str>, description: Option<&str>) {
    for (text, longest) in [(name, 1024), (description, 16 * 1024)] {
        assert!(
            text.is_none_or(|text| text.len() <= longest && !text.contains('\0')),
            "a text of {longest} bytes"
        );
    }
}

fn create(
    document: &Document<'_>,
    read: fn(&Document<'_>) -> Result<Draft, JsonError>,
) -> Result<(), RequestError> {
    let new = NewCollection::settle(read(document)?, LIMITS)?;
    let entries = new.secrets.entries();
    assert!((1..=LIMITS.secrets()).contains(&(entries.len() as u64)));
    in_order(entries.iter().map(|(place, value)| (place, value)));
    texts_in_order(new.name.as_deref(), Some(&new.description));
    let said = new.to_json();
    assert_eq!(said.capacity(), said.len(), "measured, then filled");
    let document = Document::parse(said.as_bytes()).expect("what we say is JSON");
    let draft = Draft::read_collection(&document).expect("what we say is a collection");
    let again = NewCollection::settle(draft, LIMITS).expect("its rules hold");
    assert_eq!(*again.to_json(), *said, "what is said reads back");
    Ok(())
}

fn path() -> CollectionId {
    CollectionId::parse("c").expect("an id")
}

fn put(document: &Document<'_>) -> Result<(), RequestError> {
    reads_back(&Update::read_put(document, &path(), LIMITS)?);
    Ok(())
}

fn patch(document: &Document<'_>) -> Result<(), RequestError> {
    reads_back(&Update::read_patch(document, LIMITS)?);
    Ok(())
}

fn reads_back(update: &Update) {
    texts_in_order(update.name.as_deref(), update.description.as_deref());
    let (verb, said) = update.to_json();
    assert_eq!(said.capacity(), said.len(), "measured, then filled");
    let document = Document::parse(said.as_bytes()).expect("what we say is JSON");
    let again = match verb {
        Verb::Put => Update::read_put(&document, &path(), LIMITS),
        Verb::Patch => Update::read_patch(&document, LIMITS),
    };
    let again = again.expect("what we say is what we read").to_json();
    assert_eq!((again.0, &*again.1), (verb, &*said), "what is said reads back");
}

/// What is made of plain fields says itself by serde.
fn again<T: serde::Serialize>(
    document: &Document<'_>,
    read: fn(&Document<'_>) -> Result<T, RequestError>,
) -> Result<(), RequestError> {
    let said = serde_json::to_string(&read(document)?).expect("JSON");
    let document = Document::parse(said.as_bytes()).expect("what we say is JSON");
    let again = read(&document).expect("what we say is what we read");
    assert_eq!(serde_json::to_string(&again).expect("JSON"), said, "what is said reads back");
    Ok(())
}

fn handed_over(document: &Document<'_>) -> Result<(), RequestError> {
    let said = Delivered::read(document)?.to_plain_json();
    let document = Document::parse(said.as_bytes()).expect("what we say is JSON");
    let again = Delivered::read(&document).expect("what we say is what we read");
    assert_eq!(*again.to_plain_json(), *said, "what is said reads back");
    assert!(
        again.receipt.len() <= 64 && CollectionId::parse(&again.receipt).is_ok() || is_odd(&again.receipt)
    );
    Ok(())
}

/// A receipt may begin with what an id may not; it stands in a path all the same.
fn is_odd(receipt: &str) -> bool {
    receipt.starts_with(['-', '.']) && !receipt.contains(['/', '%', '?', '#'])
}

fn collection(document: &Document<'_>) -> Result<(), RequestError> {
    let said = SecretsCollection::read(&document.root())?.to_plain_json();
    let document = Document::parse(said.as_bytes()).expect("what we say is JSON");
    let again = SecretsCollection::read(&document.root()).expect("what we say is what we read");
    assert_eq!(*again.to_plain_json(), *said, "what is said reads back");
    Ok(())
}
