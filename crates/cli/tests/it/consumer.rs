//! A real program reads what was delivered: a private key, which it takes only with its exact bytes and a mode that keeps
//! others out.

use std::fs;

use crate::room::{Room, Said, feed};

/// A program that makes key pairs and reads them again; the walls' tool sees to it that one of them is there.
struct Consumer {
    make: &'static [&'static str],
    read: &'static [&'static str],
}

const CONSUMERS: [Consumer; 2] = [
    Consumer {
        make: &["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", "pair"],
        read: &["ssh-keygen", "-y", "-f", "keys/id"],
    },
    Consumer {
        make: &["openssl", "genpkey", "-algorithm", "ed25519", "-out", "pair"],
        read: &["openssl", "pkey", "-in", "keys/id", "-pubout"],
    },
];

fn is_there(room: &Room, program: &str) -> bool {
    let found = feed(room.command("sh").args(["-c", "command -v \"$0\"", program]), b"");
    found.code() == Some(0)
}

#[test]
fn a_real_program_reads_a_delivered_key() {
    let room = Room::new();
    let there: Vec<&Consumer> =
        CONSUMERS.iter().filter(|consumer| is_there(&room, consumer.make[0])).collect();
    assert!(!there.is_empty(), "install ssh-keygen (openssh-client) or openssl");
    for (number, consumer) in there.into_iter().enumerate() {
        let pair = room.path("desk/pair");
        let mut make = room.command(consumer.make[0]);
        feed(make.args(&consumer.make[1..]).current_dir(room.path("desk")), b"").done();
        let wanted = read_public(&room, consumer, &pair);
        let id = format!("keys-{number}");
        room.say(&format!("secrets create --id {id} --file keys/id=@{}", pair.display())).done();
        fs::remove_file(&pair).expect("our own file");

        let mut words = vec!["run", "--collection", &id, "--"];
        words.extend(consumer.read);
        let read = feed(&mut room.strongroom(&words), b"").done();
        assert!(!wanted.is_empty() && read.text() == wanted, "{wanted}\n{}", read.text());
        assert!(room.leftovers().is_empty());
        check_broken(feed(room.command(consumer.read[0]).args(&consumer.read[1..]), b""));
    }
}

/// What the program itself says of its own file.
fn read_public(room: &Room, consumer: &Consumer, pair: &std::path::Path) -> String {
    let pair = pair.to_str().expect("a path of ours");
    let words = consumer.read.iter().map(|word| if *word == "keys/id" { pair } else { word });
    let mut read = room.command(consumer.read[0]);
    feed(read.args(words.skip(1)), b"").done().text()
}

/// And after the run there is nothing to read.
fn check_broken(said: Said) {
    assert_ne!(said.code(), Some(0));
}
