//! On a terminal strongroom is not noticed: keys act once, Ctrl-Z stops the job and the shell continues it, and a
//! terminal that goes away takes the job along.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::stage::{Stage, reporter};

const TOKEN: (&str, &str, &str) = ("env", "TOKEN", "a-token-to-mask");
const KEY: (&str, &str, &str) = ("file", "conf/app.key", "a key");

/// A user at a terminal, with a shell that runs one job, or with that job alone.
struct User {
    terminal: File,
    shell: Child,
    says: BufReader<ChildStdout>,
    tells: ChildStdin,
    screen: BufReader<File>,
}

impl User {
    fn at(stage: &Stage, streams: &str) -> Self {
        Self::with("shell", stage, &[streams])
    }

    /// The run itself leads the session, as with `ssh -t`.
    fn without_shell(stage: &Stage) -> Self {
        Self::with("lead", stage, &[])
    }

    fn with(role: &str, stage: &Stage, streams: &[&str]) -> Self {
        let terminal: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("our own terminal");
        let name = ptsname(&terminal, Vec::new()).expect("it has a name").into_string().expect("plain text");
        let mut shell = Command::new(reporter());
        shell.arg(role).arg(stage.spec()).arg(&name).args(streams).current_dir(stage.home.path());
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the reporter is built");
        let says = BufReader::new(shell.stdout.take().expect("piped"));
        let tells = shell.stdin.take().expect("piped");
        let terminal = File::from(terminal);
        let screen = BufReader::new(terminal.try_clone().expect("a descriptor"));
        Self { terminal, shell, says, tells, screen }
    }

