//! Reading dotenv, the `NAME=VALUE` lines that people keep beside a program. Nothing is expanded, ever: `$NAME`,
//! `${NAME}`, `$(command)` and backquotes stay as they are written. What is read exactly is taken; what readers of
//! dotenv disagree about is refused at its line and column.
//!
//! - A line is blank, a comment (`# …`), or `NAME=VALUE`, perhaps after the word `export`; blanks (spaces and tabs)
//!   around the name and the value do not count. Lines end with LF or CRLF.
//! - An unquoted value ends with its line, or before a blank and `#`.
//! - In single quotes everything is as written. In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are the characters
//!   they stand for, and no other escape is. Both may span lines, whose ends are kept as they are.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::location::{EnvName, LocationError};
use crate::model::{Secret, SecretType};
use crate::request::Draft;
use crate::value::SecretValue;

/// Reads a whole text as variables of an environment.
///
/// # Errors
/// [`DotenvError`] with the line, the column and the rule; never with what stands there.
pub fn read(text: &str) -> Result<Draft, DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, at: 0 };
    let mut names = BTreeMap::new();
    let mut secrets = Vec::new();
    while let Some(Assignment { at, name, value }) = reader.next()? {
        if let Some(first) = names.insert(name, at) {
            return Err(reader.error(at, DotenvRule::Twice { first: reader.line_of(first) }));
        }
        secrets.push(Secret { secret_type: SecretType::Env, location: name.to_owned(), value });
    }
    Ok(Draft { secrets: Some(secrets), ..Draft::default() })
}

struct Assignment<'a> {
    /// Where its name begins.
    at: usize,
    name: &'a str,
    value: SecretValue,
}

const BLANKS: [char; 2] = [' ', '\t'];

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next assignment; what ends a line, and whole lines without one, are passed over here.
    fn next(&mut self) -> Result<Option<Assignment<'a>>, DotenvError> {
        loop {
            let rest = self.text[self.at..].trim_start_matches(BLANKS);
            self.at = self.text.len() - rest.len();
            match rest.as_bytes() {
                [] => return Ok(None),
                [b'\n', ..] => self.at += 1,
                [b'\r', b'\n', ..] => self.at += 2,
                [b'\r', ..] => return Err(self.error(self.at, DotenvRule::CarriageReturn)),
                [b'#', ..] => {
                    self.take_line()?;
                }
                _ => return self.assignment().map(Some),
            }
        }
    }

    fn assignment(&mut self) -> Result<Assignment<'a>, DotenvError> {
        let line = self.line();
        let before = line.split_once('=').map(|(before, _)| before);
        let before = before.ok_or_else(|| self.error(self.at, DotenvRule::NoEquals))?;
        let named = after_export(before);
        let at = self.at + before.len() - named.len();
        let name = named.trim_end_matches(BLANKS);
        if let Err(error) = EnvName::parse(name) {
            let within = if let LocationError::NotInName { at } = error { at } else { 0 };
            return Err(self.error(at + within, DotenvRule::Name(error)));
        }
        self.at += before.len() + 1;
        Ok(Assignment { at, name, value: self.value()? })
    }

    fn value(&mut self) -> Result<SecretValue, DotenvError> {
        let line = self.line();
        let begin = line.trim_start_matches(BLANKS);
        let value = if begin.starts_with(['\'', '"']) {
            self.at += line.len() - begin.len();
            self.quoted()?
        } else {
            let line = self.take_line()?;
            let mut hashes = line.match_indices('#').map(|(at, _)| &line[..at]);
            let value = hashes.find(|before| before.ends_with(BLANKS)).unwrap_or(line);
            Zeroizing::new(value.trim_matches(BLANKS).to_owned())
        };
        Ok(SecretValue::from(value))
    }

    fn quoted(&mut self) -> Result<Zeroizing<String>, DotenvError> {
        let open = self.at;
        let inner = &self.text[open + 1..];
        let single = self.text[open..].starts_with('\'');
        let length = if single { inner.find('\'') } else { double_quoted(inner) };
        let length = length.ok_or_else(|| self.error(open, DotenvRule::Unclosed))?;
        let inner = &inner[..length];
        let value = if single {
            Zeroizing::new(inner.to_owned())
        } else {
            unescape(inner).map_err(|at| self.error(open + 1 + at, DotenvRule::Escape))?
        };
        self.at = open + 1 + length + 1;
        let line = self.line();
        let tail = line.trim_start_matches(BLANKS);
        if !tail.is_empty() && (!tail.starts_with('#') || tail.len() == line.len()) {
            return Err(self.error(self.at + line.len() - tail.len(), DotenvRule::AfterQuote));
        }
        self.take_line()?;
        Ok(value)
    }

    /// The rest of this line, without what ends it.
    fn line(&self) -> &'a str {
        let rest = &self.text[self.at..];
        match rest.split_once('\n') {
            Some((line, _)) => line.strip_suffix('\r').unwrap_or(line),
            None => rest,
        }
    }

    /// Takes the rest of this line. A file whose lines end with CR alone would look like one long line.
    fn take_line(&mut self) -> Result<&'a str, DotenvError> {
        let line = self.line();
        if let Some(at) = line.find('\r') {
            return Err(self.error(self.at + at, DotenvRule::CarriageReturn));
        }
        self.at += line.len();
        Ok(line)
    }

    fn line_of(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    fn error(&self, at: usize, rule: DotenvRule) -> DotenvError {
        let line_begin = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let column = 1 + self.text[line_begin..at].chars().count();
        DotenvError { line: self.line_of(at), column, rule }
    }
}

