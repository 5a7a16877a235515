//! Somebody who can write to the database and has no key. Whatever they do, every question is answered as it was before
//! or refused, and the refusal names what was touched and never a value. This file knows what the database looks like.

use std::collections::BTreeMap;
use std::error::Error;

use strongroom_custody::{Fault, ReadError, VerifyError};
use strongroom_ledger::tree::{Frontier, Hash};
use strongroom_store::{Store, StoreError};

use crate::block_on;
use crate::strongroom::{Folder, Strongroom, WIDE, collection, operate};

/// Every planted value holds this, and no refusal may.
const CANARY: &str = "PLANTED";

/// What can be asked of the stage, and what was answered: a text, or a refusal that begins with its kind.
type Answers = BTreeMap<String, Result<String, String>>;

const COLLECTIONS: [(&str, &str); 5] =
    [("alpha", "calm"), ("alpha", "gone"), ("alpha", "tokens"), ("beta", "copied"), ("beta", "tokens")];
/// They are never touched, so they are always answered.
const CALM: [&str; 4] = ["get alpha/calm", "get alpha/calm@1", "deliver alpha/calm", "deliver alpha/calm@1"];

/// A strongroom with something of everything, closed; how it was before its newest update; and what it answers.
struct Stage {
    folder: Folder,
    earlier: Folder,
    honest: Answers,
}

impl Stage {
    fn furnish() -> Self {
        let (folder, room) = block_on(Folder::founded(WIDE));
        block_on(async {
            for application in ["alpha", "beta", "dead"] {
                room.create_application(application).await.expect("a new application");
                for id in ["tokens", "calm"] {
                    let value = format!("{CANARY}-{application}-{id}-1");
                    let secrets = [("env:KEY", value.as_str()), ("file:f", "PLANTED too")];
                    room.create(application, id, &secrets).await.expect("created");
                }
            }
            room.create("alpha", "gone", &[("env:KEY", "PLANTED and deleted")]).await.expect("created");
            update(&room, "alpha", "gone", "PLANTED and deleted later").await;
            room.delete("alpha", "gone").await.expect("deleted");
            room.delete_application("dead").await.expect("deleted");
            update(&room, "beta", "tokens", "PLANTED-beta-tokens-2").await;
            update(&room, "alpha", "tokens", "PLANTED-alpha-tokens-2").await;
            room.deliver("alpha", "tokens", None).await.expect("delivered");
            room.custodian.close().await;
        });
        let earlier = folder.copy();
        let honest = block_on(async {
            let room = folder.open().await;
            update(&room, "alpha", "tokens", "PLANTED-alpha-tokens-3").await;
            room.custodian.close().await;
            ask(&folder.copy()).await
        });
        for refusal in honest.values().filter_map(|answer| answer.as_ref().err()) {
            assert!(refusal.starts_with("absent"), "{refusal}");
        }
        Self { folder, earlier, honest }
    }

    /// Tampers with a copy, asks everything, and expects these refusals: question, kind, and what it names.
    fn check(&self, sql: &str, expected: &[(&str, &str, &str)]) {
        self.check_by(&|folder| folder.tamper(&self.written_out(sql)), sql, expected);
    }

    fn check_by(&self, tamper: &dyn Fn(&Folder), what: &str, expected: &[(&str, &str, &str)]) {
        let answers = self.ask_spoilt(tamper);
        self.expect_honest(&answers, what);
        expect(&answers, what, expected);
        self.expect_calm(&answers, what);
    }

    /// What is answered is what was answered before. Only a list may have lost something, and then verification finds it.
    fn expect_honest(&self, answers: &Answers, what: &str) {
        for (question, answer) in answers {
            let of_one = ["get ", "deliver ", "application "].iter().any(|word| question.starts_with(word));
            let kept = answer.is_err() || *answer == self.honest[question];
            assert!(
                kept || (!of_one && answers["verify"].is_err()),
                "{what}\n{question} was answered by {answer:?}"
            );
        }
    }

    fn ask_spoilt(&self, tamper: &dyn Fn(&Folder)) -> Answers {
        let spoilt = self.folder.copy();
        tamper(&spoilt);
        block_on(ask(&spoilt))
    }

    fn expect_calm(&self, answers: &Answers, what: &str) {
        for question in CALM {
            assert_eq!(answers[question], self.honest[question], "{what}\n{question}");
        }
    }

