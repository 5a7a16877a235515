//! How long a key is worth something: to the very request, whatever connection it comes over, however slowly its body
//! comes, and whatever has meanwhile become of what the key was made for. Who may do what is another chapter.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::Request;
use hyper::body::Frame;
use strongroom_custody::Caller;
use strongroom_secrets::{Actions, Expiry, NewKey, Timestamp};
use strongroom_server::listen::Listener;
use strongroom_server::stop::{Stop, Stopper};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::contract::room::{block_on, now, wait_until};
use crate::listen::PATIENT;
use crate::served::Served;
use crate::strangers::{ROWS, filled};

const COLLECTION: &str = "/v1/applications/app/secrets/c";

/// A body that comes in pieces, when it is told.
pub(crate) struct Pieces(pub(crate) mpsc::UnboundedReceiver<&'static str>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

/// A key that may do everything: its id, and what it is sent as.
async fn new_key(served: &Served, expires_at: Expiry) -> (String, String) {
    let new = NewKey {
        name: "short".to_owned(),
        can: Actions::ALL,
        application_id: None,
        collection_id: None,
        expires_at,
    };
    let (key, token) = served.room.make_key(new).await;
    (key.id, format!("Bearer {}", token.expose()))
}

/// How many records there are.
async fn records(served: &Served) -> usize {
    served.get("/v1/audit").await.json()["items"].as_array().expect("a list").len()
}

/// Sends the head and a part of the body of every row that has one, lets something happen, and sends the rest.
async fn check_amid_a_body(happens: impl AsyncFn(&Served, &str), expires: impl Fn() -> Expiry) {
    let mut asked = 0;
    for row in ROWS.iter().filter(|row| !row.open && row.method != "GET" && row.method != "DELETE") {
        let served = Served::new().await;
        let (id, sends) = new_key(&served, expires()).await;
        let release = served.ask("POST", DELIVERIES_OF_C).header("content-type", "application/json");
        let release = served.send(release.body(Body::from("{}")).expect("a request")).await;
        let receipt = release.json()["receipt"].as_str().expect("a receipt").to_owned();
        let (path, body) = filled(row, "app", "c", &receipt);
        // Leaked for the length of the test: pieces are static.
        let body: &'static str = Box::leak(format!("{body:1}").into_boxed_str());
        let (first, rest) = body.split_at(body.len() / 2);
        let (tell, pieces) = mpsc::unbounded_channel();
        let request = Request::builder().method(row.method).uri(&path).header("authorization", &sends);
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::new(Pieces(pieces))).expect("a request");
        let before = records(&served).await;
        let mut answer = Box::pin(served.send(request));
        tell.send(first).expect("somebody reads");
        // The door is passed, and the rest of the body is waited for.
        for _ in 0..100 {
            let waits =
                std::future::poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending())).await;
            assert!(waits, "{}: answered before its body was there", row.name());
            tokio::task::yield_now().await;
        }
        happens(&served, &id).await;
        let after = records(&served).await;
        let _ = tell.send(rest);
        drop(tell);
        let answer = answer.await;
        assert!(after >= before && records(&served).await == after, "{}: something was done", row.name());
        assert_eq!(answer.status, 401, "{}: {answer:?}", row.name());
        asked += 1;
    }
    assert!(asked >= 12, "{asked}");
}

const DELIVERIES_OF_C: &str = "/v1/applications/app/secrets/c/deliveries";

#[test]
fn k_1_a_key_that_is_revoked_amid_a_slow_body_does_nothing() {
    block_on(async {
        let revoke = async |served: &Served, id: &str| served.room.revoke_key(id).await;
        check_amid_a_body(revoke, || Expiry::Never).await;
    });
}

#[test]
fn k_1_a_key_that_ends_amid_a_slow_body_does_nothing() {
    block_on(async {
        let end = || Timestamp::from_micros(now().as_micros() + 10_000_000);
        let wait =
            async |_: &Served, _: &str| wait_until(Timestamp::from_micros(now().as_micros() + 10_000_000));
        check_amid_a_body(wait, || Expiry::At(end())).await;
    });
}

/// A strongroom behind a real socket.
async fn listening() -> (Served, SocketAddr, Stopper) {
    let served = Served::new().await;
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.address();
    let (stopper, stop) = Stop::by_hand();
    tokio::spawn(listener.serve(served.router.clone(), None, PATIENT, stop));
    (served, address, stopper)
}

