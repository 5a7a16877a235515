//! What is counted, as whoever watches a server reads it: true, and nothing of anybody's.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use strongroom_secrets::Action;
use strongroom_server::ROUTES;

use crate::contract::room::block_on;
use crate::served::{PLANTED, Served};

/// All samples of a page: the name with its labels, and the number.
fn samples(page: &str) -> BTreeMap<&str, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let split = lines.map(|line| line.rsplit_once(' ').expect("a name and a number"));
    split.map(|(name, number)| (name, number.parse().expect("a number"))).collect()
}

/// Something of everything, with what must not come back in every place that a client fills.
async fn story(served: &Served) {
    let deliveries = "/v1/applications/app/secrets/c/deliveries?hunter2=x";
    for purpose in ["run", "reveal", "reveal", "plan"] {
        assert_eq!(
            served.send(served.post(deliveries, &format!(r#"{{"as":"{purpose}"}}"#))).await.status,
            200
        );
    }
    let bad = format!(r#"{{"secrets":[{{"type":"env","location":"hunter2-","value":"{PLANTED}"}}]}}"#);
    assert_eq!(served.send(served.post("/v1/applications/app/secrets", &bad)).await.status, 400);
    assert_eq!(served.get("/v1/applications/hunter2/secrets/hunter2").await.status, 404);
    assert_eq!(served.get("/hunter2").await.status, 404);
    assert_eq!(served.get("/v1/%2e%2e/hunter2").await.status, 404);
    let odd = served.ask("HUNTER2", "/healthz").header("user-agent", "hunter2 \"}{ 1\\n");
    assert_eq!(served.send(odd.body(Body::empty()).expect("a request")).await.status, 405);
    let stranger = axum::http::Request::get("/v1/keys").header("authorization", "Bearer hunter2");
    assert_eq!(served.send(stranger.body(Body::empty()).expect("a request")).await.status, 401);
}

#[test]
fn what_was_done_is_counted_under_its_route() {
    block_on(async {
        let served = Served::new().await;
        story(&served).await;
        let page = served.get("/metrics").await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert!(page.text.ends_with("# EOF\n"), "{}", page.text);
        let samples = samples(&page.text);
        let check = |name: &str, expected: f64| {
            assert_eq!(samples.get(name).copied(), Some(expected), "{name}\n{}", page.text);
        };
        let deliveries = "/v1/applications/{app}/secrets/{id}/deliveries";
        check(
            &format!(r#"strongroom_requests_total{{route="{deliveries}",method="POST",status="200"}}"#),
            4.0,
        );
        check(r#"strongroom_requests_total{route="-",method="GET",status="404"}"#, 2.0);
        check(r#"strongroom_requests_total{route="/healthz",method="other",status="405"}"#, 1.0);
        check(&format!(r#"strongroom_request_duration_seconds_count{{route="{deliveries}"}}"#), 4.0);
        check(
            &format!(r#"strongroom_request_duration_seconds_bucket{{le="+Inf",route="{deliveries}"}}"#),
            4.0,
        );
        check(r#"strongroom_refusals_total{code="invalid"}"#, 1.0);
        check(r#"strongroom_refusals_total{code="unauthenticated"}"#, 1.0);
        check(r#"strongroom_refusals_total{code="busy"}"#, 0.0);
        check(r#"strongroom_deliveries_total{as="run"}"#, 1.0);
        check(r#"strongroom_deliveries_total{as="reveal"}"#, 2.0);
        check(r#"strongroom_requests_at_work{as="proven"}"#, 1.0);
        check(r#"strongroom_requests_at_work{as="stranger"}"#, 0.0);
        check("strongroom_body_bytes", 0.0);
        check("strongroom_audit_failures_total", 0.0);
        assert!(samples["strongroom_commits_total"] >= 4.0, "{}", page.text);
    });
}

#[test]
fn l_3_no_label_is_anything_that_a_client_sent() {
    block_on(async {
        let served = Served::new().await;
        story(&served).await;
        let page = served.get("/metrics").await.text;
        for never in ["hunter2", "HUNTER2", "sr_key_", "Bearer", "/app/", "\u{1b}", "%2e"] {
            assert!(!page.contains(never), "{never}: {page}");
        }
        let routes = ROUTES.iter().map(|row| row.pattern);
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other", "-"];
        let words =
            ["run", "reveal", "key", "address", "proven", "stranger", "handshake", "request", "answer"];
        let known: BTreeSet<&str> = routes.chain(methods).chain(words).collect();
        for name in samples(&page).keys() {
            let Some((_, labels)) = name.split_once('{') else { continue };
            for label in labels.trim_end_matches('}').split("\",") {
                let (name, value) = label.split_once("=\"").expect("a label");
                let value = value.trim_end_matches('"');
                let is_ours = match name {
                    "status" => value.parse::<u16>().is_ok() || value == "other",
                    "code" => value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                    "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
                    "version" => value == env!("CARGO_PKG_VERSION"),
                    _ => known.contains(value),
                };
                assert!(is_ours, "{name}={value}");
            }
        }
    });
}

#[test]
fn who_may_not_see_every_record_sees_no_counts() {
    block_on(async {
        let served = Served::new().await;
        let ask = |key: &str| {
            let request = axum::http::Request::get("/metrics").header("authorization", key);
            served.send(request.body(Body::empty()).expect("a request"))
        };
        let (audit, list) = (served.key(&[Action::Audit]).await, served.key(&[Action::List]).await);
        assert_eq!(ask(&audit).await.status, 200);
        assert_eq!(ask(&list).await.status, 403);
        assert_eq!(ask("Bearer x").await.status, 401);
        // One that is bound to an application: `strangers`.
    });
}
