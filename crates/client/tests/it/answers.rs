//! What is made of answers: values byte for byte, and everything that is not as documented refused without repeating it.

use strongroom_client::{Client, ClientError};
use strongroom_secrets::{Actions, Expiry, NewKey};

use crate::scripted::{Reply, SUMMARY, Server, app, id, ok, reply, token, with};

/// Each with what an escaping writer makes of it.
const VALUES: &[(&str, &str)] = &[
    ("", ""),
    ("plain\n", "plain\\n"),
    ("a\r\nb\tc", "a\\r\\nb\\tc"),
    ("\u{feff}bom and \u{2028}", "\\ufeffbom and \\u2028"),
    ("\"quoted\\\" $HOME `id`", "\\\"quoted\\\\\\\" $HOME `id`"),
    ("p\u{e4}ss \u{1f600}", "p\\u00e4ss \\ud83d\\ude00"),
    ("\u{1}\u{7f}\u{8}\u{c}", "\\u0001\\u007f\\b\\f"),
    ("https:\\/\\/x", "https:\\\\/\\\\/x"),
];

#[test]
fn values_arrive_byte_for_byte() {
    let secrets: Vec<String> = VALUES
        .iter()
        .enumerate()
        .flat_map(|(i, (plain, escaped))| {
            let raw = serde_json::to_string(plain).expect("a string is JSON");
            [(format!("R{i}"), raw), (format!("E{i}"), format!("\"{escaped}\""))]
        })
        .map(|(name, value)| format!(r#"{{"type":"env","location":"{name}","value":{value}}}"#))
        .collect();
    let body = with(&format!(r#""version":1,"receipt":"1-abcdefgh.0.1","secrets":[{}]"#, secrets.join(",")));
    let server = Server::start(vec![ok(&body)]);
    let delivered = server.client().deliver(&app(), &id(), None, None).expect("a delivery");
    server.finish();
    let values: Vec<&str> = delivered.secrets.entries().iter().map(|(_, value)| value.expose()).collect();
    let expected: Vec<&str> = VALUES.iter().flat_map(|(plain, _)| [*plain, *plain]).collect();
    assert_eq!(values, expected);
}

#[test]
fn a_large_delivery_arrives_whole_with_a_length_or_in_chunks() {
    let value = "0123456789abcdef\u{e4}".repeat(60_000);
    let secret = format!(r#"{{"type":"file","location":"f","value":"{value}"}}"#);
    let body = with(&format!(r#""version":1,"receipt":"1-abcdefgh.0.1","secrets":[{secret}]"#));
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.as_bytes().chunks(50_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let server = Server::start(vec![ok(&body), Reply::Bytes(chunked)]);
    for _ in 0..2 {
        let delivered = server.client().deliver(&app(), &id(), None, None).expect("a delivery");
        assert!(delivered.secrets.entries()[0].1.expose() == value);
    }
    server.finish();
}

/// The operation is refused with words that hold this part, and nothing of the answer.
fn check<T>(reply: Reply, operation: impl FnOnce(&Client) -> Result<T, ClientError>, part: &str) {
    let server = Server::start(vec![reply]);
    let error = operation(&server.client()).map(|_| ()).expect_err(part);
    server.finish();
    assert!(matches!(error, ClientError::NotStrongroom { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(part), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

fn deliver(client: &Client) -> Result<strongroom_secrets::Delivered, ClientError> {
    client.deliver(&app(), &id(), None, None)
}

fn delivery(fields: &str) -> Reply {
    ok(&with(fields))
}

#[test]
fn an_answer_that_is_not_as_documented_is_refused_and_not_repeated() {
    let page = "<!doctype html><title>hunter2</title>";
    check(ok(page), deliver, "JSON that is not as documented");
    check(ok(page), |client| client.list(&app()), "JSON that is not as documented");
    check(ok(""), deliver, "JSON that is not as documented");
    check(ok(r#"{"value":"hunter2"#), deliver, "JSON that is not as documented");
    check(ok(r#"["hunter2"]"#), |client| client.list(&app()), "JSON that is not as documented");
    check(ok(r#"{"items":"hunter2"}"#), Client::list_keys, "JSON that is not as documented");
    check(ok(r#"{"items":[],"next_page_token":1}"#), Client::list_keys, "JSON that is not as documented");
    check(reply(404, "", page), Client::list_keys, "status 404 and an error that is not a strongroom's");
    check(reply(401, "", r#"{"error":"hunter2"}"#), Client::list_keys, "status 401");
    check(reply(400, "", r#"{"error":"x","code":"Hunter2 hunter2"}"#), Client::list_keys, "status 400");
    check(reply(302, "", page), Client::list_keys, "a redirect to nowhere");
    let not_http = || Reply::Bytes(b"SSH-2.0-hunter2\r\n\r\n".to_vec());
    check(not_http(), Client::list_keys, "something that is not HTTP");
    check(not_http(), deliver, "something that is not HTTP");
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "hunter2".repeat(10_000));
    check(Reply::Bytes(head.into_bytes()), Client::list_keys, "something that is not HTTP");
}

#[test]
fn a_delivery_must_hold_what_a_delivery_holds() {
    let secrets = r#""secrets":[{"type":"env","location":"A","value":"hunter2"}]"#;
    let receipt = r#""receipt":"1-abcdefgh.0.1""#;
    check(delivery(&format!(r#""version":1,{secrets}"#)), deliver, "receipt is missing");
    check(delivery(&format!("{receipt},{secrets}")), deliver, "version is missing");
    check(delivery(&format!(r#""version":1,{receipt}"#)), deliver, "secrets is missing");
    for (secret, part) in [
        (r#"{"type":"env","location":"A","value":null}"#, "secrets.0.value"),
        (r#"{"type":"ENV","location":"A","value":"hunter2"}"#, "secrets.0.type"),
        (r#"{"type":"file","location":"../../x","value":"hunter2"}"#, "part . or .."),
        (r#"{"type":"env","location":"A","value":"hunter2\u0000"}"#, "NUL"),
    ] {
        check(delivery(&format!(r#""version":1,{receipt},"secrets":[{secret}]"#)), deliver, part);
    }
    let good = format!(r#""version":1,{receipt},{secrets}"#);
    let other = with(&good).replace(r#""id":"c""#, r#""id":"d""#);
    check(ok(&other), deliver, "another collection than was asked about");
    let other = with(&good).replace(r#""application_id":"app""#, r#""application_id":"foreign""#);
    check(ok(&other), deliver, "another collection than was asked about");
    let second = |client: &Client| client.deliver(&app(), &id(), Some(2), None);
    check(delivery(&good), second, "another version than was asked for");
}

#[test]
fn a_collection_with_a_value_where_a_mask_belongs_is_refused() {
    let body = with(r#""secrets":[{"type":"env","location":"A","value":"hunter2"}]"#);
    let get = |client: &Client| client.get(&app(), &id(), None);
    check(reply(200, "ETag: \"1\"\r\n", &body), get, "a value where a mask belongs");
    let empty = with(r#""secrets":[]"#);
    check(ok(&empty), get, "no version where one belongs");
    check(reply(200, "ETag: 1\r\n", &empty), get, "no version where one belongs");
    let third = |client: &Client| client.get(&app(), &id(), Some(3));
    check(reply(200, "ETag: \"4\"\r\n", &empty), third, "another version than was asked for");
}

#[test]
fn a_new_key_must_come_with_its_own_token() {
    let new = NewKey {
        name: "ci".into(),
        can: Actions::ALL,
        application_id: None,
        collection_id: None,
        expires_at: Expiry::Never,
    };
    let key = |id: &str, token: &str| {
        ok(&format!(
            r#"{{"id":"{id}","name":"ci","can":["list"],"application_id":null,"collection_id":null,"created_at":"2024-01-02T03:04:05Z","expires_at":null,"last_used_at":null,"revoked_at":null{token}}}"#
        ))
    };
    let token = token();
    let create = |client: &Client| client.create_key(&new);
    check(key(token.id().as_str(), ""), create, "token is missing");
    check(key(token.id().as_str(), r#","token":"hunter2""#), create, "a token that is none");
    let other = format!(r#","token":"{}""#, token.expose());
    check(key("aaaaaaaaaaaa", &other), create, "another key's");
}

#[test]
fn an_answer_that_is_too_large_is_not_read() {
    let announced = Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_vec());
    check(announced, deliver, "more than any answer may have");
}

#[test]
fn a_list_that_does_not_end_is_left() {
    let page = || ok(&format!(r#"{{"items":[{SUMMARY}],"next_page_token":"again"}}"#));
    let server = Server::start(vec![page(), page(), page()]);
    let error = server.client().list(&app()).expect_err("it never ends");
    assert!(error.to_string().contains("a list that does not end"), "{error}");
    assert_eq!(server.finish().len(), 2);
}
