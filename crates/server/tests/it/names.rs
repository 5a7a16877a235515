//! Names: what is not canonical is refused at every door in the same way, and what differs is never taken for the same.
//! What a canonical name leads to is another chapter.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use strongroom_server::listen::Listener;
use strongroom_server::stop::Stop;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::contract::room::block_on;
use crate::listen::PATIENT;
use crate::served::{Answer, Served};
use crate::strangers::{ROWS, filled};

const SECRETS: &str = "/v1/applications/app/secrets";

/// Ids that a careless reader takes for `app`, and ids that nobody should have.
fn no_ids() -> Vec<String> {
    let odd = [
        "app ",
        " app",
        "a pp",
        "app\t",
        "app\n",
        "app\r\n",
        "app\0",
        "app\u{200b}",
        "\u{feff}app",
        "ap\u{ad}p",
        "app\u{202e}",
        "\u{ff41}\u{ff50}\u{ff50}",
        "\u{430}pp",
        "a\u{301}pp",
        "\u{e1}pp",
        "app\u{1f511}",
        "-app",
        "_app",
        ".app",
        ".",
        "..",
        "../app",
        "app/",
        "/app",
        "app/../app",
        "app\\",
        "app%20",
        "%61pp",
        "app;x",
        "app?",
        "app#",
        "app:",
        "app*",
        "*",
        "app+",
        "app,app",
        "'app'",
        "\"app\"",
        "app$",
        "app@1",
        "",
        "\u{131}app",
        "app\u{17f}",
        "ａｐｐ",
    ];
    let mut all: Vec<String> = odd.map(str::to_owned).to_vec();
    all.extend(["a".repeat(65), "a".repeat(65_536), "\u{430}".repeat(65_536)]);
    all
}

/// What an answer says, without what differs in every one.
fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text.clone())
}

#[test]
fn n_1_a_variable_is_named_in_one_way_or_refused() {
    block_on(async {
        let served = Served::new().await;
        let create = async |id: &str, secrets: Value| {
            served.send(served.post(SECRETS, &json!({ "id": id, "secrets": secrets }).to_string())).await
        };
        let secret = |name: &str, value: &str| json!({ "type": "env", "location": name, "value": value });
        let mut sentences = BTreeSet::new();
        for name in [
            "DB_PASS ",
            " DB_PASS",
            "DB PASS",
            "DB_PASS\t",
            "DB_PASS\n",
            "DB_PASS\0",
            "DB_PASS\u{200b}",
            "\u{feff}DB_PASS",
            "DB\u{ad}_PASS",
            "\u{ff24}\u{ff22}_PASS",
            "DB_P\u{410}SS",
            "DB_PASSE\u{301}",
            "DB_PASS\u{c9}",
            "DB\u{ff3f}PASS",
            "DB-PASS",
            "DB.PASS",
            "DB=PASS",
            "DB_PASS=",
            "=DB_PASS",
            "1DB_PASS",
            "DB_PASS\u{202e}",
            "DB_PA\u{17f}S",
            "DB_PASS%",
            "$DB_PASS",
            "${DB_PASS}",
            "DB_PASS()",
            "BASH_FUNC_x%%",
            "",
        ] {
            let answer = create("new", json!([secret("GOOD", "v"), secret(name, "v")])).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{name:?}: {answer:?}");
            let operations = json!({ "operations": [
                { "op": "create", "type": "env", "location": name, "value": "v" },
            ] });
            let request = served.ask("PATCH", "/v1/applications/app/secrets/c");
            let request = request.header("content-type", "application/json");
            let request = request.body(Body::from(operations.to_string())).expect("a request");
            assert_eq!(served.send(request).await.status, 400, "{name:?}");
            sentences.insert(answer.text.split("refused").next().unwrap_or_default().to_owned());
        }
        assert_eq!(sentences.len(), 1, "it is refused as a location, and never repeated: {sentences:?}");
        // Letters of another size are another variable, as they are to every program.
        let both =
            json!([secret("DB_PASS", "large"), secret("db_pass", "small"), secret("Db_Pass", "mixed")]);
        assert_eq!(create("both", both).await.status, 200);
        let request =
            served.ask("PATCH", &format!("{SECRETS}/both")).header("content-type", "application/json");
        let change =
            r#"{"operations":[{"op":"update","type":"env","location":"db_pass","value":"changed"}]}"#;
        assert_eq!(served.send(request.body(Body::from(change)).expect("a request")).await.status, 200);
        let values = served.send(served.post(&format!("{SECRETS}/both/deliveries"), "{}")).await.json();
        let values: Vec<_> =
            values["secrets"].as_array().expect("a list").iter().map(|s| &s["value"]).collect();
        assert_eq!(values, ["large", "changed", "mixed"]);
    });
}

