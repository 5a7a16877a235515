//! How much a collection may hold. A limit belongs to the whole strongroom, is stored with it, and is named together
//! with the actual size wherever something is refused because of it.

use std::fmt;

/// The limits of a strongroom: secrets a collection, and bytes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    secrets: u64,
    bytes: u64,
}

impl Limits {
    /// 100 secrets of 64 KiB.
    pub const DEFAULT: Self = Self { secrets: 100, bytes: 64 * 1024 };
    /// Nextmv Cloud's published limits: 20 secrets of 1 KB, read as 1,024 bytes.
    pub const NEXTMV: Self = Self { secrets: 20, bytes: 1024 };
    /// No limit, for what was settled under the limits of its own day.
    pub const ANY: Self = Self { secrets: u64::MAX, bytes: u64::MAX };
    /// COUNT × BYTES may not be more: a whole collection is sealed, sent and held in memory as one.
    pub const LARGEST: u64 = 12 * 1024 * 1024;

    /// Limits of a count and a size in bytes, as they were stored or parsed.
    ///
    /// # Errors
    /// [`LimitsError`] when one is zero or the product is above [`Limits::LARGEST`].
    pub fn of(secrets: u64, bytes: u64) -> Result<Self, LimitsError> {
        match secrets.checked_mul(bytes) {
            Some(0) => Err(LimitsError::NotLimits),
            Some(all) if all <= Self::LARGEST => Ok(Self { secrets, bytes }),
            all => Err(LimitsError::TooLarge { all: all.unwrap_or(u64::MAX) }),
        }
    }

    /// Parses `default`, `nextmv` or `COUNTxBYTES`.
    ///
    /// # Errors
    /// [`LimitsError`] when it is none of these, or too large.
    pub fn parse(text: &str) -> Result<Self, LimitsError> {
        match text {
            "default" => Ok(Self::DEFAULT),
            "nextmv" => Ok(Self::NEXTMV),
            _ => {
                let (secrets, bytes) = text.split_once('x').ok_or(LimitsError::NotLimits)?;
                let number = |text: &str| text.parse::<u64>().map_err(|_| LimitsError::NotLimits);
                Self::of(number(secrets)?, number(bytes)?)
            }
        }
    }

    /// How many secrets a collection may have.
    #[must_use]
    pub fn secrets(self) -> u64 {
        self.secrets
    }

    /// How many bytes of UTF-8 a value may have.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// How large a request's JSON may be, in bytes: every legal collection fits unless most of it is written as
    /// escapes.
    #[must_use]
    pub fn body(self) -> u64 {
        (self.secrets * self.bytes * 3 / 2 + 64 * 1024).max(256 * 1024)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.secrets, self.bytes)
    }
}

/// Why limits are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// Not one of the three forms.
    #[error("limits are default, nextmv or COUNTxBYTES, for example 50x4096")]
    NotLimits,
    /// The product is too large.
    #[error(
        "limits of {all} bytes for a whole collection are refused: COUNT times BYTES may be {} at most",
        Limits::LARGEST
    )]
    TooLarge {
        /// COUNT × BYTES as asked for.
        all: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_three_forms_up_to_twelve_mebibytes() {
        fn check(input: &str, expected: Result<(u64, u64), LimitsError>) {
            assert_eq!(Limits::parse(input).map(|l| (l.secrets(), l.bytes())), expected, "{input}");
        }
        check("default", Ok((100, 65536)));
        check("nextmv", Ok((20, 1024)));
        check("50x4096", Ok((50, 4096)));
        check("12x1048576", Ok((12, 1048576)));
        check("13x1048576", Err(LimitsError::TooLarge { all: 13 * 1048576 }));
        check("18446744073709551615x2", Err(LimitsError::TooLarge { all: u64::MAX }));
        for bad in ["", "x", "1x", "x1", "0x5", "5x0", "1x1x1", "-1x5", "50X4096", "Default"] {
            check(bad, Err(LimitsError::NotLimits));
        }
    }

    #[test]
    fn the_body_limit_follows_from_the_limits() {
        assert_eq!(Limits::DEFAULT.body(), 9_830_400 + 65_536);
        assert_eq!(Limits::NEXTMV.body(), 256 * 1024);
    }
}
