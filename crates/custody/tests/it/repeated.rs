//! Requests that are sent more than once: by a client that lost the answer, by two at the same moment, by somebody else
//! under the same key. Each is sent as a server sends it on: asked about first, then done, then asked about again where
//! it was refused.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Barrier;
use std::task::{Context, Waker};
use std::thread;

use proptest::prelude::*;
use strongroom_custody::{
    ApplicationUpdate, Caller, Custodian, Denied, Everywhere, Fault, Manage, NewApplication, RepeatError,
    Repeatable, Repeated, UpdateError, Updated, Write,
};
use strongroom_secrets::{Actions, Application, Expiry, NewKey, Timestamp};

use crate::strongroom::{Folder, Strongroom, WIDE, app, at, collection, new, operate, rename};
use crate::{all, block_on};

const HOUR: i64 = 3600;
/// When the stories below begin, in seconds: later than whatever was done to prepare them.
const MORNING: i64 = 5_000_000;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
enum Deed {
    Create(&'static str, String),
    Set(&'static str, String),
    Rollback(&'static str, u64),
    Delete(&'static str),
    Restore(&'static str),
    CreateApplication(&'static str),
    RenameApplication(&'static str, &'static str),
    DeleteApplication(&'static str),
    RestoreApplication(&'static str),
}

use Deed::{
    Create, CreateApplication, Delete, DeleteApplication, RenameApplication, Restore, RestoreApplication,
    Rollback, Set,
};

/// Why nothing was answered.
#[derive(Debug, PartialEq)]
enum Refused {
    OtherRequest,
    Gone,
    /// Whatever the operation itself says.
    Sentence(String),
}

type Answered = Result<Repeated, Refused>;

fn create(id: &'static str, value: &str) -> Deed {
    Create(id, value.to_owned())
}

fn set(id: &'static str, value: &str) -> Deed {
    Set(id, value.to_owned())
}

/// Sends a request, as a server does that was sent it.
async fn send(custodian: &Custodian, caller: &Caller, key: &str, deed: &Deed, now: Timestamp) -> Answered {
    let body = format!("{deed:?}");
    let repeatable = custodian.repeatable(caller, key, "POST", "/v1/somewhere", None, body.as_bytes());
    match custodian.repeated(caller, &repeatable, now).await {
        Ok(None) => {}
        other => return refused(other.transpose().expect("an answer or a refusal")),
    }
    match perform(custodian, caller, repeatable.clone(), deed, now).await {
        Ok(done) => Ok(done),
        Err(sentence) => match custodian.repeated(caller, &repeatable, now).await {
            Ok(Some(done)) => Ok(done),
            Err(error @ (RepeatError::OtherRequest | RepeatError::Gone)) => refused(Err(error)),
            _ => Err(Refused::Sentence(sentence)),
        },
    }
}

fn refused(answer: Result<Repeated, RepeatError>) -> Answered {
    answer.map_err(|error| match error {
        RepeatError::OtherRequest => Refused::OtherRequest,
        RepeatError::Gone => Refused::Gone,
        other => Refused::Sentence(other.to_string()),
    })
}

async fn perform(
    custodian: &Custodian,
    caller: &Caller,
    repeatable: Repeatable,
    deed: &Deed,
    now: Timestamp,
) -> Result<Repeated, String> {
    let write = |repeatable| caller.access::<Write>(&app("app")).map(|access| access.repeatable(repeatable));
    let manage =
        |id, repeatable| caller.access::<Manage>(&app(id)).map(|access| access.repeatable(repeatable));
    let written = |Updated { summary, version, .. }: Updated| Repeated::Written { summary, version };
    let shown = |application: Application| Repeated::Application(application);
    macro_rules! said {
        ($answer:expr) => {
            $answer.map_err(|error| error.to_string())
        };
    }
    match deed {
        Create(id, value) => {
            let access = said!(write(repeatable))?;
            said!(custodian.create(&access, new(id, &[("env:A", value)]), now).await).map(written)
        }
        Set(id, value) => {
            let (access, update) = (said!(write(repeatable))?, operate(&[("=env:A", value)]));
            said!(custodian.update(&access, &collection(id), &update, None, now).await).map(written)
        }
        Rollback(id, to) => {
            let access = said!(write(repeatable))?;
            said!(custodian.rollback(&access, &collection(id), *to, None, now).await).map(written)
        }
        Delete(id) => {
            let access = said!(write(repeatable))?;
            said!(custodian.delete(&access, &collection(id), None, now).await).map(|()| Repeated::Nothing)
        }
        Restore(id) => {
            let access = said!(write(repeatable))?;
            said!(custodian.restore(&access, &collection(id), now).await).map(written)
        }
        CreateApplication(id) => {
            let access: Everywhere<Manage> = said!(caller.everywhere())?;
            let access = access.repeatable(repeatable);
            let new = NewApplication::default();
            said!(custodian.create_application(&access, &app(id), new, now).await).map(shown)
        }
        RenameApplication(id, name) => {
            let access = said!(manage(id, repeatable))?;
            let update = ApplicationUpdate { name: Some((*name).to_owned()), description: None };
            said!(custodian.update_application(&access, update, now).await).map(shown)
        }
        DeleteApplication(id) => {
            let access = said!(manage(id, repeatable))?;
            said!(custodian.delete_application(&access, now).await).map(|()| Repeated::Nothing)
        }
        RestoreApplication(id) => {
            let access = said!(manage(id, repeatable))?;
            said!(custodian.restore_application(&access, now).await).map(shown)
        }
    }
}

fn owner() -> Caller {
    Caller::owner(1000)
}

/// A story of one caller: each request by its key, at an hour.
struct Story {
    room: Strongroom,
    caller: Caller,
}

impl Story {
    async fn begin() -> Self {
        Self { room: Strongroom::memory().await, caller: owner() }
    }

    async fn send(&self, key: &str, deed: &Deed, hour: i64) -> Answered {
        send(&self.room.custodian, &self.caller, key, deed, at(MORNING + hour * HOUR)).await
    }

    /// Sends what is accepted.
    async fn accepted(&self, key: &str, deed: &Deed, hour: i64) -> Repeated {
        self.send(key, deed, hour).await.unwrap_or_else(|refused| panic!("{deed:?}: {refused:?}"))
    }

    async fn count(&self) -> usize {
        self.room.records().await.expect("records").len()
    }
}

#[test]
fn what_is_sent_again_is_done_once_and_answered_alike() {
    block_on(async {
        let story = Story::begin().await;
        let deeds = [
            create("c", "one"),
            set("c", "two"),
            Rollback("c", 1),
            Delete("c"),
            Restore("c"),
            CreateApplication("new"),
            RenameApplication("new", "named"),
            DeleteApplication("new"),
            RestoreApplication("new"),
        ];
        for (key, deed) in deeds.iter().enumerate() {
            let first = story.accepted(&key.to_string(), deed, 0).await;
            let records = story.count().await;
            for hour in [0, 1, 23] {
                assert_eq!(story.accepted(&key.to_string(), deed, hour).await, first, "{deed:?}");
            }
            assert_eq!(story.count().await, records, "{deed:?}");
        }
        // And as long after as their collection is there in any shape.
        let Repeated::Written { version, summary } = story.accepted("1", &deeds[1], 0).await else {
            panic!("a version was made")
        };
        assert_eq!((version, summary.updated_at), (2, at(MORNING)));
        story.room.verify().await.expect("all in order");
    });
}

#[test]
fn another_request_under_the_same_key_is_refused_and_changes_nothing() {
    block_on(async {
        let story = Story::begin().await;
        story.accepted("k", &create("c", "one"), 0).await;
        let records = story.count().await;
        for other in [create("c", "two"), create("d", "one"), set("c", "one"), Delete("c"), Rollback("c", 9)]
        {
            assert_eq!(story.send("k", &other, 1).await, Err(Refused::OtherRequest), "{other:?}");
        }
        assert_eq!(story.count().await, records);

        // Every part of a request counts.
        let Story { room, caller } = &story;
        let of = |method, target, if_match, body: &str| {
            room.custodian.repeatable(caller, "k2", method, target, if_match, body.as_bytes())
        };
        let one = of("PATCH", "/a?b", None, "body");
        let access = caller.access::<Write>(&app("app")).expect("the owner").repeatable(one.clone());
        let update = rename("n");
        room.custodian.update(&access, &collection("c"), &update, None, at(MORNING)).await.expect("updated");
        assert!(room.custodian.repeated(caller, &one, at(MORNING)).await.expect("an answer").is_some());
        for other in [
            of("PUT", "/a?b", None, "body"),
            of("PATCH", "/a?c", None, "body"),
            of("PATCH", "/a?b", Some("\"1\""), "body"),
            of("PATCH", "/a?b", None, "body "),
        ] {
            let answer = room.custodian.repeated(caller, &other, at(MORNING)).await;
            assert!(matches!(answer, Err(RepeatError::OtherRequest)), "{answer:?}");
            // Whoever did not ask first is stopped all the same.
            let access = caller.access::<Write>(&app("app")).expect("the owner").repeatable(other);
            let answer = room.custodian.update(&access, &collection("c"), &update, None, at(MORNING)).await;
            assert!(matches!(answer, Err(UpdateError::Fault(Fault::Repeated))), "{answer:?}");
        }
    });
}

#[test]
fn the_same_key_of_another_caller_is_another_request() {
    block_on(async {
        let story = Story::begin().await;
        let keys = [key_holder(&story.room).await, key_holder(&story.room).await];
        let callers = [owner(), Caller::owner(1001), keys[0].clone(), keys[1].clone()];
        story.accepted("prepared", &create("c", "one"), 0).await;
        let mut versions = Vec::new();
        for _ in 0..2 {
            for caller in &callers {
                let done = send(&story.room.custodian, caller, "k", &set("c", "two"), at(MORNING)).await;
                let Ok(Repeated::Written { version, .. }) = done else { panic!("{done:?}") };
                versions.push(version);
            }
        }
        assert_eq!(versions, [2, 3, 4, 5, 2, 3, 4, 5]);
    });
}

async fn key_holder(room: &Strongroom) -> Caller {
    let new = NewKey {
        name: "k".into(),
        can: Actions::parse_list("list,write,manage").expect("actions"),
        application_id: None,
        collection_id: None,
        expires_at: Expiry::Never,
    };
    let (_, token) = room.custodian.create_key(&room.everywhere(), new, room.now()).await.expect("a key");
    room.custodian.authenticate(&token, room.now()).await.expect("a valid key")
}

#[test]
fn after_a_day_it_is_a_new_request_and_one_from_the_future_is_not_old() {
    block_on(async {
        let story = Story::begin().await;
        story.accepted("prepared", &create("c", "one"), 0).await;
        let version = async |hour| match story.accepted("k", &set("c", "two"), hour).await {
            Repeated::Written { version, .. } => version,
            other => panic!("{other:?}"),
        };
        assert_eq!(version(0).await, 2);
        assert_eq!((version(23).await, version(24).await, version(47).await), (2, 3, 3));
        // The clock was put back, by little and by much.
        assert_eq!((version(20).await, version(-1000).await, version(48).await), (3, 3, 4));

        for far in [i64::MAX, i64::MIN].map(Timestamp::from_micros) {
            let sent = send(&story.room.custodian, &owner(), "k", &set("c", "two"), far).await;
            assert!(sent.is_ok(), "{sent:?}");
        }
        story.room.custodian.tend(Timestamp::from_micros(i64::MIN)).await;
    });
}

#[test]
fn what_was_refused_is_done_when_it_is_sent_again_and_can_be() {
    block_on(async {
        let story = Story::begin().await;
        let refused = story.send("k", &set("c", "two"), 0).await;
        assert_eq!(refused, Err(Refused::Sentence("application app has no secrets collection c".into())));
        story.accepted("other", &create("c", "one"), 0).await;
        let done = story.accepted("k", &set("c", "two"), 0).await;
        assert!(matches!(done, Repeated::Written { version: 2, .. }));
        // And a refusal that would come today does not hide what was done.
        story.accepted("end", &Delete("c"), 0).await;
        assert_eq!(story.accepted("k", &set("c", "two"), 0).await, done);
    });
}

#[test]
fn a_version_that_is_there_is_answered_and_one_that_is_not_is_gone() {
    block_on(async {
        let story = Story::begin().await;
        let made = story.accepted("k", &create("c", "one"), 0).await;
        story.accepted("d1", &Delete("c"), 0).await;
        assert_eq!(story.accepted("k", &create("c", "one"), 1).await, made, "buried");
        story.accepted("again", &create("c", "another"), 1).await;
        assert_eq!(story.accepted("k", &create("c", "one"), 1).await, made, "under another");
        story.accepted("d2", &Delete("c"), 1).await;
        for n in 0..2 {
            story.accepted(&format!("r{n}"), &create("d", "one"), 1).await;
            for _ in 0..100 {
                story.room.update("app", "d", &rename("n")).await.expect("updated");
            }
            let gone = story.send(&format!("r{n}"), &create("d", "one"), 1).await;
            assert_eq!(gone, Err(Refused::Gone), "pruned");
            story.accepted(&format!("e{n}"), &Delete("d"), 1).await;
            let gone = story.send(&format!("r{n}"), &create("d", "one"), 1).await;
            assert_eq!(gone, Err(Refused::Gone), "pruned and buried");
        }

        let named = story.accepted("name", &RenameApplication("app", "named"), 1).await;
        story.accepted("rename", &RenameApplication("app", "renamed"), 1).await;
        let now = story.accepted("name", &RenameApplication("app", "named"), 1).await;
        assert_ne!(now, named, "an application has no versions, and is shown as it is");
        story.accepted("end", &DeleteApplication("app"), 1).await;
        for (key, deed) in [("k", create("c", "one")), ("name", RenameApplication("app", "named"))] {
            assert_eq!(story.send(key, &deed, 1).await, Err(Refused::Gone), "{deed:?}");
        }
        story.accepted("new", &CreateApplication("app"), 1).await;
        for (key, deed) in [("k", create("c", "one")), ("name", RenameApplication("app", "named"))] {
            assert_eq!(story.send(key, &deed, 1).await, Err(Refused::Gone), "replaced: {deed:?}");
        }
        assert_eq!(story.accepted("end", &DeleteApplication("app"), 1).await, Repeated::Nothing);
        assert_eq!(story.room.applications().await.expect("a list"), ["app"], "the new one stays");
    });
}

#[test]
fn a_key_that_was_revoked_does_nothing_and_leaves_nothing() {
    block_on(async {
        let story = Story::begin().await;
        let caller = key_holder(&story.room).await;
        let id = caller.key_id().expect("a key").clone();
        story.accepted("prepared", &create("c", "one"), 0).await;
        story.room.custodian.revoke_key(&story.room.everywhere(), &id, at(MORNING)).await.expect("revoked");
        let answer = send(&story.room.custodian, &caller, "k", &set("c", "two"), at(MORNING)).await;
        assert_eq!(answer, Err(Refused::Sentence(Denied::Key.to_string())));
        assert_eq!(story.room.versions("app", "c").await.expect("versions"), [1]);
    });
}

#[test]
fn what_answers_a_secret_once_is_no_request_to_be_repeated() {
    block_on(async {
        let story = Story::begin().await;
        let custodian = &story.room.custodian;
        let repeatable = custodian.repeatable(&story.caller, "k", "POST", "/v1/keys", None, b"{}");
        let access: Everywhere<Manage> = story.caller.everywhere().expect("the owner");
        let access = access.repeatable(repeatable.clone());
        for _ in 0..2 {
            let new = NewKey {
                name: "k".into(),
                can: Actions::ALL,
                application_id: None,
                collection_id: None,
                expires_at: Expiry::Never,
            };
            custodian.create_key(&access, new, at(MORNING)).await.expect("a key each time");
        }
        let known = custodian.repeated(&story.caller, &repeatable, at(MORNING)).await.expect("an answer");
        assert_eq!(known, None);
    });
}

#[test]
fn of_one_request_from_four_processes_at_once_one_is_done_and_all_are_answered() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    block_on(async {
        room.create("app", "c", &[("env:A", "one")]).await.expect("created");
        room.custodian.close().await;
    });
    let together = Barrier::new(4);
    let answers: Vec<Vec<Repeated>> = thread::scope(|scope| {
        let senders: Vec<_> =
            (0..4).map(|_| scope.spawn(|| block_on(send_all(&folder, &together)))).collect();
        senders.into_iter().map(|sender| sender.join().expect("a sender")).collect()
    });
    assert!(answers.iter().all(|others| *others == answers[0]), "{answers:?}");
    block_on(async {
        let room = folder.open().await;
        assert_eq!(room.versions("app", "c").await.expect("versions").len(), 21);
        room.verify().await.expect("all in order");
    });

    async fn send_all(folder: &Folder, together: &Barrier) -> Vec<Repeated> {
        let room = folder.open().await;
        let mut answers = Vec::new();
        for n in 0..20 {
            together.wait();
            let (key, deed) = (n.to_string(), set("c", &n.to_string()));
            answers.push(send(&room.custodian, &owner(), &key, &deed, at(MORNING)).await.expect("accepted"));
        }
        answers
    }
}

#[test]
fn of_one_request_four_times_at_once_on_a_server_one_is_done_and_all_are_answered() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    block_on(async {
        room.create("app", "c", &[("env:A", "one")]).await.expect("created");
        room.custodian.close().await;
        let room = folder.open_serving().await;
        for (n, deed) in
            [set("c", "two"), create("d", "one"), Delete("d"), Restore("d"), CreateApplication("n")]
                .iter()
                .enumerate()
        {
            let before = room.records().await.expect("records").len();
            let (key, caller) = (n.to_string(), owner());
            let once = || {
                let sent = send(&room.custodian, &caller, &key, deed, at(MORNING));
                Box::pin(sent) as Pin<Box<dyn Future<Output = _>>>
            };
            let answers: Vec<Answered> = all((0..4).map(|_| once()).collect()).await;
            assert!(answers[0].is_ok() && answers.iter().all(|other| *other == answers[0]), "{answers:?}");
            assert_eq!(room.records().await.expect("records").len(), before + 1, "{deed:?}");
        }
    });
}

#[test]
fn a_row_that_was_altered_is_no_answer_and_one_that_was_taken_away_makes_a_new_request() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    let first = block_on(async {
        room.create("app", "c", &[("env:A", "one")]).await.expect("created");
        let now = at(MORNING);
        let first = send(&room.custodian, &owner(), "PLANTED-key", &set("c", "PLANTED"), now).await;
        send(&room.custodian, &owner(), "other", &Delete("c"), now).await.expect("accepted");
        room.custodian.finish().await;
        first.expect("accepted")
    });
    let raw = std::fs::read(folder.data().join("strongroom.db")).expect("the database");
    assert!(!raw.windows(7).any(|window| window == b"PLANTED"), "nothing that a client typed is readable");

    let again = |folder: &Folder, hour| {
        block_on(async {
            let room = folder.open().await;
            let now = at(MORNING + hour * HOUR);
            send(&room.custodian, &owner(), "PLANTED-key", &set("c", "PLANTED"), now).await
        })
    };
    assert_eq!(again(&folder, 1), Ok(first));
    let other = "(SELECT {} FROM repeatables ORDER BY record DESC LIMIT 1)";
    let oldest = "WHERE record = (SELECT MIN(record) FROM repeatables)";
    let newer =
        |column: &str| format!("UPDATE repeatables SET {column} = {} {oldest}", other.replace("{}", column));
    for sql in [
        newer("record"),
        newer("mac"),
        newer("record, mac")
            .replace("record, mac = (SELECT record, mac", "(record, mac) = (SELECT record, mac"),
        format!("UPDATE repeatables SET time = time - 90000000000 {oldest}"),
        format!("UPDATE repeatables SET time = time + 90000000000 {oldest}"),
        format!("UPDATE repeatables SET mac = zeroblob(32) {oldest}"),
        format!("UPDATE repeatables SET mac = x'' {oldest}"),
        format!("UPDATE repeatables SET request = randomblob(32) {oldest}"),
    ] {
        let spoilt = folder.copy();
        spoilt.tamper(&sql);
        let Err(Refused::Sentence(sentence)) = again(&spoilt, 1) else { panic!("{sql}") };
        assert!(sentence.starts_with("what is noted of the request that audit record "), "{sql}: {sentence}");
        assert!(sentence.contains(" is not what was written there"), "{sentence}");
    }
    let spoilt = folder.copy();
    spoilt.tamper(&format!("DELETE FROM repeatables {oldest}"));
    let absent = "application app has no secrets collection c";
    assert_eq!(again(&spoilt, 1), Err(Refused::Sentence(absent.into())), "it is tried, and cannot be done");
}

#[test]
fn what_nobody_can_ask_for_any_more_is_removed_in_a_round() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    let count = || -> i64 {
        let sql = "SELECT COUNT(*) FROM repeatables";
        folder.connect().query_row(sql, [], |row| row.get(0)).expect("a number")
    };
    block_on(async {
        room.create("app", "c", &[("env:A", "one")]).await.expect("created");
        for hour in [0, 1, 2] {
            let now = at(MORNING + hour * HOUR);
            let sent = send(&room.custodian, &owner(), &hour.to_string(), &set("c", "two"), now).await;
            sent.expect("accepted");
        }
        for (hour, left) in [(23, 3), (24, 2), (25, 1), (20, 1), (26, 0), (27, 0)] {
            room.custodian.tend(at(MORNING + hour * HOUR + 1)).await;
            assert_eq!(count(), left, "{hour}");
        }
        room.verify().await.expect("all in order");
    });
}

/// One step of a model's story.
#[derive(Debug, Clone)]
enum Step {
    /// A request: sent so often, at once or one after the other, after one whose client went away at that moment.
    Send {
        caller: usize,
        key: usize,
        deed: Deed,
        times: usize,
        at_once: bool,
        lost: Option<usize>,
    },
    /// So many hours go by, or the clock is put back.
    Hours(i64),
    Tend,
}

fn step() -> impl Strategy<Value = Step> {
    let id = || prop::sample::select(&["c", "d"][..]);
    let value = || prop::sample::select(&["one", "two"][..]);
    let deed = prop_oneof![
        3 => (id(), value()).prop_map(|(id, value)| create(id, value)),
        4 => (id(), value()).prop_map(|(id, value)| set(id, value)),
        2 => id().prop_map(Delete),
        1 => id().prop_map(Restore),
    ];
    let lost = prop::option::of(0..4_usize);
    prop_oneof![
        8 => (0..2_usize, 0..3_usize, deed, 1..=4_usize, any::<bool>(), lost).prop_map(
            |(caller, key, deed, times, at_once, lost)| Step::Send { caller, key, deed, times, at_once, lost }
        ),
        1 => (-10..30_i64).prop_map(Step::Hours),
        1 => Just(Step::Tend),
    ]
}

/// What should be there: of each collection how often it was buried and whether it lives, and its counter.
#[derive(Default)]
struct Model {
    known: HashMap<(usize, usize), (Deed, Repeated, i64)>,
    live: HashMap<&'static str, bool>,
    buried: HashMap<&'static str, u32>,
    accepted: usize,
}

impl Model {
    fn is_live(&self, id: &str) -> bool {
        self.live.get(id).copied().unwrap_or_default()
    }

    /// Whether a deed would be accepted, and then it is.
    fn accepts(&mut self, deed: &Deed) -> bool {
        let accepted = match *deed {
            Create(id, _) => !self.is_live(id),
            Set(id, _) | Delete(id) => self.is_live(id),
            Restore(id) => !self.is_live(id) && self.buried.get(id).is_some_and(|n| *n > 0),
            _ => unreachable!("the model knows no other"),
        };
        if accepted {
            self.accepted += 1;
            match *deed {
                Create(id, _) => drop(self.live.insert(id, true)),
                Delete(id) => {
                    self.live.insert(id, false);
                    *self.buried.entry(id).or_default() += 1;
                }
                Restore(id) => {
                    self.live.insert(id, true);
                    *self.buried.entry(id).or_default() -= 1;
                }
                _ => {}
            }
        }
        accepted
    }
}

async fn take(custodian: &Custodian, model: &mut Model, step: &Step, second: i64) {
    let Step::Send { caller, key, deed, times, at_once, lost } = step else { return };
    let (by, now) = (Caller::owner(1000 + u32::try_from(*caller).expect("two")), at(second));
    let name = key.to_string();
    let once = || send(custodian, &by, &name, deed, now);
    if let Some(polls) = lost {
        let mut once = Box::pin(once());
        for _ in 0..*polls {
            if once.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
        }
    }
    let mut answers = Vec::new();
    if *at_once {
        answers =
            all((0..*times).map(|_| Box::pin(once()) as Pin<Box<dyn Future<Output = _>>>).collect()).await;
    } else {
        for _ in 0..*times {
            answers.push(once().await);
        }
    }
    let known = model.known.get(&(*caller, *key)).cloned();
    match known.filter(|(_, _, then)| second - then < 24 * HOUR) {
        Some((request, answer, _)) if request == *deed => {
            assert!(answers.iter().all(|given| given.as_ref() == Ok(&answer)), "{step:?}: {answers:?}");
        }
        Some(_) => assert!(answers.iter().all(|given| *given == Err(Refused::OtherRequest)), "{answers:?}"),
        None if model.accepts(deed) => {
            let Ok(answer) = &answers[0] else { panic!("{step:?}: {answers:?}") };
            assert!(answers.iter().all(|given| given.as_ref() == Ok(answer)), "{step:?}: {answers:?}");
            model.known.insert((*caller, *key), (deed.clone(), answer.clone(), second));
        }
        None => {
            let is_refusal = |given: &Answered| matches!(given, Err(Refused::Sentence(_)));
            assert!(answers.iter().all(is_refusal), "{step:?}: {answers:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn however_often_it_is_sent_each_request_is_done_once(steps in prop::collection::vec(step(), 1..60)) {
        block_on(async {
            let room = Strongroom::memory().await;
            let before = room.records().await.expect("records").len();
            let (mut model, mut second) = (Model::default(), MORNING);
            for step in &steps {
                second += 1;
                match step {
                    Step::Hours(hours) => second += hours * HOUR,
                    Step::Tend => {
                        room.custodian.tend(at(second)).await;
                        model.known.retain(|_, (_, _, then)| second - *then <= 24 * HOUR);
                    }
                    Step::Send { .. } => take(&room.custodian, &mut model, step, second).await,
                }
            }
            assert_eq!(room.records().await.expect("records").len() - before, model.accepted);
            room.verify().await.expect("all in order");
        });
    }
}
