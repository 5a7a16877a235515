//! Every documented refusal, as a user meets it: one sentence with place and rule, the documented exit code, no value
//! anywhere, and nothing done. Faults of the key and of the data folder are in `root_key`.

use serde_json::{Value, json};

use crate::room::{Room, Said, feed};

/// Stands in everything that is handed in, and may stand in nothing that comes out.
const PLANTED: &str = "hunter2-planted";

/// A small strongroom, and in it what must not change: `db` at its second version, and `other`.
struct Bench {
    room: Room,
    /// A mask of a value that `db` has, one that it had, and one of `other`.
    current: String,
    stale: String,
    foreign: String,
}

impl Bench {
    fn new() -> Self {
        let room = super::place(Room::with_limits("4x64"));
        room.say_with("secrets create --id db --env A", "first").done();
        let stale = mask(&room, "db");
        let key = room.lay("content", "the file");
        room.say_with(&format!("secrets update db --env A --file conf/x=@{key}"), "second").done();
        room.say_with("secrets create --id other --env A", "another").done();
        let (current, foreign) = (mask(&room, "db"), mask(&room, "other"));
        Self { room, current, stale, foreign }
    }

    /// Everything that is there: a refusal changes nothing of it.
    fn state(&self) -> Value {
        let lines = ["audit list", "apps list", "secrets list", "secrets get db", "secrets versions db"];
        lines.iter().map(|line| self.room.json(line)).collect()
    }

    /// Says a line that must be refused with this code and these words, and looks that nothing happened.
    #[track_caller]
    fn check(&self, line: &str, input: impl AsRef<[u8]>, code: i32, words: &str) {
        let before = self.state();
        let said = self.room.say_with(line, input);
        said.refused(code, words);
        self.check_untouched(&before, &said);
    }

    #[track_caller]
    fn check_untouched(&self, before: &Value, said: &Said) {
        assert!(!said.stderr.contains(PLANTED) && !said.text().contains(PLANTED), "{}", said.stderr);
        assert_eq!(&self.state(), before, "{}", said.stderr);
        assert!(self.room.leftovers().is_empty(), "{:?}", self.room.leftovers());
    }

    /// A document that neither creates a collection nor updates one.
    #[track_caller]
    fn check_document(&self, document: impl AsRef<[u8]>, words: &str) {
        self.check("secrets create --id new --from -", &document, 1, words);
        self.check("secrets update db --from -", &document, 1, words);
        self.check("secrets update db --replace --yes --from -", &document, 1, words);
    }
}

fn mask(room: &Room, id: &str) -> String {
    room.json(&format!("secrets get {id}"))["secrets"][0]["value"].as_str().expect("a mask").to_owned()
}

fn secret(kind: &str, location: &str, value: &str) -> Value {
    json!({ "type": kind, "location": location, "value": value })
}

#[test]
fn ids_are_refused_by_their_rule() {
    let bench = Bench::new();
    let rule = "an id has 1 to 64 characters of A-Z a-z 0-9 . _ - and begins with a letter or a digit";
    for id in ["a/b", "..", "-", "_a", "ü", "a%20b", &"x".repeat(65)] {
        bench.check(&format!("secrets create --id={id} --env A"), PLANTED, 2, rule);
        bench.check(&format!("secrets create --app={id} --id new --env A"), PLANTED, 2, rule);
        bench.check(&format!("apps create -- {id}"), "", 2, rule);
        bench.check(&format!("secrets get -- {id}"), "", 2, rule);
        for verb in
            ["delete", "versions", "restore", "update --name x", "diff --from 1 --to 2", "rollback --to 1"]
        {
            bench.check(&format!("secrets {verb} -- {id}"), "", 2, rule);
        }
        bench.check(&format!("secrets import --from - --id={id}"), "", 2, rule);
        bench.check(&format!("secrets list --app={id}"), "", 2, rule);
        for verb in ["get", "update --name x", "delete --yes", "restore"] {
            bench.check(&format!("apps {verb} -- {id}"), "", 2, rule);
        }
        bench.check(&format!("audit list --app={id}"), "", 2, rule);
        bench.check(&format!("audit list --app=app --collection={id}"), "", 2, rule);
        let key = "keys create --name x --role viewer";
        bench.check(&format!("{key} --app={id}"), "", 2, rule);
        bench.check(&format!("{key} --app=app --collection={id}"), "", 2, rule);
        bench.check(&format!("keys revoke -- {id}"), "", 2, "an API key");
        bench.check(&format!("run --app={id} --collection=db -- echo started"), "", 125, rule);
        bench.check(&format!("run --collection={id} -- echo started"), "", 125, rule);
    }
    let document = json!({ "id": "a/b", "secrets": [secret("env", "A", PLANTED)] });
    bench.check("secrets create --from -", document.to_string(), 1, "collection id \"a/b\" is refused");
    let document = json!({ "id": "other", "secrets": [secret("env", "A", PLANTED)] });
    bench.check(
        "secrets update db --from -",
        document.to_string(),
        1,
        "of another secrets collection, \"other\"",
    );
}

