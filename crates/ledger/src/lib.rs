//! Whether history was changed: audit records, their Merkle tree, and the verification of a whole log.
//!
//! Pure: no clock, no randomness, no I/O, no key. What it says can be checked by anyone who has the records,
//! with neither the server nor a key. It does not seal records, and it does not know where they rest.

pub mod generation;
pub mod record;
pub mod tree;
pub mod verify;

pub use generation::{Generation, Receipt};
pub use record::Record;
