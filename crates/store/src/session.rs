//! One conversation with a database: statements in, rows out, one at a time. It says nothing of which
//! database, and knows no table.

use std::error::Error;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::open::OpenError;
use crate::sqlite;
use crate::transaction::CommitError;
use crate::trial::Refusal;
use crate::value::{Row, Value};

/// What a driver said. For logs, by way of `source()`; it may name tables and columns, never what is in them.
/// Shared, because all whose changes were to be committed together hear of one failure.
pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

pub(crate) fn cause(error: impl Into<Box<dyn Error + Send + Sync>>) -> Cause {
    Arc::from(error.into())
}

/// An open conversation. Who holds it is, in this process, alone with the database.
pub(crate) enum Session {
    Sqlite(sqlite::Connection),
}

impl Session {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    pub(crate) async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, Failure> {
        let sql = self.dialect().write(sql);
        match self {
            Self::Sqlite(connection) => connection.query(&sql, &values),
        }
    }

    /// Answers how many rows were touched.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, Failure> {
        let sql = self.dialect().write(sql);
        match self {
            Self::Sqlite(connection) => connection.execute(&sql, &values),
        }
    }

    /// Runs many statements without parameters: a migration.
    pub(crate) async fn run_script(&self, sql: &str) -> Result<(), Failure> {
        let sql = self.dialect().write(sql);
        match self {
            Self::Sqlite(connection) => connection.run_script(&sql),
        }
    }

    /// Begins a transaction that may write; no other writer gets in until it ends.
    pub(crate) async fn begin(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.begin(),
        }
    }

    /// Marks this point of the transaction, to come back to.
    pub(crate) async fn mark(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.mark(),
        }
    }

    /// Keeps what was done since the mark, and forgets the mark.
    pub(crate) async fn keep(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.keep(),
        }
    }

    /// Undoes what was done since the mark, and forgets the mark. An error says why the whole transaction is lost.
    /// Does not wait, so that a destructor can call it.
    pub(crate) fn undo(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.undo(),
        }
    }

    /// Does not wait, so that a destructor can call it.
    pub(crate) fn commit(&self) -> Result<(), CommitError> {
        match self {
            Self::Sqlite(connection) => connection.commit(),
        }
    }

    /// Gives up what was begun, if anything was. Does not wait, so that a destructor can call it: it is in
    /// line before whatever this session is asked next.
    pub(crate) fn roll_back(&self) {
        match self {
            Self::Sqlite(connection) => connection.roll_back(),
        }
    }

    /// Lets others in again after a migration.
    pub(crate) async fn share(&self) -> Result<(), OpenError> {
        match self {
            Self::Sqlite(connection) => connection.share(),
        }
    }

    /// A number that is another one after the tables were altered.
    pub(crate) async fn schema_version(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => connection.schema_version(),
        }
    }

    /// Where it is noted why nothing could be written, as long as that is so.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Sqlite(connection) => connection.refusal(),
        }
    }

    /// Moves what was committed to where it stays when there is much of it, and holds up nobody for long.
    pub(crate) async fn tend(&self) {
        match self {
            Self::Sqlite(connection) => connection.tend(),
        }
    }

    /// Moves what was committed to where it stays, if nobody is in the way.
    pub(crate) async fn write_back(&self) {
        match self {
            Self::Sqlite(connection) => connection.write_back(),
        }
    }

    /// Has the database hold everything in it against everything else.
    pub(crate) async fn check_integrity(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.check_integrity(),
        }
    }

    /// Returns when the database and its lock are let go.
    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close(),
        }
    }
}

/// Why a statement was not carried out.
pub(crate) enum Failure {
    /// A row of that key exists.
    Duplicate(Cause),
    /// The row that this one belongs to does not exist.
    Orphan(Cause),
    Store(StoreError),
}

/// Why the store has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else writes, and did not let go in time. Trying again may help.
    #[error("the database is busy: another process has been writing to it for 10 seconds; try again")]
    Busy(#[source] Cause),
    /// There is no room. Trying again helps after room was made.
    #[error("the disk that holds the database is full: make room, then try again; nothing was changed")]
    DiskFull(#[source] Cause),
    /// The database can be read but not written.
    #[error(
        "the database cannot be written: its file system is read-only; mount it writable, then try again"
    )]
    ReadOnly(#[source] Cause),
    /// The disk failed. After that nobody can know what it holds, so this store refuses all further work.
    #[error("the disk that holds the database answered with an error: check the disk, then start again")]
    Broken(#[source] Cause),
    /// What was read is not what was written.
    #[error("the database is damaged ({what}): restore a backup")]
    Damaged {
        /// What is wrong, by ids at most.
        what: String,
        /// What noticed it, where that was not ourselves.
        source: Option<Cause>,
    },
    /// An earlier step of the same change failed, so nothing of it is or will be written.
    #[error("an earlier step of this change failed: nothing of it was written")]
    Abandoned,
    /// Nothing a caller can do about: a statement that this database does not take.
    #[error("the database refused a statement that it should know: please report this")]
    Unexpected(#[source] Cause),
}

impl StoreError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), source: None }
    }
}

impl From<Failure> for StoreError {
    /// For statements that insert nothing of the caller's: there a broken constraint is nobody's question.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Duplicate(cause) | Failure::Orphan(cause) => Self::Unexpected(cause),
            Failure::Store(error) => error,
        }
    }
}
