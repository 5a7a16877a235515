//! The system calls that Rust has no safe word for: signals taken by descriptor, fork, exec, dying by a signal. The
//! only file of this crate with `unsafe`; it decides nothing, its callers do.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::seclusion::CoreLimit;

/// Raised by a broken instruction of our own: holding one back would only hide where it happened.
const FAULTS: [c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// All signals of this thread but [`FAULTS`], held back and read from a descriptor, until dropped.
pub(crate) struct Signals {
    descriptor: OwnedFd,
    before: Before,
}

/// How our caller left us what we change, and how a child is to find it.
#[derive(Clone, Copy)]
struct Before {
    mask: libc::sigset_t,
    /// Of SIGCHLD: a process that ignores it never learns how its children end.
    action: libc::sigaction,
}

impl Before {
    fn restore(&self) {
        // SAFETY: both are what the kernel itself wrote; neither call fails with them. Async-signal-safe.
        unsafe {
            libc::sigaction(libc::SIGCHLD, &raw const self.action, ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, ptr::null_mut());
        }
    }
}

/// A signal that came in, and where from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) signal: i32,
    /// Sent by the kernel, such as for a key pressed on the terminal; else by a process.
    pub(crate) by_kernel: bool,
    /// The process that sent it; 0 for one outside our PID namespace. Says nothing when the kernel sent it.
    pub(crate) sender: i32,
}

