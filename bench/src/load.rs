//! The load: clients that ask the same thing again and again over HTTP/1.1, each on a connection of its own that stays
//! open. One thread for all of them, so that it costs less than whoever answers. It knows no HTTP but what it needs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Nobody may hang a benchmark.
const PATIENCE: Duration = Duration::from_secs(60);
/// A connection that was not used for so long may be closed any moment, so it is made anew before it is used.
const FRESH: Duration = Duration::from_secs(2);
/// Larger than any answer here.
const ANSWER: usize = 32 * 1024;

/// What is asked, as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Request(Arc<[u8]>);

impl Request {
    /// Without a body.
    pub(crate) fn get(path: &str, token: &str) -> Self {
        Self::of(&format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"))
    }

    /// With a body of JSON.
    pub(crate) fn post(path: &str, token: &str, json: &str) -> Self {
        let length = json.len();
        Self::of(&format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
        ))
    }

    fn of(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

/// Clients of one server.
pub(crate) struct Load {
    runtime: Runtime,
    address: SocketAddr,
    /// Where the clients are.
    from: Ipv4Addr,
    request: Request,
    clients: u32,
    connections: Vec<Connection>,
    used: Instant,
}

impl Load {
    /// Connects them all.
    pub(crate) fn connect(address: SocketAddr, clients: u32, request: &Request) -> Result<Self> {
        Self::connect_from(0, address, clients, request)
    }

    /// The same from another block of addresses: one block may not have all the connections there are.
    pub(crate) fn connect_from(
        block: u8,
        address: SocketAddr,
        clients: u32,
        request: &Request,
    ) -> Result<Self> {
        let from = Ipv4Addr::new(127, 0, block, 1);
        let runtime = Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let request = request.clone();
        let mut load =
            Self { runtime, address, from, request, clients, connections: Vec::new(), used: Instant::now() };
        load.connect_all()?;
        Ok(load)
    }

    /// Asks so many times in all: each client asks when it was answered, until there is nothing left to ask. Every answer
    /// is read to its end, and is a 200.
    pub(crate) fn ask(&mut self, times: u32) -> Result<()> {
        if self.used.elapsed() > FRESH {
            self.connect_all()?;
        }
        let connections = std::mem::take(&mut self.connections);
        let left = Arc::new(AtomicU32::new(times));
        let request = &self.request;
        let asked = async {
            let mut asking = JoinSet::new();
            for connection in connections {
                asking.spawn(connection.ask_while(Arc::clone(&left), request.clone()));
            }
            let mut back = Vec::new();
            while let Some(connection) = asking.join_next().await {
                back.push(connection.context("wait for a client")??);
            }
            anyhow::Ok(back)
        };
        // A clock is set within a runtime only.
        let asked = self.runtime.block_on(async { timeout(PATIENCE, asked).await });
        self.connections = asked.context("the server does not answer")??;
        self.used = Instant::now();
        Ok(())
    }

    /// Asks once, and hands over the body of the answer.
    pub(crate) fn body(&mut self) -> Result<Vec<u8>> {
        self.ask(1)?;
        let connections = self.connections.iter();
        let answered =
            connections.max_by_key(|connection| connection.answer.len()).context("there is no client")?;
        let head = Head::read(&answered.answer)?.context("an answer has a head")?;
        Ok(answered.answer[head.length..].to_vec())
    }

    fn connect_all(&mut self) -> Result<()> {
        self.connections.clear();
        let Self { address, from, clients, .. } = *self;
        self.connections = self.runtime.block_on(async {
            let mut connections = Vec::new();
            for _ in 0..clients {
                connections.push(Connection::open(from, address).await?);
            }
            anyhow::Ok(connections)
        })?;
        self.used = Instant::now();
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    /// The newest one.
    answer: Vec<u8>,
}

impl Connection {
    async fn open(from: Ipv4Addr, address: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4().context("make a socket")?;
        socket.bind((from, 0).into()).with_context(|| format!("connect from {from}"))?;
        let stream = socket.connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true).context("set a connection up")?;
        Ok(Self { stream, answer: Vec::with_capacity(ANSWER) })
    }

    async fn ask_while(mut self, left: Arc<AtomicU32>, request: Request) -> Result<Self> {
        // All on one thread: nothing comes between.
        while left.load(Ordering::Relaxed) > 0 {
            left.fetch_sub(1, Ordering::Relaxed);
            self.ask(&request).await?;
        }
        Ok(self)
    }

    async fn ask(&mut self, request: &Request) -> Result<()> {
        self.stream.write_all(&request.0).await.context("send a request")?;
        self.answer.clear();
        let end = loop {
            match Head::read(&self.answer)? {
                Some(head) => break head.length + head.body,
                None => self.read().await?,
            }
        };
        while self.answer.len() < end {
            self.read().await?;
        }
        ensure!(self.answer.len() == end, "the server sent more than one answer");
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.answer).await.context("read an answer")?;
        ensure!(read > 0, "the server closed a connection in the middle of an answer");
        Ok(())
    }
}

/// What must be known of an answer to find its end.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    /// With the empty line that ends it.
    length: usize,
    /// The length of what follows.
    body: usize,
}

