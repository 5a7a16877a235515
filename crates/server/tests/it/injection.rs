//! Text that some other language would take for its own: SQL, HTML, headers, logs, templates. Here it is text: kept to the
//! byte where text is kept, refused where a name is meant, and never carried out.

use axum::body::Body;
use axum::http::Request;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::contract::room::block_on;
use crate::log::logged_while;
use crate::served::{Answer, Served};
use crate::strangers::{ROWS, filled};

const SECRETS: &str = "/v1/applications/app/secrets";

const SQL: [&str; 16] = [
    "'",
    "''",
    "\"",
    "`",
    ";",
    "--",
    "/*",
    "x'; DROP TABLE records; --",
    "x') OR 1=1 --",
    "' UNION SELECT value FROM versions --",
    "%",
    "_",
    "\\",
    "?1",
    "$1 :name @p",
    "NULL OR 1",
];

async fn send(served: &Served, method: &str, path: &str, body: &Value) -> Answer {
    let request = served.ask(method, path).header("content-type", "application/json");
    served.send(request.body(Body::from(body.to_string())).expect("a request")).await
}

#[test]
fn i_1_what_sql_would_take_for_its_own_is_text() {
    block_on(async {
        let served = Served::new().await;
        for (i, text) in SQL.into_iter().enumerate() {
            // Where text is kept.
            let id = format!("x{i}");
            let described = json!({ "id": id, "name": text, "description": text });
            assert_eq!(send(&served, "POST", "/v1/applications", &described).await.json()["name"], text);
            // A location may hold all but a backslash.
            let location = text.replace('\\', "x");
            let location = format!("conf/{location}").replace("//", "/").trim_end_matches('/').to_owned();
            let secrets = json!([{ "type": "file", "location": location, "value": text }]);
            let described = json!({ "id": id, "name": text, "description": text, "secrets": secrets });
            assert_eq!(send(&served, "POST", SECRETS, &described).await.status, 200, "{text}");
            let shown = served.get(&format!("{SECRETS}/{id}")).await.json();
            assert_eq!((&shown["name"], &shown["description"]), (&json!(text), &json!(text)));
            assert_eq!(shown["secrets"][0]["location"], location);
            let run = json!({ "run": { "host": text, "user": text, "command": text, "level": 0 } });
            let delivered = send(&served, "POST", &format!("{SECRETS}/{id}/deliveries"), &run).await.json();
            assert_eq!(delivered["secrets"][0]["value"], text);
            let key = json!({ "name": text, "can": ["list"] });
            assert_eq!(send(&served, "POST", "/v1/keys", &key).await.json()["name"], text);
            // Where an id, a number or a position is meant.
            for (path, body) in [
                ("/v1/applications", json!({ "id": text })),
                (
                    SECRETS,
                    json!({ "id": text, "secrets": [{ "type": "env", "location": "A", "value": "v" }] }),
                ),
                (SECRETS, json!({ "secrets": [{ "type": "env", "location": text, "value": "v" }] })),
                (SECRETS, json!({ "secrets": [{ "type": text, "location": "A", "value": "v" }] })),
                ("/v1/keys", json!({ "name": "k", "can": [text] })),
                ("/v1/keys", json!({ "name": "k", "can": ["list"], "application_id": text })),
                (
                    "/v1/keys",
                    json!({ "name": "k", "can": ["list"], "application_id": "app", "collection_id": text }),
                ),
                ("/v1/keys", json!({ "name": "k", "can": ["list"], "expires_at": text })),
                ("/v1/applications/app/secrets/c/rollback", json!({ "version": text })),
                ("/v1/applications/app/secrets/c/deliveries", json!({ "as": text })),
                ("/v1/applications/app/secrets/c/deliveries", json!({ "version": text })),
            ] {
                let legal = text == "_" && body["secrets"][0]["location"] == "_";
                let answer = send(&served, "POST", path, &body).await;
                assert_eq!(answer.status == 400, !legal, "{path} {body}: {answer:?}");
            }
            let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let position = |letter: char| BASE64URL_NOPAD.encode(format!("{letter}{text}").as_bytes());
            for path in [
                format!("/v1/audit?application_id={query}"),
                format!("/v1/audit?collection_id={query}"),
                format!("/v1/audit?pagetoken={query}"),
                format!("/v1/audit?pagetoken={}", position('r')),
                format!("/v1/keys?pagetoken={}", position('k')),
                format!("/v1/applications?pagetoken={}", position('a')),
                format!("{SECRETS}?pagetoken={}", position('c')),
                format!("{SECRETS}?pagetoken={}", BASE64URL_NOPAD.encode(format!("c1:{text}").as_bytes())),
                format!("{SECRETS}?pagetoken={}", BASE64URL_NOPAD.encode(format!("c{text}:a").as_bytes())),
                format!("{SECRETS}/c/diff?from={query}&to=1"),
            ] {
                assert_eq!(served.get(&path).await.status, 400, "{path}");
            }
            let if_match = served.ask("DELETE", &format!("{SECRETS}/c")).header("if-match", text);
            assert_eq!(
                served.send(if_match.body(Body::empty()).expect("a request")).await.status,
                400,
                "{text}"
            );
        }
        // All is there still, and once.
        let count = async |path: &str| {
            let all = served.get(path).await.json();
            all["items"].as_array().or(all.as_array()).map(Vec::len)
        };
        assert_eq!(count("/v1/applications").await, Some(1 + SQL.len()));
        assert_eq!(count(SECRETS).await, Some(1 + SQL.len() + 1), "`_` is the name of a variable");
        assert_eq!(count("/v1/keys").await, Some(1 + SQL.len()));
        assert_eq!(served.get(&format!("{SECRETS}/c")).await.header("etag"), "\"1\"");
    });
}

