//! Padding, so that a sealed record tells a bucket and not a length. Pure; it knows nothing of keys.
//!
//! ```text
//! padded = plaintext ‖ 0x80 ‖ zeros
//! ```
//!
//! up to the next Padmé bucket: with L = length of plaintext + 1, E = floor(log2 L) and S = floor(log2 E) + 1, L is
//! rounded up to a multiple of 2^(E-S). That adds at most 12 % and leaves only a few buckets for each doubling. The
//! smallest bucket is 64 bytes.

const SMALLEST: usize = 64;
const MARK: u8 = 0x80;

/// How long a plaintext of `length` bytes is once padded.
pub(crate) fn padded_len(length: usize) -> usize {
    bucket(length + 1)
}

/// Whether any plaintext is this long once padded.
pub(crate) fn is_padded_len(length: usize) -> bool {
    length >= SMALLEST && bucket(length) == length
}

/// Appends the padding of the `length` bytes that were appended last.
pub(crate) fn pad(buffer: &mut Vec<u8>, length: usize) {
    let end = buffer.len() - length + padded_len(length);
    buffer.push(MARK);
    buffer.resize(end, 0);
}

/// The length of the plaintext in `padded`; `None` unless the padding is exactly what [`pad`] appends. Runs on
/// authenticated bytes only, so it need not take the same time for all of them.
pub(crate) fn unpadded_len(padded: &[u8]) -> Option<usize> {
    let length = padded.iter().rposition(|byte| *byte != 0)?;
    (padded[length] == MARK && padded_len(length) == padded.len()).then_some(length)
}

fn bucket(length: usize) -> usize {
    let length = length.max(SMALLEST);
    let exponent = length.ilog2();
    let step = 1 << (exponent - exponent.ilog2() - 1);
    length.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fall_into_buckets() {
        let check = |length, padded| assert_eq!(padded_len(length), padded, "{length}");
        check(0, 64);
        check(1, 64);
        check(63, 64);
        check(64, 72);
        check(71, 72);
        check(72, 80);
        check(127, 128);
        check(128, 144);
        check(999, 1_024);
        check(1_024, 1_088);
        check(65_536, 67_584);
        check(16 << 20, (16 << 20) + (512 << 10));
    }

    #[test]
    fn padding_adds_at_most_twelve_percent() {
        for length in 64..100_000 {
            let padded = padded_len(length);
            assert!(padded > length && padded * 100 <= (length + 1) * 112, "{length} became {padded}");
            assert!(is_padded_len(padded));
        }
    }

    #[test]
    fn only_a_bucket_is_a_padded_length() {
        for length in [0, 1, 63, 65, 71, 73, 1_025] {
            assert!(!is_padded_len(length), "{length}");
        }
    }

    #[test]
    fn padding_is_removed_exactly() {
        for plaintext in [&b""[..], b"a", b"\x80", b"\x80\0\0", b"ends in zeros\0\0", &[0; 63], &[0x80; 200]]
        {
            let mut buffer = b"before".to_vec();
            buffer.extend_from_slice(plaintext);
            pad(&mut buffer, plaintext.len());
            assert_eq!(unpadded_len(&buffer[6..]), Some(plaintext.len()));
        }
    }

    #[test]
    fn any_other_padding_is_refused() {
        let mut mark_missing = vec![0; 64];
        assert_eq!(unpadded_len(&mark_missing), None);
        mark_missing[63] = 1;
        assert_eq!(unpadded_len(&mark_missing), None);
        let mut bucket_too_large = vec![0; 72];
        bucket_too_large[5] = MARK;
        assert_eq!(unpadded_len(&bucket_too_large), None);
        assert_eq!(unpadded_len(&[]), None);
    }
}
