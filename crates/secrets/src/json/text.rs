//! JSON strings, both ways, without copies left behind: unescaping measures first and fills a buffer of the exact
//! size, escaping writes into a buffer that the caller measured.

use zeroize::Zeroizing;

/// The text that a JSON string (with its quotes) means; `None` when it is no string or holds a lone surrogate.
pub(super) fn unescape(json: &str) -> Option<Zeroizing<String>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    let mut length = 0;
    for piece in Pieces(inner) {
        length += match piece {
            Piece::Plain(text) => text.len(),
            Piece::Escaped(c) => c.len_utf8(),
            Piece::Lone => return None,
        };
    }
    let mut out = Zeroizing::new(String::with_capacity(length));
    for piece in Pieces(inner) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Escaped(c) => out.push(c),
            Piece::Lone => return None,
        }
    }
    Some(out)
}

/// Where in a JSON string (with its quotes) a lone surrogate stands.
pub(super) fn lone_surrogate(json: &str) -> Option<usize> {
    let inner = json.get(1..json.len().saturating_sub(1))?;
    let mut pieces = Pieces(inner);
    loop {
        let at = 1 + inner.len() - pieces.0.len();
        if matches!(pieces.next()?, Piece::Lone) {
            return Some(at);
        }
    }
}

enum Piece<'a> {
    Plain(&'a str),
    Escaped(char),
    Lone,
}

/// The inside of a JSON string, piece by piece.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let Some(escape) = text.strip_prefix('\\') else {
            let (plain, rest) = text.split_at(text.find('\\').unwrap_or(text.len()));
            self.0 = rest;
            return Some(Piece::Plain(plain));
        };
        let mut chars = escape.chars();
        let short = match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => return Some(self.unicode(escape)),
            other => other,
        };
        self.0 = chars.as_str();
        Some(Piece::Escaped(short))
    }
}

impl Pieces<'_> {
    /// `u` and four hexadecimal digits, or two such escapes that are one character.
    fn unicode(&mut self, escape: &str) -> Piece<'static> {
        let high = code(escape);
        self.0 = self.0.get(6..).unwrap_or_default();
        if let Some(c) = high.and_then(char::from_u32) {
            return Piece::Escaped(c);
        }
        let low = self.0.strip_prefix('\\').and_then(code);
        match (high, low) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                self.0 = self.0.get(6..).unwrap_or_default();
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    .map_or(Piece::Lone, Piece::Escaped)
            }
            _ => Piece::Lone,
        }
    }
}

fn code(escape: &str) -> Option<u32> {
    u32::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()
}

/// Says something twice: once to measure it, once into a buffer of that exact size, which is wiped when dropped.
pub(crate) fn write_exactly(say: impl Fn(&mut dyn FnMut(&str))) -> Zeroizing<String> {
    let mut length = 0;
    say(&mut |piece| length += piece.len());
    let mut json = Zeroizing::new(String::with_capacity(length));
    say(&mut |piece| json.push_str(piece));
    json
}

/// Writes a JSON array, each element by `say`.
pub(crate) fn write_list<T>(
    elements: &[T],
    push: &mut dyn FnMut(&str),
    say: impl Fn(&T, &mut dyn FnMut(&str)),
) {
    push("[");
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            push(",");
        }
        say(element, push);
    }
    push("]");
}

/// Writes a text as a JSON string. `push` gets the pieces in order; nothing is kept.
pub(crate) fn write_escaped(text: &str, push: &mut dyn FnMut(&str)) {
    push("\"");
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, from) = rest.split_at(at);
        push(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => push("\\\""),
            Some('\\') => push("\\\\"),
            Some('\n') => push("\\n"),
            Some('\r') => push("\\r"),
            Some('\t') => push("\\t"),
            Some(c) => push(&format!("\\u{:04x}", u32::from(c))),
            None => {}
        }
        rest = chars.as_str();
    }
    push(rest);
    push("\"");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_mean_what_rfc_8259_says() {
        fn check(json: &str, expected: Option<&str>) {
            assert_eq!(unescape(json).as_deref().map(String::as_str), expected, "{json}");
        }
        check(r#""""#, Some(""));
        check(r#""a\"b\\c\/d\b\f\n\r\t""#, Some("a\"b\\c/d\u{8}\u{c}\n\r\t"));
        check(r#""\u0041\u00e9\u20ac""#, Some("Aé€"));
        check(r#""\ud83d\ude00!""#, Some("😀!"));
        check(r#""\ud83d""#, None);
        check(r#""\ud83d\u0041""#, None);
        check(r#""\ude00""#, None);
        check("null", None);
        check("1", None);
        check("[\"a\"]", None);
    }

    proptest! {
        #[test]
        fn unescaping_agrees_with_serde_and_fills_the_buffer_exactly(text in any::<String>(), ascii in any::<bool>()) {
            let mut json = serde_json::to_string(&text).expect("a string is JSON");
            if ascii {
                json = json.encode_utf16().map(|unit| match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                    _ => format!("\\u{unit:04X}"),
                }).collect();
            }
            let read = unescape(&json).expect("a string");
            prop_assert_eq!(&*read, &text);
            prop_assert_eq!(read.capacity(), text.len());
        }

        #[test]
        fn what_is_written_reads_back(text in any::<String>()) {
            let mut json = String::new();
            write_escaped(&text, &mut |piece| json.push_str(piece));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
        }
    }
}
