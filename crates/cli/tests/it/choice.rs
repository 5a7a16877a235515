//! Which strongroom is meant: flags before the environment, a server before a data folder; and what makes no sense is
//! refused rather than passed over.

use std::process::Command;

use crate::room::{Room, Said, feed};

const PLANTED: &str = "hunter2-planted";

/// A line with some variables set and some not.
fn say(room: &Room, line: &str, set: &[(&str, &str)], unset: &[&str]) -> Said {
    let mut command: Command = room.embedded(&line.split(' ').collect::<Vec<_>>());
    command.envs(set.iter().copied());
    for name in unset {
        command.env_remove(name);
    }
    feed(&mut command, b"")
}

#[test]
fn flags_beat_the_environment_and_a_server_a_folder() {
    let here = Room::new();
    here.say("apps create here").done();
    let there = Room::new();
    there.say("apps create there").done();
    let there = there.serve(&[]);
    let server = there.server.as_ref().expect("it serves");
    let url = ("STRONGROOM_URL", server.url.as_str());
    let key = ("STRONGROOM_API_KEY", server.token.as_str());
    let data = here.path("data").display().to_string();
    let dead = "http://127.0.0.1:1";
    let is_there = |said: Said| said.done().text().contains("there");

    assert!(is_there(say(&here, "apps list", &[url, key], &[])), "a server before STRONGROOM_DATA");
    assert!(!is_there(say(&here, &format!("apps list --data {data}"), &[url, key], &[])));
    let line = format!("apps list --server {}", server.url);
    assert!(is_there(say(&here, &line, &[("STRONGROOM_URL", dead), key], &[])));
    let line = format!("--server {} apps list", server.url);
    assert!(is_there(say(&here, &line, &[key], &[])), "an option before the command too");
    // What works on a data folder has no business with a server.
    for line in ["init", "audit verify"] {
        say(&here, line, &[("STRONGROOM_URL", PLANTED), ("STRONGROOM_DATABASE", PLANTED)], &[]).done();
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let room = Room::new();
    let check = |line: &str, code: i32, words: &str| say(&room, line, &[], &[]).refused(code, words);
    let server = "--server http://127.0.0.1:1";
    check(&format!("apps list {server} --data nowhere"), 2, "--server cannot be used with --data");
    check(&format!("{server} apps list --data nowhere"), 2, "--server cannot be used with --data");
    check(&format!("run {server} --data nowhere --collection db -- true"), 125, "--server cannot be used");
    for line in ["init", "audit verify", "serve"] {
        check(
            &format!("{line} {server}"),
            2,
            "--server cannot be used here: this command works on a data folder",
        );
        check(&format!("{line} --api-key-file x"), 2, "--api-key-file cannot be used here");
    }
    check(&format!("quickstart {server}"), 2, "quickstart makes a data folder of its own");
    for option in ["--api-key-file", "--ca-cert", "--proxy"] {
        check(
            &format!("apps list {option} x"),
            2,
            &format!("{option} goes with a server: give --server URL"),
        );
    }
}

#[test]
fn a_url_that_is_none_is_refused_without_being_repeated() {
    let room = Room::new();
    let key = room.make_key("--role viewer");
    let check = |url: &str, words: &str| {
        for (line, code) in [("apps list", 2), ("run --collection db -- true", 125)] {
            let words_of_line: Vec<&str> = ["--server", url].into_iter().chain(line.split(' ')).collect();
            let mut typed = room.embedded(&words_of_line);
            let said = feed(typed.env("STRONGROOM_URL", url).env("STRONGROOM_API_KEY", &key), b"");
            said.refused(code, words);
            assert!(!said.stderr.contains(PLANTED), "{}", said.stderr);
        }
        for (line, code) in [("apps list", 1), ("run --collection db -- true", 125)] {
            let said = say(&room, line, &[("STRONGROOM_URL", url), ("STRONGROOM_API_KEY", &key)], &[]);
            said.refused(code, words);
            assert!(!said.stderr.contains(PLANTED), "{}", said.stderr);
        }
    };
    check(PLANTED, "begins neither with https:// nor with http://");
    check("ftp://localhost", "begins neither with https:// nor with http://");
    check("localhost:7878", "begins neither with https:// nor with http://");
    check(&format!("https://me:{PLANTED}@localhost"), "holds no user name and no password");
    check(&format!("https://localhost/{PLANTED}"), "ends with its host and port");
    check(
        "http://strongroom.example",
        "would show the API key and every value to whoever listens; use https://, or accept that with \
         --plain-http-exposes-secrets",
    );
    let proxy = format!("apps list --server https://localhost:1 --proxy socks5://me:{PLANTED}@localhost");
    let said = say(&room, &proxy, &[("STRONGROOM_API_KEY", &key)], &[]);
    said.refused(2, "--proxy is refused: a proxy is written http://");
    assert!(!said.stderr.contains(PLANTED), "{}", said.stderr);
    let said = say(&room, "apps list", &[("STRONGROOM_DATABASE", PLANTED)], &["STRONGROOM_DATA"]);
    said.refused(1, "STRONGROOM_DATABASE is set");
    assert!(!said.stderr.contains(PLANTED));
    say(&room, "apps list", &[("STRONGROOM_LOG", "=[nonsense")], &[])
        .refused(1, "STRONGROOM_LOG is not a filter; try debug");
}

#[test]
fn a_server_that_is_down_starts_no_program() {
    let room = Room::new().serve(&[]);
    room.say_with("secrets create --id db --env A", "the value").done();
    let started = room.path("desk/started");
    let server = room.server.as_ref().expect("it serves");
    // A port that was free a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", free.local_addr().expect("bound"));
    drop(free);
    let environment = [("STRONGROOM_URL", url.as_str()), ("STRONGROOM_API_KEY", &server.token)];
    let line = format!("run --collection db -- touch {}", started.display());
    say(&room, &line, &environment, &["STRONGROOM_DATA"])
        .refused(125, "cannot be reached: the connection is refused");
    say(&room, "secrets list", &environment, &["STRONGROOM_DATA"]).refused(1, "cannot be reached");
    assert!(!started.exists());
    // The variables of a proxy are not ours.
    let proxy =
        [("http_proxy", url.as_str()), ("HTTP_PROXY", &url), ("ALL_PROXY", &url), ("https_proxy", &url)];
    let mut list = room.strongroom(&["secrets", "list"]);
    feed(list.envs(proxy), b"").done();
}
