//! What must not get out, by the ways on which it would: a panic, a careless `{:?}`, the log. The values are planted, and
//! what is searched is everything that is said.

use std::cell::Cell;
use std::fmt;
use std::process::Command;
use std::sync::Arc;

use axum::body::Body;
use serde_json::json;
use strongroom_custody::{Custodian, Deliver, Prepared};
use strongroom_seal::{CollectionKey, ContentsKey, Keyring, ManifestKey, RootKey, SlotKey};
use strongroom_secrets::{
    Change, Delivered, Document, Draft, Limits, NewCollection, Operation, Secret, SecretValue, Secrets,
    Timestamp, Token, Update,
};
use strongroom_server::{Options, app};

use crate::contract::room::{block_on, now};
use crate::log::logged_while;
use crate::served::{OPTIONS, PLANTED, Served};
use crate::strangers::{ROWS, filled};

const DELIVERIES_OF_C: &str = "/v1/applications/app/secrets/c/deliveries";

thread_local! {
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    static DRAWS: Cell<u32> = const { Cell::new(0) };
}

/// Counts down, and panics at the last.
fn count(left: &'static std::thread::LocalKey<Cell<u32>>) {
    let looks = left.get();
    left.set(looks.saturating_sub(1));
    assert!(looks != 1, "this clock was made to stop");
}

fn stopping_clock() -> Timestamp {
    count(&LOOKS);
    now()
}

fn stopping_random() -> [u8; 16] {
    count(&DRAWS);
    [7; 16]
}

/// Ends every route in a panic, at every place where the server asks for time or randomness: before the caller is known,
/// when the body is in memory, within the handler.
async fn force_panics() -> usize {
    let options = Options { clock: stopping_clock, random: stopping_random, ..OPTIONS };
    let mut panicked = 0;
    for row in ROWS {
        for (looks, draws) in [(1, 0), (2, 0), (3, 0), (0, 2), (0, 3)] {
            let mut served = Served::new().await;
            let release = served.send(served.post(DELIVERIES_OF_C, "{}")).await.json();
            let receipt = release["receipt"].as_str().expect("a receipt").to_owned();
            served.router = app(Arc::clone(&served.room.custodian), options);
            let (path, body) = filled(row, "app", "c", &receipt);
            let body =
                body.replace("hunter2", PLANTED).replace(r#"{"id": "new"}"#, r#"{"name":"hunter2 in full"}"#);
            let request = served.ask(row.method, &path).header("content-type", "application/json");
            LOOKS.set(looks);
            DRAWS.set(draws);
            let answer = served.send(request.body(Body::from(body)).expect("a request")).await;
            let ended = LOOKS.replace(0) + DRAWS.replace(0) == 0;
            if ended && answer.status == 500 {
                panicked += 1;
                assert_eq!(answer.code(), "internal", "{}", row.name());
                assert!(!format!("{answer:?}").contains("hunter2"), "{}: {answer:?}", row.name());
            }
        }
    }
    panicked
}

/// A word that makes this test do in a process of its own what it is about.
const FORCED: &str = "with-forced-panics";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what a panic says, it says on the standard error of a whole process"
)]
fn l_1_a_panic_in_any_handler_says_nothing_of_a_value() {
    if std::env::args().any(|argument| argument == FORCED) {
        let panicked = block_on(force_panics());
        // Once for each route at the door, and once more where there is a body or a handler that draws.
        assert!(panicked > ROWS.len(), "{panicked} of {}", ROWS.len());
        return;
    }
    let ourselves = std::env::current_exe().expect("this test binary");
    let test = "leaks::l_1_a_panic_in_any_handler_says_nothing_of_a_value";
    let mut again = Command::new(ourselves);
    let ran = again.args(["--exact", "--nocapture", test, FORCED]).env("RUST_BACKTRACE", "full").output();
    let ran = ran.expect("it starts");
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    assert!(said.contains("this clock was made to stop") && said.contains("stack backtrace"), "{said}");
    for never in ["hunter2", "sr_key_"] {
        let line = said.lines().find(|line| line.contains(never));
        assert_eq!(line, None, "{never}");
    }
}

#[test]
fn l_1_a_clock_at_the_end_of_time_leads_to_no_panic_and_no_value() {
    block_on(async {
        for clock in [
            || Timestamp::from_micros(i64::MAX),
            || Timestamp::from_micros(i64::MIN),
            || Timestamp::from_micros(0),
        ] {
            for row in ROWS.iter().filter(|row| !row.open) {
                let mut served = Served::new().await;
                served.router = app(Arc::clone(&served.room.custodian), Options { clock, ..OPTIONS });
                let (path, body) = filled(row, "app", "c", "1-aaaaaaaa.0.0");
                let body = body.replace("hunter2", PLANTED);
                let request = served.ask(row.method, &path).header("content-type", "application/json");
                let answer = served.send(request.body(Body::from(body)).expect("a request")).await;
                let releases = path.ends_with("/deliveries") && answer.status == 200;
                assert!(answer.status != 500, "{}: {answer:?}", row.name());
                assert!(releases || !answer.text.contains("hunter2"), "{}: {answer:?}", row.name());
            }
        }
    });
}

/// Does not compile where a type has a trait: then it would be ambiguous which of the two is meant.
macro_rules! lacks {
    ($($type:ty),+ ; $($trait:path),+) => { lacks!(@each [$($type),+] [$($trait),+]); };
    (@each [$($type:ty),+] $traits:tt) => { $(lacks!(@one $type, $traits);)+ };
    (@one $type:ty, [$($trait:path),+]) => { $(const _: fn() = || {
        trait Ambiguous<A> { fn item() {} }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Other;
        impl<T: ?Sized + $trait> Ambiguous<Other> for T {}
        let _ = <$type as Ambiguous<_>>::item;
    };)+ };
}

