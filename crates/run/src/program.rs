//! Finds the program a command names, as a shell would, before anything is fetched: a command that cannot run must not
//! cause a delivery. It only looks; the kernel has the last word at exec.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::ending::Ending;

/// Where execvp looks when there is no PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The most of a script that the kernel reads for its interpreter.
const FIRST_LINE: u64 = 256;

/// A program that was there and executable when it was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: CString,
}

impl Program {
    /// Finds `name` as a shell would: itself when it has a slash, else in the folders of `search_path`. `directory` is
    /// the process's working directory.
    ///
    /// # Errors
    /// [`ProgramError`]; its [`ending`](ProgramError::ending) is what a shell would answer, 127 or 126.
    pub fn find(name: &OsStr, search_path: Option<&OsStr>, directory: &Path) -> Result<Self, ProgramError> {
        let not_found = || ProgramError::NotFound { program: name.to_owned() };
        if name.is_empty() {
            return Err(not_found());
        }
        let path = if name.as_bytes().contains(&b'/') {
            check_executable(&directory.join(name)).map(|()| PathBuf::from(name))
        } else {
            search(name, search_path.unwrap_or(OsStr::new(DEFAULT_PATH)), directory)
        };
        let path = path.map_err(|obstacle| match obstacle {
            Obstacle::NotFound => not_found(),
            Obstacle::NotExecutable | Obstacle::NoWay => {
                ProgramError::NotExecutable { program: name.to_owned() }
            }
        })?;
        check_interpreter(&path, directory)?;
        let path = CString::new(path.into_os_string().into_vec()).map_err(|_| not_found())?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }
}

enum Obstacle {
    NotFound,
    /// A folder on the way is closed to us.
    NoWay,
    NotExecutable,
}

fn search(name: &OsStr, search_path: &OsStr, directory: &Path) -> Result<PathBuf, Obstacle> {
    let mut obstacle = Obstacle::NotFound;
    for folder in search_path.as_bytes().split(|byte| *byte == b':') {
        // The path as execvp would form it, because a script sees it as its `$0`; an empty part is where we are.
        let path = Path::new(OsStr::from_bytes(folder)).join(name);
        match check_executable(&directory.join(&path)) {
            Ok(()) => return Ok(path),
            Err(Obstacle::NotExecutable) => obstacle = Obstacle::NotExecutable,
            // A folder of PATH that is closed to us has nothing for us, as shells see it.
            Err(Obstacle::NotFound | Obstacle::NoWay) => {}
        }
    }
    Err(obstacle)
}

fn check_executable(path: &Path) -> Result<(), Obstacle> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Obstacle::NoWay,
        _ => Obstacle::NotFound,
    })?;
    // By the kernel's own rule (access lists, root, `noexec` mounts), with the rights we act with.
    if metadata.is_file() && accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok() {
        Ok(())
    } else {
        Err(Obstacle::NotExecutable)
    }
}

/// A script without its interpreter is "not found" too, and a shell's sentence for it misleads: the script is there.
fn check_interpreter(path: &Path, directory: &Path) -> Result<(), ProgramError> {
    let mut start = Vec::new();
    // A program may be executable and not readable; then the kernel finds out.
    let Ok(file) = File::open(directory.join(path)) else { return Ok(()) };
    if file.take(FIRST_LINE).read_to_end(&mut start).is_err() {
        return Ok(());
    }
    let Some(interpreter) = interpreter(&start) else { return Ok(()) };
    let interpreter = OsStr::from_bytes(interpreter);
    check_executable(&directory.join(interpreter)).map_err(|obstacle| match obstacle {
        Obstacle::NotFound => {
            ProgramError::NoInterpreter { script: path.into(), interpreter: interpreter.to_owned() }
        }
        Obstacle::NotExecutable | Obstacle::NoWay => {
            ProgramError::NotExecutable { program: interpreter.to_owned() }
        }
    })
}

fn interpreter(start: &[u8]) -> Option<&[u8]> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    line.split(|byte| matches!(byte, b' ' | b'\t')).find(|word| !word.is_empty())
}

/// Why a command cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// There is no such program.
    #[error("{program:?} was not found; give its path, or check PATH")]
    NotFound {
        /// As it was named.
        program: OsString,
    },
    /// The script is there, what its first line names is not.
    #[error("{script:?} is a script for {interpreter:?}, which was not found; check its first line")]
    NoInterpreter {
        /// The script.
        script: OsString,
        /// What its first line names, where a stray carriage return shows as `\r`.
        interpreter: OsString,
    },
    /// A folder, or something that this user may not execute.
    #[error("{program:?} is not an executable program; check what it is and its permissions")]
    NotExecutable {
        /// As it was named.
        program: OsString,
    },
}

impl ProgramError {
    /// How strongroom should end: 127 for what is not found, 126 for what cannot be executed.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::NotFound { .. } | Self::NoInterpreter { .. } => Ending::NOT_FOUND,
            Self::NotExecutable { .. } => Ending::NOT_EXECUTABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_interpreter() {
        let check = |start: &str, expected: Option<&str>| {
            assert_eq!(interpreter(start.as_bytes()), expected.map(str::as_bytes), "{start:?}");
        };
        check("#!/bin/sh\necho", Some("/bin/sh"));
        check("#! \t/usr/bin/env python3\n", Some("/usr/bin/env"));
        check("#!/bin/sh\r\n", Some("/bin/sh\r"));
        check("#!/bin/sh", Some("/bin/sh"));
        check("#!\n", None);
        check("# /bin/sh\n", None);
        check("\x7fELF", None);
    }
}
