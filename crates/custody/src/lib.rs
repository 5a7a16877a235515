//! Everything one may do with a secrets collection. Rows and keys meet here and nowhere else: the store cannot open a
//! value, the seal knows no database, and whoever asks holds an [`Access`] as proof.
//!
//! Two rules shape this crate. It decides before it commits, and a change and its audit record are one transaction.
//! And no plaintext leaves before its record is durable: see [`Withheld`].

mod access;
mod application;
mod audit;
mod authority;
mod collection;
mod custodian;
mod delivery;
mod error;
mod face;
mod fresh;
mod history;
mod keys;
mod life;
mod memo;
mod merge;
mod page;
mod release;
mod repeatable;
mod runs;
mod update;
mod uses;
mod verify;
mod version;

pub use access::{Access, Audit, Caller, Deliver, Everywhere, List, Manage, Reveal, Right, Write};
pub use application::{ApplicationUpdate, NewApplication};
pub use audit::{AuditFilter, AuditPage};
pub use collection::CollectionMark;
pub use custodian::{Custodian, FoundError, Setup, UnlockError};
pub use delivery::{Prepared, Releases};
pub use error::{
    Absent, ApplicationError, AuthenticateError, CreateError, Denied, EndError, Fault, KeyError, ReadError,
    RepeatError, UpdateError,
};
pub use merge::Changes;
pub use page::Page;
pub use release::{Recorded, Withheld};
pub use repeatable::{Repeatable, Repeated};
pub use strongroom_store::{CommitError, StoreError};
pub use update::Updated;
pub use verify::{Verified, VerifyError, verify};
