//! Everything one may do with a secrets collection. Rows and keys meet here and nowhere else: the store cannot open a
//! value, the seal knows no database, and whoever asks holds an [`Access`] as proof.
//!
//! Two rules shape this crate. It decides before it commits, and a change and its audit record are one transaction.
//! And no plaintext leaves before its record is durable: see [`Withheld`].

mod access;
mod application;
mod audit;
mod collection;
mod custodian;
mod delivery;
mod error;
mod face;
mod fresh;
mod merge;
mod release;
mod update;
mod verify;
mod version;

pub use access::{Access, Audit, Caller, Deliver, Everywhere, List, Manage, Reveal, Write};
pub use application::{Application, NewApplication};
pub use audit::{AuditEntry, AuditFilter, AuditPage};
pub use custodian::{Custodian, FoundError, Setup, UnlockError};
pub use delivery::Delivery;
pub use error::{Absent, ApplicationError, CreateError, Fault, ReadError, UpdateError};
pub use merge::Changes;
pub use release::{Recorded, Withheld};
pub use update::Updated;
pub use verify::{Verified, VerifyError, verify};
pub use version::VersionSummary;
