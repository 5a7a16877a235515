//! The folder: what is made in it, for whom, and where a store does not belong.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_store::{OpenError, Store};

use crate::samples::{application, furnish};
use crate::{block_on, folder, ledger};

#[test]
fn a_path_that_is_not_absolute_is_refused() {
    for path in ["data", "./data", "", "file:x.db", "file:x.db?mode=memory"] {
        for outcome in [block_on(Store::open(path.as_ref())), block_on(Store::create(path.as_ref()))] {
            let error = outcome.err().expect("not absolute");
            assert!(matches!(error, OpenError::Relative { .. }), "{path}: {error:?}");
        }
        assert!(path.is_empty() || !Path::new(path).exists(), "{path} was made");
    }
}

#[test]
fn what_is_not_there_is_not_made_by_opening_it() {
    let data = folder();
    let missing = data.path().join("nowhere");
    let error = block_on(Store::open(&missing)).err().expect("nothing there");
    let sentence =
        format!("there is no strongroom in {}: make one with `strongroom init`", missing.display());
    assert_eq!(error.to_string(), sentence);
    assert!(!missing.exists());

    let error = block_on(Store::open(data.path())).err().expect("nothing in it");
    assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    assert_eq!(fs::read_dir(data.path()).expect("our own folder").count(), 0, "something was made");
}

#[test]
fn a_store_is_made_once_and_then_adopted() {
    let data = folder();
    let inside = data.path().join("a/b");
    block_on(async {
        let store = Store::create(&inside).await.expect("a new store");
        furnish(&store).await;
        // Also while somebody uses it.
        let again = Store::create(&inside).await.expect("the same store");
        assert_eq!(again.application(1, "app").await.expect("an answer"), Some(application("app", "a1")));
        store.close().await;
        again.close().await;
        let again = Store::create(&inside).await.expect("the same store");
        assert!(again.application(1, "app").await.expect("an answer").is_some());
    });
}

#[test]
fn a_store_that_was_half_made_is_completed() {
    let data = folder();
    let path = data.path().join("strongroom.db");
    fs::write(&path, []).expect("our own folder");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("our own file");
    let error = block_on(Store::open(data.path())).err().expect("nothing in it");
    assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
    block_on(async { furnish(&Store::create(data.path()).await.expect("completed")).await });
    assert!(block_on(Store::open(data.path())).is_ok());
}

#[test]
fn a_log_without_its_database_is_damage_and_nothing_is_made_over_it() {
    let data = folder();
    let made = data.path().join("made");
    block_on(async { furnish(&Store::create(&made).await.expect("a new store")).await });
    let log = fs::read(made.join("strongroom.db-wal")).expect("what was committed is in the log");
    let header = data.path().join("header.db");
    let blank = rusqlite::Connection::open(&header).expect("a new database");
    blank.pragma_update(None, "journal_mode", "wal").expect("a log");
    drop(blank);
    let header = fs::read(&header).expect("our own file");
    assert!(!header.is_empty());

    check("missing", None, &log);
    check("empty", Some(&[]), &log);
    // SQLite takes no log whose header is damaged.
    let mut damaged = log.clone();
    damaged[8] ^= 1;
    check("header", Some(&header), &damaged);

    let path = data.path().join("without");
    put(&path, Some(&header), &[]);
    block_on(async { furnish(&Store::create(&path).await.expect("an empty log is no log")).await });

    fn check(name: &str, database: Option<&[u8]>, log: &[u8]) {
        let data = folder();
        put(&data.path().join(name), database, log);
        let path = data.path().join(name);
        for outcome in [block_on(Store::open(&path)), block_on(Store::create(&path))] {
            let error = outcome.err().expect("all that was committed is lost");
            let sentence =
                "the database is damaged (its file is blank, but its log is not): restore a backup";
            assert_eq!(error.to_string(), sentence, "{name}: {error:?}");
        }
        assert_eq!(fs::read(path.join("strongroom.db")).ok().as_deref(), database, "{name}");
        assert_eq!(fs::read(path.join("strongroom.db-wal")).expect("the log").as_slice(), log, "{name}");
    }

    fn put(path: &Path, database: Option<&[u8]>, log: &[u8]) {
        fs::create_dir(path).expect("our own folder");
        fs::set_permissions(path, Permissions::from_mode(0o700)).expect("our own folder");
        for (name, bytes) in [("strongroom.db", database), ("strongroom.db-wal", Some(log))] {
            if let Some(bytes) = bytes {
                fs::write(path.join(name), bytes).expect("our own folder");
                fs::set_permissions(path.join(name), Permissions::from_mode(0o600)).expect("our own file");
            }
        }
    }
}

