//! The program's own commands over TLS: the whole story with a certificate of our own, and whom a client does not trust.

use rustix::process::Signal;
use serde_json::json;

use crate::room::{Room, feed};

#[test]
fn the_whole_story_over_tls() {
    let room = Room::empty();
    room.say(&format!("init --root-key {}", room.key_source())).done();
    let room = room.serve(&["--tls-self-signed"]);
    let server = room.server.as_ref().expect("it serves");
    let ca = room.path("data/tls/ca.pem");
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let pem = std::fs::read_to_string(&ca).expect("it was made");
    for said in [
        pem.as_str(),
        &format!("REQUESTS_CA_BUNDLE={}", ca.display()),
        // Without its end the command takes the next line of a paste for an answer.
        &format!(
            "  nextmv configuration create --api-key \"$STRONGROOM_API_KEY\" --endpoint {} </dev/null\n",
            &server.url["https://".len()..]
        ),
    ] {
        assert!(server.before.contains(said), "{said}\n{}", server.before);
    }

    room.say("apps create app").done();
    room.say("apps update app --name Vehicles").done();
    assert_eq!(room.json("apps get app")["name"], "Vehicles");
    let licence = room.lay("licence", "START\n\ttab\nEND\n\n");
    room.say_with(&format!("secrets create --id db --env A --file conf/x=@{licence}"), "one").done();
    let masked = room.json("secrets get db");
    assert!(masked["secrets"][0]["value"].as_str().expect("text").starts_with("strongroom-masked:"));
    let updated = room.say_with("secrets update db --env A --if-match 1", "two").done();
    assert_eq!(
        updated.stderr,
        "updated secrets collection db to version 2\n  set env:A\n  kept 1 as they were\n"
    );
    let updated = room.say_with("secrets update db --env A --if-match 1", "three");
    updated.refused(1, "the collection is at version 2, not 1: somebody changed it; look again and repeat");
    let place = |kind: &str, location: &str| json!({ "type": kind, "location": location });
    let diff = room.json("secrets diff db --from 1 --to 2");
    assert_eq!(
        diff,
        json!({ "from": 1, "to": 2, "added": [], "removed": [], "changed": [place("env", "A")],
            "same": [place("file", "conf/x")] })
    );
    let rolled = room.say("secrets rollback db --to 1").done();
    assert_eq!(
        rolled.stderr,
        "rolled secrets collection db back to version 1, as version 3\n  set env:A\n  kept 1 as they were\n"
    );
    assert_eq!(room.say("secrets reveal db A").done().text(), "one");
    assert_eq!(room.say("secrets reveal db@2 A").done().text(), "two");
    let ran = room.run("--collection db --no-mask", "printf %s \"$A\"; cat conf/x").done();
    assert_eq!(ran.text(), "oneSTART\n\ttab\nEND\n\n");
    room.say("secrets delete db --if-match 2").refused(1, "is at version 3, not 2");
    room.say("secrets delete db --if-match 3").done();
    room.say("secrets get db").refused(1, "has no secrets collection db");
    let restored = room.say("secrets restore db").done();
    assert_eq!(restored.stderr, "restored secrets collection db, at version 3\n");
    room.say("apps delete app --yes").done();
    room.say("secrets list")
        .refused(1, "there is no application app; make it with: strongroom apps create app");
    room.say("apps restore app").done();
    assert_eq!(room.say("secrets reveal db A").done().text(), "one");
    assert_eq!(
        room.actions()[2..],
        [
            "application.create",
            "application.update",
            "collection.create",
            "collection.update",
            "collection.rollback",
            "collection.reveal",
            "collection.reveal",
            "collection.deliver",
            "collection.delete",
            "collection.restore",
            "application.delete",
            "application.restore",
            "collection.reveal"
        ]
    );
    room.say("audit verify").done();
}

