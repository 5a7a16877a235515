//! A program that serves, as a child of this one: the subject, or its ceiling. It is started, looked at from outside and
//! ended by its id, whatever happens. What it is asked is `load`.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// What every program here says when it can be asked.
const READY: &str = "listening on http://";

/// What is said of a panic: by strongroom, and by other programs.
const PANIC: [&str; 2] = ["internal error at ", "panicked at "];

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Kept,
    address: SocketAddr,
    /// Hands on what it still says; whether it was of a panic.
    rest: JoinHandle<bool>,
}

impl Server {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(mut program: Command) -> Result<Self> {
        let started = program.stderr(Stdio::piped()).spawn();
        let name = program.get_program();
        let mut child = Kept(started.with_context(|| format!("start {}", name.display()))?);
        let mut said = BufReader::new(child.0.stderr.take().context("hear what a program says")?).lines();
        let address = hear_address(&mut said);
        let address = address.with_context(|| format!("wait for {} to listen", name.display()))?;
        let rest = std::thread::spawn(move || {
            said.map_while(Result::ok).fold(false, |panicked, line| {
                eprintln!("{line}");
                panicked || PANIC.iter().any(|words| line.contains(words))
            })
        });
        Ok(Self { child, address, rest })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Asks it to end, and waits until it has: in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child.0), Signal::TERM).context("ask a server to end")?;
        let status = self.child.0.wait().context("wait for a server to end")?;
        // Until whoever looked at it has gone too.
        let panicked = self.rest.join().ok().context("hear what a server says")?;
        ensure!(status.success(), "a server ended with {status}");
        ensure!(!panicked, "a server panicked: its own message is above");
        Ok(())
    }
}

fn hear_address(said: &mut Lines<BufReader<ChildStderr>>) -> Result<SocketAddr> {
    for line in said {
        let line = line.context("hear what it says")?;
        match line.strip_prefix(READY) {
            Some(address) => return address.parse().with_context(|| format!("read the address {address}")),
            None => eprintln!("{line}"),
        }
    }
    anyhow::bail!("it ended before that: its own message is above")
}

/// A child that does not outlive this value.
#[derive(Debug)]
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // Whoever ended before is not hurt: its id is no longer known here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]).stdin(Stdio::null());
        shell
    }

    fn lives(id: u32) -> bool {
        std::path::Path::new("/proc").join(id.to_string()).exists()
    }

    #[test]
    fn a_server_is_ended_by_whoever_lets_go_of_it() {
        let server = Server::start(shell("echo 'listening on http://127.0.0.1:7' >&2; exec sleep 600"));
        let server = server.expect("an address");
        let id = server.id();
        assert_eq!(server.address(), ([127, 0, 0, 1], 7).into());
        assert!(lives(id));
        drop(server);
        assert!(!lives(id));
    }

    #[test]
    fn a_server_that_is_asked_to_end_may_say_how_it_did() {
        let script = |status: u8| {
            shell(&format!(
                "trap 'exit {status}' TERM; echo 'listening on http://127.0.0.1:7' >&2; while :; do sleep 0.01; done"
            ))
        };
        Server::start(script(0)).expect("an address").stop().expect("a good end");
        assert!(Server::start(script(1)).expect("an address").stop().is_err());
    }

    #[test]
    fn one_that_never_listens_is_an_error() {
        assert!(Server::start(shell("exit 0")).is_err());
        assert!(Server::start(shell("echo 'listening on http://nowhere' >&2; exec sleep 600")).is_err());
        assert!(Server::start(Command::new("/nowhere")).is_err());
    }

    #[test]
    fn a_panic_is_not_overheard() {
        for words in ["strongroom: internal error at x.rs:1:2", "thread x panicked at x.rs:1:2"] {
            // In one piece: it is asked to end as soon as the first line is heard.
            let said = format!("printf 'listening on http://127.0.0.1:7\\n{words}\\n' >&2");
            let script = format!("trap 'exit 0' TERM; {said}; while :; do sleep 0.01; done");
            let server = Server::start(shell(&script)).expect("an address");
            let refused = server.stop().expect_err("it panicked");
            assert!(refused.to_string().contains("panicked"), "{refused}");
        }
    }
}
