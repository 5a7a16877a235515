//! Every operation: the method, the path, the headers and the body that it sends, and what it makes of the answer.

use strongroom_client::{Client, ClientError};
use strongroom_secrets::{
    Actions, ApiKeyId, ApplicationId, Change, Document, Draft, End, Expiry, Limits, NewCollection, NewKey,
    Operation, Place, RefusedBy, RunClaimText, SecretType, Timestamp, Update,
};

use crate::scripted::{Reply, SUMMARY, Server, app, id, ok, reply, token, with};

/// Runs one operation against one answer, and checks the one request.
fn check<T>(
    reply: Reply,
    operation: impl FnOnce(&Client) -> Result<T, ClientError>,
    line: &str,
    body: &str,
) -> T {
    check_with(reply, operation, line, body, None)
}

fn check_with<T>(
    reply: Reply,
    operation: impl FnOnce(&Client) -> Result<T, ClientError>,
    line: &str,
    body: &str,
    if_match: Option<&str>,
) -> T {
    let server = Server::start(vec![reply]);
    let result = operation(&server.client());
    let asked = server.finish();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let asked = &asked[0];
    assert_eq!((asked.line.as_str(), asked.body.as_str()), (line, body));
    let bearer = format!("Bearer {}", token().expose());
    assert_eq!(asked.header("authorization"), Some(bearer.as_str()));
    assert_eq!(asked.header("accept"), Some("application/json"));
    assert_eq!(asked.header("user-agent"), Some(concat!("strongroom/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(asked.header("content-type"), (!body.is_empty()).then_some("application/json"));
    assert_eq!(asked.header("if-match"), if_match);
    let takes_key = !line.starts_with("GET ")
        && !["/deliveries", "/end", "/v1/keys"].iter().any(|part| line.contains(part));
    assert_eq!(asked.header("idempotency-key").is_some(), takes_key, "{line}");
    assert!(asked.header("transfer-encoding").is_none() && asked.header("expect").is_none());
    result.expect(line)
}

fn written(version: u64) -> Reply {
    reply(200, &format!("Strongroom-Version: {version}\r\n"), SUMMARY)
}

fn new_collection(json: &str) -> NewCollection {
    let document = Document::parse(json.as_bytes()).expect("JSON");
    NewCollection::settle(Draft::read(&document).expect("a draft"), Limits::DEFAULT).expect("a collection")
}

#[test]
fn collections_are_written() {
    let secret = r#"{"type":"env","location":"A","value":"a\n\"b\""}"#;
    let new = new_collection(&format!(r#"{{"id":"c","name":"n","secrets":[{secret}]}}"#));
    let body = new.to_json();
    assert!(body.contains(secret), "{}", body.as_str());
    let made =
        check(written(1), |client| client.create(&app(), &new), "POST /v1/applications/app/secrets", &body);
    assert_eq!((made.version, made.summary.id.as_str()), (1, "c"));

    let place = Place::parse(SecretType::Env, "A").expect("a name");
    let change = Change::operations(vec![Operation::Delete(place)]).expect("one operation");
    let update = Update::settle(Some("new".into()), None, Some(change)).expect("an update");
    let line = "PATCH /v1/applications/app/secrets/c";
    let body = update.to_json().1;
    let at = |client: &Client| client.update(&app(), &id(), &update, Some(3));
    assert_eq!(check_with(written(4), at, line, &body, Some("\"3\"")).version, 4);

    let secrets = new_collection(secret).secrets.into_entries();
    let all = secrets.into_iter().map(|(place, value)| (place, strongroom_secrets::Written::Value(value)));
    let replace = Update::settle(None, None, Some(Change::Replace(all.collect()))).expect("an update");
    let line = "PUT /v1/applications/app/secrets/c";
    let body = replace.to_json().1;
    check(written(5), |client| client.update(&app(), &id(), &replace, None), line, &body);

    let line = "POST /v1/applications/app/secrets/c/rollback";
    let back = |client: &Client| client.rollback(&app(), &id(), 2, Some(5));
    assert_eq!(check_with(written(6), back, line, r#"{"version":2}"#, Some("\"5\"")).version, 6);

    let line = "DELETE /v1/applications/app/secrets/c";
    let delete = |client: &Client| client.delete(&app(), &id(), Some(6));
    check_with(reply(204, "", ""), delete, line, "", Some("\"6\""));

    let line = "POST /v1/applications/app/secrets/c/restore";
    assert_eq!(check(written(7), |client| client.restore(&app(), &id()), line, "").version, 7);
}

#[test]
fn a_write_without_body_says_that_it_has_none() {
    let server = Server::start(vec![written(7)]);
    server.client().restore(&app(), &id()).expect("restored");
    assert_eq!(server.finish()[0].header("content-length"), Some("0"));
}

#[test]
fn collections_are_read_with_masks() {
    let mask = format!("strongroom-masked:{}:{}", "a".repeat(16), "0f".repeat(16));
    let body = with(&format!(r#""secrets":[{{"type":"file","location":"/a b","value":"{mask}"}}]"#));
    let line = "GET /v1/applications/app/secrets/c";
    let newest =
        check(reply(200, "ETag: \"7\"\r\n", &body), |client| client.get(&app(), &id(), None), line, "");
    assert_eq!(newest.1, 7);
    assert_eq!(newest.0.secrets[0].location, "/a b");
    assert_eq!(newest.0.secrets[0].value.to_string(), mask);
    let older = check(
        reply(200, "ETag: W/\"3.2\"\r\n", &body),
        |client| client.get(&app(), &id(), Some(3)),
        "GET /v1/applications/app/secrets/c/versions/3",
        "",
    );
    assert_eq!(older.1, 3);
}

#[test]
fn versions_and_differences_are_read() {
    let version = r#"{"version":3,"created_at":"2024-01-02T03:04:05Z","created_by":"owner:1","secrets":2}"#;
    let line = "GET /v1/applications/app/secrets/c/versions";
    let found =
        check(ok(&format!(r#"{{"items":[{version}]}}"#)), |client| client.versions(&app(), &id()), line, "");
    assert_eq!((found.len(), found[0].version, found[0].secrets), (1, 3, 2));
    let line = "GET /v1/applications/app/secrets/c/diff?from=1&to=3";
    let body =
        r#"{"from":1,"to":3,"added":[{"type":"env","location":"A"}],"removed":[],"changed":[],"same":[]}"#;
    let diff = check(ok(body), |client| client.diff(&app(), &id(), 1, 3), line, "");
    assert_eq!(diff.added[0].to_string(), "env:A");
}

#[test]
fn deliveries_are_taken_and_ended() {
    let body = with(
        r#""version":2,"receipt":"1-abcdefgh.0.42","secrets":[{"type":"env","location":"A","value":"v"}]"#,
    );
    let line = "POST /v1/applications/app/secrets/c/deliveries";
    let run = RunClaimText { host: "h".into(), user: "u".into(), command: "solve".into(), level: Some(3) };
    let request = r#"{"version":2,"as":"run","run":{"host":"h","user":"u","command":"solve","level":3}}"#;
    let taken = check(ok(&body), |client| client.deliver(&app(), &id(), Some(2), Some(run)), line, request);
    assert_eq!((taken.version, taken.receipt.as_str()), (2, "1-abcdefgh.0.42"));
    assert_eq!(taken.secrets.entries()[0].1.expose(), "v");
    check(ok(&body), |client| client.reveal(&app(), &id(), None), line, r#"{"as":"reveal"}"#);
    let outline = r#"{"version":2,"secrets":[{"type":"env","location":"A","bytes":5}]}"#;
    let planned = check(ok(outline), |client| client.outline(&app(), &id(), None), line, r#"{"as":"plan"}"#);
    assert_eq!((planned.version, planned.secrets[0].bytes), (2, 5));

    let line = "POST /v1/deliveries/1-abcdefgh.0.42/end";
    for (end, body) in [
        (End::Exit(3), r#"{"exit":3}"#),
        (End::Signal(9), r#"{"signal":9}"#),
        (End::Refused(RefusedBy::Files), r#"{"refused":"files"}"#),
    ] {
        check(ok("{}"), |client| client.end_run("1-abcdefgh.0.42", end), line, body);
    }
}

#[test]
fn what_is_no_receipt_is_not_sent() {
    let server = Server::start(Vec::new());
    let error = server.client().end_run("../../keys", End::Exit(0)).expect_err("no receipt");
    assert_eq!(error, ClientError::NotAReceipt);
    assert!(server.finish().is_empty());
}

#[test]
fn applications_are_managed() {
    let body = r#"{"id":"app","name":"n","description":"d","type":"custom","default_instance":"","locked":false,"created_at":"2024-01-02T03:04:05Z","updated_at":"2024-01-02T03:04:05Z"}"#;
    let made = check(
        ok(body),
        |client| client.create_application(&app(), None, Some("d")),
        "POST /v1/applications",
        r#"{"id":"app","description":"d"}"#,
    );
    assert_eq!((made.id.as_str(), made.description.as_str()), ("app", "d"));
    let line = "GET /v1/applications/app";
    check(ok(body), |client| client.get_application(&app()), line, "");
    let line = "PUT /v1/applications/app";
    let update = |client: &Client| client.update_application(&app(), Some("n"), None);
    check(ok(body), update, line, r#"{"name":"n"}"#);
    let line = "DELETE /v1/applications/app";
    check(reply(204, "", ""), |client| client.delete_application(&app()), line, "");
    let line = "POST /v1/applications/app/restore";
    check(ok(body), |client| client.restore_application(&app()), line, "");
    let line = "GET /v1/applications?pagereturn=true";
    let list = format!(r#"{{"items":[{body}]}}"#);
    assert_eq!(check(ok(&list), Client::list_applications, line, "").len(), 1);
}

fn key(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","name":"ci","can":["list","deliver"],"application_id":"app","collection_id":null,"created_at":"2024-01-02T03:04:05Z","expires_at":null,"last_used_at":null,"revoked_at":null}}"#
    )
}

#[test]
fn keys_are_managed() {
    let made = token();
    let key_id = made.id().as_str();
    let answer = format!(r#"{},"token":"{}"}}"#, key(key_id).trim_end_matches('}'), made.expose());
    let mut new = NewKey {
        name: "ci".into(),
        can: Actions::parse_list("list,deliver").expect("actions"),
        application_id: Some(ApplicationId::parse("app").expect("an id")),
        collection_id: None,
        expires_at: Expiry::Never,
    };
    let body = r#"{"name":"ci","can":["list","deliver"],"application_id":"app","collection_id":null,"expires_at":null}"#;
    let (found, read) = check(ok(&answer), |client| client.create_key(&new), "POST /v1/keys", body);
    assert_eq!(found.id, key_id);
    assert_eq!(read.expose(), made.expose());
    new.expires_at = Expiry::At(Timestamp::parse("2030-01-01").expect("a day"));
    let body = body.replace(r#""expires_at":null"#, r#""expires_at":"2030-01-01T00:00:00Z""#);
    check(ok(&answer), |client| client.create_key(&new), "POST /v1/keys", &body);

    let list = format!(r#"{{"items":[{}]}}"#, key(key_id));
    assert_eq!(check(ok(&list), Client::list_keys, "GET /v1/keys", "")[0].name, "ci");
    let line = format!("DELETE /v1/keys/{key_id}");
    let id = ApiKeyId::parse(key_id).expect("an id");
    check(reply(204, "", ""), |client| client.revoke_key(&id), &line, "");
}

#[test]
fn audit_records_are_listed() {
    let entry = r#"{"ledger":0,"seq":7,"time":"2024-01-02T03:04:05Z","actor":"key:1","action":"collection.deliver","application_id":"app","collection_id":"c","version":2,"result":"ok","receipt":"1-abcdefgh.0.7"}"#;
    let list = format!(r#"{{"items":[{entry}]}}"#);
    let all = check(ok(&list), |client| client.records(None, None), "GET /v1/audit", "");
    assert_eq!((all[0].seq, all[0].version), (7, Some(2)));
    let line = "GET /v1/audit?application_id=app&collection_id=c";
    check(ok(&list), |client| client.records(Some(&app()), Some(&id())), line, "");
}

#[test]
fn lists_are_read_to_their_end() {
    let page = |token: &str| ok(&format!(r#"{{"items":[{SUMMARY}],"next_page_token":"{token}"}}"#));
    let empty = ok(r#"{"items":[],"next_page_token":"third"}"#);
    let last = ok(&format!(r#"{{"items":[{SUMMARY},{SUMMARY}],"next_page_token":null}}"#));
    let server = Server::start(vec![page("a+b/c==&x y"), empty, last]);
    assert_eq!(server.client().list(&app()).expect("a list").len(), 3);
    let lines: Vec<String> = server.finish().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        lines,
        [
            "GET /v1/applications/app/secrets?pagereturn=true",
            "GET /v1/applications/app/secrets?pagereturn=true&pagetoken=a%2Bb%2Fc%3D%3D%26x+y",
            "GET /v1/applications/app/secrets?pagereturn=true&pagetoken=third",
        ]
    );
}