    /// Born ids for their names.
    fn written_out(&self, sql: &str) -> String {
        let application = |id: &str| format!("(SELECT born FROM applications WHERE id = '{id}')");
        let born = |application: &str, id: &str| {
            format!("(SELECT born FROM collections WHERE id = '{id}' AND application = {application})")
        };
        let (alpha, beta) = (application("alpha"), application("beta"));
        sql.replace("{alpha}", &alpha)
            .replace("{beta}", &beta)
            .replace("{tokens}", &born(&alpha, "tokens"))
            .replace("{gone}", &born(&alpha, "gone"))
            .replace("{beta tokens}", &born(&beta, "tokens"))
            .replace("{earlier}", &self.earlier.data().join("strongroom.db").display().to_string())
    }
}

async fn update(room: &Strongroom, application: &str, id: &str, value: &str) {
    room.update(application, id, &operate(&[("=env:KEY", value)])).await.expect("updated");
}

fn expect(answers: &Answers, what: &str, expected: &[(&str, &str, &str)]) {
    for (question, kind, names) in expected {
        match &answers[*question] {
            Err(refusal) if refusal.starts_with(kind) && is_named(refusal, names) => {}
            answer => panic!("{what}\n{question} was answered by {answer:?}"),
        }
    }
}

/// A look that is held against the ledger names the collection; one that opens a version names the version too.
fn is_named(refusal: &str, names: &str) -> bool {
    let collection = names.starts_with("version ").then(|| names.split_once(" of ")).flatten();
    refusal.contains(names) || collection.is_some_and(|(_, collection)| refusal.contains(collection))
}

/// Asks everything that can be asked. What must not depend on deliveries is asked before them.
async fn ask(folder: &Folder) -> Answers {
    let room = folder.open().await;
    let mut answers = Answers::new();
    let mut note = |question: String, answer: Result<String, String>| {
        answers.insert(question, answer);
    };
    note("verify".into(), said(room.verify().await));
    let store = Store::open(&folder.data()).await.expect("a store");
    note("verify without keys".into(), said(strongroom_custody::verify(&store).await));
    note("records".into(), said(room.records().await));
    note("applications".into(), said(room.applications().await));
    for application in ["alpha", "beta", "dead"] {
        let shown = room.custodian.get_application(&room.access(application)).await;
        note(format!("application {application}"), said(shown));
        let listed = room.custodian.list(&room.access(application), None, None).await;
        note(format!("list {application}"), said(listed));
    }
    for (application, id) in COLLECTIONS {
        let versions = room.custodian.versions(&room.access(application), &collection(id)).await;
        note(format!("versions {application}/{id}"), said(versions));
        for version in [None, Some(1), Some(2), Some(3), Some(4)] {
            let name = format!("{application}/{id}{}", version.map_or(String::new(), |v| format!("@{v}")));
            note(format!("get {name}"), said(room.show(application, id, version).await));
            note(format!("deliver {name}"), said(room.deliver(application, id, version).await));
        }
    }
    answers
}

fn said<T: std::fmt::Debug, E: Refusal>(answer: Result<T, E>) -> Result<String, String> {
    answer.map(|answer| format!("{answer:?}")).map_err(|error| {
        let mut sentence = format!("{}: {error}", error.kind());
        let mut all = format!("{sentence} {error:?}");
        let mut cause = error.source();
        while let Some(error) = cause {
            sentence += &format!(": {error}");
            all += &format!(" {error} {error:?}");
            cause = error.source();
        }
        assert!(!all.contains(CANARY), "{all}");
        if sentence.ends_with('.') {
            sentence += " (a sentence of ours has no full stop)";
        }
        sentence
    })
}

trait Refusal: Error {
    fn kind(&self) -> &'static str;
}

impl Refusal for Fault {
    fn kind(&self) -> &'static str {
        match self {
            Self::Integrity { .. } => "integrity",
            Self::Store(StoreError::Damaged { .. }) => "damaged",
            _ => "fault",
        }
    }
}

impl Refusal for ReadError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Absent(_) => "absent",
            Self::Denied(_) => "denied",
            Self::Fault(fault) => fault.kind(),
        }
    }
}

impl Refusal for VerifyError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Finding(_) => "finding",
            Self::Application { .. } => "application",
            Self::Key { .. } => "key",
            Self::Collection { .. } => "collection",
            Self::Counter { .. } => "counter",
            Self::Version { .. } => "version",
            Self::Removed { .. } => "removed",
            Self::Unrecorded { .. } => "unrecorded",
            Self::Fault(fault) => fault.kind(),
        }
    }
}

