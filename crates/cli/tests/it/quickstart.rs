//! `quickstart`: the first thing that a new user types. It works, works again, and is gone without a trace of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::process::geteuid;
use serde_json::Value;

use crate::room::{Room, feed, list, set_mode};

/// The values of the examples, and parts of them.
fn example_values() -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/collection.json");
    let examples: Value =
        serde_json::from_slice(&fs::read(path).expect("the examples are there")).expect("they are JSON");
    let secrets = examples["secrets"].as_array().expect("a list").iter();
    let mut values: Vec<String> =
        secrets.map(|secret| secret["value"].as_str().expect("a value").to_owned()).collect();
    values.extend(["example-password-4m8q", "notalicence", "HOSTID=DEMO"].map(str::to_owned));
    values
}

#[test]
fn the_whole_story_is_told_masked_and_told_again() {
    let room = Room::empty();
    for (made, count) in [("created secrets collection", 1), ("updated secrets collection", 2)] {
        let told = room.say("quickstart story").done();
        assert!(told.stderr.contains(made), "{}", told.stderr);
        let text = told.text();
        assert!(text.contains("API_KEY: 22 characters: ***\n"), "{text}");
        assert!(text.contains("licenses/acme.lic: 299 bytes, mode 0600\n***\n"), "{text}");
        assert_eq!(text.matches("collection.deliver").count(), count, "{text}");
        assert!(text.contains("in order"), "{text}");
        for value in example_values() {
            assert!(!text.contains(&value) && !told.stderr.contains(&value), "{value}\n{text}");
        }
    }
    let left: Vec<PathBuf> = list(&room.path("home/story/home")).into_iter().collect();
    let expected =
        ["collection.json", "show.py", "show.sh"].map(|name| room.path("home/story/home").join(name));
    assert_eq!(left, expected, "what was delivered is gone");
}

#[test]
fn the_printed_commands_can_be_typed() {
    let room = Room::empty();
    let told = room.say("quickstart story").done().text();
    let commands: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("    $ ")).collect();
    assert_eq!(commands.len(), 8, "{told}");
    for command in commands.iter().filter(|command| !command.contains(" create ")) {
        crate::room::feed(room.command("sh").args(["-c", command]), b"").done();
    }
    let clean = told.lines().last().expect("the last line says how to remove it");
    crate::room::feed(room.command("sh").args(["-c", clean]), b"").done();
    assert!(!room.path("home/story").exists());
}

#[test]
fn what_it_made_is_removed_and_nothing_else() {
    let room = Room::empty();
    room.say("quickstart story").done();
    let mine =
        ["home/story/mine", "home/story/home/mine", "home/story/data/mine"].map(|name| room.path(name));
    for path in &mine {
        fs::write(path, "mine").expect("our own folder");
    }
    let cleaned = room.say("quickstart story --clean").done();
    assert!(cleaned.stderr.contains("holds something else and stays"), "{}", cleaned.stderr);
    let files: Vec<PathBuf> = list(&room.path("home")).into_iter().filter(|path| path.is_file()).collect();
    let mut expected = mine.to_vec();
    expected.sort();
    assert_eq!(files, expected);
    room.say("quickstart story --clean").refused(1, "holds no quickstart; nothing was removed");

    room.say("quickstart").done();
    room.say("quickstart --clean").done();
    assert!(!room.path("home/strongroom-quickstart").exists());
}

#[test]
fn a_folder_without_a_quickstart_is_not_cleaned() {
    let room = Room::empty();
    let mine = room.path("home/mine/home");
    fs::create_dir_all(&mine).expect("our own folder");
    fs::write(mine.join("collection.json"), "mine").expect("our own folder");
    for folder in ["mine", "nowhere"] {
        let said = room.say(&format!("quickstart {folder} --clean --yes"));
        said.refused(1, &format!("{folder} holds no quickstart; nothing was removed"));
    }
    assert_eq!(fs::read_to_string(mine.join("collection.json")).expect("it stays"), "mine");
}

