//! Marked values go in by every door; then everything that lies or was said anywhere is searched for them, in the forms in
//! which values leak. The same search finds what was planted, or its silence would mean nothing.

mod served;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use rusqlite::Connection;
use serde_json::json;

use crate::room::{Room, Said, feed, list};

/// One for each door.
const VALUES: [&str; 6] = [
    "cn4ry/from+json=\"a\"\\",
    "cn4ry from @file ü",
    "cn4ry:from;stdin%20",
    "cn4ry-lines-one\n\tcn4ry-lines-two = 'ö'\ncn4ry-lines-three\n",
    "cn4ry_updated_value",
    "cn4ry|replaced<value>",
];
const NAMES: [&str; 5] = [
    "cn4ry name of collection",
    "cn4ry description of collection",
    "cn4ry name of application",
    "cn4ry description of application",
    "cn4ry/location.key",
];

/// The texts to look for, each in every form: what to find, and what it is.
struct Needles(BTreeMap<String, String>);

impl Needles {
    fn of(texts: &[&str]) -> Self {
        // Each line too: what is wrapped, quoted or logged comes in lines.
        let parts = texts.iter().flat_map(|text| std::iter::once(*text).chain(text.lines()));
        let named = |(form, needle, part): (&str, String, &str)| (needle, format!("{part:?} {form}"));
        Self(
            parts
                .flat_map(|part| forms(part).map(move |(form, needle)| (form, needle, part)))
                .map(named)
                .collect(),
        )
    }

    /// What of it is found.
    fn find(&self, hay: &[u8]) -> Vec<&str> {
        // Bytes that are no text are replaced one by one and touch none of the text after them.
        let hay = String::from_utf8_lossy(hay);
        let found = self.0.iter().filter(|(needle, _)| hay.contains(*needle));
        found.map(|(_, name)| name.as_str()).collect()
    }

    /// Searches every file below a folder, and the names of the files.
    #[track_caller]
    fn check_absent_below(&self, folder: &Path) {
        let paths = list(folder);
        for path in &paths {
            assert_eq!(self.find(path.as_os_str().as_encoded_bytes()), [""; 0], "{}", path.display());
            if path.is_file() {
                let content = fs::read(path).expect("our own file");
                assert_eq!(self.find(&content), [""; 0], "{}", path.display());
            }
        }
    }
}

/// A text as it is, and as programs write it.
fn forms(text: &str) -> impl Iterator<Item = (&'static str, String)> {
    let bytes = text.as_bytes();
    let mut forms = vec![
        ("raw", text.to_owned()),
        ("hex", HEXLOWER.encode(bytes)),
        ("HEX", HEXUPPER.encode(bytes)),
        ("url", percent_encode(bytes)),
        ("json", json!(text).to_string().trim_matches('"').to_owned()),
        ("debug", format!("{text:?}").trim_matches('"').to_owned()),
        ("bytes", format!("{bytes:?}").trim_matches(['[', ']']).to_owned()),
    ];
    // Within something larger, base64 depends on where the text begins; its first and last digit on the neighbours.
    for skip in 0..3 {
        let shifted = [&[0; 2][..skip], bytes].concat();
        let inner = (skip * 8).div_ceil(6)..shifted.len() * 8 / 6;
        forms.push(("base64", BASE64_NOPAD.encode(&shifted)[inner.clone()].to_owned()));
        forms.push(("base64url", BASE64URL_NOPAD.encode(&shifted)[inner].to_owned()));
    }
    forms.into_iter()
}

