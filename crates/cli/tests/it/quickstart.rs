//! `quickstart`: the first thing that a new user types. It works, works again, and is gone without a trace of it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::room::{Room, list};

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
        let said = room.say(&format!("quickstart {folder} --clean"));
        said.refused(1, &format!("{folder} holds no quickstart; nothing was removed"));
    }
    assert_eq!(fs::read_to_string(mine.join("collection.json")).expect("it stays"), "mine");
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
