//! The OpenAPI document: it is checked in as it is served, to everybody. That answers are as it says is not told here:
//! every case of `contract` and every stranger's answer is held against it by `judge`.

#![expect(
    clippy::disallowed_methods,
    reason = "the desk says by a variable that the file is to be written anew"
)]

pub(crate) mod judge;

use std::fs;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request};
use serde_json::Value;
use strongroom_server::ROUTES;

use crate::contract::room::{self, block_on};
use crate::served::{Answer, Served};
use judge::{Sent, judge};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json")
}

fn served() -> Answer {
    block_on(async {
        let request = Request::get("/openapi.json").body(Body::empty()).expect("a request");
        Served::new().await.send(request).await
    })
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let file = file();
    let served = serde_json::to_string_pretty(&served().json()).expect("JSON") + "\n";
    if std::env::var_os("STRONGROOM_TEST_WRITE").is_some() {
        fs::write(&file, &served).expect("our own file");
    }
    assert!(
        fs::read_to_string(&file).is_ok_and(|written| written == served),
        "docs/openapi.json is not what the code says; if the code is right, write it anew and look at the difference: \
         STRONGROOM_TEST_WRITE=1 cargo test -p strongroom-server openapi"
    );
}

#[test]
fn the_document_names_every_route_once_and_no_machine() {
    let answer = served();
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    let paths = document["paths"].as_object().expect("an object");
    let methods = paths.values().map(|path| path.as_object().expect("an object").len()).sum::<usize>();
    assert_eq!(methods, ROUTES.len());
    let mut names: Vec<&str> = Vec::new();
    for route in ROUTES {
        let operation = &paths[route.pattern][route.method.to_lowercase()];
        names.push(operation["operationId"].as_str().expect("a name"));
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ROUTES.len(), "an operation's name names one");
    assert_eq!(document.get("servers"), None::<&Value>);
    for trace in [env!("CARGO_MANIFEST_DIR"), "127.0.0.1", "localhost", "http://"] {
        assert!(!answer.text.contains(trace), "{trace}");
    }
}

/// The judge would be worth nothing if it were blind.
#[test]
fn what_the_document_does_not_say_is_seen() {
    fn check(
        method: &str,
        path: &str,
        body: &str,
        answer: (u16, &[(&'static str, &'static str)], &str),
        expected: &str,
    ) {
        let headers = [
            ("strongroom-request-id", "00000000000000000000000000000000"),
            ("content-type", "application/json"),
        ];
        let headers = headers
            .iter()
            .chain(answer.1)
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let answer =
            room::Answer { status: answer.0, headers: headers.collect(), body: answer.2.to_owned().into() };
        let wrong = judge(&Sent { method, path, headers: &[], body }, &answer).join("; ");
        assert!(
            wrong.contains(expected) && wrong.is_empty() == expected.is_empty(),
            "{method} {path}: {wrong:?}"
        );
    }
    let made = r#"{"id":"c","application_id":"a","name":"n","description":"","created_at":"2024-01-02T03:04:05Z","updated_at":"2024-01-02T03:04:05Z"}"#;
    let more = made.replace("\"name\"", "\"value\":\"v\",\"name\"");
    let less = made.replace("\"name\":\"n\",", "");
    let secret = r#"{"secrets":[{"type":"env","location":"A","value":"v"}]}"#;
    let version: &[(&str, &str)] = &[("strongroom-version", "1")];
    let create = "/v1/applications/a/secrets";
    check("POST", create, secret, (200, version, made), "");
    check("POST", create, secret, (200, &[], made), "Strongroom-Version is missing");
    check("POST", create, secret, (200, &[("strongroom-version", "0")], made), "Strongroom-Version is");
    check(
        "POST",
        create,
        secret,
        (200, &[version, &[("location", "/c")]].concat(), made),
        "the header location",
    );
    check("POST", create, secret, (200, version, &more), "Additional properties");
    check("POST", create, secret, (200, version, &less), "required property");
    check("POST", create, secret, (200, version, "secret"), "not of type");
    check("POST", create, secret, (201, version, made), "status 201");
    check("POST", create, "", (200, version, made), "no body was accepted");
    check("POST", create, r#"{"secrets":[]}"#, (200, version, made), "the request's body");
    check("POST", create, secret, (409, &[], r#"{"error":"e","code":"exists"}"#), "");
    check("POST", create, secret, (409, &[], r#"{"error":"e","code":"stale_mask"}"#), "is not one of");
    check("GET", "/v1/applications/a/secrets/c/diff?from=1", "", (200, &[], "{}"), "to is missing");
    check("DELETE", "/v1/applications/a/secrets/c", "", (204, &[], ""), "");
    check("DELETE", "/v1/applications/a/secrets/c", "", (204, &[], "{}"), "a body is not documented");
    check("GET", "/v2", "", (404, &[], r#"{"error":"e","code":"route_not_found"}"#), "");
    check("GET", "/v2", "", (200, &[], r#"{"error":"e","code":"route_not_found"}"#), "no such operation");
    check("GET", "/v2", "", (404, &[], "<html>"), "not of type");
}
