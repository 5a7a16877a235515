//! The attacks, by the names that security tests have: bodies without an end, documents that explode, connections that
//! crawl, floods of frames and of keys. Each is what one attacker with one machine can do, and no more than loopback takes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::http2::{self, Method};
use super::scene::{DELIVERY, SMALL, Scene, nobodys_token};
use super::swarm::{Attack, Hears, Pace, Say, Tally, rage};
use super::wire::request;

/// An attack and its name.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    make: fn(&Scene) -> Attack,
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    Case { name: "d_1_a_body_of_1_gb_is_announced", make: announced },
    Case { name: "d_1_chunks_without_an_end", make: chunked },
    Case { name: "d_1_bodies_that_stay_unfinished", make: unfinished },
    Case { name: "d_2_json_of_a_million_levels", make: deep },
    Case { name: "d_2_json_of_a_million_keys", make: wide },
    Case { name: "d_2_a_number_of_100_mb", make: long_number },
    Case { name: "d_3_ten_thousand_heads_that_crawl", make: slow_heads },
    Case { name: "d_3_ten_thousand_bodies_that_crawl", make: slow_bodies },
    Case { name: "d_3_large_deliveries_read_slowly", make: slow_readers },
    Case { name: "d_4_a_flood_of_resets", make: resets },
    Case { name: "d_4_a_head_without_an_end", make: continuations },
    Case { name: "d_4_a_flood_of_settings", make: settings },
    Case { name: "d_4_a_flood_of_pings", make: pings },
    Case { name: "d_4_streams_without_a_window", make: no_window },
    Case { name: "d_6_a_gzip_bomb", make: bomb },
    Case { name: "d_8_keys_that_collide", make: collisions },
    Case { name: "d_8_a_string_of_9_mb", make: long_string },
    Case { name: "wrong_keys_from_elsewhere", make: wrong_keys },
    Case { name: "wrong_keys_from_next_door", make: wrong_keys_next_door },
    Case { name: "as_many_requests_as_it_takes", make: full_load },
    Case { name: "ten_times_too_many_requests", make: overload },
];

/// Attacks until it is over.
pub(crate) fn attack(case: Case, scene: &Scene, is_over: &AtomicBool) -> Tally {
    rage(&(case.make)(scene), scene.server, is_over)
}

/// Another block of addresses than that of honest clients.
const ELSEWHERE: [u8; 3] = [127, 9, 0];
const NEXT_DOOR: [u8; 3] = [127, 0, 0];

fn flood(connections: usize, say: Say) -> Attack {
    Attack { connections, block: ELSEWHERE, say, pace: Pace::Flood, hears: Hears::All }
}

/// The same request again and again, each when the one before was answered.
fn ask(connections: usize, request: Vec<u8>) -> Attack {
    let request: Arc<[u8]> = request.into();
    Attack { pace: Pace::Ask, ..flood(connections, Box::new(move |_, _| Arc::clone(&request))) }
}

/// First this, then that for ever; every second connection without a key, where there are two openings.
fn first_then(first: [Vec<u8>; 2], then: Vec<u8>) -> Say {
    let (first, then) = (first.map(Arc::<[u8]>::from), Arc::<[u8]>::from(then));
    Box::new(move |number, turn| Arc::clone(if turn == 0 { &first[number % 2] } else { &then }))
}

/// The head of a request whose body is said in other ways than in one piece; with a key, and without one.
fn heads(scene: &Scene, body: &str) -> [Vec<u8>; 2] {
    [Some(scene.stolen.as_str()), None].map(|token| {
        let mut head = request("POST", &scene.collections(), token, None);
        head.truncate(head.len() - 2);
        head.extend(format!("Content-Type: application/json\r\n{body}\r\n\r\n").into_bytes());
        head
    })
}

fn announced(scene: &Scene) -> Attack {
    flood(64, first_then(heads(scene, "Content-Length: 1000000000"), vec![b' '; 64 * 1024]))
}

fn chunked(scene: &Scene) -> Attack {
    let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
    flood(64, first_then(heads(scene, "Transfer-Encoding: chunked"), chunk))
}

/// Each has all but its last bytes, and that is all.
fn unfinished(scene: &Scene) -> Attack {
    let [head, _] = heads(scene, "Content-Length: 9000000");
    let body = Arc::<[u8]>::from(vec![b' '; 8_999_000]);
    let (head, nothing) = (Arc::<[u8]>::from(head), Arc::<[u8]>::from([]));
    flood(
        64,
        Box::new(move |_, turn| match turn {
            0 => Arc::clone(&head),
            1 => Arc::clone(&body),
            _ => Arc::clone(&nothing),
        }),
    )
}

fn deep(scene: &Scene) -> Attack {
    ask(8, scene.creation(&"[".repeat(1_000_000)))
}

