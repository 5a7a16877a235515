//! One walk over a JSON text whose syntax serde_json has already judged: depth, number of nodes, equal keys, lone
//! surrogates; and the split of one object or array into slices. It is not a parser of its own: it leans on the
//! syntax being right.

use std::collections::BTreeSet;

use super::JsonRule;
use super::text;

pub(super) const DEEPEST: usize = 32;
pub(super) const MOST_NODES: usize = 10_000;

/// Checks a whole value. The error carries the position in bytes.
pub(super) fn check(json: &str) -> Result<(), (usize, JsonRule)> {
    let mut walk = Walk { json, at: 0, nodes: 0 };
    walk.value(1)
}

/// The fields of an object as slices; `None` when it is none.
pub(super) fn object(json: &str) -> Option<Vec<(String, &str)>> {
    let mut walk = Walk { json, at: 0, nodes: 0 };
    let mut fields = Vec::new();
    walk.enter(b'{')?;
    while !walk.leave(b'}') {
        let key = text::unescape(walk.string())?;
        walk.skip(b':');
        fields.push((key.to_string(), walk.slice()));
        walk.skip(b',');
    }
    Some(fields)
}

/// The elements of an array as slices; `None` when it is none.
pub(super) fn array(json: &str) -> Option<Vec<&str>> {
    let mut walk = Walk { json, at: 0, nodes: 0 };
    let mut elements = Vec::new();
    walk.enter(b'[')?;
    while !walk.leave(b']') {
        elements.push(walk.slice());
        walk.skip(b',');
    }
    Some(elements)
}

struct Walk<'a> {
    json: &'a str,
    at: usize,
    nodes: usize,
}

impl<'a> Walk<'a> {
    fn value(&mut self, depth: usize) -> Result<(), (usize, JsonRule)> {
        self.blanks();
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err((self.at, JsonRule::TooMany));
        }
        match self.peek() {
            Some(b'{') => self.fields(depth),
            Some(b'[') => self.elements(depth),
            Some(b'"') => self.checked_string().map(|_| ()),
            _ => {
                self.literal();
                Ok(())
            }
        }
    }

    fn fields(&mut self, depth: usize) -> Result<(), (usize, JsonRule)> {
        self.deeper(depth)?;
        let mut keys = BTreeSet::new();
        while !self.leave(b'}') {
            let begin = self.at;
            let key = self.checked_string()?;
            if !keys.insert(text::unescape(key).map(|key| key.to_string())) {
                return Err((begin, JsonRule::DuplicateKey));
            }
            self.skip(b':');
            self.value(depth + 1)?;
            self.skip(b',');
        }
        Ok(())
    }

    fn elements(&mut self, depth: usize) -> Result<(), (usize, JsonRule)> {
        self.deeper(depth)?;
        while !self.leave(b']') {
            self.value(depth + 1)?;
            self.skip(b',');
        }
        Ok(())
    }

    fn deeper(&mut self, depth: usize) -> Result<(), (usize, JsonRule)> {
        if depth > DEEPEST {
            return Err((self.at, JsonRule::TooDeep));
        }
        self.at += 1;
        Ok(())
    }

    fn checked_string(&mut self) -> Result<&'a str, (usize, JsonRule)> {
        let begin = self.at;
        let string = self.string();
        match text::lone_surrogate(string) {
            Some(offset) => Err((begin + offset, JsonRule::LoneSurrogate)),
            None => Ok(string),
        }
    }

    /// The string that begins here, with its quotes.
    fn string(&mut self) -> &'a str {
        let begin = self.at;
        let bytes = self.json.as_bytes();
        self.at += 1;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.json.get(begin..self.at).unwrap_or_default()
    }

    /// The value that begins here, whatever it is.
    fn slice(&mut self) -> &'a str {
        self.blanks();
        let begin = self.at;
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Some(b'{' | b'[') => (open, self.at) = (open + 1, self.at + 1),
                Some(b'}' | b']') => (open, self.at) = (open.saturating_sub(1), self.at + 1),
                Some(b'"') => {
                    self.string();
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(_) => self.literal(),
                None => break,
            }
            if open == 0 {
                break;
            }
        }
        self.json.get(begin..self.at).unwrap_or_default()
    }

    fn literal(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            self.at += 1;
        }
    }

    fn enter(&mut self, bracket: u8) -> Option<()> {
        self.blanks();
        (self.peek() == Some(bracket)).then(|| self.at += 1)
    }

    /// Goes past the closing bracket if it is next.
    fn leave(&mut self, bracket: u8) -> bool {
        self.blanks();
        let closes = self.peek().is_none_or(|b| b == bracket);
        if closes {
            self.at += 1;
        }
        closes
    }

    fn skip(&mut self, byte: u8) {
        self.blanks();
        if self.peek() == Some(byte) {
            self.at += 1;
        }
        self.blanks();
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_split_object_is_the_object_that_serde_reads(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.expect("a value is JSON");
            prop_assert_eq!(check(&text), Ok(()));
            let again = |slice: &str| serde_json::from_str::<Value>(slice).expect("a slice is JSON");
            match &value {
                Value::Object(map) => {
                    let fields = object(&text).expect("an object");
                    prop_assert_eq!(fields.len(), map.len());
                    for (key, slice) in fields {
                        prop_assert_eq!(&again(slice), &map[&key]);
                    }
                }
                Value::Array(list) => {
                    let elements = array(&text).expect("an array");
                    let elements: Vec<Value> = elements.into_iter().map(again).collect();
                    prop_assert_eq!(&elements, list);
                }
                _ => prop_assert!(object(&text).is_none() && array(&text).is_none()),
            }
        }
    }
}
