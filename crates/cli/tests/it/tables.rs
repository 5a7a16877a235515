//! What people and terminals are shown: in 80 columns, and nothing that does harm.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::room::{Room, feed};
use crate::terminal::Terminal;

/// With the ids of the documentation.
fn room() -> Room {
    let room = Room::new();
    room.say("apps create routing").done();
    room.say_with("secrets create --app routing --id licences --env A", "a value").done();
    for _ in 0..10 {
        room.say_with("secrets update licences --app routing --env A", "a value").done();
    }
    room.run("--app routing --collection licences", "true").done();
    room
}

#[test]
fn the_audit_list_fits_into_80_columns_and_breaks_no_id() {
    let room = room();
    let text = room.say("audit list").done().text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 15, "one line for each record\n{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["SEQ", "TIME", "ACTOR", "ACTION", "SUBJECT"]
    );
    let last: Vec<&str> = lines[15].split_whitespace().collect();
    assert_eq!((last[0], last[3], last[4]), ("14", "collection.deliver", "routing/licences@11"));
    assert!(last[1].len() == "2026-01-02T03:04:05Z".len() && last[2].starts_with("uid:"), "{last:?}");
    let text = room.say("audit list --app routing").done().text();
    assert!(text.ends_with("  collection.deliver  licences@11\n"), "{text}");
}

#[test]
fn what_keys_did_fits_into_80_columns_too() {
    let room = Room::new().serve(&[]);
    room.say("apps create routing").done();
    room.say_with("secrets create --app routing --id licences --env A", "a value").done();
    room.say("secrets rollback licences --to 1 --app routing").done();
    let text = room.say("audit list").done().text();
    assert!(text.contains("collection.rollback  routing/licences@2\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn no_id_is_broken_on_a_narrow_terminal() {
    let room = room();
    let mut command = room.command("setsid");
    command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_strongroom"), "audit", "list"]);
    let (screen, code) = Terminal::start(&mut command, "").end();
    assert_eq!(code, Some(0));
    assert_eq!(screen.matches("routing/licences@").count(), 12, "{screen}");
}

#[test]
fn a_list_is_cut_on_a_terminal_and_nowhere_else() {
    let room = Room::new();
    let (app, id, name) = ("a".repeat(64), "c".repeat(64), "a-name-".repeat(30));
    room.say(&format!("apps create {app} --name {name}")).done();
    room.say_with(&format!("secrets create --app {app} --id {id} --name {name} --env A"), "a value").done();
    let key = format!("keys create --name {name} --can list,write,deliver --app {app} --collection {id}");
    room.say(&key).done();
    let on_terminal = |line: &str| {
        let mut command = room.command("setsid");
        command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_strongroom")]).args(line.split(' '));
        let (screen, code) = Terminal::start(&mut command, "").end();
        assert_eq!(code, Some(0), "{screen}");
        screen
    };
    for line in ["apps list", &format!("secrets list --app {app}"), "keys list", "audit list"] {
        let text = room.say(line).done().text();
        assert!(text.contains(&app) || text.contains(&name), "{text}");
        assert!(!text.contains('…'), "{text}");
        let screen = on_terminal(line);
        assert!(screen.contains('…'), "{screen}");
        assert_eq!(screen.lines().count(), text.lines().count(), "a row is a line\n{screen}");
        assert!(screen.lines().all(|line| line.trim_end().chars().count() <= 80), "{screen}");
        let json = on_terminal(&format!("{line} --output json"));
        assert!(!json.contains('…') && (json.contains(&app) || json.contains(&name)), "{json}");
    }
}

#[test]
fn json_is_harmless_on_a_terminal_and_the_same_json() {
    let room = Room::new();
    let harmful = "a\u{9b}31m\u{7f}\u{200b}\u{202e}\u{2028}\u{2060}\u{2066}\u{61c}\u{feff}b";
    let collection = json!({ "id": "db", "name": harmful, "secrets": [
        { "type": "env", "location": "A", "value": harmful },
    ] });
    room.say_with("secrets create --from -", collection.to_string()).done();
    for line in ["secrets get db", "secrets reveal db", "secrets list"] {
        let said =
            feed(&mut room.strongroom(&format!("{line} --output json").split(' ').collect::<Vec<_>>()), b"")
                .done();
        let text = said.text();
        let escaped = "a\\u009b31m\\u007f\\u200b\\u202e\\u2028\\u2060\\u2066\\u061c\\ufeffb";
        assert!(text.is_ascii() && text.contains(escaped), "{text}");
        let value: Value = said.json();
        let name = value.get("name").unwrap_or(&value["items"][0]["name"]);
        assert_eq!(name, harmful, "{line}");
    }
    assert_eq!(room.json("secrets reveal db")["secrets"][0]["value"], harmful);
    let table = room.say("secrets list").done().text();
    assert!(table.is_ascii(), "{table}");
}

#[test]
fn what_hashes_alone_can_say_is_said_as_no_more() {
    let room = room();
    let text = room.say("audit verify --without-key").done().text();
    assert!(
        text.contains("consistent, not authenticated: whoever can write the data can also make this"),
        "{text}"
    );
    let labels: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(labels, ["ledger", "records", "root"]);
    assert!(room.say("audit verify").done().text().contains("in order"));
}

#[test]
fn a_finding_is_said_once() {
    let room = room();
    let database = Connection::open(room.path("data/strongroom.db")).expect("our own file");
    database.execute("UPDATE records SET time = time + 1 WHERE seq = 3", []).expect("our own table");
    drop(database);
    let said = room.say("audit verify");
    said.refused(3, "the ledger was changed: ");
    let parts: Vec<&str> = said.stderr.trim_end().split(": ").collect();
    let mut once = parts.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(parts.len(), once.len(), "{}", said.stderr);
}

#[test]
fn what_was_acknowledged_rests_in_the_database_itself() {
    let room = Room::new();
    let log = room.path("data/strongroom.db-wal");
    let is_empty = || fs::metadata(&log).map_or(0, |metadata| metadata.len()) == 0;
    for line in [
        "init",
        "apps create other",
        "apps list",
        "apps get other",
        "apps delete other --yes",
        "secrets create --id db --env A",
        "secrets update db --env A",
        "secrets list",
        "secrets get db",
        "secrets versions db",
        "secrets reveal db A",
        "secrets delete db",
        "audit list",
        "audit verify",
        "audit verify --without-key",
    ] {
        room.say_with(line, "a value").done();
        assert!(is_empty(), "{line}");
    }
    room.say_with("secrets create --id db --env A", "a value").done();
    room.run("--collection db", "true").done();
    assert!(!is_empty(), "a run does not pay for it");
    room.say("audit verify --without-key").done();
    assert!(is_empty(), "and the next command does");
}
