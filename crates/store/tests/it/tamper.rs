//! Somebody who writes to the database file without us. The only test file that knows what it looks like
//! inside.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use strongroom_store::{OpenError, RecordFilter, Store, StoreError};
use tempfile::TempDir;

use crate::ledger::append;
use crate::samples::{application, furnish, version};
use crate::{block_on, folder};

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let data = folder();
    let path = data.path().join("strongroom.db");
    run(&path, "CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('here')");
    refused(&data, &path);

    run(&path, "DROP TABLE bookmarks; PRAGMA application_id = 7");
    refused(&data, &path);

    fs::write(&path, [0x7f; 8192]).expect("our own file");
    refused(&data, &path);

    fn refused(data: &TempDir, path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("our own file");
        let before = fs::read(path).expect("our own file");
        for outcome in [block_on(Store::open(data.path())), block_on(Store::create(data.path()))] {
            let error = outcome.err().expect("it is another program's");
            assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
            assert!(
                error.to_string().ends_with("is not a strongroom database: name another folder"),
                "{error}"
            );
        }
        assert_eq!(fs::read(path).expect("our own file"), before, "it was changed");
    }
}

#[test]
fn a_schema_from_another_time_is_refused_by_one_sentence() {
    let (data, path) = furnished();
    run(&path, "UPDATE layout SET number = 9, oldest_reader = 9");
    let error = block_on(Store::open(data.path())).err().expect("too new");
    assert!(matches!(error, OpenError::NewerSchema { found: 9, known: 3 }));
    assert_eq!(
        error.to_string(),
        "the database has schema 9, and this program knows schemas up to 3: use a newer strongroom"
    );
    assert!(matches!(block_on(Store::create(data.path())).err(), Some(OpenError::NewerSchema { .. })));

    run(&path, "UPDATE layout SET number = 0, oldest_reader = 0");
    let error = block_on(Store::open(data.path())).err().expect("too old");
    assert!(matches!(error, OpenError::OlderSchema { found: 0 }), "{error:?}");

    run(&path, "UPDATE layout SET number = 4, oldest_reader = 3");
    let store = block_on(Store::open(data.path())).expect("newer, but made so that we may use it");
    assert!(block_on(store.application(1, "app")).expect("an answer").is_some());

    run(&path, "DELETE FROM layout");
    let error = block_on(Store::open(data.path())).err().expect("no schema");
    assert!(matches!(error, OpenError::Store(StoreError::Damaged { .. })), "{error:?}");
}

#[test]
fn a_database_of_the_first_schema_is_led_on_with_all_that_is_in_it() {
    let data = folder();
    let path = data.path().join("strongroom.db");
    let schema = include_str!("../../migrations/0001.sql");
    let schema = schema.replace("{bytes}", "BLOB").replace("{bytewise}", "COLLATE BINARY");
    run(&path, &schema);
    run(
        &path,
        "PRAGMA application_id = 0x7374726f; PRAGMA journal_mode = WAL; \
        INSERT INTO layout VALUES (0, 1, 1); INSERT INTO heads VALUES (1, 0, zeroblob(8), '1-aaaaaaaa'); \
        INSERT INTO applications VALUES (1, 'app', '', 'a1', 10, 11, NULL, CAST('face of a1' AS BLOB)); \
        INSERT INTO records VALUES (1, 0, 1000, 'app', 'col', '1-aaaaaaaa', zeroblob(32), x'07')",
    );
    for name in ["strongroom.db", "strongroom.db-wal", "strongroom.db-shm"] {
        let path = data.path().join(name);
        if path.exists() {
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("our own file");
        }
    }
    block_on(async {
        let store = Store::open(data.path()).await.expect("led on");
        assert_eq!(store.application(1, "app").await.expect("an answer"), Some(application("app", "a1")));
        let told = store.record(1, 0).await.expect("an answer").expect("it was there");
        assert_eq!((told.key_id.as_str(), told.sealed), ("", vec![7]));
        assert_eq!(
            store.newest_record(1, "app", "col").await.expect("an answer").map(|row| row.seq),
            Some(0)
        );
        assert_eq!(store.keys(1, None, 9).await.expect("an answer"), []);
        store.check_integrity().await.expect("it is whole");
        // Once, and beside others from then on.
        Store::open(data.path()).await.expect("there is nothing left to do");
    });
}

#[test]
fn a_collection_that_lost_its_current_version_is_damage_and_does_not_vanish() {
    let (data, path) = furnished();
    run(&path, "DELETE FROM versions");
    block_on(async {
        let store = Store::open(data.path()).await.expect("a store");
        let error = store.current_face(1, "a1", "col").await.expect_err("it lost its version");
        assert!(matches!(error, StoreError::Damaged { .. }));
        let sentence = "the database is damaged (secrets collection col has lost its current version 1): restore a backup";
        assert_eq!(error.to_string(), sentence);
        let error = store.collections(1, "a1", None, 9).await.expect_err("it lost its version");
        assert!(matches!(error, StoreError::Damaged { .. }));
        let all = store.every_collection(1, None, 9).await.expect("verification goes on");
        assert!(matches!(all.as_slice(), [(_, None)]));
    });
}

