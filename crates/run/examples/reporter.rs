//! The other half of the tests, never shipped: a strongroom in one page (`drive`), and programs that report what they
//! were given (`report`, `orphans`, `unread`) or stand in for a user's shell (`shell`) and for one that became its only command (`lead`).

#![allow(clippy::disallowed_methods, reason = "the edge: this program stands in for main and for a shell")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, getpgrp, getpid, getppid, getuid, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal, setsid, waitpid,
};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use serde_json::{Value, json};
use strongroom_run::{Ending, Program, Rules, RuntimeFolders, Streams, end_as, plan, run, seclude};
use strongroom_secrets::{Limits, Place, SecretType, SecretValue, Secrets};
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["drive", spec] => return drive(spec).unwrap_or_else(|error| fail(&*error)),
        ["report", paths @ ..] => report(paths),
        ["orphans", count] => orphans(count),
        ["unread"] => return unread().unwrap_or_else(|error| fail(&*error)),
        ["shell", spec, terminal, streams] => shell(spec, terminal, streams),
        ["lead", spec, terminal] => lead(spec, terminal),
        _ => Err("drive SPEC | report PATH… | orphans COUNT | unread | shell SPEC TERMINAL STREAMS | lead SPEC TERMINAL".into()),
    };
    done.map_or_else(|error| fail(&*error), |()| ExitCode::SUCCESS)
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    say(&format!("reporter: {error}"));
    ExitCode::from(99)
}

fn say(line: &str) {
    // Nobody may be listening, which is part of some tests.
    let _ = writeln!(io::stderr(), "{line}");
}

/// As the program strongroom does it: find, plan, run, end alike.
fn drive(spec: &str) -> Result<ExitCode, Failure> {
    // A test that fails takes its processes along.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let core = seclude();
    let spec: Value = serde_json::from_slice(&fs::read(spec)?)?;
    // As a shell's own child does before it becomes the job.
    while env::var_os("IN_FOREGROUND").is_some() && tcgetpgrp(io::stdin())? != getpgrp() {
        std::thread::yield_now();
    }
    if spec["subreaper"] == true {
        set_child_subreaper(Some(getpid()))?;
    }
    let argv: Vec<OsString> = strings(&spec["argv"]).into_iter().map(OsString::from).collect();
    let program = match Program::find(&argv[0], env::var_os("PATH").as_deref(), &env::current_dir()?) {
        Ok(program) => program,
        Err(error) => return Ok(give_up(&error, error.ending())),
    };
    let rules = Rules {
        home: text(&spec["home"]).into(),
        allow_env: strings(&spec["allow_env"]),
        mask: spec["mask"] == true,
        runtime: RuntimeFolders {
            xdg_runtime_dir: spec["runtime"].as_str().map(PathBuf::from),
            shared_memory: text(&spec["shared_memory"]).into(),
            uid: getuid().as_raw(),
        },
    };
    let command = strongroom_run::Command { program, argv, core };
    let plan = match plan(secrets(&spec["secrets"])?, command, env::vars_os().collect(), rules) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(give_up(&refusal, refusal.ending())),
    };
    let streams = Streams::look();
    plan.notes(streams).iter().for_each(|note| say(&format!("note: {note}")));
    plan.replaced().iter().for_each(|name| say(&format!("replaced: {}", name.as_str())));
    match run(plan, streams) {
        Ok(outcome) => {
            outcome.notes.iter().for_each(|note| say(&format!("note: {note}")));
            Ok(end_as(outcome.ending))
        }
        Err(error) => Ok(give_up(&error, error.ending())),
    }
}

fn give_up(error: &dyn std::error::Error, ending: Ending) -> ExitCode {
    say(&format!("refused: {error}"));
    end_as(ending)
}

fn secrets(list: &Value) -> Result<Secrets<SecretValue>, Failure> {
    let mut entries = Vec::new();
    for secret in list.as_array().ok_or("secrets is a list")? {
        let kind = SecretType::parse(&text(&secret["type"])).ok_or("a secret type")?;
        let value = SecretValue::from(Zeroizing::new(text(&secret["value"])));
        entries.push((Place::parse(kind, &text(&secret["location"]))?, value));
    }
    Ok(Secrets::settle(entries, Limits::DEFAULT)?)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(text).collect()
}

