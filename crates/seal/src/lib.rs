//! How a value is sealed: root key, keyring, collection keys, and the one record format behind all of them. The only
//! crate with a cipher. It knows no database, no clock and no network, and no raw key ever leaves it.
//!
//! The keys, from the outside in:
//!
//! ```text
//! slot key (key file)  wraps  root key  wraps  keyring: master, audit, mask, digest, token, idempotency
//!                                                 master  wraps  collection key
//!                                                                  ├ face key      what may be shown
//!                                                                  ├ contents key  the values
//!                                                                  └ manifest key  which versions there are
//! ```
//!
//! Each file of this crate begins with the bytes it makes, precisely enough to make them with other tools;
//! `vectors/` holds known answers, made by a second implementation that shares no code with this one. In these
//! descriptions `‖` joins bytes, numbers are big-endian, and `lp(x)` is the length of x as 8 bytes, then x.

mod arena;
mod collection;
mod contents;
mod context;
pub mod keyfile;
mod keypath;
mod keyring;
mod keys;
mod manifest;
mod padding;
pub mod random;
mod record;
#[cfg(test)]
mod residue;
mod root;
#[cfg(test)]
mod vectors;

pub use collection::{CollectionIdentity, CollectionKey, ContentsKey, FaceKey};
pub use keyring::{ApplicationIdentity, ContentsDigest, FaceDigest, Keyring, RequestMac};
pub use keys::{KeyId, SlotKey};
pub use manifest::{Manifest, ManifestKey};
pub use random::RandomError;
pub use record::{MAX_PLAINTEXT, OpenError, SealError, commitment_of};
pub use root::RootKey;
