//! Where a secret must appear: the name of an environment variable, or the path of a file. A location is kept byte
//! for byte as it was given, because clients compute their changes from it; what it means is parsed here once.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::is_nfc;

use crate::model::SecretType;

/// The name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`, at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

impl EnvName {
    const LONGEST: usize = 256;

    /// Parses a name.
    ///
    /// # Errors
    /// [`LocationError`], one variant per rule.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let first = text.bytes().next().ok_or(LocationError::Empty)?;
        if first.is_ascii_digit() {
            return Err(LocationError::LeadingDigit);
        }
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'_') {
            return Err(LocationError::NotInName { at });
        }
        if text.len() > Self::LONGEST {
            return Err(LocationError::TooLong { bytes: text.len(), limit: Self::LONGEST });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The location of a file: at most one leading `/` or `./`, then parts that lead nowhere but down.
///
/// An absolute location is re-rooted at delivery: `/mnt/secrets/config.json` lies at `HOME/mnt/secrets/config.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileLocation(String);

impl FileLocation {
    const LONGEST: usize = 1024;
    const LONGEST_PART: usize = 255;

    /// Parses a location.
    ///
    /// # Errors
    /// [`LocationError`], one variant per rule.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let path = re_root(text);
        if path.is_empty() {
            return Err(LocationError::Empty);
        }
        if text.len() > Self::LONGEST {
            return Err(LocationError::TooLong { bytes: text.len(), limit: Self::LONGEST });
        }
        if text.contains(|c: char| c.is_control() || c == '\\') {
            return Err(LocationError::ControlOrBackslash);
        }
        if path.ends_with('/') {
            return Err(LocationError::TrailingSlash);
        }
        for part in path.split('/') {
            match part {
                "" => return Err(LocationError::EmptyPart),
                "." | ".." => return Err(LocationError::DotPart),
                _ if part.len() > Self::LONGEST_PART => {
                    return Err(LocationError::TooLong { bytes: part.len(), limit: Self::LONGEST_PART });
                }
                _ => {}
            }
        }
        if !is_nfc(text) {
            return Err(LocationError::NotNfc);
        }
        Ok(Self(text.to_owned()))
    }

    /// The location byte for byte as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The relative path that it means below the execution home.
    #[must_use]
    pub fn path(&self) -> &str {
        re_root(&self.0)
    }
}

fn re_root(text: &str) -> &str {
    text.strip_prefix('/').or_else(|| text.strip_prefix("./")).unwrap_or(text)
}

/// What identifies a secret within its collection: its type and its location, as one parsed value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An environment variable.
    Env(EnvName),
    /// A file.
    File(FileLocation),
}

impl Place {
    /// Parses the location of a secret of this type.
    ///
    /// # Errors
    /// [`LocationError`], one variant per rule.
    pub fn parse(secret_type: SecretType, location: &str) -> Result<Self, LocationError> {
        match secret_type {
            SecretType::Env => EnvName::parse(location).map(Self::Env),
            SecretType::File => FileLocation::parse(location).map(Self::File),
        }
    }

    /// Its type.
    #[must_use]
    pub fn secret_type(&self) -> SecretType {
        match self {
            Self::Env(_) => SecretType::Env,
            Self::File(_) => SecretType::File,
        }
    }