#[test]
fn what_was_written_as_another_kind_is_damage() {
    let (data, path) = furnished();
    let check = |sql: &str| {
        run(&path, sql);
        block_on(async {
            let store = Store::open(data.path()).await.expect("a store");
            let answers = [
                store.head(1).await.err(),
                store.application(1, "app").await.err(),
                store.current_face(1, "a1", "col").await.err(),
            ];
            let damaged = answers.iter().flatten().all(|error| matches!(error, StoreError::Damaged { .. }));
            assert!(damaged && answers.iter().flatten().count() == 1, "{sql}: {answers:?}");
            store.close().await;
        });
    };
    check("UPDATE heads SET frontier = x'00'");
    check("UPDATE heads SET frontier = x'0000000000000000', generation = 'first'");
    check("UPDATE heads SET generation = '1-aaaaaaaa', size = 1");
    check("UPDATE heads SET size = -1");
    check("UPDATE heads SET size = 0.5");
    check("UPDATE heads SET size = 0; UPDATE applications SET face = 'text'");
    check("UPDATE applications SET face = x'00'; UPDATE collections SET epoch = 'much'");
    check(
        "UPDATE collections SET epoch = 1, id = CAST(x'636f6c' AS TEXT), wrapped_key = CAST(x'ff' AS TEXT)",
    );
}

#[test]
fn what_belongs_to_a_destroyed_application_goes_with_it_and_counters_stay() {
    let (data, path) = furnished();
    block_on(async {
        let store = Store::open(data.path()).await.expect("a store");
        append(&store, 1).await;
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.next_version("app", "col").await.expect("a number"), 1);
        change.commit().await.expect("a commit");
        assert_eq!(store.versions(1, "c1").await.expect("an answer").len(), 1);

        run(&path, "PRAGMA foreign_keys = ON; DELETE FROM applications WHERE ledger = 1 AND born = 'a1'");

        assert_eq!(store.every_collection(1, None, 9).await.expect("an answer"), []);
        assert_eq!(store.versions(1, "c1").await.expect("an answer"), []);
        let filter = RecordFilter { application_id: Some("app"), collection_id: None };
        assert_eq!(store.records(1, filter, 0, 9).await.expect("an answer").len(), 1, "history stays");
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.next_version("app", "col").await.expect("a number"), 2);
    });
}

#[test]
fn tables_that_are_not_ours_are_refused_and_left_alone() {
    check("CREATE TABLE planted (url TEXT)");
    check("CREATE INDEX planted ON records (ledger, seq) WHERE seq > 0");
    check("CREATE VIEW planted AS SELECT 1");
    check("CREATE TRIGGER planted AFTER INSERT ON versions BEGIN DELETE FROM records; END");
    check("DROP INDEX records_by_subject");
    check("DROP TABLE records; CREATE VIRTUAL TABLE records USING fts5 (ledger, seq, time)");
    check(
        "CREATE TABLE other AS SELECT * FROM instance; INSERT INTO other SELECT * FROM other; \
        DROP TABLE instance; ALTER TABLE other RENAME TO instance",
    );
    check("ALTER TABLE collections ADD COLUMN planted");
    // Whatever says which schema it has.
    check("DROP TABLE layout");
    check("DROP TABLE layout; CREATE VIEW layout AS SELECT 0 AS ledger, 2 AS number, 2 AS oldest_reader");
    check("DROP TABLE layout; CREATE TABLE layout (planted)");
    check(
        "DROP TABLE layout; CREATE TABLE layout (ledger, number, oldest_reader); \
        INSERT INTO layout VALUES (0, 2, 2)",
    );
    check(
        "ANALYZE; PRAGMA foreign_keys = OFF; DROP TABLE layout; DROP TABLE instance; DROP TABLE slots; DROP TABLE keyring; \
        DROP TABLE heads; DROP TABLE records; DROP TABLE versions; DROP TABLE collections; DROP TABLE counters; \
        DROP TABLE applications",
    );

    fn check(sql: &str) {
        let (data, path) = furnished();
        run(&path, sql);
        let before = fs::read(&path).expect("our own file");
        for outcome in [block_on(Store::open(data.path())), block_on(Store::create(data.path()))] {
            let error = outcome.err().expect(sql);
            assert!(matches!(error, OpenError::Altered), "{sql}: {error:?}");
            let sentence = "the database's tables are not those that strongroom makes: \
                it was altered or damaged; restore a backup";
            assert_eq!(error.to_string(), sentence);
        }
        assert_eq!(fs::read(&path).expect("our own file"), before, "{sql}: it was changed");
    }
}

