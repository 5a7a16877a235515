//! What connections may do and for how long, over real sockets. Limits that a test is not about are an hour: what should
//! not happen then never does. Nothing here asks what the routes answer.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use strongroom_server::listen::{BindError, Limits, Listener, PeerAddress, Report};
use strongroom_server::stop::{Stop, Stopper};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::tls::self_signed_tls;

const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const SOON: Duration = Duration::from_millis(50);

pub(crate) const PATIENT: Limits = Limits {
    connections: 64,
    trusted_proxies: &[],
    handshake: HOUR,
    header: HOUR,
    body: HOUR,
    rest: HOUR,
    rests: 64,
    answer: HOUR,
    answer_rate: 0,
    quiet: HOUR,
    stop: HOUR,
};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const ASK_LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// More than any buffers on the way.
const LARGE: usize = 64 * 1024 * 1024;
const ASK_SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server on a free port.
struct Server {
    address: SocketAddr,
    stopper: Stopper,
    report: JoinHandle<Report>,
    slow: Slow,
}

/// What happens at `/slow`.
struct Slow {
    begun: mpsc::UnboundedReceiver<()>,
    ended: mpsc::UnboundedReceiver<()>,
    release: Arc<Semaphore>,
}

/// Says that it is dropped.
struct Farewell(mpsc::UnboundedSender<()>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// `/` answers at once, `/large` with much, `/slow` when it is released, `/peer` with the peer's address, `/panic` never.
fn router() -> (Router, Slow) {
    let (begin, begun) = mpsc::unbounded_channel();
    let (end, ended) = mpsc::unbounded_channel();
    let release = Arc::new(Semaphore::new(0));
    let slow = Slow { begun, ended, release: Arc::clone(&release) };
    let wait = move || {
        let (begin, farewell, release) = (begin.clone(), Farewell(end.clone()), Arc::clone(&release));
        async move {
            begin.send(()).expect("the test listens");
            release.acquire().await.expect("never closed").forget();
            drop(farewell);
            "slow"
        }
    };
    let router = Router::new()
        .route("/", get(async || "fast"))
        .route("/large", get(async || vec![b' '; LARGE]))
        .route("/slow", get(wait))
        .route("/peer", get(async |Extension(PeerAddress(peer)): Extension<PeerAddress>| peer.to_string()))
        .route("/panic", get(async || -> &'static str { panic!("a handler of a test panics") }));
    (router, slow)
}

async fn start(limits: Limits) -> Server {
    let (stopper, stop) = Stop::by_hand();
    start_with(limits, stop, stopper).await
}

async fn start_with(limits: Limits, stop: Stop, stopper: Stopper) -> Server {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.address();
    let (router, slow) = router();
    Server { address, stopper, report: tokio::spawn(listener.serve(router, None, limits, stop)), slow }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server accepts")
    }

    /// A connection that has asked something and was answered.
    async fn idle(&self) -> TcpStream {
        let mut stream = self.connect().await;
        ask(&mut stream, ASK).await;
        stream
    }

    async fn refuses(&self) -> bool {
        TcpStream::connect(self.address)
            .await
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    async fn report(self) -> Report {
        self.report.await.expect("no panic ends the loop")
    }
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.expect("the connection is open");
    read_answer(stream).await
}

/// One answer over HTTP/1, whose body is as long as it says.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.expect("a length").parse::<usize>().expect("a number") {
                return text;
            }
        }
        text.push(char::from(stream.read_u8().await.expect("an answer")));
    }
}

/// What still comes until the other side closes or resets.
async fn read_rest(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest).await {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    rest
}

