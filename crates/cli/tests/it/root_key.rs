//! Faults of the root key and of the data folder: each is one clear sentence and exit 1, and when the fault is mended
//! everything is as it was.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use rusqlite::Connection;
use rustix::process::geteuid;

use crate::room::{Room, feed, set_mode};

const SECRET: &str = "what must not be lost";

fn with_secret() -> Room {
    let room = Room::new();
    room.say_with("secrets create --id db --env A", SECRET).done();
    room
}

/// Every command that opens the data is refused with these words, and nothing is lost of it.
#[track_caller]
fn check_refused(room: &Room, words: &str) {
    room.say("secrets reveal db A").refused(1, words);
    room.say_with("secrets update db --env A", "another value").refused(1, words);
    room.say("audit verify").refused(1, words);
    room.run("--collection db", "echo started").refused(125, words);
}

/// The fault is mended: all is there, and the refused commands left no record.
#[track_caller]
fn check_whole(room: &Room) {
    assert_eq!(room.actions(), ["instance.create", "application.create", "collection.create"]);
    assert_eq!(room.say("secrets reveal db A").done().text(), SECRET);
    room.say("audit verify").done();
}

/// Moves a path away, does something, and puts it back.
fn without(path: &Path, act: impl FnOnce()) {
    let aside = path.with_extension("aside");
    fs::rename(path, &aside).expect("our own file");
    act();
    fs::rename(aside, path).expect("our own file");
}

#[test]
fn a_missing_key_is_named() {
    let room = with_secret();
    let key = room.key();
    without(&key, || {
        check_refused(&room, &format!("there is no key file {}: put it back there", key.display()));
        check_refused(&room, "with STRONGROOM_ROOT_KEY=file:PATH");
    });
    check_whole(&room);
}

#[test]
fn the_key_of_another_instance_opens_nothing() {
    let (room, other) = (with_secret(), Room::new());
    without(&room.key(), || {
        fs::copy(other.key(), room.key()).expect("our own file");
        check_refused(&room, "does not open this strongroom; it needs ");
    });
    let list = room.strongroom(&["apps", "list"]).env("STRONGROOM_ROOT_KEY", other.key_source()).output();
    let list = list.expect("the program is built");
    assert_eq!(list.status.code(), Some(1), "the environment beats what init noted");
    room.say(&format!("init --root-key {}", other.key_source())).refused(1, "does not open this strongroom");
    check_whole(&room);
}

