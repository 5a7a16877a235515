//! Files of secrets, in JSON and in dotenv: what is read is stored to the byte, what is doubtful is refused where it stands.

use serde_json::json;

use crate::room::{Room, Said};

/// What readers of dotenv disagree about, written so that there is one meaning.
const DOTENV: &str = "\u{feff}# settings\nexport PLAIN = value # comment\nSINGLE='$HOME `id` \\n'\n\
    DOUBLE=\"a\\n\\\"b\\\" \\$c\"\nLINES='one\ntwo'\nEMPTY=\n";
const EXPECTED: [(&str, &str); 5] = [
    ("PLAIN", "value"),
    ("SINGLE", "$HOME `id` \\n"),
    ("DOUBLE", "a\n\"b\" $c"),
    ("LINES", "one\ntwo"),
    ("EMPTY", ""),
];

#[track_caller]
fn check_stored(room: &Room, id: &str) {
    for (name, value) in EXPECTED {
        assert_eq!(room.say(&format!("secrets reveal {id} {name}")).done().text(), value, "{name}");
    }
    let count = room.json(&format!("secrets get {id}"))["secrets"].as_array().map(Vec::len);
    assert_eq!(count, Some(EXPECTED.len()));
}

#[test]
fn dotenv_is_told_by_name_by_content_or_by_word() {
    for room in [Room::new(), Room::new().serve(&[])] {
        for (number, name) in [".env", "prod.env", ".env.local", "settings"].into_iter().enumerate() {
            let path = room.lay(name, DOTENV);
            let said = room.say(&format!("secrets import --from {path} --id c{number}")).done();
            assert_eq!(said.stderr, format!("created secrets collection c{number} (version 1, 5 secrets)\n"));
            check_stored(&room, &format!("c{number}"));
        }
        let path = room.lay("misnamed.json", DOTENV);
        room.say(&format!("secrets import --from {path} --id no"))
            .refused(1, "misnamed.json was not taken: at byte 0 of the JSON: this is not JSON");
        room.say(&format!("secrets create --from {path} --id word --dialect dotenv")).done();
        check_stored(&room, "word");
        room.say_with("secrets create --from - --id input", DOTENV).done();
        check_stored(&room, "input");
    }
}

#[test]
fn an_import_into_what_is_there_sets_and_keeps() {
    for room in [Room::new(), Room::new().serve(&[])] {
        room.say_with("secrets create --id db --env KEPT --name before", "kept").done();
        let path = room.lay("more.env", "NEW='new'\n");
        let said = room.say(&format!("secrets import --from {path} --id db")).done();
        assert_eq!(
            said.stderr,
            "updated secrets collection db to version 2\n  added env:NEW\n  kept 1 as they were\n"
        );
        assert_eq!(room.say("secrets reveal db KEPT").done().text(), "kept");
        // A document that names its collection needs no other name.
        let document = json!({ "id": "db", "name": "after", "secrets": [
            { "type": "env", "location": "NEW", "value": "newer" },
        ] });
        room.say_with("secrets import --from -", document.to_string()).done();
        assert_eq!(room.say("secrets reveal db NEW").done().text(), "newer");
        assert_eq!(room.json("secrets get db")["name"], "after");
        room.say_with("secrets import --from - --id copy", document.to_string()).done();
        assert_eq!(room.json("secrets list")["items"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn what_is_doubtful_is_refused_where_it_stands_and_not_repeated() {
    let room = Room::new();
    let check = |text: &str, words: &str| {
        let path = room.lay("doubtful.env", text);
        let said = room.say(&format!("secrets import --from {path} --id new"));
        said.refused(1, words);
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
        said.stderr
    };
    let said = check("A=1\nhunter2\n", "line 2, column 1");
    assert!(said.contains("doubtful.env was not taken: "), "{said}");
    check("A=1\n  9A=hunter2\n", "line 2, column 3");
    check("A='hunter2", "line 1, column 3");
    check("A=hunter2\nA=hunter2\n", "line 2");
    check("# nothing\n", "at least one secret");
    let path = room.lay("latin.env", b"A=\xe9hunter2");
    room.say(&format!("secrets import --from {path}")).refused(1, "the text is not UTF-8");
    assert_eq!(room.json("secrets list"), json!({ "items": [] }));
}

#[test]
fn an_application_that_is_not_there_is_said_before_the_file_is_read() {
    let room = Room::new();
    let refused = |said: Said| said.refused(1, "there is no application nowhere; make it with");
    refused(room.say("secrets import --from nothing.env --app nowhere"));
}