#[test]
fn what_was_written_back_needs_no_log() {
    let data = folder();
    let (made, alone) = (data.path().join("made"), data.path().join("alone"));
    fs::create_dir(&alone).expect("our own folder");
    fs::set_permissions(&alone, Permissions::from_mode(0o700)).expect("our own folder");
    // A copy of the file alone, log and all left behind.
    let copy = async || {
        fs::copy(made.join("strongroom.db"), alone.join("strongroom.db")).expect("our own file");
        Store::open(&alone).await.expect("all of it is in the file")
    };
    block_on(async {
        let store = Store::create(&made).await.expect("a new store");
        assert_eq!(copy().await.instance().await.expect("an answer"), None, "made, and not only in the log");
        furnish(&store).await;
        assert!(copy().await.application(1, "app").await.expect("an answer").is_none());
        store.write_back().await;
        assert!(copy().await.application(1, "app").await.expect("an answer").is_some());
        assert_eq!(fs::metadata(made.join("strongroom.db-wal")).expect("the log is kept").len(), 0);
        // And the store goes on.
        let mut change = store.begin(1).await.expect("a change");
        change.insert_application(&application("other", "a2")).await.expect("a new one");
        change.commit().await.expect("a commit");
    });
}

#[test]
fn one_server_at_a_time_and_commands_beside_it() {
    let data = folder();
    block_on(async {
        let error = Store::open_serving(data.path(), 1).await.err().expect("nothing to serve");
        assert!(matches!(error, OpenError::Missing { .. }), "{error:?}");
        Store::create(data.path()).await.expect("a new store").close().await;

        let server = Store::open_serving(data.path(), 1).await.expect("the first");
        let error = Store::open_serving(data.path(), 1).await.err().expect("the second");
        assert!(matches!(error, OpenError::Served { .. }), "{error:?}");
        let sentence = format!(
            "a strongroom server is already running on {}: use that one, or end it first",
            data.path().display()
        );
        assert_eq!(error.to_string(), sentence);

        let command = Store::open(data.path()).await.expect("a command beside it");
        furnish(&command).await;
        assert!(server.application(1, "app").await.expect("an answer").is_some());
        let mut change = server.begin(1).await.expect("a change");
        change.insert_application(&application("other", "a2")).await.expect("a new one");
        change.commit().await.expect("a commit");
        assert!(command.application(1, "other").await.expect("an answer").is_some());

        server.close().await;
        Store::open_serving(data.path(), 1).await.expect("the first has ended; the command has not");
    });
}

#[test]
fn a_large_log_is_written_back_while_nobody_writes() {
    let data = folder();
    let log = || fs::metadata(data.path().join("strongroom.db-wal")).expect("the log is kept").len();
    block_on(async {
        Store::create(data.path()).await.expect("a new store").close().await;
        let store = Store::open_serving(data.path(), 1).await.expect("the server");
        furnish(&store).await;
        store.tend().await;
        assert!(log() > 0, "it is not worth the trouble");
        ledger::append(&store, 64).await;
        let large = log();
        let change = store.begin(1).await.expect("a change");
        store.tend().await;
        assert_eq!(log(), large, "somebody writes");
        drop(change);
        store.tend().await;
        assert_eq!(log(), 0);
        assert!(store.application(1, "app").await.expect("an answer").is_some());
        ledger::append(&store, 1).await;
    });
}

#[test]
fn all_that_is_made_is_private_whatever_the_umask() {
    if let Some(inside) = asked_for() {
        block_on(async { furnish(&Store::create(Path::new(&inside)).await.expect("a new store")).await });
        return;
    }
    for umask in ["000", "022", "777"] {
        let data = folder();
        let (parent, inside) = (data.path().join("parent"), data.path().join("parent/private"));
        make_under(umask, &inside);
        let mode = |path: &Path| fs::metadata(path).expect("our own").mode() & 0o7777;
        assert_eq!([mode(&parent), mode(&inside)], [0o700; 2], "umask {umask}");
        let mut names = Vec::new();
        for file in fs::read_dir(&inside).expect("our own folder") {
            let file = file.expect("our own folder");
            assert_eq!(mode(&file.path()), 0o600, "umask {umask}: {}", file.path().display());
            names.push(file.file_name().into_string().expect("our own names"));
        }
        names.sort();
        assert_eq!(
            names,
            ["lock", "strongroom.db", "strongroom.db-shm", "strongroom.db-wal"],
            "umask {umask}"
        );
    }
}

