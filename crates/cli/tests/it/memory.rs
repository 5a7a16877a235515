//! What is left of values and keys in the memory of a process that has delivered them, searched as root would. None is
//! left once nobody asks for them any more; what was counted is printed (`--nocapture`).

mod search;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use rustix::process::getuid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::room::{Room, Running};
use search::search;

const CONNECTIONS: usize = 64;

/// 24 random bytes as text, behind bytes that are rare: a search looks for the first one only.
fn random() -> String {
    let mut bytes = [0; 24];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).expect("the system draws");
    format!("~~~{}", BASE64URL_NOPAD.encode(&bytes))
}

/// A value that is searched for by a part of it.
struct Marked {
    name: String,
    value: String,
    needles: Vec<(&'static str, Vec<u8>)>,
}

impl Marked {
    fn short(number: usize) -> Self {
        let value = format!("{}\"{}", random(), random());
        Self::of(format!("short {number}"), value.clone(), &value)
    }

    /// Searched for by its middle, which no other part is like.
    fn long(number: usize, length: usize) -> Self {
        let middle = random();
        let filler = ".".repeat(length / 2);
        Self::of(format!("long {number}"), format!("{filler}{middle}{filler}"), &middle)
    }

    fn of(name: String, value: String, part: &str) -> Self {
        let json = json!(part).to_string().trim_matches('"').as_bytes().to_vec();
        let mut needles = vec![("raw", part.as_bytes().to_vec()), ("json", json)];
        // Where a copy begins decides how base64 groups it.
        for skip in 0..3 {
            let whole = &part.as_bytes()[skip..];
            needles.push(("base64", BASE64_NOPAD.encode(&whole[..whole.len() / 3 * 3]).into_bytes()));
        }
        needles.dedup_by(|one, other| one.1 == other.1);
        Self { name, value, needles }
    }
}

/// How often each value is found, in all forms together.
fn copies(process: u32, values: &[Marked]) -> Vec<usize> {
    let needles: Vec<_> =
        values.iter().flat_map(|value| value.needles.iter().map(|(_, needle)| needle.clone())).collect();
    let mut counts = search(process, &needles).into_iter();
    values.iter().map(|value| counts.by_ref().take(value.needles.len()).sum()).collect()
}

/// The root key as its file has it, and as bytes.
fn root_key(room: &Room) -> Vec<Vec<u8>> {
    let line = fs::read_to_string(room.key()).expect("our own file");
    let text = line.split_ascii_whitespace().next_back().expect("a key");
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect("a key");
    vec![text.as_bytes().to_vec(), bytes]
}

/// How a server is spoken to.
struct Line {
    authority: String,
    tls: Option<Arc<ClientConfig>>,
    token: String,
}

impl Line {
    fn to(room: &Room) -> Self {
        let server = room.server.as_ref().expect("it serves");
        let (_, authority) = server.url.split_once("://").expect("a URL");
        let tls = server.ca_cert.as_ref().map(|path| {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(path).expect("a certificate")).expect("an authority");
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            Arc::new(config.expect("versions").with_root_certificates(roots).with_no_client_auth())
        });
        Self { authority: authority.to_owned(), tls, token: server.token.clone() }
    }

