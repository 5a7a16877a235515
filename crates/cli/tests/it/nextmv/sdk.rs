//! The SDK: a user's script does one operation, and before the next we look at what is stored. Deliberately no list of the
//! script's operations: it is the script that knows its release.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::clients::Client;
use super::proof::prove;
use super::report::{OF_SDKS, Report};
use super::samples::{self, Sample};
use crate::room::{APP, Room};
use crate::server::Server;

/// How many operations the script has.
const OPERATIONS: usize = 24;

pub(super) fn drive(release: &str) {
    let client = Client::of(release);
    let room = Room::new();
    let server = Server::start(&room, &[], room.make_key("--role admin"));
    let mut script = Script::start(&client, &room, &server);
    let mut report = Report::of(&OF_SDKS, release);
    let mut kept = None;
    while let Some(Line { operation, ok, note }) = script.read_line() {
        match ok {
            None => report.absent(&operation),
            Some(false) => report.add(&operation, Err(note)),
            Some(true) => report.add(&operation, look(&room, &operation, &note, &mut kept)),
        }
        script.go_on();
    }
    script.end();
    let (status, said) = server.end(Signal::TERM);
    assert!(status.success(), "{status}:\n{said}");
    report.judge(OPERATIONS);
}

/// What the operation was to do, and whether that and nothing else is stored. `kept` is the collection that lives through
/// the whole script.
fn look(room: &Room, operation: &str, note: &str, kept: &mut Option<Vec<Sample>>) -> Result<(), String> {
    let before = kept.take().unwrap_or_default();
    *kept = match operation {
        "create" => Some(samples::first()),
        "append" | "keep others" => Some(samples::overlaid(&before, &samples::extra())),
        "replace" => Some(samples::replaced()),
        "stale mask" => Some(samples::overlaid(&before, &samples::rotated())),
        "delete" => None,
        "re-create" => Some(samples::extra()),
        _ if before.is_empty() => None,
        _ => Some(before),
    };
    prove(room, APP, "kept", kept.as_deref())?;
    let extra = samples::extra();
    match operation {
        "no name" => prove(room, APP, note, Some(&extra)),
        "swap 100" => prove(room, APP, "wide", Some(&samples::hundred("OTHER"))),
        "copy" => prove(room, APP, "copy", None),
        "bad values" => prove(room, APP, "bad", None),
        "list 250" => {
            prove(room, "many", "collection-000", Some(&extra))?;
            prove(room, "many", "collection-249", Some(&extra))
        }
        "app delete" => prove(room, "many", "collection-000", None),
        _ => Ok(()),
    }
}

/// The script, waiting after each of its lines.
struct Script {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

struct Line {
    operation: String,
    /// Nothing: this release does not have it.
    ok: Option<bool>,
    note: String,
}

impl Script {
    fn start(client: &Client, room: &Room, server: &Server) -> Self {
        let mut command = client.script(room, concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/sdk.py"));
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python is in place");
        let input = process.stdin.take().expect("piped");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let mut script = Self { process, input, output };
        let sets = [
            ("first", samples::first()),
            ("extra", samples::extra()),
            ("replaced", samples::replaced()),
            ("rotated", samples::rotated()),
            ("hundred", samples::hundred("ONE")),
            ("other hundred", samples::hundred("OTHER")),
        ];
        let sets: serde_json::Map<String, Value> = sets
            .into_iter()
            .map(|(name, set)| (name.to_owned(), set.iter().map(Sample::to_json).collect()))
            .collect();
        let told = json!({"url": server.url, "api_key": server.token, "app": APP, "sets": sets});
        writeln!(script.input, "{told}").expect("it reads its first line");
        script
    }

    fn read_line(&mut self) -> Option<Line> {
        let mut line = String::new();
        if self.output.read_line(&mut line).expect("text") == 0 {
            return None;
        }
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no line of the script: {line}"));
        let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
        Some(Line { operation: text("op"), ok: said["ok"].as_bool(), note: text("note") })
    }

    fn go_on(&mut self) {
        // One that has ended does not read; `end` says how it ended.
        let _ = writeln!(self.input);
    }

    fn end(mut self) {
        let status = self.process.wait().expect("our child");
        assert!(status.success(), "the script ended with {status}");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Already reaped after `end`; then this does nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
