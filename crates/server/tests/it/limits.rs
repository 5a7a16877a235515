//! How much is done at once, and how little a hostile request gets out of it: each is refused before it costs anything
//! that others need. How often somebody may ask is another chapter, and so are connections.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use strongroom_secrets::{Action, Actions, Expiry, NewKey};
use strongroom_server::Options;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::contract::room::{block_on, now, wait_until};
use crate::lifetimes::Pieces;
use crate::served::{OPTIONS, Served};

const SECRETS: &str = "/v1/applications/app/secrets";
const RELEASE: &str = "/v1/applications/app/secrets/c/deliveries";

/// A body that never comes.
fn silence() -> Body {
    struct Silence;
    impl hyper::body::Body for Silence {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            Poll::Pending
        }
    }
    Body::new(Silence)
}

/// Whether it is done when it is looked at once.
async fn is_done<T>(work: &mut (impl Future<Output = T> + Unpin)) -> bool {
    poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *work).poll(context).is_ready())).await
}

/// Time goes on when all wait for it, and not otherwise.
fn block_on_paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

type Response = axum::http::Response<Body>;
type Pending = Pin<Box<dyn Future<Output = Result<Response, std::convert::Infallible>>>>;

/// A router that works on one request at once and has room for one release.
async fn narrow(served: &Served, options: Options) -> Router {
    let bytes = served.send(served.post(RELEASE, "{}")).await.text.len() as u64;
    let options = Options { at_work: 1, bodies: bytes + 10, ..options };
    strongroom_server::app(Arc::clone(&served.room.custodian), options)
}

/// A release that is worked on, for as long as both are there: it waits for the room that the first answer has.
async fn release_at_work(served: &Served, router: &Router) -> (Response, Pending) {
    let Ok(first) = router.clone().oneshot(served.post(RELEASE, "{}")).await;
    assert_eq!(first.status(), 200);
    let mut second: Pending = Box::pin(router.clone().oneshot(served.post(RELEASE, "{}")));
    assert!(!is_done(&mut second).await, "it waits for room");
    (first, second)
}

/// A change of which nothing but the head has come.
async fn change_without_its_body(served: &Served, router: &Router, body: Body) -> Pending {
    let request = served.ask("POST", SECRETS).header("content-type", "application/json");
    let mut change: Pending = Box::pin(router.clone().oneshot(request.body(body).expect("a request")));
    for _ in 0..10 {
        assert!(!is_done(&mut change).await, "it waits for its body");
        tokio::task::yield_now().await;
    }
    change
}

/// Lets it have its room, and waits for its end: it is a change, which nobody's going away ends.
async fn finish((first, second): (Response, Pending)) {
    drop(first);
    let Ok(second) = second.await;
    assert_eq!(second.status(), 200);
}

async fn list(served: &Served, router: &Router) -> u16 {
    let request = served.ask("GET", SECRETS).body(Body::empty()).expect("a request");
    let Ok(answer) = router.clone().oneshot(request).await;
    answer.status().as_u16()
}

#[test]
fn beyond_what_is_worked_on_at_once_nothing_is_read() {
    block_on(async {
        let served = Served::new().await;
        let router = narrow(&served, OPTIONS).await;
        let working = release_at_work(&served, &router).await;
        let request = served.ask("POST", SECRETS).header("content-type", "application/json");
        let Ok(refused) = router.clone().oneshot(request.body(silence()).expect("a request")).await;
        assert_eq!((refused.status().as_u16(), list(&served, &router).await), (503, 503));
        assert_eq!(refused.headers()["retry-after"], "1");
        finish(working).await;
        assert_eq!(list(&served, &router).await, 200, "whoever goes gives back its place");
    });
}

#[test]
fn a_body_that_still_comes_keeps_nobody_from_work() {
    block_on(async {
        let served = Served::new().await;
        let router = narrow(&served, OPTIONS).await;
        let silent = change_without_its_body(&served, &router, silence()).await;
        let (tell, pieces) = mpsc::unbounded_channel();
        let change = change_without_its_body(&served, &router, Body::new(Pieces(pieces))).await;
        assert_eq!(list(&served, &router).await, 200);
        let working = release_at_work(&served, &router).await;
        tell.send("{}").expect("somebody reads");
        drop(tell);
        let Ok(refused) = change.await;
        assert_eq!(refused.status(), 503, "it is worked on among the others when it is there");
        finish(working).await;
        drop(silent);
        assert_eq!(list(&served, &router).await, 200);
    });
}

#[test]
fn beyond_the_bodies_that_are_waited_for_at_once_none_is() {
    block_on(async {
        let served = Served::new().await;
        let router = narrow(&served, Options { sending: 1, ..OPTIONS }).await;
        let first = change_without_its_body(&served, &router, silence()).await;
        let request = served.ask("POST", SECRETS).header("content-type", "application/json");
        let Ok(refused) = router.clone().oneshot(request.body(silence()).expect("a request")).await;
        assert_eq!((refused.status().as_u16(), list(&served, &router).await), (503, 200));
        let Ok(at_once) = router.clone().oneshot(served.post(RELEASE, "{}")).await;
        assert_eq!(at_once.status(), 200, "what is there at once is not waited for");
        drop(first);
        drop(change_without_its_body(&served, &router, silence()).await);
    });
}

#[test]
fn beyond_what_is_done_at_once_for_strangers_nobody_is_looked_at() {
    block_on_paused(async {
        let served = Served::with(OPTIONS).await;
        let crowded =
            strongroom_server::app(Arc::clone(&served.room.custodian), Options { strangers: 0, ..OPTIONS });
        for path in [SECRETS, "/healthz", "/v1/nothing"] {
            let begun = Instant::now();
            let request = served.ask("GET", path).body(Body::empty()).expect("a request");
            let Ok(answer) = crowded.clone().oneshot(request).await;
            assert_eq!(answer.status(), 503, "{path}");
            assert!(begun.elapsed() >= Options::PATIENCE, "it waits for its turn");
        }
    });
}