/// Writes all that a child can know of itself, byte for byte, as one line of JSON.
fn report(paths: &[&str]) -> Result<(), Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let status = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim_start_matches(':').trim().to_owned()
    };
    let environment = fs::read("/proc/self/environ")?;
    let environment: Vec<String> =
        environment.split(|byte| *byte == 0).filter(|string| !string.is_empty()).map(hex).collect();
    let mut descriptors = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // The descriptor that lists the others leads to the list itself.
        let leads_to = fs::read_link(entry.path()).unwrap_or_default();
        if !leads_to.as_os_str().as_bytes().ends_with(b"/fd") {
            descriptors.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    descriptors.sort();
    let files: serde_json::Map<String, Value> =
        paths.iter().map(|path| ((*path).to_owned(), describe(path))).collect();
    let report = json!({
        "environment": environment, "descriptors": descriptors, "files": files,
        "arguments": env::args().collect::<Vec<_>>(), "directory": env::current_dir()?,
        "blocked": status("SigBlk"), "ignored": status("SigIgn"), "umask": status("Umask"),
    });
    writeln!(io::stdout(), "{report}")?;
    Ok(())
}

fn describe(path: &str) -> Value {
    json!({
        "content": fs::read(path).ok().map(|content| hex(&content)),
        "mode": fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o7777),
        "target": fs::read_link(path).ok(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Leaves orphans behind, and ends when all of them have ended and been reaped by our parent.
fn orphans(count: &str) -> Result<(), Failure> {
    let script = format!("i=0; while [ $i -lt {count} ]; do (exit 3 &); i=$((i + 1)); done");
    if !Command::new("sh").args(["-c", &script]).status()?.success() {
        return Err("the orphans were not made".into());
    }
    let parent = getppid().ok_or("a parent")?;
    for _ in 0..10_000 {
        if children_of(parent)? == [getpid()] {
            return Ok(());
        }
        std::thread::yield_now();
    }
    Err("the parent does not reap orphans".into())
}

fn children_of(parent: Pid) -> Result<Vec<Pid>, Failure> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        // Only numbers are processes: `self` would be ours once more.
        let Some(process) = entry.file_name().to_str().and_then(|name| Pid::from_raw(name.parse().ok()?))
        else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        if fields.nth(1) == Some(&parent.to_string()) {
            children.push(process);
        }
    }
    Ok(children)
}

/// Waits until nobody reads its standard output, without writing to it: 8; 9 if somebody still does after half a minute.
fn unread() -> Result<ExitCode, Failure> {
    writeln!(io::stdout(), "ready")?;
    let mut output = [PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty())];
    let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
    Ok(ExitCode::from(if poll(&mut output, Some(&limit))? == 1 { 8 } else { 9 }))
}

/// Becomes `drive SPEC` as the leader of a session on TERMINAL, as `ssh -t` and `sh -c` have it.
fn lead(spec: &str, terminal: &str) -> Result<(), Failure> {
    let terminal = begin_session(terminal)?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["drive", spec]).stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
    Err(command.exec().into())
}

fn begin_session(terminal: &str) -> Result<fs::File, Failure> {
    setsid()?;
    // The first terminal that the leader of a session opens becomes the session's own.
    Ok(fs::OpenOptions::new().read(true).write(true).open(terminal)?)
}

/// A user's shell with one job: a session on TERMINAL, `drive SPEC` in the foreground; says how the job stops and ends,
/// and continues it when told so. STREAMS: `terminal`, or `pipe` for a standard output that is none.
fn shell(spec: &str, terminal: &str, streams: &str) -> Result<(), Failure> {
    let terminal = begin_session(terminal)?;
    let mut job = Command::new(env::current_exe()?);
    job.args(["drive", spec])
        .env("IN_FOREGROUND", "")
        .process_group(0)
        .stdin(terminal.try_clone()?)
        .stderr(terminal.try_clone()?);
    job.stdout(if streams == "terminal" { Stdio::from(terminal.try_clone()?) } else { Stdio::piped() });
    let mut job = job.spawn()?;
    let group = Pid::from_child(&job);
    tcsetpgrp(&terminal, group)?;
    let mut output = io::stdout();
    let copy = job.stdout.take().map(|mut piped| {
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = piped.read(&mut buffer) {
                let mut output = io::stdout();
                let _ = output.write_all(&buffer[..count]).and_then(|()| output.flush());
            }
        })
    });
    loop {
        let Some((_, status)) = waitpid(Some(group), WaitOptions::UNTRACED)? else { continue };
        if let Some(signal) = status.stopping_signal() {
            writeln!(output, "stopped {signal}")?;
            io::stdin().lock().read_line(&mut String::new())?;
            kill_process_group(group, Signal::CONT)?;
            writeln!(output, "continued")?;
            continue;
        }
        if let Some(copy) = copy {
            let _ = copy.join();
        }
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => writeln!(output, "exited {code}")?,
            (_, signal) => writeln!(output, "signaled {}", signal.unwrap_or_default())?,
        }
        return Ok(());
    }
}