#[test]
fn a_damaged_key_is_refused_and_never_quoted() {
    let room = with_secret();
    let line = fs::read_to_string(room.key()).expect("a line");
    let key = line.trim_end().rsplit(' ').next().expect("the key").to_owned();
    let altered = line.replace(&key[..4], if key.starts_with("AAAA") { "BBBB" } else { "AAAA" });
    for (damaged, words) in [
        (altered, "does not match its key id"),
        (line[..line.len() - 3].to_owned(), "the key file"),
        (line.replace(" 1 ", " 2 "), "a format version other than 1"),
        (String::new(), "is not one line"),
        (format!("{line}{line}"), "is not one line"),
        ("hunter2-planted\n".to_owned(), "is not one line"),
    ] {
        fs::write(room.key(), damaged).expect("our own file");
        check_refused(&room, words);
        let said = room.say("apps list").stderr;
        assert!(!said.contains(&key[8..20]) && !said.contains("hunter2"), "{said}");
    }
    fs::write(room.key(), line).expect("our own file");
    check_whole(&room);
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_line_that_mends_it() {
    let room = with_secret();
    for mode in [0o640, 0o604, 0o660] {
        set_mode(&room.key(), mode);
        check_refused(&room, &format!("is open to other users: chmod 600 {}", room.key().display()));
    }
    set_mode(&room.key(), 0o600);
    check_whole(&room);
}

#[test]
fn a_key_beside_the_data_is_refused() {
    let room = with_secret();
    let inside = room.path("data/root.key");
    let source = format!("file:{}", inside.display());
    fs::copy(room.key(), &inside).expect("our own file");
    for given in [source, format!("file:{}", room.lay("link", "").replace("link", "to-key"))] {
        let link = room.path("desk/to-key");
        if !link.exists() {
            symlink(&inside, link).expect("our own folder");
        }
        let mut list = room.strongroom(&["apps", "list"]);
        feed(list.env("STRONGROOM_ROOT_KEY", given), b"").refused(1, "where whoever copies one has both");
    }
    fs::remove_file(inside).expect("our own file");
    check_whole(&room);

    let room = Room::empty();
    let inside = room.path("data/sub/root.key");
    room.say(&format!("init --root-key file:{}", inside.display()))
        .refused(1, "would lie in the data folder");
    assert!(!room.path("data").exists());
    room.say(&format!("init --root-key {}", room.key_source())).done();
}

#[test]
fn a_source_names_a_file_and_is_never_a_key() {
    let room = with_secret();
    let mut list = room.strongroom(&["apps", "list"]);
    let said = feed(list.env("STRONGROOM_ROOT_KEY", "hunter2-planted"), b"");
    said.refused(1, "STRONGROOM_ROOT_KEY is refused: a root key's source is file:PATH");
    assert!(!said.stderr.contains("hunter2"));

    let line = fs::read_to_string(room.key()).expect("a line");
    let key = line.trim_end().rsplit(' ').next().expect("the key");
    for (source, code, words) in [
        (format!("file:{}", line.trim_end()), 2, "not shown: it looks like a key"),
        (format!("file:{key}"), 1, "there is no key file"),
    ] {
        for words_of_line in [&["apps", "list"][..], &["init"]] {
            let mut command = room.strongroom(words_of_line);
            let said = feed(command.env("STRONGROOM_ROOT_KEY", &source), b"");
            said.refused(1, words);
            assert!(!said.stderr.contains(key), "{}", said.stderr);
        }
        let said = feed(&mut room.strongroom(&["init", "--root-key", &source]), b"");
        said.refused(code, words);
        assert!(!said.stderr.contains(key), "{}", said.stderr);
    }
}

#[test]
fn data_that_is_not_there_says_how_it_is_made() {
    let room = with_secret();
    for name in ["data", "data/strongroom.db"] {
        let words = format!("make one with: strongroom init --data {}\n", room.path("data").display());
        without(&room.path(name), || check_refused(&room, &words));
    }
    check_whole(&room);
    let mut list = room.strongroom(&["apps", "list"]);
    feed(list.env_remove("STRONGROOM_DATA"), b"").refused(1, "make one with: strongroom init\n");
    let line = "apps list --data a/b'c";
    room.say(line)
        .refused(1, &format!("strongroom init --data '{}/a/b'\\''c'\n", room.path("home").display()));
}

#[test]
fn data_that_others_can_enter_is_refused_with_the_line_that_mends_it() {
    let room = with_secret();
    for (name, open, proper) in [
        ("data", 0o750, 0o700),
        ("data", 0o701, 0o700),
        ("data/strongroom.db", 0o640, 0o600),
        ("data/lock", 0o604, 0o600),
    ] {
        let path = room.path(name);
        set_mode(&path, open);
        check_refused(&room, &format!("type `chmod {proper:o} {}`", path.display()));
        set_mode(&path, proper);
        check_whole_again(&room);
    }
}

fn check_whole_again(room: &Room) {
    assert_eq!(room.say("secrets reveal db A").done().text(), SECRET);
}

#[test]
fn data_of_another_owner_is_refused_even_to_root() {
    let room = with_secret();
    if !geteuid().is_root() {
        let mut list = room.strongroom(&["apps", "list", "--data", "/usr"]);
        feed(&mut list, b"").refused(1, "/usr belongs to another user (uid 0)");
        return;
    }
    for name in ["data", "data/strongroom.db"] {
        let path = room.path(name);
        chown(&path, Some(12345), None).expect("we are root");
        check_refused(&room, "belongs to another user (uid 12345), and only its owner may use it");
        chown(&path, Some(0), None).expect("we are root");
    }
    chown(room.key(), Some(12345), None).expect("we are root");
    check_refused(&room, "belongs to user 12345");
    chown(room.key(), Some(0), None).expect("we are root");
    check_whole(&room);
}

#[test]
fn another_programs_file_in_the_databases_place_stays_untouched() {
    let room = with_secret();
    let (data, database) = (room.path("data"), room.path("data/strongroom.db"));
    // With its log, which belongs to it alone.
    without(&data, || {
        fs::create_dir(&data).expect("our own folder");
        set_mode(&data, 0o700);
        let foreign = Connection::open(&database).expect("our own folder");
        foreign.execute_batch("CREATE TABLE notes (text)").expect("a database");
        foreign.close().expect("a database");
        let sqlite = fs::read(&database).expect("our own file");
        for content in [sqlite, "dear diary, ".repeat(1000).into_bytes()] {
            fs::write(&database, &content).expect("our own file");
            set_mode(&database, 0o600);
            check_refused(&room, "is not a strongroom database: name another folder");
            room.say("init").refused(1, "is not a strongroom database");
            assert_eq!(fs::read(&database).expect("our own file"), content);
        }
        fs::remove_dir_all(&data).expect("our own folder");
    });
    check_whole(&room);
}

#[test]
fn a_newer_schema_asks_for_a_newer_strongroom() {
    let room = with_secret();
    let set = |number: u32| {
        let database = Connection::open(room.path("data/strongroom.db")).expect("our own file");
        let sql = "UPDATE layout SET number = ?1, oldest_reader = ?1";
        assert_eq!(database.execute(sql, [number]).expect("our own table"), 1);
    };
    let known: u32 = Connection::open(room.path("data/strongroom.db"))
        .and_then(|database| database.query_row("SELECT number FROM layout", [], |row| row.get(0)))
        .expect("our own table");
    set(known + 1);
    let words =
        format!("the database has schema {}, and this program knows schemas up to {known}", known + 1);
    check_refused(&room, &words);
    room.say("init").refused(1, "use a newer strongroom");
    set(known);
    check_whole(&room);
}

#[test]
fn a_second_init_adopts_and_changes_nothing() {
    let room = with_secret();
    let key = fs::read(room.key()).expect("our own file");
    for line in ["init", "init --limits default"] {
        let said = room.say(line).done();
        assert_eq!(said.stderr, "adopted the strongroom that is there\n");
    }
    room.say("init --limits nextmv").refused(1, "has limits 100x65536, and init does not change them");
    room.say("init --limits 0x1").refused(2, "limits are default, nextmv or COUNTxBYTES");
    room.say("init --limits 13x1048576").refused(2, "COUNT times BYTES may be 12582912 at most");
    assert_eq!(fs::read(room.key()).expect("our own file"), key);
    check_whole(&room);
}

#[test]
fn an_init_that_is_refused_makes_nothing() {
    let room = Room::empty();
    room.say("init --limits many").refused(2, "limits are default, nextmv or COUNTxBYTES");
    room.say("init --root-key hunter2").refused(2, "a root key's source is file:PATH");
    room.say("init --root-key file:~/root.key").refused(2, "write file:$HOME/");
    room.say("init --root-key file:/proc/nowhere/root.key")
        .refused(1, "choose a path that this user can write");
    let mut init = room.strongroom(&["init"]);
    let not_text = std::ffi::OsStr::from_bytes(b"file:/tmp/\xff.key");
    feed(init.env("STRONGROOM_ROOT_KEY", not_text), b"").refused(1, "STRONGROOM_ROOT_KEY is not UTF-8");
    let mut init = room.strongroom(&["init"]);
    let not_text = room.path("home").join(std::ffi::OsStr::from_bytes(b"\xff"));
    feed(init.current_dir(make(&not_text)).args(["--root-key", "file:root.key"]), b"")
        .refused(1, "is not UTF-8");
    fs::remove_dir(not_text).expect("nothing is in it");
    assert!(!room.path("data").exists(), "the key comes first");
    room.say("init --data /proc/nowhere").refused(1, "/proc/nowhere");
    let mut left = crate::room::list(&room.path("home"));
    left.extend(crate::room::list(&room.path("xdg")).into_iter().filter(|path| path.is_file()));
    assert!(left.is_empty(), "a key that opens nothing goes again: {left:?}");
}

fn make(folder: &Path) -> &Path {
    fs::create_dir(folder).expect("our own folder");
    folder
}

/// Another process may have been given the same name, and may have begun a strongroom under the key there.
#[test]
fn a_key_whose_name_was_given_outlives_an_init_that_is_refused() {
    let room = Room::empty();
    let source = room.key_source();
    room.say(&format!("init --data /proc/nowhere --root-key {source}")).refused(1, "/proc/nowhere");
    let key = fs::read(room.key()).expect("it stays");
    room.say(&format!("init --root-key {source}")).done();
    assert_eq!(fs::read(room.key()).expect("it is used"), key);
}

#[test]
fn an_init_that_names_another_copy_of_the_key_says_which_is_noted() {
    let room = with_secret();
    let copy = room.path("key/copy of it.key");
    fs::copy(room.key(), &copy).expect("our own file");
    let source = format!("file:{}", copy.display());
    let said = feed(&mut room.strongroom(&["init", "--root-key", &source]), b"").done();
    assert!(said.stderr.contains(&format!("noted to be {},", room.key_source())), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("\n  STRONGROOM_ROOT_KEY='{source}'\n")), "{}", said.stderr);
    assert!(said.text().contains(&source), "{}", said.text());
    without(&room.key(), || check_refused(&room, "there is no key file"));
    check_whole(&room);
}

#[test]
fn without_settings_data_and_key_lie_in_the_xdg_folders() {
    let room = Room::empty();
    feed(room.strongroom(&["init"]).env_remove("STRONGROOM_DATA"), b"").done();
    let (data, keys) = (room.path("xdg/data/strongroom"), room.path("xdg/config/strongroom"));
    assert!(data.join("strongroom.db").exists());
    let mut private = vec![data.clone(), keys.clone()];
    private.extend(crate::room::list(&data).into_iter().chain(crate::room::list(&keys)));
    for path in private {
        let metadata = fs::metadata(&path).expect("just made");
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o7777, wanted, "{}", path.display());
        assert_eq!(metadata.uid(), geteuid().as_raw());
    }
    let list =
        feed(room.strongroom(&["apps", "list", "--output", "json"]).env_remove("STRONGROOM_DATA"), b"");
    assert_eq!(list.json()["items"], serde_json::json!([]));
}
