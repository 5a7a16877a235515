//! What stands in a value's place wherever it may be shown. A mask says nothing about the value: neither its length
//! nor a digest; it names one stored value (by a random id) and carries a MAC that crate `seal` makes and checks.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Serialize, Serializer};

/// Whatever begins with this is mask-shaped, and is never stored as a value.
pub const MASK_PREFIX: &str = "strongroom-masked:";

/// The random name of one stored value: a new one whenever a value is set, kept while the value is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ValueId(String);

impl ValueId {
    const LENGTH: usize = 16;

    /// The id made of ten random bytes.
    #[must_use]
    pub fn from_random(random: [u8; 10]) -> Self {
        Self(BASE32_NOPAD.encode(&random).to_ascii_lowercase())
    }

    /// Reads an id back; `None` when it has not the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == Self::LENGTH
            && text.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'2'..=b'7'));
        shaped.then(|| Self(text.to_owned()))
    }

    /// Its text: 16 characters of `a-z2-7`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A mask: `strongroom-masked:<value id>:<MAC>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    value_id: ValueId,
    mac: [u8; 16],
}

impl Mask {
    /// A mask of its parts. Only crate `seal` can make a MAC that holds.
    #[must_use]
    pub fn from_parts(value_id: ValueId, mac: [u8; 16]) -> Self {
        Self { value_id, mac }
    }

    /// Whether a text begins like a mask. Such a text is never stored.
    #[must_use]
    pub fn shapes(text: &str) -> bool {
        text.starts_with(MASK_PREFIX)
    }

    /// Reads a mask back; `None` when the text has not exactly the shape of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (value_id, mac) = text.strip_prefix(MASK_PREFIX)?.split_once(':')?;
        let mac = HEXLOWER.decode(mac.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { value_id: ValueId::parse(value_id)?, mac })
    }

    /// Which stored value it stands for.
    #[must_use]
    pub fn value_id(&self) -> &ValueId {
        &self.value_id
    }

    /// Its MAC, to be compared in constant time.
    #[must_use]
    pub fn mac(&self) -> &[u8; 16] {
        &self.mac
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MASK_PREFIX}{}:{}", self.value_id.as_str(), HEXLOWER.encode(&self.mac))
    }
}

impl Serialize for Mask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_reads_back_as_itself_and_only_exactly() {
        let mask = Mask::from_parts(ValueId::from_random([7; 10]), [0xab; 16]);
        let text = mask.to_string();
        assert_eq!(Mask::parse(&text), Some(mask));
        for wrong in [
            text.to_uppercase(),
            format!("{text} "),
            format!(" {text}"),
            text.replace("ab", "AB"),
            text.trim_end_matches('b').to_owned(),
            MASK_PREFIX.to_owned(),
        ] {
            assert_eq!(Mask::parse(&wrong), None, "{wrong}");
        }
    }
}