    /// Its location, byte for byte as it was given.
    #[must_use]
    pub fn location(&self) -> &str {
        match self {
            Self::Env(name) => name.as_str(),
            Self::File(location) => location.as_str(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.secret_type().as_str(), self.location())
    }
}

/// A place as its JSON is.
#[derive(Serialize, Deserialize)]
struct Said<L> {
    #[serde(rename = "type")]
    secret_type: SecretType,
    location: L,
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Said { secret_type: self.secret_type(), location: self.location() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = Said::<String>::deserialize(deserializer)?;
        Self::parse(said.secret_type, &said.location).map_err(D::Error::custom)
    }
}

/// Which rule of locations is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's sentence is its documentation
pub enum LocationError {
    #[error("the location is empty")]
    Empty,
    #[error("the name of a variable may not begin with a digit")]
    LeadingDigit,
    #[error("the name of a variable has only letters, digits and _ (byte {at} is something else)")]
    NotInName { at: usize },
    #[error("it or one part of it has {bytes} bytes, and the limit is {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("a file's location may not contain a control character or a backslash")]
    ControlOrBackslash,
    #[error("a file's location may not end with /")]
    TrailingSlash,
    #[error("a file's location may not have an empty part (//)")]
    EmptyPart,
    #[error("a file's location may not have a part . or .. (one leading ./ is allowed)")]
    DotPart,
    #[error("a file's location must be in Unicode normalization form C")]
    NotNfc,
}

#[cfg(test)]
mod tests {
    use super::*;
    use LocationError::*;

    #[test]
    fn names_of_variables_are_posix_names() {
        fn check(input: &str, expected: Result<(), LocationError>) {
            assert_eq!(EnvName::parse(input).map(|_| ()), expected, "{input:?}");
        }
        check("API_KEY", Ok(()));
        check("_", Ok(()));
        check("a9", Ok(()));
        check(&"A".repeat(256), Ok(()));
        check(&"A".repeat(257), Err(TooLong { bytes: 257, limit: 256 }));
        check("", Err(Empty));
        check("9LIVES", Err(LeadingDigit));
        check("API=KEY", Err(NotInName { at: 3 }));
        check("DB_PASS ", Err(NotInName { at: 7 }));
        check(" API_KEY", Err(NotInName { at: 0 }));
        check("A-B", Err(NotInName { at: 1 }));
        check("BASH_FUNC_x%%", Err(NotInName { at: 11 }));
        check("ＡPI", Err(NotInName { at: 0 }));
        check("PАSS", Err(NotInName { at: 1 }));
        check("A\0", Err(NotInName { at: 1 }));
    }

    #[test]
    fn locations_of_files_lead_only_down() {
        fn check(input: &str, expected: Result<&str, LocationError>) {
            let parsed = FileLocation::parse(input);
            assert_eq!(parsed.as_ref().map(FileLocation::path).map_err(|e| *e), expected, "{input:?}");
            if let Ok(location) = parsed {
                assert_eq!(location.as_str(), input, "kept byte for byte");
            }
        }
        check("licenses/acme.lic", Ok("licenses/acme.lic"));
        check("/mnt/secrets/config.json", Ok("mnt/secrets/config.json"));
        check("./a", Ok("a"));
        check(".pgpass", Ok(".pgpass"));
        check("CON", Ok("CON"));
        check("a b/ü", Ok("a b/ü"));
        check("...", Ok("..."));
        check("", Err(Empty));
        check("/", Err(Empty));
        check("./", Err(Empty));
        check(".", Err(DotPart));
        check("../x", Err(DotPart));
        check("/../x", Err(DotPart));
        check("a/../../b", Err(DotPart));
        check("././a", Err(DotPart));
        check("a/./b", Err(DotPart));
        check("a//b", Err(EmptyPart));
        check("//a", Err(EmptyPart));
        check(".//a", Err(EmptyPart));
        check("a/", Err(TrailingSlash));
        check("a\\b", Err(ControlOrBackslash));
        check("C:\\x", Err(ControlOrBackslash));
        check("a\nb", Err(ControlOrBackslash));
        check("a\0b", Err(ControlOrBackslash));
        check("a\u{85}b", Err(ControlOrBackslash));
        check("u\u{308}", Err(NotNfc));
        check(&"x".repeat(255), Ok(&"x".repeat(255)));
        check(&"x".repeat(300), Err(TooLong { bytes: 300, limit: 255 }));
        check(&"x/".repeat(600), Err(TooLong { bytes: 1200, limit: 1024 }));
    }
}