#[test]
fn locations_are_refused_by_their_rule() {
    let bench = Bench::new();
    for (kind, location, words) in [
        ("env", "", "the location is empty"),
        ("env", "9LIVES", "may not begin with a digit"),
        ("env", "DB-PASS", "(byte 2 is something else)"),
        ("env", "PASS ", "(byte 4 is something else)"),
        ("env", &*"A".repeat(257), "has 257 bytes, and the limit is 256"),
        ("file", "", "the location is empty"),
        ("file", "../x", "a part . or .."),
        ("file", "a/./b", "a part . or .."),
        ("file", "a//b", "an empty part"),
        ("file", "a/", "may not end with /"),
        ("file", "a\\b", "a control character or a backslash"),
        ("file", "a\nb", "a control character or a backslash"),
        ("file", "u\u{308}", "normalization form C"),
        ("file", &*"x".repeat(256), "has 256 bytes, and the limit is 255"),
        ("file", &*"x/".repeat(513), "has 1026 bytes, and the limit is 1024"),
    ] {
        bench.check_document(secret(kind, location, PLANTED).to_string(), words);
    }
}

#[test]
fn documents_that_are_not_in_the_documented_form_are_refused_by_place_and_rule() {
    let bench = Bench::new();
    let value = format!("\"location\":\"A\",\"value\":\"{PLANTED}\"");
    for (document, words) in [
        (String::new(), "this is not JSON"),
        (format!("{{\"type\":\"env\",{value}"), "this is not JSON"),
        // What begins like no JSON is read as dotenv.
        (PLANTED.to_owned(), "line 1, column 1: a line is NAME=VALUE"),
        (format!("\"{PLANTED}\""), "line 1, column 1: a line is NAME=VALUE"),
        (format!("{{\"type\":\"ENV\",{value}}}"), "type must be \"env\" or \"file\""),
        (format!("{{\"type\":\"{PLANTED}\",{value}}}"), "type must be \"env\" or \"file\""),
        (format!("{{{value}}}"), "type is missing"),
        (format!("[{{\"type\":\"env\",\"value\":\"{PLANTED}\"}}]"), "0.location is missing"),
        ("{\"type\":\"env\",\"location\":\"A\"}".to_owned(), "value is missing"),
        ("{\"type\":\"env\",\"location\":\"A\",\"value\":null}".to_owned(), "value must be a string"),
        (format!("{{\"secrets\":{{\"A\":\"{PLANTED}\"}}}}"), "secrets must be an array"),
        (format!("{{\"type\":\"env\",{value},\"value\":\"x\"}}"), "an object has this key twice"),
        (format!("{{\"type\":\"env\",\"type\":\"env\",{value}}}"), "an object has this key twice"),
        (format!("{{\"type\":\"env\",\"location\":\"A\",\"value\":\"{PLANTED}\\ud83d\"}}"), "surrogate"),
        (
            format!("{{\"type\":\"env\",\"location\":\"A\",\"value\":\"{PLANTED}\\u0000\"}}"),
            "env:A is refused: the value contains a NUL",
        ),
    ] {
        bench.check_document(document, words);
    }
    let mut document = format!("{{\"type\":\"env\",{value}}}").into_bytes();
    document.insert(40, 0xff);
    bench.check_document(document, "the text is not UTF-8");
    bench.check(
        "secrets create --id new --env A",
        b"\xff hunter2-planted",
        1,
        "env:\"A\" is refused: the value is not UTF-8",
    );
}