const TOKENS_1: &str = "version 1 of secrets collection tokens in application alpha";
const TOKENS_2: &str = "version 2 of secrets collection tokens in application alpha";
const TOKENS_3: &str = "version 3 of secrets collection tokens in application alpha";

#[test]
fn nothing_done_is_nothing_found() {
    let stage = Stage::furnish();
    let answers = stage.ask_spoilt(&|folder| folder.tamper("VACUUM"));
    assert_eq!(answers, stage.honest);
    assert!(answers["verify"].is_ok(), "{answers:?}");
    let planted = |question: &str| answers[question].as_ref().is_ok_and(|answer| answer.contains(CANARY));
    assert!(
        planted("deliver alpha/tokens@1") && !planted("get alpha/tokens@1"),
        "the canary is found where it is"
    );
}

#[test]
fn swapped_versions_open_for_neither() {
    let stage = Stage::furnish();
    let swap = |columns: &[&str], numbers: (u64, u64)| {
        let (one, other) = numbers;
        let taken = columns.iter().map(|column| {
            format!(
                "{column} = (SELECT {column} FROM before WHERE version = {one} + {other} - versions.version)"
            )
        });
        format!(
            "CREATE TEMP TABLE before AS SELECT * FROM versions WHERE collection = {{tokens}};
             UPDATE versions SET {} WHERE collection = {{tokens}} AND version IN ({one}, {other})",
            taken.collect::<Vec<_>>().join(", ")
        )
    };
    let contents = ["contents", "contents_commitment"];
    let face = ["face"];
    let all = ["face", "contents", "contents_commitment", "chain", "created_at"];
    let verify = ("verify", "version", "version 1 of secrets collection tokens");
    for columns in [&contents[..1], &contents] {
        stage.check(
            &swap(columns, (1, 2)),
            &[
                ("deliver alpha/tokens@1", "integrity", TOKENS_1),
                ("deliver alpha/tokens@2", "integrity", TOKENS_2),
                verify,
            ],
        );
    }
    for columns in [&face[..], &all] {
        stage.check(
            &swap(columns, (1, 2)),
            &[
                ("get alpha/tokens@1", "integrity", TOKENS_1),
                ("get alpha/tokens@2", "integrity", TOKENS_2),
                ("deliver alpha/tokens@1", "integrity", TOKENS_1),
                ("deliver alpha/tokens@2", "integrity", TOKENS_2),
                ("versions alpha/tokens", "integrity", TOKENS_1),
                verify,
            ],
        );
        stage.check(
            &swap(columns, (2, 3)),
            &[
                ("get alpha/tokens@2", "integrity", TOKENS_2),
                ("get alpha/tokens", "integrity", TOKENS_3),
                ("deliver alpha/tokens", "integrity", TOKENS_3),
                ("list alpha", "integrity", TOKENS_3),
                ("verify", "collection", "secrets collection tokens"),
            ],
        );
    }
}