/// Runs the test above in a process of its own, since a umask belongs to a whole process. The folder goes
/// along as one more name of a test, which no test has.
#[expect(clippy::disallowed_methods, reason = "a umask needs a process of its own")]
fn make_under(umask: &str, path: &Path) {
    let ourselves = std::env::current_exe().expect("this test binary");
    let made = Command::new("sh")
        .args(["-c", "umask $0; exec \"$@\"", umask])
        .arg(ourselves)
        .args(["--exact", "place::all_that_is_made_is_private_whatever_the_umask"])
        .arg(path)
        .output()
        .expect("a shell");
    assert!(made.status.success(), "umask {umask}: {}", String::from_utf8_lossy(&made.stdout));
}

/// The folder, in the process that is to make it.
fn asked_for() -> Option<String> {
    std::env::args().skip(1).find(|argument| argument.starts_with('/') && argument.ends_with("/private"))
}

#[test]
fn what_others_may_read_is_refused_with_the_line_to_type() {
    let data = folder();
    block_on(async { Store::create(data.path()).await.expect("a new store").close().await });
    for (name, mode, proper) in [
        ("", 0o750, "chmod 700 "),
        ("", 0o701, "chmod 700 "),
        ("strongroom.db", 0o640, "chmod 600 "),
        ("strongroom.db", 0o604, "chmod 600 "),
        ("strongroom.db-wal", 0o620, "chmod 600 "),
        ("strongroom.db-shm", 0o644, "chmod 600 "),
        ("lock", 0o644, "chmod 600 "),
    ] {
        let path = if name.is_empty() { data.path().to_owned() } else { data.path().join(name) };
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("our own");
        for outcome in [block_on(Store::open(data.path())), block_on(Store::create(data.path()))] {
            let error = outcome.err().expect("others may read it");
            assert!(matches!(error, OpenError::TooOpen { .. }), "{name} {mode:o}: {error:?}");
            let line = format!("type `{proper}{}`", path.display());
            assert!(error.to_string().ends_with(&line), "{error}");
        }
        let proper = if name.is_empty() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, Permissions::from_mode(proper)).expect("our own");
    }
    block_on(Store::open(data.path())).map(drop).expect("after what was typed");
}

#[test]
fn what_belongs_to_another_user_is_refused_root_included() {
    let data = folder();
    block_on(async { Store::create(data.path()).await.expect("a new store").close().await });
    if fs::metadata(data.path()).expect("our own").uid() != 0 {
        // Only root can give a folder away; somebody else has root's folders to try.
        let error = block_on(Store::create(Path::new("/usr"))).err().expect("root's");
        assert!(matches!(error, OpenError::OtherOwner { owner: 0, .. }), "{error:?}");
        let error = block_on(Store::create(Path::new("/proc"))).err().expect("root's");
        let sentence = "/proc is a mount point that belongs to another user (uid 0): \
            name a folder below it, such as /proc/strongroom";
        assert_eq!(error.to_string(), sentence);
        return;
    }
    for path in [data.path().to_owned(), data.path().join("strongroom.db")] {
        chown(&path, Some(54_321), None).expect("root may");
        for outcome in [block_on(Store::open(data.path())), block_on(Store::create(data.path()))] {
            let error = outcome.err().expect("another user's");
            assert!(matches!(error, OpenError::OtherOwner { owner: 54_321, .. }), "{error:?}");
            assert!(error.to_string().contains("type `sudo -u '#54321' strongroom …`"), "{error}");
        }
        chown(&path, Some(0), None).expect("root may");
    }
}

#[test]
fn what_is_no_folder_and_no_plain_file_is_refused() {
    let data = folder();
    let file = data.path().join("file");
    fs::write(&file, "text").expect("our own folder");
    refused(&file, &file);

    let inside = data.path().join("made");
    block_on(async { Store::create(&inside).await.expect("a new store").close().await });
    let database = inside.join("strongroom.db");
    let elsewhere = data.path().join("elsewhere.db");
    fs::rename(&database, &elsewhere).expect("our own file");
    symlink(&elsewhere, &database).expect("our own folder");
    refused(&inside, &database);
    fs::remove_file(&elsewhere).expect("our own file");
    refused(&inside, &database);

    fn refused(folder: &Path, in_the_way: &PathBuf) {
        for outcome in [block_on(Store::open(folder)), block_on(Store::create(folder))] {
            let error = outcome.err().expect("something else");
            assert!(matches!(&error, OpenError::OtherKind { path, .. } if path == in_the_way), "{error:?}");
        }
    }
}

#[test]
fn a_link_to_the_folder_is_as_good_as_the_folder() {
    let data = folder();
    let inside = data.path().join("made");
    block_on(async { furnish(&Store::create(&inside).await.expect("a new store")).await });
    let link = data.path().join("link");
    symlink(&inside, &link).expect("our own folder");
    let store = block_on(Store::open(&link)).expect("the same store");
    assert!(block_on(store.application(1, "app")).expect("an answer").is_some());
}