/// Everything that is asked with something in every place that takes text.
async fn everywhere(served: &Served, text: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    for row in ROWS {
        let (path, body) = filled(row, "app", "c", "1-aaaaaaaa.0.0");
        let field = json!(text).to_string();
        let bodies = [
            body.clone(),
            text.to_owned(),
            field.clone(),
            format!("{{{field}:{field}}}"),
            format!("{{{field}:1,{field}:2}}"),
            format!(
                r#"{{"id":{field},"name":{field},"version":{field},"as":{field},"exit":{field},"can":[{field}]}}"#
            ),
            format!(r#"{{"id":{field},"secrets":[{{"type":"env","location":{field},"value":{field}}}]}}"#),
            format!(
                r#"{{"secrets":[{{"type":{field},"location":"A","value":1}}],"operations":[{{"op":{field}}}]}}"#
            ),
        ];
        for body in bodies {
            let request = served.ask(row.method, &path).header("content-type", "application/json");
            // A deletion would leave nothing to ask about.
            let request = if row.method == "DELETE" { request.header("if-match", "\"77\"") } else { request };
            answers.push(served.send(request.body(Body::from(body)).expect("a request")).await);
        }
        let query = if path.contains('?') { "&" } else { "?" };
        for (name, value) in [("pagetoken", &escaped), ("application_id", &escaped), ("purge", &escaped)] {
            let request = served.ask(row.method, &format!("{path}{query}{name}={value}"));
            let request = request.header("if-match", "x");
            answers.push(served.send(request.body(Body::empty()).expect("a request")).await);
        }
        for name in
            ["user-agent", "referer", "origin", "x-forwarded-for", "if-match", "accept", "host", "cookie"]
        {
            let Ok(request) = served.ask(row.method, &path).header(name, text).body(Body::from(body.clone()))
            else {
                continue;
            };
            answers.push(served.send(request).await);
        }
        let Ok(request) = Request::builder()
            .method(row.method)
            .uri(&path)
            .header("authorization", text)
            .body(Body::empty())
        else {
            continue;
        };
        answers.push(served.send(request).await);
    }
    let pattern = format!("{SECRETS}/{escaped}");
    answers.push(served.get(&pattern).await);
    answers
}

const HTML: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>";

#[test]
fn i_2_no_answer_can_be_read_as_a_page() {
    block_on(async {
        let served = Served::new().await;
        let answers = everywhere(&served, HTML).await;
        assert!(answers.len() > 300, "{}", answers.len());
        let mut repeated = 0;
        for answer in answers {
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
            if answer.header("content-type").starts_with("application/openmetrics-text;") {
                assert!(!answer.text.contains("<script"), "{answer:?}");
                continue;
            }
            assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
            assert!(
                answer.text.is_empty() || serde_json::from_str::<Value>(&answer.text).is_ok(),
                "{answer:?}"
            );
            // What was stored as a name is a name; what was refused is not said again.
            if answer.status >= 400 {
                assert!(!answer.text.contains("<script"), "{answer:?}");
            }
            repeated += usize::from(answer.text.contains("<script"));
        }
        assert!(repeated > 0, "it was stored somewhere");
    });
}

const LINES: &str = "one\r\nSet-Cookie: two=2\r\n\r\nHTTP/1.1 200 OK\n2026-01-01 ERROR three\u{1b}[2J\u{9b}31m\u{202e}four\u{2028}five";

#[test]
fn i_3_no_text_becomes_a_header_or_a_line_of_the_log() {
    let count = std::cell::Cell::new(0);
    let log = logged_while(async {
        let served = Served::new().await;
        let mut answers = everywhere(&served, LINES).await;
        // What a header can hold at all, goes in as one.
        answers.extend(everywhere(&served, "one\t two=2; \u{202e}three").await);
        for answer in &answers {
            for (name, value) in &answer.headers {
                let value = value.to_str().expect("visible ASCII");
                assert!(!value.contains("two") && !value.contains("three"), "{name}: {value}");
            }
            assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
        }
        count.set(answers.len());
    });
    let of_requests = log.lines().filter(|line| line.contains("::envelope: ")).count();
    // One more for the collection that a served strongroom begins with.
    assert_eq!(of_requests, count.get() + 1, "{log}");
    for never in ["Set-Cookie", "three", "\u{1b}", "\u{9b}", "\u{202e}", "\u{2028}", "\r"] {
        assert!(!log.contains(never), "{never:?}: {log}");
    }
}

#[test]
fn i_4_no_text_is_a_template() {
    block_on(async {
        let served = Served::new().await;
        let texts = [
            "${HOME}",
            "$HOME",
            "$(id)",
            "`id`",
            "{{ 7*7 }}",
            "{% include '/etc/passwd' %}",
            "#{7*7}",
            "<%= 7*7 %>",
            "%s%n%x",
            "{0}",
            "{}",
            "{:?}",
            "\\u0041",
            "%41",
            "&lt;",
            "@/etc/passwd",
            "op://vault/item",
            "${A}",
            "{{ getHostByName \"a.example\" }}",
            "=cmd|'/c calc'!A1",
            "!!python/object:os.system",
            "\\",
            "\r\n",
        ];
        let secrets: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| json!({ "type": "env", "location": format!("V{i}"), "value": text }))
            .collect();
        let body = json!({ "id": "t", "name": "{{ 7*7 }}", "description": "${HOME}", "secrets": secrets });
        assert_eq!(send(&served, "POST", SECRETS, &body).await.status, 200);
        for purpose in ["run", "reveal"] {
            let path = format!("{SECRETS}/t/deliveries");
            let delivered = send(&served, "POST", &path, &json!({ "as": purpose })).await.json();
            let values =
                delivered["secrets"].as_array().expect("a list").iter().map(|secret| &secret["value"]);
            assert_eq!(values.collect::<Vec<_>>(), texts, "{purpose}");
            assert_eq!(
                (&delivered["name"], &delivered["description"]),
                (&json!("{{ 7*7 }}"), &json!("${HOME}"))
            );
        }
    });
}
