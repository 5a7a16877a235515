//! Every route, asked by everybody for what is theirs, what is somebody else's and what is not there. A stranger is told
//! nothing: what is foreign and what is absent are the same bytes. And what a key is worth at the moment it is used.

mod foreign;
mod rows;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use strongroom_custody::{
    CreateError, Deliver, Denied, List, Manage, NewApplication, ReadError, Reveal, Write,
};
use strongroom_secrets::{
    Action, Actions, ApplicationId, CollectionId, Document, Draft, Expiry, Limits, NewCollection, NewKey,
    Timestamp,
};
use strongroom_server::{Needed, ROUTES};

use crate::contract::room::{Answer, block_on, now, wait_until};
use crate::openapi::judge::{Sent, judge};
pub(crate) use rows::{DELIVERIES, ROWS, filled};
use rows::{Reach, Row, Thing};
use world::{Holder, Who, World, new_key};

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let routes: BTreeMap<_, _> =
        ROUTES.iter().map(|route| ((route.method, route.pattern), route.action)).collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|row| (row.method, row.pattern)).collect();
    let without: Vec<_> = routes.keys().filter(|route| !rows.contains(*route)).collect();
    assert!(without.is_empty(), "say in strangers/rows.rs what strangers meet at {without:?}");
    for row in ROWS {
        let needed = routes.get(&(row.method, row.pattern));
        let agrees = match needed {
            Some(Needed::Nothing) => row.open && row.needs.is_empty(),
            Some(Needed::AnyKey) => !row.open && row.needs.is_empty(),
            Some(Needed::Action(action)) => !row.open && row.needs == [*action],
            Some(Needed::Either(one, other)) => !row.open && (row.needs == [*one] || row.needs == [*other]),
            None => false,
        };
        assert!(agrees, "{}: the route needs {needed:?}", row.name());
    }
    for (route, needed) in &routes {
        let Needed::Either(one, other) = needed else { continue };
        let asked =
            |action| ROWS.iter().any(|row| (row.method, row.pattern) == *route && row.needs == [action]);
        assert!(asked(*one) && asked(*other), "{route:?} is not asked for both of its rights");
    }
}

#[test]
fn everybody_is_answered_what_they_may_know() {
    block_on(async {
        let world = World::made().await;
        let records = world.records().await;
        let mut matrix = Matrix::default();
        for row in ROWS {
            for holder in &world.holders {
                for thing in row.things().iter().filter(|thing| matters(row, holder.who, **thing)) {
                    matrix.ask(&world, row, holder, *thing).await;
                }
                matrix.compare(row, holder);
            }
            matrix.compare_nobodies(row);
        }
        assert!(matrix.wrong.is_empty(), "\n{}", matrix.wrong.join("\n"));
        // What succeeded was done to worlds of its own, so nothing was done to this one.
        assert_eq!(world.records().await, records, "a refused request left a record");
        eprintln!("{matrix}");
    });
}

/// That a right which is not needed may be missing is asked once.
fn matters(row: &Row, who: Who, thing: Thing) -> bool {
    match who {
        Who::Lacking(action) => row.needs.contains(&action) || thing == Thing::Own,
        Who::MineLacking(action) => row.needs.contains(&action),
        _ => true,
    }
}

/// What came of all the requests.
#[derive(Default)]
struct Matrix {
    answers: BTreeMap<Thing, Answer>,
    nobodies: BTreeMap<&'static str, Answer>,
    asked: usize,
    refused: usize,
    compared: usize,
    wrong: Vec<String>,
}