#[test]
fn t_2_a_refused_key_is_answered_after_one_time_whatever_is_wrong_with_it() {
    block_on_paused(async {
        let served = Served::new().await;
        let make = async |expires_at| {
            let can: Actions = [Action::List].into_iter().collect();
            let new =
                NewKey { name: "k".to_owned(), can, application_id: None, collection_id: None, expires_at };
            let (key, token) = served.room.make_key(new).await;
            (key.id, format!("Bearer {}", token.expose()))
        };
        let end = strongroom_secrets::Timestamp::from_micros(now().as_micros() + 1_000_000);
        let (_, expired) = make(Expiry::At(end)).await;
        let (id, revoked) = make(Expiry::Never).await;
        let (_, other) = make(Expiry::Never).await;
        served.room.revoke_key(&id).await;
        wait_until(end);
        // Of another key's id: a checksum that is right, and a secret that is not.
        let wrong_checksum = format!("{}x", &other[..other.len() - 1]);
        let unknown = format!("Bearer {}", strongroom_secrets::Token::from_random([1; 12], [2; 32]).expose());
        let mut times = Vec::new();
        for key in ["", "Basic eA==", &wrong_checksum, &unknown, &expired, &revoked] {
            let begun = Instant::now();
            let request = Request::builder().uri(SECRETS).header("authorization", key);
            let answer = served.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, 401, "{key}");
            times.push(begun.elapsed());
        }
        assert!(times.iter().all(|time| *time >= Options::REFUSAL && *time == times[0]), "{times:?}");
        let begun = Instant::now();
        assert_eq!(served.get(SECRETS).await.status, 200);
        assert_eq!(begun.elapsed(), Duration::ZERO, "whoever has a key does not wait");
    });
}

#[test]
fn d_2_json_that_is_deep_or_wide_or_long_is_refused() {
    block_on(async {
        let served = Served::new().await;
        let deep = "[".repeat(1_000_000);
        let closed = format!("{}{}", "[".repeat(33), "]".repeat(33));
        let wide = format!("{{{}\"z\":1}}", (0..500_000).map(|n| format!("\"{n}\":1,")).collect::<String>());
        let equal = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(5000));
        let both = |long: String| format!("{{\"id\":{long},\"version\":{long}}}");
        let (number, text) = (both("9".repeat(4_000_000)), both(format!("\"{}\"", "x".repeat(4_000_000))));
        for body in [deep, closed, wide, equal, number, text] {
            for (method, path) in [
                ("POST", SECRETS),
                ("PATCH", "/v1/applications/app/secrets/c"),
                ("PUT", "/v1/applications/app/secrets/c"),
                ("POST", RELEASE),
                ("POST", "/v1/applications"),
                ("POST", "/v1/keys"),
            ] {
                let request = served.ask(method, path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from(body.clone())).expect("a request")).await;
                let begins = &body[..20];
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (400, "invalid"),
                    "{method} {path} {begins}"
                );
                assert!(answer.text.len() < 1000, "nothing of it is repeated");
            }
        }
        assert_eq!(served.get("/v1/applications/app/secrets/c").await.header("etag"), "\"1\"");
    });
}

#[test]
fn d_6_a_compressed_body_is_not_unpacked() {
    block_on(async {
        let served = Served::new().await;
        for coding in ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip"] {
            let request = served.ask("POST", SECRETS).header("content-type", "application/json");
            let request = request.header("content-encoding", coding).body(silence()).expect("a request");
            assert_eq!(served.send(request).await.status, 415, "{coding}");
        }
    });
}

#[test]
fn d_8_a_hundred_thousand_tags_are_too_many() {
    block_on(async {
        let served = Served::new().await;
        let tags = "\"1\", ".repeat(100_000);
        let request = served.ask("GET", "/v1/applications/app/secrets/c").header("if-none-match", &tags);
        assert_eq!(served.send(request.body(Body::empty()).expect("a request")).await.status, 304);
        let request = served.ask("DELETE", "/v1/applications/app/secrets/c").header("if-match", &tags);
        assert_eq!(served.send(request.body(Body::empty()).expect("a request")).await.status, 400);
    });
}

#[test]
fn a_head_with_two_hosts_is_refused_and_ends_its_connection() {
    block_on(async {
        let served = Served::new().await;
        let request = served.ask("GET", SECRETS).header("host", "a").header("host", "a");
        let answer = served.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"));
        assert_eq!(answer.header("connection"), "close");
    });
}

#[test]
fn a_release_waits_for_room_and_is_refused_when_none_comes() {
    block_on_paused(async {
        let served = Served::new().await;
        let bytes = served.send(served.post(RELEASE, "{}")).await.text.len() as u64;
        let options = Options { bodies: bytes + 10, ..OPTIONS };
        let router = strongroom_server::app(Arc::clone(&served.room.custodian), options);
        let release = || router.clone().oneshot(served.post(RELEASE, "{}"));
        let Ok(first) = release().await;
        assert_eq!(first.status(), 200);
        let begun = Instant::now();
        let Ok(refused) = release().await;
        assert_eq!((refused.status().as_u16(), begun.elapsed() >= Options::PATIENCE), (503, true));
        let mut second = pin!(release());
        assert!(!is_done(&mut second).await);
        // Sent, and gone.
        drop(first);
        let Ok(second) = second.await;
        assert_eq!(second.status(), 200);
        drop((refused, second));
        let audit = served.get("/v1/audit").await;
        assert_eq!(audit.text.matches("collection.deliver").count(), 3, "{audit:?}");
    });
}