/// What follows the word `export`, unless it is the name itself.
fn after_export(before: &str) -> &str {
    let after = before.strip_prefix("export").filter(|rest| rest.starts_with(BLANKS));
    after.map(|rest| rest.trim_start_matches(BLANKS)).filter(|name| !name.is_empty()).unwrap_or(before)
}

/// How long a text is up to the double quote that closes it.
fn double_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// What the inside of double quotes means, or where an escape is none. No escape is shorter than what it stands for, so
/// the buffer never grows.
fn unescape(inner: &str) -> Result<Zeroizing<String>, usize> {
    let mut value = Zeroizing::new(String::with_capacity(inner.len()));
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        value.push_str(plain);
        value.push(match escape.as_bytes().first() {
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'$') => '$',
            _ => return Err(inner.len() - escape.len() - 1),
        });
        rest = &escape[1..];
    }
    value.push_str(rest);
    Ok(value)
}

/// Where a dotenv text breaks which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {rule}")]
pub struct DotenvError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The rule.
    pub rule: DotenvRule,
}

/// The rules that a dotenv text can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's sentence is its documentation
pub enum DotenvRule {
    #[error("a line is NAME=VALUE or a comment that begins with #, and here is no =")]
    NoEquals,
    #[error("{0}")]
    Name(LocationError),
    #[error("this name was given a value in line {first} already; keep one of them")]
    Twice { first: usize },
    #[error("this quote is not closed")]
    Unclosed,
    #[error("after a closing quote only a comment may follow, with a blank before its #")]
    AfterQuote,
    #[error(
        "in double quotes only \\n \\r \\t \\\" \\\\ \\$ are escapes; write \\\\ for a backslash, or use single quotes"
    )]
    Escape,
    #[error("a carriage return stands here without a line feed; end lines with LF or CRLF, or use quotes")]
    CarriageReturn,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use DotenvRule::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
        let secrets = read(text)?.secrets.expect("a list, perhaps an empty one");
        Ok(secrets.into_iter().map(|secret| (secret.location, secret.value.expose().to_owned())).collect())
    }

    #[test]
    fn a_value_is_what_stands_there() {
        fn check(line: &str, expected: &str) {
            for text in
                [line.to_owned(), format!("{line}\n"), format!("{line}\r\n"), format!("X=1\n\n {line}\r\n")]
            {
                let pairs = pairs(&text).expect(&text);
                let (name, value) = pairs.last().expect("one");
                assert_eq!((name.as_str(), value.as_str()), ("A", expected), "{text:?}");
            }
        }
        check("A=v", "v");
        check("A=", "");
        check("A=  ", "");
        check("export A=v", "v");
        check("export\t A = v\t", "v");
        check("\tA =v w  ", "v w");
        check("A=v # comment", "v");
        check("A=v\t#comment", "v");
        check("A=v#w", "v#w");
        check("A=#w", "#w");
        check("A= # comment", "");
        check("A=a=b==", "a=b==");
        check("A=$B ${C} $(rm -rf /) `id` %D% !x", "$B ${C} $(rm -rf /) `id` %D% !x");
        check(r"A=C:\new\table", r"C:\new\table");
        check("A=it's", "it's");
        check(r#"A=say "hi""#, r#"say "hi""#);
        check("A=\u{a0}v\u{2028}", "\u{a0}v\u{2028}");
        check("A=''", "");
        check(r#"A="""#, "");
        check(r#"A='$B ${C} $(x) `y` \n "q" # no'  "#, r#"$B ${C} $(x) `y` \n "q" # no"#);
        check(r#"A="$B ${C} $(x) `y` 'q' # no" # comment"#, "$B ${C} $(x) `y` 'q' # no");
        check(r#"A = "a\n\r\t\"\\\$b\\n""#, "a\n\r\t\"\\$b\\n");
        check("A='  v  '", "  v  ");
        check("A='one\ntwo\r\n\nthree' # comment", "one\ntwo\r\n\nthree");
        check("A=\"one\ntwo\rB=x\"", "one\ntwo\rB=x");
    }

    #[test]
    fn names_comments_and_empty_texts() {
        fn check(text: &str, expected: &[&str]) {
            let names: Vec<String> = pairs(text).expect(text).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, expected, "{text:?}");
        }
        check("", &[]);
        check("\u{feff}", &[]);
        check("\n \r\n\t", &[]);
        check("# A=1\n  # B=2\n#", &[]);
        check("\u{feff}A=1\r\n#x\r\nB=2", &["A", "B"]);
        check("export=1", &["export"]);
        check("export =2", &["export"]);
        check("exported=1", &["exported"]);
        check("export export=1", &["export"]);
        check("A='x'\nB=\"y\"\nC=z", &["A", "B", "C"]);
    }

    #[test]
    fn what_is_not_exact_is_refused_where_it_stands() {
        fn check(text: &str, line: usize, column: usize, rule: DotenvRule) {
            assert_eq!(pairs(text), Err(DotenvError { line, column, rule }), "{text:?}");
        }
        check("hunter2", 1, 1, NoEquals);
        check("A=1\n  export A\n", 2, 3, NoEquals);
        check("=hunter2", 1, 1, Name(LocationError::Empty));
        check("9A=hunter2", 1, 1, Name(LocationError::LeadingDigit));
        check("\n export DB-PASS = hunter2", 2, 11, Name(LocationError::NotInName { at: 2 }));
        check("Ü=hunter2", 1, 1, Name(LocationError::NotInName { at: 0 }));
        check("A B=hunter2", 1, 2, Name(LocationError::NotInName { at: 1 }));
        check("A='hunter2\nB=1\n", 1, 3, Unclosed);
        check("ü='1'", 1, 1, Name(LocationError::NotInName { at: 0 }));
        check("A=\"hunter2\\\"", 1, 3, Unclosed);
        check("A=\"hunter2\\", 1, 3, Unclosed);
        check("A='a'b", 1, 6, AfterQuote);
        check("A='a' b", 1, 7, AfterQuote);
        check("A='a'#b", 1, 6, AfterQuote);
        check("A='it'\"'\"'s'", 1, 7, AfterQuote);
        check("A=\"é\nü\\d\"", 2, 2, Escape);
        check("A=\"\\\u{e9}\"", 1, 4, Escape);
        check("A=\"a\\\nb\"", 1, 5, Escape);
        check("A=1\rB=2\r", 1, 4, CarriageReturn);
        check("A=1\r", 1, 4, CarriageReturn);
        check("# c\rA=1", 1, 4, CarriageReturn);
        check("\r", 1, 1, CarriageReturn);
        check("A='x' # c\rB=1", 1, 10, CarriageReturn);
        check("A=1\nB=2\n\n export A=hunter2", 4, 9, Twice { first: 1 });
        check("B='\n\n'\nA=1\r\nA=1", 5, 1, Twice { first: 4 });
    }

    #[test]
    fn no_error_repeats_the_text() {
        for text in [
            "hunter2",
            "9hunter2=hunter2",
            "hunter2 x=1",
            "A='hunter2",
            "A='a'hunter2",
            "A=\"\\hunter2\"",
            "A=hunter2\nA=hunter2",
        ] {
            let error = read(text).map(|_| ()).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_line_of_ten_megabytes_is_one_value() {
        let long = "#$x\" \\ ".repeat(10 << 17);
        for line in [format!("A=#{long}"), format!("A='{long}'"), format!("{}A={long}", " ".repeat(1 << 23))]
        {
            assert_eq!(pairs(&line).map(|pairs| pairs.len()), Ok(1));
        }
        let text = (0..200_000).fold(String::new(), |mut text, i| {
            let _ = writeln!(text, "A{i}=\"{i}\"");
            text
        });
        assert_eq!(pairs(&text).map(|pairs| pairs.len()), Ok(200_000));
        assert_eq!(
            pairs(&format!("A=\"{}", long.replace('"', ""))).map(|_| ()).map_err(|error| error.rule),
            Err(Unclosed)
        );
    }

    fn double(value: &str) -> String {
        let mut said = String::from("\"");
        for c in value.chars() {
            match c {
                '\n' => said.push_str("\\n"),
                '\r' => said.push_str("\\r"),
                '\t' => said.push_str("\\t"),
                '"' | '\\' | '$' => said.extend(['\\', c]),
                c => said.push(c),
            }
        }
        said + "\""
    }

    proptest! {
        #[test]
        fn quoted_values_come_back_byte_for_byte(
            values in prop::collection::vec(any::<String>(), 0..5),
            export in any::<bool>(),
            crlf in any::<bool>(),
        ) {
            let mut text = String::new();
            for (i, value) in values.iter().enumerate() {
                let quoted = if value.contains('\'') { double(value) } else { format!("'{value}'") };
                let begin = if export { "export " } else { "" };
                let end = if crlf { "\r\n" } else { "\n" };
                let _ = write!(text, "{begin}N{i}={quoted}{end}M{i} = {} # comment{end}", double(value));
            }
            let read: Vec<String> = pairs(&text).expect("written well").into_iter().map(|(_, value)| value).collect();
            let expected: Vec<String> = values.iter().flat_map(|value| [value.clone(), value.clone()]).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_text_is_read_or_refused_within_itself(text in "[A-C=#'\"\\\\$ \\t\\r\\n\u{e9}]{0,40}") {
            if let Err(error) = read(&text) {
                let line = text.split('\n').nth(error.line - 1).expect("a line of the text");
                prop_assert!(error.column <= line.chars().count() + 1);
            }
        }
    }
}