#[test]
fn what_was_copied_from_another_collection_does_not_open() {
    let stage = Stage::furnish();
    let columns = "epoch, version, oldest_version, oldest_chain, key_version, wrapped_key, manifest";
    let versions = "INSERT INTO versions SELECT ledger, 'f00', version, created_at, generation, face, \
        contents_commitment, chain, contents FROM versions WHERE collection = {tokens}";
    // A copy of alpha's row in beta, with a born id of its own and with that of the original.
    stage.check(
        &format!(
            "INSERT INTO collections SELECT ledger, {{beta}}, 'copied', '', 'f00', created_at, updated_at, NULL, \
             {columns} FROM collections WHERE born = {{tokens}}; {versions}"
        ),
        &[
            ("get beta/copied", "integrity", "secrets collection copied in application beta (born f00)"),
            ("get beta/copied@1", "integrity", "secrets collection copied in application beta (born f00)"),
            ("deliver beta/copied", "integrity", "secrets collection copied in application beta (born f00)"),
            ("deliver beta/copied@2", "integrity", "secrets collection copied in application beta (born f00)"),
            ("verify", "unrecorded", "copied"),
        ],
    );
    stage.check(
        "UPDATE collections SET application = {beta}, id = 'copied' WHERE born = {tokens}",
        &[
            ("get beta/copied", "integrity", "secrets collection copied in application beta"),
            ("deliver beta/copied@1", "integrity", "secrets collection copied in application beta"),
            ("get alpha/tokens", "integrity", "tokens"),
            ("verify", "collection", "copied"),
        ],
    );
    // The bytes of one version, then of all that is sealed, in place of another collection's.
    stage.check(
        "UPDATE versions SET (generation, face, contents_commitment, chain, contents, created_at) =
             (SELECT generation, face, contents_commitment, chain, contents, created_at FROM versions
              WHERE collection = {tokens} AND version = 1)
         WHERE collection = {beta tokens} AND version = 1",
        &[
            ("get beta/tokens@1", "integrity", "version 1 of secrets collection tokens in application beta"),
            (
                "deliver beta/tokens@1",
                "integrity",
                "version 1 of secrets collection tokens in application beta",
            ),
            ("verify", "version", "version 1 of secrets collection tokens"),
        ],
    );
    stage.check(
        &format!(
            "UPDATE collections SET ({columns}) = (SELECT {columns} FROM collections WHERE born = {{tokens}})
             WHERE born = {{beta tokens}};
             DELETE FROM versions WHERE collection = {{beta tokens}};
             UPDATE versions SET collection = {{beta tokens}} WHERE collection = {{tokens}}"
        ),
        &[
            ("get beta/tokens", "integrity", "secrets collection tokens in application beta"),
            ("deliver beta/tokens", "integrity", "secrets collection tokens in application beta"),
            ("deliver alpha/tokens", "damaged", "secrets collection tokens has lost its current version 3"),
            ("verify", "collection", "tokens"),
        ],
    );
}

#[test]
fn a_version_that_was_taken_away_is_missed() {
    let stage = Stage::furnish();
    let delete =
        |version: u64| format!("DELETE FROM versions WHERE collection = {{tokens}} AND version = {version}");
    for (version, name) in [(1, TOKENS_1), (2, TOKENS_2)] {
        stage.check(
            &delete(version),
            &[
                (&format!("get alpha/tokens@{version}"), "integrity", name),
                (&format!("deliver alpha/tokens@{version}"), "integrity", name),
                ("versions alpha/tokens", "integrity", "secrets collection tokens in application alpha"),
                ("verify", "version", &format!("version {version} of secrets collection tokens")),
            ],
        );
    }
    let lost = "secrets collection tokens has lost its current version 3";
    stage.check(
        &delete(3),
        &[
            ("get alpha/tokens", "damaged", lost),
            ("deliver alpha/tokens", "damaged", lost),
            ("deliver alpha/tokens@2", "damaged", lost),
            ("list alpha", "damaged", lost),
            ("verify", "collection", "tokens"),
        ],
    );
    // To hide it, the row would have to say that it is not kept.
    stage.check(
        &format!("{}; UPDATE collections SET oldest_version = 2 WHERE born = {{tokens}}", delete(1)),
        &[("get alpha/tokens", "integrity", TOKENS_3), ("verify", "collection", "tokens")],
    );
    stage.check(
        "DELETE FROM versions WHERE collection = {tokens}; DELETE FROM collections WHERE born = {tokens}",
        &[("get alpha/tokens", "integrity", "tokens"), ("verify", "removed", "born")],
    );
}

#[test]
fn a_version_that_was_put_in_is_not_shown() {
    let stage = Stage::furnish();
    let fourth = "INSERT INTO versions SELECT ledger, collection, 4, created_at, generation, face, \
        contents_commitment, chain, contents FROM versions WHERE collection = {tokens} AND version = 3";
    stage.check(
        &format!("{fourth}; UPDATE collections SET version = 4, epoch = epoch + 1 WHERE born = {{tokens}}"),
        &[
            ("get alpha/tokens", "integrity", "version 4 of secrets collection tokens in application alpha"),
            ("deliver alpha/tokens", "integrity", "version 4 of secrets collection tokens"),
            ("verify", "unrecorded", "tokens"),
        ],
    );
    stage.check(
        fourth,
        &[
            ("get alpha/tokens@4", "integrity", "version 4"),
            ("deliver alpha/tokens@4", "integrity", "version 4"),
        ],
    );
    // An older one as the current one.
    stage.check(
        "UPDATE collections SET version = 2 WHERE born = {tokens}",
        &[("get alpha/tokens", "integrity", TOKENS_2), ("verify", "collection", "tokens")],
    );
}

