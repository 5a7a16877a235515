//! A key of 32 bytes, the id it goes by, and what is derived from it. It neither stores keys nor decides what a key
//! may open: the types built on it (slot, root, collection, face, …) do.
//!
//! ```text
//! key id      = HKDF-SHA-256(ikm = key, salt = 32 zero bytes, info = "strongroom key-id"), 16 bytes
//! derived key = HKDF-SHA-256(ikm = key, salt = 32 zero bytes, info = its label), 32 bytes
//! mac         = HMAC-SHA-256(key, lp(label) ‖ lp(field) ‖ …), 32 bytes
//! ```
//!
//! A key id tells nothing of its key, and a key that was damaged no longer has its id. A derived key goes by the id of
//! the key it comes from.

use std::fmt;

use aws_lc_rs::{hkdf, hmac};
use data_encoding::HEXLOWER;

use crate::arena::{self, Guarded};
use crate::context::length_of;
use crate::random::{self, RandomError};

/// The name of a key: public, written into every record that the key seals.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 16]);

impl KeyId {
    pub(crate) const LENGTH: usize = 16;

    /// Reads an id back from its 32 hex digits in lower case; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What a key file holds: it wraps the root key and nothing else.
#[derive(Debug)]
pub struct SlotKey(pub(crate) Key);

impl SlotKey {
    /// By which the table of slots finds what this key wraps.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.0.id()
    }
}

/// Any key of this crate.
pub(crate) struct Key {
    id: KeyId,
    // Elsewhere, so that moving a key moves a pointer and leaves no copy of the bytes behind.
    bytes: Guarded<'static>,
}

impl Key {
    pub(crate) const LENGTH: usize = arena::LENGTH;

    pub(crate) fn random() -> Result<Self, RandomError> {
        let mut bytes = arena::guarded();
        random::fill(&mut bytes[..])?;
        Ok(Self::of(bytes))
    }

    /// Copies a key out of a wiped buffer; `None` when it has not the length of one.
    pub(crate) fn parse(from: &[u8]) -> Option<Self> {
        if from.len() != Self::LENGTH {
            return None;
        }
        let mut bytes = arena::guarded();
        bytes.copy_from_slice(from);
        Some(Self::of(bytes))
    }

    fn of(bytes: Guarded<'static>) -> Self {
        let mut id = [0; KeyId::LENGTH];
        expand(&bytes, &[0; 32], b"strongroom key-id", &mut id);
        Self { id: KeyId(id), bytes }
    }

    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes, for wrapping them.
    pub(crate) fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.bytes
    }

    pub(crate) fn derive(&self, label: &str) -> Self {
        let mut bytes = arena::guarded();
        expand(&self.bytes, &[0; 32], label.as_bytes(), &mut bytes[..]);
        Self { id: self.id, bytes }
    }

    /// Fills `out` with what only this key, this salt and this context lead to.
    pub(crate) fn expand(&self, salt: &[u8; 32], context: &[u8], out: &mut [u8]) {
        expand(&self.bytes, salt, context, out);
    }

    pub(crate) fn mac<'f>(&self, label: &'f str, fields: impl IntoIterator<Item = &'f [u8]>) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.expose()));
        for field in [label.as_bytes()].into_iter().chain(fields) {
            mac.update(&length_of(field));
            mac.update(field);
        }
        mac.sign().as_ref().try_into().expect("HMAC-SHA-256 makes 32 bytes")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ***)", self.id)
    }
}

fn expand(key: &[u8; Key::LENGTH], salt: &[u8; 32], info: &[u8], out: &mut [u8]) {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(key)
        .expand(&[info], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("HKDF-SHA-256 makes up to 8,160 bytes, and no caller asks for more than 64");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_reads_back_as_itself_and_only_exactly() {
        let id = Key::random().expect("the system draws").id();
        let text = id.to_string();
        assert_eq!(KeyId::parse(&text), Some(id));
        for wrong in [
            text.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A"),
            format!("{text}00"),
            text[2..].to_owned(),
        ] {
            assert_eq!(KeyId::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_never_prints() {
        let key = Key::random().expect("the system draws");
        let shown = format!("{key:?} {:?}", SlotKey(Key::parse(key.expose()).expect("32 bytes")));
        assert!(shown.contains("***"));
        assert!(!shown.contains(&HEXLOWER.encode(key.expose())));
        assert!(!shown.contains(&format!("{:?}", key.expose()).trim_matches(['[', ']']).to_owned()));
    }

    #[test]
    fn labels_lead_to_different_keys_under_one_id() {
        let key = Key::random().expect("the system draws");
        let (one, other) = (key.derive("one"), key.derive("other"));
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.expose(), key.expose());
        assert_eq!(one.id(), key.id());
    }

    #[test]
    fn fields_of_a_mac_cannot_be_cut_differently() {
        let key = Key::random().expect("the system draws");
        let mac = |label, fields: &[&[u8]]| key.mac(label, fields.iter().copied());
        assert_ne!(mac("l", &[b"ab", b"c"]), mac("l", &[b"a", b"bc"]));
        assert_ne!(mac("l", &[b"a"]), mac("la", &[]));
        assert_ne!(mac("l", &[b"a"]), mac("l", &[b"a", b""]));
    }

    #[test]
    fn only_thirty_two_bytes_are_a_key() {
        for length in [0, 31, 33, 64] {
            assert!(Key::parse(&vec![1; length]).is_none(), "{length}");
        }
    }
}