impl Signals {
    pub(crate) fn hold() -> io::Result<Self> {
        let mut held = full_set();
        let mut mask = MaybeUninit::uninit();
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: `held` is an initialised set and each number a valid signal; all zeroes are a valid sigaction, the
        // default action; `mask` is written by a successful pthread_sigmask before it is read.
        let before = unsafe {
            for fault in FAULTS {
                libc::sigdelset(&raw mut held, fault);
            }
            check_code(libc::pthread_sigmask(libc::SIG_SETMASK, &raw const held, mask.as_mut_ptr()))?;
            let default = MaybeUninit::<libc::sigaction>::zeroed();
            libc::sigaction(libc::SIGCHLD, default.as_ptr(), action.as_mut_ptr());
            Before { mask: mask.assume_init(), action: action.assume_init() }
        };
        // SAFETY: -1 asks for a new descriptor, which nobody else owns; the set is initialised.
        let raw = unsafe { libc::signalfd(-1, &raw const held, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if raw < 0 {
            let error = io::Error::last_os_error();
            before.restore();
            return Err(error);
        }
        // SAFETY: the call above succeeded, so `raw` is open and ours alone.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(raw) }, before })
    }

    /// The next signal that waits; never blocks.
    pub(crate) fn next(&self) -> io::Result<Option<Arrival>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is as large as said, and any bytes are a valid signalfd_siginfo (integers only).
        let (read, info) = unsafe {
            let read = libc::read(self.descriptor.as_raw_fd(), info.as_mut_ptr().cast::<c_void>(), size);
            (read, info.assume_init())
        };
        if read < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
        }
        Ok(Some(Arrival {
            signal: info.ssi_signo.cast_signed(),
            by_kernel: info.ssi_code > 0,
            sender: info.ssi_pid.cast_signed(),
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Signals {
    /// Signals that nobody took now do what they would have done, except what our own writing caused: that a reader or
    /// the space was gone has been dealt with, and is nothing to die of.
    fn drop(&mut self) {
        take_waiting(&[libc::SIGPIPE, libc::SIGXFSZ]);
        self.before.restore();
    }
}

/// Whether this process was told to ignore `signal`, as `nohup` does.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null second argument only asks; all zeroes are a valid sigaction (the default action), so reading it
    // is sound even if the call refuses the number.
    let action = unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Whether this process leads its session: the one that a terminal tells when it goes away.
pub(crate) fn leads_session() -> bool {
    // SAFETY: both take and give numbers only. rustix has no word for the 0 of a session outside our PID namespace.
    unsafe { libc::getsid(0) == libc::getpid() }
}

/// Sends `signal` to one process. That it is gone already is no error: it may end at any time.
pub(crate) fn send(process: Pid, signal: i32) {
    // SAFETY: kill takes two numbers and touches no memory of ours.
    unsafe { libc::kill(process.as_raw_nonzero().get(), signal) };
}

/// Stops this process as `signal` would have, until a SIGCONT. That one is taken with it: what woke us has done its work.
pub(crate) fn stop(signal: i32) {
    suffer(signal);
    take_waiting(&[libc::SIGCONT]);
}

/// Takes what waits of `signals`, each at most once, as if it had never come.
fn take_waiting(signals: &[i32]) {
    let mut set = MaybeUninit::uninit();
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: sigemptyset initialises the set before it is read; a null second argument asks for no details.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        for _ in signals {
            libc::sigtimedwait(set.as_ptr(), ptr::null_mut(), &raw const at_once);
        }
    }
}

/// Lets the default action of `signal` happen to this process: it dies or stops here. Comes back when the signal is
/// discarded (PID 1, an orphaned group) or after a stop was continued; then all is as before.
pub(crate) fn suffer(signal: i32) {
    let mut only = MaybeUninit::uninit();
    let mut mask_before = full_set();
    let mut action_before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: sigemptyset initialises `only`; all zeroes are a valid sigaction (default action, no flags); the old
    // mask and action are restored from what the same calls wrote, or from valid initial values.
    unsafe {
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), signal);
        let default = MaybeUninit::<libc::sigaction>::zeroed();
        let changed = libc::sigaction(signal, default.as_ptr(), action_before.as_mut_ptr());
        // Sent while it is held back, so that one that is on its way already and this one are one.
        libc::pthread_sigmask(libc::SIG_BLOCK, only.as_ptr(), &raw mut mask_before);
        libc::kill(libc::getpid(), signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, only.as_ptr(), ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask_before, ptr::null_mut());
        if changed == 0 {
            libc::sigaction(signal, action_before.as_ptr(), ptr::null_mut());
        }
    }
}

/// Bytes from the kernel's random source.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: the buffer is as long as said.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast::<c_void>(), N, 0) };
    if usize::try_from(got) == Ok(N) { Ok(bytes) } else { Err(io::Error::last_os_error()) }
}

/// What a child becomes.
pub(crate) struct Image<'a> {
    pub(crate) path: &'a CStr,
    pub(crate) argv: Vec<&'a CStr>,
    pub(crate) environment: Vec<&'a CStr>,
    /// What replaces its standard output and standard error; None: ours.
    pub(crate) streams: [Option<BorrowedFd<'a>>; 2],
    pub(crate) core: CoreLimit,
}

/// The step at which a child could not be started.
#[derive(Debug)]
pub(crate) enum StartError {
    /// No process came into being, or it could not be set up.
    Prepare(io::Error),
    /// The kernel refused the program.
    Exec(io::Error),
}

/// Starts a child in our process group and waits until it has become its program. A child that could not is reaped.
pub(crate) fn start(image: &Image<'_>, signals: &Signals) -> Result<Pid, StartError> {
    let (heard, said) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| StartError::Prepare(error.into()))?;
    let argv = pointers(&image.argv);
    let environment = pointers(&image.environment);
    let child = Child {
        path: image.path.as_ptr(),
        argv: argv.as_ptr(),
        environment: environment.as_ptr(),
        streams: image.streams.map(|stream| stream.map_or(-1, |stream| stream.as_raw_fd())),
        core: core_limit(&image.core),
        said: said.as_raw_fd(),
        before: signals.before,
    };
    // SAFETY: in the child only `Child::become_image` runs, which calls nothing that is not async-signal-safe and never
    // returns, so locks that another thread held at the fork are never waited for. Everything it points to lives in
    // this frame, which the child has its own copy of.
    let forked = unsafe {
        match libc::fork() {
            0 => child.become_image(),
            forked => forked,
        }
    };
    if forked < 0 {
        return Err(StartError::Prepare(io::Error::last_os_error()));
    }
    let process = Pid::from_raw(forked).expect("fork gives its parent a process or an error");
    drop(said);
    let mut report = Vec::new();
    // Nothing said means that exec closed the pipe, or that a signal ended the child before: its status tells.
    match File::from(heard).read_to_end(&mut report) {
        Ok(_) if report.is_empty() => Ok(process),
        Ok(_) => {
            reap(process);
            Err(read_report(&report))
        }
        Err(error) => {
            send(process, libc::SIGKILL);
            reap(process);
            Err(StartError::Prepare(error))
        }
    }
}