#[test]
fn a_collection_put_back_to_an_earlier_day_is_found_by_the_ledger() {
    let stage = Stage::furnish();
    let row = "ATTACH '{earlier}' AS earlier; DELETE FROM collections WHERE born = {tokens}; \
        INSERT INTO collections SELECT * FROM earlier.collections WHERE born = {tokens at that time}";
    let row = row.replace(
        "{tokens at that time}",
        "(SELECT c.born FROM earlier.collections c \
        JOIN earlier.applications a ON a.born = c.application WHERE a.id = 'alpha' AND c.id = 'tokens')",
    );
    let put_back =
        [row.clone(), format!("{row}; DELETE FROM versions WHERE collection = {{tokens}} AND version = 3")];
    for sql in &put_back {
        // Row and version fit together; what the ledger told does not fit them.
        let answers = stage.ask_spoilt(&|folder| folder.tamper(&stage.written_out(sql)));
        let put_back = "secrets collection tokens in application alpha";
        let refused =
            ["get alpha/tokens", "get alpha/tokens@1", "deliver alpha/tokens", "deliver alpha/tokens@2"];
        expect(&answers, sql, &refused.map(|question| (question, "integrity", put_back)));
        expect(&answers, sql, &[("verify", "collection", "secrets collection tokens")]);
        stage.expect_calm(&answers, sql);
    }
    // Nor does it help to put the ledger back and leave the collection as it is.
    stage.check(
        "ATTACH '{earlier}' AS earlier; DELETE FROM records; INSERT INTO records SELECT * FROM earlier.records;
         DELETE FROM heads; INSERT INTO heads SELECT * FROM earlier.heads",
        &[("verify", "unrecorded", "secrets collection tokens")],
    );
}

#[test]
fn the_deleted_stays_deleted() {
    let stage = Stage::furnish();
    let gone = "secrets collection gone in application alpha";
    stage.check(
        "UPDATE collections SET tombstone = '', deleted_at = NULL WHERE born = {gone}",
        &[
            ("get alpha/gone", "integrity", gone),
            ("get alpha/gone@1", "integrity", gone),
            ("deliver alpha/gone", "integrity", gone),
            ("deliver alpha/gone@1", "integrity", gone),
            ("versions alpha/gone", "integrity", gone),
            ("verify", "collection", "gone"),
        ],
    );
    stage.check(
        "UPDATE collections SET tombstone = born, deleted_at = 1 WHERE born = {tokens}",
        &[("get alpha/tokens", "integrity", "tokens"), ("verify", "collection", "tokens")],
    );
    stage.check(
        "UPDATE applications SET tombstone = '', deleted_at = NULL WHERE id = 'dead'",
        &[
            ("application dead", "integrity", "application dead"),
            ("list dead", "integrity", "application dead"),
            ("verify", "application", "dead"),
        ],
    );
    stage.check(
        "UPDATE applications SET tombstone = born, deleted_at = 1 WHERE id = 'beta'",
        &[("list beta", "integrity", "beta"), ("verify", "application", "beta")],
    );
    stage.check(
        "DELETE FROM applications WHERE id = 'beta'",
        &[("list beta", "integrity", "beta"), ("verify", "application", "born")],
    );
}

#[test]
fn a_swapped_application_opens_nothing_of_the_other() {
    let stage = Stage::furnish();
    // `calm` lives in alpha, which is touched here: alpha and beta are refused as a whole.
    let check = |sql: &str| {
        let answers = stage.ask_spoilt(&|folder| {
            folder.tamper(sql);
            block_on(async {
                let room = folder.open().await;
                let error = room.create("alpha", "new", &[("env:A", "1")]).await.expect_err("altered");
                assert!(error.to_string().starts_with("application alpha"), "{error}");
                let error = room.delete_application("alpha").await.expect_err("altered");
                assert!(error.to_string().starts_with("application alpha"), "{error}");
            });
        });
        stage.expect_honest(&answers, sql);
        for id in ["alpha", "beta"] {
            let name = format!("application {id}");
            for question in [
                name.clone(),
                format!("list {id}"),
                format!("deliver {id}/tokens"),
                format!("get {id}/tokens@1"),
            ] {
                expect(&answers, sql, &[(&question, "integrity", &name)]);
            }
        }
        expect(&answers, sql, &[("verify", "application", "is not as the ledger says")]);
    };
    let both = "WHERE id IN ('alpha', 'beta')";
    check(&format!(
        "CREATE TEMP TABLE before AS SELECT * FROM applications {both};
         UPDATE applications SET face = (SELECT face FROM before b WHERE b.id != applications.id) {both}"
    ));
    check(
        "UPDATE applications SET id = 'between' WHERE id = 'alpha'; UPDATE applications SET id = 'alpha' WHERE id = 'beta';
         UPDATE applications SET id = 'beta' WHERE id = 'between'",
    );
    check(&format!(
        "CREATE TEMP TABLE before AS SELECT * FROM applications {both};
         UPDATE applications SET born = id {both};
         UPDATE applications SET born = (SELECT born FROM before b WHERE b.id != applications.id) {both}"
    ));
}