#[test]
fn a_real_strongroom_of_the_same_shape_is_not_cleaned() {
    let room = Room::empty();
    room.say("init --data mine/data --root-key file:mine/key/root.key").done();
    fs::create_dir(room.path("home/mine/home")).expect("our own folder");
    fs::write(room.path("home/mine/home/show.py"), "mine").expect("our own folder");
    let before = list(&room.path("home"));
    room.say("quickstart mine --clean --yes").refused(1, "holds no quickstart; nothing was removed");
    room.say("quickstart mine")
        .refused(1, "mine is not empty, and no quickstart made it; choose another folder");
    assert_eq!(list(&room.path("home")), before);
}

#[test]
fn what_was_added_to_it_is_not_removed_without_a_yes() {
    let room = Room::empty();
    let check_refused = |words: &str| {
        let before = list(&room.path("home"));
        room.say("quickstart story --clean").refused(1, words);
        let after: Vec<PathBuf> = before.difference(&list(&room.path("home"))).cloned().collect();
        assert!(after.is_empty(), "{after:?}");
    };
    room.say("quickstart story").done();
    room.say_with("secrets create --app quickstart --id mine --env A --data story/data", "a value").done();
    check_refused("story holds more than the example: quickstart/mine. Remove it all? This needs --yes");
    room.say("secrets delete --app quickstart mine --data story/data").done();
    room.say("apps create also-mine --data story/data").done();
    check_refused("story holds more than the example: also-mine. Remove it all? This needs --yes");
    fs::rename(room.path("home/story/key/root.key"), room.key()).expect("our own file");
    check_refused("This needs --yes");
    let said = room.say("quickstart story --clean");
    said.refused(1, "What story holds cannot be told (there is no key file ");
    room.say("quickstart story --clean --yes").done();
    assert!(!room.path("home/story").exists());
    let said = room.say("quickstart story --yes");
    assert!(said.code() == Some(2) && said.stderr.contains("--clean"), "{}", said.stderr);
}

#[test]
fn a_folder_that_another_may_have_made_is_never_used() {
    let room = Room::empty();
    let home = room.path("home");
    let trap = room.path("desk/trap");
    fs::create_dir(&trap).expect("our own folder");
    let check = |words: &str| {
        let before = list(&home);
        for line in ["quickstart story", "quickstart story --clean --yes"] {
            let said = room.say(line);
            assert_eq!(said.code(), Some(1), "{line}");
            assert!(said.stderr.contains(words) || line.ends_with("--yes"), "{}", said.stderr);
            assert!(!said.text().contains("API_KEY"), "{}", said.text());
        }
        assert_eq!(list(&home), before);
        assert!(list(&trap).is_empty());
    };
    let alone = "story is not a folder that this user alone can change";
    symlink(&trap, home.join("story")).expect("our own folder");
    check(alone);
    fs::remove_file(home.join("story")).expect("our own link");

    fs::write(home.join("story"), "").expect("our own folder");
    check(alone);
    fs::remove_file(home.join("story")).expect("our own file");

    fs::create_dir(home.join("story")).expect("our own folder");
    for mode in [0o770, 0o707, 0o1777] {
        set_mode(&home.join("story"), mode);
        check(alone);
    }
    set_mode(&home.join("story"), 0o755);
    if geteuid().is_root() {
        chown(home.join("story"), Some(12345), None).expect("we are root");
        check(alone);
        chown(home.join("story"), Some(0), None).expect("we are root");
    }
    // One that is empty and ours alone is as good as none.
    room.say("quickstart story").done();

    for folder in ["data", "key", "home"] {
        let (path, aside) = (home.join("story").join(folder), home.join("aside"));
        let words = format!("story/{folder} is not a folder that this user alone can change");
        set_mode(&path, 0o777);
        check(&words);
        set_mode(&path, 0o700);
        fs::rename(&path, &aside).expect("our own folder");
        symlink(&trap, &path).expect("our own folder");
        check(&words);
        fs::remove_file(&path).expect("our own link");
        fs::rename(&aside, &path).expect("our own folder");
    }
    room.say("quickstart story --clean").done();
    assert!(list(&home).is_empty());
}

