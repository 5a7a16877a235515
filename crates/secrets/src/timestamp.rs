//! A moment in UTC, with microseconds: read in every form that the documented client accepts, said in one.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01T00:00:00Z.
///
/// Said as RFC 3339: `2024-01-02T03:04:05Z`, or with exactly six digits of fraction when there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after 1970 began (UTC); the furthest that can be said stands for any beyond.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        let within = |t: jiff::Timestamp| t.as_microsecond();
        Self(micros.clamp(within(jiff::Timestamp::MIN), within(jiff::Timestamp::MAX)))
    }

    /// Microseconds since 1970 began (UTC).
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads a moment: RFC 3339 with `T` or a space, with or without seconds, fraction and zone (none is UTC), a date
    /// alone, or a number of seconds (of milliseconds above 2·10¹⁰), as pydantic does for the documented classes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse::<f64>() {
            return Self::from_number(number);
        }
        let bytes = text.as_bytes();
        let dated = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
        let plain = bytes.iter().all(|b| b.is_ascii_digit() || b"-:.TtZz+ ".contains(b));
        // A leap second has no place in a count of microseconds; jiff would take it for the second before.
        let leap = bytes.get(16) == Some(&b':') && bytes.get(17..19) == Some(b"60");
        if !dated || !plain || leap {
            return None;
        }
        text.parse::<jiff::Timestamp>().ok().or_else(|| in_utc(text)).map(|t| Self(t.as_microsecond()))
    }

    fn from_number(number: f64) -> Option<Self> {
        const LARGEST_SECONDS: f64 = 2e10;
        if !number.is_finite() {
            return None;
        }
        let micros = if number.abs() > LARGEST_SECONDS { number * 1e3 } else { number * 1e6 };
        #[allow(clippy::cast_possible_truncation)] // jiff refuses what is out of its range
        jiff::Timestamp::from_microsecond(micros.round() as i64).ok().map(|t| Self(t.as_microsecond()))
    }
}

/// A date or a moment without a zone means UTC.
fn in_utc(text: &str) -> Option<jiff::Timestamp> {
    let midnight = if text.len() == 10 { "T00:00:00" } else { "" };
    format!("{text}{midnight}Z").parse().ok()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        if self.0 % 1_000_000 == 0 { write!(f, "{moment:.0}") } else { write!(f, "{moment:.6}") }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("must be a date and time (RFC 3339)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_form_is_said_in_one() {
        fn check(input: &str, expected: Option<&str>) {
            assert_eq!(Timestamp::parse(input).map(|t| t.to_string()).as_deref(), expected, "{input:?}");
        }
        check("2024-01-02T03:04:05Z", Some("2024-01-02T03:04:05Z"));
        check("2024-01-02T03:04:05.678901Z", Some("2024-01-02T03:04:05.678901Z"));
        check("2024-01-02T03:04:05.5Z", Some("2024-01-02T03:04:05.500000Z"));
        check("2024-01-02T03:04:05.123456789Z", Some("2024-01-02T03:04:05.123456Z"));
        check("2024-01-02T03:04:05.000000Z", Some("2024-01-02T03:04:05Z"));
        check("2024-01-02T03:04:05+02:00", Some("2024-01-02T01:04:05Z"));
        check("2024-01-02 03:04:05Z", Some("2024-01-02T03:04:05Z"));
        check("2024-01-02T03:04:05", Some("2024-01-02T03:04:05Z"));
        check("2024-01-02T03:04Z", Some("2024-01-02T03:04:00Z"));
        check("2024-01-02", Some("2024-01-02T00:00:00Z"));
        check("1700000000", Some("2023-11-14T22:13:20Z"));
        check("1700000000000", Some("2023-11-14T22:13:20Z"));
        for bad in
            ["", "2024-01-02T03:04:60Z", "Tue, 02 Jan 2024 03:04:05 GMT", "now", "2024-13-01", "nan", "inf"]
        {
            check(bad, None);
        }
        check("2024-01-02T03:04:05Z[Europe/Berlin]", None);
    }
}
