//! `--help` of every command, found by asking: it works, shows an example, and never what the environment holds.

use crate::room::{Room, feed};

/// The help of a command and of everything below it.
fn read_all(room: &Room, words: &[String], found: &mut Vec<(String, String)>) {
    let asked: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let mut command = room.strongroom(&asked);
    // clap would show the values of variables that it reads itself.
    command.env("STRONGROOM_APP", "hunter2-app").env("STRONGROOM_ROOT_KEY", "hunter2-key");
    command.env("STRONGROOM_URL", "hunter2-url").env("STRONGROOM_API_KEY", "hunter2-token");
    let said = feed(command.env("STRONGROOM_DATA", "/hunter2-data"), b"").done();
    assert_eq!(said.stderr, "");
    let text = said.text();
    let (_, below) = text.split_once("\nCommands:\n").unwrap_or_default();
    for line in below.lines().take_while(|line| !line.is_empty()) {
        let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '));
        // clap's own, which has no help.
        if let Some(name) = name.and_then(|line| line.split(' ').next()).filter(|name| *name != "help") {
            read_all(room, &[words, &[name.to_owned()]].concat(), found);
        }
    }
    found.push((words.join(" "), text));
}

fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    read_all(&Room::empty(), &[], &mut found);
    found
}

#[test]
fn every_command_has_help_with_an_example() {
    let found = all();
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "quickstart",
        "init",
        "run",
        "apps create",
        "apps list",
        "apps get",
        "apps update",
        "apps delete",
        "apps restore",
        "secrets create",
        "secrets list",
        "secrets get",
        "secrets update",
        "secrets delete",
        "secrets restore",
        "secrets reveal",
        "secrets versions",
        "secrets diff",
        "secrets rollback",
        "secrets import",
        "keys create",
        "keys list",
        "keys revoke",
        "serve",
        "completions",
        "audit list",
        "audit verify",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for (name, text) in &found {
        let example = format!("  strongroom {name}");
        let after = text
            .rsplit_once("Example")
            .map(|(_, after)| after)
            .or(text.rsplit_once("Begin with").map(|(_, after)| after));
        assert!(after.is_some_and(|after| after.contains(&example)), "strongroom {name} --help\n{text}");
    }
}

#[test]
fn an_example_fits_into_80_columns() {
    for (name, text) in all() {
        let at = text.rfind("\nExample").or_else(|| text.rfind("\nBegin with:")).expect("there are examples");
        for line in text[at..].lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn the_example_that_keeps_a_token_keeps_it_from_others() {
    let text = Room::empty().say("keys create --help").done().text();
    let kept = text.lines().find(|line| line.ends_with("> key")).expect("it is an example");
    assert!(kept.starts_with("  umask 077; strongroom keys create "), "{kept}");
}

#[test]
fn help_never_shows_what_the_environment_holds() {
    for (name, text) in all() {
        assert!(!text.contains("hunter2"), "{name}\n{text}");
    }
}

#[test]
fn help_can_be_asked_for_by_a_word() {
    let room = Room::empty();
    for (line, option) in
        [("help", "--help"), ("help secrets", "secrets --help"), ("secrets help get", "secrets get --help")]
    {
        let usage = |text: String| text.lines().find(|line| line.starts_with("Usage: ")).map(str::to_owned);
        let said = usage(room.say(line).done().text());
        assert!(said.is_some() && said == usage(room.say(option).done().text()), "{line}: {said:?}");
    }
}

#[test]
fn the_version_is_said() {
    let said = Room::empty().say("--version").done().text();
    assert_eq!(said, format!("strongroom {}\n", env!("CARGO_PKG_VERSION")));
}
