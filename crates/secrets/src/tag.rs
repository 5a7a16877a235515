//! How a version is named where it must be just that one: its number, and after a restore the number of the instance's
//! generation too. It knows neither ETag nor If-Match; what puts it in quotes is elsewhere.

use std::fmt;

/// A version of a collection in one generation of the instance: `7`, or `7.2` in the second generation.
///
/// A restore goes back to older version numbers and counts on from there, so the same number may name something else in
/// the next generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionTag {
    /// The number of the version.
    pub version: u64,
    /// The number of the generation, from 1.
    pub generation: u32,
}

impl VersionTag {
    /// Reads what [`fmt::Display`] writes, and nothing else; `None` for the rest.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, generation) = text.split_once('.').unwrap_or((text, "1"));
        let tag = Self { version: version.parse().ok()?, generation: generation.parse().ok()? };
        (tag.to_string() == text).then_some(tag)
    }
}

impl fmt::Display for VersionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            1 => write!(f, "{}", self.version),
            generation => write!(f, "{}.{generation}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_spelling() {
        check("7", Some((7, 1)));
        check("0", Some((0, 1)));
        check("7.2", Some((7, 2)));
        check("18446744073709551615.4294967295", Some((u64::MAX, u32::MAX)));
        for refused in
            ["", "7.", ".2", "7.1", "07", "7.02", "+7", "7.+2", "-1", " 7", "7.2.3", "x", "7,2", "7.2 "]
        {
            check(refused, None);
        }
        check("18446744073709551616", None);
    }

    fn check(text: &str, expected: Option<(u64, u32)>) {
        let expected = expected.map(|(version, generation)| VersionTag { version, generation });
        assert_eq!(VersionTag::parse(text), expected, "{text}");
    }
}