#[tokio::test]
async fn a_request_is_answered_and_says_whose_it_is() {
    let server = start(PATIENT).await;
    let mut stream = server.connect().await;
    assert!(ask(&mut stream, ASK).await.ends_with("\r\n\r\nfast"));
    let ours = stream.local_addr().expect("an address").to_string();
    let answer = ask(&mut stream, b"GET /peer HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.ends_with(&format!("\r\n\r\n{ours}")), "{answer}");
}

#[tokio::test]
async fn a_peer_over_ipv4_is_called_by_its_ipv4_address_on_a_socket_for_both() {
    let listener = Listener::bind("[::]:0".parse().expect("an address")).await.expect("a free port");
    let address: SocketAddr = ([127, 0, 0, 1], listener.address().port()).into();
    let (_stopper, stop) = Stop::by_hand();
    tokio::spawn(listener.serve(router().0, None, PATIENT, stop));
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    let answer = ask(&mut stream, b"GET /peer HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.contains("\r\n\r\n127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn whoever_does_not_ask_in_time_is_cut() {
    let server = start(Limits { header: SOON, ..PATIENT }).await;
    for said in ["", "PRI * HT", "GET / HTTP/1.1\r\nHost: local"] {
        let mut stream = server.connect().await;
        stream.write_all(said.as_bytes()).await.expect("the connection is open");
        assert_eq!(String::from_utf8_lossy(&read_rest(&mut stream).await), "", "after {said:?}");
    }
    let mut stream = server.connect().await;
    assert!(ask(&mut stream, ASK).await.ends_with("fast"));
    stream.write_all(b"GET / HT").await.expect("the connection is open");
    assert!(read_rest(&mut stream).await.is_empty(), "the second head is as slow as a first");
}

#[tokio::test]
async fn a_slow_handshake_is_cut() {
    let data = tempfile::tempdir().expect("a folder");
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.address();
    let (_stopper, stop) = Stop::by_hand();
    let tls = self_signed_tls(data.path()).0;
    let limits = Limits { handshake: SOON, ..PATIENT };
    tokio::spawn(listener.serve(router().0, Some(tls), limits, stop));
    for said in [&b""[..], &[22, 3, 1, 1]] {
        let mut stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.write_all(said).await.expect("the connection is open");
        assert!(read_rest(&mut stream).await.is_empty());
    }
}

#[tokio::test]
async fn a_request_may_take_longer_than_any_patience_with_silence() {
    let mut server = start(Limits { header: SOON, quiet: SOON, ..PATIENT }).await;
    let mut slow = server.connect().await;
    slow.write_all(ASK_SLOW).await.expect("the connection is open");
    server.slow.begun.recv().await.expect("it began");
    // Others come and are cut in the meantime, one after the other.
    for _ in 0..4 {
        assert!(read_rest(&mut server.connect().await).await.is_empty());
    }
    server.slow.release.add_permits(1);
    let answer = read_answer(&mut slow).await;
    assert!(answer.ends_with("slow") && !answer.contains("connection: close"), "{answer}");
}

/// A request whose body nobody reads, announced and begun.
fn post(length: usize, more: &str, begun: &[u8]) -> Vec<u8> {
    let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{more}\r\n");
    [head.as_bytes(), begun].concat()
}

#[tokio::test]
async fn what_nobody_reads_of_a_body_is_taken_and_the_connection_kept() {
    let server = start(PATIENT).await;
    let mut stream = server.connect().await;
    let answer = ask(&mut stream, &post(12_000_000, "", &[b' '; 12_000_000])).await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && !answer.contains("connection: close"), "{answer}");
    assert!(ask(&mut stream, ASK).await.ends_with("fast"));
}

#[tokio::test]
async fn a_rest_that_does_not_come_is_not_waited_for() {
    let server = start(Limits { rest: SOON, ..PATIENT }).await;
    let mut stream = server.connect().await;
    stream.write_all(&post(1000, "", b"begun")).await.expect("the connection is open");
    let answer = String::from_utf8(read_rest(&mut stream).await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_is_not_asked_for_to_be_thrown_away() {
    let server = start(PATIENT).await;
    let mut stream = server.connect().await;
    stream.write_all(&post(1000, "Expect: 100-continue\r\n", b"")).await.expect("the connection is open");
    let answer = String::from_utf8(read_rest(&mut stream).await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_rest_beyond_all_measure_is_not_begun() {
    let server = start(PATIENT).await;
    let mut stream = server.connect().await;
    stream.write_all(&post(51 * 1024 * 1024, "", b"begun")).await.expect("the connection is open");
    let answer = String::from_utf8(read_rest(&mut stream).await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn whoever_does_not_take_its_answer_is_cut() {
    let server = start(Limits { answer: SOON, ..PATIENT }).await;
    let mut stream = server.connect().await;
    stream.write_all(ASK_LARGE).await.expect("the connection is open");
    stream.read_u8().await.expect("the answer begins");
    server.stopper.stop();
    server.report().await;
    assert!(read_rest(&mut stream).await.len() < LARGE);
}

#[tokio::test]
async fn an_answer_may_take_longer_than_any_patience_with_silence() {
    let server = start(Limits { header: SOON, quiet: SOON, ..PATIENT }).await;
    let mut stream = server.connect().await;
    stream.write_all(ASK_LARGE).await.expect("the connection is open");
    stream.read_u8().await.expect("the answer begins");
    // Others come and are cut in the meantime, one after the other.
    for _ in 0..4 {
        assert!(read_rest(&mut server.connect().await).await.is_empty());
    }
    assert!(read_rest(&mut stream).await.len() > LARGE);
}

#[tokio::test]
async fn whoever_takes_its_answer_too_slowly_is_cut() {
    let server = start(Limits { answer: SOON, answer_rate: u32::MAX, ..PATIENT }).await;
    let mut stream = server.connect().await;
    stream.write_all(ASK_LARGE).await.expect("the connection is open");
    let (mut taken, mut piece) = (0, [0; 64]);
    while let Ok(bytes @ 1..) = stream.read(&mut piece).await {
        taken += bytes;
    }
    assert!(taken < LARGE);
}

#[tokio::test]
async fn beyond_the_rests_that_are_thrown_away_at_once_none_is_waited_for() {
    let server = start(Limits { rests: 1, ..PATIENT }).await;
    let mut first = server.connect().await;
    first.write_all(&post(1000, "", b"begun")).await.expect("the connection is open");
    // Answered after the first was begun.
    server.idle().await;
    let mut second = server.connect().await;
    second.write_all(&post(1000, "", b"begun")).await.expect("the connection is open");
    let answer = String::from_utf8(read_rest(&mut second).await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("connection: close"), "{answer}");
    let answer = ask(&mut first, &[b' '; 995]).await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && !answer.contains("connection: close"), "{answer}");
    // Given back.
    assert!(ask(&mut first, &post(5, "", b"whole")).await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn a_rest_that_is_awaited_when_the_server_ends_is_given_up() {
    let server = start(Limits { stop: SOON, ..PATIENT }).await;
    let mut stream = server.connect().await;
    stream.write_all(&post(1000, "", b"begun")).await.expect("the connection is open");
    // Answered after that was begun.
    server.idle().await;
    server.stopper.stop();
    let answer = String::from_utf8(read_rest(&mut stream).await).expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("connection: close"), "{answer}");
    assert_eq!(server.report().await.cut, 0);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let trusted_proxies = vec!["127.0.0.1/32".parse().expect("a net")].leak();
    let server = start(Limits { connections: 2, trusted_proxies, ..PATIENT }).await;
    let (first, mut second) = (server.idle().await, server.idle().await);
    assert!(read_rest(&mut server.connect().await).await.is_empty());
    drop(first);
    loop {
        let mut next = server.connect().await;
        // The place is free when the server has noticed.
        if next.write_all(ASK).await.is_ok() && next.read_u8().await.is_ok() {
            break;
        }
    }
    ask(&mut second, ASK).await;
}

#[tokio::test]
async fn one_address_block_does_not_keep_all_others_out() {
    let server = start(Limits { connections: 8, ..PATIENT }).await;
    let from = async |address: &str| {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{address}:0").parse().expect("an address")).expect("all of 127.0.0.0/8 is here");
        socket.connect(server.address).await.expect("the server accepts")
    };
    let mut greedy = Vec::new();
    for address in ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"] {
        let mut stream = from(address).await;
        ask(&mut stream, ASK).await;
        greedy.push(stream);
    }
    assert!(read_rest(&mut from("127.0.0.5").await).await.is_empty(), "half of all are taken");
    for address in ["127.0.1.1", "127.0.1.2"] {
        let mut stream = from(address).await;
        ask(&mut stream, ASK).await;
        greedy.push(stream);
    }
    assert!(read_rest(&mut from("127.0.1.3").await).await.is_empty(), "a quarter of all are theirs");
    let mut newcomer = from("127.0.2.1").await;
    ask(&mut newcomer, ASK).await;
    for stream in &mut greedy {
        ask(stream, ASK).await;
    }
}

#[tokio::test]
async fn connections_that_come_at_once_wait_to_be_accepted() {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    // Nobody accepts, so all of them wait; of one too many the system would take no notice.
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok();
    let allowed = allowed.and_then(|text| text.trim().parse().ok()).unwrap_or(128).min(300);
    let mut waiting = Vec::new();
    for _ in 0..allowed {
        waiting.push(TcpStream::connect(listener.address()).await.expect("it may wait"));
    }
}

#[tokio::test]
async fn a_head_may_have_16_kib() {
    let server = start(PATIENT).await;
    let head =
        |filling: usize| format!("GET / HTTP/1.1\r\nHost: localhost\r\nA: {}\r\n\r\n", "a".repeat(filling));
    let mut stream = server.connect().await;
    let answer = ask(&mut stream, head(15 * 1024).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = ask(&mut stream, head(16 * 1024).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_panic_ends_its_connection_and_no_other() {
    let server = start(PATIENT).await;
    let mut other = server.idle().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /panic HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it is open");
    assert!(read_rest(&mut stream).await.is_empty());
    assert!(ask(&mut other, ASK).await.ends_with("fast"));
    assert!(ask(&mut server.connect().await, ASK).await.ends_with("fast"));
}

#[tokio::test]
async fn a_stop_finishes_what_was_asked_and_refuses_what_comes() {
    let mut server = start(PATIENT).await;
    let mut idle = server.idle().await;
    let mut slow = server.connect().await;
    slow.write_all(ASK_SLOW).await.expect("the connection is open");
    server.slow.begun.recv().await.expect("it began");
    server.stopper.stop();
    assert!(read_rest(&mut idle).await.is_empty(), "nobody asks there any more");
    assert!(server.refuses().await);
    // Asked behind the one that is being answered, after the stop: refused by the end of the connection.
    slow.write_all(ASK).await.expect("the connection is open");
    server.slow.release.add_permits(1);
    let answer = String::from_utf8(read_rest(&mut slow).await).expect("text");
    assert!(answer.contains("connection: close") && answer.ends_with("\r\n\r\nslow"), "{answer}");
    assert_eq!(server.report().await, Report { finished: 2, cut: 0 });
}

#[tokio::test]
async fn connections_that_never_asked_do_not_delay_a_stop() {
    let server = start(PATIENT).await;
    let (mut silent, mut half) = (server.connect().await, server.connect().await);
    half.write_all(b"PRI * HT").await.expect("the connection is open");
    // Answered after both were accepted.
    server.idle().await;
    server.stopper.stop();
    assert!(read_rest(&mut silent).await.is_empty());
    assert!(read_rest(&mut half).await.is_empty());
    assert_eq!(server.report().await.cut, 0);
}

#[tokio::test]
async fn what_does_not_finish_is_cut_at_the_deadline() {
    let mut server = start(Limits { stop: SOON, ..PATIENT }).await;
    let mut slow = server.connect().await;
    slow.write_all(ASK_SLOW).await.expect("the connection is open");
    server.slow.begun.recv().await.expect("it began");
    server.stopper.stop();
    assert!(read_rest(&mut slow).await.is_empty());
    server.slow.ended.recv().await.expect("the handler is dropped, not left behind");
    assert_eq!(server.report().await, Report { finished: 0, cut: 1 });
}

#[tokio::test]
async fn signals_stop_in_order_and_a_second_one_ends_at_once() {
    let (stopper, _) = Stop::by_hand();
    let stop = Stop::at_signals().expect("signals");
    let mut server = start_with(PATIENT, stop, stopper).await;
    let mut slow = server.connect().await;
    slow.write_all(ASK_SLOW).await.expect("the connection is open");
    server.slow.begun.recv().await.expect("it began");
    let mut idle = server.idle().await;
    send_signal("TERM");
    assert!(read_rest(&mut idle).await.is_empty());
    assert!(server.refuses().await);
    send_signal("INT");
    assert_eq!(server.report().await, Report { finished: 1, cut: 1 });
}

/// To this process, which listens for it.
pub(crate) fn send_signal(name: &str) {
    #[expect(clippy::disallowed_methods, reason = "a test: no crate of ours sends signals to itself")]
    let status = Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
    assert!(status.expect("kill exists").success());
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_says_what_to_do() {
    let taken = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let error = Listener::bind(taken.address()).await.expect_err("it is taken");
    assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
    let error = Listener::bind("192.0.2.1:0".parse().expect("an address")).await.expect_err("not ours");
    assert!(matches!(error, BindError::NotHere { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "this machine has no address 192.0.2.1; choose one of its own, or 127.0.0.1"
    );
}

mod http2 {
    use super::*;

    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const WINDOW_UPDATE: u8 = 8;
    const CONTINUATION: u8 = 9;

    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;

    /// A client that says exactly what it is told, frame by frame.
    struct Client(TcpStream);

    #[derive(Debug)]
    struct Frame {
        kind: u8,
        flags: u8,
        stream: u32,
        payload: Vec<u8>,
    }

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// `GET path` as HPACK: indexed method and scheme, literal path and authority.
    fn head(path: &str) -> Vec<u8> {
        let literal = |name: u8, text: &str| {
            [&[name, u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
        };
        [vec![0x82, 0x86], literal(0x04, path), literal(0x01, "localhost")].concat()
    }

    fn request(stream: u32, path: &str) -> Vec<u8> {
        frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(path))
    }

    impl Client {
        async fn connect(server: &Server) -> Self {
            let mut client = Self(server.connect().await);
            client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            client.send(&frame(SETTINGS, 0, 0, &[])).await;
            client
        }

        async fn send(&mut self, bytes: &[u8]) {
            self.0.write_all(bytes).await.expect("the connection is open");
        }

        async fn read(&mut self) -> io::Result<Frame> {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await?;
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            self.0.read_exact(&mut payload).await?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            Ok(Frame { kind: head[3], flags: head[4], stream, payload })
        }

        /// The next frame of this kind; PINGs and others are passed over.
        async fn read_kind(&mut self, kind: u8) -> Frame {
            loop {
                let frame = self.read().await.expect("a frame");
                if frame.kind == kind {
                    return frame;
                }
            }
        }

        /// Whether the body of this stream comes to its end before the connection does.
        async fn answers(&mut self, stream: u32) -> bool {
            while let Ok(frame) = self.read().await {
                if (frame.kind, frame.stream) == (DATA, stream) && frame.flags & END_STREAM != 0 {
                    return true;
                }
            }
            false
        }

        async fn read_body(&mut self, stream: u32) -> Vec<u8> {
            let mut body = Vec::new();
            loop {
                let frame = self.read_kind(DATA).await;
                assert_eq!(frame.stream, stream);
                body.extend(&frame.payload);
                if frame.flags & END_STREAM != 0 {
                    return body;
                }
            }
        }
    }

    /// `POST path`, with a body to come.
    fn post(stream: u32, path: &str) -> Vec<u8> {
        let head = head(path);
        frame(HEADERS, END_HEADERS, stream, &[&[0x83], &head[1..]].concat())
    }

    fn code(frame: &Frame) -> u8 {
        *frame.payload.get(if frame.kind == GOAWAY { 7 } else { 3 }).expect("a code")
    }

    #[tokio::test]
    async fn the_limits_are_announced_and_requests_answered() {
        let server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        let settings = client.read_kind(SETTINGS).await.payload;
        let setting =
            |id: u8| settings.chunks(6).find(|setting| setting[1] == id).map(|setting| &setting[2..]);
        assert_eq!(setting(3), Some(&[0, 0, 0, 64][..]), "streams");
        assert_eq!(setting(4), Some(&[0, 2, 0, 0][..]), "window");
        assert_eq!(setting(6), Some(&[0, 0, 64, 0][..]), "heads");
        client.send(&request(1, "/")).await;
        assert_eq!(client.read_body(1).await, b"fast");
    }

    #[tokio::test]
    async fn what_nobody_reads_of_a_body_is_taken_before_the_answer() {
        let server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        client.send(&post(1, "/")).await;
        let (mut window, mut left) = ([65_535, 65_535], 1_000_000);
        while left > 0 {
            while window[0].min(window[1]) < 10_000 {
                let update = client.read().await.expect("a frame");
                assert!(![HEADERS, RST_STREAM].contains(&update.kind), "too early: {update:?}");
                if update.kind != WINDOW_UPDATE {
                    continue;
                }
                let more = update.payload.iter().fold(0, |sum, byte| sum * 256 + u32::from(*byte));
                window[usize::from(update.stream == 1)] += more;
            }
            left -= 10_000;
            window = window.map(|bytes| bytes - 10_000);
            let flags = if left == 0 { END_STREAM } else { 0 };
            client.send(&frame(DATA, flags, 1, &[b' '; 10_000])).await;
        }
        let answer = client.read_kind(HEADERS).await;
        assert_ne!(answer.flags & END_STREAM, 0, "status 405 has no more to say");
        client.send(&request(3, "/")).await;
        loop {
            let frame = client.read().await.expect("a frame");
            assert_ne!(frame.kind, RST_STREAM, "{frame:?}");
            if frame.kind == DATA {
                break;
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_arrives_before_a_body_that_is_not_taken_is_reset() {
        // A body that waits to be asked for, and one that would have to be thrown away where nothing more may be.
        let expect = [&[0x00, 6], b"expect".as_slice(), &[12], b"100-continue"].concat();
        for (rests, more) in [(64, expect), (0, Vec::new())] {
            let server = start(Limits { rests, ..PATIENT }).await;
            let mut client = Client::connect(&server).await;
            let head = head("/");
            let head = [&[0x83], &head[1..], &more].concat();
            client.send(&frame(HEADERS, END_HEADERS, 1, &head)).await;
            let answer = client.read_kind(HEADERS).await;
            assert_ne!(answer.flags & END_STREAM, 0, "status 405 has no more to say");
            let reset = client.read_kind(RST_STREAM).await;
            assert_eq!((reset.stream, code(&reset)), (1, 0), "no error");
        }
    }

    #[tokio::test]
    async fn whoever_does_not_take_its_answer_is_cut_whatever_else_it_asks() {
        let server = start(Limits { answer: SOON, ..PATIENT }).await;
        let mut client = Client::connect(&server).await;
        // No window for any answer of the first stream, and plenty for others.
        client.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
        client.send(&request(1, "/large")).await;
        let mut stream = 3;
        loop {
            let asked = [request(stream, "/"), frame(WINDOW_UPDATE, 0, stream, &[0, 0, 16, 0])].concat();
            if client.0.write_all(&asked).await.is_err() || !client.answers(stream).await {
                break;
            }
            stream += 2;
        }
        assert!(stream > 3, "the others were answered");
    }

    #[tokio::test]
    async fn one_stream_too_many_is_refused() {
        let mut server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        let streams: Vec<u32> = (0..65).map(|number| 2 * number + 1).collect();
        for stream in &streams {
            client.send(&request(*stream, "/slow")).await;
        }
        let refused = client.read_kind(RST_STREAM).await;
        assert_eq!((refused.stream, code(&refused)), (129, 7), "REFUSED_STREAM");
        for _ in 0..64 {
            server.slow.begun.recv().await.expect("it began");
        }
    }

    #[tokio::test]
    async fn rapid_resets_end_the_connection() {
        let server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        let flood: Vec<u8> = (0..100)
            .map(|number| 2 * number + 1)
            .flat_map(|stream| [request(stream, "/"), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat())
            .collect();
        client.send(&flood).await;
        assert_eq!(code(&client.read_kind(GOAWAY).await), 11, "ENHANCE_YOUR_CALM");
        assert!(ask(&mut server.connect().await, ASK).await.ends_with("fast"));
    }

    #[tokio::test]
    async fn a_head_of_more_than_16_kib_is_refused() {
        let server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        // A literal header `a` with a value of 17,000 bytes, whose length HPACK says as 127 + 16,873.
        let value = [&[0x00, 1, b'a', 0x7f, 0xe9, 0x83, 0x01], [b'x'; 17_000].as_slice()].concat();
        let head = [head("/"), value].concat();
        let (first, second) = head.split_at(16_000);
        client.send(&frame(HEADERS, END_STREAM, 1, first)).await;
        client.send(&frame(CONTINUATION, END_HEADERS, 1, second)).await;
        let answer = client.read_kind(HEADERS).await;
        assert_eq!(answer.payload, [0x48, 0x83, 0x69, 0x90, 0xff], "status 431, as HPACK says it");
        assert!(ask(&mut server.connect().await, ASK).await.ends_with("fast"));
    }

    #[tokio::test]
    async fn a_panic_ends_its_stream_and_no_other() {
        let server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        client.send(&request(1, "/panic")).await;
        assert_eq!(client.read_kind(RST_STREAM).await.stream, 1);
        client.send(&request(3, "/")).await;
        assert_eq!(client.read_body(3).await, b"fast");
    }

    #[tokio::test]
    async fn a_quiet_connection_is_told_to_go() {
        let server = start(Limits { quiet: SOON, header: SOON, ..PATIENT }).await;
        let mut client = Client::connect(&server).await;
        client.send(&request(1, "/")).await;
        assert_eq!(client.read_body(1).await, b"fast");
        // No error: GOAWAY, and the end, although this client stays.
        assert_eq!(code(&client.read_kind(GOAWAY).await), 0);
        while client.read().await.is_ok() {}
    }

    #[tokio::test]
    async fn a_connection_without_a_request_is_told_to_go() {
        let server = start(Limits { header: SOON, ..PATIENT }).await;
        let mut client = Client::connect(&server).await;
        assert_eq!(code(&client.read_kind(GOAWAY).await), 0);
        while client.read().await.is_ok() {}
    }

    #[tokio::test]
    async fn a_stop_finishes_what_was_asked() {
        let mut server = start(PATIENT).await;
        let mut client = Client::connect(&server).await;
        client.send(&request(1, "/slow")).await;
        server.slow.begun.recv().await.expect("it began");
        server.stopper.stop();
        assert_eq!(code(&client.read_kind(GOAWAY).await), 0);
        server.slow.release.add_permits(1);
        assert_eq!(client.read_body(1).await, b"slow");
        drop(client);
        assert_eq!(server.report().await, Report { finished: 1, cut: 0 });
    }

    #[tokio::test]
    async fn what_does_not_finish_is_cut_at_the_deadline() {
        let mut server = start(Limits { stop: SOON, ..PATIENT }).await;
        let mut client = Client::connect(&server).await;
        client.send(&request(1, "/slow")).await;
        server.slow.begun.recv().await.expect("it began");
        server.stopper.stop();
        while client.read().await.is_ok() {}
        server.slow.ended.recv().await.expect("the handler is dropped, not left behind");
        assert_eq!(server.report().await, Report { finished: 0, cut: 1 });
    }
}
