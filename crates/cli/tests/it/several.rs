//! Several processes at one DATA at the same time: each write lands whole or is refused by a documented conflict.

use std::sync::Mutex;

use crate::room::{Room, Said, list};

const PROCESSES: usize = 4;
const ROUNDS: usize = 20;

/// How the program says that somebody else was faster. Nothing was changed then.
const CONFLICTS: [&str; 2] =
    ["others changed the same thing at the same moment", "others changed the collection at the same time"];

#[test]
fn processes_that_write_and_deliver_at_once_lose_nothing() {
    let room = Room::new();
    room.say_with("secrets create --id c --env A --name one", "process 9 round 99").done();
    let written = Mutex::new(Vec::new());
    let delivered = Mutex::new(0_usize);
    std::thread::scope(|scope| {
        for process in 0..PROCESSES {
            let (room, written, delivered) = (&room, &written, &delivered);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let value = format!("process {process} round {round}");
                    let update = room.say_with("secrets update c --env A --output table", &value);
                    if succeeded(update.code(), 1, &update.stderr) {
                        written.lock().expect("no panic").push((version_of(&update.stderr), value));
                    }
                    let run = room.run("--collection c --no-mask", "printf %s \"$A\"");
                    if succeeded(run.code(), 125, &run.stderr) {
                        assert!(run.text().starts_with("process "), "{}", run.text());
                        *delivered.lock().expect("no panic") += 1;
                    }
                }
            });
        }
    });
    let mut written = written.into_inner().expect("no panic");
    written.sort();
    assert!(written.len() > PROCESSES, "{}", written.len());
    let versions: Vec<u64> = written.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, (2..written.len() as u64 + 2).collect::<Vec<_>>(), "contiguous, none twice");
    let kept = room.json("secrets versions c");
    let kept = kept["items"].as_array().expect("a list").iter();
    let kept: Vec<u64> = kept.map(|version| version["version"].as_u64().expect("a number")).collect();
    assert_eq!(kept, (1..written.len() as u64 + 2).collect::<Vec<_>>());
    for (version, value) in &written {
        assert_eq!(&room.say(&format!("secrets reveal c@{version} A")).done().text(), value);
    }
    let actions = room.actions();
    let count = |wanted: &str| actions.iter().filter(|action| *action == wanted).count();
    assert_eq!(count("collection.update"), written.len());
    assert_eq!(count("collection.deliver"), delivered.into_inner().expect("no panic"));
    room.say("audit verify").done();
}

/// Whether it did what it should; else it was refused by a conflict, and in the documented way.
#[track_caller]
fn succeeded(code: Option<i32>, refused: i32, stderr: &str) -> bool {
    if code == Some(0) {
        return true;
    }
    assert_eq!(code, Some(refused), "{stderr}");
    assert!(CONFLICTS.iter().any(|words| stderr.contains(words)), "{stderr}");
    false
}

fn version_of(stderr: &str) -> u64 {
    let (_, rest) = stderr.split_once("to version ").expect("an update says its version");
    let digits = rest.lines().next().expect("a number");
    digits.parse().expect("a number")
}

#[test]
fn those_that_make_one_strongroom_at_once_make_one() {
    for _ in 0..10 {
        let room = Room::empty();
        check_inits(&room, &format!("init --root-key {} --output json", room.key_source()));
        assert_eq!(list(&room.path("key")), [room.key()].into());

        let room = Room::empty();
        check_inits(&room, "init --output json");
        let keys = list(&room.path("xdg/config/strongroom"));
        assert_eq!(keys.len(), 1, "{keys:?}");
    }
}

/// All succeed and say the same, which is what a later one says too.
#[track_caller]
fn check_inits(room: &Room, line: &str) {
    let said: Vec<Said> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..3).map(|_| scope.spawn(|| room.say(line))).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let texts: Vec<String> = said.into_iter().map(|said| said.done().text()).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert_eq!(room.actions(), ["instance.create"]);
    assert_eq!(room.say(line).done().text(), texts[0]);
}
