//! The log of a server as it is started: one line a request in either form, and nothing in it that a client typed.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::room::{Room, feed};

/// Whatever a client can write into a request, in the forms that break lines, terminals and parsers.
const REQUESTS: [&str; 8] = [
    "GET /healthz HTTP/1.1\r\nUser-Agent: hunter2 \"}{ level=ERROR \\n\\u001b[31m\r\n",
    "GET /healthz HTTP/1.1\r\nUser-Agent: hunter2\u{1b}[31m\r\n",
    "GET /healthz HTTP/1.1\r\nUser-Agent: hunter2\r\n {\"level\":\"ERROR\"}\r\n",
    "GET /hunter2%0d%0alevel=ERROR HTTP/1.1\r\n",
    "GET /hunter2?hunter2=%1b%5b31m&x=\"} HTTP/1.1\r\n",
    "HUNTER2 /healthz HTTP/1.1\r\n",
    "GET /v1/keys HTTP/1.1\r\nAuthorization: Bearer hunter2\t\u{85}\r\n",
    "GET /healthz HTTP/1.1\r\nX-Forwarded-For: hunter2\u{1b}]0;hunter2\u{7}\r\nX-Request-Id: hunter2\r\n",
];

/// What a server says after it listens, with these options, while all that is asked of it.
fn said(options: &[&str]) -> String {
    let mut room = Room::new().serve(options);
    let server = room.server.take().expect("it serves");
    let (_, authority) = server.url.split_once("://").expect("a URL");
    for request in REQUESTS {
        let mut stream = TcpStream::connect(authority).expect("it listens");
        write!(stream, "{request}Host: hunter2\r\nConnection: close\r\n\r\n").expect("it reads");
        // It may hang up on what is no HTTP.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    server.end(Signal::TERM).1
}

#[test]
fn i_3_a_line_of_the_log_is_one_line_and_holds_nothing_that_was_typed() {
    for options in [&["-vvv"][..], &["-vvv", "--log-format", "json"]] {
        let said = said(options);
        let asked = said.lines().filter(|line| line.contains("healthz")).count();
        assert!(asked >= 2, "{said}");
        for never in ["hunter2", "HUNTER2", "31m", "level=ERROR"] {
            assert!(!said.contains(never), "{options:?}: {never}: {said}");
        }
        assert!(said.chars().all(|char| char == '\n' || !char.is_control()), "{said:?}");
        assert!(!said.contains("hyper") && !said.contains("rustls"), "{said}");
    }
}

#[test]
fn a_line_of_the_log_is_an_object_where_that_is_asked_for() {
    let said = said(&["-v", "--log-format", "json"]);
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert!(requests.len() >= 4, "{said}");
    let first = requests[0];
    for (name, expected) in [("method", "GET"), ("route", "/healthz"), ("level", "INFO"), ("key", "-")] {
        assert_eq!(first[name], expected, "{first}");
    }
    assert_eq!(first["status"], 200, "{first}");
    assert!(first["micros"].is_u64() && first["timestamp"].is_string(), "{first}");
    assert_eq!(first["request_id"].as_str().map(str::len), Some(32), "{first}");
    assert!(first["source"].as_str().is_some_and(|source| source.starts_with("127.0.0.1:")), "{first}");
}

#[test]
fn the_form_of_the_log_is_a_setting_that_is_text_or_json() {
    let room = Room::new();
    let say =
        |form: &str| feed(room.embedded(&["apps", "list", "-v"]).env("STRONGROOM_LOG_FORMAT", form), b"");
    say("json").done();
    say("text").done();
    say("").done();
    say("xml").refused(1, "STRONGROOM_LOG_FORMAT is text or json");
}