#[test]
fn two_secrets_may_not_meet() {
    let bench = Bench::new();
    let twice = json!([secret("env", "A", PLANTED), secret("env", "A", PLANTED)]).to_string();
    bench.check("secrets create --id new --from -", &twice, 1, "env:A is given twice");
    bench.check("secrets update db --from -", &twice, 1, "env:A is named by two operations");
    bench.check("secrets update db --replace --yes --from -", &twice, 1, "env:A is given twice");
    bench.check("secrets update db --remove A --env A", PLANTED, 1, "env:A is named by two operations");
    let one_path = json!([secret("file", "/a/b", PLANTED), secret("file", "a/b", PLANTED)]).to_string();
    bench.check_document(&one_path, "reach one path");
    let below = json!([secret("file", "a", PLANTED), secret("file", "a/b", PLANTED)]).to_string();
    bench.check_document(&below, "would lie below the file file:a");
    // On the final state: one of them was there before.
    bench.check("secrets update db --file ./conf/x=@-", PLANTED, 1, "reach one path");
    bench.check("secrets update db --file conf=@-", PLANTED, 1, "would lie below the file file:conf");
}

#[test]
fn what_a_sentence_quotes_moves_no_cursor_and_turns_no_text() {
    let bench = Bench::new();
    let twice = json!([secret("file", "a\u{202e}b", PLANTED), secret("file", "a\u{202e}b", PLANTED)]);
    bench.check("secrets create --id new --from -", twice.to_string(), 1, "file:a\\u{202e}b is given twice");
    bench.check("secrets create --id new --from a\nb\u{1b}[31m", "", 1, "a\\u{a}b\\u{1b}[31m cannot be read");
}

#[test]
fn a_limit_is_named_with_the_actual_size() {
    let bench = Bench::new();
    let long = format!("{PLANTED:x<65}");
    let words = "env:A is refused: the value has 65 bytes, and the limit is 64 bytes a value";
    bench.check_document(secret("env", "A", &long).to_string(), words);
    bench.check("secrets create --id new --env A", &long, 1, words);
    bench.check("secrets update db --env A", &long, 1, words);
    let five = ["B", "C", "D", "E", "F"].map(|name| secret("env", name, PLANTED));
    let words = "the collection would have 5 secrets, and the limit is 4";
    bench.check("secrets create --id new --from -", json!(five).to_string(), 1, words);
    bench.check("secrets update db --from -", json!(five[..3]).to_string(), 1, words);
    let huge = "x".repeat(300 * 1024);
    bench.check_document(secret("env", "A", &huge).to_string(), "more than 262144 bytes");
    for (field, limit) in [("name", 1024), ("description", 16 * 1024)] {
        let document = json!({ field: "x".repeat(limit + 1), "secrets": [secret("env", "A", PLANTED)] });
        let words = format!("the {field} is refused: it has {} bytes and the limit is {limit}", limit + 1);
        bench.check_document(document.to_string(), &words);
    }
    let exactly = [secret("env", "A", &"x".repeat(64)), secret("env", "B", ""), secret("env", "C", "")];
    bench.room.say_with("secrets create --id new --from -", json!(exactly).to_string()).done();
}

#[test]
fn a_mask_is_never_taken_for_a_value() {
    let bench = Bench::new();
    let Bench { current, stale, foreign, .. } = &bench;
    let create = "secrets create --id new --env A";
    bench.check(create, current, 1, "env:A is refused: its value is a mask");
    bench.check(create, format!("strongroom-masked:{PLANTED}"), 1, "begins like a mask but is none");
    bench.check("secrets update db --env NEW", current, 1, "env:NEW is refused: its value is a mask");
    bench.check(
        "secrets update db --env A",
        foreign,
        1,
        "env:A is refused: its value is a mask of something else",
    );
    bench.check(
        "secrets update db --file conf/x=@-",
        current,
        1,
        "file:conf/x is refused: its value is a mask of something else",
    );
    bench.check(
        "secrets update db --env A",
        stale,
        1,
        "env:A is refused: its value is a mask of an older value",
    );
    let forged =
        format!("{}{}", &current[..current.len() - 1], if current.ends_with('0') { '1' } else { '0' });
    bench.check("secrets update db --env A", forged, 1, "a mask of something else");
}

