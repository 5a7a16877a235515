//! Reading JSON that may hold plaintext. serde_json judges the syntax; what it would do with the content (keep copies
//! in its own buffers, quote it in errors, keep the last of two equal keys) is done here instead: a [`Document`] is
//! scanned once, then walked as slices of the caller's own buffer, and a value is unescaped straight into a buffer
//! that is wiped.

mod scan;
mod text;

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::model::SecretType;
use crate::timestamp::Timestamp;
use crate::value::SecretValue;

pub(crate) use text::{write_escaped, write_exactly, write_list};

/// A JSON text whose syntax, depth, size and keys are in order.
pub struct Document<'a>(&'a str);

impl<'a> Document<'a> {
    /// Checks a whole text: UTF-8, RFC 8259, at most 32 levels and 10,000 nodes, no key twice in one object, no lone
    /// surrogate.
    ///
    /// # Errors
    /// [`JsonError`] with the position in bytes; never with content.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| JsonError::byte(error.valid_up_to(), JsonRule::Utf8))?;
        // serde_json's own message is thrown away: it quotes what it read.
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
            let offset = offset_of(text, error.line(), error.column());
            JsonError::byte(offset, JsonRule::Syntax)
        })?;
        scan::check(raw.get())
            .map_err(|(at, rule)| JsonError::byte(at + offset_in(text, raw.get()), rule))?;
        Ok(Self(raw.get()))
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Node<'a> {
        Node { raw: self.0, at: String::new() }
    }
}

fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// Where `part`, a slice of `text`, begins in it.
fn offset_in(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// One value in a document, and the path to it.
pub struct Node<'a> {
    raw: &'a str,
    at: String,
}

impl<'a> Node<'a> {
    /// The fields of an object, in their order; the names are as their JSON means them.
    ///
    /// # Errors
    /// [`JsonRule::Object`] when it is no object.
    pub fn object(&self) -> Result<Fields<'a>, JsonError> {
        let pairs = scan::object(self.raw).ok_or_else(|| self.error(JsonRule::Object))?;
        Ok(Fields { pairs, at: self.at.clone() })
    }

    /// The elements of an array.
    ///
    /// # Errors
    /// [`JsonRule::List`] when it is no array.
    pub fn list(&self) -> Result<Vec<Node<'a>>, JsonError> {
        let elements = scan::array(self.raw).ok_or_else(|| self.error(JsonRule::List))?;
        Ok(elements
            .into_iter()
            .enumerate()
            .map(|(i, raw)| Node { raw, at: join(&self.at, &i.to_string()) })
            .collect())
    }

    /// A string that is no plaintext: a name, a description, an id, a location.
    ///
    /// # Errors
    /// [`JsonRule::Text`] when it is no string.
    pub fn text(&self) -> Result<String, JsonError> {
        let mut text = self.unescaped()?;
        Ok(std::mem::take(&mut *text))
    }

    /// A string that is a plaintext.
    ///
    /// # Errors
    /// [`JsonRule::Text`] when it is no string; null, numbers and objects are refused.
    pub fn value(&self) -> Result<SecretValue, JsonError> {
        self.unescaped().map(SecretValue::from)
    }

    fn unescaped(&self) -> Result<Zeroizing<String>, JsonError> {
        text::unescape(self.raw).ok_or_else(|| self.error(JsonRule::Text))
    }

    /// `env` or `file`, in lower case.
    ///
    /// # Errors
    /// [`JsonRule::SecretType`] when it is anything else.
    pub fn secret_type(&self) -> Result<SecretType, JsonError> {
        let text = self.unescaped().map_err(|_| self.error(JsonRule::SecretType))?;
        SecretType::parse(&text).ok_or_else(|| self.error(JsonRule::SecretType))
    }

    /// One of the words that `parse` knows; `expected` names them for the error.
    ///
    /// # Errors
    /// [`JsonRule::Word`] when it is anything else.
    pub(crate) fn word<T>(
        &self,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, JsonError> {
        let parsed = text::unescape(self.raw).and_then(|word| parse(&word));
        parsed.ok_or_else(|| self.error(JsonRule::Word(expected)))
    }

    /// A whole number within a range, written without fraction and exponent.
    ///
    /// # Errors
    /// [`JsonRule::Number`] when it is none.
    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> Result<u64, JsonError> {
        let (least, most) = (*range.start(), *range.end());
        let number = self.raw.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.error(JsonRule::Number { least, most }))
    }

    /// A moment, as text or number.
    ///
    /// # Errors
    /// [`JsonRule::Time`] when it is none.
    pub fn time(&self) -> Result<Timestamp, JsonError> {
        let number = self.raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let parsed =
            if number { Timestamp::parse(self.raw) } else { Timestamp::parse(&self.unescaped_or_empty()) };
        parsed.ok_or_else(|| self.error(JsonRule::Time))
    }

    fn unescaped_or_empty(&self) -> Zeroizing<String> {
        text::unescape(self.raw).unwrap_or_default()
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.raw == "null"
    }

    /// Whether it is an array.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.raw.starts_with('[')
    }

    /// The path to it, for an error: `secrets.0.value`, empty for the outermost value.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }

    /// The error that this value breaks a rule.
    pub(crate) fn error(&self, rule: JsonRule) -> JsonError {
        JsonError { at: self.at.clone(), byte: None, rule }
    }
}

/// The fields of one object.
pub struct Fields<'a> {
    pairs: Vec<(String, &'a str)>,
    at: String,
}

