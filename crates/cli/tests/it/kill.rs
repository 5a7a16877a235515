//! `kill -9` at any moment: whatever was acknowledged is there with its exact value, nothing is half done, and the ledger
//! verifies. `STRONGROOM_TEST_ROUNDS` says how often; a power cut is not tried.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::room::Room;

/// Changes the variable and the file together, then delivers both; says each after it was acknowledged. Each change is
/// stamped with the round and its number, and the file is long, so that a half change would show. Descriptor 3 keeps the
/// pipe open until the last process is gone: one that dies slowly may still be landing what nobody was told of.
const WORK: &str = r#"
    number=0
    while :; do
        number=$((number + 1))
        printf "round $ROUND change $number" >stamp
        { cat stamp; cat filling; } >long
        "$0" secrets update c --env A=@stamp --file conf/long=@long 3>&1 >/dev/null 2>&1 || exit 1
        echo "changed $number"
        "$0" run --collection c --no-mask -- cat conf/long 3>&1 >delivered 2>/dev/null || exit 2
        cmp -s long delivered || exit 3
        echo "delivered $number"
    done"#;

/// What was acknowledged before the kill.
#[derive(Default)]
struct Acknowledged {
    changes: usize,
    deliveries: usize,
}

fn rounds() -> u64 {
    let asked = std::env::var("STRONGROOM_TEST_ROUNDS").unwrap_or_else(|_| "50".to_owned());
    asked.parse().expect("STRONGROOM_TEST_ROUNDS is a number")
}

/// Numbers that look random and are the same in each run (SplitMix64).
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged_and_leaves_nothing_half_done() {
    let room = Room::new();
    fs::write(room.path("home/filling"), ", and so on".repeat(4000)).expect("our own folder");
    let filling = room.lay("filling", "the first");
    room.say(&format!("secrets create --id c --env A=@{filling} --file conf/long=@{filling}")).done();
    let mut sum = Acknowledged::default();
    for round in 0..rounds() {
        let before = newest(&room);
        let acknowledged = work_until_killed(&room, round);
        let after = newest(&room);
        // The last one may have landed without anybody being told.
        let changes = after - before;
        assert!((acknowledged.changes..=acknowledged.changes + 1).contains(&changes), "round {round}");
        for number in 1..=changes {
            check_whole(&room, before + number, &format!("round {round} change {number}"));
        }
        room.say("audit verify").done();
        sum.changes += changes;
        sum.deliveries += acknowledged.deliveries;
    }
    let actions = room.actions();
    let count = |wanted: &str| actions.iter().filter(|action| *action == wanted).count();
    assert_eq!(count("collection.update"), sum.changes, "a change and its record land together");
    assert!(count("collection.deliver") >= sum.deliveries);
    room.run("--collection c", "cat conf/long").done();
    assert!(!room.path("home/conf").exists(), "the next run swept");
    assert_eq!(fs::read_dir(room.memory().join("strongroom")).expect("it was made").count(), 0);
}

/// Works, and is killed with everything it started: after some acknowledgements and some looks at what it does to the
/// data folder, so that the blow falls anywhere within a command.
fn work_until_killed(room: &Room, round: u64) -> Acknowledged {
    let mut work = room.command("sh");
    work.args(["-c", WORK, env!("CARGO_BIN_EXE_strongroom")]).env("ROUND", round.to_string());
    let mut worker = work.process_group(0).stdout(Stdio::piped()).spawn().expect("there is a shell");
    let mut said =
        BufReader::new(worker.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let chance = scatter(round);
    let mut lines: Vec<String> = said.by_ref().take(1 + (chance % 3) as usize).collect();
    let looks = (chance >> 8) % 8000;
    (0..looks).for_each(|_| drop(fs::metadata(room.path("data/strongroom.db-wal"))));
    kill_process_group(Pid::from_child(&worker), Signal::KILL).expect("it works");
    worker.wait().expect("our child");
    lines.extend(said);
    let count = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    Acknowledged { changes: count("changed "), deliveries: count("delivered ") }
}

fn newest(room: &Room) -> usize {
    let versions = room.json("secrets versions c");
    let newest = versions["items"].as_array().and_then(|versions| versions.last()).expect("a version");
    usize::try_from(newest["version"].as_u64().expect("a number")).expect("a small one")
}

#[track_caller]
fn check_whole(room: &Room, version: usize, stamp: &str) {
    let collection = room.json(&format!("secrets reveal c@{version}"));
    let value = |at: usize| collection["secrets"][at]["value"].as_str().expect("a value").to_owned();
    assert_eq!(value(0), stamp, "version {version}");
    let filling = read(&room.path("home/filling"));
    assert_eq!(value(1), format!("{stamp}{filling}"), "version {version}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("our own file")
}
