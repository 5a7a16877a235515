//! One connection to a server, from an address of one's choice, and the ends of answers over HTTP/1.1. It judges no answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, socket_with};

/// Where those come from who attack nobody. Every attack but one comes from another block of addresses.
pub(crate) const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// Nobody may hang whoever looks on.
const PATIENCE: Duration = Duration::from_secs(30);
const PIECE: usize = 64 * 1024;

/// A request as it is sent.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, json: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: strongroom\r\n");
    if let Some(token) = token {
        text += &format!("Authorization: Bearer {token}\r\n");
    }
    if let Some(json) = json {
        text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", json.len());
    }
    format!("{text}\r\n{}", json.unwrap_or_default()).into_bytes()
}

/// Begins a connection and does not wait for it.
pub(super) fn begin(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    open(from, to, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
}

fn open(from: Ipv4Addr, to: SocketAddr, flags: SocketFlags) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    match connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection that asks and waits for the answer.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    answers: Answers,
}

impl Line {
    pub(crate) fn open(from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        let stream = open(from, to, SocketFlags::CLOEXEC)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, answers: Answers::default() })
    }

    /// Sends a request, and reads its answer to the end.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request)?;
        let mut piece = [0; PIECE];
        loop {
            let read = self.stream.read(&mut piece)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = self.answers.take(&piece[..read]).pop() {
                return Ok(answer);
            }
        }
    }
}

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Finds answers in what arrives.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<u8>);

impl Answers {
    /// Takes the next piece; answers what it completes. Whatever is no HTTP/1.1 completes nothing.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<Answer> {
        self.0.extend_from_slice(piece);
        let mut complete = Vec::new();
        while let Some((answer, length)) = self.first() {
            self.0.drain(..length);
            // What says only that more may come.
            if answer.status >= 200 {
                complete.push(answer);
            }
        }
        complete
    }

    fn first(&self) -> Option<(Answer, usize)> {
        const END: &[u8] = b"\r\n\r\n";
        let head = self.0.windows(END.len()).position(|bytes| bytes == END)? + END.len();
        let text = String::from_utf8_lossy(&self.0[..head]).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut answer = Answer { status, head: text, body: Vec::new() };
        let body = answer.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
        answer.body = self.0.get(head..head + body)?.to_vec();
        Some((answer, head + body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_however_they_arrive() {
        let said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\n{}HTTP/1.1 204 X\r\n\r\n";
        for pieces in [1, 7, said.len()] {
            let mut answers = Answers::default();
            let found: Vec<_> = said.chunks(pieces).flat_map(|piece| answers.take(piece)).collect();
            assert_eq!(found.iter().map(|answer| answer.status).collect::<Vec<_>>(), [401, 204]);
            assert_eq!((found[0].body.as_slice(), found[0].header("retry-after")), (&b"{}"[..], Some("1")));
        }
        assert_eq!(Answers::default().take(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}"), []);
        assert_eq!(Answers::default().take(b"\0\0\x12\x04 a frame\r\n\r\n"), []);
    }
}
