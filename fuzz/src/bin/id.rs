//! Ids of applications, collections, keys and values, and masks. What is accepted needs no escaping, is never repaired and
//! reads back; a refusal shows the beginning of what was meant to be an id, and never an API key.
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
use std::path::{Component, Path};

use strongroom_secrets::{ApiKeyId, ApplicationId, CollectionId, Mask, Token, ValueId};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    of_name(text);
    of_key(text);
    of_value(text);
    shows_no_token(text);
}

fn of_name(text: &str) {
    let application = ApplicationId::parse(text);
    match CollectionId::parse(text) {
        Ok(id) => {
            assert_eq!((id.as_str(), id.to_string().as_str()), (text, text), "kept as it was");
            assert_eq!(application.map(|id| id.to_string()).as_deref(), Ok(text), "one rule for both");
            assert!((1..=64).contains(&text.len()));
            let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            assert!(text.bytes().all(is_unreserved), "RFC 3986 escapes none of it");
            let mut parts = Path::new(text).components();
            assert!(matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)));
        }
        Err(error) => {
            assert!(application.is_err(), "one rule for both");
            assert!(error.id.chars().count() <= 80, "a refusal is short");
        }
    }
}

fn of_key(text: &str) {
    match ApiKeyId::parse(text) {
        Ok(id) => {
            assert_eq!(id.as_str(), text);
            assert!(CollectionId::parse(text).is_ok(), "it stands in a path like any id");
        }
        Err(error) => laws::is_silent(&error),
    }
}

fn of_value(text: &str) {
    if let Some(id) = ValueId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Some(mask) = Mask::parse(text) {
        assert_eq!(mask.to_string(), text, "one mask has one text");
        assert!(Mask::shapes(text), "and is never stored");
    }
}

/// Whoever mixes up id and key would find the key in a log.
fn shows_no_token(text: &str) {
    let token = Token::from_random([7; 12], [9; 32]);
    let secret = std::str::from_utf8(&token.secret()[..8]).expect("base 62");
    for mixed_up in [token.expose().to_owned(), format!("{text}{}", token.expose())] {
        let error = CollectionId::parse(&mixed_up).expect_err("a token is too long for an id");
        let shown = format!("{error} {error:?}");
        assert!(text.contains(secret) || !shown.contains(secret), "a refusal shows an API key: {shown}");
    }
}
