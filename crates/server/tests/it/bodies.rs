//! Bodies: read by nobody before their sender is known, counted as they come, and never more of them than there is room.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Frame;
use strongroom_secrets::Limits;
use strongroom_server::{Options, ROUTES};

use crate::contract::room::block_on;
use crate::routing::path;
use crate::served::{OPTIONS, Served};

/// A body without an end that counts what is taken of it.
struct Endless(Arc<AtomicU64>);

const CHUNK: &[u8] = &[b' '; 16 * 1024];

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.fetch_add(CHUNK.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}

fn endless() -> (Body, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    (Body::new(UnsyncBoxBody::new(Endless(Arc::clone(&taken)))), taken)
}

const SECRETS: &str = "/v1/applications/app/secrets";
const NEW: &str = r#"{"id":"new","secrets":[{"type":"env","location":"A","value":"v"}]}"#;

#[test]
fn nothing_of_a_strangers_body_is_read() {
    block_on(async {
        let served = Served::new().await;
        for row in ROUTES {
            let (body, taken) = endless();
            let request = Request::builder().method(row.method).uri(path(row.pattern, "app", "c"));
            let request = request.header("content-type", "application/json").body(body).expect("a request");
            served.send(request).await;
            assert_eq!(taken.load(Ordering::Relaxed), 0, "{} {}", row.method, row.pattern);
        }
    });
}

#[test]
fn a_body_that_is_announced_too_large_is_not_read() {
    block_on(async {
        let served = Served::new().await;
        let limit = Limits::DEFAULT.body();
        for length in [limit + 1, u64::MAX] {
            let (body, taken) = endless();
            let request = served.ask("POST", SECRETS).header("content-type", "application/json");
            let answer =
                served.send(request.header("content-length", length).body(body).expect("a request")).await;
            assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
            assert!(answer.text.contains(&limit.to_string()), "{answer:?}");
            assert!(answer.headers.get("retry-after").is_none(), "it would be sent again, and again");
            assert_eq!(taken.load(Ordering::Relaxed), 0);
        }
    });
}

#[test]
fn a_body_without_an_end_is_counted() {
    block_on(async {
        let served = Served::new().await;
        let (body, taken) = endless();
        let request = served.ask("POST", SECRETS).header("content-type", "application/json");
        let answer = served.send(request.body(body).expect("a request")).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
        assert!(answer.headers.get("retry-after").is_none());
        assert!(taken.load(Ordering::Relaxed) <= Limits::DEFAULT.body() + CHUNK.len() as u64);
    });
}

#[test]
fn the_limit_of_a_body_follows_the_limits() {
    block_on(async {
        let served = Served::within(Limits::NEXTMV).await;
        let limit = usize::try_from(Limits::NEXTMV.body()).expect("small");
        for (length, status) in [(limit, 200), (limit + 1, 413)] {
            let body = format!("{NEW}{}", " ".repeat(length - NEW.len()));
            assert_eq!(served.send(served.post(SECRETS, &body)).await.status, status, "{length}");
        }
    });
}

#[test]
fn a_body_is_what_its_head_says() {
    block_on(async {
        let served = Served::new().await;
        let json = "application/json";
        for (headers, status) in [
            (vec![("content-type", json), ("content-length", "3")], 400),
            (vec![("content-type", json), ("content-length", "1000")], 400),
            (vec![("content-type", json), ("content-length", "-1")], 400),
            (vec![("content-type", "text/plain")], 415),
            (vec![("content-type", json), ("content-type", json)], 415),
            (vec![("content-type", json), ("content-encoding", "gzip")], 415),
            (vec![("content-type", json), ("content-encoding", "identity")], 415),
            (vec![], 415),
            (vec![("content-type", "application/json;charset=UTF-8")], 200),
        ] {
            let mut request = served.ask("POST", SECRETS);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let answer = served.send(request.body(Body::from(NEW)).expect("a request")).await;
            assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        }
        // Without a body nothing is said about it; what was needed is then missing.
        let empty = served.ask("POST", SECRETS).body(Body::empty()).expect("a request");
        assert_eq!(served.send(empty).await.code(), "invalid");
        let restore = served.ask("POST", &format!("{SECRETS}/new/restore")).body(Body::empty());
        assert_eq!(served.send(restore.expect("a request")).await.code(), "exists");
        let release = served.ask("POST", &format!("{SECRETS}/new/deliveries")).body(Body::empty());
        assert_eq!(served.send(release.expect("a request")).await.status, 200);
    });
}

#[test]
fn a_body_beyond_the_room_for_all_is_refused_for_now() {
    block_on(async {
        let served = Served::with(Options { bodies: 2000, ..OPTIONS }).await;
        for _ in 0..3 {
            let answer = served.send(served.post(SECRETS, &format!("{NEW:3000}"))).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
            assert_eq!(answer.header("retry-after"), "1");
        }
        assert_eq!(
            served.send(served.post(SECRETS, &format!("{NEW:1000}"))).await.status,
            200,
            "all was given back"
        );
    });
}

#[test]
fn nothing_is_recorded_of_a_delivery_that_there_is_no_room_for() {
    block_on(async {
        // Its own body fills the room.
        let body = r#"{"as":"run"}"#;
        let served = Served::with(Options { bodies: 1000, patience: Duration::ZERO, ..OPTIONS }).await;
        let release = format!("{SECRETS}/c/deliveries");
        let answer = served.send(served.post(&release, &format!("{body:1000}"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
        let audit = served.get("/v1/audit").await;
        assert!(!audit.text.contains("collection.deliver"), "{audit:?}");
        assert_eq!(served.send(served.post(&release, body)).await.status, 200);
        assert!(served.get("/v1/audit").await.text.contains("collection.deliver"));
    });
}