#[test]
fn every_plain_column_of_a_collection_is_bound() {
    let stage = Stage::furnish();
    let refused = [
        ("get alpha/tokens", "integrity", "secrets collection tokens in application alpha"),
        ("deliver alpha/tokens", "integrity", "secrets collection tokens in application alpha"),
        ("deliver alpha/tokens@1", "integrity", "secrets collection tokens in application alpha"),
    ];
    for change in [
        "epoch = epoch + 1",
        "epoch = epoch - 1",
        "oldest_version = 2",
        "oldest_version = 0",
        "key_version = 2",
        "created_at = created_at + 1",
    ] {
        stage.check(&format!("UPDATE collections SET {change} WHERE born = {{tokens}}"), &refused);
        let verified = stage.ask_spoilt(&|folder| {
            folder.tamper(
                &stage.written_out(&format!("UPDATE collections SET {change} WHERE born = {{tokens}}")),
            );
        });
        assert!(verified["verify"].is_err(), "{change}");
    }
    for (version, change) in [(1, "created_at = 5"), (1, "generation = '1-aaaaaaaa'"), (3, "created_at = 5")]
    {
        let name = format!("version {version} of secrets collection tokens in application alpha");
        stage.check(
            &format!("UPDATE versions SET {change} WHERE collection = {{tokens}} AND version = {version}"),
            &[
                (&format!("get alpha/tokens@{version}"), "integrity", &name),
                (&format!("deliver alpha/tokens@{version}"), "integrity", &name),
                ("verify", "", "tokens"),
            ],
        );
    }
}

#[test]
fn every_plain_column_of_an_application_is_bound() {
    let stage = Stage::furnish();
    for change in ["created_at = 5", "updated_at = 5"] {
        let answers = stage.ask_spoilt(&|folder| {
            folder.tamper(&format!("UPDATE applications SET {change} WHERE id = 'beta'"));
        });
        stage.expect_honest(&answers, change);
        expect(&answers, change, &[("application beta", "integrity", "application beta")]);
        stage.expect_calm(&answers, change);
    }
}

#[test]
fn the_chain_of_versions_is_walked() {
    let stage = Stage::furnish();
    for version in [1, 2] {
        let cut = format!(
            "UPDATE versions SET chain = zeroblob(32) WHERE collection = {{tokens}} AND version = {version}"
        );
        let name = format!("version {version} of secrets collection tokens");
        stage.check(&cut, &[("verify", "version", &name)]);
    }
}

#[test]
fn a_destroyed_version_cannot_be_put_back() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        room.create("app", "c", &[("env:KEY", "PLANTED")]).await.expect("created");
        room.custodian.close().await;
        let earlier = folder.copy();
        let room = folder.open().await;
        for version in 2..=101 {
            update(&room, "app", "c", &version.to_string()).await;
        }
        let gone = said(room.deliver("app", "c", Some(1)).await);
        assert!(gone.is_err_and(|refusal| refusal.starts_with("absent")));

        let earlier = earlier.data().join("strongroom.db");
        folder.tamper(&format!(
            "ATTACH '{}' AS earlier; INSERT INTO versions SELECT * FROM earlier.versions",
            earlier.display()
        ));
        let delivered = said(room.deliver("app", "c", Some(1)).await);
        let shown = said(room.show("app", "c", Some(1)).await);
        for answer in [delivered, shown] {
            let names = "version 1 of secrets collection c in application app";
            assert!(answer.as_ref().is_err_and(|refusal| refusal.contains(names)), "{answer:?}");
        }
    });
}