#[test]
fn n_2_an_id_is_canonical_or_refused_at_every_door() {
    block_on(async {
        let served = Served::new().await;
        let absent = told(&served.get("/v1/applications/nowhere/secrets/nothing").await);
        let absent_app = told(&served.get("/v1/applications/nowhere").await);
        let mut doors: [BTreeSet<(u16, String)>; 7] = Default::default();
        for id in no_ids() {
            let secrets = json!([{ "type": "env", "location": "A", "value": "v" }]);
            let key = |app: &str, collection: Value| json!({ "name": "k", "can": ["list"], "application_id": app, "collection_id": collection });
            for (door, path, body) in [
                (0, "/v1/applications", json!({ "id": id })),
                (1, SECRETS, json!({ "id": id, "secrets": secrets })),
                (1, SECRETS, json!({ "collection_id": id, "secrets": secrets })),
                (2, "/v1/keys", key(&id, Value::Null)),
                (3, "/v1/keys", key("app", json!(id))),
            ] {
                doors[door].insert(told(&served.send(served.post(path, &body.to_string())).await));
            }
            let query: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
            if query.len() < 1000 {
                doors[4].insert(told(&served.get(&format!("/v1/audit?application_id={query}")).await));
                doors[5].insert(told(&served.get(&format!("/v1/audit?collection_id={query}")).await));
            }
            // In a path: as it is where it can stand there at all, and escaped.
            let escaped: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
            for id in [id.as_str(), escaped.as_str(), query.as_str()].into_iter().filter(|id| id.len() < 1000)
            {
                for (path, absent) in [
                    (format!("/v1/applications/{id}"), &absent_app),
                    (format!("/v1/applications/{id}/secrets/c"), &absent_app),
                    (format!("{SECRETS}/{id}"), &absent),
                ] {
                    let Ok(request) = served.ask("DELETE", &path).body(Body::empty()) else { continue };
                    if request.uri().path() != path {
                        // What follows a `?` or a `#` is no part of a path.
                        continue;
                    }
                    let answer = served.send(request).await;
                    let said = told(&answer);
                    let nowhere = said.1.contains("route_not_found") || said.1.contains("_not_found");
                    let bad = said.0 == 400 && said.1.contains("not encoded");
                    assert!(said.0 == 404 && nowhere || bad || said == *absent, "{path}: {answer:?}");
                    doors[6].insert(said);
                }
            }
        }
        for (door, said) in doors.iter().enumerate().take(6) {
            assert_eq!(said.len(), 1, "door {door} tells ids apart that are all refused: {said:?}");
            assert!(said.iter().all(|(status, _)| *status == 400), "door {door}: {said:?}");
        }
        assert!(doors[6].iter().all(|(status, _)| matches!(status, 400 | 404)), "{:?}", doors[6]);
        // Nothing was made, and nothing was deleted.
        let all = served.get("/v1/applications").await.json();
        assert_eq!(all.as_array().map(Vec::len), Some(1));
        assert_eq!(served.get(&format!("{SECRETS}/c")).await.header("etag"), "\"1\"");
    });
}

