//! A delivery into a process: environment, files, signals, masking, exit status. The only crate that starts processes.
//! It neither fetches nor stores a secret, prints nothing, and reads neither clock nor environment.
//!
//! ```text
//! seclude   keeps this process to itself, before anything is read
//! program   finds what the command names, before anything is fetched
//! preflight decides what needs no value, before anything is delivered
//! plan      decides everything and touches nothing; every refusal that can be known
//! run       acts: files, child, signals, output; then removes everything
//! end_as    ends as the child did
//! ```
//!
//! | level | here | |
//! |---|---|---|
//! | 0 | `plan` | no files |
//! | 2 | `files`, `leftovers`, `runtime` | files in memory, links to them |
//!
//! Exit codes: the child's own; 125 refused ([`Refusal`], [`RunError`]); 126 not executable; 127 not found.

#[cfg(not(target_os = "linux"))]
compile_error!("strongroom delivers into processes on Linux only; build it there");

mod beneath;
mod denied;
mod ending;
mod environment;
mod files;
mod leftovers;
mod mask;
mod notes;
mod outlet;
mod plan;
mod program;
mod runtime;
mod seclusion;
mod signals;
mod streams;
mod supervise;
mod sys;

pub use ending::{Ending, end_as};
pub use files::FilesError;
pub use notes::Note;
pub use plan::{Command, Plan, Refusal, Rules, plan, preflight};
pub use program::{Program, ProgramError};
pub use runtime::{RuntimeError, RuntimeFolders};
pub use seclusion::{CoreLimit, seclude};
pub use streams::Streams;
pub use supervise::{Outcome, RunError, run};