#[test]
fn any_flipped_bit_of_what_is_sealed_is_found() {
    let stage = Stage::furnish();
    let spoilt = stage.folder.copy();
    let outside = spoilt.connect();
    block_on(async {
        let room = spoilt.open().await;
        let version =
            |number: u64| stage.written_out(&format!("collection = {{tokens}} AND version = {number}"));
        let row = stage.written_out("born = {tokens}");
        let targets = [
            ("collections", "wrapped_key", row.clone(), None),
            ("collections", "manifest", row.clone(), None),
            ("collections", "oldest_chain", row, None),
            ("versions", "face", version(3), None),
            ("versions", "contents", version(3), None),
            ("versions", "contents_commitment", version(3), None),
            ("versions", "chain", version(3), None),
            ("versions", "face", version(1), Some(1)),
            ("versions", "contents", version(1), Some(1)),
            ("versions", "contents_commitment", version(1), Some(1)),
        ];
        for (table, column, row, version) in targets {
            // Found through the rows, not through themselves, so that a flip does not hide them.
            let (rowid, honest): (i64, Vec<u8>) = outside
                .query_row(&format!("SELECT rowid, {column} FROM {table} WHERE {row}"), [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .expect("a row");
            let put = |bytes: &[u8]| {
                let sql = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
                outside.execute(&sql, (bytes, rowid)).expect("an update");
            };
            for at in 0..honest.len() {
                let mut flipped = honest.clone();
                flipped[at] ^= 1 << (at % 8);
                put(&flipped);
                let what = format!("{table}.{column}, byte {at}");
                // A face is looked at without the contents, so what is wrong with those alone does not show there.
                let shown = said(room.show("alpha", "tokens", version).await);
                let honest_name =
                    version.map_or("get alpha/tokens".to_owned(), |v| format!("get alpha/tokens@{v}"));
                assert!(shown.is_err() || shown == stage.honest[&honest_name], "{what}: {shown:?}");
                let delivered = said(room.deliver("alpha", "tokens", version).await);
                assert!(
                    delivered.as_ref().is_err_and(|r| r.starts_with("integrity")),
                    "{what}: {delivered:?}"
                );
                let verified = said(room.verify().await);
                assert!(
                    verified.as_ref().is_err_and(|refusal| refusal.contains("tokens")),
                    "{what}: {verified:?}"
                );
            }
            put(&honest);
        }
        room.verify().await.expect("all is as it was");
    });
}

/// Makes the head fit the records that are there, as anybody can: the tree is public.
fn fit_head(folder: &Folder) {
    let outside = folder.connect();
    let mut statement = outside.prepare("SELECT leaf FROM records ORDER BY seq").expect("a statement");
    let leaves = statement.query_map([], |row| row.get::<_, [u8; 32]>(0)).expect("records");
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(Hash(leaf.expect("a leaf")));
    }
    let sql = "UPDATE heads SET size = ?1, frontier = ?2";
    outside.execute(sql, (frontier.size() as i64, frontier.to_bytes())).expect("an update");
}

#[test]
fn a_ledger_that_was_changed_is_found_with_a_fitting_head_and_without() {
    let stage = Stage::furnish();
    let check = |sql: &str, fitting: bool, expected: &[(&str, &str)]| {
        let tamper = |folder: &Folder| {
            folder.tamper(sql);
            if fitting {
                fit_head(folder);
            }
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(question, names)| (*question, "finding: the ledger was changed", *names))
            .collect();
        let what = format!("{sql}, fitting head: {fitting}");
        let answers = stage.ask_spoilt(&tamper);
        stage.expect_honest(&answers, &what);
        expect(&answers, &what, &expected);
        // Where the next record has no place, a delivery is refused; looking goes on, unless it is the very record that a
        // look is held against which was changed.
        let looked = |question: &&str| question.starts_with("get ");
        for question in CALM.into_iter().filter(|question| looked(question)) {
            let refused = answers[question].as_ref().is_err_and(|refusal| refusal.starts_with("integrity"));
            assert!(refused || answers[question] == stage.honest[question], "{what}\n{question}");
        }
    };
    let both = ["verify", "verify without keys"];
    // Edited.
    let sealed = "UPDATE records SET sealed = (SELECT sealed FROM records WHERE seq = 2) WHERE seq = 3";
    for fitting in [false, true] {
        check(sealed, fitting, &[("verify", "record 3 was altered")]);
        check(
            "UPDATE records SET time = time + 1 WHERE seq = 3",
            fitting,
            &[("verify", "time beside record 3")],
        );
        let moved = "UPDATE records SET application_id = 'beta' WHERE seq = 3";
        check(moved, fitting, &[("verify", "application_id beside record 3")]);
        let renamed = "UPDATE records SET collection_id = 'other' WHERE seq = 3";
        check(renamed, fitting, &[("verify", "collection_id beside record 3")]);
        let leaf = "UPDATE records SET leaf = (SELECT leaf FROM records WHERE seq = 2) WHERE seq = 3";
        check(leaf, fitting, &[("verify", "record 3 was altered")]);
    }
    let leaf = "UPDATE records SET leaf = (SELECT leaf FROM records WHERE seq = 2) WHERE seq = 3";
    check(leaf, false, &[("verify without keys", "together they do not hash")]);
    // Deleted, and deleted with the rest moved up.
    check(
        "DELETE FROM records WHERE seq = 3",
        false,
        &both.map(|question| (question, "record 3 is missing")),
    );
    check("DELETE FROM records WHERE seq = 0", true, &both.map(|question| (question, "record 0 is missing")));
    let closed = "DELETE FROM records WHERE seq = 3; UPDATE records SET seq = -seq WHERE seq > 3;
        UPDATE records SET seq = -seq - 1 WHERE seq < 0";
    check(closed, false, &[("verify without keys", "records from"), ("verify", "record 3 was altered")]);
    check(closed, true, &[("verify", "record 3 was altered")]);
    // In another order.
    let swapped = "UPDATE records SET seq = -1 WHERE seq = 11; UPDATE records SET seq = 11 WHERE seq = 12;
        UPDATE records SET seq = 12 WHERE seq = -1";
    check(
        swapped,
        false,
        &[("verify", "record 11 was altered"), ("verify without keys", "together they do not hash")],
    );
    check(swapped, true, &[("verify", "record 11 was altered")]);
    // Appended.
    let appended = "INSERT INTO records SELECT ledger, seq + 1, time, application_id, collection_id, generation, leaf, \
        sealed, key_id FROM records ORDER BY seq DESC LIMIT 1";
    let surplus = "stands behind the end that the head says";
    check(appended, false, &both.map(|question| (question, surplus)));
    check(appended, true, &[("verify", "was altered")]);
    // Cut off.
    let cut = "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)";
    check(cut, false, &both.map(|question| (question, "are missing: the head says")));
    // The head itself.
    check("UPDATE heads SET generation = '1-aaaaaaaa'", false, &[("verify", "belongs to a generation")]);
}

#[test]
fn a_ledger_cut_off_with_its_head_is_behind_its_collections() {
    let stage = Stage::furnish();
    // The newest record is that of the newest update.
    let cut = |folder: &Folder| {
        folder.tamper("DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)");
        fit_head(folder);
    };
    let answers = stage.ask_spoilt(&cut);
    expect(&answers, "cut", &[("verify", "unrecorded", "secrets collection tokens")]);
    stage.expect_calm(&answers, "cut");
}

#[test]
fn a_record_that_was_altered_is_not_listed() {
    let stage = Stage::furnish();
    stage.check(
        "UPDATE records SET time = time + 1 WHERE seq = 3",
        &[("records", "integrity", "audit record 3")],
    );
    stage.check(
        "UPDATE records SET sealed = (SELECT sealed FROM records WHERE seq = 2) WHERE seq = 3",
        &[("records", "integrity", "audit record 3")],
    );
}

#[test]
fn what_is_altered_is_neither_changed_nor_deleted() {
    let stage = Stage::furnish();
    let spoilt = stage.folder.copy();
    spoilt.tamper(&stage.written_out("UPDATE collections SET manifest = zeroblob(32) WHERE born = {tokens}"));
    block_on(async {
        let room = spoilt.open().await;
        let before = room.records().await.expect("records");
        let error =
            room.update("alpha", "tokens", &operate(&[("=env:KEY", "new")])).await.expect_err("altered");
        assert!(is_named(&error.to_string(), TOKENS_3), "{error}");
        let error = room.delete("alpha", "tokens").await.expect_err("altered");
        assert!(is_named(&error.to_string(), TOKENS_3), "{error}");
        assert_eq!(room.records().await.expect("records"), before);
        update(&room, "alpha", "calm", "another collection goes on").await;
        room.delete("alpha", "calm").await.expect("deleted");
    });
}

#[test]
fn an_application_that_was_taken_away_is_not_made_again() {
    let stage = Stage::furnish();
    let spoilt = stage.folder.copy();
    spoilt.tamper("DELETE FROM applications WHERE id = 'beta'");
    block_on(async {
        let room = spoilt.open().await;
        let error = room.create_application("beta").await.expect_err("it was there");
        assert!(error.to_string().starts_with("application beta is not what was written"), "{error}");
    });
}
