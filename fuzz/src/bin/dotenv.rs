//! dotenv. What is read and written again in quotes reads the same; a naive reader agrees on every text without quotes; a
//! refusal has a place in the text and nothing of it.
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
use strongroom_secrets::{EnvName, dotenv};

type Pairs = Vec<(String, String)>;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = read(text);
    if let Some(pairs) = &read {
        assert!(pairs.len() <= text.matches('=').count(), "no variable without its =");
        assert_eq!(self::read(&said(pairs)).as_ref(), Some(pairs), "what is said reads back");
    }
    // In quotes a line's end is part of the value, whichever it is.
    if !text.contains(['\'', '"', '\r']) {
        assert_eq!(read, naive(text), "a naive reader reads something else");
        assert_eq!(read, self::read(&text.replace('\n', "\r\n")), "LF and CRLF are one");
    }
}

fn read(text: &str) -> Option<Pairs> {
    match dotenv::read(text) {
        Ok(draft) => {
            assert!(draft.id.is_none() && draft.name.is_none() && draft.description.is_none());
            let secrets = draft.secrets.expect("a list, perhaps an empty one");
            Some(secrets.into_iter().map(|s| (s.location, s.value.expose().to_owned())).collect())
        }
        Err(error) => {
            laws::is_silent(&error);
            let line = text.split('\n').nth(error.line - 1).expect("a line of the text");
            assert!((1..=line.chars().count() + 1).contains(&error.column), "a column of the line: {error}");
            None
        }
    }
}

/// Every value in double quotes.
fn said(pairs: &Pairs) -> String {
    let escaped = |value: &str| {
        let mut text = String::new();
        for c in value.chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '"' | '\\' | '$' => text.extend(['\\', c]),
                _ => text.push(c),
            }
        }
        text
    };
    pairs.iter().map(|(name, value)| format!("export {name}=\"{}\" # c\n", escaped(value))).collect()
}

/// A text without quotes, line by line. `None` where any line is refused.
fn naive(text: &str) -> Option<Pairs> {
    let blank = [' ', '\t'];
    let mut pairs = Pairs::new();
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).split('\n') {
        let line = line.trim_matches(blank);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        let name = match name.split_once(blank) {
            Some(("export", name)) if !name.trim_matches(blank).is_empty() => name,
            _ => name,
        };
        let name = name.trim_matches(blank);
        EnvName::parse(name).ok()?;
        let mut comment = None;
        for (at, _) in value.match_indices('#') {
            if value[..at].ends_with(blank) {
                comment = comment.or(Some(at));
            }
        }
        let value = value[..comment.unwrap_or(value.len())].trim_matches(blank);
        if pairs.iter().any(|(other, _)| other == name) {
            return None;
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    Some(pairs)
}