    /// Closes the window.
    fn hang_up(&mut self) {
        let nothing = File::open("/dev/null").expect("it is everywhere");
        self.screen = BufReader::new(nothing.try_clone().expect("a descriptor"));
        self.terminal = nothing;
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// Reads the screen up to a line that is `expected`; returns the lines before.
    fn see(&mut self, expected: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.screen.read_line(&mut line).expect("the terminal is open"), 0, "{before:?}");
            // The terminal echoes the key it was given before the answer.
            let line =
                line.trim_end().trim_start_matches("^C").trim_start_matches("^Z").trim_start_matches("^\\");
            if line == expected {
                return before;
            }
            before.push(line.to_owned());
        }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Says each signal that comes, after the number of its supervisor; TERM ends it. `wait` misses no signal, and what it
/// waits for is deaf from its birth.
const LISTEN: &str = r#"
    trap '' HUP INT QUIT TERM
    sleep 1000 & sleeper=$!
    for signal in INT QUIT WINCH; do trap "echo $signal" $signal; done
    trap 'kill -9 $sleeper; echo end; exit 7' TERM
    echo ready; echo $PPID
    while :; do wait $sleeper; done"#;

#[test]
fn each_key_reaches_the_child_once() {
    for stage in [Stage::with(&[TOKEN, KEY]), Stage::with(&[TOKEN, KEY]).masked()] {
        let stage = stage.script(LISTEN);
        let mut user = User::at(&stage, "terminal");
        user.see("ready");
        let mut parent = String::new();
        user.screen.read_line(&mut parent).expect("the terminal is open");
        for _ in 0..10 {
            for (key, name) in [("\x03", "INT"), ("\x1c", "QUIT")] {
                user.press(key);
                assert_eq!(user.see(name), [""; 0]);
            }
        }
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&user.terminal, size).expect("our own terminal");
        assert_eq!(user.see("WINCH"), [""; 0]);
        let supervisor = Pid::from_raw(parent.trim().parse().expect("a number")).expect("not zero");
        kill_process(supervisor, Signal::TERM).expect("it runs");
        assert_eq!(user.see("end"), [""; 0], "nothing came twice");
        assert_eq!(user.hear(), "exited 7");
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn a_key_that_ends_the_child_ends_the_run() {
    let stage = Stage::with(&[TOKEN, KEY]).script("ulimit -c 0; echo ready; exec sleep 1000");
    for (key, ending) in [("\x03", "signaled 2"), ("\x1c", "signaled 3")] {
        let mut user = User::at(&stage, "terminal");
        user.see("ready");
        user.press(key);
        assert_eq!(user.hear(), ending);
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn ctrl_z_stops_the_job_and_the_shell_continues_it() {
    for (stage, streams) in
        [(Stage::with(&[TOKEN, KEY]), "terminal"), (Stage::with(&[TOKEN, KEY]).masked(), "pipe")]
    {
        let stage = stage.script("echo ready >&2; read line; echo \"got $line $TOKEN\"; exit 3");
        let mut user = User::at(&stage, streams);
        user.see("ready");
        for _ in 0..3 {
            user.press("\x1a");
            assert_eq!(user.hear(), "stopped 20", "as the shell sees it of any job");
            user.tells.write_all(b"continue\n").expect("the shell listens");
            assert_eq!(user.hear(), "continued");
        }
        user.press("a line\n");
        if streams == "pipe" {
            assert_eq!(user.hear(), "got a line ***");
        } else {
            user.see("got a line a-token-to-mask");
        }
        assert_eq!(user.hear(), "exited 3");
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

/// Says through a pipe what a terminal that is gone no longer shows: the number of its supervisor, then each signal.
const LISTEN_ON: &str = r#"
    trap '' HUP TERM
    sleep 60 & sleeper=$!
    for signal in SIGNALS; do trap "echo $signal >&3" $signal; done
    trap 'kill -9 $sleeper; echo end >&3; exit 7' TERM
    mkfifo said; echo ready; exec 3>said; rm said; echo $PPID >&3
    while kill -0 $sleeper; do wait $sleeper; done"#;

/// A child that says these signals, once it listens; and its supervisor.
fn listen(user: &mut User, stage: &Stage) -> (BufReader<File>, Pid) {
    user.see("ready");
    let mut said = BufReader::new(File::open(stage.at("said")).expect("just made"));
    let mut supervisor = String::new();
    said.read_line(&mut supervisor).expect("text");
    (said, Pid::from_raw(supervisor.trim().parse().expect("a number")).expect("not zero"))
}

#[test]
fn a_closed_terminal_ends_the_run_that_leads_its_session() {
    let stage = Stage::with(&[TOKEN, KEY]).script("echo ready; exec sleep 60");
    let mut user = User::without_shell(&stage);
    user.see("ready");
    user.hang_up();
    assert_eq!(user.shell.wait().expect("our child").signal(), Some(1));
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_closed_terminal_reaches_the_child_of_the_leader_once() {
    let stage = Stage::with(&[TOKEN, KEY]).script(&LISTEN_ON.replace("SIGNALS", "HUP CONT"));
    let mut user = User::without_shell(&stage);
    let (mut said, supervisor) = listen(&mut user, &stage);
    user.hang_up();
    for signal in ["HUP\n", "CONT\n"] {
        let mut line = String::new();
        said.read_line(&mut line).expect("text");
        assert_eq!(line, signal);
    }
    kill_process(supervisor, Signal::TERM).expect("it runs");
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "end\n", "and nothing came twice");
    assert_eq!(user.shell.wait().expect("our child").code(), Some(7));
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_closed_terminal_reaches_the_child_of_a_job_once() {
    for _ in 0..5 {
        let stage = Stage::with(&[TOKEN, KEY]).script(&LISTEN_ON.replace("SIGNALS", "HUP"));
        let mut user = User::at(&stage, "terminal");
        let (mut said, supervisor) = listen(&mut user, &stage);
        let supervisor = pidfd_open(supervisor, PidfdFlags::empty()).expect("it runs");
        user.hang_up();
        // The shell dies of it, at which the kernel tells the whole job, and then the driver's TERM comes.
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("text");
        assert_eq!(rest, "HUP\nend\n");
        poll(&mut [PollFd::new(&supervisor, PollFlags::IN)], None).expect("it ends");
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn output_to_a_terminal_is_passed_through_with_a_word() {
    let stage = Stage::with(&[TOKEN]).masked().script("echo $TOKEN");
    let mut user = User::at(&stage, "terminal");
    assert_eq!(user.see("a-token-to-mask"), ["note: output to a terminal is not masked"]);
    assert_eq!(user.hear(), "exited 0");

    // What is no terminal is masked all the same.
    let mut user = User::at(&stage, "pipe");
    let mut said = String::new();
    user.says.read_to_string(&mut said).expect("text");
    assert_eq!(said, "***\nexited 0\n");
}
