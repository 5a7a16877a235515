//! Acts on a plan: files, child, signals, output, end, and everything removed. It decides nothing that a plan could have
//! decided. No terminal of its own, no namespaces, no guardian.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, WaitOptions, WaitStatus, set_dumpable_behavior, wait, waitpid};
use rustix::stdio::{stderr, stdout};

use crate::ending::Ending;
use crate::environment::Environment;
use crate::files::{self, FilesError};
use crate::mask::Patterns;
use crate::notes::Note;
use crate::outlet::Outlet;
use crate::plan::{FILES_VARIABLE, Plan};
use crate::signals;
use crate::streams::Streams;
use crate::sys::{self, Image, Signals, StartError};

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// How the child ended, and strongroom is to end.
    pub ending: Ending,
    /// What a person should be told afterwards.
    pub notes: Vec<Note>,
}

/// Runs a plan to its end: the child's own end, whatever it is.
///
/// To be called from a process with one thread: signals are held back in the calling one only, and a second one would
/// die of them with the files left behind. The process cannot be dumped or traced by its user afterwards, and it reaps
/// every child it has, as PID 1 must.
///
/// # Errors
/// [`RunError`]: there is no child, and all that was made is removed.
pub fn run(plan: Plan, streams: Streams) -> Result<Outcome, RunError> {
    // Values are in our memory until the end; a core file or a debugger of this user shall not have them. Where it is
    // refused the run is as safe as any other process of this user, so that is no reason to fail.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // Before the first file exists, and dropped last: no signal can end us with something left to remove.
    let signals = Signals::hold().map_err(|source| RunError::System { what: "hold signals", source })?;
    let Plan { program, argv, core, mut environment, files, patterns, home, runtime, .. } = plan;
    let delivered = files::deliver(files, &home, &runtime, &signals)?;
    if let Some(delivered) = &delivered {
        let path = delivered.path().as_os_str().as_bytes();
        environment.push(FILES_VARIABLE.as_bytes(), path).expect("an opened path is short and has no NUL");
    }
    let mut pipes = Pipes::open(&patterns, streams)?;
    signals::check_interrupted(&signals)?;
    let image = Image {
        path: program.path(),
        argv: argv.iter().map(|argument| argument.as_c_str()).collect(),
        environment: environment.vector(),
        streams: [pipes.stdout(), pipes.stderr()],
        core,
    };
    let child = Child::start(&image, &signals)?;
    drop(image);
    forget(environment, &mut pipes);
    let (ending, mut notes) = Supervisor::new(&signals, child, pipes.outlets).supervise()?;
    notes.extend(delivered.into_iter().flat_map(files::Delivered::remove));
    Ok(Outcome { ending, notes })
}

/// The child has its own now: our copy of the values goes, and of its pipe ends, or they would never see their end.
fn forget(environment: Environment, pipes: &mut Pipes<'_>) {
    drop(environment);
    pipes.for_child = [None, None];
}

/// The masked streams, and the ends of their pipes for the child.
struct Pipes<'a> {
    outlets: Vec<Outlet<'a>>,
    for_child: [Option<OwnedFd>; 2],
    are_one: bool,
}

impl<'a> Pipes<'a> {
    /// A terminal stays the child's own, and so does everything when there is nothing to mask.
    fn open(patterns: &'a Patterns, streams: Streams) -> Result<Self, RunError> {
        let mut pipes = Self { outlets: Vec::new(), for_child: [None, None], are_one: streams.are_one };
        if patterns.is_empty() {
            return Ok(pipes);
        }
        let failed = |source| RunError::System { what: "make a pipe", source };
        if !streams.stdout_is_terminal {
            let (outlet, for_child) = Outlet::open(patterns, stdout()).map_err(failed)?;
            pipes.outlets.push(outlet);
            pipes.for_child[0] = Some(for_child);
        }
        let shares = streams.are_one && pipes.for_child[0].is_some();
        if !streams.stderr_is_terminal && !shares {
            let (outlet, for_child) = Outlet::open(patterns, stderr()).map_err(failed)?;
            pipes.outlets.push(outlet);
            pipes.for_child[1] = Some(for_child);
        }
        Ok(pipes)
    }

    fn stdout(&self) -> Option<BorrowedFd<'_>> {
        self.for_child[0].as_ref().map(AsFd::as_fd)
    }

    fn stderr(&self) -> Option<BorrowedFd<'_>> {
        let own = self.for_child[1].as_ref().map(AsFd::as_fd);
        if self.are_one { own.or(self.stdout()) } else { own }
    }
}

/// The child, which does not outlive its supervisor's interest in it.
struct Child {
    process: Pid,
    ending: Option<Ending>,
}

impl Child {
    fn start(image: &Image<'_>, signals: &Signals) -> Result<Self, RunError> {
        let process = sys::start(image, signals).map_err(|error| RunError::from_start(image, error))?;
        Ok(Self { process, ending: None })
    }
}

impl Drop for Child {
    /// Only after a failure of our own, or a panic: a child nobody watches would run on without its files.
    fn drop(&mut self) {
        if self.ending.is_none() {
            sys::send(self.process, libc::SIGKILL);
        }
    }
}

struct Supervisor<'a> {
    signals: &'a Signals,
    child: Child,
    outlets: Vec<Outlet<'a>>,
    /// The signals that were to end the child.
    fatal: Vec<i32>,
    /// Nobody waits for a slow reader any more.
    is_hurried: bool,
}

