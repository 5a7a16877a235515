//! Ids of applications and collections. They stand in URLs unescaped, so only an alphabet that needs no escaping is
//! accepted, and a name that is not canonical is refused, never repaired.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::Serialize;

use crate::token::shown;

/// Which kind of id was meant; it is named in errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// An application's id.
    Application,
    /// A secrets collection's id.
    Collection,
}

impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Collection => "collection",
        })
    }
}

/// Why an id is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} id {id:?} is refused: {rule}", rule = Self::RULE)]
pub struct IdError {
    /// What it was meant to name.
    pub kind: IdKind,
    /// The beginning of the refused text; of an API key, only that it is one.
    pub id: String,
}

impl IdError {
    /// What an id must be.
    pub const RULE: &str =
        "an id has 1 to 64 characters of A-Z a-z 0-9 . _ - and begins with a letter or a digit";
}

fn parse(kind: IdKind, text: &str) -> Result<String, IdError> {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if begins_well && inner && text.len() <= 64 {
        Ok(text.to_owned())
    } else {
        Err(IdError { kind, id: shown(text) })
    }
}

/// The id of an application: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`, case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ApplicationId(String);

/// The id of a secrets collection, unique within its application; same alphabet as [`ApplicationId`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CollectionId(String);

impl ApplicationId {
    /// Parses an id.
    ///
    /// # Errors
    /// [`IdError`] when a character would need escaping in a URL, or it is empty or longer than 64 characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse(IdKind::Application, text).map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CollectionId {
    /// Parses an id.
    ///
    /// # Errors
    /// [`IdError`] when a character would need escaping in a URL, or it is empty or longer than 64 characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        parse(IdKind::Collection, text).map(Self)
    }

    /// The id made for a collection that came without one: `secrets-` and 8 characters, as the documented client
    /// makes it.
    #[must_use]
    pub fn from_random(random: [u8; 5]) -> Self {
        Self(format!("secrets-{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_needs_no_escaping_in_a_url() {
        for good in ["a", "1504", "my-secrets-collection", "A.b_c-D", "a..b", &"x".repeat(64)] {
            assert_eq!(CollectionId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
            assert!(ApplicationId::parse(good).is_ok());
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "-a",
            "_a",
            "a b",
            "a/b",
            "a#b",
            "a?b",
            "a%20b",
            "ü",
            "a\n",
            "а",
            &"x".repeat(65),
        ] {
            assert!(CollectionId::parse(bad).is_err(), "{bad:?}");
            assert!(ApplicationId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refused_id_is_shown_and_an_api_key_in_its_place_is_not() {
        fn check(text: &str, expected: &str) {
            let error = CollectionId::parse(text).expect_err(text);
            assert_eq!(error.id, expected);
        }
        let key = "sr_key_opkou1flb9f7_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1em9Qz";
        check(key, "sr_key_***");
        check(&format!("Bearer {key}"), "Bearer sr_key_***");
        check(&format!("{}/{key}", "é".repeat(100)), &format!("{}sr_key_***", "é".repeat(70)));
        check(&"é".repeat(100), &"é".repeat(80));
        check("a/b", "a/b");
    }

    #[test]
    fn a_made_id_is_one_that_is_accepted() {
        let id = CollectionId::from_random([255, 0, 17, 4, 200]);
        assert_eq!(CollectionId::parse(id.as_str()), Ok(id));
    }
}
