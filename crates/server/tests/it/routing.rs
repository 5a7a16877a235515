//! What is routed and what is not: the table is all there is, a path is taken to the byte, and what is refused is refused
//! in one order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use strongroom_secrets::Action;
use strongroom_server::{Needed, Options, ROUTES, app};

use crate::contract::room::{Room, block_on};
use crate::served::{OPTIONS, PLANTED, Served};

/// A path of a route, about things that are there or, with other ids, about nothing.
pub(crate) fn path(pattern: &str, app: &str, id: &str) -> String {
    let path = pattern.replace("{app}", app).replace("{id}", id).replace("{version}", "1");
    path.replace("{key}", "000000000000").replace("{receipt}", "1-aaaaaaaa.0.0")
}

#[test]
fn a_path_that_is_not_canonical_leads_nowhere() {
    block_on(async {
        let served = Served::new().await;
        for path in [
            "/",
            "/v1",
            "/v1/applications/",
            "/v1/applications/app/",
            "/v1/applications/app/secrets/",
            "/v1/applications/app/secrets/c/",
            "/v1/applications//secrets",
            "//v1/applications/app",
            "/v1//applications/app",
            "/v1/./applications/app",
            "/v1/x/../applications/app",
            "/v1/applications/app/secrets/..",
            "/v1/applications/app/secrets/.",
            "/v1/applications/app/secrets/../x",
            "/v1/applications/app;x=1",
            "/v1/applications/app;/secrets/c",
            "/v1/applications/%61pp",
            "/v1/applications/app%2Fsecrets",
            "/v1/applications/app/secrets/%2e%2e",
            "/v1/applications/app/secrets/%252e",
            "/v1/applications/app%00",
            "/v1/applications/app%c0%af",
            "/v1/applications/app/secrets/c/purge",
            "/V1/applications/app",
            "/v1/Applications/app",
            "/v2/applications/app",
        ] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let request = served.ask(method, path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from("{}")).expect("a request")).await;
                assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
                assert_eq!(answer.header("location"), "", "{method} {path}");
                if method != "HEAD" {
                    assert_eq!(answer.code(), "route_not_found", "{method} {path}");
                }
            }
        }
        for path in ["/v1/applications/app%", "/v1/applications/%zz", "/v1/applications/app/secrets/c%2"] {
            // A URL of which the client's library would make something else is not even a request.
            let Ok(request) = served.ask("DELETE", path).body(Body::empty()) else { continue };
            assert_eq!(served.send(request).await.status, 400, "{path}");
        }
        assert_eq!(served.get("/v1/applications/app/secrets/c").await.status, 200, "nothing was deleted");
    });
}

#[test]
fn a_path_takes_the_methods_of_its_rows_and_no_other() {
    let mut rows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in ROUTES {
        assert!(rows.entry(row.pattern).or_default().insert(row.method), "{} twice", row.pattern);
    }
    block_on(async {
        let served = Served::new().await;
        for (pattern, mut methods) in rows {
            if methods.contains("GET") {
                methods.insert("HEAD");
            }
            let path = path(pattern, "app", "c");
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
                if methods.contains(method) {
                    continue;
                }
                // Without a key: the table is no secret, and nothing behind it is touched.
                let request = Request::builder().method(method).uri(&path).body(Body::empty());
                let answer = served.send(request.expect("a request")).await;
                assert_eq!(answer.status, 405, "{method} {pattern}");
                let allowed: BTreeSet<&str> = answer.header("allow").split(',').collect();
                assert_eq!(allowed, methods, "{method} {pattern}");
            }
        }
    });
}

#[test]
fn a_header_overrides_no_method() {
    block_on(async {
        let served = Served::new().await;
        for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
            let request =
                served.ask("GET", "/v1/applications/app/secrets/c?_method=DELETE").header(name, "DELETE");
            let answer = served.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, 200, "{name}");
        }
        assert_eq!(served.get("/v1/applications/app/secrets/c").await.status, 200);
    });
}

#[test]
fn whoever_has_no_key_is_told_nothing_else() {
    block_on(async {
        let served = Served::new().await;
        let mut told = BTreeSet::new();
        for row in ROUTES.iter().filter(|row| row.action != Needed::Nothing) {
            for (app, id) in [("app", "c"), ("nothing", "c"), ("app", "nothing"), ("-bad-", "-bad-")] {
                let path = format!("{}?purge=x&a=1&a=2", path(row.pattern, app, id));
                // All else is wrong too, and none of it is looked at.
                let request = Request::builder().method(row.method).uri(&path).header("if-match", "x");
                let request = request.header("idempotency-key", "k").header("content-type", "text/plain");
                let answer = served.send(request.body(Body::from(PLANTED)).expect("a request")).await;
                assert_eq!(answer.status, 401, "{} {path}", row.method);
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                told.insert(answer.text);
            }
        }
        assert_eq!(told.len(), 1, "{told:?}");
    });
}