impl<'a> Supervisor<'a> {
    fn new(signals: &'a Signals, child: Child, outlets: Vec<Outlet<'a>>) -> Self {
        Self { signals, child, outlets, fatal: Vec::new(), is_hurried: false }
    }

    fn supervise(mut self) -> Result<(Ending, Vec<Note>), RunError> {
        let failed = |what| move |source| RunError::System { what, source };
        let ending = loop {
            self.wait().map_err(failed("wait for the program"))?;
            self.take_signals().map_err(failed("read signals"))?;
            self.reap().map_err(failed("reap processes"))?;
            self.outlets.iter_mut().for_each(Outlet::turn);
            if let Some(ending) = self.child.ending
                && (self.is_hurried || self.outlets.iter().all(Outlet::is_done))
            {
                break ending;
            }
        };
        let lost = self.outlets.into_iter().filter_map(Outlet::into_lost);
        Ok((ending, lost.map(|source| Note::OutputLost { source }).collect()))
    }

    fn wait(&self) -> io::Result<()> {
        let mut watched = vec![PollFd::new(self.signals, PollFlags::IN)];
        for outlet in &self.outlets {
            outlet.watch(&mut watched);
        }
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Hands on what is for the child. Once it is gone, the next one who wants an end is tired of a slow reader.
    fn take_signals(&mut self) -> io::Result<()> {
        while let Some(arrival) = self.signals.next()? {
            let is_fatal = signals::is_fatal(arrival);
            if self.child.ending.is_some() {
                self.is_hurried |= is_fatal;
                continue;
            }
            if is_fatal {
                self.fatal.push(arrival.signal);
            }
            if signals::is_for_child(arrival, self.child.process, sys::leads_session()) {
                sys::send(self.child.process, arrival.signal);
            }
        }
        Ok(())
    }

    /// Takes the end of every process that has ended: the child's, and those of orphans that came to us as PID 1.
    fn reap(&mut self) -> io::Result<()> {
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((process, status))) if process == self.child.process => self.see(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) | Err(Errno::CHILD) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn see(&mut self, status: WaitStatus) {
        if let Some(signal) = status.stopping_signal() {
            // Its user pressed Ctrl-Z and waits for the shell, which waits for us.
            if signals::is_job_control(signal) {
                sys::stop(signal);
                self.continue_child();
            }
            return;
        }
        let exited = status.exit_status().and_then(|code| u8::try_from(code).ok()).map(Ending::Exited);
        self.child.ending = exited.or(status.terminating_signal().map(Ending::Signaled));
        // Without us, a Ctrl-C that ends the child ends the wait for its reader too. A crash still has its last words.
        self.is_hurried = status.terminating_signal().is_some_and(|signal| self.fatal.contains(&signal));
        self.outlets.iter_mut().for_each(Outlet::child_ended);
    }

    /// A shell continues its whole job, so the child has gone on as we have. Only where it was us alone it is told: once
    /// more might undo the next Ctrl-Z (`ctrl_z_stops_the_job_and_the_shell_continues_it`).
    fn continue_child(&mut self) {
        let changes = WaitOptions::NOHANG | WaitOptions::CONTINUED | WaitOptions::UNTRACED;
        match waitpid(Some(self.child.process), changes) {
            Ok(Some((_, status))) if status.continued() => {}
            // It went on, and has ended or stopped once more.
            Ok(Some((_, status))) => self.see(status),
            Ok(None) | Err(_) => sys::send(self.child.process, libc::SIGCONT),
        }
    }
}

/// Why there was no child. All that was made is removed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Somebody wanted us to end.
    #[error("signal {signal} came before the program was started; everything is removed")]
    Interrupted {
        /// Which; strongroom dies of it.
        signal: i32,
    },
    /// The files could not be put in their places.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The program went away after it had been found, or its loader is missing.
    #[error(
        "{program:?} or what it needs to be loaded was not found; check that it is installed for this machine"
    )]
    NotFound {
        /// Its path.
        program: OsString,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel does not execute it.
    #[error("{program:?} cannot be executed; a script needs a first line such as #!/bin/sh")]
    NotExecutable {
        /// Its path.
        program: OsString,
        /// What the kernel said.
        source: io::Error,
    },
    /// Arguments and environment are more than the kernel takes.
    #[error(
        "arguments and environment together are more than the kernel takes; deliver large values as files"
    )]
    TooLarge {
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused something that every run needs.
    #[error("the system could not {what}; nothing is left behind, and it may work later")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl RunError {
    /// How strongroom should end: by the signal that interrupted it, 127 or 126 as a shell would say, else 125.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::Interrupted { signal } => Ending::Signaled(*signal),
            Self::NotFound { .. } => Ending::NOT_FOUND,
            Self::NotExecutable { .. } => Ending::NOT_EXECUTABLE,
            Self::Files(_) | Self::TooLarge { .. } | Self::System { .. } => Ending::REFUSED,
        }
    }

    fn from_start(image: &Image<'_>, error: StartError) -> Self {
        let program = || OsStr::from_bytes(image.path.to_bytes()).to_owned();
        match error {
            StartError::Prepare(source) => Self::System { what: "start a process", source },
            StartError::Exec(source) => match source.raw_os_error() {
                Some(libc::ENOENT) => Self::NotFound { program: program(), source },
                Some(libc::EACCES | libc::ENOEXEC) => Self::NotExecutable { program: program(), source },
                Some(libc::E2BIG) => Self::TooLarge { source },
                _ => Self::System { what: "start the program", source },
            },
        }
    }
}
