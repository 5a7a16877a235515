//! Load that is meant to hurt: each attack for a moment, against the program as it is started. It stays alive, says nothing
//! of a panic, keeps its memory, lets go of every connection, and answers whoever comes next. How long honest clients wait
//! meanwhile is measured by `bench/`; no clock decides here. `STRONGROOM_TEST_LOAD` says how many seconds each lasts.

#[path = "../../../../bench/src/attack.rs"]
mod attack;

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::attack::{CASES, Case, HONEST, Line, Scene, Tally, attack};
use crate::room::{APP, Room};

const MOST_MEMORY_KIB: u64 = 256 * 1024;
/// Nobody waits longer for the end of what the attack began: a hang is a failure, and not a slow test.
const PATIENCE: Duration = Duration::from_secs(60);

/// One at a time: two attacks at once would be a third one.
static TURN: Mutex<()> = Mutex::new(());

fn seconds() -> Duration {
    let asked = std::env::var("STRONGROOM_TEST_LOAD").unwrap_or_else(|_| "1".to_owned());
    Duration::from_secs(asked.parse().expect("STRONGROOM_TEST_LOAD is a number of seconds"))
}

macro_rules! withstood {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            withstand(stringify!($name));
        })*
    };
}

withstood! {
    d_1_a_body_of_1_gb_is_announced
    d_1_chunks_without_an_end
    d_1_bodies_that_stay_unfinished
    d_2_json_of_a_million_levels
    d_2_json_of_a_million_keys
    d_2_a_number_of_100_mb
    d_3_ten_thousand_heads_that_crawl
    d_3_ten_thousand_bodies_that_crawl
    d_3_large_deliveries_read_slowly
    d_4_a_flood_of_resets
    d_4_a_head_without_an_end
    d_4_a_flood_of_settings
    d_4_a_flood_of_pings
    d_4_streams_without_a_window
    d_6_a_gzip_bomb
    d_8_keys_that_collide
    d_8_a_string_of_9_mb
    wrong_keys_from_elsewhere
    wrong_keys_from_next_door
    as_many_requests_as_it_takes
    ten_times_too_many_requests
}

#[test]
fn no_attack_is_left_out() {
    assert!(CASES.iter().map(|case| case.name).eq(NAMES.iter().copied()), "{NAMES:?}");
}

fn withstand(name: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let case = CASES.iter().find(|case| case.name == name).expect("every attack has a name");
    let room = Room::new();
    let stolen = room.make_key("--role admin");
    let mut room = room.serve(&[]);
    let server = room.server.take().expect("it serves");
    let address: SocketAddr =
        server.url.strip_prefix("http://").and_then(|at| at.parse().ok()).expect("an address");
    let scene = Scene { server: address, token: server.token.clone(), stolen, application: APP.to_owned() };
    scene.furnish().expect("two collections are made");

    // A slow machine may need longer for the first answer.
    let lasts = (0..5).map(|doubled| seconds() * 2_u32.pow(doubled));
    let mut tallies = lasts.map(|lasts| suffer(*case, &scene, lasts));
    let tally =
        tallies.find(|tally| !is_answered(name) || !tally.answers.is_empty()).expect("it is answered");

    wait_for(|| answers(&scene), "it answers whoever comes next");
    wait_for(|| open_connections(address.port()) == 0, "it lets go of every connection");
    let memory = peak_memory(server.pid());
    assert!(memory <= MOST_MEMORY_KIB, "{memory} KiB: {tally:?}");
    check_answers(case.name, &tally);
    let (status, said) = server.end(Signal::TERM);
    assert!(status.success(), "{status}\n{said}");
    // The first is what the program says of a panic, the second what would say it in its place.
    assert!(!said.contains("internal error") && !said.contains("panic"), "{said}");
}

/// Whether the attack asks what can be answered.
fn is_answered(name: &str) -> bool {
    !["d_1", "d_3", "d_4"].iter().any(|group| name.starts_with(group))
}

/// The attack, with honest clients that ask meanwhile and need not be answered.
fn suffer(case: Case, scene: &Scene, lasts: Duration) -> Tally {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let attacking = scope.spawn(|| attack(case, scene, &is_over));
        let begin = Instant::now();
        while begin.elapsed() < lasts {
            answers(scene);
        }
        is_over.store(true, Ordering::Relaxed);
        attacking.join().expect("an attack does not panic")
    })
}

/// Whether it shows and delivers, to one that has just come.
fn answers(scene: &Scene) -> bool {
    let ask = |request: &[u8]| Line::open(HONEST, scene.server)?.ask(request);
    [scene.show(), scene.delivery()]
        .iter()
        .all(|request| ask(request).is_ok_and(|answer| answer.status < 300 && !answer.body.is_empty()))
}

/// What the attack was told, where that is what it is about.
fn check_answers(name: &str, tally: &Tally) {
    let only = |statuses: &[u16]| {
        assert!(tally.answers.keys().all(|status| statuses.contains(status)), "{name}: {tally:?}");
    };
    match name {
        "d_6_a_gzip_bomb" => only(&[415, 429, 503]),
        name if name.starts_with("d_2") || name.starts_with("d_8") => only(&[400, 408, 413, 422, 429, 503]),
        name if name.starts_with("wrong_keys") => only(&[401, 429, 503]),
        "as_many_requests_as_it_takes" | "ten_times_too_many_requests" => only(&[200, 429, 503]),
        _ => assert!(
            tally.bytes > 0 && tally.open > 0 && tally.connections > 0,
            "{name} reached it: {tally:?}"
        ),
    }
    let refused = |status: u16| tally.answers.get(&status).copied().unwrap_or_default();
    assert_eq!(refused(500), 0, "{name}: {tally:?}");
    assert_eq!(tally.retry_after, refused(429) + refused(503), "{name}: {tally:?}");
}

/// Asks again and again; each time is a round trip, so nobody spins.
fn wait_for(happened: impl Fn() -> bool, what: &str) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < PATIENCE, "{what}: it has not, for {} s", PATIENCE.as_secs());
        std::thread::yield_now();
    }
}

/// The server's side of connections that are not over, whatever its process shows of itself (see proc(5)).
fn open_connections(port: u16) -> usize {
    const LISTEN: &str = "0A";
    /// What the server has closed and the kernel keeps for a peer that has not.
    const NOBODY: &str = "0";
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux has one");
    let here = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[1].ends_with(&here) && row[3] != LISTEN && row[9] != NOBODY).count()
}

fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux counts it");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}