#[test]
fn n_2_letters_of_another_size_are_another_id() {
    block_on(async {
        let served = Served::new().await;
        let absent = told(&served.get("/v1/applications/nowhere").await);
        for id in ["APP", "App", "aPP"] {
            assert_eq!(told(&served.get(&format!("/v1/applications/{id}")).await), absent, "{id}");
            let body = format!(r#"{{"name":"k","can":["list"],"application_id":"{id}"}}"#);
            assert_eq!(served.send(served.post("/v1/keys", &body)).await.status, 404, "{id}");
            let filtered = served.get(&format!("/v1/audit?application_id={id}")).await.json();
            assert_eq!(filtered["items"], json!([]), "{id}");
        }
        assert_eq!(served.send(served.post("/v1/applications", r#"{"id":"APP"}"#)).await.status, 200);
        let body = r#"{"name":"k","can":["list"],"application_id":"APP"}"#;
        let key = served.send(served.post("/v1/keys", body)).await.json();
        let key = format!("Bearer {}", key["token"].as_str().expect("a token"));
        for (path, status) in [("/v1/applications/APP", 200), ("/v1/applications/app", 404), (SECRETS, 404)] {
            let request = Request::builder().uri(path).header("authorization", &key).body(Body::empty());
            assert_eq!(served.send(request.expect("a request")).await.status, status, "{path}");
        }
        let delete = served.ask("DELETE", "/v1/applications/APP").body(Body::empty()).expect("a request");
        assert_eq!(served.send(delete).await.status, 204);
        assert_eq!(served.get(&format!("{SECRETS}/c")).await.status, 200, "the other was meant");
    });
}

#[test]
fn n_2_a_name_is_kept_to_the_byte_or_refused_and_never_looked_up() {
    block_on(async {
        let served = Served::new().await;
        for name in [
            "Name",
            "name",
            " name ",
            "n\u{200b}ame",
            "\u{ff4e}ame",
            "n\u{301}",
            "\u{1f511}",
            "\u{202e}eman",
            "a\u{0}b",
            &"n".repeat(1024),
            &"n".repeat(1025),
            &"n".repeat(65_536),
            &"\u{1f511}".repeat(257),
        ] {
            let accepted = name.len() <= 1024 && !name.contains('\0');
            let body = json!({ "name": name }).to_string();
            for (method, path) in
                [("PUT", "/v1/applications/app"), ("PATCH", "/v1/applications/app/secrets/c")]
            {
                let request = served.ask(method, path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from(body.clone())).expect("a request")).await;
                assert_eq!(
                    answer.status,
                    if accepted { 200 } else { 400 },
                    "{method} {name:.20?}: {answer:.200?}"
                );
                if accepted {
                    assert_eq!(served.get(path).await.json()["name"], name);
                }
            }
            let body = json!({ "name": name, "can": ["list"] }).to_string();
            let answer = served.send(served.post("/v1/keys", &body)).await;
            let accepted = (1..=256).contains(&name.len()) && !name.chars().any(char::is_control);
            if answer.status == 200 {
                assert_eq!(answer.json()["name"], name);
            }
            assert!(accepted || answer.status == 400, "{name:.20?}: {}", answer.status);
        }
    });
}

#[tokio::test]
async fn n_3_a_path_is_taken_to_the_byte_or_leads_nowhere() {
    let served = Served::new().await;
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.address();
    let (_stopper, stop) = Stop::by_hand();
    tokio::spawn(listener.serve(served.router.clone(), None, PATIENT, stop));
    let long = format!("/v1/applications/{}", "a".repeat(12_000));
    let deep = format!("/v1{}/applications/app/secrets/c", "/../v1".repeat(500));
    let paths: [&[u8]; 33] = [
        b"/v1/applications/app%2fsecrets%2fc",
        b"/v1/applications/app/secrets/%63",
        b"/v1/applications/app/secrets/%2563",
        b"/v1/applications/app/secrets/c%00",
        b"/v1/applications/app/secrets/c%0a",
        b"/v1/applications/app/secrets/c%20",
        b"/v1/applications/app/secrets/c%c0%ae",
        b"/v1/applications/app/secrets/%e0%80%ae%e0%80%ae/c",
        b"/v1/applications/app/secrets/\xc0\xae\xc0\xae/c",
        b"/v1/applications/app/secrets/\xff",
        b"/v1/applications/app/secrets/c\x00",
        b"/v1/applications/app/secrets/c;jsessionid=1",
        b"/v1/applications/app;a=b/secrets/c",
        b"/v1/applications/app//secrets/c",
        b"//v1/applications/app/secrets/c",
        b"///v1/applications/app/secrets/c",
        b"/v1/./applications/app/secrets/c",
        b"/v1/x/../applications/app/secrets/c",
        b"/v1/applications/app/secrets/x/../c",
        b"/v1/applications/nowhere/../app/secrets/c",
        b"/v1/applications/app/secrets/c/",
        b"/v1/applications/app/secrets/c/.",
        b"/v1/applications/app/secrets/c/..",
        b"/v1/applications/app/secrets/c\\",
        b"/v1\\applications\\app\\secrets\\c",
        b"/V1/applications/app/secrets/c",
        b"/v1/applications/app/secrets/c.json",
        b"/v1/applications/app/secrets/c%",
        b"/v1/applications/app/secrets/c%zz",
        b"/healthz/../v1/applications/app/secrets/c",
        b"*",
        long.as_bytes(),
        deep.as_bytes(),
    ];
    for path in paths {
        for method in ["GET", "DELETE"] {
            let mut stream = TcpStream::connect(address).await.expect("it accepts");
            let head = [
                method.as_bytes(),
                b" ",
                path,
                b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: ",
                served.admin.as_bytes(),
                b"\r\n\r\n",
            ];
            stream.write_all(&head.concat()).await.expect("it is open");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("an answer, and the end");
            let answer = String::from_utf8_lossy(&answer);
            let path = String::from_utf8_lossy(path);
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert!(["404", "400", "405", "431", "414"].contains(&status), "{method} {path:.80}: {answer}");
            assert!(!answer.to_lowercase().contains("\r\nlocation:"), "{answer}");
        }
    }
    assert_eq!(served.get("/v1/applications/app/secrets/c").await.header("etag"), "\"1\"");
}

/// A JSON text with one more field in every object, twice: once as it is and once escaped.
fn doubled(body: &str) -> Vec<String> {
    let twice = [r#""x":1,"x":1"#, r#""x":1,"\u0078":1"#, r#""\u0078":1,"x":{}"#, r#""":1,"":2"#];
    let objects: Vec<usize> = body.match_indices('{').map(|(at, _)| at + 1).collect();
    let mut all = Vec::new();
    for fields in twice {
        for at in &objects {
            let comma = if body[*at..].trim_start().starts_with('}') { "" } else { "," };
            all.push(format!("{}{fields}{comma}{}", &body[..*at], &body[*at..]));
        }
        for nested in
            [format!("{{{fields}}}"), format!("[[{{{fields}}}]]"), format!(r#"{{"y":{{{fields}}}}}"#)]
        {
            let comma = if body.trim() == "{}" { "" } else { "," };
            all.push(body.replacen('{', &format!(r#"{{"unknown":{nested}{comma}"#), 1));
        }
    }
    all
}

#[test]
fn n_6_no_field_is_given_twice_at_any_depth_or_in_any_spelling() {
    block_on(async {
        let served = Served::new().await;
        let release = served.send(served.post(&format!("{SECRETS}/c/deliveries"), "{}")).await.json();
        let receipt = release["receipt"].as_str().expect("a receipt");
        let before = served.get("/v1/audit").await.text;
        for row in ROWS.iter().filter(|row| !row.body.is_empty()) {
            let (path, body) = filled(row, "app", "c", receipt);
            for body in doubled(&body) {
                let request = served.ask(row.method, &path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from(body.clone())).expect("a request")).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (400, "invalid"),
                    "{} {body}",
                    row.name()
                );
            }
        }
        // What one reader takes for the id and another for another.
        for body in [
            r#"{"id":"one","id":"two"}"#,
            r#"{"id":"one","\u0069d":"two"}"#,
            r#"{"\u0069\u0064":"one","id":"two"}"#,
            r#"{"id":"one","name":"n","i\u0064":"one"}"#,
        ] {
            assert_eq!(served.send(served.post("/v1/applications", body)).await.status, 400, "{body}");
        }
        assert_eq!(served.get("/v1/audit").await.text, before, "something was done");
    });
}

#[test]
fn n_6_no_parameter_is_given_twice_on_any_route() {
    block_on(async {
        let served = Served::new().await;
        let release = served.send(served.post(&format!("{SECRETS}/c/deliveries"), "{}")).await.json();
        let receipt = release["receipt"].as_str().expect("a receipt");
        let before = served.get("/v1/audit").await.text;
        for row in ROWS.iter().filter(|row| !row.open) {
            let (path, body) = filled(row, "app", "c", receipt);
            for twice in
                ["x=1&x=1", "x=1&%78=2", "purge=false&purge=true", "a&a", "pagetoken=a&pagetoken=b", "=1&=1"]
            {
                let path = format!("{path}{}{twice}", if path.contains('?') { "&" } else { "?" });
                let request = served.ask(row.method, &path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from(body.clone())).expect("a request")).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (400, "invalid"),
                    "{} {path}",
                    row.name()
                );
            }
        }
        assert_eq!(served.get("/v1/audit").await.text, before, "something was done");
    });
}

#[test]
fn n_6_a_header_that_decides_something_is_given_once() {
    block_on(async {
        let served = Served::new().await;
        let body = r#"{"secrets":[{"type":"env","location":"A","value":"v"}]}"#;
        for (name, one, other, status) in [
            ("authorization", served.admin.as_str(), served.admin.as_str(), 401),
            ("authorization", served.admin.as_str(), "Bearer x", 401),
            ("content-type", "application/json", "application/json", 415),
            ("content-type", "application/json", "text/plain", 415),
            ("if-match", "\"1\"", "\"1\"", 400),
            ("if-match", "*", "\"7\"", 400),
            ("if-match", "\"7\"", "*", 400),
            ("idempotency-key", "one", "one", 400),
            ("idempotency-key", "one", "two", 400),
        ] {
            let mut request = Request::builder().method("PUT").uri(format!("{SECRETS}/c"));
            for (given, value) in
                [("authorization", served.admin.as_str()), ("content-type", "application/json")]
            {
                if given != name {
                    request = request.header(given, value);
                }
            }
            let request = request.header(name, one).header(name, other);
            let answer = served.send(request.body(Body::from(body)).expect("a request")).await;
            assert_eq!(answer.status, status, "{name}: {one}, {other}: {answer:?}");
        }
        assert_eq!(served.get(&format!("{SECRETS}/c")).await.header("etag"), "\"1\"", "nothing was written");
    });
}
