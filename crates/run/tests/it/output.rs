//! Values are masked in what the child prints, everything else passes as it is, and pipes behave like pipes.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Stage, reporter};

const TOKEN: (&str, &str, &str) = ("env", "TOKEN", "hunter2-hunter2");
const KEY: (&str, &str, &str) = ("file", "app.key", "-----BEGIN-----\nMIIB\n-----END-----\n");

#[test]
fn values_of_both_kinds_are_masked_on_both_streams() {
    let stage = Stage::with(&[TOKEN, KEY])
        .masked()
        .script("echo a $TOKEN; cat app.key; echo b $TOKEN >&2; printf %s $TOKEN");
    let ran = stage.run();
    assert_eq!(ran.stdout(), "a ***\n***\n***");
    assert_eq!(ran.stderr(), "b ***\n");
}

#[test]
fn unmasked_only_when_told_so() {
    let ran = Stage::with(&[TOKEN]).script("echo $TOKEN").run();
    assert_eq!((ran.stdout(), ran.stderr()), ("hunter2-hunter2\n".into(), String::new()));
}

#[test]
fn what_cannot_be_masked_is_said_by_place_and_never_by_value() {
    let secrets = [
        ("env", "PORT", "8080"),
        ("env", "FLAG", "true"),
        ("file", "empty", ""),
        ("file", "dull", "zzzzzzzz"),
        TOKEN,
    ];
    let ran = Stage::with(&secrets).masked().script("echo $PORT $TOKEN").run();
    assert_eq!(ran.stdout(), "8080 ***\n");
    let notes = ran.stderr();
    for place in ["PORT", "FLAG", "empty", "dull"] {
        assert!(
            notes.lines().any(|line| line.contains(place) && line.contains("masked")),
            "{place} in {notes}"
        );
    }
    assert_eq!(notes.lines().count(), 4, "{notes}");
    assert!(!notes.contains("8080") && !notes.contains("true") && !notes.contains("zzzz"), "{notes}");
}

#[test]
fn a_value_written_in_pieces_is_masked() {
    let script = "for piece in hun ter2 - hun ter2 x hunter2-hunter; do printf $piece; done";
    assert_eq!(Stage::with(&[TOKEN]).masked().script(script).run().stdout(), "***xhunter2-hunter");
}

#[test]
fn binary_output_passes_byte_for_byte() {
    let stage = Stage::with(&[TOKEN, KEY]).masked().script("cat noise; cat noise >&2; exit 5");
    let noise: Vec<u8> =
        (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(stage.at("noise"), &noise).expect("our home");
    let output = stage.driver().output().expect("the reporter is built");
    assert_eq!(output.status.code(), Some(5));
    assert!(output.stdout == noise, "standard output is the same");
    assert!(output.stderr == noise, "standard error is the same");
}

#[test]
fn lines_keep_their_order_when_both_streams_are_one() {
    let script = "i=0; while [ $i -lt 300 ]; do echo out $i $TOKEN; echo err $i $TOKEN >&2; i=$((i+1)); done";
    let stage = Stage::with(&[TOKEN]).masked().script(script);
    let log = File::create(stage.at("log")).expect("our home");
    let both = log.try_clone().expect("a descriptor");
    let status = stage.driver().stdout(log).stderr(both).status().expect("the reporter is built");
    assert!(status.success());
    let expected: String = (0..300).map(|i| format!("out {i} ***\nerr {i} ***\n")).collect();
    assert_eq!(fs::read_to_string(stage.at("log")).expect("our home"), expected);
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_child_as_a_pipe_does() {
    for stage in [
        Stage::with(&[TOKEN, KEY]).script("exec yes"),
        Stage::with(&[TOKEN, KEY]).masked().script("exec yes"),
    ] {
        let mut driver = stage.driver().stdout(Stdio::piped()).spawn().expect("the reporter is built");
        let mut reader = driver.stdout.take().expect("piped");
        let mut some = [0; 100];
        reader.read_exact(&mut some).expect("yes has a lot to say");
        drop(reader);
        assert_eq!(driver.wait().expect("our child").signal(), Some(13));
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn a_reader_that_goes_away_is_noticed_before_the_next_write() {
    let reporter = reporter();
    let argv = [reporter.to_str().expect("a path of ours"), "unread"];
    for stage in [Stage::with(&[TOKEN]).command(&argv), Stage::with(&[TOKEN]).masked().command(&argv)] {
        let mut driver = stage.driver().stdout(Stdio::piped()).spawn().expect("the reporter is built");
        let mut reader = BufReader::new(driver.stdout.take().expect("piped"));
        reader.read_line(&mut String::new()).expect("text");
        drop(reader);
        assert_eq!(driver.wait().expect("our child").code(), Some(8), "the child saw its pipe closed");
    }
}

#[test]
fn closed_streams_are_not_taken_for_files() {
    for stage in [Stage::with(&[TOKEN, KEY]), Stage::with(&[TOKEN, KEY]).masked()] {
        let stage = stage.script("echo noise; echo noise >&2; cat app.key > copy; exit 7");
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"exec "$0" drive "$1" <&- >&- 2>&-"#]).arg(reporter()).arg(stage.spec());
        assert_eq!(shell.current_dir(stage.home.path()).status().expect("sh is there").code(), Some(7));
        assert_eq!(fs::read_to_string(stage.at("copy")).expect("the child's"), KEY.2);
        assert_eq!(stage.leftovers(), ["copy"]);
    }
}

#[test]
fn output_that_cannot_be_written_is_lost_with_a_word() {
    let stage = Stage::with(&[TOKEN]).masked().script("trap '' PIPE; echo x; exit 6");
    let full = File::options().write(true).open("/dev/full").expect("every Linux has it");
    let output = stage.driver().stdout(full).output().expect("the reporter is built");
    assert_eq!(output.status.code(), Some(6));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("note: output was lost: No space left on device"), "{stderr}");
}

#[test]
fn a_process_left_behind_does_not_keep_the_run() {
    let stage = Stage::with(&[TOKEN, KEY]).masked().script("sleep 1000 & echo $!; echo $TOKEN; exit 5");
    let ran = stage.run();
    assert_eq!(ran.code(), Some(5));
    let stdout = ran.stdout();
    let (left, rest) = stdout.split_once('\n').expect("two lines");
    assert_eq!(rest, "***\n", "all that the child wrote is there");
    let left = Pid::from_raw(left.parse().expect("a process number")).expect("not zero");
    kill_process(left, Signal::KILL).expect("it goes on");
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_slow_reader_keeps_no_signal_away() {
    let stage = Stage::with(&[TOKEN, KEY]).masked().script("echo ready; exec yes $TOKEN");
    let running = stage.start();
    running.wait_until_full();
    running.send(Signal::TERM);
    // Nobody reads, and the run ends all the same.
    let (status, rest) = running.end_unread();
    assert_eq!(status.signal(), Some(15));
    assert!(!rest.contains("hunter2"), "what was written is masked");
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_slow_reader_gets_everything_that_the_child_wrote() {
    let stage =
        Stage::with(&[TOKEN, KEY]).masked().script("echo ready; head -c 100000 /dev/zero; echo $TOKEN");
    let mut running = stage.start();
    let rest = running.rest();
    assert_eq!(rest.len(), 100_000 + "***\n".len());
    assert!(rest.ends_with("***\n"));
    assert_eq!(running.end().code(), Some(0));
}
