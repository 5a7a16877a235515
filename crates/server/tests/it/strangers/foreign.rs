//! What is foreign, in every place where a request can name something: answered as what is not there, to the byte. And
//! what no key is needed for. Who may do what is the matrix beside this.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use strongroom_server::{Needed, ROUTES};

use super::rows::{ROWS, Thing};
use super::world::{Who, World};
use super::{nameless, new_key};
use crate::contract::room::{Answer, block_on};
use strongroom_secrets::Actions;

/// Every name in braces that a pattern may have. A new one is a new way to name something: say below what strangers
/// meet there.
const PARTS: [&str; 5] = ["{app}", "{id}", "{version}", "{key}", "{receipt}"];

#[test]
fn z_2_a_foreign_id_is_answered_as_an_absent_one_in_every_row() {
    let parts = ROUTES.iter().flat_map(|route| route.pattern.split('/').filter(|part| part.starts_with('{')));
    assert_eq!(parts.collect::<BTreeSet<_>>(), PARTS.into_iter().collect());
    block_on(async {
        let world = World::made().await;
        let records = world.records().await;
        let mut compared = 0;
        for row in ROWS.iter().filter(|row| !row.open) {
            // In the eyes of a key of `mine/other`, all else in `mine` is foreign too.
            for (who, pairs) in [
                (Who::Mine, &[(Thing::Foreign, Thing::Absent)][..]),
                (Who::Other, &[(Thing::Foreign, Thing::Absent), (Thing::Own, Thing::Hole)]),
            ] {
                let holder = world.holders.iter().find(|holder| holder.who == who).expect("they were made");
                for (foreign, absent) in pairs {
                    if !(row.things().contains(foreign) && row.things().contains(absent)) {
                        continue;
                    }
                    let mut answers = Vec::new();
                    for thing in [*foreign, *absent] {
                        let (path, body) = row.request(&world, thing, &holder.taken);
                        let answer = world.ask(&holder.sends, row.method, &path, &body).await;
                        answers.push(nameless(answer));
                    }
                    assert_eq!(answers[0], answers[1], "{} by {who:?}", row.name());
                    compared += 1;
                }
            }
        }
        assert!(compared > 40, "{compared}");
        assert_eq!(world.records().await, records, "a refused request left a record");
    });
}

/// By a key of `mine`, about something foreign and, with one word changed, about something absent: the same bytes.
async fn compare(
    world: &World,
    who: Who,
    method: &str,
    path: &str,
    body: &str,
    absent: (&str, &str),
) -> Answer {
    let holder = world.holders.iter().find(|holder| holder.who == who).expect("they were made");
    let (there, nowhere) = absent;
    assert!(path.contains(there) || body.contains(there), "{path} {body} names {there}");
    let foreign = nameless(world.ask(&holder.sends, method, path, body).await);
    let (path, body) = (path.replace(there, nowhere), body.replace(there, nowhere));
    let absent = nameless(world.ask(&holder.sends, method, &path, &body).await);
    assert_eq!(foreign, absent, "{method} {path} {body}");
    foreign
}