/// All that a forked child needs, as plain numbers and pointers made before the fork.
struct Child {
    path: *const c_char,
    argv: *const *const c_char,
    environment: *const *const c_char,
    streams: [RawFd; 2],
    core: libc::rlimit,
    said: RawFd,
    before: Before,
}

const PREPARE: u8 = 1;
const EXEC: u8 = 2;

impl Child {
    /// # Safety
    /// To be called in a freshly forked child only, with pointers to null-terminated arrays of C strings.
    unsafe fn become_image(&self) -> ! {
        // SAFETY: dup2, syscall, setrlimit (a system call and no more), sigaction, pthread_sigmask, execve, write and _exit
        // are async-signal-safe; there is no allocation, no lock and no panic on this path; the pointers are valid by this
        // function's own condition.
        unsafe {
            for (stream, target) in self.streams.into_iter().zip([libc::STDOUT_FILENO, libc::STDERR_FILENO]) {
                if stream >= 0 && libc::dup2(stream, target) < 0 {
                    self.give_up(PREPARE);
                }
            }
            // Every descriptor from 3 up, whoever opened it and however: none of ours reaches a stranger's program.
            if libc::syscall(libc::SYS_close_range, 3, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC) != 0 {
                self.give_up(PREPARE);
            }
            // Never above the hard limit, so it is not refused; and a child without a core file is none the worse.
            libc::setrlimit(libc::RLIMIT_CORE, &raw const self.core);
            reset_actions();
            self.before.restore();
            libc::execve(self.path, self.argv, self.environment);
            self.give_up(EXEC)
        }
    }

    /// # Safety
    /// As for `become_image`.
    unsafe fn give_up(&self, step: u8) -> ! {
        // SAFETY: errno is this thread's own; the buffer is as long as said; write and _exit are async-signal-safe.
        unsafe {
            let [a, b, c, d] = (*libc::__errno_location()).to_ne_bytes();
            let report = [step, a, b, c, d];
            libc::write(self.said, report.as_ptr().cast::<c_void>(), report.len());
            libc::_exit(127)
        }
    }
}

/// Caught signals get their default action, so that no handler of ours runs in the child between here and exec; ignored
/// ones stay ignored, except SIGPIPE: it is Rust's own start-up that ignores it, not our caller.
///
/// # Safety
/// Async-signal-safe; to be called in a freshly forked child, whose signals are its own.
unsafe fn reset_actions() {
    for signal in 1..=64 {
        // SAFETY: all zeroes are a valid sigaction (default action); numbers that libc keeps for itself are refused.
        unsafe {
            let default = MaybeUninit::<libc::sigaction>::zeroed();
            let mut now = MaybeUninit::<libc::sigaction>::zeroed();
            let known = libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0;
            let ignored = now.assume_init().sa_sigaction == libc::SIG_IGN;
            if known && (!ignored || signal == libc::SIGPIPE) {
                libc::sigaction(signal, default.as_ptr(), ptr::null_mut());
            }
        }
    }
}

fn core_limit(CoreLimit(limit): &CoreLimit) -> libc::rlimit {
    let number = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
    libc::rlimit { rlim_cur: number(limit.current), rlim_max: number(limit.maximum) }
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn read_report(report: &[u8]) -> StartError {
    let [step, code @ ..] = report else { unreachable!("the caller saw that it is not empty") };
    let code = code.try_into().map_or(libc::EIO, i32::from_ne_bytes);
    let error = io::Error::from_raw_os_error(code);
    if *step == EXEC { StartError::Exec(error) } else { StartError::Prepare(error) }
}

fn reap(process: Pid) {
    // SAFETY: a null status pointer is allowed.
    while unsafe { libc::waitpid(process.as_raw_nonzero().get(), ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

fn full_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigfillset writes the whole set and cannot fail on a valid pointer.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn check_code(code: c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}