#[test]
fn what_is_not_there_is_said_with_what_to_do() {
    let bench = Bench::new();
    let make = "there is no application nowhere; make it with: strongroom apps create nowhere";
    bench.check("secrets create --app nowhere --id new --env A", PLANTED, 1, make);
    bench.check("secrets update db --app nowhere --env A", PLANTED, 1, make);
    for line in
        ["secrets get db", "secrets list", "secrets delete db", "secrets versions db", "secrets reveal db"]
    {
        bench.check(&format!("{line} --app nowhere"), "", 1, make);
    }
    bench.check("apps delete nowhere --yes", "", 1, "there is no application nowhere");
    bench.check("apps create app", "", 1, "there is already an application app");
    bench.check(
        "secrets create --id db --env A",
        PLANTED,
        1,
        "already has a secrets collection db; update it",
    );
    for line in ["get", "delete", "versions", "reveal"] {
        bench.check(&format!("secrets {line} none"), "", 1, "application app has no secrets collection none");
    }
    bench.check("secrets update none --env A", PLANTED, 1, "application app has no secrets collection none");
    bench.check("secrets get db@9", "", 1, "secrets collection db has no version 9");
    bench.check("secrets reveal db@9 A", "", 1, "secrets collection db has no version 9");
    bench.check("secrets reveal db B", "", 1, "no secret at \"B\"");
    bench.check("secrets update db --remove B", "", 1, "no secret at \"B\"");
    bench.check("secrets update db --env A --if-match 1", PLANTED, 1, "is at version 2, not 1");
    bench.check("secrets create --id new", "", 1, "needs at least one secret");
    bench.check("secrets update db", "", 1, "nothing to change");
    bench.check("secrets create --id new --from nothing.json", "", 1, "nothing.json cannot be read");
    bench.check("secrets create --id new --env A=@nothing", "", 1, "nothing cannot be read");
}

#[test]
fn a_location_that_is_two_secrets_must_be_said_with_its_type() {
    let bench = Bench::new();
    bench.room.say_with("secrets create --id both --env A --file A=@/dev/null", "value").done();
    let words = "\"A\" is both a variable and a file here; write env:A or file:A";
    bench.check("secrets reveal both A", "", 1, words);
    bench.check("secrets update both --remove A", "", 1, words);
    assert_eq!(bench.room.say("secrets reveal both env:A").done().stdout, b"value");
    assert_eq!(bench.room.say("secrets reveal both file:A").done().stdout, b"");
}

#[test]
fn a_literal_value_on_the_command_line_is_refused() {
    let bench = Bench::new();
    let words = "a value on the command line would sit in the shell's history and in ps";
    for verb in ["create --id new", "update db"] {
        bench.check(&format!("secrets {verb} --env A={PLANTED}"), "", 2, words);
        bench.check(&format!("secrets {verb} --file conf/y={PLANTED}"), "", 2, words);
        bench.check(&format!("secrets {verb} --file {PLANTED}"), "", 2, words);
        let words = "two values would be read from one standard input";
        bench.check(&format!("secrets {verb} --env A --env B"), PLANTED, 2, words);
        bench.check(&format!("secrets {verb} --env A --from -"), PLANTED, 2, words);
        bench.check(&format!("secrets {verb} --env A=@- --file x=@-"), PLANTED, 2, words);
        let words = "--from takes a file; give JSON itself on standard input";
        bench.check(&format!("secrets {verb} --from {{\"value\":\"{PLANTED}\"}}"), "", 2, words);
        bench.check(&format!("secrets {verb} --from [{{\"value\":\"{PLANTED}\"}}]"), "", 2, words);
    }
}

#[test]
fn no_word_in_the_wrong_place_is_said_again() {
    let bench = Bench::new();
    for (line, code) in [
        (format!("secrets create API_KEY={PLANTED}"), 2),
        (format!("secrets create --env A {PLANTED}"), 2),
        (format!("secrets update db --env A {PLANTED}"), 2),
        (format!("secrets update db --password={PLANTED}"), 2),
        (format!("secrets update db --if-match {PLANTED}"), 2),
        (format!("secrets update db --yes={PLANTED}"), 2),
        (format!("secrets {PLANTED}"), 2),
        (PLANTED.to_owned(), 2),
        (format!("apps list --output {PLANTED}"), 2),
        (format!("run --collection db {PLANTED}"), 125),
    ] {
        let before = bench.state();
        let said = bench.room.say(&line);
        assert_eq!(said.code(), Some(code), "{line}\n{}", said.stderr);
        assert!(said.stderr.starts_with("strongroom: "), "{}", said.stderr);
        bench.check_untouched(&before, &said);
    }
}

#[test]
fn an_empty_value_is_never_taken_from_a_pipe() {
    let bench = Bench::new();
    for (line, words) in [
        (
            "secrets create --id new --env A",
            "nothing was read for A; to set an empty value give an empty file: A=@FILE",
        ),
        ("secrets update db --env A", "nothing was read for A"),
        ("secrets update db --env A=@-", "nothing was read for A"),
        ("secrets update db --file conf/x=@-", "nothing was read for conf/x"),
    ] {
        bench.check(line, "", 1, words);
    }
    // What `echo` makes of an unset variable.
    let before = bench.state();
    let said = bench.room.say_with("secrets update db --env A", "\n");
    assert!(said.stderr.ends_with("give an empty file: A=@FILE\n"), "{}", said.stderr);
    bench.check_untouched(&before, &said);
    bench.room.say("secrets update db --env A=@/dev/null").done();
    assert_eq!(bench.room.say("secrets reveal db A").done().text(), "");
}

