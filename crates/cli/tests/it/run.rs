//! `run`, through the real program: what a child gets, how its end becomes ours, what is said, and what is left behind.
//! The finer promises are held by the tests of crate `run`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::room::{Room, Running, feed, pid_of, set_mode};

const TOKEN: &str = "t0ken \"quoted\" ü\tend";
/// Every kind of line end, and two at the end.
const LICENCE: &str = "START_LICENSE\r\n# Ünïcode 🔑\n\tSIGN=\"a8f3-77c1\"\\\n\n";

/// A collection `c` with a variable and a file.
fn with_collection() -> Room {
    let room = super::place(Room::new());
    let (token, licence) = (room.lay("token", TOKEN), room.lay("licence", LICENCE));
    room.say(&format!("secrets create --id c --env TOKEN=@{token} --file /conf/app.lic=@{licence}")).done();
    room
}

fn deliveries(room: &Room) -> usize {
    room.actions().iter().filter(|action| *action == "collection.deliver").count()
}

#[track_caller]
fn check_nothing_left(room: &Room) {
    let left = room.leftovers();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_exit_code_is_the_childs() {
    let room = with_collection();
    for code in [0, 1, 2, 3, 124, 125, 126, 127, 255] {
        let ran = room.run("--collection c", &format!("exit {code}"));
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(code), ""));
    }
    check_nothing_left(&room);
}

#[test]
fn a_death_by_signal_is_ours_too() {
    let room = with_collection();
    for signal in [1, 2, 3, 6, 7, 9, 10, 11, 13, 14, 15] {
        let ran = room.run("--collection c", &format!("ulimit -c 0; kill -{signal} $$"));
        assert_eq!(ran.signal(), Some(signal), "{}", ran.stderr);
        check_nothing_left(&room);
    }
    assert_eq!(feed(&mut through_a_shell(&room, "kill -TERM $$"), b"").text(), "143\n", "as a shell sees it");
}

fn through_a_shell(room: &Room, script: &str) -> std::process::Command {
    let mut shell = room.command("sh");
    shell.args(["-c", "\"$0\" run --collection c -- sh -c \"$1\"; echo $?"]);
    shell.args([env!("CARGO_BIN_EXE_strongroom"), script]);
    shell
}

#[test]
fn variables_and_files_are_exactly_what_was_stored() {
    let room = with_collection();
    let ran = room.run("--collection c --no-mask", "printf %s \"$TOKEN\"").done();
    assert_eq!(ran.text(), TOKEN);
    for path in ["conf/app.lic", "$STRONGROOM_FILES/conf/app.lic"] {
        let ran = room.run("--collection c --no-mask", &format!("cat \"{path}\"")).done();
        assert_eq!(ran.text(), LICENCE, "{path}");
    }
    let modes =
        "stat -L -c %a conf/app.lic; stat -c %a \"$STRONGROOM_FILES\"; test -L conf/app.lic && echo link";
    assert_eq!(room.run("--collection c", modes).done().text(), "600\n700\nlink\n");
    let files = room.run("--collection c", "printf %s \"$STRONGROOM_FILES\"").done().text();
    assert!(files.starts_with(room.memory().to_str().expect("a path of ours")), "{files}");
    check_nothing_left(&room);
}

#[test]
fn a_child_is_given_nothing_of_ours_but_the_place_of_its_files() {
    let room = with_collection();
    let mut command = room.running("--collection c", "env -0");
    command.env("STRONGROOM_ROOT_KEY", room.key_source()).env("KEPT", "a b\nc");
    if room.server.is_none() {
        command.env("STRONGROOM_API_KEY", "sr_key");
    }
    let said = feed(&mut command, b"").done().text();
    let variables: Vec<&str> = said.split_terminator('\0').collect();
    let ours: Vec<&&str> = variables.iter().filter(|variable| variable.starts_with("STRONGROOM_")).collect();
    assert!(matches!(ours[..], [only] if only.starts_with("STRONGROOM_FILES=")), "{ours:?}");
    assert!(variables.contains(&"KEPT=a b\nc") && variables.contains(&"TOKEN=***"), "{variables:?}");
}

#[test]
fn arguments_input_and_folder_reach_the_child_as_they_are() {
    let room = with_collection();
    let words = [
        "run",
        "--collection",
        "c",
        "--",
        "sh",
        "-c",
        "printf '<%s>' \"$@\"; pwd; cat",
        "sh",
        "a  b",
        "",
        "$(x)",
        "--app",
    ];
    let said = feed(&mut room.strongroom(&words), b"line one\nno end").done().text();
    let home = fs::canonicalize(room.path("home")).expect("our own folder");
    assert_eq!(said, format!("<a  b><><$(x)><--app>{}\nline one\nno end", home.display()));
}

