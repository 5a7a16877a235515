//! Others who mean harm: a server that answers from a script, which is no strongroom, and what a client of ours does not
//! let itself be told; a caller who would have a server reach elsewhere; text that would move a terminal.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::doors::storm;
use crate::room::{Room, feed};
use crate::terminal::Terminal;

/// Answers these, in this order, one request a connection; the address of the server, and its end.
fn script(answers: Vec<Value>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().expect("a connection");
            serve(&stream, &answer.to_string());
        }
    });
    (url, thread)
}

fn serve(mut stream: &TcpStream, answer: &str) {
    let mut request = BufReader::new(stream);
    let (mut length, mut waits) = (0, false);
    loop {
        let mut line = String::new();
        request.read_line(&mut line).expect("a head");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        waits |= line.starts_with("expect:");
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.parse().expect("a number");
        }
    }
    if waits {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("the client listens");
    }
    request.read_exact(&mut vec![0; length]).expect("the body that was announced");
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
    stream.write_all((head + answer).as_bytes()).expect("the client listens");
}

fn outline(secrets: &Value) -> Value {
    json!({ "version": 3, "secrets": secrets })
}

fn delivery(secrets: &Value) -> Value {
    json!({
        "id": "db", "application_id": "app", "name": "db", "description": "",
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
        "version": 3, "receipt": "1-abcdefgh.0.42", "secrets": secrets,
    })
}

#[test]
fn what_is_delivered_and_was_not_planned_starts_nothing() {
    let room = Room::empty();
    let token = Room::new().make_key("--role viewer");
    let run = |planned: &Value, delivered: &Value| {
        let (url, thread) = script(vec![outline(planned), delivery(delivered)]);
        let script = "printf %s \"$A$B\"; if test -e conf/x; then cat conf/x; fi";
        let mut run = room.running("--collection db --no-mask", script);
        run.env_remove("STRONGROOM_DATA").env("STRONGROOM_URL", url).env("STRONGROOM_API_KEY", &token);
        let said = feed(&mut run, b"");
        thread.join().expect("both were asked for");
        assert!(room.leftovers().is_empty(), "{:?}", room.leftovers());
        said
    };
    let plan = |kind: &str, at: &str| json!({ "type": kind, "location": at, "bytes": 7 });
    let secret = |kind: &str, at: &str| json!({ "type": kind, "location": at, "value": "hunter2" });
    let a = || secret("env", "A");

    let said = run(&json!([plan("env", "A")]), &json!([a()])).done();
    assert_eq!(said.text(), "hunter2");
    let both = json!([plan("env", "A"), plan("file", "conf/x")]);
    assert_eq!(run(&both, &json!([secret("file", "conf/x"), a()])).done().text(), "hunter2hunter2");

    for (planned, delivered, place) in [
        (json!([plan("env", "A")]), json!([a(), secret("env", "B")]), "env:B"),
        (json!([plan("env", "A")]), json!([a(), secret("file", "conf/x")]), "file:conf/x"),
        (both, json!([a()]), "file:conf/x"),
        (json!([]), json!([a()]), "env:A"),
    ] {
        let said = run(&planned, &delivered);
        said.refused(125, &format!("the delivery is refused and nothing was started: {place} is not both"));
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    }
}

/// A server under `strace`, ended however the test ends.
struct Traced {
    strace: Child,
    server: Pid,
    url: String,
}

impl Traced {
    fn start(room: &Room, trace: &str) -> Self {
        let mut strace = room.command("strace");
        let calls = "trace=%file,socket,connect,bind,accept4,execve,execveat,fork,vfork,mount,init_module";
        strace.args(["-f", "-qq", "-s", "256", "-e", calls, "-e", "signal=none", "-o", trace]);
        strace.args([env!("CARGO_BIN_EXE_strongroom"), "serve", "--listen", "127.0.0.1:0"]);
        strace.args(["--key-rate", "0", "--address-rate", "0"]);

        let mut strace = strace.stderr(Stdio::piped()).spawn().expect("there is strace");
        let mut said = BufReader::new(strace.stderr.take().expect("piped"));
        let mut url = String::new();
        while url.is_empty() {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).expect("text"), 0, "it ended before it listened");
            url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
        }
        // Nothing more is waited for; what is said is read, so that it can be said.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let children = format!("/proc/{0}/task/{0}/children", strace.id());
        let children = fs::read_to_string(children).expect("it has a child");
        let server =
            children.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        Self { strace, server: server.expect("the server"), url }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // strace ends with the last of what it traces.
        let _ = kill_process(self.server, Signal::TERM);
        let _ = self.strace.wait();
    }
}

