//! What is asked on a terminal, and what an answer does.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::geteuid;

use crate::room::{Room, list};
use crate::terminal::Terminal;

/// A line of the program, to be typed at a terminal.
fn line(room: &Room, words: &str) -> Command {
    let mut command = room.command("setsid");
    command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_strongroom")]).args(words.split(' '));
    if let Some(server) = &room.server {
        command.env_remove("STRONGROOM_DATA").envs(server.environment());
    }
    command
}

#[track_caller]
fn check(room: &Room, words: &str, typed: &str, code: i32, said: &str) -> String {
    let (screen, ended) = Terminal::start(&mut line(room, words), typed).end();
    assert_eq!(ended, Some(code), "{words}\n{screen}");
    assert!(screen.contains(said), "{words}\n{said:?} is not in {screen}");
    screen
}

#[test]
fn a_value_is_asked_for_and_never_shown() {
    let room = Room::new();
    let mut terminal = Terminal::start(&mut line(&room, "secrets create --id db --env A --env B"), "");
    for (name, value) in [("A", "hunter2-one"), ("B", "hunter2-two")] {
        terminal.wait_for(&format!("Value of {name} (not shown): "));
        terminal.press(&format!("{value}\r"));
    }
    let (screen, code) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("hunter2"), "{screen}");
    assert_eq!(room.say("secrets reveal db B").done().text(), "hunter2-two");
}

#[test]
fn of_a_paste_of_several_lines_nothing_is_stored_and_nothing_is_left_for_the_shell() {
    let room = Room::new();
    let typed = "first line\nsecond line\n";
    check(
        &room,
        "secrets create --id db --env A",
        typed,
        1,
        "more than one line was typed, and nothing was stored; use A=@PATH",
    );
    assert_eq!(room.actions(), ["instance.create", "application.create"]);

    // What is left for the next that reads from this terminal.
    let script =
        format!("{} secrets create --id db --env A; echo next; cat", env!("CARGO_BIN_EXE_strongroom"));
    let mut shell = room.command("setsid");
    let mut terminal = Terminal::start(shell.args(["--ctty", "--wait", "sh", "-c", &script]), typed);
    terminal.wait_for("next");
    terminal.press("\u{4}");
    let (screen, _) = terminal.end();
    let (_, after) = screen.split_once("next").expect("waited for");
    assert!(!after.contains("second line"), "{screen}");
}

#[test]
fn an_empty_answer_is_no_value() {
    let room = Room::new();
    check(&room, "secrets create --id db --env A", "\n", 1, "nothing was read for A");
    assert_eq!(room.actions(), ["instance.create", "application.create"]);
}

#[test]
fn a_yes_may_be_written_in_every_way() {
    let room = Room::new();
    for (answer, code) in
        [("y", 0), ("Y", 0), ("yes", 0), ("Yes", 0), ("YES", 0), ("", 1), ("n", 1), ("yess", 1)]
    {
        room.say("apps create other").done();
        let said = if code == 0 { "deleted application other" } else { "nothing was done" };
        check(&room, "apps delete other", &format!("{answer}\n"), code, said);
        if code != 0 {
            room.say("apps delete other --yes").done();
        }
    }
}

#[test]
fn an_unknown_application_is_offered_before_a_value_is_asked_for() {
    for room in [Room::new(), Room::new().serve(&[])] {
        let words = "secrets create --app new --id db --env A";
        let screen = check(&room, words, "n\n", 1, "There is no application new. Create it? [y/N]");
        assert!(screen.contains("there is no application new") && !screen.contains("Value of"), "{screen}");
        let mut terminal = Terminal::start(&mut line(&room, words), "");
        for (question, answer) in [("[y/N]", "y\r"), ("Value of A", "a value\r")] {
            terminal.wait_for(question);
            terminal.press(answer);
        }
        assert_eq!(terminal.end().1, Some(0));
        assert_eq!(room.say("secrets reveal db A --app new").done().text(), "a value");
    }
}

/// The kernel gives what describes a process that may not be looked into to root, so it is seen on one of another user.
#[test]
fn no_other_process_of_the_user_may_look_into_a_command() {
    const OTHER: u32 = 65534;
    let room = Room::new();
    let program = room.path("program");
    // By another process: a program that is open for writing here, and so in whatever another test starts, is busy.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_strongroom")).arg(&program).status();
    assert!(copied.expect("there is cp").success());
    let mut command = room.command("setsid");
    command.arg("--ctty").arg(&program).args(["secrets", "create", "--id", "db", "--env", "A"]);
    if geteuid().is_root() {
        let root = room.path("");
        for path in list(&root).into_iter().chain([root]) {
            chown(path, Some(OTHER), Some(OTHER)).expect("we are root");
        }
        command.uid(OTHER).gid(OTHER);
    }
    let mut terminal = Terminal::start(&mut command, "");
    terminal.wait_for("Value of A");
    let environ = format!("/proc/{}/environ", terminal.pid().as_raw_nonzero());
    assert_eq!(fs::metadata(environ).expect("it runs").uid(), 0);
}