#[test]
fn values_are_masked_in_pipes_unless_asked_not_to() {
    let room = with_collection();
    let script = "echo \"<$TOKEN>\"; cat conf/app.lic; echo \"[$TOKEN]\" >&2";
    let ran = room.run("--collection c", script).done();
    // The value is masked without the line end that closes it.
    assert_eq!((ran.text().as_str(), ran.stderr.as_str()), ("<***>\n***\n", "[***]\n"));
    let ran = room.run("--collection c --no-mask", script).done();
    assert_eq!(ran.text(), format!("<{TOKEN}>\n{LICENCE}"));
    assert_eq!(ran.stderr, format!("[{TOKEN}]\n"));
    room.say_with("secrets create --id short --env PIN", "1234").done();
    let ran = room.run("--collection short", "echo $PIN").done();
    assert_eq!(ran.text(), "1234\n");
    assert_eq!(ran.stderr, "strongroom: env:PIN: too short or too uniform to be masked in the output\n");
}

#[test]
fn a_dangerous_name_needs_leave() {
    let room = super::place(Room::new());
    room.say_with("secrets create --id d --env BASH_ENV", "/dev/null").done();
    room.run("--collection d", "echo started").refused(125, "BASH_ENV could change which program runs");
    let ran = room.run("--collection d --allow-env BASH_ENV --no-mask", "echo $BASH_ENV").done();
    assert_eq!(ran.text(), "/dev/null\n");
    let before = deliveries(&room);
    room.run("--collection d --allow-env PATH", "echo started").refused(125, "pass --allow-env BASH_ENV");
    assert_eq!(deliveries(&room), before, "a run that is refused needs no delivery");
}

#[test]
fn files_appear_below_the_home_that_was_named() {
    let room = with_collection();
    let elsewhere = room.path("desk/else where");
    fs::create_dir(&elsewhere).expect("our own folder");
    let mut words = vec!["run", "--collection", "c", "--home", "../desk/else where", "--"];
    words.extend(["sh", "-c", "cat '../desk/else where/conf/app.lic' | wc -c; ls"]);
    let said = feed(&mut room.strongroom(&words), b"").done().text();
    assert_eq!(said, format!("{}\n", LICENCE.len()));
    assert!(crate::room::list(&elsewhere).is_empty());
}

#[test]
fn what_is_in_the_way_stays_untouched() {
    let room = with_collection();
    fs::create_dir(room.path("home/conf")).expect("our own folder");
    fs::write(room.path("home/conf/app.lic"), "mine").expect("our own folder");
    room.run("--collection c", "echo started")
        .refused(125, "conf/app.lic is there already and stays untouched");
    assert_eq!(fs::read_to_string(room.path("home/conf/app.lic")).expect("it is there"), "mine");
}

#[test]
fn a_program_that_cannot_run_costs_no_delivery() {
    let room = with_collection();
    let plain = room.lay("plain", "no program");
    for (program, code, words) in [
        ("no-such-program", 127, "no-such-program"),
        ("./no-such-program", 127, "no-such-program"),
        ("", 127, ""),
        (&*plain, 126, "plain"),
        (room.path("home").to_str().expect("a path of ours"), 126, "home"),
    ] {
        let mut run = room.strongroom(&["run", "--collection", "c", "--", program]);
        // Not the PATH of whoever tests: a folder in it that one may not enter makes "not found" a "not executable".
        feed(run.env("PATH", "/usr/bin:/bin"), b"").refused(code, words);
    }
    let script = room.lay("script", "#!/no/such/interpreter\n");
    set_mode(script.as_ref(), 0o755);
    feed(&mut room.strongroom(&["run", "--collection", "c", "--", &script]), b"").refused(127, "interpreter");
    assert_eq!(deliveries(&room), 0);
    check_nothing_left(&room);
}

#[test]
fn a_run_is_recorded_before_the_child_begins() {
    let room = with_collection();
    let script = format!(
        "STRONGROOM_DATA='{}' exec '{}' audit list --output json",
        room.path("data").display(),
        env!("CARGO_BIN_EXE_strongroom")
    );
    let seen = room.run("--collection c", &script).json();
    let last = seen["items"].as_array().and_then(|items| items.last()).expect("a record");
    assert_eq!((&last["action"], &last["version"]), (&"collection.deliver".into(), &1.into()));
}

