//! All values of a version as one plaintext. Not JSON and not self-describing: names, types and locations are in the
//! face, in the same order.
//!
//! ```text
//! contents = count(4) ‖ { length(4) ‖ value } for each value, in order; nothing after the last
//! ```

use std::borrow::Borrow;

use strongroom_secrets::SecretValue;
use zeroize::Zeroizing;

use crate::record::{self, OpenError, SealError};

const PREFIX: usize = size_of::<u32>();

/// The plaintext of these values, in a buffer that is made with its final length and wiped after use.
pub(crate) fn encode<V: Borrow<SecretValue>>(values: &[V]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let size = PREFIX + values.iter().map(|value| PREFIX + value.borrow().len()).sum::<usize>();
    record::check_length(size)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    bytes.extend_from_slice(&prefix(values.len()));
    for value in values {
        let value = value.borrow().expose().as_bytes();
        bytes.extend_from_slice(&prefix(value.len()));
        bytes.extend_from_slice(value);
    }
    Ok(bytes)
}

/// Reads the values back; `Malformed` unless these are exactly the bytes that [`encode`] makes of them.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<SecretValue>, OpenError> {
    let mut rest = bytes;
    let count = take_number(&mut rest)?;
    // Each value takes at least its prefix: a count beyond that is a lie, and no memory is reserved for it.
    if count > rest.len() / PREFIX {
        return Err(OpenError::Malformed);
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let length = take_number(&mut rest)?;
        let value = rest.split_off(..length).ok_or(OpenError::Malformed)?;
        let value = SecretValue::parse(Zeroizing::new(value.to_vec())).map_err(|_| OpenError::Malformed)?;
        values.push(value);
    }
    if rest.is_empty() { Ok(values) } else { Err(OpenError::Malformed) }
}

fn take_number(rest: &mut &[u8]) -> Result<usize, OpenError> {
    let (number, after) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
    *rest = after;
    usize::try_from(u32::from_be_bytes(*number)).map_err(|_| OpenError::Malformed)
}

fn prefix(length: usize) -> [u8; PREFIX] {
    u32::try_from(length).expect("the whole is at most 16 MiB, so each part is").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> SecretValue {
        SecretValue::from(Zeroizing::new(text.to_owned()))
    }

    fn check(bytes: &[u8], expected: Option<&[&str]>) {
        let values = parse(bytes).ok();
        let texts = values.as_ref().map(|values| values.iter().map(SecretValue::expose).collect::<Vec<_>>());
        assert_eq!(texts.as_deref(), expected, "{bytes:?}");
    }

    #[test]
    fn values_read_back_in_order_and_only_exactly() {
        check(b"\0\0\0\0", Some(&[]));
        check(b"\0\0\0\x01\0\0\0\0", Some(&[""]));
        check(b"\0\0\0\x02\0\0\0\x02ab\0\0\0\x01c", Some(&["ab", "c"]));
        check(b"", None);
        check(b"\0\0\0", None);
        check(b"\0\0\0\0x", None);
        check(b"\0\0\0\x01", None);
        check(b"\0\0\0\x01\0\0\0\x02a", None);
        check(b"\0\0\0\x01\0\0\0\x01ab", None);
        check(b"\0\0\0\x01\0\0\0\x01\xff", None);
        check(b"\xff\xff\xff\xff\0\0\0\0", None);
        check(b"\0\0\0\x01\xff\xff\xff\xffa", None);
    }

    #[test]
    fn what_is_encoded_is_what_is_read() {
        let values = [value(""), value("a"), value("zwei\n\u{e9}\u{10ffff}")];
        let bytes = encode(&values).expect("short enough");
        assert_eq!(bytes.capacity(), bytes.len());
        check(&bytes, Some(&["", "a", "zwei\n\u{e9}\u{10ffff}"]));
        assert_eq!(encode(&values.iter().collect::<Vec<_>>()).expect("short enough"), bytes);
    }

    #[test]
    fn too_much_is_refused_before_a_buffer_is_made() {
        let value = value(&"x".repeat(record::MAX_PLAINTEXT / 2));
        let error = encode(&[&value, &value]).expect_err("the prefixes come on top");
        assert!(matches!(error, SealError::TooLarge { size, limit } if size == limit + 12), "{error}");
    }
}