#[test]
fn whoever_is_not_trusted_is_told_nothing() {
    let room = Room::new().serve(&["--tls-self-signed"]);
    let stranger = Room::new().serve(&["--tls-self-signed"]);
    let foreign = stranger.path("data/tls/ca.pem").display().to_string();
    let none = room.lay("none.pem", "hunter2");
    let say = |ca: Option<&str>| {
        let mut list = room.strongroom(&["apps", "list"]);
        list.env_remove("STRONGROOM_CA_CERT");
        list.args(ca.iter().flat_map(|ca| ["--ca-cert", ca]));
        feed(&mut list, b"")
    };
    let words = "no CA that is trusted here signed its certificate; name the CA's certificate with --ca-cert";
    say(Some(&foreign)).refused(1, words);
    say(Some(&none)).refused(1, "the CA certificates are refused");
    say(Some("nowhere.pem")).refused(1, "nowhere.pem cannot be read");
    say(None).refused(1, "--ca-cert");
    say(Some(&room.path("data/tls/ca.pem").display().to_string())).done();

    // Plain HTTP spoken to TLS, and TLS to plain HTTP.
    let plain = Room::new().serve(&[]);
    let to = |room: &Room, scheme: &str| {
        let server = room.server.as_ref().expect("it serves");
        let (_, authority) = server.url.split_once("://").expect("a URL");
        let url = format!("{scheme}://{authority}");
        let mut list = room.strongroom(&["apps", "list", "--server", &url]);
        feed(&mut list, b"")
    };
    let said = to(&plain, "https");
    assert_eq!(said.code(), Some(1), "{}", said.stderr);
    let said = to(&room, "http");
    assert_eq!(said.code(), Some(1), "{}", said.stderr);
}

#[test]
fn a_certificate_from_files_is_served_and_its_ca_trusted() {
    let mut room = Room::new().serve(&["--tls-self-signed"]);
    let pair = room.path("data/tls/leaf.pem").display().to_string();
    let server = room.server.take().expect("it serves");
    let (ca, url) = (server.ca_cert.clone(), server.url.clone());
    assert!(url.starts_with("https://"), "{url}");
    let (status, _) = server.end(Signal::TERM);
    assert!(status.success(), "{status}");
    let room = room.serve(&["--tls-cert", &pair, "--tls-key", &pair]);
    let server = room.server.as_ref().expect("it serves");
    assert_eq!((&server.ca_cert, server.url.starts_with("https://")), (&ca, true));
    assert!(!server.before.contains("BEGIN CERTIFICATE"), "{}", server.before);
    room.say("apps list").done();
}

#[test]
fn plain_http_on_every_address_is_served_where_the_risk_was_typed() {
    let room = Room::new();
    let room = room.serve(&["--listen", "0.0.0.0:0", "--plain-http-exposes-secrets"]);
    let server = room.server.as_ref().expect("it serves");
    assert!(server.url.starts_with("http://localhost:"), "{}", server.url);
    room.say("apps list").done();
    let (_, port) = server.url.rsplit_once(':').expect("a port");
    let exposed = ["apps", "list", "--server", &format!("http://0.0.0.0:{port}")];
    feed(&mut room.strongroom(&exposed), b"")
        .refused(2, "would show the API key and every value to whoever listens");
    let accepted = [&exposed[..], &["--plain-http-exposes-secrets"]].concat();
    feed(&mut room.strongroom(&accepted), b"").done();
}

#[test]
fn no_log_on_either_side_holds_a_value_or_a_key() {
    const PLANTED: &str = "hunter2-planted";
    let mut room = Room::new().serve(&["--tls-self-signed", "-vvv"]);
    let token = room.server.as_ref().expect("it serves").token.clone();
    let mut said = String::new();
    for line in [
        "secrets create --id db --env A -vvv",
        "secrets update db --env A -vvv",
        "secrets reveal db B -vvv",
        "run --collection db -vvv -- true",
        "secrets update db --env A --if-match 7 -vvv",
    ] {
        said += &room.say_with(line, PLANTED).stderr;
    }
    assert!(said.contains("answered") && said.contains("delivered"), "something is logged: {said}");
    let (_, log) = room.server.take().expect("it serves").end(Signal::TERM);
    assert!(log.contains("a release is recorded"), "something is logged: {log}");
    for text in [said, log] {
        assert!(
            !text.contains(PLANTED) && !text.contains(&token) && !text.contains("strongroom-masked"),
            "{text}"
        );
    }
}
