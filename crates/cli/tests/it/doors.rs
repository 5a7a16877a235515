//! Every route of a server, asked over a plain socket with a test's own text in every place that takes text. It asserts
//! nothing of what is answered.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) what: String,
    pub(crate) status: u16,
    pub(crate) whole: Vec<u8>,
}

impl Answer {
    pub(crate) fn body(&self) -> String {
        let whole = String::from_utf8_lossy(&self.whole);
        whole.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap_or_default()
    }
}

/// One request over a connection of its own.
pub(crate) fn ask(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let address = url.strip_prefix("http://").expect("it is served without TLS");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).expect("it reads");
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).expect("an answer, and the end");
    let status = String::from_utf8_lossy(&whole).split(' ').nth(1).and_then(|word| word.parse().ok());
    Answer { what: format!("{method} {path} {headers:?} {body}"), status: status.unwrap_or_default(), whole }
}

/// The routes in an order in which each has something to do, with `text` as every value and `name` as every name.
fn routes(text: &str, name: &str, receipt: &str, key: &str) -> Vec<(&'static str, String, Value)> {
    let app = "/v1/applications/app";
    let made = format!("{app}/secrets/made");
    let secrets = json!([
        { "type": "env", "location": "A", "value": text },
        { "type": "file", "location": "conf/x", "value": text },
    ]);
    let run = json!({ "host": name, "user": name, "command": name, "level": 0 });
    let said = json!({ "name": name, "description": name });
    let one = json!({ "operations": [{ "op": "create", "type": "env", "location": "B", "value": text }] });
    vec![
        ("POST", "/v1/applications".to_owned(), json!({ "id": "made", "name": name, "description": name })),
        ("GET", "/v1/applications".to_owned(), Value::Null),
        ("GET", app.to_owned(), Value::Null),
        ("PUT", app.to_owned(), said.clone()),
        (
            "POST",
            format!("{app}/secrets"),
            json!({ "id": "made", "name": name, "description": name, "secrets": secrets }),
        ),
        ("GET", format!("{app}/secrets"), Value::Null),
        ("GET", made.clone(), Value::Null),
        ("PUT", made.clone(), json!({ "name": name, "secrets": secrets })),
        ("PATCH", made.clone(), one),
        ("GET", format!("{made}/versions"), Value::Null),
        ("GET", format!("{made}/versions/1"), Value::Null),
        ("GET", format!("{made}/diff?from=1&to=2"), Value::Null),
        ("POST", format!("{made}/rollback"), json!({ "version": 1 })),
        ("POST", format!("{made}/deliveries"), json!({ "as": "run", "run": run })),
        ("POST", format!("{made}/deliveries"), json!({ "as": "reveal" })),
        ("POST", format!("{made}/deliveries"), json!({ "as": "plan" })),
        ("POST", format!("/v1/deliveries/{receipt}/end"), json!({ "exit": 0 })),
        ("DELETE", made.clone(), Value::Null),
        ("POST", format!("{made}/restore"), Value::Null),
        ("POST", "/v1/keys".to_owned(), json!({ "name": name, "can": ["list"] })),
        ("GET", "/v1/keys".to_owned(), Value::Null),
        ("DELETE", format!("/v1/keys/{key}"), Value::Null),
        ("GET", "/v1/audit".to_owned(), Value::Null),
        ("DELETE", "/v1/applications/made".to_owned(), Value::Null),
        ("POST", "/v1/applications/made/restore".to_owned(), Value::Null),
        ("GET", "/healthz".to_owned(), Value::Null),
        ("GET", "/readyz".to_owned(), Value::Null),
        ("GET", "/openapi.json".to_owned(), Value::Null),
        ("GET", "/metrics".to_owned(), Value::Null),
    ]
}

/// The routes as their own document names them, of which no request here is one.
pub(crate) fn not_asked_for(document: &Value) -> Vec<String> {
    let asked = routes("", "", "1-abcdefgh.0.1", "000000000000");
    let fits = |pattern: &str, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let parts = || pattern.split('/').zip(path.split('/'));
        pattern.split('/').count() == path.split('/').count()
            && parts().all(|(part, given)| part == given || part.starts_with('{'))
    };
    let paths = document["paths"].as_object().expect("a document has paths");
    let rows = paths.iter().flat_map(|(pattern, methods)| {
        let methods = methods.as_object().expect("a path has methods").keys();
        methods.filter(|word| *word != "parameters").map(move |method| (method.to_uppercase(), pattern))
    });
    rows.filter(|(method, pattern)| {
        !asked.iter().any(|(known, path, _)| known == method && fits(pattern, path))
    })
    .map(|(method, pattern)| format!("{method} {pattern}"))
    .collect()
}

/// Asks every route: as it should be asked; without a key; and with `text` where it does not belong.
pub(crate) fn storm(url: &str, token: &str, text: &str, name: &str) -> Vec<Answer> {
    let key = format!("Bearer {token}");
    let (json, key) = (("Content-Type", "application/json"), ("Authorization", key.as_str()));
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    // What no header can hold is left out of those.
    let visible: String = text.chars().filter(|c| ' ' <= *c && *c <= '~').collect();
    let (mut receipt, mut id) = ("1-abcdefgh.0.1".to_owned(), "000000000000".to_owned());
    let mut answers = Vec::new();
    let count = routes(text, name, &receipt, &id).len();
    for i in 0..count {
        let (method, path, body) = routes(text, name, &receipt, &id).remove(i);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let query = if path.contains('?') { '&' } else { '?' };
        answers.push(ask(url, method, &path, &[json], &body));
        answers.push(ask(url, method, &path, &[json, ("Authorization", &visible)], &body));
        // A deletion that is refused, so that there is still something to delete.
        let beside = if method == "DELETE" { ("If-Match", visible.as_str()) } else { ("X-Nothing", "") };
        for more in
            [("Idempotency-Key", visible.as_str()), ("If-Match", &visible), ("Content-Encoding", &visible)]
        {
            answers.push(ask(url, method, &path, &[json, key, beside, more], &body));
        }
        answers.push(ask(
            url,
            method,
            &format!("{path}{query}pagetoken={escaped}&{escaped}=1"),
            &[json, key, beside],
            "",
        ));
        // None of it is an id or a location: those may be said again.
        for wrong in [
            text.to_owned(),
            json!({ text: 1 }).to_string().replacen('{', &format!("{{{}:1,", json!(text)), 1),
            json!({ "secrets": [{ "type": text, "location": "A", "value": text }], "id": format!("{text} ") }).to_string(),
            json!({ "secrets": [{ "type": "env", "location": format!("{text} "), "value": format!("{text}\0") }] })
                .to_string(),
            json!({ "operations": [{ "op": text, "location": text }], "version": text, "can": [text] })
                .to_string(),
        ] {
            answers.push(ask(url, method, &path, &[json, key, beside, ("X-Text", &visible)], &wrong));
        }
        let answer = ask(url, method, &path, &[json, key], &body);
        let said = answer.json();
        receipt = said["receipt"].as_str().unwrap_or(&receipt).to_owned();
        if method == "POST" && path == "/v1/keys" {
            id = said["id"].as_str().unwrap_or(&id).to_owned();
        }
        answers.push(answer);
    }
    let app = format!("/v1/applications/{escaped}/secrets/{escaped}");
    answers.push(ask(url, "GET", &app, &[key], ""));
    answers.push(ask(url, "GET", &format!("/{escaped}"), &[], ""));
    answers
}