fn percent_encode(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    bytes.iter().map(|b| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A room whose program logs all it can, and where everything said is kept.
struct Watched {
    room: Room,
    said: Vec<u8>,
}

impl Watched {
    fn say(&mut self, words: &[&str], input: &str) -> Said {
        let mut command = self.room.strongroom(words);
        self.hear(&mut command, input)
    }

    fn hear(&mut self, command: &mut Command, input: &str) -> Said {
        let said = feed(command.env("STRONGROOM_LOG", "trace"), input.as_bytes());
        self.said.extend_from_slice(&said.stdout);
        self.said.extend_from_slice(said.stderr.as_bytes());
        said
    }

    /// The same, where the values may be on standard output because they were asked for.
    fn hear_errors(&mut self, words: &[&str]) -> Vec<u8> {
        let said = feed(self.room.strongroom(words).env("STRONGROOM_LOG", "trace"), b"").done();
        self.said.extend_from_slice(said.stderr.as_bytes());
        said.stdout
    }

    /// Every door in.
    fn put_in(&mut self) {
        let room = &self.room;
        let from = json!({ "id": "c", "name": NAMES[0], "secrets": [
            { "type": "env", "location": "FROM_JSON", "value": VALUES[0] },
        ] });
        let (from, file) = (room.lay("from.json", from.to_string()), room.lay("file", VALUES[1]));
        let (env, lines) =
            (format!("AT_FILE=@{file}"), format!("{}=@{}", NAMES[4], room.lay("lines", VALUES[3])));
        let words = ["apps", "create", "marked", "--name", NAMES[2], "--description", NAMES[3]];
        self.say(&words, "").done();
        let words = ["secrets", "create", "--from", &from, "--description", NAMES[1], "--env", &env];
        self.say(&[&words[..], &["--env", "STDIN", "--file", &lines]].concat(), VALUES[2]).done();
        self.say(&["secrets", "update", "c", "--env", "NEW"], VALUES[4]).done();
        self.say(&["secrets", "create", "--id", "d", "--env", "A"], "first").done();
        self.say(&["secrets", "update", "d", "--replace", "--env", "B", "--yes"], VALUES[5]).done();
        self.say(&["secrets", "delete", "d"], "").done();
    }

    /// Every refusal that holds a value in its hands.
    fn be_refused(&mut self) {
        let long = VALUES[0].repeat(6000);
        for (words, input) in [
            (&["secrets", "create", "--id", "e", "--from", "-"][..], VALUES[0]),
            (&["secrets", "create", "--id", "e", "--env", "9A"], VALUES[1]),
            (&["secrets", "create", "--id", "e", "--env", "A"], &long),
            (&["secrets", "create", "--id", "e", "--env", "A"], "strongroom-masked:cn4ry_updated_value"),
            (&["secrets", "create", "--id", "e", "--env", "A"], "cn4ry_updated_value\0"),
            (&["secrets", "create", "--id", "c", "--env", "A"], VALUES[2]),
            (&["secrets", "create", "--app", "none", "--id", "e", "--env", "A"], VALUES[3]),
            (&["secrets", "update", "c", "--env", "A", "--if-match", "1"], VALUES[4]),
            (&["secrets", "create", "--id", "e", "--env", "A=cn4ry_updated_value"], ""),
        ] {
            assert_ne!(self.say(words, input).code(), Some(0), "{words:?}");
        }
    }

    /// Everything that looks, lists or delivers.
    fn look(&mut self) {
        for line in [
            "secrets list",
            "secrets get c",
            "secrets get c@1 --output json",
            "secrets versions c",
            "apps list",
            "apps get marked --output json",
            "audit verify",
            "-vvv audit verify --without-key",
        ] {
            self.say(&line.split(' ').collect::<Vec<_>>(), "").done();
        }
        let script = "echo \"$FROM_JSON $AT_FILE $STDIN $NEW\"; cat cn4ry/*; echo \"$NEW\" >&2";
        let mut run = self.room.running("--collection c", script);
        assert_eq!(self.hear(&mut run, "").code(), Some(0));
        // strongroom dies as the child did, and leaves no memory of its own where the child may leave some.
        let mut shell = self.room.command("sh");
        shell.args(["-c", "ulimit -S -c $(ulimit -H -c); exec \"$0\" run --collection c -- sh -c \"$1\""]);
        shell.args([env!("CARGO_BIN_EXE_strongroom"), "ulimit -c 0; kill -ABRT $$"]);
        assert_eq!(self.hear(&mut shell, "").signal(), Some(6));
    }
}

#[test]
fn no_value_is_found_anywhere() {
    let mut watched = Watched { room: Room::new(), said: Vec::new() };
    let data = watched.room.path("data");
    // A reader of its own keeps the log of the database as it is, with all that went through it.
    let reader = Connection::open(data.join("strongroom.db")).expect("our own file");
    reader.execute_batch("BEGIN; SELECT count(*) FROM layout").expect("our own table");
    watched.put_in();
    watched.be_refused();
    watched.look();
    let revealed = watched.hear_errors(&["secrets", "reveal", "c", "--output", "json"]);
    let unmasked = ["run", "--collection", "c", "--no-mask", "--", "sh", "-c", "echo \"$NEW\""];
    let unmasked = watched.hear_errors(&unmasked);

    let (values, names) = (Needles::of(&VALUES), Needles::of(&NAMES));
    assert!(watched.said.windows(5).any(|word| word == b"DEBUG"), "the log was on");
    assert_eq!(values.find(&watched.said), [""; 0]);
    let names_in_files: Vec<_> =
        list(&data).iter().filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    for file in ["strongroom.db", "strongroom.db-wal", "strongroom.db-shm", "lock"] {
        assert!(names_in_files.iter().any(|name| name == file), "{file} is searched too: {names_in_files:?}");
    }
    for folder in [&data, &watched.room.path("key"), &watched.room.path("home"), watched.room.memory()] {
        values.check_absent_below(folder);
        names.check_absent_below(folder);
    }
    for line in [&["audit", "list"][..], &["audit", "list", "--output", "json"]] {
        let listed = watched.say(line, "").done().stdout;
        assert_eq!((values.find(&listed), names.find(&listed)), (vec![], vec![]));
    }
    reader.close().expect("it is open");
    // Folded into the database file, and nothing of it in what is free there.
    let database = Connection::open(data.join("strongroom.db")).expect("our own file");
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("nobody else is there");
    values.check_absent_below(&data);
    names.check_absent_below(&data);

    // Where values were asked for they are, and the search sees them.
    assert!(values.find(&revealed).len() >= 5, "{:?}", values.find(&revealed));
    assert!(values.find(&unmasked).iter().any(|found| found.contains(VALUES[4])));
}

#[test]
fn the_search_finds_what_was_planted_in_every_form() {
    for text in VALUES.iter().chain(&NAMES) {
        let needles = Needles::of(&[text]);
        let encoded = [vec![], b"x".to_vec(), b"xy".to_vec()].map(|before| {
            let whole = [&before, text.as_bytes(), b"more"].concat();
            [BASE64_NOPAD.encode(&whole), BASE64URL_NOPAD.encode(&whole)].concat()
        });
        let plain = [
            (*text).to_owned(),
            HEXLOWER.encode(text.as_bytes()),
            HEXUPPER.encode(text.as_bytes()),
            percent_encode(text.as_bytes()),
            json!({ "value": text }).to_string(),
            format!("{:?}", Some(text)),
            format!("{:?}", text.as_bytes()),
        ];
        for form in plain.into_iter().chain(encoded) {
            let hay = format!("{}{form}{}", "\u{1}".repeat(4096), "\u{2}".repeat(4096));
            assert!(!needles.find(hay.as_bytes()).is_empty(), "{form}");
        }
        assert_eq!(needles.find(b"strongroom: nothing of the kind"), [""; 0]);
    }
    let room = Room::new();
    fs::write(room.path("data/planted"), HEXLOWER.encode(VALUES[4].as_bytes())).expect("our own folder");
    let needles = Needles::of(&VALUES);
    let holds = |path: &&PathBuf| !needles.find(&fs::read(path).expect("our own file")).is_empty();
    let found = list(&room.path("data"));
    assert_eq!(found.iter().filter(holds).collect::<Vec<_>>(), [&room.path("data/planted")]);
}
