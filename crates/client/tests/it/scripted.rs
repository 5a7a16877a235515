//! A server that answers from a script, one request a connection, and remembers what it was asked. It knows nothing of
//! strongrooms.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use strongroom_client::{Client, ClientError, Connection, PlainHttp, ServerUrl};
use strongroom_secrets::{ApplicationId, CollectionId, Token};

/// What the server does once it has read a request.
pub(crate) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes before it reads the body that is announced, and never reads it.
    Early(Vec<u8>),
}

/// An answer with this status and body.
pub(crate) fn reply(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes(),
    )
}

/// An answer that grants.
pub(crate) fn ok(body: &str) -> Reply {
    reply(200, "", body)
}

/// A refusal as a strongroom says it.
pub(crate) fn refusal(status: u16, code: &str) -> Reply {
    let body = format!(r#"{{"error":"no, because of {code}","code":"{code}"}}"#);
    reply(status, "Strongroom-Request-Id: 0a1b\r\n", &body)
}

/// The connection closes without a word.
pub(crate) fn nothing() -> Reply {
    Reply::Bytes(Vec::new())
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    /// Its headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Answers these, in this order; what comes after them is closed without a word.
    pub(crate) fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let thread = std::thread::spawn(move || {
            let mut script = script.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let Some((request, length)) = read_head(&mut stream) else { return };
                let reply = script.next().unwrap_or_else(nothing);
                serve(&mut stream, request, length, reply, &noted);
            }
        });
        Self { address, asked, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it that does not wait.
    pub(crate) fn client(&self) -> Client {
        client(&self.url()).pausing_by(|_| {})
    }

    /// Ends it and gives out what it was asked.
    pub(crate) fn finish(self) -> Vec<Asked> {
        drop(TcpStream::connect(self.address).expect("it still listens"));
        self.thread.join().expect("the script was followed");
        let asked = self.asked.lock().expect("the thread has ended");
        asked.clone()
    }
}

/// The head, and how long the body will be; nothing where the connection just closed, which ends the server.
pub(crate) fn read_head(stream: &mut impl Read) -> Option<(Asked, usize)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("heads are ASCII");
    let mut lines = head.lines();
    let line = lines.next()?.strip_suffix(" HTTP/1.1").expect("the version is 1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let asked = Asked { line, headers, body: String::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().expect("a number"));
    Some((asked, length))
}

fn serve(stream: &mut TcpStream, mut request: Asked, length: usize, reply: Reply, noted: &Mutex<Vec<Asked>>) {
    let bytes = match reply {
        Reply::Early(bytes) => bytes,
        Reply::Bytes(bytes) => {
            if request.header("expect").is_some() {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("the client listens");
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("the body that was announced");
            request.body = String::from_utf8(body).expect("bodies are text");
            bytes
        }
    };
    noted.lock().expect("nobody fails while holding it").push(request);
    // A client that has seen enough may have gone.
    let _ = stream.write_all(&bytes);
}

/// Something that a client may do, whatever comes of it.
pub(crate) type Operation = fn(&Client) -> Result<(), ClientError>;

pub(crate) fn token() -> Token {
    Token::from_random([7; 12], [9; 32])
}

pub(crate) fn connection(url: &str) -> Connection {
    let url = ServerUrl::parse(url, PlainHttp::OnLoopbackOnly).expect("a server");
    Connection { url, token: token(), ca_cert: None, proxy: None }
}

pub(crate) fn client(url: &str) -> Client {
    Client::new(connection(url)).expect("no certificates, no refusal")
}

/// A client that notes how long it would have waited between tries.
pub(crate) fn noting(url: &str) -> (Client, Arc<Mutex<Vec<Duration>>>) {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&waits);
    let client = client(url).pausing_by(move |wait| noted.lock().expect("one thread").push(wait));
    (client, waits)
}

pub(crate) fn app() -> ApplicationId {
    ApplicationId::parse("app").expect("an id")
}

pub(crate) fn id() -> CollectionId {
    CollectionId::parse("c").expect("an id")
}

pub(crate) const SUMMARY: &str = r#"{"id":"c","application_id":"app","name":"n","description":"","created_at":"2024-01-02T03:04:05Z","updated_at":"2024-01-02T03:04:05Z"}"#;

/// The summary, with these fields beside it.
pub(crate) fn with(fields: &str) -> String {
    format!("{},{fields}}}", SUMMARY.trim_end_matches('}'))
}
