//! The log: one line a request that names its route and its key, and nothing of what was asked.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use axum::body::Body;
use tracing::level_filters::LevelFilter;

use crate::contract::room::block_on;
use crate::served::{PLANTED, Served};

thread_local! {
    // One log for all, since one of several comes and goes for every thread; what is kept of it is the thread's.
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Keeps what this thread logs, if it wants to know.
struct Keep;

impl io::Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        KEPT.with_borrow_mut(|kept| kept.iter_mut().for_each(|kept| kept.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged() -> String {
    logged_while(story())
}

/// What is logged, at every level, while a story is told.
pub(crate) fn logged_while(story: impl Future<Output = ()>) -> String {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
        let log = log.with_writer(|| Keep).finish();
        tracing::subscriber::set_global_default(log).expect("the only log of these tests");
    });
    KEPT.set(Some(Vec::new()));
    block_on(story);
    String::from_utf8(KEPT.take().unwrap_or_default()).expect("a log is text")
}

/// A story with something of everything: answers and refusals, values and masks, a query, a key.
async fn story() {
    let served = Served::new().await;
    let release = "/v1/applications/app/secrets/c/deliveries?hunter2=x";
    assert_eq!(served.send(served.post(release, r#"{"as":"reveal"}"#)).await.status, 200);
    let bad = format!(r#"{{"secrets":[{{"type":"env","location":"hunter2-","value":"{PLANTED}"}}]}}"#);
    assert_eq!(served.send(served.post("/v1/applications/app/secrets", &bad)).await.status, 400);
    assert_eq!(served.get("/v1/applications/hunter2/secrets/hunter2").await.status, 404);
    assert_eq!(served.get("/hunter2").await.status, 404);
    let request = served.ask("HUNTER2", "/healthz").body(Body::empty()).expect("a request");
    assert_eq!(served.send(request).await.status, 405);
}

#[test]
fn a_request_is_one_line_with_its_route_and_its_key() {
    let log = logged();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("::envelope: ")).collect();
    assert_eq!(lines.len(), 6, "{log}");
    let release = lines[1];
    for part in [
        "method=\"POST\"",
        "route=\"/v1/applications/{app}/secrets/{id}/deliveries\"",
        "status=200",
        "micros=",
        "request_id=\"0707",
        "key=\"",
    ] {
        assert!(release.contains(part), "{part}: {release}");
    }
    assert!(!release.contains("key=\"-\""), "{release}");
    assert!(lines[4].contains("route=\"-\"") && lines[5].contains("method=\"other\""), "{log}");
}

#[test]
fn no_level_of_the_log_holds_what_was_asked_or_a_key() {
    let log = logged();
    for never in ["hunter2", "HUNTER2", "sr_key_", "/app/", "Bearer"] {
        assert!(!log.contains(never), "{never}: {log}");
    }
}
