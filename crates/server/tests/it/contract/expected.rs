//! What an answer must be, where it cannot be known letter for letter: placeholders, what they may stand for, and what
//! they stood for before. It compares JSON with JSON and says every difference; it sends nothing.

use std::collections::BTreeMap;

use serde_json::Value;
use strongroom_secrets::{CollectionId, Mask, Timestamp, Token};

/// Whether a text may stand for a placeholder.
type Shape = fn(&str) -> bool;

/// The kinds of placeholders, with the shape that each allows.
const KINDS: [(&str, Shape); 8] = [
    ("time", |text| Timestamp::parse(text).is_some_and(|time| time.to_string() == text)),
    ("id", |text| CollectionId::parse(text).is_ok()),
    ("mask", |text| Mask::parse(text).is_some()),
    ("token", |text| Token::parse(text).is_ok()),
    ("key", |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())),
    ("receipt", |text| text.split('.').count() == 3 && text.bytes().all(|b| b.is_ascii_graphic())),
    ("page", |text| !text.is_empty()),
    ("text", |text| !text.is_empty()),
];

/// What the labelled placeholders of a case stand for, by kind and label.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<(&'static str, String), String>);

/// A text cut at its placeholders.
enum Piece<'a> {
    Text(&'a str),
    Placeholder { kind: &'static str, allows: Shape, label: &'a str },
    Repeat { count: usize, text: &'a str },
}

impl Known {
    /// Gives a placeholder its meaning before the case begins.
    pub(super) fn learn(&mut self, kind: &'static str, label: &str, text: &str) {
        self.0.insert((kind, label.to_owned()), text.to_owned());
    }

    /// Writes out the placeholders of a request.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Repeat { count, text } => filled.push_str(&text.repeat(count)),
                Piece::Placeholder { kind, label, .. } => {
                    let known = self.0.get(&(kind, label.to_owned()));
                    filled.push_str(known.ok_or_else(|| format!("nothing said what <{kind} {label}> is"))?);
                }
            }
        }
        Ok(filled)
    }

    /// Compares an answer with what it must be, and learns the labelled placeholders from it. One sentence a difference.
    pub(super) fn compare(&mut self, at: &str, expected: &Value, found: &Value) -> Vec<String> {
        match (expected, found) {
            (Value::Object(wanted), Value::Object(got)) => {
                let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
                let extra = got.keys().filter(|key| !wanted.contains_key(*key));
                let mut all: Vec<String> =
                    extra.map(|key| format!("{}: not expected, found {}", below(key), got[key])).collect();
                for (key, value) in wanted {
                    match got.get(key) {
                        Some(found) => all.extend(self.compare(&below(key), value, found)),
                        None => all.push(format!("{}: expected {value}, not found", below(key))),
                    }
                }
                all
            }
            (Value::Array(wanted), Value::Array(got)) => {
                let mut all = Vec::new();
                if wanted.len() != got.len() {
                    all.push(format!("{at}: expected {} elements, found {}", wanted.len(), got.len()));
                }
                for (index, (value, found)) in wanted.iter().zip(got).enumerate() {
                    all.extend(self.compare(&format!("{at}[{index}]"), value, found));
                }
                all
            }
            (Value::String(wanted), Value::String(got)) => {
                let difference = self.match_text(wanted, got).err();
                difference.map(|why| format!("{at}: {why}")).into_iter().collect()
            }
            _ if expected == found => Vec::new(),
            _ => vec![format!("{at}: expected {expected}, found {found}")],
        }
    }

    /// Compares a text with what it must be, which may hold placeholders.
    pub(super) fn match_text(&mut self, expected: &str, found: &str) -> Result<(), String> {
        let differs = || format!("expected {expected:?}, found {found:?}");
        let pieces: Vec<Piece<'_>> = pieces(expected).collect();
        let mut rest = found;
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text).ok_or_else(differs)?,
                Piece::Repeat { count, text } => {
                    rest = rest.strip_prefix(&text.repeat(*count)).ok_or_else(differs)?;
                }
                Piece::Placeholder { kind, allows, label } => {
                    let end = match pieces.get(index + 1) {
                        Some(Piece::Text(next)) => rest.find(next).ok_or_else(differs)?,
                        _ => rest.len(),
                    };
                    let text;
                    (text, rest) = rest.split_at(end);
                    if !allows(text) {
                        return Err(format!("expected a {kind}, found {text:?}"));
                    }
                    self.meet(kind, label, text)?;
                }
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(differs()) }
    }

    /// A label stands for one text, and two labels of a kind for two.
    fn meet(&mut self, kind: &'static str, label: &str, text: &str) -> Result<(), String> {
        if label.is_empty() {
            return Ok(());
        }
        let key = (kind, label.to_owned());
        if let Some(known) = self.0.get(&key) {
            return match known == text {
                true => Ok(()),
                false => Err(format!("expected <{kind} {label}>, which is {known:?}, found {text:?}")),
            };
        }
        if let Some(((_, other), _)) = self.0.iter().find(|((k, _), known)| *k == kind && *known == text) {
            return Err(format!("expected <{kind} {label}> to be new, found {text:?}, <{kind} {other}>"));
        }
        self.0.insert(key, text.to_owned());
        Ok(())
    }
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = rest[from..].find('<').map(|at| from + at) {
            if let Some((piece, length)) = placeholder(&rest[at..]) {
                if at > 0 {
                    let before;
                    (before, rest) = rest.split_at(at);
                    return Some(Piece::Text(before));
                }
                rest = &rest[length..];
                return Some(piece);
            }
            from = at + 1;
        }
        Some(Piece::Text(std::mem::take(&mut rest)))
    })
}