/// One answer over HTTP/1; the connection stays.
async fn ask(stream: &mut TcpStream, head: &str) -> String {
    stream.write_all(head.as_bytes()).await.expect("it is open");
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.map_or(0, |length| length.parse().expect("a number")) {
                return text;
            }
        }
        text.push(char::from(stream.read_u8().await.expect("an answer")));
    }
}

#[tokio::test]
async fn k_1_a_revoked_or_ended_key_is_refused_on_the_connection_that_was_open() {
    let (served, address, _stopper) = listening().await;
    let end = Timestamp::from_micros(now().as_micros() + 10_000_000);
    let (id, revoked) = new_key(&served, Expiry::Never).await;
    let (_, ended) = new_key(&served, Expiry::At(end)).await;
    for (sends, happens) in [(revoked, Some(id)), (ended, None)] {
        let head = |method: &str, path: &str| {
            format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {sends}\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\n\r\n{{}}"
            )
        };
        let (list, release) = (head("GET", "/v1/keys"), head("POST", DELIVERIES_OF_C));
        let mut stream = TcpStream::connect(address).await.expect("it accepts");
        assert!(ask(&mut stream, &list).await.starts_with("HTTP/1.1 200 "));
        assert!(ask(&mut stream, &release).await.contains("hunter2 in full"));
        match happens {
            Some(id) => served.room.revoke_key(&id).await,
            None => wait_until(end),
        }
        let before = records(&served).await;
        // The very next request, without a new connection; and whatever comes after it.
        for request in [&release, &list, &release] {
            let answer = ask(&mut stream, request).await;
            assert!(answer.starts_with("HTTP/1.1 401 ") && !answer.contains("hunter2"), "{answer}");
        }
        assert_eq!(records(&served).await, before, "something was done");
    }
}

/// One frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A `POST` without its body, as HPACK that refers to nothing before it.
fn post(stream: u32, path: &str, key: &str) -> Vec<u8> {
    let literal = |name: &[u8], text: &str| {
        [name, &[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
    };
    // Indexed: method POST, scheme http. By the name's index: path 4, authority 1, authorization 23, content-type 31.
    let head = [
        vec![0x83, 0x86],
        literal(&[0x04], path),
        literal(&[0x01], "localhost"),
        literal(&[0x0f, 23 - 15], key),
        literal(&[0x0f, 31 - 15], "application/json"),
    ];
    frame(1, 4, stream, &head.concat())
}

/// The body of the answer on a stream.
async fn body_of(stream: &mut TcpStream, wanted: u32) -> String {
    let mut body = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.expect("a frame");
        let on = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if head[3] == 0 && on == wanted {
            body.extend(payload);
            if head[4] & 1 == 1 {
                return String::from_utf8(body).expect("text");
            }
        }
        assert!(![3, 7].contains(&head[3]), "the stream or the connection was ended: {head:?}");
    }
}

#[tokio::test]
async fn k_1_a_revoked_key_is_refused_on_streams_that_were_open() {
    let (served, address, _stopper) = listening().await;
    let (id, key) = new_key(&served, Expiry::Never).await;
    let mut stream = TcpStream::connect(address).await.expect("it accepts");
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(4, 0, 0, &[])].concat();
    stream.write_all(&begin).await.expect("it is open");
    let mut say = Vec::new();
    // One whole request; and one whose body has not come, so that it is authenticated and waits.
    say.extend(post(1, DELIVERIES_OF_C, &key));
    say.extend(frame(0, 1, 1, b"{}"));
    say.extend(post(3, DELIVERIES_OF_C, &key));
    stream.write_all(&say).await.expect("it is open");
    assert!(body_of(&mut stream, 1).await.contains("hunter2 in full"));
    served.room.revoke_key(&id).await;
    let before = records(&served).await;
    stream.write_all(&frame(0, 1, 3, b"{}")).await.expect("it is open");
    assert!(body_of(&mut stream, 3).await.contains("unauthenticated"));
    stream
        .write_all(&[post(5, DELIVERIES_OF_C, &key), frame(0, 1, 5, b"{}")].concat())
        .await
        .expect("it is open");
    assert!(body_of(&mut stream, 5).await.contains("unauthenticated"));
    assert_eq!(records(&served).await, before, "something was done");
}