fn wide(scene: &Scene) -> Attack {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let name = |number: usize| [15, 10, 5, 0].map(|bits| char::from(LETTERS[number >> bits & 31]));
    let keys: Vec<_> =
        (0..1_000_000).map(|number| format!(r#""{}":0"#, String::from_iter(name(number)))).collect();
    ask(8, scene.creation(&format!("{{{}}}", keys.join(","))))
}

/// It comes in chunks, because one that is announced is not begun.
fn long_number(scene: &Scene) -> Attack {
    let chunk = [&b"10000\r\n"[..], &[b'7'; 0x10000], b"\r\n"].concat();
    let mut heads = heads(scene, "Transfer-Encoding: chunked");
    heads[1] = heads[0].clone();
    let (first, chunk) = (heads.map(Arc::<[u8]>::from), Arc::<[u8]>::from(chunk));
    let end = Arc::<[u8]>::from(&b"0\r\n\r\n"[..]);
    const PIECES: u64 = 100_000_000 / 0x10000;
    flood(
        8,
        Box::new(move |number, turn| {
            Arc::clone(match turn % (PIECES + 2) {
                0 => &first[number % 2],
                turn if turn <= PIECES => &chunk,
                _ => &end,
            })
        }),
    )
}

fn slow_heads(_: &Scene) -> Attack {
    let begun = b"GET / HTTP/1.1\r\nHost: ".to_vec();
    let say = first_then([begun.clone(), begun], vec![b'x'; 10_000]);
    Attack { pace: Pace::Drip, ..flood(10_000, say) }
}

fn slow_bodies(scene: &Scene) -> Attack {
    let say = first_then(heads(scene, "Content-Length: 9000"), vec![b' '; 9000]);
    Attack { pace: Pace::Drip, ..flood(10_000, say) }
}

fn slow_readers(scene: &Scene) -> Attack {
    Attack { hears: Hears::Little, ..ask(64, scene.large_delivery()) }
}

/// A stream's number, by the turn.
fn stream(turn: u64) -> u32 {
    u32::try_from(turn).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(1) & (u32::MAX >> 1)
}

fn resets(scene: &Scene) -> Attack {
    const MANY: u64 = 32;
    let (path, token) = (scene.path(SMALL), scene.stolen.clone());
    flood(
        32,
        Box::new(move |number, turn| {
            if turn == 0 {
                return http2::opening(65_535).into();
            }
            let token = Some(token.as_str()).filter(|_| number % 2 == 0);
            let pair = |of: u64| {
                let stream = stream((turn - 1) * MANY + of);
                [http2::head(stream, Method::Get, &path, token), http2::cancel(stream)].concat()
            };
            (0..MANY).flat_map(pair).collect()
        }),
    )
}

fn continuations(_: &Scene) -> Attack {
    let opening = [http2::opening(65_535), http2::begun_head(1)].concat();
    flood(32, first_then([opening.clone(), opening], http2::continuation(1)))
}

/// Every answer to them waits in the server, because nobody reads it.
fn settings(_: &Scene) -> Attack {
    let opening = http2::opening(65_535);
    let say = first_then([opening.clone(), opening], http2::settings(&[(3, 100)]).repeat(100));
    Attack { hears: Hears::Nothing, ..flood(32, say) }
}

fn pings(_: &Scene) -> Attack {
    let opening = http2::opening(65_535);
    let say = first_then([opening.clone(), opening], http2::ping().repeat(100));
    Attack { hears: Hears::Nothing, ..flood(32, say) }
}

/// Deliveries that may not leave.
fn no_window(scene: &Scene) -> Attack {
    const STREAMS: u64 = 64;
    let (path, token) = (scene.large_delivery_path(), scene.stolen.clone());
    flood(
        16,
        Box::new(move |_, turn| match turn {
            0 => http2::opening(0).into(),
            1..=STREAMS => {
                let stream = stream(turn - 1);

                let head = http2::head(stream, Method::Post, &path, Some(&token));
                [head, http2::body(stream, DELIVERY.as_bytes())].concat().into()
            }
            _ => Arc::from([]),
        }),
    )
}

/// 500 KB that become 100 MB.
fn bomb(scene: &Scene) -> Attack {
    let body = gzip_of_zeros(38_760);
    let [mut whole, _] = heads(scene, &format!("Content-Encoding: gzip\r\nContent-Length: {}", body.len()));
    whole.extend(body);
    ask(16, whole)
}

/// RFC 1951 with fixed codes: a zero, then so often 258 bytes like the one before; in units of 13 bits.
fn gzip_of_zeros(repeats: usize) -> Vec<u8> {
    // Last block, fixed codes, a zero; then length 258, distance 1; then the end.
    let bits = ["110", "00110000"]
        .into_iter()
        .chain(std::iter::repeat_n("1100010100000", repeats))
        .chain(["0000000"]);
    let bits: Vec<bool> = bits.flat_map(str::chars).map(|bit| bit == '1').collect();
    let byte = |bits: &[bool]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at);
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    header.into_iter().chain(bits.chunks(8).map(byte)).collect()
}

/// Names that all have the same sum in the hash of Java and its kind, and in every one that adds.
fn collisions(scene: &Scene) -> Attack {
    let name = |number: u32| -> String {
        (0..17).map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" }).collect()
    };
    let keys: Vec<_> = (0..1 << 17).map(|number| format!(r#""{}":0"#, name(number))).collect();
    ask(8, scene.creation(&format!("{{{}}}", keys.join(","))))
}

fn long_string(scene: &Scene) -> Attack {
    let value = "v".repeat(9_000_000);
    ask(8, scene.creation(&format!(r#"{{"secrets":[{{"type":"env","location":"A","value":"{value}"}}]}}"#)))
}

fn wrong_keys(_: &Scene) -> Attack {
    let say: Say = Box::new(|number, turn| {
        let token = nobodys_token(turn << 16 | number as u64);
        request("GET", "/v1/applications", Some(&token), None).into()
    });
    Attack { pace: Pace::Ask, ..flood(256, say) }
}

fn wrong_keys_next_door(scene: &Scene) -> Attack {
    Attack { block: NEXT_DOOR, ..wrong_keys(scene) }
}

/// Nothing is wrong with it: what comes of the next one is compared with this.
fn full_load(scene: &Scene) -> Attack {
    ask(64, scene.stolen_show())
}

/// The same, ten times.
fn overload(scene: &Scene) -> Attack {
    ask(640, scene.stolen_show())
}