#[test]
fn whoever_has_no_right_is_told_so_whatever_is_asked_for() {
    block_on(async {
        let served = Served::new().await;
        for row in ROUTES {
            let without = match row.action {
                Needed::Nothing | Needed::AnyKey => continue,
                Needed::Action(Action::List) => Action::Audit,
                Needed::Action(_) | Needed::Either(..) => Action::List,
            };
            let key = served.key(&[without]).await;
            let mut told = BTreeSet::new();
            for (app, id) in [("app", "c"), ("nothing", "c"), ("app", "nothing"), ("-bad-", "-bad-")] {
                let path = format!("{}?purge=x&a=1&a=2", path(row.pattern, app, id));
                let request = Request::builder().method(row.method).uri(&path).header("authorization", &key);
                let request = request.header("if-match", "x").header("content-type", "text/plain");
                let answer = served.send(request.body(Body::from(PLANTED)).expect("a request")).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (403, "forbidden"),
                    "{} {path}",
                    row.method
                );
                told.insert(answer.text);
            }
            assert_eq!(told.len(), 1, "{told:?}");
        }
    });
}

#[test]
fn what_is_not_there_comes_before_what_is_wrong_with_the_request() {
    block_on(async {
        let served = Served::new().await;
        for row in ROUTES.iter().filter(|row| row.pattern.contains("{id}")) {
            let path = format!("{}?purge=x&a=1&a=2", path(row.pattern, "app", "-bad-"));
            let request = served.ask(row.method, &path).header("if-match", "x");
            let answer = served.send(request.body(Body::from(PLANTED)).expect("a request")).await;
            assert_eq!(answer.code(), "collection_not_found", "{} {path}", row.method);
            assert!(!answer.text.contains("-bad-"), "{answer:?}");
        }
    });
}

#[test]
fn a_parameter_is_given_once() {
    block_on(async {
        let served = Served::new().await;
        for (path, status) in [
            ("/v1/applications/app/secrets/c?x=1&y=2", 200),
            ("/v1/applications/app/secrets/c?x=1&x=1", 400),
            ("/v1/applications/app/secrets?pagereturn=true&pagereturn=false", 400),
            ("/v1/applications/app/secrets?pagereturn=true&pageretur%6e=true", 400),
            ("/v1/applications/app/secrets/c/diff?from=1&to=1", 200),
            ("/v1/applications/app/secrets/c/diff?from=1", 400),
            ("/v1/applications/app/secrets/c/diff?from=1&to=01", 400),
            ("/v1/applications/app/secrets/c/versions/1", 200),
            ("/v1/applications/app/secrets/c/versions/01", 404),
            ("/v1/applications/app/secrets/c/versions/x", 404),
            ("/v1/audit?application_id=..", 400),
        ] {
            assert_eq!(served.get(path).await.status, status, "{path}");
        }
    });
}

#[test]
fn what_would_be_promised_and_not_kept_is_refused() {
    block_on(async {
        let served = Served::new().await;
        let collection = "/v1/applications/app/secrets/c";
        for path in [
            &format!("{collection}?purge=true"),
            "/v1/applications/app?purge=true",
            &format!("{collection}?purge=1"),
        ] {
            let answer =
                served.send(served.ask("DELETE", path).body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, 400, "{path}");
        }
        for row in ROUTES.iter().filter(|row| row.method != "GET") {
            let path = path(row.pattern, "app", "c");
            for (key, is_kept) in [("k", row.repeatable), ("no key", false)] {
                let request = served.ask(row.method, &path).header("if-match", "no version");
                let request = request.header("idempotency-key", key).body(Body::empty());
                let answer = served.send(request.expect("a request")).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (400, "invalid"),
                    "{} {path}",
                    row.method
                );
                assert_eq!(answer.text.contains("Idempotency-Key"), !is_kept, "{} {path}", row.method);
            }
        }
        assert_eq!(served.get(collection).await.header("etag"), "\"1\"", "nothing was changed");
    });
}

