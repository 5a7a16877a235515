//! What a run leaves behind, and how it is taken away: at its own end, or by the next run after a `kill -9`. A run is
//! alive as long as it holds the lock on its folder; what is locked is never touched. Nothing is delivered here.
//!
//! In its folder a run keeps a file `links`, written before anything else exists: its home, then each folder (`f`) and
//! link (`l`) made below it, each path ended by a NUL. A last one without NUL was never finished and never acted upon.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, ResolveFlags, flock, openat2, readlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::beneath;
use crate::runtime::Folder;

/// Where the files themselves lie, in a run's folder.
pub(crate) const FILES: &str = "files";

const LINKS: &str = "links";

/// One thing that a run made below its home, by its path from there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    Folder(String),
    Link(String),
}

/// The traces of a run, on record before they exist.
pub(crate) struct Record {
    file: File,
    // Invariant: nothing is made below the home that is not here and in the file (`the_next_run_sweeps_…`).
    traces: Vec<Trace>,
}

impl Record {
    pub(crate) fn begin(run: impl AsFd, home: &Path) -> io::Result<Self> {
        let mut file = beneath::new_file(run, LINKS)?;
        write_field(&mut file, home.as_os_str().as_bytes())?;
        Ok(Self { file, traces: Vec::new() })
    }

    /// To be called before the thing is made.
    pub(crate) fn note(&mut self, trace: Trace) -> io::Result<()> {
        let field = match &trace {
            Trace::Folder(path) => format!("f{path}"),
            Trace::Link(path) => format!("l{path}"),
        };
        write_field(&mut self.file, field.as_bytes())?;
        self.traces.push(trace);
        Ok(())
    }

    /// It turned out that another made it. In the file it may stay: a folder is removed only when it is empty.
    pub(crate) fn forget_last(&mut self) {
        self.traces.pop();
    }

    pub(crate) fn traces(&self) -> &[Trace] {
        &self.traces
    }
}

fn write_field(file: &mut File, field: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(field.len() + 1);
    bytes.extend_from_slice(field);
    bytes.push(0);
    file.write_all(&bytes)
}

/// Takes the traces of a run away, the last first: links that still lead to `files`, and folders that are empty.
/// What another put in their place is not ours and stays. Returns what could not be removed.
pub(crate) fn undo(home: impl AsFd, traces: &[Trace], files: &Path) -> Vec<(String, io::Error)> {
    let mut left = Vec::new();
    for trace in traces.iter().rev() {
        let (path, undone) = match trace {
            Trace::Link(path) => (path, remove_link(&home, path, &files.join(path))),
            Trace::Folder(path) => (path, remove_folder(&home, path)),
        };
        match undone {
            // Gone, moved, filled or replaced in the meantime: not ours any more.
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {}
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::INVAL) => {}
            Err(error) => left.push((path.clone(), error.into())),
        }
    }
    left
}

fn remove_link(home: impl AsFd, path: &str, target: &Path) -> Result<(), Errno> {
    let (folder, name) = beneath::split(path);
    let folder = beneath::folder(home, folder)?;
    if readlinkat(&folder, name, Vec::new())?.as_bytes() == target.as_os_str().as_bytes() {
        unlinkat(&folder, name, AtFlags::empty())?;
    }
    Ok(())
}

fn remove_folder(home: impl AsFd, path: &str) -> Result<(), Errno> {
    let (folder, name) = beneath::split(path);
    unlinkat(beneath::folder(home, folder)?, name, AtFlags::REMOVEDIR)
}

/// [`sweep`], for a folder that this run does not need: what holds it up is no reason to wait or to refuse.
pub(crate) fn sweep_if_free(folder: &Folder) {
    if let Ok(Some(_lock)) = folder.try_lock() {
        sweep(folder);
    }
}

