//! A server and embedded commands on one data folder at the same time; one server at most; and how a server ends.

use rusqlite::Connection;
use rustix::process::Signal;

use crate::room::{Room, feed};
use crate::server::Server;

#[test]
fn embedded_commands_work_beside_the_server() {
    let room = Room::new().serve(&[]);
    let embedded = |line: &str, input: &str| {
        let mut command = room.embedded(&line.split(' ').collect::<Vec<_>>());
        feed(&mut command, input.as_bytes()).done()
    };
    room.say_with("secrets create --id db --env A", "one").done();
    assert_eq!(embedded("secrets reveal db A", "").text(), "one");
    embedded("secrets update db --env A", "two");
    assert_eq!(room.say("secrets reveal db A").done().text(), "two");
    assert_eq!(embedded("run --collection db --no-mask -- printenv A", "").text(), "two\n");
    embedded("secrets delete db", "");
    room.say("secrets get db").refused(1, "application app has no secrets collection db");
    room.say("secrets restore db").done();
    assert_eq!(room.json("secrets get db"), {
        let said = embedded("secrets get db --output json", "");
        said.json()
    });
    room.say("audit verify").done();
}

#[test]
fn writers_on_both_sides_lose_nothing() {
    const ROUNDS: u64 = 15;
    let room = Room::new().serve(&[]);
    room.say_with("secrets create --id db --env A", "first").done();
    let written: u64 = std::thread::scope(|scope| {
        let sides = [false, true].map(|served| {
            let room = &room;
            scope.spawn(move || {
                let words = ["secrets", "update", "db", "--env", "A"];
                let write = |round: u64| {
                    let mut command = if served { room.strongroom(&words) } else { room.embedded(&words) };
                    let said = feed(&mut command, format!("{served} {round}").as_bytes());
                    let lost_the_race = said.stderr.contains("at the same ");
                    assert!(said.code() == Some(0) || lost_the_race, "{}", said.stderr);
                    u64::from(said.code() == Some(0))
                };
                (0..ROUNDS).map(write).sum::<u64>()
            })
        });
        sides.into_iter().map(|side| side.join().expect("no panic")).sum()
    });
    assert!(written > ROUNDS, "{written}");
    let versions = room.json("secrets versions db");
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1 + usize::try_from(written).expect("few")));
    room.say("audit verify").done();
}

/// A server that must not come to listen. One that does is ended, rather than waited for.
#[track_caller]
fn check_refused(room: &Room, options: &str, code: i32, words: &str) {
    let options: Vec<&str> = options.split(' ').collect();
    let Err((status, said)) = Server::try_start(room, &options, String::new()) else {
        panic!("{options:?} is served");
    };
    assert_eq!(status.code(), Some(code), "{options:?}\n{said}");
    assert!(said.starts_with("strongroom: ") && said.contains(words), "{options:?}\n{said}");
}

#[test]
fn a_second_server_on_one_data_is_refused() {
    let room = Room::new().serve(&[]);
    check_refused(&room, "-v", 1, "a strongroom server is already running on");
    room.say("apps list").done();
}

#[test]
fn a_signal_ends_it_in_good_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut room = Room::new().serve(&[]);
        room.say_with("secrets create --id db --env A", "the value").done();
        let (status, said) = room.server.take().expect("it serves").end(signal);
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
        let log = std::fs::metadata(room.path("data/strongroom.db-wal")).map_or(0, |log| log.len());
        assert_eq!(log, 0, "the database's log is written back");
        // The folder is free again, and all that was acknowledged is there.
        assert_eq!(room.say("secrets reveal db A").done().text(), "the value");
        let used = &room.json("keys list")["items"][0]["last_used_at"];
        assert!(used.is_string(), "when the key was used is written down: {used}");
        room.serve(&[]).say("secrets get db").done();
    }
}

