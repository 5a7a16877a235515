//! API keys: what a key opens, what it does not, and how it ends. The token is on standard output, alone, once.

use std::process::Command;

use serde_json::json;

use crate::room::{APP, Room, Said, feed};

/// A served strongroom with a collection in the room's application, and one in another.
fn served() -> Room {
    let room = Room::new();
    room.say("apps create other").done();
    room.say_with("secrets create --id db --env A", "the value").done();
    room.say_with("secrets create --id db --app other --env A", "another value").done();
    room.serve(&[])
}

/// A line, said with another key.
fn with_key(room: &Room, token: &str, line: &str) -> Said {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command: Command = room.strongroom(&words);
    feed(command.env("STRONGROOM_API_KEY", token), b"typed")
}

#[test]
fn a_token_stands_alone_on_standard_output() {
    for room in [Room::new(), Room::new().serve(&[])] {
        let made = room.say("keys create --name ci --role runner --app app --expires 12h").done();
        let token = made.text();
        assert!(
            token.starts_with("sr_key_") && token.trim_end().len() == 69 && token.ends_with('\n'),
            "{token}"
        );
        let id = &token["sr_key_".len()..][..12];
        for fact in [id, "ci", "list,deliver", APP] {
            assert!(made.stderr.contains(fact), "{fact}: {}", made.stderr);
        }
        assert!(!made.stderr.contains(token.trim_end()));
        let made = room.json("keys create --name all --can audit,list --expires never");
        assert_eq!((&made["can"], &made["expires_at"]), (&json!(["list", "audit"]), &json!(null)));
        assert_eq!(made["token"].as_str().map(str::len), Some(69));

        let listed = room.say("keys list").done().text();
        assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
        let line = listed.lines().find(|line| line.starts_with(id)).expect("the first key");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[1], words[2], words[4], words.len()), ("ci", "runner", APP, 5), "{listed}");
        let all = room.json("keys list");
        let fields: Vec<&str> =
            all["items"][0].as_object().expect("a key").keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "application_id",
                "can",
                "collection_id",
                "created_at",
                "expires_at",
                "id",
                "last_used_at",
                "name",
                "revoked_at"
            ]
        );

        let said = room.say(&format!("keys revoke {id}")).done();
        assert_eq!(said.stderr, format!("revoked API key {id}; it opens nothing any more\n"));
        assert!(room.say("keys list").done().text().contains("revoked"));
        room.say("keys revoke 000000000000").refused(1, "there is no such API key; keys list shows those");
    }
}

#[test]
fn what_a_key_may_do_is_said_exactly_or_refused() {
    let room = Room::new();
    let check = |options: &str, words: &str| {
        let said = room.say(&format!("keys create --name x {options}"));
        assert_eq!(said.code(), Some(2), "{options}\n{}", said.stderr);
        assert!(said.stderr.contains(words), "{options}\n{}", said.stderr);
    };
    check("--can everything", "--can takes actions with commas between them, of list, write");
    check("--can list,", "--can takes actions");
    check("--role root", "--role takes viewer, runner, editor or admin");
    check("--role viewer --can list", "cannot be used with");
    check("--app app", "--can");
    check("--role viewer --collection db", "--app");
    check("--role viewer --expires tomorrow", "--expires takes 30s, 15m, 12h, 90d");
    check("--role viewer --expires 2026-12-31", "--expires takes");
    check("--role viewer --expires ,", "--expires takes");
    check("--can ,", "--can takes actions");
    room.say("keys create --name x --role viewer --expires 0s").refused(1, "would have expired already");
    room.say("keys create --name x --role viewer --app nowhere").refused(1, "no application nowhere");
    room.say("keys create --name x --role viewer --app app --collection none").refused(1, "none");
    assert_eq!(room.json("keys list"), json!({ "items": [] }));
}

