//! The key of one collection, and the three keys that come from it: for the face of a version, for its contents, and
//! for the manifest. They are different types, and none leads back or across: whoever holds a [`FaceKey`] holds
//! nothing that opens a value. Wrapping and unwrapping is the keyring's business.
//!
//! ```text
//! face key, contents key, manifest key = derived from the collection key (see keys.rs) by the labels
//!     "strongroom face-key", "strongroom contents-key", "strongroom manifest-key"
//! face     = record under the face key, label "strongroom face"; plaintext as given
//! contents = record under the contents key, label "strongroom contents"; plaintext as in contents.rs
//! ```

use std::borrow::Borrow;
use std::sync::Arc;

use strongroom_secrets::SecretValue;
use zeroize::Zeroizing;

use crate::contents;
use crate::context::{Context, Purpose};
use crate::keys::Key;
use crate::manifest::ManifestKey;
use crate::record::{self, OpenError, SealError};

/// Which collection a key belongs to. Everything sealed under that key opens for this collection only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectionIdentity<'a> {
    /// The born id of its application.
    pub application: &'a str,
    /// Its own born id.
    pub born: &'a str,
    /// Its id.
    pub id: &'a str,
}

/// The key of a collection: it leads to values,
///
/// ```
/// # use strongroom_seal::CollectionKey;
/// fn open_values(key: &CollectionKey, contents: &[u8]) -> bool {
///     key.contents_key().open(1, "1-abcdefgh", contents).is_ok()
/// }
/// ```
///
/// and the key for reading faces does not:
///
/// ```compile_fail
/// # use strongroom_seal::FaceKey;
/// fn open_values(key: &FaceKey, contents: &[u8]) -> bool {
///     key.contents_key().open(1, "1-abcdefgh", contents).is_ok()
/// }
/// ```
#[derive(Debug)]
pub struct CollectionKey {
    key: Key,
    owner: Arc<Owner>,
}

impl CollectionKey {
    pub(crate) fn of(key: Key, instance: &str, collection: &CollectionIdentity<'_>) -> Self {
        let owner = Owner {
            instance: instance.to_owned(),
            application: collection.application.to_owned(),
            born: collection.born.to_owned(),
            id: collection.id.to_owned(),
        };
        Self { key, owner: Arc::new(owner) }
    }

    #[cfg(test)]
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The key of its versions' faces.
    #[must_use]
    pub fn face_key(&self) -> FaceKey {
        FaceKey { key: self.key.derive("strongroom face-key"), owner: Arc::clone(&self.owner) }
    }

    /// The key of its versions' contents: the one key that opens values.
    #[must_use]
    pub fn contents_key(&self) -> ContentsKey {
        ContentsKey { key: self.key.derive("strongroom contents-key"), owner: Arc::clone(&self.owner) }
    }

    /// The key of its manifest.
    #[must_use]
    pub fn manifest_key(&self) -> ManifestKey {
        ManifestKey(self.key.derive("strongroom manifest-key"))
    }
}

/// Seals and opens what may be shown of a version.
#[derive(Debug)]
pub struct FaceKey {
    key: Key,
    owner: Arc<Owner>,
}

impl FaceKey {
    /// Seals the face of a version.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, version: u64, generation: &str, face: &[u8]) -> Result<Vec<u8>, SealError> {
        record::seal(&self.key, &self.owner.context(Purpose::Face, version, generation), face)
    }

    /// Opens the face of a version.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, version: u64, generation: &str, face: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        record::open(&self.key, &self.owner.context(Purpose::Face, version, generation), face)
    }
}

/// Seals and opens the values of a version.
#[derive(Debug)]
pub struct ContentsKey {
    key: Key,
    owner: Arc<Owner>,
}

impl ContentsKey {
    /// Seals the values of a version, in their order.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal<V: Borrow<SecretValue>>(
        &self,
        version: u64,
        generation: &str,
        values: &[V],
    ) -> Result<Vec<u8>, SealError> {
        let plaintext = contents::encode(values)?;
        record::seal(&self.key, &self.owner.context(Purpose::Contents, version, generation), &plaintext)
    }

    /// Opens the values of a version, in their order.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        version: u64,
        generation: &str,
        contents: &[u8],
    ) -> Result<Vec<SecretValue>, OpenError> {
        let context = self.owner.context(Purpose::Contents, version, generation);
        contents::parse(&record::open(&self.key, &context, contents)?)
    }
}

/// Whose key it is: kept with the key, so that no caller can name another collection when it seals or opens.
#[derive(Debug)]
struct Owner {
    instance: String,
    application: String,
    born: String,
    id: String,
}

impl Owner {
    fn context<'a>(&'a self, purpose: Purpose, version: u64, generation: &'a str) -> Context<'a> {
        Context {
            purpose,
            instance: &self.instance,
            application: &self.application,
            collection: &self.born,
            object: &self.id,
            version,
            generation,
        }
    }
}
