//! The lock file of DATA: who uses the database, who has it alone, and who serves. It knows no database.

use std::fs::File;
use std::io;

use crate::folder::Folder;
use crate::open::OpenError;
use crate::session::{StoreError, cause};
use crate::sqlite::set_lock;

/// Bytes of the file: one for all who use the database, one for the server among them.
const EVERYBODY: libc::off_t = 0;
const SERVER: libc::off_t = 1;

/// How the database is held while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Beside others. Waits for whoever is alone.
    Shared,
    /// Without others, or not at all. With `make`, the database file is made where it is missing.
    Alone { make: bool },
}

/// The file, locked until this is dropped.
pub(crate) struct Lock {
    file: File,
    folder: Folder,
}

impl Lock {
    pub(crate) fn take(folder: &Folder, hold: Hold) -> Result<Self, OpenError> {
        let file = folder.open_lock()?;
        let kind = if hold == Hold::Shared { libc::F_RDLCK } else { libc::F_WRLCK };
        let taken = match set_lock(&file, libc::F_OFD_SETLK, kind, EVERYBODY) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => match hold {
                Hold::Alone { .. } => return Err(OpenError::Held { folder: folder.path().to_owned() }),
                Hold::Shared => {
                    tracing::info!("waiting for a restore or a change of the schema");
                    set_lock(&file, libc::F_OFD_SETLKW, kind, EVERYBODY)
                }
            },
            taken => taken,
        };
        taken.map_err(|source| OpenError::Io { path: folder.path().to_owned(), source })?;
        Ok(Self { file, folder: folder.clone() })
    }

    /// Lets others in beside.
    pub(crate) fn share(&self) -> Result<(), OpenError> {
        set_lock(&self.file, libc::F_OFD_SETLK, libc::F_RDLCK, EVERYBODY)
            .map_err(|error| StoreError::Unexpected(cause(error)).into())
    }

    /// Takes the place of the server, of whom there is one.
    pub(crate) fn serve(&self) -> Result<(), OpenError> {
        set_lock(&self.file, libc::F_OFD_SETLK, libc::F_WRLCK, SERVER).map_err(|source| {
            let folder = self.folder.path().to_owned();
            match source.kind() {
                io::ErrorKind::WouldBlock => OpenError::Served { folder },
                _ => OpenError::Io { path: folder, source },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn the_lock_is_shared_by_all_or_held_by_one() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = Folder::make(&data.path().join("data")).expect("our own folder");
        let alone = Hold::Alone { make: false };
        let one = Lock::take(&folder, Hold::Shared).expect("nobody is alone");
        let other = Lock::take(&folder, Hold::Shared).expect("beside the first");
        drop(one);
        assert!(
            matches!(Lock::take(&folder, alone), Err(OpenError::Held { .. })),
            "the second still holds it"
        );
        drop(other);

        let holder = Lock::take(&folder, alone).expect("all have let go");
        assert!(matches!(Lock::take(&folder, alone), Err(OpenError::Held { .. })));
        let released = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                Lock::take(&folder, Hold::Shared).expect("it waits");
                assert!(released.load(Ordering::SeqCst), "it came in beside one who is alone");
            });
            released.store(true, Ordering::SeqCst);
            drop(holder);
        });

        let holder = Lock::take(&folder, alone).expect("all have let go");
        holder.share().expect("it may always be shared");
        Lock::take(&folder, Hold::Shared).expect("beside one who shares it");
    }

    #[test]
    fn one_serves_and_all_may_share() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = Folder::make(&data.path().join("data")).expect("our own folder");
        let take = || Lock::take(&folder, Hold::Shared).expect("beside others");
        let (one, other) = (take(), take());
        one.serve().expect("the first");
        assert!(matches!(other.serve(), Err(OpenError::Served { .. })));
        drop(one);
        other.serve().expect("the place is free");
        take();
    }
}