#[test]
fn a_signal_reaches_the_child_once_and_everything_is_removed() {
    let room = with_collection();
    let script = "trap 'echo TERM' TERM; trap 'kill $sleeper; echo end; exit 7' USR1
        sleep 1000 & sleeper=$!; echo ready; while :; do wait $sleeper; done";
    let (mut run, first) = Running::start(&mut room.running("--collection c", script));
    assert_eq!(first, "ready");
    assert!(!room.leftovers().is_empty());
    for _ in 0..3 {
        run.send(Signal::TERM);
        assert_eq!(run.read_line(), "TERM");
    }
    run.send(Signal::USR1);
    let (rest, status) = run.end();
    assert_eq!((rest.as_str(), status.code()), ("end\n", Some(7)));
    check_nothing_left(&room);

    let (run, _) = Running::start(&mut room.running("--collection c", "echo ready; exec sleep 1000"));
    run.send(Signal::TERM);
    assert_eq!(run.end().1.signal(), Some(15));
    check_nothing_left(&room);
}

/// Prints its process number and stays.
const STAY: &str = "echo $$; exec sleep 1000";

#[test]
fn after_a_kill_the_next_run_sweeps() {
    let room = with_collection();
    let (run, child) = Running::start(&mut room.running("--collection c", STAY));
    run.send(Signal::KILL);
    kill_process(pid_of(&child), Signal::KILL).expect("it goes on without strongroom");
    assert_eq!(run.end().1.signal(), Some(9));
    assert!(room.path("home/conf/app.lic").exists(), "nobody was there to remove it");
    let ran = room.run("--collection c --no-mask", "cat conf/app.lic").done();
    assert_eq!(ran.text(), LICENCE);
    check_nothing_left(&room);
    room.say("audit verify").done();
}

#[test]
fn a_second_run_on_one_path_is_refused() {
    let room = with_collection();
    let (first, _) = Running::start(&mut room.running("--collection c", STAY));
    let before = room.leftovers();
    room.run("--collection c", "echo started").refused(125, "another run delivers");
    assert_eq!(room.leftovers(), before);
    first.send(Signal::TERM);
    assert_eq!(first.end().1.signal(), Some(15));
    check_nothing_left(&room);
    room.run("--collection c", "exit 0").done();
}

#[test]
fn the_data_is_free_while_a_child_runs() {
    let room = with_collection();
    let (run, _) = Running::start(&mut room.running("--collection c", STAY));
    room.say_with("secrets update c --env TOKEN", "the next one").done();
    room.say("secrets delete c").done();
    run.send(Signal::TERM);
    assert_eq!(run.end().1.signal(), Some(15));
}

#[test]
fn no_value_stands_in_an_argument_list() {
    let room = with_collection();
    // A shell that stays itself: in the middle of an exec there is no argument list.
    let mut stay = room.running("--collection c", "echo $$; read line");
    let (run, child) = Running::start(stay.stdin(Stdio::piped()));
    let read = |pid: Pid, name: &str| {
        let text = fs::read(format!("/proc/{}/{name}", pid.as_raw_nonzero())).expect("it runs, and is ours");
        String::from_utf8_lossy(&text).into_owned()
    };
    let child = pid_of(&child);
    for pid in [run.pid(), child] {
        let line = read(pid, "cmdline");
        assert!(line.contains("read line"), "{line}");
        assert!(!line.contains("t0ken") && !line.contains("a8f3"), "{line}");
    }
    assert!(read(child, "environ").contains(TOKEN), "and so a value would be seen");
    run.send(Signal::TERM);
    run.end();
}

#[test]
fn a_child_begins_beside_one_thread_and_its_end_is_seen() {
    let room = super::place(Room::new());
    room.say_with("secrets create --id quick --env TOKEN", TOKEN).done();
    // The thread that held the database once took the signal that tells of a child's end, and the run never ended. More
    // runs than processors, so that threads are late.
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let ran = room.run("--collection quick", "exec ls /proc/$PPID/task").done();
                    assert_eq!(ran.text().lines().count(), 1, "threads of strongroom: {}", ran.text());
                }
            });
        }
    });
}

#[test]
fn a_terminal_is_passed_through_and_one_line_says_so() {
    let room = with_collection();
    let terminal =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("our own terminal");
    let name = ptsname(&terminal, Vec::new()).expect("it has a name").into_string().expect("plain text");
    let open = || fs::File::options().read(true).write(true).open(&name).expect("our own terminal");
    let mut command = room.running("--collection c", "test -t 0 && test -t 1 && echo \"<$TOKEN>\"; exit 3");
    command.stdin(open()).stdout(open()).stderr(Stdio::from(open()));
    let mut run = command.spawn().expect("the program is built");
    // It holds the other ends; with them open here, the screen would never end.
    drop(command);
    let mut screen = BufReader::new(fs::File::from(terminal)).lines();
    let mut see = || screen.next().expect("the terminal is open").expect("text").trim_end().to_owned();
    assert_eq!(see(), "strongroom: output to a terminal is not masked");
    assert_eq!(see(), format!("<{TOKEN}>"));
    assert_eq!(run.wait().expect("our child").code(), Some(3));
    assert!(screen.next().is_none_or(|line| line.is_err()), "and nothing more is said");
}
