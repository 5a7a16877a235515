//! Which signal means what to a supervisor. Rules only: they are taken, sent and suffered elsewhere (`sys`).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getpid};

use crate::supervise::RunError;
use crate::sys::{self, Arrival, Signals};

/// What a terminal sends to the whole foreground group: the child is in it and has got its own.
const OF_A_TERMINAL: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGCONT,
    libc::SIGWINCH,
];

/// What a terminal that goes away sends to the leader of its session alone. All others get it when the leader ends,
/// which is us here, and we wait for the child.
const OF_A_HANG_UP: [i32; 2] = [libc::SIGHUP, libc::SIGCONT];

/// What nobody dies of.
const HARMLESS: [i32; 7] =
    [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Whether the child must be sent what came in, because it was meant for it and it has not got it. `leads`: we lead our
/// session.
pub(crate) fn is_for_child(arrival: Arrival, child: Pid, leads: bool) -> bool {
    if arrival.signal == libc::SIGCHLD {
        false
    } else if arrival.by_kernel {
        // An alarm set before we were started is the one example: the child would have inherited it.
        !OF_A_TERMINAL.contains(&arrival.signal) || leads && OF_A_HANG_UP.contains(&arrival.signal)
    } else {
        // A child that signals its own group has got it; what we cause ourselves (a broken pipe) is about us.
        ![child, getpid()].iter().any(|process| process.as_raw_nonzero().get() == arrival.sender)
    }
}

/// Whether whoever sent this wants us to end.
pub(crate) fn is_fatal(arrival: Arrival) -> bool {
    let is_our_own = !arrival.by_kernel && arrival.sender == getpid().as_raw_nonzero().get();
    !HARMLESS.contains(&arrival.signal) && !is_our_own && !sys::is_ignored(arrival.signal)
}

/// Whether a child stopped by this signal was stopped by its user's terminal, who then waits for us to stop as well.
/// SIGSTOP is not among them: who sends it to a process by its number, such as a tool that throttles it, means that one
/// and continues only that one.
pub(crate) fn is_job_control(signal: i32) -> bool {
    [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal)
}

/// Before there is a child: ends the run if a signal asked for it. A Ctrl-Z in these milliseconds has no effect: there
/// is nothing yet to stop, and stopped here we would keep other runs waiting for the lock.
pub(crate) fn check_interrupted(signals: &Signals) -> Result<(), RunError> {
    let failed = |source| RunError::System { what: "read signals", source };
    while let Some(arrival) = signals.next().map_err(failed)? {
        if is_fatal(arrival) {
            return Err(RunError::Interrupted { signal: arrival.signal });
        }
    }
    Ok(())
}

/// Lets a moment pass, or less of it when a signal comes; the error is that it asked us to end.
pub(crate) fn pause(signals: &Signals, moment: &Timespec) -> Result<(), RunError> {
    // What it could say, reading says too.
    let _ = poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(moment));
    check_interrupted(signals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_reaches_the_child_once() {
        let child = Pid::from_raw(4_000_000).expect("not zero");
        let is_sent = |signal, by_kernel, sender, leads| {
            is_for_child(Arrival { signal, by_kernel, sender }, child, leads)
        };
        let check = |signal, by_kernel, sender, expected| {
            for leads in [false, true] {
                assert_eq!(is_sent(signal, by_kernel, sender, leads), expected, "{signal} {sender} {leads}");
            }
        };
        for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGWINCH, libc::SIGTSTP] {
            check(signal, true, 0, false);
            check(signal, false, 1, true);
        }
        for signal in [libc::SIGHUP, libc::SIGCONT] {
            assert!(!is_sent(signal, true, 0, false), "the whole group has {signal}");
            assert!(is_sent(signal, true, 0, true), "only the leader of the session has {signal}");
            check(signal, false, 1, true);
        }
        for signal in [libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGALRM, libc::SIGABRT, 34, 64] {
            check(signal, false, 1, true);
            check(signal, false, 0, true);
            check(signal, false, 4_000_000, false);
        }
        check(libc::SIGALRM, true, 0, true);
        check(libc::SIGPIPE, false, getpid().as_raw_nonzero().get(), false);
        check(libc::SIGCHLD, true, 0, false);
        check(libc::SIGCHLD, false, 1, false);
    }
}
