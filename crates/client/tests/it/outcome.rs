//! What is asked again and what is not: nothing that could happen twice, and never for long.

use std::collections::BTreeSet;
use std::time::Duration;

use strongroom_client::{Client, ClientError};
use strongroom_secrets::{
    Actions, ApiKeyId, ApplicationId, Document, Draft, End, Expiry, Limits, NewCollection, NewKey, Update,
};

use crate::scripted::{Operation, Reply, SUMMARY, Server, app, id, nothing, noting, ok, refusal, reply};

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
    let down = reply(503, "Retry-After: 1\r\n", "<html>down for maintenance</html>");
    check(vec![down, ok(EMPTY)], Client::list_keys, 2);
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

/// A server that did as it was asked, or not, and whose answer is lost.
const LOST: [fn() -> Reply; 4] = [
    nothing,
    || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{\"id\":".to_vec()),
    || Reply::Bytes(b"HTTP/1.1 200".to_vec()),
    || reply(502, "", "<html>bad gateway</html>"),
];

const WRITES: [Operation; 9] = [
    |client| client.create(&app(), &new_collection()).map(|_| ()),
    |client| client.update(&app(), &id(), &rename(), Some(3)).map(|_| ()),
    |client| client.delete(&app(), &id(), None),
    |client| client.rollback(&app(), &id(), 1, None).map(|_| ()),
    |client| client.restore(&app(), &id()).map(|_| ()),
    |client| client.create_application(&named_c(), None, None).map(|_| ()),
    |client| client.update_application(&named_c(), Some("n"), None).map(|_| ()),
    |client| client.delete_application(&named_c()),
    |client| client.restore_application(&named_c()).map(|_| ()),
];

/// An application with the id of the collection, so that one answer fits both.
fn named_c() -> ApplicationId {
    ApplicationId::parse("c").expect("an id")
}

fn new_collection() -> NewCollection {
    let secret = Document::parse(br#"{"type":"env","location":"A","value":"v"}"#).expect("JSON");
    let draft = Draft { id: Some("c".to_owned()), ..Draft::read(&secret).expect("a draft") };
    NewCollection::settle(draft, Limits::DEFAULT).expect("a legal collection")
}

fn rename() -> Update {
    Update::settle(Some("n".to_owned()), None, None).expect("a legal update")
}

/// What every write takes for its answer.
fn done() -> Reply {
    reply(200, "Strongroom-Version: 4\r\n", SUMMARY)
}

#[test]
fn what_gives_out_something_once_is_not_sent_again_and_has_no_key() {
    let operations: [Operation; 4] = [
        |client| client.deliver(&app(), &id(), None, None).map(|_| ()),
        |client| client.reveal(&app(), &id(), None).map(|_| ()),
        |client| client.create_key(&new_key()).map(|_| ()),
        |client| client.revoke_key(&ApiKeyId::parse("q7h2m4k8x1c9").expect("an id")),
    ];
    for lost in LOST {
        for operation in operations {
            let server = Server::start(vec![lost(), ok("{}")]);
            let error = operation(&server.client()).expect_err("its answer is lost");
            assert!(matches!(error, ClientError::OutcomeUnknown { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("127.0.0.1:") && text.contains("look whether it did"), "{text}");
            let asked = server.finish();
            assert_eq!(asked.len(), 1, "{asked:?}");
            assert_eq!(asked[0].header("idempotency-key"), None);
        }
    }
    for operation in operations {
        let (error, _) = check(vec![busy("1"), ok("{}")], operation, 1);
        assert!(matches!(error, Some(ClientError::Refused { status: 503, .. })), "{error:?}");
    }
}

fn new_key() -> NewKey {
    NewKey {
        name: "k".to_owned(),
        can: Actions::ALL,
        application_id: None,
        collection_id: None,
        expires_at: Expiry::Usual,
    }
}

#[test]
fn a_write_whose_answer_is_lost_is_sent_again_under_its_own_key() {
    let mut keys = BTreeSet::new();
    for lost in LOST.into_iter().chain([|| refusal(503, "outcome_unknown"), || busy("0")]) {
        for operation in WRITES {
            let server = Server::start(vec![lost(), lost(), done()]);
            operation(&server.client()).expect("done at last");
            let asked = server.finish();
            assert_eq!(asked.len(), 3, "{asked:?}");
            assert!(asked.iter().all(|again| *again == asked[0]), "not a byte is different: {asked:?}");
            let key = asked[0].header("idempotency-key").expect("a key").to_owned();
            assert_eq!(key.len(), 32, "{key}");
            assert!(keys.insert(key), "no two writes have one key");
        }
    }
}

#[test]
fn a_write_that_was_sent_in_vain_three_times_may_have_happened() {
    let check = |script: Vec<Reply>, is_unknown: bool| {
        let tries = script.len();
        let delete = |client: &Client| client.delete(&app(), &id(), None);
        let error = check(script, delete, tries).0.expect("no answer worth having");
        assert_eq!(matches!(error, ClientError::OutcomeUnknown { .. }), is_unknown, "{error:?}");
        error
    };
    for lost in LOST {
        let error = check(vec![lost(), lost(), lost()], true);
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:") && text.contains("look whether it did"), "{text}");
        // What comes later and did not get as far does not say what became of the first.
        check(vec![lost(), busy("0"), busy("0")], true);
        for (status, code) in [(401, "unauthenticated"), (403, "forbidden"), (500, "internal")] {
            check(vec![lost(), refusal(status, code)], true);
        }
        check(vec![lost(), elsewhere()], true);
        // The server looked for the key, so this is said of all tries.
        for (status, code) in [(404, "collection_not_found"), (410, "gone"), (412, "not_at_version")] {
            check(vec![lost(), refusal(status, code)], false);
        }
    }
    let error = check(vec![refusal(503, "outcome_unknown"), refusal(500, "internal")], true);
    assert!(error.to_string().contains("request 0a1b"), "{error}");
    check(vec![busy("0"), busy("0"), busy("0")], false);
    check(vec![busy("0"), refusal(401, "unauthenticated")], false);
}

/// A redirect, as from something that took the server's place.
fn elsewhere() -> Reply {
    reply(302, "Location: http://elsewhere.example/\r\n", "")
}