impl Head {
    /// None while it has not arrived.
    fn read(answer: &[u8]) -> Result<Option<Self>> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(at) = answer.windows(END.len()).position(|bytes| bytes == END) else { return Ok(None) };
        let head = std::str::from_utf8(&answer[..at]).context("read the head of an answer")?;
        let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        if !status.starts_with("HTTP/1.1 200 ") {
            bail!("the server answered {status}");
        }
        let mut fields = fields.lines().filter_map(|field| field.split_once(':'));
        let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let (_, body) = length.context("an answer does not say how long it is")?;
        let body = body.trim().parse().context("read how long an answer is")?;
        Ok(Some(Self { length: at + END.len(), body }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    #[test]
    fn the_end_of_an_answer_is_found() {
        let check = |answer: &str, expected: Option<(usize, usize)>| {
            let head = Head::read(answer.as_bytes()).expect("an answer");
            assert_eq!(head.map(|head| (head.length, head.body)), expected, "{answer}");
        };
        check("", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{", Some((38, 3)));
        check("HTTP/1.1 200 OK\r\nx: y\r\ncontent-length:12\r\n\r\n", Some((44, 12)));
    }

    #[test]
    fn another_answer_than_the_one_that_is_measured_is_an_error() {
        let check = |answer: &str| assert!(Head::read(answer.as_bytes()).is_err(), "{answer}");
        check("HTTP/1.1 401 Unauthorized\r\ncontent-length: 3\r\n\r\n");
        check("HTTP/1.1 200 OK\r\n\r\n");
        check("HTTP/1.1 200 OK\r\ncontent-length: three\r\n\r\n");
    }

    /// Answers one connection after the other, until each is closed, and says how many requests there were.
    fn answer(connections: usize) -> (SocketAddr, JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answering = std::thread::spawn(move || {
            let mut clients = Vec::new();
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().expect("a client");
                clients.push(std::thread::spawn(move || {
                    let (mut asked, mut request) = (0, [0; 1024]);
                    while stream.read(&mut request).is_ok_and(|read| read > 0) {
                        asked += 1;
                        // In two pieces, which may arrive as two.
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").expect("an open connection");
                        stream.write_all(b"ngth: 2\r\n\r\n{}").expect("an open connection");
                    }
                    asked
                }));
            }
            clients.into_iter().map(|client| client.join().expect("a client's end")).sum()
        });
        (address, answering)
    }

    #[test]
    fn it_is_asked_as_often_as_was_said() {
        let (address, answering) = answer(3);
        let mut load = Load::connect(address, 3, &Request::get("/", "token")).expect("a server");
        load.ask(100).expect("answers");
        load.ask(1).expect("an answer");
        assert_eq!(load.body().expect("an answer"), b"{}");
        drop(load);
        assert_eq!(answering.join().expect("a server's end"), 102);
    }

    #[test]
    fn as_many_times_as_there_are_clients_is_once_for_each() {
        let (address, answering) = answer(8);
        let mut load = Load::connect(address, 8, &Request::get("/", "token")).expect("a server");
        load.ask(8).expect("answers");
        assert!(load.connections.iter().all(|connection| connection.answer.ends_with(b"{}")));
        drop(load);
        assert_eq!(answering.join().expect("a server's end"), 8);
    }

    #[test]
    fn a_server_that_goes_away_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut load = Load::connect(address, 1, &Request::get("/", "token")).expect("a server");
        drop(listener);
        assert!(load.ask(1).is_err());
    }
}
