//! Completions: a script for each shell, that the shell itself accepts.

use crate::room::{Room, feed};

#[test]
fn every_shell_gets_a_script_that_names_the_commands() {
    let room = Room::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = room.say(&format!("completions {shell}")).done();
        assert_eq!(script.stderr, "");
        for word in ["quickstart", "rollback", "tls-self-signed", "api-key-file"] {
            assert!(script.text().contains(word), "{shell}: {word}");
        }
    }
    let said = room.say("completions tcsh");
    assert_eq!(said.code(), Some(2), "{}", said.stderr);
}

#[test]
fn bash_completes_with_it() {
    let room = Room::empty();
    let script = room.say("completions bash").done();
    let ask = "\nCOMP_WORDS=(strongroom secrets roll) COMP_CWORD=2\n_strongroom strongroom roll secrets\necho ${COMPREPLY[@]}\n";
    let text = script.text() + ask;
    let said = feed(&mut room.command("bash"), text.as_bytes()).done();
    assert_eq!(said.text(), "rollback\n", "{}", said.stderr);
}