// Every type of ours through which a value, a token or a key passes: none of them can be printed, copied, compared or
// written as JSON by accident.
lacks! {
    SecretValue, Secret<SecretValue>, Secrets<SecretValue>, Draft, NewCollection, Update, Change, Operation, Delivered,
    Token, RootKey, SlotKey, Keyring, CollectionKey, ContentsKey, ManifestKey, Custodian, Prepared<'static, Deliver>,
    Document<'static>;
    fmt::Display, serde::Serialize, PartialEq
}
lacks! {
    SecretValue, Draft, NewCollection, Delivered, Token, RootKey, SlotKey, Keyring, CollectionKey, ContentsKey, Custodian,
    Prepared<'static, Deliver>;
    Clone
}
// These are not even made to be looked at.
lacks! { Document<'static>, Custodian; fmt::Debug }

#[test]
fn l_2_what_holds_a_value_shows_none_of_it() {
    let secrets = json!([{ "type": "env", "location": "A", "value": PLANTED }]);
    let text = json!({ "id": "c", "secrets": secrets }).to_string();
    let put = json!({ "name": "n", "secrets": secrets }).to_string();
    let patch =
        json!({ "operations": [{ "op": "create", "type": "env", "location": "A", "value": PLANTED }] });
    let patch = patch.to_string();
    let delivered = json!({
        "id": "c", "application_id": "app", "name": "n", "description": "", "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z", "version": 1, "receipt": "1-abcdefgh.0.1", "secrets": secrets,
    });
    let delivered = delivered.to_string();
    let read = |text: &str| Draft::read(&Document::parse(text.as_bytes()).expect("JSON")).expect("a draft");
    let id = strongroom_secrets::CollectionId::parse("c").expect("an id");
    let token = Token::from_random([1; 12], [2; 32]);
    let secret = str::from_utf8(token.secret()).expect("digits");
    let shown = [
        format!("{:#?}", read(&text)),
        format!("{:?}", NewCollection::settle(read(&text), Limits::DEFAULT)),
        format!(
            "{:?}",
            Update::read_put(&Document::parse(put.as_bytes()).expect("JSON"), &id, Limits::DEFAULT)
        ),
        format!(
            "{:?}",
            Update::read_patch(&Document::parse(patch.as_bytes()).expect("JSON"), Limits::DEFAULT)
        ),
        format!("{:?}", Delivered::read(&Document::parse(delivered.as_bytes()).expect("JSON"))),
        format!("{token:?}"),
    ];
    for shown in shown {
        assert!(shown.contains("***") || shown.contains("Token"), "{shown}");
        for never in [PLANTED, "hunter2", token.expose(), secret] {
            assert!(!shown.contains(never), "{shown}");
        }
    }
}

#[test]
fn l_3_no_level_of_the_log_holds_what_went_through_any_route() {
    let answered = Cell::new([0; 6]);
    let log = logged_while(async {
        let served = Served::new().await;
        let release = served.send(served.post(DELIVERIES_OF_C, "{}")).await.json();
        let receipt = release["receipt"].as_str().expect("a receipt").to_owned();
        for row in ROWS {
            let (path, body) = filled(row, "app", "c", &receipt);
            let planted = body.replace("hunter2", PLANTED);
            let bodies = [
                planted.clone(),
                PLANTED.to_owned(),
                format!(r#"{{"{PLANTED}":1,"{PLANTED}":2}}"#),
                format!(
                    r#"{{"secrets":[{{"type":"env","location":"{PLANTED}","value":"{PLANTED}\u0000"}}]}}"#
                ),
                format!(r#"{{"name":"{PLANTED}\u0000","can":["{PLANTED}"],"version":"{PLANTED}"}}"#),
            ];
            for (i, body) in bodies.into_iter().enumerate() {
                for (name, value) in [
                    ("x", "x"),
                    ("authorization", "Bearer hunter2"),
                    ("if-match", "\"hunter2\""),
                    ("idempotency-key", "hunter2"),
                    ("content-type", "text/hunter2"),
                    ("user-agent", "hunter2"),
                    ("x-forwarded-for", "hunter2"),
                ] {
                    if i > 0 && name != "x" {
                        continue;
                    }
                    let query = if path.contains('?') { "&" } else { "?" };
                    let mut request = served.ask(row.method, &format!("{path}{query}hunter2=hunter2"));
                    if name != "content-type" {
                        request = request.header("content-type", "application/json");
                    }
                    if name == "authorization" {
                        request.headers_mut().expect("a head").remove(name);
                    }
                    // Only a refused deletion leaves something to ask about.
                    if row.method == "DELETE" && name != "if-match" {
                        request = request.header("if-match", "\"hunter2\"");
                    }
                    let request = request.header(name, value).body(Body::from(body.clone()));
                    let answer = served.send(request.expect("a request")).await;
                    let mut all = answered.get();
                    all[usize::from(answer.status / 100)] += 1;
                    answered.set(all);
                }
            }
        }
    });
    let [_, _, well, _, refused, _] = answered.get();
    assert!(well > 50 && refused > 100, "{:?}", answered.get());
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "all of it was on");
    for never in ["hunter2", "sr_key_", "strongroom-masked", "Bearer"] {
        let line = log.lines().find(|line| line.contains(never));
        assert_eq!(line, None, "{never}");
    }
}
