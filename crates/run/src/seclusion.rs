//! What keeps this process's memory out of other hands: no debugger of this user looks into it, and no crash writes it to
//! a file. A child is a program like any other and gets back what was taken; keys and values are no business of this file.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// How large a core file might be before this process gave its own up.
#[derive(Debug, Clone)]
pub struct CoreLimit(pub(crate) Rlimit);

/// Secludes this process, and answers what its children are to have instead. The hard limit stays for them: whoever
/// lowers it can never give it back.
///
/// Where the system refuses, the process is as safe as any other of its user, so that is no reason to fail.
pub fn seclude() -> CoreLimit {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let before = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
    CoreLimit(before)
}

impl CoreLimit {
    /// For a process that starts no child: from here on nobody but root can allow it a core file.
    pub fn give_up(&self) {
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}
