//! A server that answers from a script: what a client of ours does not let itself be told. It is no strongroom.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::room::{Room, feed};

/// Answers these, in this order, one request a connection; the address of the server, and its end.
fn script(answers: Vec<Value>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().expect("a connection");
            serve(&stream, &answer.to_string());
        }
    });
    (url, thread)
}

fn serve(mut stream: &TcpStream, answer: &str) {
    let mut request = BufReader::new(stream);
    let (mut length, mut waits) = (0, false);
    loop {
        let mut line = String::new();
        request.read_line(&mut line).expect("a head");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        waits |= line.starts_with("expect:");
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.parse().expect("a number");
        }
    }
    if waits {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("the client listens");
    }
    request.read_exact(&mut vec![0; length]).expect("the body that was announced");
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
    stream.write_all((head + answer).as_bytes()).expect("the client listens");
}

fn outline(secrets: &Value) -> Value {
    json!({ "version": 3, "secrets": secrets })
}

fn delivery(secrets: &Value) -> Value {
    json!({
        "id": "db", "application_id": "app", "name": "db", "description": "",
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
        "version": 3, "receipt": "1-abcdefgh.0.42", "secrets": secrets,
    })
}

#[test]
fn what_is_delivered_and_was_not_planned_starts_nothing() {
    let room = Room::empty();
    let token = Room::new().make_key("--role viewer");
    let run = |planned: &Value, delivered: &Value| {
        let (url, thread) = script(vec![outline(planned), delivery(delivered)]);
        let script = "printf %s \"$A$B\"; if test -e conf/x; then cat conf/x; fi";
        let mut run = room.running("--collection db --no-mask", script);
        run.env_remove("STRONGROOM_DATA").env("STRONGROOM_URL", url).env("STRONGROOM_API_KEY", &token);
        let said = feed(&mut run, b"");
        thread.join().expect("both were asked for");
        assert!(room.leftovers().is_empty(), "{:?}", room.leftovers());
        said
    };
    let plan = |kind: &str, at: &str| json!({ "type": kind, "location": at, "bytes": 7 });
    let secret = |kind: &str, at: &str| json!({ "type": kind, "location": at, "value": "hunter2" });
    let a = || secret("env", "A");

    let said = run(&json!([plan("env", "A")]), &json!([a()])).done();
    assert_eq!(said.text(), "hunter2");
    let both = json!([plan("env", "A"), plan("file", "conf/x")]);
    assert_eq!(run(&both, &json!([secret("file", "conf/x"), a()])).done().text(), "hunter2hunter2");

    for (planned, delivered, place) in [
        (json!([plan("env", "A")]), json!([a(), secret("env", "B")]), "env:B"),
        (json!([plan("env", "A")]), json!([a(), secret("file", "conf/x")]), "file:conf/x"),
        (both, json!([a()]), "file:conf/x"),
        (json!([]), json!([a()]), "env:A"),
    ] {
        let said = run(&planned, &delivered);
        said.refused(125, &format!("the delivery is refused and nothing was started: {place} is not both"));
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    }
}
