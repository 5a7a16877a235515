//! What a strongroom refuses reaches the caller in its own words, fit to be shown, and without the token.

use strongroom_client::{Client, ClientError};
use strongroom_secrets::{Document, Draft, Limits, NewCollection};

use crate::scripted::{Reply, Server, app, id, refusal, reply, token};

fn refused(reply: Reply, operation: impl FnOnce(&Client) -> ClientError) -> ClientError {
    let server = Server::start(vec![reply]);
    let error = operation(&server.client());
    assert_eq!(server.finish().len(), 1);
    error
}

fn delete(client: &Client) -> ClientError {
    client.delete(&app(), &id(), Some(1)).expect_err("refused")
}

/// It is never sent a second time.
fn reveal(client: &Client) -> ClientError {
    client.reveal(&app(), &id(), None).map(|_| ()).expect_err("refused")
}

#[test]
fn a_refusal_says_what_the_strongroom_said() {
    for (status, code) in [
        (400, "invalid"),
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "collection_not_found"),
        (404, "route_not_found"),
        (405, "method_not_allowed"),
        (409, "stale_mask"),
        (412, "not_at_version"),
        (413, "too_large"),
        (422, "invalid"),
        (429, "busy"),
        (500, "internal"),
        (503, "busy"),
        (503, "audit_unavailable"),
    ] {
        let error = refused(refusal(status, code), reveal);
        assert_eq!(
            error,
            ClientError::Refused {
                status,
                code: code.into(),
                message: format!("no, because of {code}"),
                request_id: Some("0a1b".into()),
            }
        );
        assert_eq!(error.to_string(), format!("no, because of {code} ({code}, request 0a1b)"));
    }
}

#[test]
fn a_strongroom_that_does_not_know_the_outcome_is_understood() {
    let error = refused(refusal(503, "outcome_unknown"), reveal);
    let reason = "no, because of outcome_unknown".to_owned();
    assert_eq!(error, ClientError::OutcomeUnknown { reason, request_id: Some("0a1b".into()) });
    let text = error.to_string();
    assert!(text.contains("request 0a1b") && text.ends_with("look whether it did, then repeat"), "{text}");
}

#[test]
fn a_sentence_is_made_fit_for_a_terminal() {
    let body = r#"{"error":"red \u001b[31m and\nnew line \u202e reversed ","code":"invalid"}"#;
    let error = refused(reply(400, "Strongroom-Request-Id: a b\r\n", body), delete);
    assert_eq!(error.to_string(), "red  [31m and new line   reversed (invalid)");
    let body = format!(r#"{{"error":"{}","code":"invalid"}}"#, "long ".repeat(1000));
    assert!(refused(reply(400, "", &body), delete).to_string().len() < 1100);
}

#[test]
fn no_error_and_no_debug_shows_the_token() {
    let token = token();
    let echo = format!(r#"{{"error":"you sent Bearer {}","code":"invalid"}}"#, token.expose());
    let there = format!("Location: https://a.example/{}?{}\r\n", token.expose(), token.expose());
    let errors = [
        refused(reply(400, "", &echo), delete),
        refused(reply(302, &there, ""), delete),
        refused(reply(404, "", token.expose()), delete),
        refused(Reply::Bytes(token.expose().as_bytes().to_vec()), delete),
    ];
    let client = crate::scripted::client("http://127.0.0.1:1");
    let secret = std::str::from_utf8(token.secret()).expect("text");
    for text in errors.iter().map(|error| format!("{error} {error:?}")).chain([format!("{client:?}")]) {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(errors[0].to_string().starts_with("you sent Bearer ***"), "{}", errors[0]);
}

fn large() -> NewCollection {
    let secret = format!(r#"{{"type":"env","location":"A","value":"{}"}}"#, "v".repeat(60_000));
    let document = Document::parse(secret.as_bytes()).expect("JSON");
    NewCollection::settle(Draft::read(&document).expect("a draft"), Limits::DEFAULT).expect("a collection")
}

#[test]
fn a_refusal_of_a_large_body_comes_before_its_values_have_left() {
    let body = r#"{"error":"unknown key","code":"unauthenticated"}"#;
    let head = format!("HTTP/1.1 401 X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = Server::start(vec![Reply::Early(head.into_bytes())]);
    let error = server.client().create(&app(), &large()).expect_err("refused");
    assert!(matches!(&error, ClientError::Refused { status: 401, .. }), "{error:?}");
    let asked = server.finish();
    assert_eq!((asked.len(), asked[0].header("expect")), (1, Some("100-continue")));
}

#[test]
fn a_large_body_arrives_whole_once_it_is_asked_for() {
    let answer = reply(200, "Strongroom-Version: 1\r\n", crate::scripted::SUMMARY);
    let server = Server::start(vec![answer]);
    let new = large();
    server.client().create(&app(), &new).expect("created");
    assert!(server.finish()[0].body == *new.to_json());
}
