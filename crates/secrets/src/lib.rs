//! What a secret is, and how it is said: the documented model (`Secret`, `SecretType`, `SecretsCollection`,
//! `SecretsCollectionSummary` of the Nextmv Cloud API), the rules of ids, locations, values and limits, and its
//! JSON. No I/O, no clock, no randomness, no cipher: everything here is a pure function of its arguments.
//!
//! A plaintext is a [`SecretValue`] from the moment it is read. Three types keep apart what must not be mixed up: a
//! [`SecretValue`] (the plaintext), a [`Mask`] (what may be shown in its place) and, in crate `seal`, sealed bytes.

mod action;
mod delivery;
pub mod dotenv;
mod id;
mod json;
mod limits;
mod location;
mod mask;
mod model;
mod new_key;
mod request;
mod set;
mod shapes;
mod tag;
mod timestamp;
mod token;
mod value;

pub use action::{Action, ActionError, Actions, Role, RoleError};
pub use delivery::{Delivered, DeliveryRequest, End, Purpose, RefusedBy, RunClaimText};
pub use id::{ApplicationId, CollectionId, IdError, IdKind};
pub use json::{Document, JsonError, JsonRule, Node};
pub use limits::{Limits, LimitsError};
pub use location::{EnvName, FileLocation, LocationError, Place};
pub use mask::{MASK_PREFIX, Mask, ValueId};
pub use model::{Secret, SecretType, SecretsCollection, SecretsCollectionSummary};
pub use new_key::{Expiry, NewKey};
pub use request::{Change, Draft, NewCollection, Operation, RequestError, Update, Verb, Written};
pub use set::{Secrets, SetError};
pub use shapes::{
    ApiKey, Application, AuditEntry, Diff, Items, Outline, OutlineSecret, Problem, VersionSummary,
};
pub use tag::VersionTag;
pub use timestamp::Timestamp;
pub use token::{ApiKeyId, ApiKeyIdError, Token, TokenError};
pub use value::{SecretValue, ValueError};
