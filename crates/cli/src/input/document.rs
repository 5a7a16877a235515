//! A whole file of secrets: which dialect it is in, and what it says. What secrets mean is not judged here.

use std::path::Path;

use anyhow::{Context, Result};
use strongroom_secrets::{Document, Draft, dotenv};

use crate::arguments::Dialect;

/// Reads a document. No error repeats what stands there.
pub(super) fn read(bytes: &[u8], dialect: Dialect) -> Result<Draft> {
    match dialect {
        Dialect::Json => Ok(Draft::read(&Document::parse(bytes)?)?),
        Dialect::Dotenv => {
            let text = std::str::from_utf8(bytes);
            Ok(dotenv::read(text.ok().context("the text is not UTF-8")?)?)
        }
    }
}

/// The dialect of a file: by its name where that says it, else by its first character.
pub(super) fn dialect_of(path: &Path, bytes: &[u8]) -> Dialect {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let is_dotenv = name.ends_with(b".env") || name.starts_with(b".env.") || name == b".envrc";
    let begin = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    match begin {
        _ if is_dotenv => Dialect::Dotenv,
        _ if name.ends_with(b".json") => Dialect::Json,
        [b'{' | b'[', ..] | [] => Dialect::Json,
        _ => Dialect::Dotenv,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_decides_and_else_the_first_character() {
        let check = |name: &str, text: &str, expected| {
            assert_eq!(dialect_of(Path::new(name), text.as_bytes()), expected, "{name} {text:?}");
        };
        for name in [".env", "prod.env", "/etc/app/.env.local", ".envrc"] {
            check(name, "{\"A\":1}", Dialect::Dotenv);
            check(name, "", Dialect::Dotenv);
        }
        for name in ["a.json", "/x/.json"] {
            check(name, "A=1", Dialect::Json);
        }
        for name in ["-", "secrets", "environment", "env", ".environment"] {
            check(name, " \n{\"A\":1}", Dialect::Json);
            check(name, "\u{feff}[]", Dialect::Json);
            check(name, "", Dialect::Json);
            check(name, "A=1", Dialect::Dotenv);
            check(name, "# {}\nA=1", Dialect::Dotenv);
        }
    }
}