#[test]
fn a_marker_that_another_left_marks_nothing() {
    let room = Room::empty();
    fs::create_dir(room.path("home/story")).expect("our own folder");
    symlink(room.lay("marker", ""), room.path("home/story/.strongroom-quickstart")).expect("our own folder");
    let words = "story is not empty, and no quickstart made it";
    room.say("quickstart story").refused(1, words);
    room.say("quickstart story --clean").refused(1, "holds no quickstart");
}

#[test]
fn an_example_that_was_changed_is_kept_and_named_and_no_link_is_written_through() {
    let room = Room::empty();
    room.say("quickstart story").done();
    let script = room.path("home/story/home/show.py");
    let changed = format!("{}\nprint('my own end')\n", fs::read_to_string(&script).expect("an example"));
    fs::write(&script, &changed).expect("our own file");
    let told = room.say("quickstart story").done();
    assert!(told.stderr.contains("show.py is not the example as it came, and is kept"), "{}", told.stderr);
    assert_eq!(told.stderr.matches("is kept").count(), 1, "{}", told.stderr);
    assert!(told.text().contains("my own end"), "{}", told.text());
    assert_eq!(fs::read_to_string(&script).expect("it stays"), changed);

    let elsewhere = room.lay("elsewhere", "mine");
    fs::remove_file(&script).expect("our own file");
    symlink(&elsewhere, &script).expect("our own folder");
    room.say("quickstart story").refused(1, "show.py cannot be read");
    fs::remove_file(&elsewhere).expect("our own file");
    room.say("quickstart story").refused(1, "show.py cannot be read");
    assert!(!Path::new(&elsewhere).exists());
}

#[test]
fn a_folder_that_no_command_line_can_name_is_refused() {
    let room = Room::empty();
    let mut command = room.strongroom(&["quickstart"]);
    feed(command.arg(OsStr::from_bytes(b"a\xffb")), b"").refused(2, "the folder's name is not UTF-8");
    room.say("quickstart -- -story").refused(2, "a folder whose name begins with - looks like an option");
    assert!(list(&room.path("home")).is_empty());
    room.say("quickstart ./-story").done();
}

#[test]
fn what_cannot_be_read_is_not_taken_for_absent() {
    let room = Room::empty();
    room.say("quickstart story").done();
    let database = Connection::open(room.path("home/story/data/strongroom.db")).expect("our own file");
    let flip = "UPDATE versions SET face = zeroblob(length(face))";
    assert_eq!(database.execute(flip, []).expect("our own table"), 1);
    drop(database);
    let told = room.say("quickstart story");
    assert_eq!(told.code(), Some(1));
    assert!(told.stderr.contains("nothing is released"), "{}", told.stderr);
    assert!(!told.text().contains("secrets create"), "{}", told.text());
}

#[test]
fn settings_of_another_strongroom_do_not_lead_it_astray() {
    let room = Room::new();
    let mut command = room.strongroom(&["quickstart", "story"]);
    command.env("STRONGROOM_ROOT_KEY", room.key_source()).env("STRONGROOM_URL", "https://strongroom.example");
    crate::room::feed(&mut command, b"").done();
    assert_eq!(room.actions(), ["instance.create", "application.create"], "the other one was not touched");
    room.say("quickstart story --data data").refused(2, "quickstart makes a data folder of its own");
}

#[test]
fn who_went_on_from_the_example_keeps_it_and_is_asked() {
    let room = Room::empty();
    room.say("quickstart story").done();
    let update = "secrets update my-secrets-collection --app quickstart --env API_KEY --data story/data";
    room.say_with(update, "my own value").done();
    let told = room.say("quickstart story").done().text();
    assert!(told.contains("is kept as it is"), "{told}");
    let reveal = "secrets reveal my-secrets-collection API_KEY --app quickstart --data story/data";
    assert_eq!(room.say(reveal).done().text(), "my own value");
    room.say("quickstart story --clean")
        .refused(1, "my-secrets-collection with your changes. Remove it all?");

    let other = "quickstart other";
    room.say(other).done();
    fs::write(room.path("home/other/home/show.sh"), "echo mine\n").expect("our own file");
    room.say("quickstart other --clean").refused(1, "home/show.sh. Remove it all?");
    room.say("quickstart other --clean --yes").done();
    room.say("quickstart story --clean --yes").done();
}
