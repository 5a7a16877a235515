//! Level 2: the files of a run are real files in a private folder in memory, and at `HOME/location` stands a link to
//! each. Nothing that was there before is touched. No namespaces, no sharing between runs.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, ResolveFlags, Stat, flock, fstat, mkdirat, openat2,
    readlinkat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::umask;
use strongroom_secrets::{FileLocation, SecretValue};

use crate::beneath;
use crate::leftovers::{self, FILES, Life, Record, Trace};
use crate::notes::Note;
use crate::runtime::{Folder, Lock, RuntimeError, RuntimeFolders};
use crate::signals;
use crate::supervise::RunError;
use crate::sys::{self, Signals};

/// How long a run waits for a folder's lock before it is refused. Whoever means well holds it for milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits for it to remove its files, which it then does without.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(1);

/// Between two tries to get it.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// The files of a run, as long as it lasts. Dropping it removes them, whatever ended the run.
pub(crate) struct Delivered<'a> {
    signals: &'a Signals,
    home: Home,
    /// The first is where this run is; the others may hold the links of earlier runs.
    folders: Vec<Folder>,
    name: CString,
    // Invariant: holds the exclusive lock of the run's folder, which says that the run is alive
    // (`a_second_run_on_a_path_is_refused`).
    run: OwnedFd,
    files: PathBuf,
    record: Record,
    is_removed: bool,
}

/// Sweeps up after dead runs, then puts all files in their places. On an error nothing of it stays.
pub(crate) fn deliver<'a>(
    files: Vec<(FileLocation, SecretValue)>,
    home: &Path,
    runtime: &RuntimeFolders,
    signals: &'a Signals,
) -> Result<Option<Delivered<'a>>, RunError> {
    let _umask = Umask::owner_only();
    let folders = runtime.open(!files.is_empty()).map_err(FilesError::Runtime)?;
    if files.is_empty() {
        folders.iter().for_each(leftovers::sweep_if_free);
        return Ok(None);
    }
    let locks: Result<Vec<_>, _> = folders.iter().map(|folder| lock(folder, signals, PATIENCE)).collect();
    let _locks = locks?;
    folders.iter().for_each(leftovers::sweep);
    let mut delivered = Delivered::begin(signals, Home::open(home)?, folders)?;
    for (location, value) in &files {
        signals::check_interrupted(signals)?;
        delivered.write(location, value)?;
    }
    for (location, _) in &files {
        signals::check_interrupted(signals)?;
        delivered.link(location, runtime)?;
    }
    Ok(Some(delivered))
}

/// Gets the lock of a folder, unless a signal or the end of our patience comes first.
fn lock(folder: &Folder, signals: &Signals, patience: Duration) -> Result<Lock, RunError> {
    let unlockable = |source| FilesError::Runtime(RuntimeError::unlockable(&source));
    let start = Instant::now();
    loop {
        if let Some(lock) = folder.try_lock().map_err(unlockable)? {
            return Ok(lock);
        }
        if start.elapsed() >= patience {
            return Err(FilesError::Locked { folder: folder.path().to_owned() }.into());
        }
        signals::pause(signals, &MOMENT)?;
    }
}

/// Folders and files are made for their owner alone, whatever the umask we were started with; the child gets that one.
struct Umask(Mode);

impl Umask {
    fn owner_only() -> Self {
        Self(umask(Mode::RWXG | Mode::RWXO))
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        umask(self.0);
    }
}

/// The execution home, held open: it stays the same folder when it is renamed.
struct Home {
    path: PathBuf,
    descriptor: OwnedFd,
    owner: u32,
}

impl Home {
    fn open(path: &Path) -> Result<Self, FilesError> {
        let unusable = |source: std::io::Error| FilesError::Home { home: path.to_owned(), source };
        let canonical = fs::canonicalize(path).map_err(unusable)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let descriptor = openat2(CWD, &canonical, flags, Mode::empty(), resolve)
            .map_err(|errno| unusable(errno.into()))?;
        let owner = fstat(&descriptor).map_err(|errno| unusable(errno.into()))?.st_uid;
        Ok(Self { path: canonical, descriptor, owner })
    }
}

impl<'a> Delivered<'a> {
    fn begin(signals: &'a Signals, home: Home, folders: Vec<Folder>) -> Result<Self, FilesError> {
        let folder = &folders[0];
        let failed = |source| FilesError::Memory { folder: folder.path().to_owned(), source };
        let name = leftovers::run_name(sys::random().map_err(failed)?);
        let files = folder.path().join(&name).join(FILES);
        let name = CString::new(name).expect("hexadecimal digits");
        mkdirat(folder, &*name, Mode::RWXU).map_err(|errno| failed(errno.into()))?;
        match Self::furnish(folder, &name, &home) {
            Ok((run, record)) => {
                Ok(Self { signals, home, folders, name, run, files, record, is_removed: false })
            }
            Err(error) => {
                let _ = beneath::remove_tree(folder, &name);
                Err(failed(error))
            }
        }
    }

