//! Bodies over real connections: whoever sends all of one before it reads learns all the same what it is refused for, and
//! nobody is waited for without an end. What is read of a body, and when, is another chapter.

use std::net::SocketAddr;
use std::time::Duration;

use strongroom_secrets::{Action, Limits};
use strongroom_server::listen::{Limits as Patience, Listener};
use strongroom_server::stop::{Stop, Stopper};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::listen::{PATIENT, SOON};
use crate::served::Served;
use crate::tls::{Client, self_signed_tls};

const SECRETS: &str = "/v1/applications/app/secrets";

/// A strongroom whose bodies are small, behind a socket.
struct Server {
    served: Served,
    address: SocketAddr,
    stopper: Stopper,
    tls: Option<(Client, TempDir)>,
}

async fn start(patience: Patience, with_tls: bool) -> Server {
    let served = Served::within(Limits::NEXTMV).await;
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.address();
    let (stopper, stop) = Stop::by_hand();
    let (tls, client) = if with_tls {
        let data = tempfile::tempdir().expect("a folder");
        let (tls, ca_pem) = self_signed_tls(data.path());
        (Some(tls), Some((Client::trusting(&ca_pem), data)))
    } else {
        (None, None)
    };
    tokio::spawn(listener.serve(served.router.clone(), tls, patience, stop));
    Server { served, address, stopper, tls: client }
}

fn head(method: &str, path: &str, key: &str, media: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {key}\r\nContent-Type: {media}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// Sends all and only then reads one answer, as simple clients do; whatever breaks off on the way is a failure.
async fn send_then_read(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), all: &[u8]) -> String {
    stream.write_all(all).await.expect("all is taken");
    stream.flush().await.expect("all is taken");
    let mut text = String::new();
    while !text.ends_with('}') {
        text.push(char::from(stream.read_u8().await.expect("a whole answer")));
    }
    text
}

async fn check_that_refusals_arrive(with_tls: bool) {
    let server = start(PATIENT, with_tls).await;
    let (admin, json) = (server.served.admin.as_str(), "application/json");
    let reader = server.served.key(&[Action::List]).await;
    let refusals = [
        (head_of("POST", SECRETS, "Bearer nobody", json), "401", "unauthenticated"),
        (head_of("POST", SECRETS, &reader, json), "403", "forbidden"),
        (head_of("POST", "/v1/nothing", admin, json), "404", "route_not_found"),
        (head_of("PUT", SECRETS, admin, json), "405", "method_not_allowed"),
        (head_of("POST", SECRETS, admin, json), "413", "too_large"),
        (head_of("POST", SECRETS, admin, "text/plain"), "415", "unsupported_media_type"),
    ];
    for bytes in [1_000_000, 12_000_000] {
        for (head, status, code) in &refusals {
            let all = [head(bytes).as_bytes(), &vec![b' '; bytes]].concat();
            let stream = TcpStream::connect(server.address).await.expect("the server accepts");
            let answer = match &server.tls {
                Some((client, _)) => {
                    let mut stream = client.over(stream, "localhost").await.expect("a handshake");
                    send_then_read(&mut stream, &all).await
                }
                None => send_then_read(&mut { stream }, &all).await,
            };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{code} of {bytes}: {answer}");
            assert!(answer.contains(&format!(r#""code":"{code}""#)), "{code} of {bytes}: {answer}");
            assert!(!answer.contains("connection: close"), "{answer}");
        }
    }
}

fn head_of(method: &str, path: &str, key: &str, media: &str) -> impl Fn(usize) -> String {
    let (method, path, key, media) = (method.to_owned(), path.to_owned(), key.to_owned(), media.to_owned());
    move |length| head(&method, &path, &key, &media, length)
}

#[tokio::test]
async fn a_refusal_reaches_whoever_sends_all_first() {
    check_that_refusals_arrive(false).await;
}

#[tokio::test]
async fn a_refusal_reaches_whoever_sends_all_first_over_tls() {
    check_that_refusals_arrive(true).await;
}

#[tokio::test]
async fn a_body_of_an_unknown_length_is_refused_to_whoever_sends_all_first() {
    let server = start(PATIENT, false).await;
    let head = head("POST", SECRETS, &server.served.admin, "application/json", 0);
    let head = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let chunk = format!("{:x}\r\n{}\r\n", 100_000, " ".repeat(100_000));
    let all = [head.as_str(), &chunk.repeat(120), "0\r\n\r\n"].concat();
    let mut stream = TcpStream::connect(server.address).await.expect("the server accepts");
    let answer = send_then_read(&mut stream, all.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused_and_its_connection_closed() {
    let server = start(Patience { body: SOON, ..PATIENT }, false).await;
    let head = head("POST", SECRETS, &server.served.admin, "application/json", 100);
    for begun in ["", "{"] {
        let mut stream = TcpStream::connect(server.address).await.expect("the server accepts");
        stream.write_all(format!("{head}{begun}").as_bytes()).await.expect("it is open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer, and the end");
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("connection: close") && answer.contains(r#""code":"too_slow""#), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_awaited_when_the_server_ends_is_refused_for_now() {
    let server = start(Patience { stop: Duration::ZERO, ..PATIENT }, false).await;
    let head = head("POST", SECRETS, &server.served.admin, "application/json", 100);
    let mut stream = TcpStream::connect(server.address).await.expect("the server accepts");
    // The server asks for the body when it begins to wait for it.
    let head = head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is open");
    let mut asked = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut asked).await.expect("it is asked for");
    server.stopper.stop();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer, and the end");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(r#""code":"busy""#), "{answer}");
}