/// Takes away all that dead runs left in `folder` and in whatever homes they had. To be called with the folder's lock
/// held. What cannot be removed now waits for the next sweep: it is no reason to refuse a run.
pub(crate) fn sweep(folder: &Folder) {
    for name in beneath::names(folder).unwrap_or_default() {
        if let Some(Life::Dead(run)) = is_run(name.as_bytes()).then(|| life(folder, &name)) {
            let left = sweep_home(&run, &folder.path().join(OsStr::from_bytes(name.as_bytes())));
            if left.is_empty() {
                // Else the record is kept, and the next sweep tries again.
                let _ = beneath::remove_tree(folder, &name);
            }
        }
    }
}

fn sweep_home(run: &OwnedFd, path: &Path) -> Vec<(String, io::Error)> {
    let Some((home, traces)) = read_record(run) else { return Vec::new() };
    // The path was free of links when it was written; if it is not any more, it is another's.
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(CWD, &home, flags, Mode::empty(), resolve) {
        Ok(home) => undo(home, &traces, &path.join(FILES)),
        Err(_) => Vec::new(),
    }
}

fn read_record(run: &OwnedFd) -> Option<(PathBuf, Vec<Trace>)> {
    let mut record = Vec::new();
    beneath::old_file(run, LINKS).ok()?.read_to_end(&mut record).ok()?;
    parse_record(&record)
}

fn parse_record(record: &[u8]) -> Option<(PathBuf, Vec<Trace>)> {
    let (record, _unfinished) = record.split_at(record.iter().rposition(|byte| *byte == 0)?);
    let mut fields = record.split(|byte| *byte == 0);
    let home = PathBuf::from(OsStr::from_bytes(fields.next()?));
    let trace = |field: &[u8]| {
        let (kind, path) = field.split_first()?;
        let path = str::from_utf8(path).ok()?.to_owned();
        match kind {
            b'f' => Some(Trace::Folder(path)),
            b'l' => Some(Trace::Link(path)),
            _ => None,
        }
    };
    Some((home, fields.filter_map(trace).collect()))
}

/// Whether a run still goes on.
pub(crate) enum Life {
    /// It holds its lock.
    Alive,
    /// We cannot know.
    Unknown,
    /// It is over; its folder, which we now hold the lock of.
    Dead(OwnedFd),
    /// There is no such run.
    Gone,
}

/// Looks at the run `name` in `folder`.
pub(crate) fn life(folder: &Folder, name: &CString) -> Life {
    match beneath::listed_folder(folder, name) {
        Ok(run) => match flock(&run, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Life::Dead(run),
            Err(Errno::WOULDBLOCK) => Life::Alive,
            Err(_) => Life::Unknown,
        },
        Err(Errno::NOENT) => Life::Gone,
        Err(_) => Life::Unknown,
    }
}

/// The name of a new run. Short, so that the links to most files are short enough to need no block of a disk.
pub(crate) fn run_name(random: [u8; 8]) -> String {
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a run could have this name.
pub(crate) fn is_run(name: &[u8]) -> bool {
    name.len() == 16 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_record_ends_at_its_last_whole_line() {
        let check = |record: &[u8], expected: Option<(&str, Vec<Trace>)>| {
            let expected = expected.map(|(home, traces)| (PathBuf::from(home), traces));
            assert_eq!(parse_record(record), expected, "{:?}", String::from_utf8_lossy(record));
        };
        let traces = || vec![Trace::Folder("mnt".into()), Trace::Link("mnt/a b".into())];
        check(b"", None);
        check(b"/home/x", None);
        check(b"/home/x\0", Some(("/home/x", vec![])));
        check(b"/home/x\0fmnt\0lmnt/a b\0", Some(("/home/x", traces())));
        check(b"/home/x\0fmnt\0lmnt/a b\0lmnt/unfini", Some(("/home/x", traces())));
        check(b"/home/x\0fmnt\0zother\0lmnt/a b\0", Some(("/home/x", traces())));
    }

    #[test]
    fn a_run_has_a_name_of_32_digits() {
        assert!(is_run(run_name([0xa5; 8]).as_bytes()));
        for name in ["", "files", "A5A5A5A5A5A5A5A5", "a5a5a5a5a5a5a5a"] {
            assert!(!is_run(name.as_bytes()), "{name}");
        }
    }
}