    /// Sends a request and leaves the answer where it is.
    fn ask(&self, method: &str, path: &str, body: &str) -> Box<dyn Stream> {
        let socket = TcpStream::connect(&self.authority).expect("it listens");
        let mut stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::try_from("127.0.0.1").expect("an address");
                let client = ClientConnection::new(Arc::clone(config), name).expect("a client");
                Box::new(StreamOwned::new(client, socket))
            }
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.authority,
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        stream.flush().expect("it reads");
        stream
    }

    /// The whole answer.
    fn say(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        // A burst may want more room than there is, and is told to come again.
        while answer.is_empty() || answer.starts_with("HTTP/1.1 503") {
            answer.clear();
            self.ask(method, path, body).read_to_string(&mut answer).expect("it answers");
        }
        assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {}", answer.lines().next().unwrap_or_default());
        answer
    }

    /// Makes a collection of these values.
    fn store(&self, id: &str, values: &[Marked]) {
        let secrets: Vec<_> = (0..)
            .zip(values)
            .map(|(number, Marked { value, .. })| json!({"type": "env", "location": format!("A{number}"), "value": value}))
            .collect();
        self.say("POST", "/v1/applications/app/secrets", &json!({"id": id, "secrets": secrets}).to_string());
    }

    /// Returns once the server has nothing in hand but the question how much it has.
    fn wait_until_idle(&self) {
        for _ in 0..10_000 {
            let counts = self.say("GET", "/metrics", "");
            let is = |line: &str| counts.lines().any(|counted| counted == line);
            if is("strongroom_connections 1") && is("strongroom_body_bytes 0") {
                return;
            }
            thread::yield_now();
        }
        panic!("connections or bodies are left over: {}", self.say("GET", "/metrics", ""));
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

const RELEASES: &str = "/v1/applications/app/secrets/marked/deliveries";

#[test]
fn the_memory_of_an_idle_server_holds_neither_delivered_values_nor_its_root_key() {
    for options in [&[][..], &["--tls-self-signed"]] {
        let room = Room::new().serve(options);
        let line = Line::to(&room);
        let process = room.server.as_ref().expect("it serves").pid();
        let values: Vec<_> =
            (0..8).map(Marked::short).chain((8..12).map(|number| Marked::long(number, 60_000))).collect();
        line.store("marked", &values);
        thread::scope(|scope| {
            for number in 0..CONNECTIONS {
                let (line, values) = (&line, &values);
                scope.spawn(move || {
                    for purpose in [["run", "reveal"], ["reveal", "run"]][number % 2] {
                        let answer = line.say("POST", RELEASES, &json!({"as": purpose}).to_string());
                        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
                        assert!(body.contains(&values[11].value), "it is delivered");
                    }
                });
            }
        });
        line.wait_until_idle();
        let found = copies(process, &values);
        for (value, count) in values.iter().zip(&found) {
            eprintln!("server {options:?}: {} found {count} times", value.name);
        }
        let keys = search(process, &root_key(&room));
        eprintln!("server {options:?}: the root key as text and as bytes: {keys:?}");
        assert_eq!(keys, [0, 0]);
        assert!(found.iter().all(|count| *count == 0), "{options:?}: {found:?}");
    }
}

#[test]
fn the_search_finds_what_a_server_is_about_to_send() {
    let room = Room::new().serve(&[]);
    let line = Line::to(&room);
    let process = room.server.as_ref().expect("it serves").pid();
    let values: Vec<_> = (0..100).map(|number| Marked::long(number, 60_000)).collect();
    line.store("marked", &values);
    // More than the system keeps for a reader that does not read.
    let mut unread = line.ask("POST", RELEASES, r#"{"as":"reveal"}"#);
    let mut first = [0];
    unread.read_exact(&mut first).expect("it answers");
    let found = copies(process, &values[99..]);
    eprintln!("server about to send: {found:?}");
    assert!(found[0] > 0);
}

#[test]
fn whoever_supervises_a_run_keeps_no_value() {
    for serve in [false, true] {
        let room = if serve { Room::new().serve(&[]) } else { Room::new() };
        let values: Vec<_> = (0..3).map(Marked::short).chain([Marked::long(3, 60_000)]).collect();
        for (number, Marked { value, .. }) in values.iter().enumerate() {
            room.lay(&format!("v{number}"), value);
        }
        let path = room.path("desk");
        let places: Vec<_> =
            (0..values.len()).map(|n| format!("--env A{n}=@{}/v{n}", path.display())).collect();
        room.say(&format!("secrets create --id marked {}", places.join(" "))).done();
        let mut command = room.running("--collection marked --no-mask", "echo ready; read end");
        let (running, first) = Running::start(command.stdin(Stdio::piped()));
        assert_eq!(first, "ready");
        let process = running.pid().as_raw_nonzero().get().cast_unsigned();
        let found = copies(process, &values);
        eprintln!("run, served {serve}: {found:?}");
        assert_eq!(search(process, &root_key(&room)), [0, 0]);
        assert!(found.iter().all(|count| *count == 0), "{found:?}");
    }
}

#[test]
fn no_other_process_of_its_user_looks_into_a_server_and_no_crash_leaves_a_file() {
    let room = Room::new().serve(&[]);
    let process = room.server.as_ref().expect("it serves").pid();
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    let words: Vec<_> = core.split_ascii_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    drop(room);

    // Whose the folder of a process in /proc is shows whether its user may look into it; root's own would be root's.
    let other = if getuid().is_root() { 12345 } else { getuid().as_raw() };
    let room = Room::empty();
    let program = room.path("strongroom");
    // Written by another process: one that is open for writing here might be inherited, and would not be executed.
    let copied =
        Command::new("cp").args([env!("CARGO_BIN_EXE_strongroom").as_ref(), program.as_os_str()]).status();
    assert!(copied.expect("there is cp").success());
    if getuid().is_root() {
        for path in crate::room::list(&room.path("")).into_iter().chain([room.path("")]) {
            chown(path, Some(other), Some(other)).expect("root may");
        }
    }
    let mut command = room.command(program.to_str().expect("a path of ours"));
    command.args(["init", "--root-key", &room.key_source()]).stdout(Stdio::null());
    if getuid().is_root() {
        command.uid(other).gid(other);
    }
    assert!(command.status().expect("just copied").success());
    let mut command = room.command(program.to_str().expect("a path of ours"));
    command.args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    if getuid().is_root() {
        command.uid(other).gid(other);
    }
    let mut serving = command.spawn().expect("just copied");
    serving.stderr.as_mut().expect("piped").read_exact(&mut [0]).expect("it says something");
    let owner = fs::metadata(format!("/proc/{}/environ", serving.id())).expect("it runs").uid();
    serving.kill().expect("it runs");
    serving.wait().expect("our child");
    assert_eq!(owner, 0, "its user may look into it");
}
