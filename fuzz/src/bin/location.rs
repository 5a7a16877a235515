//! Locations, one a line: names of variables and paths of files. What is accepted is kept byte for byte and leads only down;
//! a set of them is accepted exactly if a naive reading of its rules says so.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

use std::path::{Component, Path};

use strongroom_secrets::{Limits, LocationError, Place, SecretType, Secrets};
use unicode_normalization::UnicodeNormalization;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for secret_type in [SecretType::Env, SecretType::File] {
        place(secret_type, text);
    }
    let lines = text.split('\n').take(200);
    let places = lines.filter_map(|line| match line.strip_prefix("env:") {
        Some(name) => place(SecretType::Env, name),
        None => place(SecretType::File, line),
    });
    set(places.collect());
}

fn place(secret_type: SecretType, text: &str) -> Option<Place> {
    let parsed = Place::parse(secret_type, text);
    let expected = match secret_type {
        SecretType::Env => is_name(text),
        SecretType::File => leads_down(text),
    };
    match parsed {
        Ok(place) => {
            assert!(expected, "accepted: {text:?}");
            assert_eq!((place.location(), place.secret_type()), (text, secret_type), "kept byte for byte");
            let json = serde_json::to_string(&place).expect("JSON");
            assert_eq!(serde_json::from_str::<Place>(&json).expect("what we say is what we read"), place);
            Some(place)
        }
        Err(error) => {
            assert!(!expected, "refused: {text:?}, {error}");
            assert!(error.to_string().len() < 120, "a rule, and nothing of what was given");
            if let LocationError::NotInName { at } = error {
                assert!(text.is_char_boundary(at) && at < text.len());
            }
            None
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let begins_well = chars.next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
    begins_well && chars.all(|c| c == '_' || c.is_ascii_alphanumeric()) && text.len() <= 256
}

/// The same said by the standard library's paths and by composing the text anew.
fn leads_down(text: &str) -> bool {
    let path = ["/", "./"].iter().find_map(|begin| text.strip_prefix(begin)).unwrap_or(text);
    let parts: Option<Vec<&str>> = Path::new(path)
        .components()
        .map(|part| match part {
            Component::Normal(part) => part.to_str().filter(|part| part.len() <= 255),
            _ => None,
        })
        .collect();
    let is_plain = !text.chars().any(|c| c.is_control() || c == '\\');
    // What paths forgive (`a//b`, `a/.`, `a/`) does not come out again as it went in.
    let is_canonical = parts.is_some_and(|parts| !parts.is_empty() && parts.join("/") == path);
    is_canonical && is_plain && text.len() <= 1024 && text.nfc().eq(text.chars())
}

fn set(places: Vec<Place>) {
    let count = places.len();
    let clash = places.iter().enumerate().any(|(i, a)| places[..i].iter().any(|b| meet(a, b)));
    let entries = places.iter().cloned().map(|place| (place, ())).collect();
    match Secrets::settle(entries, Limits::DEFAULT) {
        Ok(settled) => {
            assert!(!clash && count <= 100, "accepted: {places:?}");
            assert!(settled.entries().iter().map(|(place, ())| place).eq(&places), "in their order");
        }
        Err(error) => assert!(clash || count > 100, "refused: {error}"),
    }
}

/// Whether two places cannot be in one collection.
fn meet(a: &Place, b: &Place) -> bool {
    match (a, b) {
        (Place::File(a), Place::File(b)) => {
            let (a, b) = (Path::new(a.path()), Path::new(b.path()));
            a.starts_with(b) || b.starts_with(a)
        }
        (Place::Env(a), Place::Env(b)) => a == b,
        _ => false,
    }
}
