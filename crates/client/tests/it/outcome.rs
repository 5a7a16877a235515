//! What is asked again and what is not: nothing that could happen twice, and never for long.

use std::time::Duration;

use strongroom_client::{Client, ClientError};
use strongroom_secrets::End;

use crate::scripted::{Operation, Reply, Server, app, id, nothing, noting, ok, refusal, reply};

const EMPTY: &str = r#"{"items":[]}"#;
const OUTLINE: &str = r#"{"version":1,"secrets":[]}"#;

/// How often a server with this script is asked, how often the client would have waited, and the error.
fn check<T>(
    script: Vec<Reply>,
    operation: impl FnOnce(&Client) -> Result<T, ClientError>,
    tries: usize,
) -> (Option<ClientError>, Vec<Duration>) {
    let server = Server::start(script);
    let (client, waits) = noting(&server.url());
    let error = operation(&client).err();
    assert_eq!(server.finish().len(), tries, "{error:?}");
    let waits = waits.lock().expect("one thread").clone();
    assert_eq!(waits.len(), tries - 1);
    (error, waits)
}

fn busy(retry_after: &str) -> Reply {
    reply(503, &format!("Retry-After: {retry_after}\r\n"), r#"{"error":"later","code":"busy"}"#)
}

#[test]
fn reading_is_tried_three_times() {
    let (error, waits) = check(vec![nothing(), refusal(429, "busy"), ok(EMPTY)], Client::list_keys, 3);
    assert_eq!(error, None);
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(200)), "{waits:?}");
    let (error, _) = check(vec![busy("0"), busy("0"), busy("0"), ok(EMPTY)], Client::list_keys, 3);
    assert!(matches!(error, Some(ClientError::Refused { status: 503, .. })), "{error:?}");
    let (error, _) = check(vec![nothing(), nothing(), nothing(), ok(EMPTY)], Client::list_keys, 3);
    let error = error.expect("three were lost");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().starts_with("127.0.0.1:"), "{error}");
    assert!(error.to_string().ends_with("cannot be reached: the connection broke"), "{error}");
    let broken = || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"items\":".to_vec());
    check(vec![broken(), broken(), ok(EMPTY)], Client::list_keys, 3);
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_and_not_for_longer_than_ten_seconds() {
    let (error, waits) = check(vec![busy("2"), busy("3"), ok(EMPTY)], Client::list_keys, 3);
    assert_eq!((error, waits), (None, vec![Duration::from_secs(2), Duration::from_secs(3)]));
    for (script, tries) in [
        (vec![busy("11"), ok(EMPTY)], 1),
        (vec![busy("6"), busy("6"), ok(EMPTY)], 2),
        (vec![busy("18446744073709551616"), ok(EMPTY)], 1),
        (vec![busy("Wed, 21 Oct 2026 07:28:00 GMT"), ok(EMPTY)], 1),
    ] {
        let (error, _) = check(script, Client::list_keys, tries);
        assert!(matches!(error, Some(ClientError::Refused { status: 503, .. })), "{error:?}");
    }
    let elsewhere = reply(503, "Retry-After: 1\r\n", "<html>down for maintenance</html>");
    check(vec![elsewhere, ok(EMPTY)], Client::list_keys, 2);
}

#[test]
fn other_refusals_are_final() {
    for (status, code) in
        [(401, "unauthenticated"), (404, "key_not_found"), (409, "conflict"), (500, "internal")]
    {
        check(vec![refusal(status, code), ok(EMPTY)], Client::list_keys, 1);
    }
    check(vec![refusal(503, "outcome_unknown"), ok(EMPTY)], Client::list_keys, 1);
    check(vec![ok("<html>"), ok(EMPTY)], Client::list_keys, 1);
}

#[test]
fn what_changes_nothing_when_it_comes_twice_is_asked_again() {
    let (error, _) = check(vec![nothing(), ok(OUTLINE)], |client| client.outline(&app(), &id(), None), 2);
    assert_eq!(error, None);
    let end = |client: &Client| client.end_run("1-abcdefgh.0.42", End::Exit(0));
    assert_eq!(check(vec![nothing(), busy("1"), ok("{}")], end, 3).0, None);
}

#[test]
fn a_delivery_or_a_write_that_may_have_arrived_is_not_sent_again() {
    let cut = || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{\"id\":".to_vec());
    let half_a_head = || Reply::Bytes(b"HTTP/1.1 200".to_vec());
    let gateway = || reply(502, "", "<html>bad gateway</html>");
    for lost in [nothing, cut, half_a_head, gateway] {
        let operations: [Operation; 5] = [
            |client| client.deliver(&app(), &id(), None, None).map(|_| ()),
            |client| client.reveal(&app(), &id(), None).map(|_| ()),
            |client| client.delete(&app(), &id(), None),
            |client| client.rollback(&app(), &id(), 1, None).map(|_| ()),
            |client| client.create_application(&app(), None, None).map(|_| ()),
        ];
        for operation in operations {
            let error = check(vec![lost(), ok("{}")], operation, 1).0.expect("its answer is lost");
            assert!(matches!(error, ClientError::OutcomeUnknown { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("127.0.0.1:") && text.contains("look whether it did"), "{text}");
        }
    }
    let delete = |client: &Client| client.delete(&app(), &id(), None);
    let (error, _) = check(vec![busy("1"), reply(204, "", "")], delete, 1);
    assert!(matches!(error, Some(ClientError::Refused { status: 503, .. })), "{error:?}");
}
