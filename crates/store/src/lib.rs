//! Where sealed values and audit records rest: SQL. The only crate that knows a database.
//!
//! To this crate every sealed thing is bytes, every id is text and every time is a number that the caller
//! made. It cannot open a value, because it does not depend on the crate that has the cipher; it does not
//! know who may do what.
//!
//! A [`Store`] answers reads, one statement each. A [`Transaction`] changes it: everything lands together or
//! not at all, and only a commit yields [`Committed`], the proof that the change and its audit record are
//! durable. Changes that wait at the same time share one commit; each of them may still fail alone.

mod dialect;
mod folder;
mod group;
mod lock;
mod migrations;
mod open;
mod readers;
mod reads;
mod rows;
mod session;
mod sqlite;
mod statements;
mod store;
mod transaction;
mod trial;
mod value;

pub use open::OpenError;
pub use rows::{
    ApplicationRow, CollectionRow, Head, InstanceRow, KeyFound, KeyRow, KeyringRow, RecordFilter, RecordRow,
    RepeatableRow, SlotRow, VersionFace, VersionRow,
};
pub use session::StoreError;
pub use store::Store;
pub use transaction::{ChangeError, CommitError, Committed, Transaction};