#[test]
fn z_9_no_request_opens_a_file_elsewhere_reaches_out_or_starts_a_program() {
    let room = Room::new();
    let token = room.make_key("--role admin --expires never");
    // Whoever is reached by a server that was talked into it.
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("our own socket");
    let there = format!("http://{}/x", elsewhere.local_addr().expect("it is bound"));
    let trace = room.path("trace");
    let traced = Traced::start(&room, trace.to_str().expect("a path of ours"));
    for text in
        [there.as_str(), "file:///etc/passwd", "@/etc/hostname", "../../../../etc/shadow", "/bin/sh -c id"]
    {
        let answers = storm(&traced.url, &token, text, text);
        assert!(answers.iter().filter(|answer| answer.status == 200).count() > 20, "{text}");
        assert!(answers.iter().all(|answer| !answer.body().contains("root:")), "{text}");
    }
    drop(traced);
    assert_eq!(elsewhere.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));

    let trace = fs::read_to_string(&trace).expect("strace wrote it");
    let served = trace.split_once("accept4(").expect("somebody was let in").1;
    let (data, key) = (room.path("data"), room.path("key"));
    let (data, key) = (data.to_str().expect("a path of ours"), key.to_str().expect("a path of ours"));
    let mut calls = BTreeSet::new();
    for line in served.lines().skip(1) {
        let call = line.split_once(' ').map_or("", |(_, call)| call).trim_start();
        let name = call.split('(').next().unwrap_or_default();
        calls.insert(name.to_owned());
        let never =
            ["socket", "connect", "bind", "execve", "execveat", "fork", "vfork", "mount", "init_module"];
        assert!(!never.contains(&name), "{line}");
        if name == "accept4" {
            continue;
        }
        for path in call.split('"').skip(1).step_by(2) {
            let ours = path.starts_with(data) || (path.starts_with(key) && call.contains("O_RDONLY"));
            // Of this machine: what the allocator, the runtime and the clock look at.
            let machine = path.starts_with("/proc/self")
                || path.starts_with("/proc/sys/")
                || path.starts_with("/sys/")
                || path == "/etc/localtime";
            // Of a descriptor that is open already.
            let open = path.is_empty();
            assert!(
                ours || open || (machine && !call.contains("O_WR") && !call.contains("O_CREAT")),
                "{line}"
            );
        }
    }
    assert!(calls.contains("accept4"), "the trace was on: {calls:?}");
    let left: Vec<_> =
        fs::read_dir(data).expect("our own folder").map(|entry| entry.expect("ours").file_name()).collect();
    let known = ["strongroom.db", "strongroom.db-wal", "strongroom.db-shm", "lock", "instance", "root-key"];
    assert!(left.iter().all(|name| known.iter().any(|known| name == known)), "{left:?}");
}

#[test]
fn i_5_no_text_moves_a_terminal_and_all_of_it_comes_out_exactly() {
    let room = Room::new();
    let texts = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\u{9b}31m",
        "a\u{202e}b\u{2066}c",
        "\rover",
        "x\ny",
        "\u{8}\u{8}z",
        "=cmd|'/c calc'!A1",
        "+1+1",
        "-2",
        "@SUM(1)",
        "\tA1",
        "a\u{200b}b\u{feff}",
        "\u{1b}P+q544e\u{1b}\\",
    ];
    for (i, text) in texts.iter().enumerate() {
        let from = json!({ "id": format!("c{i}"), "name": text, "description": text, "secrets": [
            { "type": "env", "location": "A", "value": text },
        ] });
        room.say_with("secrets create --from -", from.to_string()).done();
        let from = room.say(&format!("secrets reveal c{i} A")).done();
        assert_eq!(from.stdout, text.as_bytes(), "exact where it is asked for");
    }
    let app = json!({ "name": texts[0], "description": texts[1] });
    let words = ["apps", "create", "odd", "--name", texts[0], "--description", texts[1]];
    feed(&mut room.strongroom(&words), b"").done();
    assert_eq!(room.json("apps get odd")["name"], app["name"]);
    let last = format!("c{}", texts.len() - 1);
    for line in [
        "apps list",
        "apps get odd",
        "secrets list",
        "secrets get c0",
        &format!("secrets get {last}"),
        "audit list",
    ] {
        let mut command = room.command("setsid");
        command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_strongroom")]).args(line.split(' '));
        let (screen, code) = Terminal::start(&mut command, "").end();
        assert_eq!(code, Some(0), "{screen}");
        // Colours are ours; a terminal makes a line end of two bytes.
        let harmful = |c: char| {
            c.is_control() && !"\r\n\u{1b}".contains(c) || "\u{202e}\u{2066}\u{200b}\u{feff}".contains(c)
        };
        assert_eq!(screen.chars().find(|c| harmful(*c)), None, "{line}: {screen:?}");
        for escape in screen.split('\u{1b}').skip(1) {
            let style = escape.strip_prefix('[').and_then(|rest| rest.split_once('m'));
            let is_style =
                style.is_some_and(|(codes, _)| codes.chars().all(|c| c.is_ascii_digit() || c == ';'));
            assert!(is_style, "{line}: {screen:?}");
        }
        assert!(
            !screen.contains("\r\r") && !screen.replace("\r\n", "\n").contains('\r'),
            "{line}: {screen:?}"
        );
    }
}
