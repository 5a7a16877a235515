//! A plaintext. It is handed on, never looked at: no Display, Clone, PartialEq or Serialize, and Debug prints stars.
//! What may be done with it is decided elsewhere; this file only makes sure that nothing happens by accident.

use std::fmt;

use zeroize::Zeroizing;

/// A secret's value as plaintext: UTF-8 text, wiped from memory when dropped.
///
/// ```compile_fail
/// # use strongroom_secrets::SecretValue;
/// fn print(value: SecretValue) { println!("{value}"); }
/// ```
/// ```compile_fail
/// # use strongroom_secrets::SecretValue;
/// fn copy(value: &SecretValue) -> SecretValue { value.clone() }
/// ```
/// ```compile_fail
/// # use strongroom_secrets::SecretValue;
/// fn compare(a: &SecretValue, b: &SecretValue) -> bool { a == b }
/// ```
/// ```compile_fail
/// # use strongroom_secrets::SecretValue;
/// fn serialise(value: &SecretValue) -> String { serde_json::to_string(value).expect("no such door") }
/// ```
/// ```compile_fail
/// # use strongroom_secrets::{Secret, SecretValue};
/// fn buffer(json: &str) -> Secret<SecretValue> { serde_json::from_str(json).expect("serde would keep a copy") }
/// ```
pub struct SecretValue(
    // Invariant: never grown after it was made, so no earlier, shorter copy was left behind in memory; the callers
    // in this workspace make the buffer with its final capacity (`json::unescape` is the one for JSON).
    Zeroizing<String>,
);

impl SecretValue {
    /// Takes a buffer over as a value.
    ///
    /// # Errors
    /// [`ValueError::NotText`] when the bytes are not UTF-8; the buffer is wiped.
    pub fn parse(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, ValueError> {
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Ok(Self(Zeroizing::new(text))),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(ValueError::NotText)
            }
        }
    }

    /// The plaintext itself: for sealing it, for handing it to a process, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its length in bytes of UTF-8, the unit of every limit.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the value is empty, which is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Zeroizing<String>> for SecretValue {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a value is refused. Never carries the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The bytes are not UTF-8.
    #[error("the value is not UTF-8 text; encode binary content first, for example with base64")]
    NotText,
    /// A NUL can be in neither an environment variable nor a text file that a program reads as one.
    #[error("the value contains a NUL byte, which no environment variable can hold")]
    Nul,
    /// More bytes than the limit of this strongroom allows.
    #[error("the value has {bytes} bytes, and the limit is {limit} bytes a value")]
    TooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
        /// The limit in bytes.
        limit: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_plaintext() {
        let value = SecretValue::from(Zeroizing::new("hunter2".to_owned()));
        assert_eq!(format!("{value:?} {:?}", Some(&value)), "*** Some(***)");
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let error = SecretValue::parse(Zeroizing::new(vec![0xff, b'a'])).expect_err("not UTF-8");
        assert_eq!(error, ValueError::NotText);
    }
}