impl<'a> Fields<'a> {
    /// A field that must be there.
    ///
    /// # Errors
    /// [`JsonRule::Missing`] when it is absent.
    pub fn required(&self, name: &str) -> Result<Node<'a>, JsonError> {
        self.optional(name).ok_or_else(|| JsonError {
            at: join(&self.at, name),
            byte: None,
            rule: JsonRule::Missing,
        })
    }

    /// A field that may be absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<Node<'a>> {
        let (_, raw) = self.pairs.iter().find(|(key, _)| key == name)?;
        Some(Node { raw, at: join(&self.at, name) })
    }

    /// A field that must be there under its documented name, or else under its documented alias. The name wins where
    /// both are given.
    ///
    /// # Errors
    /// [`JsonRule::Missing`] when both are absent.
    pub fn aliased(&self, name: &str, alias: &str) -> Result<Node<'a>, JsonError> {
        self.optional(name).or_else(|| self.optional(alias)).map_or_else(|| self.required(name), Ok)
    }

    /// A field that may be absent or null.
    #[must_use]
    pub fn unless_null(&self, name: &str) -> Option<Node<'a>> {
        self.optional(name).filter(|node| !node.is_null())
    }
}

fn join(at: &str, name: &str) -> String {
    let mut path = at.to_owned();
    if !path.is_empty() {
        path.push('.');
    }
    let _ = write!(path, "{name}");
    path
}

/// Where a JSON text breaks which rule. It carries positions and documented names, never content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The path to the value, `secrets.0.value`; empty for the outermost value or when only a byte is known.
    pub at: String,
    /// The position in bytes, where the text as such is at fault.
    pub byte: Option<usize>,
    /// The rule.
    pub rule: JsonRule,
}

impl JsonError {
    fn byte(byte: usize, rule: JsonRule) -> Self {
        Self { at: String::new(), byte: Some(byte), rule }
    }
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.byte, self.at.as_str()) {
            (Some(byte), _) => write!(f, "at byte {byte} of the JSON: {}", self.rule),
            (None, "") => write!(f, "the JSON {}", self.rule),
            (None, at) => write!(f, "{at} {}", self.rule),
        }
    }
}

impl std::error::Error for JsonError {}

/// The rules that a JSON text or one of its values can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's sentence is its documentation
pub enum JsonRule {
    #[error("the text is not UTF-8")]
    Utf8,
    #[error("this is not JSON")]
    Syntax,
    #[error("values are nested deeper than {} levels", scan::DEEPEST)]
    TooDeep,
    #[error("there are more than {} values", scan::MOST_NODES)]
    TooMany,
    #[error("an object has this key twice")]
    DuplicateKey,
    #[error("a \\u escape is half of a surrogate pair without the other half")]
    LoneSurrogate,
    #[error("is missing")]
    Missing,
    #[error("must be a string")]
    Text,
    #[error("must be \"env\" or \"file\"")]
    SecretType,
    #[error("must be an object")]
    Object,
    #[error("must be an array")]
    List,
    #[error("must be a date and time (RFC 3339)")]
    Time,
    #[error("must be {0}")]
    Word(&'static str),
    #[error("must be a whole number from {least} to {most}")]
    Number { least: u64, most: u64 },
    #[error("says something else than the other name of the same field; give one of them")]
    Disagrees,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<(), (usize, JsonRule)>) {
        let found =
            Document::parse(input.as_bytes()).map(|_| ()).map_err(|e| (e.byte.expect("a byte"), e.rule));
        assert_eq!(found, expected, "{}", &input[..input.len().min(100)]);
    }

    #[test]
    fn a_document_is_in_order_or_refused_at_a_byte() {
        check(r#"{"a": [1, {"b": null}], "c": "\ud83d\ude00"}"#, Ok(()));
        check(" [] ", Ok(()));
        check("", Err((0, JsonRule::Syntax)));
        check("{} {}", Err((3, JsonRule::Syntax)));
        check("{'a': 1}", Err((1, JsonRule::Syntax)));
        check("[1,]", Err((3, JsonRule::Syntax)));
        check(r#"{"a":1,"b":2,"a":3}"#, Err((13, JsonRule::DuplicateKey)));
        check(r#"[{"x":{"value":1,"\u0076alue":2}}]"#, Err((17, JsonRule::DuplicateKey)));
        check(r#"  {"v": "\ud83d"}"#, Err((9, JsonRule::LoneSurrogate)));
        check(r#"{"v": "\ude00\ud83d"}"#, Err((7, JsonRule::LoneSurrogate)));
        check(r#"{"\ud83dx": 1}"#, Err((2, JsonRule::LoneSurrogate)));
        check("\u{feff}{}", Err((0, JsonRule::Syntax)));
        check(&format!("{}1{}", "[".repeat(32), "]".repeat(32)), Ok(()));
        check(&format!("{}1{}", "[".repeat(33), "]".repeat(33)), Err((32, JsonRule::TooDeep)));
        check(&"[".repeat(200_000), Err((199_999, JsonRule::Syntax)));
        check(&format!("[{}1]", "1,".repeat(10_000)), Err((20_001 - 2, JsonRule::TooMany)));
        let error = Document::parse(b"{\"a\": \"\xff\"}").map(|_| ()).expect_err("not UTF-8");
        assert_eq!((error.byte, error.rule), (Some(7), JsonRule::Utf8));
    }

    #[test]
    fn no_error_quotes_what_it_read() {
        for text in [r#"{"value": hunter2}"#, r#"["hunter2" "x"]"#, r#"{"hunter2": 1, "hunter2": 2}"#] {
            let error = Document::parse(text.as_bytes()).map(|_| ()).expect_err("refused");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