#[test]
fn a_busy_database_keeps_nobody_from_an_end() {
    let mut room = Room::new().serve(&[]);
    room.say("apps list").done();
    let database = Connection::open(room.path("data/strongroom.db")).expect("our own file");
    database.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    let (status, said) = room.server.take().expect("it serves").end(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{said}");
    // It would say another thing had it waited until the database gave up.
    assert!(said.contains("when keys were last used is not written down: the database is busy"), "{said}");
    assert!(!said.contains("10 seconds"), "{said}");
    drop(database);
    room.say("audit verify").done();
}

#[test]
fn a_terminal_that_hangs_up_ends_no_server() {
    for options in [&[][..], &["--tls-self-signed"]] {
        let mut room = Room::new().serve(options);
        let server = room.server.take().expect("it serves");
        server.send(Signal::HUP);
        room.server = Some(server);
        room.say("apps list").done();
        let (status, said) = room.server.take().expect("it serves").end(Signal::TERM);
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    }
}

#[test]
fn who_serves_what_no_key_opens_is_told_how_to_make_one() {
    let words = "no API key opens this strongroom yet; make one with:\n  strongroom keys create --name admin --role admin";
    let before = |room: &Room, options: &[&str]| Server::start(room, options, String::new()).before.clone();
    let room = Room::new();
    let line = format!("{words} --data {}\n", room.path("data").display());
    for options in [&[][..], &["--tls-self-signed"]] {
        assert!(before(&room, options).contains(&line), "{line}");
    }
    // One that opens nothing any more is none; and what is printed can be typed.
    let token = room.make_key("--role admin");
    assert!(!before(&room, &[]).contains("strongroom keys create"));
    room.say(&format!("keys revoke {}", &token["sr_key_".len()..][..12])).done();
    assert!(before(&room, &[]).contains(&line), "{line}");
    let (_, typed) = line.trim_end().split_once("  strongroom ").expect("a command");
    room.say(typed).done();
    assert!(!before(&room, &[]).contains("strongroom keys create"));

    // In the default place it needs no option.
    let room = Room::empty();
    let data = room.path("xdg/data/strongroom").display().to_string();
    room.say(&format!("init --data {data} --root-key {}", room.key_source())).done();
    let said = before(&room, &["--data", &data]);
    assert!(said.contains(&format!("{words}\n")), "{said}");
}

#[test]
fn what_cannot_be_served_is_said_and_nothing_listens() {
    check_refused(&Room::empty(), "--listen 127.0.0.1:0", 1, "make one with: strongroom init");
    let room = Room::new();
    let check = |options: &str, code: i32, words: &str| check_refused(&room, options, code, words);
    check(
        "--listen 0.0.0.0:0",
        2,
        "plain HTTP beyond this machine shows API keys and values to whoever listens",
    );
    check("--listen [::]:0", 2, "--plain-http-exposes-secrets");
    check("--listen localhost:0", 2, "--listen takes an IP address and a port");
    check("--listen 127.0.0.1", 2, "--listen takes an IP address and a port");
    check("--limits many", 2, "limits are default, nextmv or COUNTxBYTES");
    check("--tls-cert nothing --tls-key nothing", 1, "nothing cannot be read");
    check("--tls-cert x", 2, "--tls-key <FILE>");
    check("--tls-self-signed --tls-cert x --tls-key y", 2, "cannot be used with");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    check(&format!("--listen {address}"), 1, &format!("{address} is in use already"));
}

#[test]
fn a_server_may_have_limits_of_its_own() {
    let room = Room::new().serve(&["--limits", "1x8"]);
    room.say_with("secrets create --id db --env A", "8 bytes.").done();
    room.say_with("secrets update db --env A", "9 bytes..").refused(1, "the limit is 8 bytes a value");
    room.say_with("secrets update db --env B", "second")
        .refused(1, "would have 2 secrets, and the limit is 1");
    feed(&mut room.embedded(&["secrets", "update", "db", "--env", "B"]), b"second").done();
}

#[test]
fn no_application_is_made_where_the_server_makes_none() {
    let room = Room::new().serve(&["--no-app-creation"]);
    let said = room.say("apps create other");
    assert_eq!(said.code(), Some(1), "{}", said.stderr);
    feed(&mut room.embedded(&["apps", "create", "other"]), b"").done();
    room.say("apps get other").done();
}
