//! The slim program without a server: what it does not have is said in one sentence, and what it needs too. That it does with a
//! server what the full program does is the suite `it`, given its path as `STRONGROOM_SLIM_PROGRAM`.

#![cfg(not(feature = "serve"))]
#![expect(clippy::disallowed_methods, reason = "these tests start the program")]

use std::process::{Command, Output};

fn say(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.env_clear().args(line.split(' ')).output().expect("the program is built")
}

#[track_caller]
fn check(line: &str, code: i32, words: &str) {
    let said = say(line);
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{line}\n{stderr}");
    assert!(stderr.starts_with("strongroom: ") && stderr.contains(words), "{line}\n{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_command_on_a_data_folder_names_the_program_that_has_it() {
    for (line, command) in [
        ("init", "init"),
        ("serve", "serve"),
        ("quickstart", "quickstart"),
        ("audit verify", "audit verify"),
        ("init --data /nowhere", "init"),
    ] {
        let words = format!("{command} works on a data folder, and this is the slim program");
        check(line, 1, &words);
        check(line, 1, "the full program strongroom has it");
    }
}

#[test]
fn without_a_server_there_is_no_strongroom() {
    let words = "which server? give --server URL or set STRONGROOM_URL: this is the slim program";
    check("apps list", 1, words);
    check("secrets list --app a", 1, words);
    check("apps list --data /nowhere", 1, words);
    check("run --app a --collection c -- true", 125, words);
    check("apps list --server http://127.0.0.1:1", 1, "an API key is needed");
}

#[test]
fn its_help_speaks_of_no_data_folder() {
    for line in
        ["--help", "-h", "help", "run --help", "apps list --help", "audit --help", "audit list --help"]
    {
        let said = say(line);
        let text = String::from_utf8(said.stdout).expect("text");
        assert!(said.status.success() && text.contains("Usage: strongroom"), "{line}\n{text}");
        for word in ["data folder", "STRONGROOM_DATA", "ROOT_KEY", "--data", "quickstart", "verify"] {
            assert!(!text.contains(word), "{line}: {word}\n{text}");
        }
        for command in ["  init ", "  serve ", "strongroom init", "strongroom serve"] {
            assert!(!text.contains(command), "{line}: {command}\n{text}");
        }
        for line in text.lines().skip_while(|line| !line.starts_with("Example") && *line != "Begin with:") {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    for command in ["init", "serve", "quickstart", "audit verify"] {
        assert!(say(&format!("{command} --help")).status.success(), "{command}");
    }
}

#[test]
fn it_explains_and_completes_itself() {
    for line in ["--help", "--version", "secrets update --help", "completions bash"] {
        let said = say(line);
        assert!(said.status.success() && !said.stdout.is_empty() && said.stderr.is_empty(), "{line}");
    }
}