impl Matrix {
    async fn ask(&mut self, world: &World, row: &Row, holder: &Holder, thing: Thing) {
        let expected = expect(row, holder.who, thing);
        // What changes something is asked of a world of its own.
        let apart = if expected < 400 && row.method != "GET" { Some(World::made().await) } else { None };
        let world = apart.as_ref().unwrap_or(world);
        let holder = world.holders.iter().find(|other| other.who == holder.who).expect("the same people");
        let (path, body) = row.request(world, thing, &holder.taken);
        let answer = world.ask(&holder.sends, row.method, &path, &body).await;
        self.asked += 1;
        self.refused += usize::from(expected >= 400);
        let mut say = |wrong: String| {
            self.wrong.push(format!("{} by {:?} for {thing:?}: {wrong}", row.name(), holder.who))
        };
        if answer.status != expected {
            say(format!("expected {expected}, found {answer:?}"));
        }
        for wrong in judge(&Sent { method: row.method, path: &path, headers: &[], body: &body }, &answer) {
            say(wrong);
        }
        let challenge = answer.headers.get("www-authenticate").map(|value| value.as_bytes());
        if challenge != (expected == 401).then_some(b"Bearer".as_slice()) {
            say(format!("WWW-Authenticate is {challenge:?}"));
        }
        let said = String::from_utf8_lossy(&answer.body);
        let foreign = match holder.who {
            Who::Mine | Who::Other | Who::MineLacking(_) => "theirs",
            Who::Theirs => "mine",
            _ => "\0",
        };
        if said.contains(foreign) {
            say(format!("something of {foreign} is in {said}"));
        }
        if row.method == "GET" {
            let head = world.ask(&holder.sends, "HEAD", &path, &body).await;
            if head.status != answer.status || !head.body.is_empty() {
                say(format!("HEAD is answered differently: {head:?}"));
            }
        }
        self.answers.insert(thing, answer);
    }

    /// Refused in one way is refused in the same bytes, whatever was asked for; only that a collection is missing from an
    /// application of one's own is another sentence than that the application is not there.
    fn compare(&mut self, row: &Row, holder: &Holder) {
        let mut first: BTreeMap<(u16, bool), (Thing, Answer)> = BTreeMap::new();
        for (thing, answer) in std::mem::take(&mut self.answers) {
            // A conflict names the id that is in use, to one who may know it.
            if !matches!(answer.status, 401 | 403 | 404) {
                continue;
            }
            if thing == Thing::Own
                && let Who::Nobody(why) = holder.who
            {
                self.nobodies.insert(why, nameless(answer.clone()));
            }
            let inside = matches!(thing, Thing::Own | Thing::Hole) && holder.who != Who::Theirs;
            let answer = nameless(answer);
            let key = (answer.status, inside && answer.status == 404 && row.reach == Reach::Collection);
            let (other, same) = first.entry(key).or_insert_with(|| (thing, answer.clone()));
            self.compared += usize::from(*other != thing);
            if *same != answer {
                let who = holder.who;
                self.wrong
                    .push(format!("{} by {who:?}: {other:?} {same:?}\n  {thing:?} {answer:?}", row.name()));
            }
        }
    }

    /// Nobody learns from a refusal what is wrong with a key.
    fn compare_nobodies(&mut self, row: &Row) {
        let all: Vec<(&str, Answer)> = std::mem::take(&mut self.nobodies).into_iter().collect();
        for pair in all.windows(2) {
            self.compared += 1;
            if pair[0].1 != pair[1].1 {
                self.wrong.push(format!("{}: {:?}\n  {:?}", row.name(), pair[0], pair[1]));
            }
        }
    }
}

impl std::fmt::Display for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "strangers: {} routes in {} rows, {} requests as expected ({} refused), {} pairs of refusals the same bytes",
            ROUTES.len(),
            ROWS.len(),
            self.asked,
            self.refused,
            self.compared,
        )
    }
}

/// Without what is different in every answer.
fn nameless(mut answer: Answer) -> Answer {
    answer.headers.remove("strongroom-request-id");
    answer
}

/// What somebody is answered who asks for something.
fn expect(row: &Row, who: Who, thing: Thing) -> u16 {
    if row.open {
        return row.ok;
    }
    match who {
        Who::Nobody(_) => 401,
        // One of the route's two rights is theirs, and not there: that is said before the body says which was meant.
        Who::MineLacking(_)
            if row.pattern == DELIVERIES && matches!(thing, Thing::Foreign | Thing::Absent) =>
        {
            404
        }
        Who::Lacking(action) | Who::MineLacking(action) if row.needs.contains(&action) => 403,
        // Whoever may not deliver took no delivery.
        Who::Lacking(Action::Deliver) | Who::MineLacking(Action::Deliver) if row.reach == Reach::Delivery => {
            404
        }
        Who::Everything | Who::Lacking(_) => expect_of_all(row, thing),
        Who::Mine | Who::MineLacking(_) => expect_of_one(row, thing, Thing::Own),
        Who::Theirs => expect_of_one(row, thing, Thing::Foreign),
        Who::Other => expect_of_other(row, thing),
    }
}

fn expect_of_all(row: &Row, thing: Thing) -> u16 {
    match (row.reach, thing) {
        (Reach::All | Reach::Filter, _) | (_, Thing::Own) => row.ok,
        (Reach::Delivery, _) => 404,
        (_, Thing::Foreign) => row.ok,
        (_, Thing::Absent | Thing::Hole) => 404,
    }
}