#[test]
fn a_condition_on_what_has_no_version_is_refused() {
    block_on(async {
        let served = Served::new().await;
        for row in ROUTES.iter().filter(|row| row.method != "GET" && row.action != Needed::Nothing) {
            let beside = ["/restore", "/deliveries"].iter().any(|end| row.pattern.ends_with(end));
            let is_kept = row.pattern.contains("/secrets/{id}") && !beside;
            let path = path(row.pattern, "app", "c");
            let request = served.ask(row.method, &path).header("if-match", "\"7\"");
            let answer = served.send(request.body(Body::empty()).expect("a request")).await;
            let refused = answer.text.contains("If-Match can name no version here");
            assert_eq!(refused, !is_kept, "{} {path}: {answer:?}", row.method);
        }
    });
}

#[test]
fn every_answer_carries_the_same_headers() {
    block_on(async {
        let served = Served::new().await;
        let delete = served.ask("DELETE", "/v1/applications/app/secrets/c").body(Body::empty());
        let mut answers = vec![served.send(delete.expect("a request")).await];
        assert_eq!((answers[0].status, answers[0].text.as_str()), (204, ""));
        for (method, path) in [
            ("GET", "/healthz"),
            ("GET", "/v1/applications"),
            ("HEAD", "/v1/applications"),
            ("OPTIONS", "/v1/applications"),
            ("GET", "/nowhere"),
            ("GET", "/v1/applications/%"),
            ("GET", "/v1/applications/nothing"),
            ("POST", "/v1/keys"),
        ] {
            let Ok(request) =
                served.ask(method, path).header("strongroom-request-id", "mine").body(Body::empty())
            else {
                continue;
            };
            answers.push(served.send(request).await);
        }
        for answer in answers {
            assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
            assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
            assert_eq!(answer.header("strongroom-request-id"), "07".repeat(16), "{answer:?}");
            assert_eq!(answer.headers.get_all("strongroom-request-id").iter().count(), 1);
        }
    });
}

#[test]
fn head_is_get_without_its_body() {
    block_on(async {
        let served = Served::new().await;
        let path = "/v1/applications/app/secrets/c";
        let get = served.get(path).await;
        let head = served.send(served.ask("HEAD", path).body(Body::empty()).expect("a request")).await;
        assert_eq!((head.status, head.text.as_str(), head.header("etag")), (200, "", "\"1\""));
        assert_eq!(head.header("content-length"), get.text.len().to_string());
    });
}

#[test]
fn a_panic_is_answered_without_what_it_says() {
    block_on(async {
        let options = Options { clock: || panic!("hunter2"), ..OPTIONS };
        let room = Room::served(None, true).await;
        let router = app(Arc::clone(&room.custodian), options);
        let served = Served { room, router, admin: "Bearer x".to_owned() };
        let answer = served.get("/v1/applications").await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
        assert!(answer.text.contains(&"07".repeat(16)), "{answer:?}");
        assert!(!answer.text.contains("hunter2"), "{answer:?}");
    });
}

#[test]
fn values_leave_by_deliveries_alone() {
    block_on(async {
        let served = Served::new().await;
        let release = "/v1/applications/app/secrets/c/deliveries";
        for (purpose, leaves) in [("run", true), ("reveal", true), ("plan", false)] {
            let answer = served.send(served.post(release, &format!(r#"{{"as":"{purpose}"}}"#))).await;
            assert_eq!((answer.status, answer.text.contains(PLANTED)), (200, leaves), "{answer:?}");
        }
        for row in ROUTES.iter().filter(|row| !row.pattern.ends_with("/deliveries")) {
            let served = Served::new().await;
            for body in [
                format!(r#"{{"secrets":"{PLANTED}","version":"{PLANTED}","operations":"{PLANTED}"}}"#),
                format!(r#"{{"name":["{PLANTED}"],"can":["{PLANTED}"],"exit":"{PLANTED}"}}"#),
                format!(r#"{{"secrets":[{{"type":"env","location":"A","value":"{PLANTED}\u0000"}}]}}"#),
                format!(r#"{{"{PLANTED}":1,"{PLANTED}":2}}"#),
                format!(r#"{{"value": {PLANTED}}}"#),
                PLANTED.to_owned(),
            ] {
                let path = path(row.pattern, "app", "c");
                let request = served.ask(row.method, &path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from(body.clone())).expect("a request")).await;
                let told = format!("{answer:?}");
                assert!(!told.contains("hunter2"), "{} {path} {body}: {told}", row.method);
            }
        }
    });
}