#[test]
fn z_2_a_foreign_id_in_query_body_and_header_is_answered_as_an_absent_one() {
    block_on(async {
        let world = World::made().await;
        let records = world.records().await;
        let (mine, other) = (Who::Mine, Who::Other);
        let theirs = ("theirs", "nowher");
        let ask = async |who, method, path, body, absent, status| {
            let answer = compare(&world, who, method, path, body, absent).await;
            assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        };
        // Query.
        ask(mine, "GET", "/v1/audit?application_id=theirs", "", theirs, 200).await;
        ask(mine, "GET", "/v1/audit?application_id=theirs&collection_id=solver", "", theirs, 200).await;
        ask(other, "GET", "/v1/audit?collection_id=solver", "", ("solver", "nothin"), 200).await;
        ask(
            other,
            "GET",
            "/v1/audit?application_id=mine&collection_id=solver",
            "",
            ("solver", "nothin"),
            200,
        )
        .await;
        // Body: to whom a new key is bound.
        let grant = |id: &str, collection: &str| {
            format!(r#"{{"name":"n","can":["list"],"application_id":"{id}"{collection}}}"#)
        };
        let [all, one, solver] = [
            ("theirs", ""),
            ("theirs", r#","collection_id":"solver""#),
            ("mine", r#","collection_id":"solver""#),
        ]
        .map(|(id, collection)| grant(id, collection));
        ask(mine, "POST", "/v1/keys", &all, theirs, 404).await;
        ask(mine, "POST", "/v1/keys", &one, theirs, 404).await;
        ask(other, "POST", "/v1/keys", &solver, ("solver", "nothin"), 404).await;
        // Body: an id that the path does not have, whether somebody has it or not.
        let renamed = r#"{"id":"solver","secrets":[{"type":"env","location":"A","value":"v"}]}"#;
        ask(mine, "PUT", "/v1/applications/mine/secrets/other", renamed, ("solver", "nothin"), 400).await;
        let renamed = r#"{"id":"theirs","name":"n"}"#;
        ask(mine, "PUT", "/v1/applications/mine", renamed, theirs, 400).await;
        assert_eq!(world.records().await, records, "a refused request left a record");
    });
}

#[test]
fn z_2_a_page_token_is_a_position_and_no_right() {
    block_on(async {
        let world = World::made().await;
        for who in [Who::Mine, Who::Other] {
            let holder = world.holders.iter().find(|holder| holder.who == who).expect("they were made");
            // Made by hand, after and before everything there is; the letters are those of the four lists.
            for (path, marks) in [
                ("/v1/applications", ["a0", "amind", "atheir", "athes"]),
                ("/v1/applications/mine/secrets", ["c0:a", "c1:solver", "c9999999999999999:z", "c0:theirs"]),
                ("/v1/keys", ["k000000000000", "k111111111111", "kzzzzzzzzzzzz", "k555555555555"]),
                ("/v1/audit", ["r0", "r1", "r5", "r99"]),
            ] {
                for mark in marks {
                    let token = BASE64URL_NOPAD.encode(mark.as_bytes());
                    let path = format!("{path}?pagetoken={token}");
                    let answer = world.ask(&holder.sends, "GET", &path, "").await;
                    let said = String::from_utf8_lossy(&answer.body);
                    assert!(matches!(answer.status, 200 | 400), "{path} ({mark}): {answer:?}");
                    assert!(
                        !said.contains("theirs") && !said.contains(&world.key_of_theirs),
                        "{mark}: {said}"
                    );
                    let foreign = who == Who::Other && said.contains("solver");
                    assert!(!foreign, "{mark}: {said}");
                }
            }
        }
    });
}

/// The mask of `env:A` in a collection, as its reader sees it.
async fn mask(world: &World, path: &str) -> String {
    let everything = &world.holders.iter().find(|holder| holder.who == Who::Everything).expect("made").sends;
    let answer = world.ask(everything, "GET", path, "").await;
    let shown: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    shown["secrets"][0]["value"].as_str().expect("a mask").to_owned()
}

#[test]
fn z_4_one_foreign_thing_among_many_refuses_them_all() {
    block_on(async {
        let world = World::made().await;
        let sends = &world.holders.iter().find(|holder| holder.who == Who::Mine).expect("made").sends;
        let solver = "/v1/applications/mine/secrets/solver";
        let own = mask(&world, solver).await;
        let foreign = mask(&world, "/v1/applications/theirs/secrets/solver").await;
        let neighbour = mask(&world, "/v1/applications/mine/secrets/other").await;
        let records = world.records().await;
        let before = world.ask(sends, "GET", solver, "").await;
        let create = |secret: &str| secret.replacen('{', r#"{"op":"create","#, 1);
        let with = |mask: &str| {
            let good = r#"{"type":"env","location":"GOOD","value":"hunter2"}"#;
            let kept = format!(r#"{{"type":"env","location":"A","value":"{own}"}}"#);
            let bad = format!(r#"{{"type":"env","location":"B","value":"{mask}"}}"#);
            [
                ("PUT", solver, format!(r#"{{"secrets":[{good},{kept},{bad}]}}"#)),
                ("PUT", solver, format!(r#"{{"secrets":[{bad},{kept},{good}]}}"#)),
                ("PATCH", solver, format!(r#"{{"operations":[{},{}]}}"#, create(good), create(&bad))),
                (
                    "POST",
                    "/v1/applications/mine/secrets",
                    format!(r#"{{"id":"new","secrets":[{good},{bad}]}}"#),
                ),
            ]
        };
        // The same place at the same key, whoever has it: what is forged and what is foreign is refused in the same bytes.
        let forged =
            format!("{}{}", &foreign[..foreign.len() - 1], if foreign.ends_with('0') { "1" } else { "0" });
        for (i, (method, path, body)) in with(&foreign).into_iter().enumerate() {
            let answer = nameless(world.ask(sends, method, path, &body).await);
            assert_eq!(answer.status, 400, "{method} {body}: {answer:?}");
            for other in [&neighbour, &forged] {
                let (method, path, body) = &with(other)[i];
                let same = nameless(world.ask(sends, method, path, body).await);
                assert_eq!(same, answer, "{method} {body}");
            }
        }
        assert_eq!(world.records().await, records, "something of it was done");
        assert_eq!(nameless(world.ask(sends, "GET", solver, "").await), nameless(before));
        assert_eq!(world.ask(sends, "GET", "/v1/applications/mine/secrets/new", "").await.status, 404);
    });
}

#[test]
fn z_7_neither_a_method_nor_a_header_leads_around_a_check() {
    block_on(async {
        let world = World::made().await;
        let content = ("Content-Type".to_owned(), "application/json".to_owned());
        let viewer = world.room.make_key(new_key(Actions::ALL.iter().take(1).collect(), None, None)).await.1;
        let key = ("Authorization".to_owned(), format!("Bearer {}", viewer.expose()));
        let records = world.records().await;
        let overrides: Vec<(String, String)> = [
            ("X-HTTP-Method-Override", "DELETE"),
            ("X-HTTP-Method", "DELETE"),
            ("X-Method-Override", "PUT"),
            ("_method", "DELETE"),
            ("X-Original-URL", "/healthz"),
            ("X-Rewrite-URL", "/healthz"),
            ("X-Forwarded-Prefix", "/v1/keys"),
            ("X-Forwarded-User", "root"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Forwarded", "for=127.0.0.1;host=localhost;proto=https"),
            ("X-Remote-User", "root"),
            ("Strongroom-Request-Id", "mine"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for row in ROWS {
            let (path, body) = row.request(&world, Thing::Own, &world.taken_by_nobody);
            for headers in [vec![content.clone()], vec![content.clone(), key.clone()]] {
                // What a viewer may change nothing of is asked in full; a stranger is asked about all.
                if headers.len() == 2 && row.needs.is_empty() {
                    continue;
                }
                let plain = world.room.send(row.method, &path, &headers, &body).await.expect("a request");
                if row.method != "GET" || headers.len() == 1 && !row.open {
                    assert!(matches!(plain.status, 401 | 403), "{}: {plain:?}", row.name());
                }
                for header in &overrides {
                    let all = [headers.clone(), vec![header.clone()]].concat();
                    let mut paths = vec![path.clone()];
                    if !path.contains('?') {
                        paths.push(format!("{path}?_method=DELETE"));
                    }
                    for path in paths {
                        let answer =
                            world.room.send(row.method, &path, &all, &body).await.expect("a request");
                        assert_eq!(
                            nameless(answer),
                            nameless(plain.clone()),
                            "{} with {header:?}",
                            row.name()
                        );
                    }
                }
                for method in ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Delete"] {
                    let answer = world.room.send(method, &path, &headers, &body).await.expect("a request");
                    assert!(matches!(answer.status, 404 | 405), "{method} {path}: {answer:?}");
                    let said = String::from_utf8_lossy(&answer.body);
                    assert!(!said.contains("Authorization") && !said.contains("sr_key"), "an echo: {said}");
                }
            }
        }
        assert_eq!(world.records().await, records, "something was done");
    });
}

#[test]
fn z_10_nothing_begins_or_ends_or_is_cancelled_without_a_key() {
    block_on(async {
        let open: BTreeSet<_> = ROUTES
            .iter()
            .filter(|route| route.action == Needed::Nothing)
            .map(|route| route.pattern)
            .collect();
        let known: BTreeSet<_> = ["/healthz", "/readyz", "/openapi.json"].into();
        assert!(open.is_subset(&known), "{open:?}: what does a stranger learn or change there?");
        assert!(ROUTES.iter().all(|route| route.method == "GET" || !open.contains(route.pattern)));

        let world = World::made().await;
        let records = world.records().await;
        for row in ROWS.iter().filter(|row| !row.open) {
            let (path, body) = row.request(&world, Thing::Own, &world.taken_by_nobody);
            let answer = world.ask(&[], row.method, &path, &body).await;
            assert_eq!(answer.status, 401, "{}: {answer:?}", row.name());
        }
        // What the peers' holes were in is not there at all, with a key or without.
        let everything =
            &world.holders.iter().find(|holder| holder.who == Who::Everything).expect("made").sends;
        for path in [
            "init",
            "unseal",
            "seal",
            "rekey/init",
            "rekey/cancel",
            "rekey-recovery-key/init",
            "generate-root/attempt",
            "root-key",
            "root-key/change",
            "root-key/rotate",
            "recovery",
            "backup",
            "restore",
            "adopt",
            "verify",
            "storage/raft/join",
            "storage/raft/remove-peer",
            "sys/audit",
            "audit/devices",
            "plugins",
            "config",
            "shutdown",
            "debug/pprof",
            "keys/create",
            "keys/renew",
            "keys/self/renew",
            "login",
            "auth/login",
        ] {
            for prefix in ["/v1/", "/v1/sys/", "/", "/api/"] {
                for method in ["GET", "POST", "PUT", "DELETE"] {
                    let path = format!("{prefix}{path}");
                    for sends in [&[][..], everything] {
                        let answer = world.ask(sends, method, &path, "{}").await;
                        let known = ROUTES.iter().any(|route| fits(route.pattern, &path));
                        let expected = if known && sends.is_empty() { &[401, 405][..] } else { &[404, 405] };
                        assert!(expected.contains(&answer.status), "{method} {path}: {answer:?}");
                    }
                }
            }
        }
        assert_eq!(world.records().await, records, "something was done");
        assert_eq!(world.ask(&[], "GET", "/readyz", "").await.status, 200);
    });
}

/// Whether a path is one of a pattern.
fn fits(pattern: &str, path: &str) -> bool {
    let parts = pattern.split('/').zip(path.split('/'));
    pattern.split('/').count() == path.split('/').count()
        && parts.into_iter().all(|(part, given)| part == given || part.starts_with('{'))
}