#[test]
fn what_can_be_judged_without_a_value_is_judged_before_one_is_read() {
    let bench = Bench::new();
    let value = "A=@nothing-to-read";
    for (line, code, words) in [
        (
            format!("secrets create --app nowhere --id new --env {value}"),
            1,
            "there is no application nowhere",
        ),
        (format!("secrets create --id a/b --env {value}"), 2, "collection id \"a/b\" is refused"),
        (format!("secrets create --id db --env {value}"), 1, "already has a secrets collection db"),
        (format!("secrets create --id new --env {value} --env 9=@nothing"), 2, "may not begin with a digit"),
        (format!("secrets create --id new --env {value} --file ../x=@-"), 2, "a part . or .."),
        (format!("secrets update db --app nowhere --env {value}"), 1, "there is no application nowhere"),
        (format!("secrets update none --env {value}"), 1, "has no secrets collection none"),
        (format!("secrets update db --env {value} --if-match 1"), 1, "is at version 2, not 1"),
        (format!("secrets update db --env {value} --remove B"), 1, "no secret at \"B\""),
    ] {
        bench.check(&line, "", code, words);
    }
}

#[test]
fn a_question_that_nobody_can_answer_is_a_no() {
    let bench = Bench::new();
    bench.check("apps delete app", "y\n", 1, "This needs --yes where nobody can be asked; nothing was done");
    let line = "secrets update db --replace --env B";
    bench.check(line, PLANTED, 1, "This removes env:A, file:conf/x. Go on? This needs --yes");
}

#[test]
fn a_line_that_cannot_be_read_ends_with_2_and_of_run_with_125() {
    let bench = Bench::new();
    let check = |line: &str, code: i32, words: &str| {
        let before = bench.state();
        let said = bench.room.say(line);
        assert_eq!(said.code(), Some(code), "{line}\n{}", said.stderr);
        assert!(said.stderr.contains(words), "{line}\n{}", said.stderr);
        bench.check_untouched(&before, &said);
    };
    check("secrets", 2, "Usage: strongroom secrets");
    check("secrets get", 2, "required");
    check("secrets get db --nonsense", 2, "unexpected argument");
    check("secrets update db --if-match first", 2, "invalid value");
    for at in ["A", "../x"] {
        check(&format!("secrets update db --env 9{at}"), 2, "is refused: ");
    }
    check("secrets update db --file ../x=@-", 2, "a part . or ..");
    check("secrets get db@first", 2, "a version is a number");
    check("secrets update db --replace", 2, "--replace needs the secrets");
    check("audit list --collection db", 2, "--app");
    check("apps list --output xml", 2, "invalid value");
    check("run", 125, "required");
    check("run --collection db", 125, "required");
    check("run --collection db --", 125, "required");
    check("run -- echo started", 125, "--collection");
    check("run --nonsense --collection db -- echo started", 125, "unexpected argument");
    check("run --collection db@first -- echo started", 125, "a version is a number");
    check("--output table run --collection db echo started", 125, "unexpected argument");
    for (line, code) in [("secrets list", 2), ("run --collection db -- echo started", 125)] {
        let words: Vec<&str> = line.split(' ').collect();
        let said = feed(bench.room.strongroom(&words).env_remove("STRONGROOM_APP"), b"");
        said.refused(code, "which application? give --app APP or set STRONGROOM_APP");
        let said = feed(bench.room.strongroom(&words).env("STRONGROOM_APP", "a/b"), b"");
        let code = if code == 2 { 1 } else { code };
        said.refused(code, "STRONGROOM_APP is refused: application id \"a/b\" is refused");
    }
}

#[test]
fn a_run_of_what_is_not_there_starts_nothing_and_records_nothing() {
    let bench = Bench::new();
    let started = bench.room.path("desk/started");
    for (options, words) in [
        ("--collection none", "application app has no secrets collection none"),
        ("--collection db@9", "secrets collection db has no version 9"),
        ("--app nowhere --collection db", "there is no application nowhere"),
        ("--collection db --home nowhere", "nowhere cannot be used"),
    ] {
        let before = bench.state();
        let said = bench.room.run(options, &format!("touch {}", started.display()));
        said.refused(125, words);
        bench.check_untouched(&before, &said);
        assert!(!started.exists(), "{options}");
    }
}
