//! A user at a terminal: it is the program's controlling terminal, and what is typed there may be waiting before the
//! program starts. No promises here.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

pub(crate) struct Terminal {
    screen: File,
    program: Child,
    said: String,
}

impl Terminal {
    /// Starts a program in a session of its own with `typed` waiting for it. The command is that of `setsid`.
    pub(crate) fn start(setsid: &mut Command, typed: &str) -> Self {
        let screen: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("our own terminal");
        let name = ptsname(&screen, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let other_side = || open(&*name, flags, Mode::empty()).expect("our own terminal");
        let mut screen = File::from(screen);
        let streams = [other_side(), other_side(), other_side()];
        screen.write_all(typed.as_bytes()).expect("our own terminal");
        let [stdin, stdout, stderr] = streams;
        let program = setsid.stdin(stdin).stdout(stdout).stderr(stderr).spawn().expect("there is setsid");
        // What the command still holds of the terminal would keep its end from being seen.
        setsid.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        setsid.stderr(std::process::Stdio::null());
        Self { screen, program, said: String::new() }
    }

    /// `setsid` becomes the program it starts.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.program)
    }

    /// Waits until these words are on the screen.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) {
        while !self.said.contains(words) {
            assert!(self.read(), "{words:?} is not in {:?}", self.said);
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("our own terminal");
    }

    /// All that was on the screen when the program has ended, and its exit code.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        while self.read() {}
        let status = self.program.wait().expect("our child");
        (std::mem::take(&mut self.said), status.code())
    }

    fn read(&mut self) -> bool {
        let mut piece = [0; 4096];
        // An error is the end: nobody has the other side any more.
        let read = self.screen.read(&mut piece).unwrap_or_default();
        self.said.push_str(&String::from_utf8_lossy(&piece[..read]));
        read > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already reaped after `end`; then this does nothing.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
