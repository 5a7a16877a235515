//! Where a client connects, and where it does not: a closed port, a redirect, a proxy that nobody named.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use strongroom_client::{Client, ClientError, PlainHttp, ProxyUrl, ServerUrl};

use crate::scripted::{Operation, Server, app, client, connection, id, noting, ok, read_head, reply, token};

const EMPTY: &str = r#"{"items":[]}"#;

/// The URL of a port on which nobody listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

#[test]
fn a_closed_port_is_tried_three_times_even_by_a_write_and_named() {
    let operations: [Operation; 3] = [
        |client| client.list_keys().map(|_| ()),
        |client| client.delete(&app(), &id(), None),
        |client| client.deliver(&app(), &id(), None, None).map(|_| ()),
    ];
    for operation in operations {
        let url = closed();
        let (client, waits) = noting(&url);
        let error = operation(&client).expect_err("nobody listens");
        let place = url.trim_start_matches("http://");
        let expected = format!("{place} cannot be reached: the connection is refused; nothing listens there");
        assert_eq!(error.to_string(), expected);
        assert_eq!(waits.lock().expect("one thread").len(), 2);
    }
}

#[test]
fn a_name_that_leads_nowhere_is_said() {
    let mut connection = connection("http://127.0.0.1:1");
    connection.url =
        ServerUrl::parse("https://strongroom.invalid", PlainHttp::OnLoopbackOnly).expect("a server");
    let client = Client::new(connection).expect("a client").pausing_by(|_| panic!("it will not heal"));
    let error = client.list_keys().expect_err("no such host").to_string();
    // A machine without network may have a name service that never answers.
    let reasons = ["its name cannot be looked up", "no connection came about in time"];
    let expected = reasons.map(|reason| format!("strongroom.invalid:443 cannot be reached: {reason}"));
    assert!(expected.contains(&error), "{error}");
}

#[test]
fn a_redirect_is_not_followed_and_the_token_stays() {
    for status in [301, 302, 303, 307, 308] {
        let there = Server::start(vec![ok(EMPTY)]);
        let place = format!("{}/v1/keys?next=hunter2", there.url());
        let here = Server::start(vec![reply(status, &format!("Location: {place}\r\n"), "")]);
        let error = here.client().list_keys().expect_err("not followed");
        assert_eq!(here.finish().len(), 1);
        assert!(there.finish().is_empty(), "the token went to another host");
        let ClientError::Redirected { status: said, place: named, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*said, format!("{named}?next=hunter2")), (status, place));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let here = Server::start(vec![reply(302, "Location: https://me:hunter2@a.example/x\r\n", "")]);
    let error = here.client().delete(&app(), &id(), None).expect_err("not followed");
    here.finish();
    assert!(error.to_string().contains("points to …@a.example/x,"), "{error}");
}

#[test]
fn a_proxy_in_the_environment_is_ignored() {
    if asked_to("ignore-the-proxy") {
        let server = Server::start(vec![ok(EMPTY)]);
        server.client().list_keys().expect("reached without any proxy");
        assert_eq!(server.finish()[0].line, "GET /v1/keys");
        return;
    }
    let proxy = Server::start(Vec::new());
    let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let environment: Vec<_> = names.iter().map(|name| (*name, proxy.url())).collect();
    again("connection::a_proxy_in_the_environment_is_ignored", "ignore-the-proxy", &environment);
    assert!(proxy.finish().is_empty(), "the proxy was asked");
}

#[test]
fn a_proxy_that_is_named_is_asked_to_connect_and_never_sees_the_token() {
    let proxy = Server::start(vec![reply(403, "", "")]);
    let mut through = connection("https://strongroom.example");
    through.proxy = Some(ProxyUrl::parse(&proxy.url().replace("//", "//me:hunter2@")).expect("a proxy"));
    let client = Client::new(through).expect("a client").pausing_by(|_| {});
    let error = client.list_keys().expect_err("the proxy refuses");
    assert_eq!(
        error.to_string(),
        "strongroom.example:443 cannot be reached: the proxy does not connect to it"
    );
    let asked = proxy.finish();
    assert_eq!(asked[0].line, "CONNECT strongroom.example:443");
    assert!(asked[0].header("proxy-authorization").is_some());
    assert!(!format!("{asked:?}").contains(token().expose()));
}

#[test]
fn a_server_on_this_machine_is_reached_without_the_proxy() {
    let proxy = Server::start(Vec::new());
    let server = Server::start(vec![ok(EMPTY)]);
    let mut through = connection(&server.url());
    through.proxy = Some(ProxyUrl::parse(&proxy.url()).expect("a proxy"));
    Client::new(through).expect("a client").list_keys().expect("reached");
    assert_eq!(server.finish().len(), 1);
    assert!(proxy.finish().is_empty());
}

#[test]
fn a_connection_closes_with_its_one_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = client(&format!("http://{}", listener.local_addr().expect("it is bound")));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        read_head(&mut stream).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"items\":[]}").expect("it listens");
        // Only a client that keeps its connections lets this run out.
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        stream.read(&mut [0])
    });
    client.list_keys().expect("an answer");
    let rest = thread.join().expect("it ends with the connection");
    assert_eq!(rest.expect("the connection is closed"), 0);
    drop(client);
}

/// Runs one test in a process of its own with these variables, since an environment belongs to a whole process. The
/// word goes along as one more name of a test, which no test has.
#[expect(clippy::disallowed_methods, reason = "an environment of its own needs a process of its own")]
pub(crate) fn again(test: &str, word: &str, environment: &[(&str, String)]) {
    let ourselves = std::env::current_exe().expect("this test binary");
    let environment = environment.iter().map(|(name, value)| (name, value));
    let ran = Command::new(ourselves)
        .args(["--exact", test, word])
        .envs(environment)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

/// Whether this process was started by [`again`] with this word.
pub(crate) fn asked_to(word: &str) -> bool {
    std::env::args().any(|argument| argument == word)
}