/// By a key that is bound to the application in which `its` lies.
fn expect_of_one(row: &Row, thing: Thing, its: Thing) -> u16 {
    match row.reach {
        Reach::All | Reach::Filter => row.bound,
        Reach::Delivery if thing == Thing::Own => row.bound,
        Reach::Delivery => 404,
        _ if thing == its => row.bound,
        _ => 404,
    }
}

/// By a key that is bound to another collection of the application.
fn expect_of_other(row: &Row, thing: Thing) -> u16 {
    match (row.reach, thing) {
        (Reach::All | Reach::Filter, _) => row.narrow,
        (Reach::Application | Reach::Grant | Reach::Key, Thing::Own) => row.narrow,
        (Reach::Delivery, Thing::Own) => row.ok,
        _ => 404,
    }
}

fn mine() -> ApplicationId {
    ApplicationId::parse("mine").expect("an id")
}

fn solver() -> CollectionId {
    CollectionId::parse("solver").expect("an id")
}

fn new_collection() -> NewCollection {
    let text = br#"[{"type": "env", "location": "A", "value": "hunter2"}]"#;
    let draft = Draft::read(&Document::parse(text).expect("JSON")).expect("the documented form");
    NewCollection::settle(draft, Limits::DEFAULT).expect("a legal collection")
}

/// A second from now on, `n` times.
fn in_seconds(n: i64) -> Timestamp {
    Timestamp::from_micros(now().as_micros() + n * 1_000_000)
}

#[test]
fn a_key_revoked_between_the_door_and_the_writer_releases_nothing() {
    block_on(async {
        let world = World::made().await;
        let custodian = &world.room.custodian;
        let (key, token) = world.room.make_key(new_key(Actions::ALL, Some("mine"), None)).await;
        let caller = custodian.authenticate(&token, now()).await.expect("a valid key");
        let deliver = caller.access::<Deliver>(&mine()).expect("it may");
        let reveal = caller.access::<Reveal>(&mine()).expect("it may");
        let write = caller.access::<Write>(&mine()).expect("it may");
        custodian.deliver(&deliver, &solver(), None, None, now()).await.map(drop).expect("it is valid still");

        world.room.revoke_key(&key.id).await;
        let records = world.records().await;
        let refused = custodian.deliver(&deliver, &solver(), None, None, now()).await.map(drop);
        assert!(matches!(refused, Err(ReadError::Denied(Denied::Key))), "{refused:?}");
        let refused = custodian.reveal(&reveal, &solver(), None, None, now()).await.map(drop);
        assert!(matches!(refused, Err(ReadError::Denied(Denied::Key))), "{refused:?}");
        let refused = custodian.create(&write, new_collection(), now()).await.map(drop);
        assert!(matches!(refused, Err(CreateError::Denied(Denied::Key))), "{refused:?}");
        assert_eq!(world.records().await, records, "nothing was done");
    });
}

#[test]
fn a_key_that_expires_between_the_door_and_the_writer_releases_nothing() {
    block_on(async {
        let world = World::made().await;
        let custodian = &world.room.custodian;
        let end = in_seconds(10);
        let new = NewKey { expires_at: Expiry::At(end), ..new_key(Actions::ALL, None, None) };
        let (_, token) = world.room.make_key(new).await;
        let caller = custodian.authenticate(&token, now()).await.expect("a valid key");
        let deliver = caller.access::<Deliver>(&mine()).expect("it may");
        let just_before = Timestamp::from_micros(end.as_micros() - 1);
        custodian
            .deliver(&deliver, &solver(), None, None, just_before)
            .await
            .map(drop)
            .expect("it is valid still");
        let records = world.records().await;
        let refused = custodian.deliver(&deliver, &solver(), None, None, end).await.map(drop);
        assert!(matches!(refused, Err(ReadError::Denied(Denied::Key))), "{refused:?}");
        assert_eq!(world.records().await, records, "nothing was done");
    });
}

