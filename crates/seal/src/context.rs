//! What a record is and where it belongs, as bytes that no other place shares. It decides no access and reads no
//! record; a record that was moved simply does not open.
//!
//! ```text
//! context = lp(label) ‖ lp(format) ‖ lp(suite) ‖ lp(instance) ‖ lp(application) ‖ lp(collection)
//!         ‖ lp(object) ‖ lp(version) ‖ lp(generation) ‖ lp(key id)
//! ```
//!
//! All ten fields are always there, in this order; one that does not apply is empty (the version: 0). Format and
//! suite are one byte each, the version is 8 bytes, the key id 16, the others UTF-8 text.
//!
//! | label | application | collection | object | version | generation |
//! |---|---|---|---|---|---|
//! | `strongroom slot-root-key` | | | | 0 | |
//! | `strongroom keyring` | | | | of the keyring | |
//! | `strongroom collection-key` | born id | born id | collection id | of the key | |
//! | `strongroom application-face` | born id | | application id | 0 while it lives, 1 for a tombstone | |
//! | `strongroom face`, `strongroom contents` | born id | born id | collection id | of the collection | of the version |
//! | `strongroom grant` | | | id of the API key | of the grant | |
//! | `strongroom audit-record` | | | ledger, decimal | seq | of the record |

use crate::keys::KeyId;

/// What a sealed record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    SlotRootKey,
    Keyring,
    CollectionKey,
    ApplicationFace,
    Face,
    Contents,
    Grant,
    AuditRecord,
}

impl Purpose {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::SlotRootKey => "strongroom slot-root-key",
            Self::Keyring => "strongroom keyring",
            Self::CollectionKey => "strongroom collection-key",
            Self::ApplicationFace => "strongroom application-face",
            Self::Face => "strongroom face",
            Self::Contents => "strongroom contents",
            Self::Grant => "strongroom grant",
            Self::AuditRecord => "strongroom audit-record",
        }
    }
}

/// The place of one record. Bound into its key and authenticated with it, never stored in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) instance: &'a str,
    pub(crate) application: &'a str,
    pub(crate) collection: &'a str,
    pub(crate) object: &'a str,
    pub(crate) version: u64,
    pub(crate) generation: &'a str,
}

impl<'a> Context<'a> {
    /// The context of something that belongs to the whole instance; the other fields are empty.
    pub(crate) fn of_instance(purpose: Purpose, instance: &'a str) -> Self {
        Self { purpose, instance, application: "", collection: "", object: "", version: 0, generation: "" }
    }

    // Invariant: two different contexts never encode to the same bytes (`different_contexts_never_encode_equal`).
    pub(crate) fn encode(&self, format: u8, suite: u8, key_id: &KeyId) -> Vec<u8> {
        let fields: [&[u8]; 10] = [
            self.purpose.label().as_bytes(),
            &[format],
            &[suite],
            self.instance.as_bytes(),
            self.application.as_bytes(),
            self.collection.as_bytes(),
            self.object.as_bytes(),
            &self.version.to_be_bytes(),
            self.generation.as_bytes(),
            key_id.as_bytes(),
        ];
        let length = fields.iter().map(|field| size_of::<u64>() + field.len()).sum();
        let mut bytes = Vec::with_capacity(length);
        for field in fields {
            bytes.extend_from_slice(&length_of(field));
            bytes.extend_from_slice(field);
        }
        bytes
    }
}

/// The prefix in `lp(x)`.
pub(crate) fn length_of(field: &[u8]) -> [u8; 8] {
    (field.len() as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Fields = (usize, [String; 5], u64, u8, u8, [u8; 16]);

    const PURPOSES: [Purpose; 8] = [
        Purpose::SlotRootKey,
        Purpose::Keyring,
        Purpose::CollectionKey,
        Purpose::ApplicationFace,
        Purpose::Face,
        Purpose::Contents,
        Purpose::Grant,
        Purpose::AuditRecord,
    ];

    fn encode((purpose, text, version, format, suite, key_id): &Fields) -> Vec<u8> {
        let [instance, application, collection, object, generation] = text;
        let purpose = PURPOSES[*purpose];
        Context { purpose, instance, application, collection, object, version: *version, generation }.encode(
            *format,
            *suite,
            &KeyId::from_bytes(*key_id),
        )
    }

    // Few letters and small numbers, so that neighbouring fields often could be cut differently.
    fn fields() -> impl Strategy<Value = Fields> {
        (
            0..PURPOSES.len(),
            proptest::array::uniform5("[a\0\x01]{0,3}"),
            0..3u64,
            1..3u8,
            1..3u8,
            Just([9; 16]),
        )
    }

    proptest! {
        #[test]
        fn different_contexts_never_encode_equal(one in fields(), other in fields()) {
            prop_assert_eq!(one == other, encode(&one) == encode(&other));
        }

        #[test]
        fn text_that_moves_to_the_next_field_changes_the_encoding(one in fields(), from in 0..4usize) {
            let mut other = one.clone();
            if let Some(last) = other.1[from].pop() {
                other.1[from + 1].insert(0, last);
                prop_assert_ne!(encode(&one), encode(&other));
            }
        }
    }

    #[test]
    fn every_purpose_has_its_own_label() {
        for (at, one) in PURPOSES.iter().enumerate() {
            for other in &PURPOSES[at + 1..] {
                assert_ne!(one.label(), other.label());
            }
        }
    }

    #[test]
    fn the_encoding_is_the_documented_one() {
        let context = Context {
            purpose: Purpose::Face,
            instance: "i",
            application: "",
            collection: "cc",
            object: "",
            version: 258,
            generation: "g",
        };
        let mut expected = Vec::new();
        let fields: [&[u8]; 10] = [
            b"strongroom face",
            &[1],
            &[2],
            b"i",
            b"",
            b"cc",
            b"",
            &[0, 0, 0, 0, 0, 0, 1, 2],
            b"g",
            &[7; 16],
        ];
        for field in fields {
            expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0]);
            expected.push(u8::try_from(field.len()).expect("short fields"));
            expected.extend_from_slice(field);
        }
        assert_eq!(context.encode(1, 2, &KeyId::from_bytes([7; 16])), expected);
    }
}
