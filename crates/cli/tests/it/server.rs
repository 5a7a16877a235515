//! A strongroom that serves, for as long as a test needs it, and ended by its own process however the test ends. No promises
//! here.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::room::Room;

pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// The API key that the room's commands speak with.
    pub(crate) token: String,
    /// Whom they trust, where it is not plain HTTP.
    pub(crate) ca_cert: Option<PathBuf>,
    /// All that it said before it listened.
    pub(crate) before: String,
    /// Reads the rest, so that it never waits for a reader.
    rest: Option<JoinHandle<String>>,
}

impl Server {
    /// Returns once it listens.
    pub(crate) fn start(room: &Room, options: &[&str], token: String) -> Self {
        match Self::try_start(room, options, token) {
            Ok(server) => server,
            Err((status, said)) => panic!("it ended with {status} before it listened:\n{said}"),
        }
    }

    /// Returns once it listens, or has ended: how, and what it said.
    pub(crate) fn try_start(
        room: &Room,
        options: &[&str],
        token: String,
    ) -> Result<Self, (ExitStatus, String)> {
        let mut command = room.embedded(&["serve"]);
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program is built");
        let mut said = BufReader::new(process.stderr.take().expect("piped"));
        let mut server =
            Self { process, url: String::new(), token, ca_cert: None, before: String::new(), rest: None };
        while server.url.is_empty() {
            let mut line = String::new();
            if said.read_line(&mut line).expect("text") == 0 {
                let status = server.process.wait().expect("our child");
                return Err((status, std::mem::take(&mut server.before)));
            }
            server.url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
            server.before.push_str(&line);
        }
        server.rest = Some(thread::spawn(move || {
            let lines = said.lines().map(|line| line.unwrap_or_default());
            lines.fold(String::new(), |text, line| text + &line + "\n")
        }));
        server.ca_cert = server.url.starts_with("https:").then(|| room.path("data/tls/ca.pem"));
        Ok(server)
    }

    /// What makes a command speak to it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let ca_cert = self.ca_cert.as_ref().map(|path| path.to_str().expect("a path of ours").to_owned());
        let mut variables =
            vec![("STRONGROOM_URL", self.url.clone()), ("STRONGROOM_API_KEY", self.token.clone())];
        variables.extend(ca_cert.map(|path| ("STRONGROOM_CA_CERT", path)));
        variables
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it runs");
    }

    /// Ends it by a signal; how it ended, and what it said since it listened.
    pub(crate) fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        self.send(signal);
        let status = self.process.wait().expect("our child");
        (status, self.rest.take().expect("it listened").join().expect("a reader without a fault"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already reaped after `end`; then this does nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