    fn furnish(folder: &Folder, name: &CString, home: &Home) -> std::io::Result<(OwnedFd, Record)> {
        let run = beneath::listed_folder(folder, name)?;
        flock(&run, FlockOperation::NonBlockingLockExclusive)?;
        let record = Record::begin(&run, &home.path)?;
        mkdirat(&run, FILES, Mode::RWXU)?;
        Ok((run, record))
    }

    fn write(&self, location: &FileLocation, value: &SecretValue) -> Result<(), FilesError> {
        let failed = |source| FilesError::Content {
            location: location.clone(),
            folder: self.folders[0].path().to_owned(),
            source,
        };
        let path = format!("{FILES}/{}", location.path());
        for (at, _) in path.match_indices('/') {
            match mkdirat(&self.run, &path[..at], Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        let mut file = beneath::new_file(&self.run, path).map_err(|errno| failed(errno.into()))?;
        file.write_all(value.expose().as_bytes()).map_err(failed)
    }

    fn link(&mut self, location: &FileLocation, runtime: &RuntimeFolders) -> Result<(), FilesError> {
        let path = location.path();
        let shown = self.home.path.join(path);
        let failed = |source| FilesError::Place { path: shown.clone(), source };
        let (folder, name) = beneath::split(path);
        let folder = self.open_folder(folder, runtime.uid)?;
        self.record.note(Trace::Link(path.to_owned())).map_err(failed)?;
        let target = self.files.join(path);
        let mut linked = symlinkat(&target, &folder, name);
        if linked == Err(Errno::EXIST) {
            let elsewhere = self.remove_dead_link(&folder, name, &shown, runtime)?;
            linked = symlinkat(&target, &folder, name);
            // Not before our link is there: a sweep takes the folder that the dead run had made, when it is empty.
            elsewhere.iter().for_each(leftovers::sweep_if_free);
        }
        match linked {
            Err(Errno::EXIST) => Err(FilesError::Occupied { path: shown }),
            linked => linked.map_err(|errno| failed(errno.into())),
        }
    }

    /// Opens a folder below the home, or the home itself (`.`), making what is missing of it. No folder on the way may
    /// be one where another user could put another file in the place of ours.
    fn open_folder(&mut self, path: &str, uid: u32) -> Result<OwnedFd, FilesError> {
        let mut folder = beneath::folder(&self.home.descriptor, ".")
            .map_err(|errno| FilesError::in_the_way(self.home.path.clone(), errno))?;
        if path == "." {
            return Ok(folder);
        }
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let so_far = &path[..end];
            let (_, name) = beneath::split(so_far);
            let shown = self.home.path.join(so_far);
            let opened = match beneath::folder(&folder, name) {
                Err(Errno::NOENT) => self.make_folder(&folder, name, so_far),
                opened => opened,
            };
            let in_the_way = |errno| FilesError::in_the_way(shown.clone(), errno);
            folder = opened.map_err(in_the_way)?;
            // What was opened is asked, not what its path may lead to by now.
            let stat = fstat(&folder).map_err(in_the_way)?;
            check_way(&shown, &stat, [uid, 0, self.home.owner])?;
        }
        Ok(folder)
    }

    fn make_folder(&mut self, above: &OwnedFd, name: &str, path: &str) -> Result<OwnedFd, Errno> {
        self.record.note(Trace::Folder(path.to_owned())).map_err(|_| Errno::NOSPC)?;
        match mkdirat(above, name, Mode::RWXU) {
            Err(Errno::EXIST) => self.record.forget_last(),
            made => made?,
        }
        beneath::folder(above, name)
    }

    /// Makes room where a run that is over left its link; refuses for anything else that is there. Returns the folder
    /// of that run if the environment names it for us no more, so that it was not swept.
    fn remove_dead_link(
        &self,
        folder: &OwnedFd,
        name: &str,
        shown: &Path,
        runtime: &RuntimeFolders,
    ) -> Result<Option<Folder>, FilesError> {
        let occupied = || FilesError::Occupied { path: shown.to_owned() };
        let target = readlinkat(folder, name, Vec::new()).map_err(|_| occupied())?;
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|_| occupied())?;
        let Some((of, run)) = split_target(target.as_bytes(), shown).filter(|_| stat.st_uid == runtime.uid)
        else {
            return Err(occupied());
        };
        let known = self.folders.iter().find(|folder| folder.path() == of);
        let elsewhere = if known.is_some() { None } else { runtime.find(of).map_err(|_| occupied())? };
        let life = known.or(elsewhere.as_ref()).map_or(Life::Gone, |folder| leftovers::life(folder, &run));
        match life {
            Life::Alive => return Err(FilesError::AnotherRun { path: shown.to_owned() }),
            Life::Unknown => return Err(occupied()),
            // A dead run's lock is ours until the link is gone: elsewhere another may be sweeping.
            Life::Dead(_) | Life::Gone => unlinkat(folder, name, AtFlags::empty())
                .map_err(|errno| FilesError::Place { path: shown.to_owned(), source: errno.into() })?,
        }
        Ok(elsewhere)
    }

