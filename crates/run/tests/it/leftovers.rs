//! After a `kill -9` the next run takes everything away, and a run that goes on is never touched.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::signals::hold_lock;
use crate::stage::{Running, Stage};

const KEY: (&str, &str, &str) = ("file", "made/deep/app.key", "a key");

/// Prints its process number and stays.
const STAY: &str = "echo $$; exec sleep 1000";

/// A run whose supervisor was killed. Its child is ended too, by its number.
fn killed(stage: &Stage) {
    let mut driver = stage.driver();
    let mut child = driver.stdout(std::process::Stdio::piped());
    child = child.stderr(std::process::Stdio::null());
    let mut running = child.spawn().expect("the reporter is built");
    let mut output = std::io::BufReader::new(running.stdout.take().expect("piped"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).expect("text");
    running.kill().expect("our child");
    running.wait().expect("our child");
    let child = Pid::from_raw(line.trim().parse().expect("a process number")).expect("not zero");
    kill_process(child, Signal::KILL).expect("it goes on without its supervisor");
}

#[test]
fn the_next_run_sweeps_after_a_kill_whatever_its_home() {
    for secrets in [&[("file", "other", "x")][..], &[("env", "NO_FILES", "x")][..]] {
        let stage = Stage::with(&[KEY, ("file", "top", "x")]).script(STAY);
        killed(&stage);
        let names = stage.leftovers();
        assert!(names.contains(&"made/deep/app.key".to_owned()) && names.len() > 5, "{names:?}");
        fs::write(stage.at("made/by-child"), "mine").expect("our home");
        let next = stage.beside(secrets);
        assert_eq!(next.run().code(), Some(0));
        assert_eq!(stage.leftovers(), ["made", "made/by-child"], "and what is not ours stays");
    }
}

#[test]
fn a_dead_link_makes_room() {
    let stage = Stage::with(&[KEY]).script(STAY);
    killed(&stage);
    let stage = stage.script("cat made/deep/app.key");
    assert_eq!(stage.run().stdout(), "a key");
    assert_eq!(stage.leftovers(), [""; 0]);

    // As after a power cut: the memory is empty, the link is there.
    let stage = Stage::with(&[KEY]).script("cat made/deep/app.key");
    let memory = fs::canonicalize(stage.memory.path()).expect("our own folder");
    fs::create_dir_all(stage.at("made/deep")).expect("our home");
    let target = memory.join("strongroom/0123456789abcdef/files/made/deep/app.key");
    symlink(target, stage.at("made/deep/app.key")).expect("our home");
    assert_eq!(stage.run().stdout(), "a key");
    assert_eq!(stage.leftovers(), ["made", "made/deep"]);

    // Into the other of our folders, which this machine has not made since.
    let uid = rustix::process::getuid().as_raw();
    let target = memory.join(format!("strongroom-{uid}/0123456789abcdef/files/made/deep/app.key"));
    symlink(target, stage.at("made/deep/app.key")).expect("our home");
    assert_eq!(stage.run().stdout(), "a key");
    // A folder that is nobody's of ours says nothing, whatever its name.
    let target = memory.join("other/0123456789abcdef/files/made/deep/app.key");
    symlink(target, stage.at("made/deep/app.key")).expect("our home");
    stage.run().refused(125, "is there already and stays untouched");
}

/// The same home, and an environment that names other folders in memory: cron's, after the login session's.
fn elsewhere(stage: &Stage) -> Stage {
    let home = stage.home.path().to_str().expect("a path of ours");
    Stage::with(&[KEY]).set("home", home).set("runtime", Value::Null)
}

#[test]
fn a_dead_link_makes_room_whatever_the_environment_was_then() {
    let dead = Stage::with(&[KEY, ("file", "other/key", "x")]).script(STAY);
    killed(&dead);
    let home = dead.home.path().display();
    let next = elsewhere(&dead).script(&format!("cat {home}/made/deep/app.key"));
    assert_eq!(next.run().stdout(), "a key");
    assert_eq!(dead.leftovers(), ["made", "made/deep"], "and the dead run is swept");

    // Its lock is held: nothing is waited for, and the rest stays for the next run there.
    killed(&dead);
    let lock = hold_lock(&dead);
    assert_eq!(next.run().stdout(), "a key");
    assert!(dead.leftovers().contains(&"other/key".to_owned()));
    assert!(!dead.at("made/deep/app.key").is_symlink());
    drop(lock);

    // The session is over, and its folder with it.
    for gone in ["strongroom", ""] {
        killed(&dead);
        fs::remove_dir_all(dead.memory.path().join(gone)).expect("our own folder");
        assert_eq!(next.run().stdout(), "a key");
    }
}

#[test]
fn a_run_of_another_environment_that_goes_on_is_named_as_one() {
    let first = Stage::with(&[KEY])
        .script("trap 'kill $!; cat made/deep/app.key; exit 3' USR1; echo ready; sleep 60 & wait");
    let mut running = first.start();
    let before = first.leftovers();
    elsewhere(&first).reports(&[]).run().refused(125, "app.key; wait for its end, or pass --home");
    assert_eq!(first.leftovers(), before, "the first run has all that it had");
    running.send(Signal::USR1);
    assert_eq!(running.rest(), "a key");
    assert_eq!(running.end().code(), Some(3));
}

#[test]
fn a_link_into_what_is_not_ours_alone_stays() {
    let stage = Stage::with(&[KEY]).script(STAY);
    killed(&stage);
    let next = elsewhere(&stage).reports(&[]);
    let check = |what: &str| {
        let before = stage.leftovers();
        next.run().refused(125, "app.key is there already and stays untouched");
        assert_eq!(stage.leftovers(), before, "{what}");
    };
    let memory = stage.memory.path();
    let own = memory.join("strongroom");
    let link = stage.at("made/deep/app.key");
    for (folder, mode) in [(&own, 0o750), (&memory.to_owned(), 0o701)] {
        fs::set_permissions(folder, Permissions::from_mode(mode)).expect("our own folder");
        check("a folder that is open to others");
        fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("our own folder");
    }
    fs::rename(&own, memory.join("moved")).expect("our own folder");
    symlink("moved", &own).expect("our own folder");
    check("a way through a link");
    fs::rename(memory.join("moved"), memory.join("away")).expect("our own folder");
    check("a way through a link to nothing");
    fs::rename(memory.join("away"), memory.join("moved")).expect("our own folder");
    fs::remove_file(&own).expect("ours");
    fs::rename(memory.join("moved"), &own).expect("our own folder");
    if rustix::process::getuid().is_root() {
        chown(&own, Some(12345), None).expect("root may");
        check("another user's folder");
        chown(&own, Some(0), None).expect("root may");
        lchown(&link, Some(12345), None).expect("root may");
        check("another user's link");
        lchown(&link, Some(0), None).expect("root may");
    }
    let run = fs::read_dir(&own).expect("ours").next().expect("the dead run").expect("ours").path();
    fs::rename(&run, memory.join("run")).expect("our own folder");
    symlink(memory.join("run"), &run).expect("our own folder");
    check("a run that is a link");
    fs::remove_file(&run).expect("ours");
    let target = fs::read_link(&link).expect("a link");
    for other in ["deep/app.key.old", "../made/deep/app.key"] {
        fs::remove_file(&link).expect("our home");
        symlink(target.with_file_name(other), &link).expect("our home");
        check("a link to another file");
    }
    fs::remove_file(&link).expect("our home");
    symlink(target, &link).expect("our home");
    assert_eq!(next.run().code(), Some(0), "what it was at first makes room");
}

#[test]
fn a_second_run_on_a_path_is_refused() {
    let stage = Stage::with(&[KEY])
        .script("trap 'kill $!; cat made/deep/app.key; exit 3' USR1; echo ready; sleep 1000 & wait");
    let mut first = stage.start();
    let before = stage.leftovers();
    let home = stage.home.path().to_str().expect("a path of ours");
    let second = stage.beside(&[("file", "first", "x"), KEY]).set("home", home).reports(&[]);
    let refused = second.run();
    refused.refused(125, "another run delivers");
    assert!(refused.stderr().contains("made/deep/app.key; wait for its end, or pass --home"));
    assert_eq!(stage.leftovers(), before, "the first run has all that it had");
    first.send(Signal::USR1);
    assert_eq!(first.rest(), "a key");
    assert_eq!(first.end().code(), Some(3));
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_run_that_goes_on_is_not_swept() {
    let stage = Stage::with(&[KEY])
        .script("trap 'kill $!; cat made/deep/app.key; exit 3' USR1; echo ready; sleep 1000 & wait");
    let mut first = stage.start();
    let other = stage.beside(&[("file", "made/other", "x")]).reports(&[]);
    assert_eq!(other.run().code(), Some(0));
    first.send(Signal::USR1);
    assert_eq!(first.rest(), "a key");
    assert_eq!(first.end().code(), Some(3));
}

#[test]
fn many_sweepers_at_once_agree() {
    let dead: Vec<Stage> = (0..3).map(|_| Stage::with(&[])).collect();
    let first = Stage::with(&[KEY]).script(STAY);
    killed(&first);
    for stage in &dead {
        let home = stage.home.path().to_str().expect("a path of ours");
        killed(&first.beside(&[KEY]).set("home", home).script(STAY));
    }
    let next: Vec<Stage> =
        (0..8).map(|_| first.beside(&[("file", "x/y", "z")]).script("cat x/y; exit 4")).collect();
    let running: Vec<Running> = next.iter().map(Stage::start).collect();
    for running in running {
        assert_eq!(running.end().code(), Some(4));
    }
    assert_eq!(first.leftovers(), [""; 0]);
    for stage in dead.iter().chain(&next) {
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn runs_side_by_side_in_one_home_leave_nothing() {
    let stage = Stage::with(&[]);
    let home = stage.home.path().to_str().expect("a path of ours");
    let paths: Vec<String> = (0..8).map(|number| format!("shared/folder/key-{number}")).collect();
    for _ in 0..5 {
        let stages: Vec<Stage> = paths
            .iter()
            .map(|path| {
                stage
                    .beside(&[("file", path, "z")])
                    .set("home", home)
                    .script(&format!("cat {home}/{path}; exit 4"))
            })
            .collect();
        let running: Vec<Running> = stages.iter().map(Stage::start).collect();
        for running in running {
            assert_eq!(running.end().code(), Some(4));
        }
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}
