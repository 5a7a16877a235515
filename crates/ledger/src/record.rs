//! The audit record: who did what to which collection, and how it ended. Its bytes are what the tree hashes.
//! It has no field that could hold a value, a name, a description or a location, and it is not sealed here.
//!
//! # Bytes
//!
//! `version (1 byte, 1) ‖ blind (16 bytes, random) ‖ fields`, at most [`Record::MAX_BYTES`] in all. A field
//! is `number (1 byte) ‖ length (2 bytes, big-endian) ‖ content`, and numbers rise strictly. Numbers of 8
//! bytes are big-endian. Texts are UTF-8, 1 to 255 bytes, without control and invisible characters; words are
//! texts from a list. There is one way to write a record: what [`Record::parse`] accepts, [`Record::encode`]
//! writes again byte for byte, fields that this program does not know included.
//!
//! The blind keeps a leaf hash, which is public, from confirming a guess of the record behind it.
//!
//! | number | field | content | present |
//! |---|---|---|---|
//! | 1 | `seq` | 8 bytes | always |
//! | 2 | `time` | 8 bytes, two's complement, µs since 1970 | always |
//! | 3 | `actor_kind` | word: [`ActorKind`] | always |
//! | 4 | `actor_name` | text | always |
//! | 5 | `source` | text: the caller's address | when it came over the network |
//! | 6 | `action` | word: [`Action`] | always |
//! | 7 | `application_id` | text | when about an application |
//! | 8 | `application_born` | text | when about an application that exists |
//! | 9 | `collection_id` | text | when about a collection |
//! | 10 | `collection_born` | text | when about a collection that exists |
//! | 11 | `version` | 8 bytes | when about one version |
//! | 12 | `outcome` | word: [`Outcome`] | always |
//! | 13 | `rule` | text: which rule refused | nothing fills it yet |
//! | 14 | `request_id` | text | when it came over the network |
//! | 15 | `epoch` | 8 bytes | when a collection was changed or handed out; needs 10 |
//! | 16 | `manifest_mac` | 32 bytes | when a collection was changed or handed out; needs 15 |
//! | 17 | `authority_size` | 8 bytes: size of ledger 0 when the API key was checked | when an API key acted |
//! | 18 | `generation` | text, like `1-abcdefgh` | always |
//! | 19, 20, 21 | `run_host`, `run_user`, `run_command` | quoted, 0 to 64 bytes: [`RunClaim`] | all or none |
//! | 22 | the checkpoint that a generation descends from | | reserved |
//! | 23 | `end` | text, like `exit:0`: [`RunEnd`] | when a run ended; needs 24 |
//! | 24 | `receipt` | text, like `1-abcdefgh.0.42`: the delivery that a run was for | when a run ended |
//! | 25 | `key_id` | text: the id of an API key | when an API key was made or revoked |
//! | 26 | `grant_commitment` | 32 bytes: what the key's sealed grant begins with from now on | when a grant was sealed; needs 25 |
//!
//! A new field takes the next number; a number is never used for a second meaning.

mod encoding;
mod run_claim;
mod run_end;
mod words;

pub use encoding::{EncodeError, ParseError};
pub use run_claim::RunClaim;
pub use run_end::{RunEnd, RunEndError, RunRefusal};
pub use words::{Action, ActorKind, NewerWord, Outcome};

use crate::generation::{Generation, Receipt};

/// One audit record, in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Random, so that nobody can guess the record from its public hash.
    pub blind: [u8; 16],
    /// Its place in its ledger, from 0: the size of the tree before it.
    pub seq: u64,
    /// When it happened: microseconds since 1970, UTC. Clocks may step back; `seq` is the order.
    pub time: i64,
    /// Who did it.
    pub actor: Actor,
    /// From where: the caller's address.
    pub source: Option<String>,
    /// What was done.
    pub action: Action,
    /// The application it was done to or in.
    pub application_id: Option<String>,
    /// Which of the applications that have had this id.
    pub application_born: Option<String>,
    /// The collection it was done to.
    pub collection_id: Option<String>,
    /// Which of the collections that have had this id.
    pub collection_born: Option<String>,
    /// The version of the collection that was made, read or delivered.
    pub version: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Which rule refused it.
    pub rule: Option<String>,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// The collection's count of mutations, this one included.
    pub epoch: Option<u64>,
    /// The collection's manifest after this mutation.
    pub manifest_mac: Option<[u8; 32]>,
    /// The size of ledger 0 when the API key was checked: "delivered after the revocation" can be proved.
    pub authority_size: Option<u64>,
    /// The life of the instance in which it was written.
    pub generation: Generation,
    /// What the client says about the run that the delivery is for.
    pub run: Option<RunClaim>,
    /// How a run ended, as its client says.
    pub end: Option<RunEnd>,
    /// The delivery that the run was for.
    pub receipt: Option<Receipt>,
    /// The API key that was made or revoked; who did it is the actor.
    pub key_id: Option<String>,
    /// The commitment of that key's sealed grant after this change.
    pub grant_commitment: Option<[u8; 32]>,
    /// What a newer program wrote into fields that this one does not know.
    pub unknown: UnknownFields,
}

impl Record {
    /// No record is longer than this.
    pub const MAX_BYTES: usize = 4096;

    /// A record with what every record has; the rest is set by struct update.
    pub fn new(
        blind: [u8; 16],
        seq: u64,
        time: i64,
        actor: Actor,
        action: Action,
        outcome: Outcome,
        generation: Generation,
    ) -> Self {
        Self {
            blind,
            seq,
            time,
            actor,
            source: None,
            action,
            application_id: None,
            application_born: None,
            collection_id: None,
            collection_born: None,
            version: None,
            outcome,
            rule: None,
            request_id: None,
            epoch: None,
            manifest_mac: None,
            authority_size: None,
            generation,
            run: None,
            end: None,
            receipt: None,
            key_id: None,
            grant_commitment: None,
            unknown: UnknownFields::default(),
        }
    }
}

/// Who acted, and how strongroom knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// How they were recognised.
    pub kind: ActorKind,
    /// Their name among actors of this kind: a user of the operating system, or the id of an API key.
    pub name: String,
}

/// Fields of numbers that this program does not know, kept as they were.
///
/// Only [`Record::parse`] makes one that is not empty, so none can stand in for a field that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnknownFields(Vec<(u8, Vec<u8>)>);
