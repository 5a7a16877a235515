//! How a run ends, and how strongroom then ends itself: exactly like the child. The exit codes of `run` live here and
//! nowhere else.

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::sys;

/// How a process ended, or is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(u8),
    /// This signal ended it.
    Signaled(i32),
}

impl Ending {
    /// strongroom refused, or failed before there was a child.
    pub const REFUSED: Self = Self::Exited(125);
    /// The command is there and cannot be executed.
    pub const NOT_EXECUTABLE: Self = Self::Exited(126);
    /// The command is not there.
    pub const NOT_FOUND: Self = Self::Exited(127);
}

/// Ends as `ending` says. A death by signal happens here, with the same signal and no core file; where the kernel will
/// not have it (PID 1), the shell's code for it, 128+N, is returned. So flush, close and say everything before.
#[must_use = "it is the exit code of the program"]
pub fn end_as(ending: Ending) -> ExitCode {
    match ending {
        Ending::Exited(code) => ExitCode::from(code),
        Ending::Signaled(signal) => {
            // Ours would be a core of the supervisor, with values in it. The hard limit stays: lowering it is for good,
            // and we may outlive the signal.
            let limit = getrlimit(Resource::Core);
            // Refused for no value at or below the hard limit, so there is nothing to handle.
            let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum });
            sys::suffer(signal);
            ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
        }
    }
}
