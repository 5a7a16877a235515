//! Where a test plays: a folder of its own with data, key, home and a desk for what is handed in, and the program with an
//! environment built from nothing. No promises here.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;

/// The application that `STRONGROOM_APP` names.
pub(crate) const APP: &str = "app";

pub(crate) struct Room {
    /// Whom the commands speak to, in place of the data folder. Ended before the folder goes.
    pub(crate) server: Option<Server>,
    folder: TempDir,
    /// `XDG_RUNTIME_DIR`: in memory, where delivered files truly lie.
    memory: TempDir,
}

impl Room {
    /// A room without a strongroom.
    pub(crate) fn empty() -> Self {
        let room = Self { server: None, folder: private_folder("/tmp"), memory: private_folder("/dev/shm") };
        for name in ["key", "home", "desk"] {
            fs::create_dir(room.path(name)).expect("our own folder");
        }
        room
    }

    /// A room with a strongroom, and in it an application.
    pub(crate) fn new() -> Self {
        Self::with_limits("default")
    }

    pub(crate) fn with_limits(limits: &str) -> Self {
        let room = Self::empty();
        room.say(&format!("init --root-key {} --limits {limits}", room.key_source())).done();
        room.say(&format!("apps create {APP}")).done();
        room
    }

    /// The same room, its strongroom served: from here on the commands speak to that, as an admin.
    pub(crate) fn serve(mut self, options: &[&str]) -> Self {
        let token = self.make_key("--role admin --expires never");
        self.server = Some(Server::start(&self, options, token));
        self
    }

    /// Makes an API key in the data folder itself; its token.
    pub(crate) fn make_key(&self, options: &str) -> String {
        let line = format!("keys create --name test {options}");
        let mut create = self.embedded(&line.split(' ').collect::<Vec<_>>());
        feed(&mut create, b"").done().text().trim_end().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn memory(&self) -> &Path {
        self.memory.path()
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path("key/root.key")
    }

    pub(crate) fn key_source(&self) -> String {
        format!("file:{}", self.key().display())
    }

    /// Lays a file on the desk; its path as a word of a command line.
    pub(crate) fn lay(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path("desk").join(name);
        fs::write(&path, content).expect("our own folder");
        path.to_str().expect("a path of ours").to_owned()
    }

    /// The program, with these words and nothing of our environment but the PATH, in the home.
    pub(crate) fn strongroom(&self, words: &[&str]) -> Command {
        let Some(server) = self.server.as_ref().filter(|_| !is_local(words)) else {
            return self.embedded(words);
        };
        let mut command = self.command(&client_program());
        command.args(words).env_remove("STRONGROOM_DATA").envs(server.environment());
        command
    }

    /// The same on the data folder, whether it is served or not.
    pub(crate) fn embedded(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_strongroom"));
        command.args(words);
        command
    }

    /// Any program in the same surroundings.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", search_path()).current_dir(self.path("home")).stdin(Stdio::null());
        command.env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.memory());
        command.env("XDG_DATA_HOME", self.path("xdg/data")).env("XDG_CONFIG_HOME", self.path("xdg/config"));
        command.env("STRONGROOM_DATA", self.path("data")).env("STRONGROOM_APP", APP);
        command
    }

    /// Says one line, its words separated by blanks.
    pub(crate) fn say(&self, line: &str) -> Said {
        self.say_with(line, "")
    }

    /// The same with something on standard input.
    pub(crate) fn say_with(&self, line: &str, input: impl AsRef<[u8]>) -> Said {
        let words: Vec<&str> = line.split(' ').collect();
        feed(&mut self.strongroom(&words), input.as_ref())
    }

    /// Runs a shell script with a collection and options before the `--`.
    pub(crate) fn run(&self, options: &str, script: &str) -> Said {
        feed(&mut self.running(options, script), b"")
    }

    /// The same, not yet started.
    pub(crate) fn running(&self, options: &str, script: &str) -> Command {
        let mut words = vec!["run"];
        words.extend(options.split(' '));
        words.extend(["--", "sh", "-c", script]);
        self.strongroom(&words)
    }

    /// What a line answers in JSON.
    pub(crate) fn json(&self, line: &str) -> Value {
        self.say(&format!("{line} --output json")).json()
    }

    /// The actions in the ledger, oldest first.
    pub(crate) fn actions(&self) -> Vec<String> {
        let records = self.json("audit list");
        let items = records["items"].as_array().expect("a list").iter();
        items.map(|record| record["action"].as_str().expect("a word").to_owned()).collect()
    }

    /// Everything that a run could leave: what is in the home, and the folders of runs.
    pub(crate) fn leftovers(&self) -> BTreeSet<PathBuf> {
        let mut found = list(&self.path("home"));
        found.extend(list(&self.memory().join("strongroom")));
        found
    }
}

/// What speaks to a server: the slim program where its path is given, so that the same promises can be asked of it.
fn client_program() -> String {
    std::env::var("STRONGROOM_SLIM_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_strongroom").to_owned())
}

/// Whether a command works on a data folder only.
fn is_local(words: &[&str]) -> bool {
    matches!(words, ["init" | "serve" | "quickstart", ..] | ["audit", "verify", ..])
}

fn private_folder(parent: &str) -> TempDir {
    let private = fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix("strongroom-test-").permissions(private).tempdir_in(parent);
    folder.expect("a place for temporary folders")
}

fn search_path() -> OsString {
    std::env::var_os("PATH").expect("tests run with a PATH")
}

/// Everything below a folder; nothing where it is missing.
pub(crate) fn list(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let entry = entry.expect("a folder of ours");
            if entry.file_type().expect("just listed").is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
}

/// Runs a command to its end with this standard input.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is built");
    let mut stdin = child.stdin.take().expect("piped");
    // One that refuses early does not read: a broken pipe is no fault. What the tests hand in fits into a pipe or is
    // read before much is said.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("our child");
    Said {
        line: format!("{command:?}"),
        status: output.status,
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What a command said, and how it ended.
pub(crate) struct Said {
    line: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// It succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code(), Some(0), "{}\n{}", self.line, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_slice(&self.done().stdout).expect("JSON on standard output")
    }

    /// It ended with this code, one sentence with these words, and no output.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str) {
        let Self { line, stderr, .. } = self;
        assert_eq!(self.code(), Some(code), "{line}\n{stderr}");
        assert!(stderr.contains(words), "{line}\n{words:?} is not in {stderr:?}");
        assert!(stderr.starts_with("strongroom: "), "{line}\n{stderr}");
        assert!(stderr.ends_with('\n') && stderr.lines().count() == 1, "{line}\n{stderr}");
        assert_eq!(self.text(), "", "{line}");
    }
}

/// A command that goes on; ended with the test if that fails.
pub(crate) struct Running {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it and waits for its first line.
    pub(crate) fn start(command: &mut Command) -> (Self, String) {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the program is built");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let mut running = Self { process, output };
        let first = running.read_line();
        assert_ne!(first, "", "it says something");
        (running, first)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    /// The next line; empty at the end of the output.
    pub(crate) fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    /// All that comes until the end, and how that was.
    pub(crate) fn end(mut self) -> (String, ExitStatus) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        (rest, self.process.wait().expect("our child"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already reaped after `end`; then this does nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A process number that a child printed.
pub(crate) fn pid_of(line: &str) -> Pid {
    Pid::from_raw(line.trim().parse().expect("a process number")).expect("not zero")
}
