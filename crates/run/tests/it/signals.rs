//! Every signal reaches the child once; one that comes too early ends the run with nothing left; orphans are reaped.

use std::fs::{self, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::{Pid, Signal};

use crate::stage::{Running, Stage, reporter};

const TOKEN: (&str, &str, &str) = ("env", "TOKEN", "a-token-to-mask");
const KEY: (&str, &str, &str) = ("file", "conf/app.key", "a-key-to-mask");

/// Says each signal that comes; PROF ends it. `wait` misses no signal, and what it waits for is deaf from its birth.
const LISTEN: &str = r#"
    trap '' HUP INT QUIT USR1 USR2 ALRM TERM TSTP VTALRM
    sleep 1000 & sleeper=$!
    for signal in HUP INT QUIT USR1 USR2 ALRM TERM CONT WINCH TSTP VTALRM; do trap "echo $signal" $signal; done
    trap 'kill -9 $sleeper; echo end; exit 7' PROF
    echo ready
    while :; do wait $sleeper; done"#;

#[test]
fn each_signal_is_handed_on_once() {
    for stage in
        [Stage::with(&[TOKEN, KEY]).script(LISTEN), Stage::with(&[TOKEN, KEY]).masked().script(LISTEN)]
    {
        let mut running = stage.start();
        for _ in 0..10 {
            for (signal, name) in [
                (Signal::HUP, "HUP"),
                (Signal::INT, "INT"),
                (Signal::QUIT, "QUIT"),
                (Signal::USR1, "USR1"),
                (Signal::USR2, "USR2"),
                (Signal::ALARM, "ALRM"),
                (Signal::TERM, "TERM"),
                (Signal::CONT, "CONT"),
                (Signal::WINCH, "WINCH"),
                (Signal::TSTP, "TSTP"),
                (Signal::VTALARM, "VTALRM"),
            ] {
                running.send(signal);
                assert_eq!(running.line(), name);
            }
        }
        running.send(Signal::PROF);
        assert_eq!(running.rest(), "end\n", "and nothing came twice");
        assert_eq!(running.end().code(), Some(7));
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn what_the_child_sends_to_its_group_does_not_come_back() {
    let script = LISTEN.replace("echo ready", "echo ready; kill -TERM 0");
    let stage = Stage::with(&[TOKEN]).masked().script(&script);
    // A group of its own, or the test would be in it.
    let mut running = Running::start(stage.driver().process_group(0));
    assert_eq!(running.line(), "TERM");
    running.send(Signal::PROF);
    assert_eq!(running.rest(), "end\n");
    assert_eq!(running.end().code(), Some(7));
}

#[test]
fn a_signal_that_ends_the_child_ends_the_run_and_everything_is_removed() {
    for (signal, number) in
        [(Signal::TERM, 15), (Signal::INT, 2), (Signal::HUP, 1), (Signal::USR1, 10), (Signal::ABORT, 6)]
    {
        let stage = Stage::with(&[TOKEN, KEY]).masked().script("ulimit -c 0; echo ready; exec sleep 1000");
        let running = stage.start();
        running.send(signal);
        assert_eq!(running.end().signal(), Some(number));
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

/// Whether a process holds its signals back, as a run does before its first file.
fn waits(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap_or("0").trim();
    u64::from_str_radix(blocked, 16).is_ok_and(|blocked| blocked != 0)
}

/// The lock of the runtime folder, which is made where it is missing.
pub(crate) fn hold_lock(stage: &Stage) -> OwnedFd {
    let folder = stage.memory.path().join("strongroom");
    if !folder.exists() {
        fs::create_dir(&folder).expect("our own folder");
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("our own folder");
    }
    let lock = open(&folder, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("our own folder");
    flock(&lock, FlockOperation::LockExclusive).expect("nobody else has it");
    lock
}

fn signal_before_the_first_file(driver: &mut Command, signal: Signal) -> Child {
    let driver = driver.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the reporter is built");
    let pid = Pid::from_child(&driver);
    while !waits(pid) {
        std::thread::yield_now();
    }
    rustix::process::kill_process(pid, signal).expect("it waits");
    driver
}

#[test]
fn a_signal_before_the_child_ends_the_run_with_nothing_left() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::INT, 2), (Signal::HUP, 1)] {
        let stage = Stage::with(&[TOKEN, KEY]).script("echo started");
        // Held all the time: whoever keeps the lock keeps no signal away.
        let _lock = hold_lock(&stage);
        let driver = signal_before_the_first_file(&mut stage.driver(), signal);
        let output = driver.wait_with_output().expect("our child");
        assert_eq!(output.status.signal(), Some(number));
        assert_eq!(output.stdout, b"", "there was no child");
        // At once, and not when the patience with the lock was over.
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            stderr.lines().next(),
            Some(&*format!(
                "refused: signal {number} came before the program was started; everything is removed"
            ))
        );
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn a_run_without_files_waits_for_no_lock() {
    let stage = Stage::with(&[TOKEN]).script("echo started");
    let _lock = hold_lock(&stage);
    assert_eq!(stage.run().stdout(), "started\n");
}

#[test]
fn files_are_removed_though_another_keeps_the_lock() {
    let stage = Stage::with(&[KEY]).script(r#"sleep 1000 & trap "kill $!; exit 3" USR1; echo ready; wait"#);
    let running = stage.start();
    let _lock = hold_lock(&stage);
    running.send(Signal::USR1);
    assert_eq!(running.end().code(), Some(3));
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn an_ignored_or_harmless_signal_before_the_child_changes_nothing() {
    for signal in [Signal::HUP, Signal::WINCH, Signal::CONT] {
        let stage = Stage::with(&[TOKEN, KEY]).script("echo started");
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"trap '' HUP; exec "$0" drive "$1""#]).arg(reporter()).arg(stage.spec());
        let lock = hold_lock(&stage);
        let driver = signal_before_the_first_file(shell.current_dir(stage.home.path()), signal);
        drop(lock);
        let output = driver.wait_with_output().expect("our child");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"started\n"[..]));
    }
}

#[test]
fn orphans_are_reaped() {
    let reporter = reporter();
    let reporter = reporter.to_str().expect("a path of ours");
    for stage in [Stage::with(&[TOKEN]), Stage::with(&[TOKEN]).masked()] {
        let stage = stage.set("subreaper", true).command(&[reporter, "orphans", "1000"]);
        let ran = stage.run();
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    }
}
