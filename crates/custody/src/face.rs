//! The face of a version: everything of it that may be shown, sealed as one record under the face's own label. It
//! holds names, types, locations, value ids, lengths and keyed digests, and no value.
//!
//! Its plain form is JSON: `{"name", "description", "created_by", "collection_created_at", "created_at", "secrets":
//! [{"type", "location", "value_id", "bytes", "digest"}]}`; times are microseconds since 1970, digests are hexadecimal.
//! The order is the order of the values in the contents.

use serde::{Deserialize, Serialize};
use strongroom_secrets::{Place, SecretType, ValueId};

/// What may be shown of a version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Face {
    pub(crate) name: String,
    pub(crate) description: String,
    /// Who made this version, as the audit record names them.
    pub(crate) created_by: String,
    /// When the collection was made: the column beside it is for sorting, and is held against this.
    pub(crate) collection_created_at: i64,
    /// When this version was made; its column likewise.
    pub(crate) created_at: i64,
    pub(crate) secrets: Vec<FaceSecret>,
}

/// What may be shown of one secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FaceSecret {
    r#type: String,
    location: String,
    value_id: String,
    /// The value's length, for preflight; it is never shown.
    pub(crate) bytes: u64,
    /// A digest under the instance's key, for a diff that shows no value.
    pub(crate) digest: String,
}

impl FaceSecret {
    pub(crate) fn new(place: &Place, value_id: &ValueId, bytes: u64, digest: String) -> Self {
        Self {
            r#type: place.secret_type().as_str().to_owned(),
            location: place.location().to_owned(),
            value_id: value_id.as_str().to_owned(),
            bytes,
            digest,
        }
    }

    /// Its place, parsed again: what leads to a file system is checked at delivery too. `None` when the face was not
    /// written by these rules.
    pub(crate) fn place(&self) -> Option<Place> {
        Place::parse(SecretType::parse(&self.r#type)?, &self.location).ok()
    }

    pub(crate) fn value_id(&self) -> Option<ValueId> {
        ValueId::parse(&self.value_id)
    }
}

impl Face {
    /// Its plain form, filled up with blanks to whole pages: a secret more or less does not show in its length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        const PAGE: usize = 4096;
        let mut bytes = serde_json::to_vec(self).expect("strings and numbers are JSON");
        bytes.resize(bytes.len().next_multiple_of(PAGE), b' ');
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Places and value ids, in their order.
    pub(crate) fn places(&self) -> Option<Vec<(Place, ValueId)>> {
        self.secrets.iter().map(|secret| Some((secret.place()?, secret.value_id()?))).collect()
    }
}