#[test]
fn k_3_nothing_renews_or_widens_a_key() {
    block_on(async {
        let served = Served::new().await;
        let end = Timestamp::from_micros(now().as_micros() + 10_000_000);
        let (id, _) = new_key(&served, Expiry::At(end)).await;
        let before = served.get("/v1/keys").await.text;
        for method in ["PUT", "PATCH", "POST", "GET"] {
            let request =
                served.ask(method, &format!("/v1/keys/{id}")).header("content-type", "application/json");
            let body = Body::from(r#"{"expires_at":"never","can":["manage"],"name":"longer"}"#);
            assert_eq!(served.send(request.body(body).expect("a request")).await.status, 405, "{method}");
        }
        for end in ["renew", "restore", "rotate", "extend"] {
            let answer = served.send(served.post(&format!("/v1/keys/{id}/{end}"), "{}")).await;
            assert_eq!(answer.status, 404, "{end}");
        }
        assert_eq!(served.get("/v1/keys").await.text, before);
        // What has ended stays so: it is neither revived by being revoked nor by being asked with.
        wait_until(end);
        served.room.revoke_key(&id).await;
        let revoked = served.get("/v1/keys").await.text;
        served.room.revoke_key(&id).await;
        assert_eq!(served.get("/v1/keys").await.text, revoked, "the first revocation stands");
    });
}

#[test]
fn k_4_a_key_reaches_nothing_of_what_is_put_in_the_place_of_its_own() {
    block_on(async {
        let served = Served::new().await;
        let mut bound = Vec::new();
        for collection_id in [None, Some("c")] {
            let scope = collection_id.map(|id| format!(r#","collection_id":"{id}""#)).unwrap_or_default();
            let all = r#"["list","write","deliver","reveal","manage","audit"]"#;
            let body = format!(r#"{{"name":"bound","can":{all},"application_id":"app"{scope}}}"#);
            let made = served.send(served.post("/v1/keys", &body)).await;
            bound.push(format!("Bearer {}", made.json()["token"].as_str().expect("a token")));
        }
        let delete = served.ask("DELETE", "/v1/applications/app").body(Body::empty());
        assert_eq!(served.send(delete.expect("a request")).await.status, 204);
        assert_eq!(served.send(served.post("/v1/applications", r#"{"id":"app"}"#)).await.status, 200);
        let body = r#"{"id":"c","secrets":[{"type":"env","location":"A","value":"hunter3"}]}"#;
        assert_eq!(served.send(served.post("/v1/applications/app/secrets", body)).await.status, 200);
        let before = records(&served).await;
        for key in &bound {
            for (method, path) in [
                ("GET", "/v1/applications/app"),
                ("GET", "/v1/applications/app/secrets"),
                ("GET", COLLECTION),
                ("POST", DELIVERIES_OF_C),
                ("DELETE", COLLECTION),
            ] {
                let request = Request::builder().method(method).uri(path).header("authorization", key);
                let answer = served.send(request.body(Body::empty()).expect("a request")).await;
                assert!(matches!(answer.status, 401 | 404), "{method} {path}: {answer:?}");
                assert!(!answer.text.contains("hunter3"), "{answer:?}");
            }
        }
        assert_eq!(records(&served).await, before, "something was done");
    });
}

#[test]
fn z_5_a_right_that_is_lost_between_two_looks_is_lost() {
    block_on(async {
        let served = Served::new().await;
        let (id, key) = new_key(&served, Expiry::Never).await;
        let token = key.strip_prefix("Bearer ").expect("as it is sent");
        let token = strongroom_secrets::Token::parse(token).expect("a token");
        // Two connections: both are past the door with the same right, and the first takes it away.
        let custodian = Arc::clone(&served.room.custodian);
        let caller = async || -> Caller { custodian.authenticate(&token, now()).await.expect("a valid key") };
        let (first, second) = (caller().await, caller().await);
        let manage = |caller: &Caller| caller.everywhere::<strongroom_custody::Manage>().expect("it may");
        let (first, second) = (manage(&first), manage(&second));
        let own = strongroom_secrets::ApiKeyId::parse(&id).expect("an id");
        custodian.revoke_key(&first, &own, now()).await.expect("a key may revoke itself");
        let before = records(&served).await;
        let app = strongroom_secrets::ApplicationId::parse("new").expect("an id");
        let new = strongroom_custody::NewApplication::default();
        custodian
            .create_application(&second, &app, new, now())
            .await
            .map(drop)
            .expect_err("the right is gone");
        let wish = NewKey {
            name: "heir".to_owned(),
            can: Actions::ALL,
            application_id: None,
            collection_id: None,
            expires_at: Expiry::Never,
        };
        custodian.create_key(&second, wish, now()).await.map(drop).expect_err("the right is gone");
        assert_eq!(records(&served).await, before, "something was done");
    });
}