    /// Where the files truly lie.
    pub(crate) fn path(&self) -> &Path {
        &self.files
    }

    /// Removes all of it and says what could not be removed.
    pub(crate) fn remove(mut self) -> Vec<Note> {
        self.take_away()
    }

    fn take_away(&mut self) -> Vec<Note> {
        self.is_removed = true;
        let folder = &self.folders[0];
        // Without the lock, or for somebody who will not wait for it, it is done all the same: a race with another run
        // is better than a file left behind.
        let _lock = lock(folder, self.signals, PATIENCE_AT_THE_END);
        let left = leftovers::undo(&self.home.descriptor, self.record.traces(), &self.files);
        let note = |(path, source)| Note::NotRemoved { path: self.home.path.join::<String>(path), source };
        let mut notes: Vec<Note> = left.into_iter().map(note).collect();
        if let Err(source) = beneath::remove_tree(folder, &self.name) {
            notes.push(Note::NotRemoved { path: self.files.clone(), source });
        }
        notes
    }
}

impl Drop for Delivered<'_> {
    fn drop(&mut self) {
        if !self.is_removed {
            self.take_away();
        }
    }
}

/// Whoever owns a folder, or may write to it where no sticky bit protects what is ours, can put another file in the place
/// of one that is delivered there.
fn check_way(path: &Path, stat: &Stat, trusted: [u32; 3]) -> Result<(), FilesError> {
    let (is_open, is_sticky) = (stat.st_mode & 0o002 != 0, stat.st_mode & 0o1000 != 0);
    if !trusted.contains(&stat.st_uid) {
        Err(FilesError::Foreign { path: path.to_owned() })
    } else if is_open && !is_sticky {
        Err(FilesError::OpenToAll { path: path.to_owned() })
    } else {
        Ok(())
    }
}

/// The strongroom folder and the run that a link at `place` leads into, if it has the shape of ours:
/// `FOLDER/RUN/files/…`, ending as `place` does below whatever home that run had.
fn split_target<'a>(target: &'a [u8], place: &Path) -> Option<(&'a Path, CString)> {
    let place = place.as_os_str().as_bytes();
    let tails = (0..place.len()).filter(|at| place[*at] == b'/').map(|at| &place[at..]);
    let mut runs = tails.filter_map(|tail| target.strip_suffix(tail)?.strip_suffix(b"/files"));
    runs.find_map(|run| {
        let (folder, run) = run.split_at(run.iter().rposition(|byte| *byte == b'/')?);
        let run = CString::new(&run[1..]).ok().filter(|run| leftovers::is_run(run.as_bytes()))?;
        Some((Path::new(OsStr::from_bytes(folder)), run))
    })
}

