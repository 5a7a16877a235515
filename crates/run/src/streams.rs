//! What standard output and standard error are, looked at once. Nothing is written here.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use rustix::fs::{FileType, fstat};
use rustix::stdio::{stderr, stdout};

/// Where a child's output goes.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
    /// Both lead to one place, as after `2>&1`: then they are masked as one, or lines would change their order.
    pub(crate) are_one: bool,
}

impl Streams {
    /// Looks at this process's own standard output and standard error.
    #[must_use]
    pub fn look() -> Self {
        Self {
            stdout_is_terminal: stdout().is_terminal(),
            stderr_is_terminal: stderr().is_terminal(),
            are_one: are_one(stdout(), stderr()),
        }
    }

    /// The same, with the child's output led through pipes, and so masked, even where it ends on a terminal.
    #[must_use]
    pub fn through_pipes(self) -> Self {
        Self { stdout_is_terminal: false, stderr_is_terminal: false, ..self }
    }

    pub(crate) fn any_terminal(self) -> bool {
        self.stdout_is_terminal || self.stderr_is_terminal
    }
}

fn are_one(one: impl AsFd, other: impl AsFd) -> bool {
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => {
            // A device's inode says nothing of who holds it open, and nobody reads the order in /dev/null.
            let is_device = FileType::from_raw_mode(one.st_mode) == FileType::CharacterDevice;
            !is_device && (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
        }
        _ => false,
    }
}
