//! The sealed record: the one routine through which everything is sealed and opened, whatever it is. It does not know
//! which key belongs where; the typed keys around it do.
//!
//! ```text
//! record = format(1) ‖ suite(1) ‖ key id(16) ‖ salt(32) ‖ commitment(32) ‖ ciphertext ‖ tag(16)
//! ```
//!
//! Format 1, suite 1 (AES-256-GCM, HKDF-SHA-256):
//!
//! 1. The salt is random. `HKDF-SHA-256(ikm = key, salt, info = context)` gives 64 bytes: the AES key, then the
//!    commitment. The context (see `context.rs`) holds format, suite and key id as well.
//! 2. The plaintext is padded (see `padding.rs`) and sealed by AES-256-GCM under that key, with the context as
//!    associated data and a nonce of 12 zero bytes: each such key seals once.
//! 3. To open: length, format and suite, then the key id, then the commitment (in constant time), then the tag, then
//!    the padding. No key is ever tried out.
//!
//! The commitment is there because AES-GCM alone lets one record open under two keys. It binds key and context.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::keys::{Key, KeyId};
use crate::padding;
use crate::random::{self, RandomError};

/// The longest plaintext of one record: 16 MiB.
pub const MAX_PLAINTEXT: usize = 16 << 20;

const FORMAT: u8 = 1;
const SUITE: u8 = 1;
const HEADER: usize = 2 + KeyId::LENGTH + 32 + 32;
const TAG: usize = 16;

pub(crate) fn seal(key: &Key, context: &Context<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    check_length(plaintext.len())?;
    Ok(seal_with(key, context, plaintext, &random::bytes()?))
}

/// For callers that build a plaintext: says no before they do.
pub(crate) fn check_length(size: usize) -> Result<(), SealError> {
    if size > MAX_PLAINTEXT {
        return Err(SealError::TooLarge { size, limit: MAX_PLAINTEXT });
    }
    Ok(())
}

/// Apart from [`seal`] only so that known answers can be made: a salt is never chosen.
pub(crate) fn seal_with(key: &Key, context: &Context<'_>, plaintext: &[u8], salt: &[u8; 32]) -> Vec<u8> {
    let context = context.encode(FORMAT, SUITE, &key.id());
    let mut derived = Zeroizing::new([0; 64]);
    key.expand(salt, &context, &mut derived[..]);
    let (aead, commitment) = derived.split_at(32);

    // The plaintext is copied once, to where its ciphertext will stand; until then the buffer is one that is wiped.
    let length = HEADER + padding::padded_len(plaintext.len()) + TAG;
    let mut record = Zeroizing::new(Vec::with_capacity(length));
    record.extend_from_slice(&[FORMAT, SUITE]);
    record.extend_from_slice(key.id().as_bytes());
    record.extend_from_slice(salt);
    record.extend_from_slice(commitment);
    record.extend_from_slice(plaintext);
    padding::pad(&mut record, plaintext.len());
    let tag = cipher(aead)
        .seal_in_place_separate_tag(nonce(), Aad::from(&context), &mut record[HEADER..])
        .expect("a padded plaintext is far shorter than AES-GCM's limit");
    record.extend_from_slice(tag.as_ref());
    std::mem::take(&mut *record)
}

pub(crate) fn open(key: &Key, context: &Context<'_>, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let record = Record::parse(record)?;
    if record.key_id != key.id() {
        return Err(OpenError::OtherKey { key_id: record.key_id });
    }
    let context = context.encode(FORMAT, SUITE, &key.id());
    let mut derived = Zeroizing::new([0; 64]);
    key.expand(record.salt, &context, &mut derived[..]);
    let (aead, commitment) = derived.split_at(32);
    verify_slices_are_equal(commitment, record.commitment).map_err(|_| OpenError::NotAuthentic)?;

    let mut plaintext = Zeroizing::new(vec![0; record.ciphertext.len()]);
    cipher(aead)
        .open_separate_gather(nonce(), Aad::from(&context), record.ciphertext, record.tag, &mut plaintext)
        .map_err(|_| OpenError::NotAuthentic)?;
    let length = padding::unpadded_len(&plaintext).ok_or(OpenError::Malformed)?;
    plaintext.truncate(length);
    Ok(plaintext)
}

/// The key that a record names, for those who hold several.
pub(crate) fn key_id_of(record: &[u8]) -> Result<KeyId, OpenError> {
    Record::parse(record).map(|record| record.key_id)
}

/// The commitment of a sealed record, which stands for the whole record in a manifest; `None` when the bytes are no
/// record. Needs no key and says nothing about the record being authentic.
#[must_use]
pub fn commitment_of(record: &[u8]) -> Option<[u8; 32]> {
    Record::parse(record).ok().map(|record| *record.commitment)
}