/// Why files cannot be put in their places. Nothing was started, and all that was made is removed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no private folder in memory.
    #[error(transparent)]
    Runtime(RuntimeError),
    /// The private folder in memory cannot be used.
    #[error("the private folder {} cannot be used; check its permissions and free memory", folder.display())]
    Memory {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process of this user holds the lock of the private folder and does not let go.
    #[error(
        "another process keeps the private folder {} locked; end it (fuser -v shows which it is), then run again",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The execution home is not there, or not for us.
    #[error("the home {} cannot be used; pass --home with a folder of yours", home.display())]
    Home {
        /// As it was given.
        home: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file's content could not be written.
    #[error("file {} cannot be written in {}; free memory there", location.as_str(), folder.display())]
    Content {
        /// The secret's location.
        location: FileLocation,
        /// The private folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something that strongroom did not make is there.
    #[error("{} is there already and stays untouched; move it away, or pass --home with another folder", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
    },
    /// A run that goes on has its file there.
    #[error("another run delivers {}; wait for its end, or pass --home with another folder", path.display())]
    AnotherRun {
        /// The place.
        path: PathBuf,
    },
    /// On the way to a file's place is a link, or a file where a folder should be.
    #[error("{} is a link or no folder, and files are not delivered through it; pass --home with another folder", path.display())]
    Detour {
        /// What is in the way.
        path: PathBuf,
    },
    /// On the way to a file's place is a folder of another user, neither root nor the owner of the home.
    #[error(
        "the folder {} belongs to another user, who could put other files in place of ours; remove it, or pass --home with a folder of yours",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// On the way to a file's place is a folder that everyone may write to.
    #[error(
        "every user may put files into the folder {} in place of ours; run chmod o-w on it, or pass --home with another folder",
        path.display()
    )]
    OpenToAll {
        /// The folder.
        path: PathBuf,
    },
    /// On the way to a file's place another file system begins.
    #[error("{} is on another file system than the home; pass --home with a folder on it", path.display())]
    OtherFileSystem {
        /// Where it begins.
        path: PathBuf,
    },
    /// A folder or link below the home could not be made.
    #[error("{} cannot be made; check the permissions of its folder, or pass --home with another", path.display())]
    Place {
        /// The place.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl FilesError {
    fn in_the_way(path: PathBuf, errno: Errno) -> Self {
        match errno {
            Errno::LOOP | Errno::NOTDIR => Self::Detour { path },
            Errno::XDEV => Self::OtherFileSystem { path },
            errno => Self::Place { path, source: errno.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_ours_is_known_by_its_target() {
        let run = "0123456789abcdef";
        let check = |target: &str, expected: Option<&str>| {
            let folder = split_target(target.as_bytes(), Path::new("/home/me/a/files/b"));
            assert_eq!(folder.map(|(folder, _)| folder), expected.map(Path::new), "{target}");
        };
        // Delivered below /home/me, /home and /home/me/a/files.
        check(&format!("/run/user/7/strongroom/{run}/files/a/files/b"), Some("/run/user/7/strongroom"));
        check(&format!("/dev/shm/strongroom-7/{run}/files/me/a/files/b"), Some("/dev/shm/strongroom-7"));
        check(&format!("/tmp/files/strongroom/{run}/files/b"), Some("/tmp/files/strongroom"));
        check(&format!("/run/user/7/strongroom/{run}/files/c"), None);
        check(&format!("/run/user/7/strongroom/{run}/files/xb"), None);
        check(&format!("/run/user/7/strongroom/{run}/links/b"), None);
        check("/run/user/7/strongroom/other/files/b", None);
        check("/etc/passwd", None);
    }

    #[test]
    fn a_way_leads_through_folders_of_ours_of_root_or_of_the_owner_of_the_home() {
        let here = tempfile::tempdir().expect("a temporary folder");
        let mut stat = rustix::fs::stat(here.path()).expect("just made");
        let mut check = |owner: u32, mode: u32, expected: &str| {
            (stat.st_uid, stat.st_mode) = (owner, 0o040_000 | mode);
            let found = match check_way(here.path(), &stat, [12345, 0, 7]) {
                Ok(()) => "",
                Err(FilesError::Foreign { .. }) => "foreign",
                Err(FilesError::OpenToAll { .. }) => "open",
                Err(error) => panic!("{error}"),
            };
            assert_eq!(found, expected, "{owner} {mode:o}");
        };
        for owner in [12345, 0, 7] {
            check(owner, 0o700, "");
            check(owner, 0o775, "");
            check(owner, 0o1777, "");
            check(owner, 0o777, "open");
            check(owner, 0o702, "open");
        }
        for mode in [0o700, 0o755, 0o1777, 0o777] {
            check(12346, mode, "foreign");
        }
    }

    #[test]
    fn patience_with_a_lock_has_an_end() {
        let memory = tempfile::tempdir_in("/dev/shm").expect("a place for temporary folders");
        let runtime = RuntimeFolders {
            xdg_runtime_dir: None,
            shared_memory: memory.path().to_owned(),
            uid: rustix::process::getuid().as_raw(),
        };
        let open = || runtime.open(true).expect("in memory, and ours alone").remove(0);
        let (ours, theirs) = (open(), open());
        let signals = Signals::hold().expect("nothing is wrong with this thread");
        let held = lock(&theirs, &signals, Duration::ZERO).expect("nobody has it");
        let Err(refused) = lock(&ours, &signals, Duration::from_millis(20)) else { panic!("it is held") };
        let sentence = format!("another process keeps the private folder {}", ours.path().display());
        assert!(refused.to_string().starts_with(&sentence), "{refused}");
        assert_eq!(refused.ending(), crate::Ending::REFUSED);
        drop(held);
        assert!(lock(&ours, &signals, Duration::ZERO).is_ok(), "it is free again");
    }
}
