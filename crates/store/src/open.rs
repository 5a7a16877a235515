//! How a store comes to be: the folder is looked at, the lock is taken, the database is recognised and
//! brought up to date. Nothing here knows what is in it.

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::{Folder, Shown};
use crate::lock::Hold;
use crate::migrations::{self, Standing};
use crate::session::{Session, StoreError};
use crate::sqlite::Connection;

/// How often we go back to the line when another process is at the same work. It is waited for, so once is
/// enough unless it dies half way, and the next one too.
const ROUNDS: usize = 5;

pub(crate) async fn create(path: &Path) -> Result<Session, OpenError> {
    let folder = Folder::make(path)?;
    raise(&folder, true).await
}

pub(crate) async fn open(path: &Path) -> Result<Session, OpenError> {
    let folder = Folder::find(path)?;
    let session = Session::Sqlite(Connection::open(&folder, Hold::Shared)?);
    match migrations::look(&session).await? {
        Standing::Current => return Ok(session),
        Standing::Blank => return Err(OpenError::Missing { folder: folder.path().to_owned() }),
        Standing::Behind => session.close().await,
    }
    raise(&folder, false).await
}

/// The session that writes, and others that only read.
pub(crate) async fn open_serving(path: &Path, readers: usize) -> Result<(Session, Vec<Session>), OpenError> {
    let folder = Folder::find(path)?;
    let Session::Sqlite(connection) = open(path).await?;
    connection.serve()?;
    let readers = (0..readers).map(|_| connection.open_reader(&folder).map(Session::Sqlite));
    let readers = readers.collect::<Result<_, _>>()?;
    Ok((Session::Sqlite(connection), readers))
}

pub(crate) async fn memory() -> Result<Session, OpenError> {
    let session = Session::Sqlite(Connection::memory()?);
    migrations::run(&session).await?;
    Ok(session)
}

/// Brings the database to the newest schema, alone with it, then shares it. Another process that has it may
/// be doing just that: then wait for it, and see whether there is anything left to do.
async fn raise(folder: &Folder, make: bool) -> Result<Session, OpenError> {
    for _ in 0..ROUNDS {
        match Connection::open(folder, Hold::Alone { make }) {
            Ok(connection) => {
                let session = Session::Sqlite(connection);
                migrations::run(&session).await?;
                session.write_back().await;
                session.share().await?;
                return Ok(session);
            }
            Err(OpenError::Held { .. }) => {}
            Err(error) => return Err(error),
        }
        match Connection::open(folder, Hold::Shared) {
            Ok(connection) => {
                let session = Session::Sqlite(connection);
                if migrations::look(&session).await? == Standing::Current {
                    return Ok(session);
                }
                session.close().await;
            }
            // It has not come so far as to make the file, or died before.
            Err(OpenError::Missing { .. }) if make => {}
            Err(error) => return Err(error),
        }
    }
    Err(OpenError::Held { folder: folder.path().to_owned() })
}

/// Why a folder holds no store that we may use.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A relative path means another place tomorrow, and `file:…` means another thing to the database.
    #[error("{} is not an absolute path: name the whole path, from /", .path.display())]
    Relative {
        /// What was named.
        path: PathBuf,
    },
    /// There is no store.
    #[error("there is no strongroom in {}: make one with `strongroom init`", .folder.display())]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// It belongs to another user.
    #[error(
        "{} belongs to another user (uid {owner}), and only its owner may use it: \
         type `sudo -u '#{owner}' strongroom …`, or become uid {owner}",
        .path.display()
    )]
    OtherOwner {
        /// What belongs to that user.
        path: PathBuf,
        /// Who that is.
        owner: u32,
    },
    /// A mount point of another user: a folder of ours may lie below it.
    #[error(
        "{} is a mount point that belongs to another user (uid {owner}): name a folder below it, such as {}",
        .path.display(), .below.display()
    )]
    MountPoint {
        /// The mount point.
        path: PathBuf,
        /// To whom it belongs.
        owner: u32,
        /// A folder that may be ours.
        below: PathBuf,
    },
    /// Others may get at it.
    #[error(
        "{} is open to other users (mode {mode:04o}): type `chmod {proper} {}`",
        .path.display(), Shown(.path)
    )]
    TooOpen {
        /// What is open.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it should have.
        proper: &'static str,
    },
    /// It is no file, or no folder, where it should be.
    #[error("{} is not a {wanted}: name another folder", .path.display())]
    OtherKind {
        /// What is in the way.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// Locks do not hold over a network.
    #[error(
        "{} is on a network file system ({kind}), where locks cannot be trusted: name a folder on a local disk",
        .path.display()
    )]
    Network {
        /// The folder.
        path: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// A file of somebody else's program.
    #[error("{} is not a strongroom database: name another folder", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer strongroom made it.
    #[error(
        "the database has schema {found}, and this program knows schemas up to {known}: use a newer strongroom"
    )]
    NewerSchema {
        /// The schema it has.
        found: u64,
        /// The newest schema that this program knows.
        known: u64,
    },
    /// An older strongroom made it, and nothing leads on from it.
    #[error(
        "the database has schema {found}, from before formats were settled: make a new strongroom in another folder"
    )]
    OlderSchema {
        /// The schema it has.
        found: u64,
    },
    /// Somebody changed what tables there are, so what is in them cannot be believed.
    #[error(
        "the database's tables are not those that strongroom makes: it was altered or damaged; restore a backup"
    )]
    Altered,
    /// Others use it, and this needs it alone.
    #[error(
        "other processes use {}, and its schema must be changed alone: end them, then try again",
        .folder.display()
    )]
    Held {
        /// The folder.
        folder: PathBuf,
    },
    /// Another server has it.
    #[error(
        "a strongroom server is already running on {}: use that one, or end it first",
        .folder.display()
    )]
    Served {
        /// The folder.
        folder: PathBuf,
    },
    /// The library has a fault that loses data.
    #[error("the SQLite library {found} may lose data: use one from 3.51.3 on")]
    Library {
        /// The version that was found.
        found: &'static str,
    },
    /// The operating system refuses something with the folder.
    #[error("{} cannot be used by strongroom", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The database has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
