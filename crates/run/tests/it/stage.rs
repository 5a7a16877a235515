//! Where the tests play: a home, a runtime folder in memory, and a driver (`examples/reporter.rs`) that does what the
//! program strongroom does. No promises here.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use rustix::io::ioctl_fionread;
use rustix::pipe::fcntl_getpipe_size;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Puts a program there, written by another process: a descriptor that is open for writing here would be inherited by
/// whatever another test starts at that moment, and then the kernel finds the file busy and does not execute it.
pub(crate) fn lay_program(path: &Path, content: &str, mode: u32) {
    let mode = format!("{mode:o}");
    let written = Command::new("sh")
        .args(["-c", r#"printf %s "$2" >"$1" && chmod "$3" "$1""#, "sh"])
        .arg(path)
        .args([content, &mode])
        .status();
    assert!(written.expect("there is sh").success());
}

/// The same for a copy.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().expect("there is cp").success());
}

pub(crate) struct Stage {
    pub(crate) home: TempDir,
    pub(crate) memory: TempDir,
    spec: Value,
    desk: TempDir,
}

impl Stage {
    /// A home and an empty runtime folder, with these secrets as (type, location, value).
    pub(crate) fn with(secrets: &[(&str, &str, &str)]) -> Self {
        let secrets: Vec<Value> = secrets
            .iter()
            .map(|(kind, location, value)| json!({ "type": kind, "location": location, "value": value }))
            .collect();
        let home = folder("/tmp");
        let memory = folder("/dev/shm");
        let spec = json!({
            "secrets": secrets, "home": home.path(), "runtime": memory.path(), "shared_memory": memory.path(),
            "mask": false, "allow_env": [], "argv": ["true"],
        });
        Self { home, memory, spec, desk: folder("/tmp") }
    }

    pub(crate) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.spec[name] = value.into();
        self
    }

    pub(crate) fn masked(self) -> Self {
        self.set("mask", true)
    }

    /// The command of the run.
    pub(crate) fn command(self, argv: &[&str]) -> Self {
        self.set("argv", json!(argv))
    }

    pub(crate) fn script(self, script: &str) -> Self {
        self.command(&["sh", "-c", script])
    }

    /// Lets the child report, and these paths below the home with it.
    pub(crate) fn reports(self, paths: &[&str]) -> Self {
        let reporter = reporter();
        let mut argv = vec![reporter.to_str().expect("a path of ours"), "report"];
        argv.extend(paths);
        self.command(&argv)
    }

    /// Another home, the same runtime folder.
    pub(crate) fn beside(&self, secrets: &[(&str, &str, &str)]) -> Self {
        let other = Self::with(secrets);
        let memory = json!(self.memory.path());
        other.set("runtime", memory.clone()).set("shared_memory", memory)
    }

    pub(crate) fn spec(&self) -> PathBuf {
        let path = self.desk.path().join("spec.json");
        fs::write(&path, self.spec.to_string()).expect("our own folder");
        path
    }

    /// The driver, not yet started, in the home.
    pub(crate) fn driver(&self) -> Command {
        let mut driver = Command::new(reporter());
        driver.arg("drive").arg(self.spec()).current_dir(self.home.path()).stdin(Stdio::null());
        driver
    }

    pub(crate) fn run(&self) -> Ran {
        Ran(self.driver().output().expect("the reporter is built"))
    }

    /// As another user, which only root may. The runtime folder becomes theirs, the home stays whose it is.
    pub(crate) fn run_as(&self, uid: u32) -> Ran {
        // Where programs are built is often closed to others.
        let driver = self.desk.path().join("reporter");
        copy_program(&reporter(), &driver);
        for folder in [self.desk.path(), self.memory.path()] {
            chown(folder, Some(uid), None).expect("root may");
        }
        let mut driver = Command::new(driver);
        driver.arg("drive").arg(self.spec()).current_dir(self.home.path()).stdin(Stdio::null()).uid(uid);
        Ran(driver.output().expect("just copied"))
    }

    /// Starts the run and waits until the child has printed its first line.
    pub(crate) fn start(&self) -> Running {
        Running::start(&mut self.driver())
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Everything in the home and in the runtime folder, as relative paths; strongroom's own empty folder aside.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found = list(self.home.path());
        let own = self.memory.path().join("strongroom");
        found.extend(if own.exists() { list(&own) } else { Vec::new() });
        found
    }
}

fn folder(parent: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix("strongroom-test-").tempdir_in(parent);
    let folder = folder.expect("a place for temporary folders");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("our own folder");
    folder
}

pub(crate) fn reporter() -> PathBuf {
    let here = std::env::current_exe().expect("a test has a path");
    let built = here.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps");
    let reporter = built.join("examples/reporter");
    assert!(
        reporter.exists(),
        "cargo test builds examples; with --test it, run cargo build --examples before"
    );
    reporter
}

fn list(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder of ours") {
            let entry = entry.expect("a folder of ours");
            if entry.file_type().expect("just listed").is_dir() {
                folders.push(entry.path());
            }
            let path = entry.path();
            found.push(path.strip_prefix(folder).expect("below it").to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

/// A run that is over.
pub(crate) struct Ran(pub(crate) Output);

impl Ran {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// What the child saw, which must have been there and ended well.
    pub(crate) fn report(&self) -> Value {
        assert_eq!(self.code(), Some(0), "{}", self.stderr());
        serde_json::from_slice(&self.0.stdout).expect("a report")
    }

    pub(crate) fn refused(&self, code: i32, words: &str) {
        assert!(self.stderr().contains(words), "{words:?} in {:?}", self.stderr());
        assert_eq!(self.code(), Some(code), "{}", self.stderr());
        assert_eq!(self.stdout(), "", "there is no child");
    }
}

/// A run that goes on; ended with the test if that fails.
pub(crate) struct Running {
    driver: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(driver: &mut Command) -> Self {
        let mut driver = driver.stdout(Stdio::piped()).spawn().expect("the reporter is built");
        let output = BufReader::new(driver.stdout.take().expect("piped"));
        let mut running = Self { driver, output };
        assert_ne!(running.line(), "", "the child has started");
        running
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.driver)
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the driver runs");
    }

    /// The next line; empty at the end of the output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        rest
    }

    /// Returns when nothing more fits into the pipe of the output.
    pub(crate) fn wait_until_full(&self) {
        let pipe = self.output.get_ref();
        let size = fcntl_getpipe_size(pipe).expect("a pipe") as u64;
        // The last page may stay half empty.
        while ioctl_fionread(pipe).expect("a pipe") + 2 * 4096 < size {
            std::thread::yield_now();
        }
    }

    /// Reads nothing until the run has ended.
    pub(crate) fn end_unread(mut self) -> (ExitStatus, String) {
        let status = self.driver.wait().expect("our child");
        (status, self.rest())
    }

    pub(crate) fn end(mut self) -> ExitStatus {
        self.driver.wait().expect("our child")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already reaped after `end`; then this does nothing.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
