//! The text of an API key. What was made reads back, what reads back was made, and one wrong character or two swapped
//! ones are seen. Whether a key is valid is not asked here.
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
use strongroom_secrets::{Token, TokenError};

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        reads(text);
    }
    if let Some((made, damage)) = data.split_first_chunk::<44>() {
        is_made(made, damage);
    }
}

/// Whatever is given: a token of exactly this text, or an error that repeats none of it.
fn reads(text: &str) {
    match Token::parse(text) {
        Ok(token) => {
            assert_eq!(token.expose(), text, "kept as it was");
            assert_eq!(text.len(), 69);
            let secret = std::str::from_utf8(token.secret()).expect("base 62");
            assert!(text[..text.len() - 6].ends_with(secret));
            assert!(!format!("{token:?}").contains(secret), "Debug shows stars");
        }
        Err(error) => laws::is_silent(&error),
    }
}

/// A made token, and what one slip of the hand makes of it.
fn is_made(made: &[u8; 44], damage: &[u8]) {
    let (id, secret) = made.split_at(12);
    let token = Token::from_random(id.try_into().expect("12 bytes"), secret.try_into().expect("32 bytes"));
    let text = token.expose();
    reads(text);
    assert_eq!(Token::parse(text).map(|read| read.id().clone()), Ok(token.id().clone()));

    let [at, to, ..] = *damage else { return };
    let at = usize::from(at) % text.len();
    let mut wrong = text.as_bytes().to_vec();
    wrong[at] = to;
    let beside = (at + 1) % text.len();
    let mut swapped = text.as_bytes().to_vec();
    swapped.swap(at, beside);
    for wrong in [wrong, swapped].iter().filter(|wrong| **wrong != text.as_bytes()) {
        let Ok(wrong) = std::str::from_utf8(wrong) else { continue };
        let error = Token::parse(wrong).map(|_| ()).expect_err("one slip of the hand is seen");
        assert!(matches!(error, TokenError::Malformed | TokenError::Checksum));
    }
}