/// The placeholder that begins here, and its length; other things in angle brackets are just text.
fn placeholder(text: &str) -> Option<(Piece<'_>, usize)> {
    let inner = &text[1..text.find('>')?];
    let length = inner.len() + 2;
    if let Some(said) = inner.strip_prefix("repeat ") {
        let (count, text) = said.split_once(": ")?;
        return Some((Piece::Repeat { count: count.parse().ok()?, text }, length));
    }
    let (word, label) = inner.split_once(' ').unwrap_or((inner, ""));
    let (kind, allows) = KINDS.into_iter().find(|(kind, _)| *kind == word)?;
    Some((Piece::Placeholder { kind, allows, label }, length))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MASK: &str = "strongroom-masked:aaaaaaaaaaaaaaaa:00000000000000000000000000000000";
    const OTHER: &str = "strongroom-masked:bbbbbbbbbbbbbbbb:00000000000000000000000000000000";

    #[test]
    fn an_answer_is_what_was_expected_or_every_difference_is_said() {
        fn check(expected: &Value, found: &Value, differences: &[&str]) {
            assert_eq!(Known::default().compare("", expected, found), differences);
        }
        check(&json!({"a": [1, "x"], "b": null}), &json!({"b": null, "a": [1, "x"]}), &[]);
        check(&json!({"a": "<time>"}), &json!({"a": "2024-01-02T03:04:05Z"}), &[]);
        check(
            &json!({"a": "<time>"}),
            &json!({"a": "2024-01-02"}),
            &[r#"a: expected a time, found "2024-01-02""#],
        );
        check(
            &json!({"a": {"b": 1}}),
            &json!({"a": {"c": 1}}),
            &["a.c: not expected, found 1", "a.b: expected 1, not found"],
        );
        check(
            &json!([[1, 2]]),
            &json!([[1, 3, 4]]),
            &["[0]: expected 2 elements, found 3", "[0][1]: expected 2, found 3"],
        );
        check(&json!("<nothing of ours>"), &json!("<nothing of ours>"), &[]);
        check(&json!("a <repeat 3: xy> b"), &json!("a xyxyxy b"), &[]);
        check(&json!("\"<text>\" is no id"), &json!("\"a\" is no id"), &[]);
        check(&json!("ab"), &json!("abc"), &[r#": expected "ab", found "abc""#]);
    }

    #[test]
    fn a_label_stands_for_one_text_and_two_for_two() {
        let mut known = Known::default();
        assert_eq!(known.match_text("<mask of A>", MASK), Ok(()));
        assert_eq!(known.match_text("<mask of A>", MASK), Ok(()));
        assert!(known.match_text("<mask of A>", OTHER).is_err());
        assert!(known.match_text("<mask of B>", MASK).is_err());
        assert_eq!(known.match_text("<mask of B>", OTHER), Ok(()));
        assert_eq!(known.match_text("<mask>", OTHER), Ok(()));
        assert_eq!(known.fill("\"<mask of A>\", <3").as_deref(), Ok(format!("\"{MASK}\", <3").as_str()));
        assert!(known.fill("<mask of C>").is_err());
    }
}
