//! Which versions of a collection there are, under one MAC. It looks at no row and decides nothing about a mismatch.
//!
//! ```text
//! manifest MAC = mac(manifest key, "strongroom manifest", collection id, born id, live(1), epoch(8),
//!                    key version(8), version(8), face's commitment(32), contents' commitment(32), chain(32),
//!                    oldest version(8), oldest chain(32))
//! ```
//!
//! where live is 1, or 0 for a tombstone, with `mac` and the manifest key's derivation as in `keys.rs` and `collection.rs`.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::keys::Key;

/// The state of a collection as its manifest MAC fixes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// The collection's id, which another collection may have had before.
    pub collection_id: &'a str,
    /// The random id it was born with, which no other ever has.
    pub born: &'a str,
    /// Whether it is no tombstone.
    pub live: bool,
    /// How many mutations it has seen.
    pub epoch: u64,
    /// Which collection key its records are sealed under.
    pub key_version: u64,
    /// The current version.
    pub version: u64,
    /// [`crate::commitment_of`] the current version's face.
    pub face_commitment: [u8; 32],
    /// [`crate::commitment_of`] the current version's contents.
    pub contents_commitment: [u8; 32],
    /// The current version's chain value.
    pub chain: [u8; 32],
    /// The oldest version that is kept.
    pub oldest_version: u64,
    /// The oldest kept version's chain value.
    pub oldest_chain: [u8; 32],
}

/// The key of a collection's manifest.
#[derive(Debug)]
pub struct ManifestKey(pub(crate) Key);

impl ManifestKey {
    /// The MAC to store beside the collection.
    #[must_use]
    pub fn mac(&self, manifest: &Manifest<'_>) -> [u8; 32] {
        self.0.mac(
            "strongroom manifest",
            [
                manifest.collection_id.as_bytes(),
                manifest.born.as_bytes(),
                &[u8::from(manifest.live)],
                &manifest.epoch.to_be_bytes(),
                &manifest.key_version.to_be_bytes(),
                &manifest.version.to_be_bytes(),
                &manifest.face_commitment,
                &manifest.contents_commitment,
                &manifest.chain,
                &manifest.oldest_version.to_be_bytes(),
                &manifest.oldest_chain,
            ],
        )
    }

    /// Whether `mac` is the MAC of this state; compared in constant time.
    #[must_use]
    pub fn verify(&self, manifest: &Manifest<'_>, mac: &[u8]) -> bool {
        verify_slices_are_equal(&self.mac(manifest), mac).is_ok()
    }
}