#[test]
fn a_key_is_worth_nothing_from_its_last_second_on() {
    block_on(async {
        let world = World::made().await;
        let end = in_seconds(100);
        let new = NewKey { expires_at: Expiry::At(end), ..new_key(Actions::ALL, None, None) };
        let (_, token) = world.room.make_key(new).await;
        let sends = [format!("Bearer {}", token.expose())];
        // The server's clock goes on by a second a look: the first request comes a second before the end.
        wait_until(Timestamp::from_micros(end.as_micros() - 2_000_000));
        for expected in [200, 401, 401] {
            let answer = world.ask(&sends, "GET", "/v1/applications", "").await;
            assert_eq!(answer.status, expected, "at {}, and it ends at {end}", now());
        }
    });
}

#[test]
fn a_revoked_key_is_refused_at_the_next_request_on_the_same_connection() {
    block_on(async {
        let world = World::made().await;
        let (key, token) = world.room.make_key(new_key(Actions::ALL, None, None)).await;
        let sends = [format!("Bearer {}", token.expose())];
        // A connection is one service that is called again and again; this one is.
        let path = "/v1/applications/mine/secrets/solver/deliveries";
        assert_eq!(world.ask(&sends, "POST", path, "{}").await.status, 200);
        world.room.revoke_key(&key.id).await;
        assert_eq!(world.ask(&sends, "POST", path, "{}").await.status, 401);
        assert_eq!(world.ask(&sends, "GET", "/v1/applications", "").await.status, 401);
    });
}

#[test]
fn a_key_of_a_deleted_application_reaches_nothing_of_one_made_under_its_id() {
    block_on(async {
        let world = World::made().await;
        let by_app = world.sends(new_key(Actions::ALL, Some("mine"), None)).await;
        let by_collection = world.sends(new_key(Actions::ALL, Some("mine"), Some("solver"))).await;
        let custodian = &world.room.custodian;
        let manage = world.room.owner.access::<Manage>(&mine()).expect("the owner may");
        custodian.delete_application(&manage, now()).await.expect("deleted");
        let everywhere = world.room.owner.everywhere::<Manage>().expect("the owner may");
        custodian
            .create_application(&everywhere, &mine(), NewApplication::default(), now())
            .await
            .expect("made anew");
        let write = world.room.owner.access::<Write>(&mine()).expect("the owner may");
        custodian
            .create(&write, NewCollection { id: Some(solver()), ..new_collection() }, now())
            .await
            .expect("made");
        for sends in [&by_app, &by_collection] {
            world.reaches_nothing(sends, &[Reach::Application, Reach::Collection]).await;
            let all = world.ask(std::slice::from_ref(sends), "GET", "/v1/applications", "").await;
            assert!(all.status == 401 || all.body.as_ref() == b"[]", "{all:?}");
        }
        let list = world.room.owner.access::<List>(&mine()).expect("the owner may");
        let (_, version) = custodian.get(&list, &solver(), None).await.expect("it is as it was made");
        assert_eq!(version, 3, "nothing was written by the old keys");
    });
}

#[test]
fn a_key_of_a_deleted_collection_reaches_nothing_of_one_made_under_its_id() {
    block_on(async {
        let world = World::made().await;
        let sends = world.sends(new_key(Actions::ALL, Some("mine"), Some("solver"))).await;
        let write = world.room.owner.access::<Write>(&mine()).expect("the owner may");
        let custodian = &world.room.custodian;
        custodian.delete(&write, &solver(), None, now()).await.expect("deleted");
        custodian
            .create(&write, NewCollection { id: Some(solver()), ..new_collection() }, now())
            .await
            .expect("made");
        // The application is the one it was, and may be seen.
        world.reaches_nothing(&sends, &[Reach::Collection]).await;
        let all = world.ask(&[sends], "GET", "/v1/applications/mine/secrets", "").await;
        assert!(all.status == 401 || all.body.as_ref() == br#"{"items":[]}"#, "{all:?}");
    });
}

impl World {
    async fn sends(&self, new: NewKey) -> String {
        format!("Bearer {}", self.room.make_key(new).await.1.expose())
    }

    /// Every row that names the application or the collection is refused, and writes nothing.
    async fn reaches_nothing(&self, sends: &str, reaches: &[Reach]) {
        let records = self.records().await;
        let mut wrong = Vec::new();
        for row in ROWS.iter().filter(|row| reaches.contains(&row.reach)) {
            let (path, body) = row.request(self, Thing::Own, "");
            let answer = self.ask(&[sends.to_owned()], row.method, &path, &body).await;
            if !matches!(answer.status, 401 | 403 | 404) {
                wrong.push(format!("{}: {answer:?}", row.name()));
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
        assert_eq!(self.records().await, records, "nothing was done");
    }
}
