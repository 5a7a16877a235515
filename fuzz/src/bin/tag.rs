//! Tags of versions, as ETag and If-Match say them: every version has one text, and no other text is one.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

use strongroom_secrets::VersionTag;

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let tag = VersionTag::parse(text);
        assert_eq!(tag.is_some(), is_tag(text), "{text:?}");
        assert!(tag.is_none_or(|tag| tag.to_string() == text), "one text: {text:?}");
    }
    if let [version @ .., a, b, c, d] = data
        && let Some(version) = version.first_chunk()
    {
        let tag = VersionTag {
            version: u64::from_be_bytes(*version),
            generation: u32::from_be_bytes([*a, *b, *c, *d]).max(1),
        };
        assert_eq!(VersionTag::parse(&tag.to_string()), Some(tag), "what is said reads back");
    }
}

/// Digits without a sign or a leading zero, and the generation where it is not the first.
fn is_tag(text: &str) -> bool {
    let is_number = |text: &str, largest: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits && (text == "0" || !text.starts_with('0'));
        plain && (text.len() < largest.len() || text.len() == largest.len() && text <= largest)
    };
    match text.split_once('.') {
        None => is_number(text, "18446744073709551615"),
        Some((version, generation)) => {
            is_number(version, "18446744073709551615")
                && is_number(generation, "4294967295")
                && generation != "1"
        }
    }
}
