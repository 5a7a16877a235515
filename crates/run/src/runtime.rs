//! The folders in memory where files of runs truly lie, and which of them can be trusted. What lies in them is not its
//! business (`files`, `leftovers`).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    CWD, FlockOperation, Mode, OFlags, ResolveFlags, Stat, flock, fstat, fstatfs, mkdirat, open, openat,
    openat2,
};
use rustix::io::Errno;

/// What a tmpfs and a ramfs call themselves in statfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Of our folder in one that is this user's own.
const OWN_NAME: &str = "strongroom";

/// Where files may truly lie, as the environment says it.
#[derive(Debug, Clone)]
pub struct RuntimeFolders {
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// A folder in memory that all users share: `/dev/shm`.
    pub shared_memory: PathBuf,
    /// Whose process this is.
    pub uid: u32,
}

impl RuntimeFolders {
    /// The folders that are fit for files, the best first: that is where a new run goes. `make` makes the best one
    /// where it is missing.
    pub(crate) fn open(&self, make: bool) -> Result<Vec<Folder>, RuntimeError> {
        let mut folders = Vec::new();
        let mut reasons = Vec::new();
        for candidate in self.candidates() {
            match candidate.open(self.uid, make && folders.is_empty()) {
                Ok(folder) => folders.extend(folder),
                Err(reason) => reasons.push(reason),
            }
        }
        if folders.is_empty() && make {
            return Err(RuntimeError { reasons: reasons.join("; ") });
        }
        Ok(folders)
    }

    /// The folder at `path` that the environment of an earlier run named, such as the login session's for a run of cron:
    /// as fit for files as any other. None: nothing is there. The error is a sentence: it is none of ours.
    pub(crate) fn find(&self, path: &Path) -> Result<Option<Folder>, String> {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        let is_shared = name == self.shared_name();
        let Some(parent) = path.parent().filter(|_| path.is_absolute() && (is_shared || name == OWN_NAME))
        else {
            return Err("has another name than ours".into());
        };
        // Its path was free of links when a run was there; if it is not any more, it is another's.
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Ok(_) => Candidate { parent: parent.to_owned(), name, is_shared }.open(self.uid, false),
            Err(Errno::NOENT) => Ok(None),
            Err(_) => Err("cannot be used".into()),
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        // A relative one means nothing, says the specification.
        if let Some(parent) = self.xdg_runtime_dir.as_deref().filter(|parent| parent.is_absolute()) {
            candidates.push(Candidate { parent: canonical(parent), name: OWN_NAME.into(), is_shared: false });
        }
        let parent = canonical(&self.shared_memory);
        candidates.push(Candidate { parent, name: self.shared_name(), is_shared: true });
        candidates
    }

    fn shared_name(&self) -> String {
        format!("{OWN_NAME}-{}", self.uid)
    }
}

/// One spelling for one folder, so that a link of an earlier run is recognised.
fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

struct Candidate {
    parent: PathBuf,
    name: String,
    is_shared: bool,
}

impl Candidate {
    fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// None: it is not there, and was not to be made. The error is a sentence.
    fn open(&self, uid: u32, make: bool) -> Result<Option<Folder>, String> {
        let path = self.path();
        let parent = self.open_parent(uid).map_err(|reason| format!("{} {reason}", self.parent.display()))?;
        let folder =
            self.open_in(&parent, uid, make).map_err(|reason| format!("{} {reason}", path.display()))?;
        Ok(folder.map(|descriptor| Folder { descriptor, path }))
    }

    fn open_parent(&self, uid: u32) -> Result<OwnedFd, &'static str> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let parent = open(&self.parent, flags, Mode::empty()).map_err(|_| "is no folder that we may use")?;
        let stat = fstat(&parent).map_err(|_| "cannot be used")?;
        if self.is_shared {
            check_shared(&stat, uid)?
        } else {
            check_own(&stat, uid)?
        }
        Ok(parent)
    }

    fn open_in(&self, parent: &OwnedFd, uid: u32, make: bool) -> Result<Option<OwnedFd>, &'static str> {
        if make {
            match mkdirat(parent, &*self.name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(_) => return Err("cannot be made"),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match openat(parent, &*self.name, flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => return Err("is a link or a file, not a folder"),
            Err(_) => return Err("cannot be used"),
        };
        check_own(&fstat(&folder).map_err(|_| "cannot be used")?, uid)?;
        let kind = fstatfs(&folder).map_err(|_| "cannot be used")?.f_type;
        if !IN_MEMORY.iter().any(|magic| u64::try_from(kind).is_ok_and(|kind| kind == *magic)) {
            return Err("is on a disk, not in memory");
        }
        Ok(Some(folder))
    }
}

fn check_own(stat: &Stat, uid: u32) -> Result<(), &'static str> {
    if stat.st_uid != uid {
        Err("belongs to another user")
    } else if stat.st_mode & 0o077 != 0 {
        Err("is open to other users")
    } else {
        Ok(())
    }
}

/// In a folder that others may write to, only the sticky bit keeps them from putting theirs in the place of ours.
fn check_shared(stat: &Stat, uid: u32) -> Result<(), &'static str> {
    let is_sticky = stat.st_mode & 0o1000 != 0;
    if (stat.st_uid != 0 && stat.st_uid != uid) || (stat.st_mode & 0o022 != 0 && !is_sticky) {
        Err("lies in a folder that others may change")
    } else {
        Ok(())
    }
}

/// strongroom's own folder in memory, with one subfolder for each run.
pub(crate) struct Folder {
    // Invariant: ours, closed to others, in memory (`a_runtime_folder_that_is_not_ours_alone_is_refused`).
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs of one user make, sweep and remove one after the other, so that none sees another's half-done work. Held
    /// for milliseconds and by the kernel: it cannot outlive its holder. None: another has it. There is no waiting here,
    /// because any process of this user may keep it for as long as it likes, and signals are held back meanwhile.
    pub(crate) fn try_lock(&self) -> io::Result<Option<Lock>> {
        let descriptor = self.descriptor.try_clone()?;
        match flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { descriptor })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Held while a run is set up, swept or removed.
pub(crate) struct Lock {
    descriptor: OwnedFd,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not left to the closing: a child that is just being forked shares the lock until its exec.
        let _ = flock(&self.descriptor, FlockOperation::Unlock);
    }
}

/// No folder in memory is fit for files.
#[derive(Debug, thiserror::Error)]
#[error(
    "no private folder in memory for files: {reasons}; set XDG_RUNTIME_DIR to one that only you can open"
)]
pub struct RuntimeError {
    reasons: String,
}

impl RuntimeError {
    pub(crate) fn unlockable(source: &io::Error) -> Self {
        Self { reasons: format!("cannot be locked ({source})") }
    }
}