#[test]
fn a_key_opens_what_it_was_made_for_and_nothing_else() {
    let room = served();
    let viewer = room.make_key("--role viewer --app app");
    with_key(&room, &viewer, "secrets get db").done();
    let runner = room.make_key("--role runner --app app");
    for (key, line, action) in [
        (&runner, "secrets reveal db", "reveal"),
        (&viewer, "secrets delete db", "write"),
        (&viewer, "keys list", "manage"),
        (&viewer, "audit list", "audit"),
    ] {
        let words = format!("does not have the right to {action}; use one that was made with --can {action}");
        with_key(&room, key, line).refused(1, &words);
    }
    with_key(&room, &viewer, "run --collection db -- true").refused(125, "the right to deliver");
    with_key(&room, &viewer, "secrets get db --app other")
        .refused(1, "there is no application other; make it with: strongroom apps create other");

    // What may write and not look is told by the deed alone.
    let writer = room.make_key("--can write --app app");
    with_key(&room, &writer, "secrets create --id new --env B").done();
    with_key(&room, &writer, "secrets create --id new --env B")
        .refused(1, "already has a secrets collection new");
    with_key(&room, &writer, "secrets update db --env A").refused(1, "the right to list");

    let manager = room.make_key("--can list,manage --app app");
    let beyond = "keys create --name more --can list,write --app app";
    with_key(&room, &manager, beyond).refused(1, "would lie beyond this API key's own");
    with_key(&room, &manager, "keys create --name less --can list --app app --expires 1h").done();
}

#[test]
fn a_key_that_has_ended_opens_nothing_from_the_next_request_on() {
    let room = served();
    let token = room.make_key("--role runner");
    with_key(&room, &token, "secrets get db").done();
    // Revoked by another process, beside the server.
    let id = &token["sr_key_".len()..][..12];
    feed(&mut room.embedded(&["keys", "revoke", id]), b"").done();
    for (line, code) in [("secrets get db", 1), ("run --collection db -- true", 125)] {
        with_key(&room, &token, line)
            .refused(code, "the API key is not valid: it is unknown, has expired or was revoked");
    }
}

#[test]
fn no_key_is_ever_said_again() {
    let room = served();
    let token = room.make_key("--role viewer");
    let other = if &token[30..31] == "a" { "b" } else { "a" };
    let mistyped = format!("{}{other}{}", &token[..30], &token[31..]);
    let stranger = Room::new().make_key("--role admin");
    for (wrong, words) in [
        (mistyped.as_str(), "STRONGROOM_API_KEY is refused: the checksum of this API key does not match"),
        (&token[..40], "STRONGROOM_API_KEY is refused: this is no API key"),
        ("hunter2", "STRONGROOM_API_KEY is refused: this is no API key"),
        (&stranger, "the API key is not valid"),
    ] {
        for (line, code) in [("secrets list", 1), ("run --collection db -- true", 125)] {
            let said = with_key(&room, wrong, line);
            said.refused(code, words);
            assert!(!said.stderr.contains(wrong), "{}", said.stderr);
        }
    }
    let mut list = room.strongroom(&["secrets", "list"]);
    feed(list.env_remove("STRONGROOM_API_KEY"), b"")
        .refused(1, "an API key is needed: set STRONGROOM_API_KEY, or give --api-key-file FILE");
}

#[test]
fn a_key_comes_from_a_file_too() {
    let room = served();
    let file = room.lay("token", room.make_key("--role viewer") + "\n");
    let say = |option: &str| {
        let mut list = room.strongroom(&["secrets", "get", "db", "--api-key-file", option]);
        feed(list.env("STRONGROOM_API_KEY", "the flag wins"), b"")
    };
    crate::room::set_mode(file.as_ref(), 0o600);
    assert_eq!(say(&file).done().stderr, "");
    for mode in [0o644, 0o640, 0o620, 0o602] {
        crate::room::set_mode(file.as_ref(), mode);
        assert_eq!(
            say(&file).done().stderr,
            format!(
                "strongroom: the API key in {file} is open to other users: chmod 600 {file}; it was used all the same\n"
            )
        );
    }
    say("nowhere").refused(1, "nowhere cannot be read");
    let file = room.lay("none", "hunter2");
    crate::room::set_mode(file.as_ref(), 0o600);
    let said = say(&file);
    said.refused(1, "none holds no API key: this is no API key");
    assert!(!said.stderr.contains("hunter2"));
}

#[test]
fn no_key_reaches_the_program_that_is_run() {
    let room = served();
    let token = room.make_key("--role runner");
    let said = with_key(&room, &token, "run --collection db --no-mask -- env").done();
    assert!(said.text().contains("A=the value"), "{}", said.text());
    assert!(!said.text().contains("STRONGROOM_") && !said.text().contains(&token), "{}", said.text());
}