struct Record<'a> {
    key_id: KeyId,
    salt: &'a [u8; 32],
    commitment: &'a [u8; 32],
    ciphertext: &'a [u8],
    tag: &'a [u8],
}

impl<'a> Record<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, OpenError> {
        Self::split(bytes).unwrap_or(Err(OpenError::Truncated { length: bytes.len() }))
    }

    /// `None` when the bytes are too few, too many, or of a length that no padded plaintext leads to.
    fn split(bytes: &'a [u8]) -> Option<Result<Self, OpenError>> {
        let ([format, suite], rest) = bytes.split_first_chunk()?;
        // Another format may have other lengths, so this comes before any look at them.
        if *format != FORMAT {
            return Some(Err(OpenError::UnknownFormat { format: *format }));
        }
        if *suite != SUITE {
            return Some(Err(OpenError::UnknownSuite { suite: *suite }));
        }
        let (key_id, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (commitment, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>()?;
        if !padding::is_padded_len(ciphertext.len()) || ciphertext.len() > padding::padded_len(MAX_PLAINTEXT)
        {
            return None;
        }
        Some(Ok(Self { key_id: KeyId::from_bytes(*key_id), salt, commitment, ciphertext, tag }))
    }
}

fn cipher(key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes"))
}

/// Always zero: the key is derived for one record and seals it alone.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// Why something was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// More bytes than one record holds.
    #[error("{size} bytes are to be sealed as one, and the limit is {limit} bytes: split them")]
    TooLarge {
        /// How many bytes there are.
        size: usize,
        /// How many there may be.
        limit: usize,
    },
    /// There are no random bytes for a salt or a key.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Why a record does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bytes are cut short, or too many.
    #[error(
        "no sealed record is {length} bytes long: it was cut short or overwritten, restore it from a backup"
    )]
    Truncated {
        /// How many bytes there are.
        length: usize,
    },
    /// A format of a later version, or no record at all.
    #[error(
        "the sealed record has format {format}, unknown here: use the version of strongroom that wrote it"
    )]
    UnknownFormat {
        /// Its first byte.
        format: u8,
    },
    /// A cipher suite of a later version.
    #[error(
        "the sealed record has cipher suite {suite}, unknown here: use the version of strongroom that wrote it"
    )]
    UnknownSuite {
        /// Its second byte.
        suite: u8,
    },
    /// The record names a key that is not the one at hand.
    #[error("the record is sealed under key {key_id}, which is not at hand: provide that key")]
    OtherKey {
        /// The key it names.
        key_id: KeyId,
    },
    /// Not what was sealed, or not where it was sealed for. Which of the two cannot be told, on purpose.
    #[error("the record was altered, or was sealed for another place: restore it from a backup")]
    NotAuthentic,
    /// Sealed with the right key for the right place, but its bytes do not read as what belongs there.
    #[error("the record opens, but its contents do not read: use the version of strongroom that wrote it")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Purpose;

    const SALT: [u8; 32] = [3; 32];

    fn key() -> Key {
        Key::parse(&[5; 32]).expect("32 bytes")
    }

    fn context() -> Context<'static> {
        Context {
            purpose: Purpose::Contents,
            instance: "instance",
            application: "born-application",
            collection: "born-collection",
            object: "licences",
            version: 7,
            generation: "1-abcdefgh",
        }
    }

    #[test]
    fn a_record_opens_to_what_was_sealed() {
        for length in [0, 1, 63, 64, 1_000, 65_536] {
            let plaintext = vec![b'x'; length];
            let record = seal(&key(), &context(), &plaintext).expect("short enough");
            assert_eq!(
                record.capacity(),
                record.len(),
                "the buffer never grew, so it left no plaintext behind"
            );
            assert_eq!(*open(&key(), &context(), &record).expect("untouched"), plaintext);
        }
    }

    #[test]
    fn the_limit_opens_and_one_byte_more_is_refused_with_both_sizes() {
        let mut plaintext = vec![b'x'; MAX_PLAINTEXT];
        let record = seal(&key(), &context(), &plaintext).expect("the limit itself");
        assert!(*open(&key(), &context(), &record).expect("untouched") == plaintext);
        plaintext.push(b'x');
        let error = seal(&key(), &context(), &plaintext).expect_err("one byte more");
        assert!(error.to_string().contains("16777217") && error.to_string().contains("16777216"), "{error}");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let record = seal(&key(), &context(), b"flip me").expect("short enough");
        for bit in 0..record.len() * 8 {
            let mut flipped = record.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = match bit / 8 {
                0 => OpenError::UnknownFormat { format: flipped[0] },
                1 => OpenError::UnknownSuite { suite: flipped[1] },
                2..18 => OpenError::OtherKey { key_id: key_id_of(&flipped).expect("its shape is untouched") },
                _ => OpenError::NotAuthentic,
            };
            assert_eq!(open(&key(), &context(), &flipped).err(), Some(expected), "bit {bit}");
        }
    }

    #[test]
    fn a_record_cut_short_or_too_long_is_an_error_at_each_length() {
        let record = seal(&key(), &context(), &[b'x'; 300]).expect("short enough");
        for length in 0..record.len() {
            let cut = &record[..length];
            let error = open(&key(), &context(), cut).expect_err("cut short");
            let shaped = length >= HEADER + TAG && padding::is_padded_len(length - HEADER - TAG);
            let expected = if shaped { OpenError::NotAuthentic } else { OpenError::Truncated { length } };
            assert_eq!(error, expected);
            assert_eq!(commitment_of(cut).is_some(), shaped);
        }
        let longest = HEADER + padding::padded_len(MAX_PLAINTEXT) + TAG;
        let mut long = record;
        long.resize(HEADER + padding::padded_len(2 * MAX_PLAINTEXT) + TAG, 0);
        assert!(long.len() > longest);
        let error = open(&key(), &context(), &long).expect_err("longer than any record");
        assert_eq!(error, OpenError::Truncated { length: long.len() });
    }

    #[test]
    fn a_record_opens_in_its_own_place_only() {
        let record = seal(&key(), &context(), b"value").expect("short enough");
        let own = context();
        let elsewhere = [
            Context { purpose: Purpose::Face, ..own },
            Context { instance: "other", ..own },
            Context { application: "other", ..own },
            Context { collection: "other", ..own },
            Context { object: "other", ..own },
            Context { version: 8, ..own },
            Context { generation: "2-abcdefgh", ..own },
        ];
        for place in elsewhere {
            assert_eq!(open(&key(), &place, &record).err(), Some(OpenError::NotAuthentic), "{place:?}");
        }
    }

    #[test]
    fn a_record_of_another_key_names_that_key() {
        let record = seal(&key(), &context(), b"value").expect("short enough");
        let other = Key::parse(&[6; 32]).expect("32 bytes");
        let error = open(&other, &context(), &record).expect_err("another key");
        assert_eq!(error, OpenError::OtherKey { key_id: key().id() });
        assert!(error.to_string().contains(&key().id().to_string()));
    }

    #[test]
    fn a_ciphertext_that_fits_does_not_help_without_the_commitment() {
        // What an attacker would want: a record whose tag is right under the key at hand, so that only the
        // commitment stands in the way. Made here by sealing honestly and replacing the commitment alone.
        let mut record = seal(&key(), &context(), b"value").expect("short enough");
        record[HEADER - 32..HEADER].fill(0);
        assert_eq!(open(&key(), &context(), &record).err(), Some(OpenError::NotAuthentic));
    }

    #[test]
    fn a_repeated_salt_still_gives_each_place_its_own_key() {
        let one = seal_with(&key(), &context(), b"value", &SALT);
        let other = seal_with(&key(), &Context { version: 8, ..context() }, b"value", &SALT);
        assert_ne!(commitment_of(&one), commitment_of(&other));
        assert_ne!(one[HEADER..HEADER + 32], other[HEADER..HEADER + 32]);
    }

    #[test]
    fn two_records_of_one_plaintext_share_nothing() {
        let one = seal(&key(), &context(), b"value").expect("short enough");
        let other = seal(&key(), &context(), b"value").expect("short enough");
        assert_ne!(commitment_of(&one), commitment_of(&other));
        assert_ne!(one[HEADER..], other[HEADER..]);
    }

    #[test]
    fn lengths_within_a_bucket_look_alike() {
        let sealed = |length| seal(&key(), &context(), &vec![b'x'; length]).expect("short enough").len();
        assert_eq!(sealed(0), sealed(63));
        assert_eq!(sealed(1_024), sealed(1_087));
    }

    #[test]
    fn padding_is_removed_strictly_or_the_record_is_malformed() {
        // Sealed by hand with the right key, but padded to a bucket larger than its own.
        let context = context().encode(FORMAT, SUITE, &key().id());
        let mut derived = [0; 64];
        key().expand(&SALT, &context, &mut derived);
        let mut padded = vec![0; 72];
        padded[0] = 0x80;
        let tag = cipher(&derived[..32])
            .seal_in_place_separate_tag(nonce(), Aad::from(&context), &mut padded)
            .expect("short enough");
        let record =
            [&[FORMAT, SUITE], &key().id().as_bytes()[..], &SALT, &derived[32..], &padded, tag.as_ref()]
                .concat();
        assert_eq!(open(&key(), &self::context(), &record).err(), Some(OpenError::Malformed));
    }
}
