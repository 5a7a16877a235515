//! A served strongroom, asked for all that its OpenAPI document allows and for much that it does not, by a program that
//! nobody here wrote: no answer is an error of the server, and none is outside the document. The same requests every
//! time. Deliberately no judgement of the contract: whether an answer is the right one is for `contract/`.

use rustix::process::Signal;

use crate::nextmv::clients::Client;
use crate::room::{Room, feed};
use crate::server::Server;

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/schemathesis.toml");

/// Without the limits on how often one may ask: they would answer most of the requests.
const UNLIMITED: [&str; 4] = ["--key-rate", "0", "--address-rate", "0"];

#[test]
fn nothing_is_answered_to_an_admin_that_the_document_does_not_say() {
    let room = Room::new();
    // What the document's examples name.
    room.say("apps create routing").done();
    room.say_with("secrets create --app routing --id solver --env ACME_LICENSE_KEY", "a-licence").done();
    let mut room = room.serve(&UNLIMITED);
    let server = room.server.take().expect("it serves");
    let key = format!("Authorization: Bearer {}", server.token);
    let options = ["--max-examples", "10", "--header", &key];
    let asked = ask(&room, &server, &[&options[..], &["--exclude-operation-id", "keys_revoke"]].concat());
    assert!(asked > 1000, "only {asked} requests were made");
    // A key that lost its rights on the way would have proved little.
    room.server = Some(server);
    room.say("apps list").done();
    // What is left revokes every key that it finds, the one that asks too: so it comes last.
    let server = room.server.take().expect("it serves");
    ask(&room, &server, &[&options[..], &["--include-tag", "keys"]].concat());
    end(server);
}

#[test]
fn nothing_is_answered_to_nobody_that_the_document_does_not_say() {
    let room = Room::new();
    let server = Server::start(&room, &UNLIMITED, String::new());
    let asked = ask(&room, &server, &["--max-examples", "2"]);
    assert!(asked > 200, "only {asked} requests were made");
    end(server);
}

/// Asks for everything, and says how often.
fn ask(room: &Room, server: &Server, options: &[&str]) -> usize {
    let mut program = Client::schemathesis().program(room, "schemathesis");
    program.args([
        "--config-file",
        CONFIGURATION,
        "run",
        &format!("{}/openapi.json", server.url),
        "--no-color",
    ]);
    let said = feed(program.args(options), b"");
    let text = said.text();
    assert!(said.status.success(), "{text}{}", said.stderr);
    let cases = text.lines().find(|line| line.contains(" generated")).map_or("", str::trim);
    eprintln!("schemathesis: {cases}");
    cases.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// What went wrong inside stands in the log.
fn end(server: Server) {
    let (status, said) = server.end(Signal::TERM);
    assert!(status.success() && !said.contains("ERROR") && !said.contains("panic"), "{status}:\n{said}");
}
