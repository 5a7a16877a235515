//! What a secret is, and how it is said: the documented model (`Secret`, `SecretType`, `SecretsCollection`,
//! `SecretsCollectionSummary` of the Nextmv Cloud API), the rules of ids, locations, values and limits, and its
//! JSON. No I/O, no clock, no randomness, no cipher: everything here is a pure function of its arguments.
//!
//! A plaintext is a [`SecretValue`] from the moment it is read. Three types keep apart what must not be mixed up: a
//! [`SecretValue`] (the plaintext), a [`Mask`] (what may be shown in its place) and, in crate `seal`, sealed bytes.

mod id;
mod json;
mod limits;
mod location;
mod mask;
mod model;
mod request;
mod set;
mod timestamp;
mod value;

pub use id::{ApplicationId, CollectionId, IdError, IdKind};
pub use json::{Document, JsonError, JsonRule, Node};
pub use limits::{Limits, LimitsError};
pub use location::{EnvName, FileLocation, LocationError, Place};
pub use mask::{MASK_PREFIX, Mask, ValueId};
pub use model::{Secret, SecretType, SecretsCollection, SecretsCollectionSummary};
pub use request::{Change, Draft, NewCollection, Operation, RequestError, Update, Written};
pub use set::{Secrets, SetError};
pub use timestamp::Timestamp;
pub use value::{SecretValue, ValueError};