#[test]
fn tables_that_are_altered_under_a_server_take_no_more_changes() {
    let (data, path) = furnished();
    block_on(async {
        let store = Store::open_serving(data.path(), 1).await.expect("a store");
        append(&store, 1).await;
        // It looks again, and finds that nothing of ours has changed.
        run(&path, "ANALYZE; CREATE TABLE planted (url TEXT); DROP TABLE planted");
        append(&store, 1).await;

        run(&path, "CREATE INDEX planted ON records (ledger)");
        for _ in 0..2 {
            let error = store.begin(1).await.err().expect("altered");
            let sentence = "the database is damaged (its tables are no longer those that strongroom makes): \
                restore a backup";
            assert_eq!(error.to_string(), sentence);
        }
        // Nothing stays open: whoever mends it need not wait.
        run(&path, "DROP INDEX planted");
        append(&store, 1).await;
        assert_eq!(store.leaves(1, 0, 9).await.expect("an answer").len(), 3);
    });
}

#[test]
fn statistics_of_sqlite_are_no_alteration() {
    let (data, path) = furnished();
    run(&path, "ANALYZE; VACUUM");
    let store = block_on(Store::open(data.path())).expect("the same tables");
    assert!(block_on(store.application(1, "app")).expect("an answer").is_some());
}

#[test]
fn two_rows_of_one_key_are_damage_and_neither_is_the_answer() {
    let (data, path) = furnished();
    block_on(async {
        let store = Store::open(data.path()).await.expect("a store");
        assert!(store.application(1, "app").await.expect("an answer").is_some());
        // Under the eyes of an open store, which looked at the tables before.
        run(
            &path,
            "CREATE TABLE other AS SELECT * FROM applications; INSERT INTO other SELECT * FROM other; \
            PRAGMA foreign_keys = OFF; DROP TABLE applications; ALTER TABLE other RENAME TO applications",
        );
        let error = store.application(1, "app").await.expect_err("two of one id");
        assert_eq!(error.to_string(), "the database is damaged (two rows have one key): restore a backup");
    });
}

#[test]
fn an_index_that_hides_rows_is_found() {
    let (data, path) = furnished();
    block_on(async {
        let store = Store::open(data.path()).await.expect("a store");
        append(&store, 2).await;
        store.check_integrity().await.expect("it is whole");
        store.close().await;
    });
    // An index of something else, under the words of the one that there should be.
    run(
        &path,
        "CREATE TABLE words AS SELECT sql FROM sqlite_schema WHERE name = 'records_by_subject'; \
        DROP INDEX records_by_subject; \
        CREATE INDEX records_by_subject ON records (ledger, application_id || 'x', collection_id, seq); \
        PRAGMA writable_schema = ON; \
        UPDATE sqlite_schema SET sql = (SELECT sql FROM words) WHERE name = 'records_by_subject'; \
        PRAGMA writable_schema = RESET; DROP TABLE words",
    );
    block_on(async {
        let store = Store::open(data.path()).await.expect("the words are ours");
        let newest = store.newest_record(1, "app", "col").await.expect("an answer");
        assert_eq!(newest, None, "the index hides both");
        let error = store.check_integrity().await.expect_err("a row is missing from an index");
        let sentence =
            "the database is damaged (its tables and indexes contradict each other): restore a backup";
        assert_eq!(error.to_string(), sentence);
    });
}

#[test]
fn a_trigger_that_somebody_planted_never_fires() {
    let (data, path) = furnished();
    let planted = "CREATE TRIGGER planted AFTER INSERT ON versions BEGIN DELETE FROM records; \
        UPDATE heads SET size = 0; DELETE FROM versions WHERE version < 2; END";
    block_on(async {
        let store = Store::open(data.path()).await.expect("a store");
        // Later it would not be opened.
        run(&path, planted);
        append(&store, 1).await;
        let mut change = store.begin(1).await.expect("a change");
        change.insert_version("c1", &version(2)).await.expect("a new version");
        change.commit().await.expect("a commit");
        assert_eq!(store.versions(1, "c1").await.expect("an answer").len(), 2);
        assert_eq!(store.leaves(1, 0, 9).await.expect("an answer").len(), 1);
    });
}

fn furnished() -> (TempDir, std::path::PathBuf) {
    let data = folder();
    block_on(async {
        let store = Store::create(data.path()).await.expect("a store");
        furnish(&store).await;
        store.close().await;
    });
    let path = data.path().join("strongroom.db");
    (data, path)
}

fn run(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).expect("the file").execute_batch(sql).expect("statements");
}
