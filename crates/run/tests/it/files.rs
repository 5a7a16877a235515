//! Level 2: files arrive exactly, for their owner only, touch nothing that was there, and are gone at the end.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::environment::{HOSTILE, unhex};
use crate::stage::{Stage, reporter};

const KEY: (&str, &str, &str) = ("file", "conf/app.key", "a key");

#[test]
fn hostile_values_arrive_byte_for_byte() {
    let long = "0123456789abcdeſ".repeat(4096);
    let values: Vec<(String, &str)> = HOSTILE
        .iter()
        .map(|(name, value)| (format!("values/{name}"), *value))
        .chain([("values/long".to_owned(), &long[..64 * 1024])])
        .collect();
    let secrets: Vec<(&str, &str, &str)> =
        values.iter().map(|(path, value)| ("file", path.as_str(), *value)).collect();
    let paths: Vec<&str> = values.iter().map(|(path, _)| path.as_str()).collect();
    let stage = Stage::with(&secrets).reports(&paths);
    let report = stage.run().report();
    for (path, value) in &values {
        let content = report["files"][path.as_str()]["content"].as_str().expect("the file is there");
        assert_eq!(unhex(content), value.as_bytes(), "{path}");
    }
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_file_lies_below_the_home_for_its_owner_only() {
    let locations = [
        ("/mnt/secrets/config.json", "mnt/secrets/config.json"),
        (".env", ".env"),
        ("./a", "a"),
        ("/b", "b"),
    ];
    let secrets: Vec<(&str, &str, &str)> =
        locations.iter().map(|(location, _)| ("file", *location, "x")).collect();
    let paths: Vec<&str> = locations.iter().map(|(_, path)| *path).collect();
    for umask in ["000", "777", "022"] {
        let stage = Stage::with(&secrets).reports(&paths);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!(r#"umask {umask}; exec "$0" drive "$1""#)])
            .arg(reporter())
            .arg(stage.spec());
        let output = shell.current_dir(stage.home.path()).output().expect("sh is there");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        for path in &paths {
            let file = &report["files"][path];
            assert_eq!(file["mode"], json!(0o600), "{path} under umask {umask}");
            let target = file["target"].as_str().expect("a link");
            assert!(target.starts_with(&*stage.memory.path().to_string_lossy()), "{target} lies in memory");
            assert!(target.ends_with(&format!("/files/{path}")), "{target}");
        }
        assert_eq!(report["umask"], format!("0{umask}"), "the child's is the caller's");
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn folders_are_private_and_only_ours_are_removed() {
    let stage = Stage::with(&[("file", "old/new/deep/key", "x"), ("file", "made/key", "x")]).script(
        "stat -c %a old/new old/new/deep made; touch made/by-child; echo \"$STRONGROOM_FILES\"/*/key",
    );
    fs::create_dir(stage.at("old")).expect("our home");
    fs::set_permissions(stage.at("old"), Permissions::from_mode(0o755)).expect("our home");
    let output = stage.run().stdout();
    assert!(output.starts_with("700\n700\n700\n/dev/shm/"), "{output}");
    assert_eq!(stage.leftovers(), ["made", "made/by-child", "old"]);
}

#[test]
fn nothing_that_is_there_is_touched() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    fs::write(outside.path().join("original"), "theirs").expect("our own folder");
    type Make<'a> = &'a dyn Fn(&std::path::Path);
    let make: [(&str, Make<'_>); 7] = [
        ("a file", &|path| fs::write(path, "theirs").expect("our home")),
        ("an empty file", &|path| fs::write(path, "").expect("our home")),
        ("a folder", &|path| fs::create_dir(path).expect("our home")),
        ("a pipe", &|path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success())),
        ("a socket", &|path| drop(UnixListener::bind(path).expect("our home"))),
        ("a link", &|path| symlink(outside.path().join("original"), path).expect("our home")),
        ("a dangling link", &|path| symlink(outside.path().join("nothing"), path).expect("our home")),
    ];
    for (what, make) in make {
        let stage = Stage::with(&[("file", "first/key", "x"), KEY, ("file", "last", "x")]).reports(&[]);
        fs::create_dir(stage.at("conf")).expect("our home");
        make(&stage.at("conf/app.key"));
        let before = fs::symlink_metadata(stage.at("conf/app.key")).expect("just made");
        let refused = stage.run();
        refused.refused(125, "/conf/app.key is there already and stays untouched");
        assert!(refused.stderr().contains("--home"));
        let after = fs::symlink_metadata(stage.at("conf/app.key")).expect("still there");
        assert_eq!(
            (before.ino(), before.size(), before.mtime_nsec()),
            (after.ino(), after.size(), after.mtime_nsec()),
            "{what}"
        );
        assert_eq!(stage.leftovers(), ["conf", "conf/app.key"], "{what}");
    }
    assert_eq!(fs::read(outside.path().join("original")).expect("untouched"), b"theirs");
    assert!(!outside.path().join("nothing").exists());
}

#[test]
fn a_hard_link_is_not_written_through() {
    let stage = Stage::with(&[KEY]).reports(&[]);
    fs::create_dir(stage.at("conf")).expect("our home");
    fs::write(stage.at("original"), "theirs").expect("our home");
    fs::hard_link(stage.at("original"), stage.at("conf/app.key")).expect("our home");
    stage.run().refused(125, "is there already");
    assert_eq!(fs::read(stage.at("original")).expect("untouched"), b"theirs");
}

#[test]
fn no_file_goes_through_a_link_or_past_a_file() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    for location in ["conf/app.key", "a/conf/app.key", "a/b/conf/c/app.key"] {
        let stage = Stage::with(&[("file", "first/key", "x"), ("file", location, "x")]).reports(&[]);
        let (before, _) = location.split_once("conf").expect("each has one");
        fs::create_dir_all(stage.at(before)).expect("our home");
        let way = stage.at(&format!("{before}conf"));
        symlink(outside.path(), &way).expect("our home");
        let here = stage.leftovers();
        stage.run().refused(125, "conf is a link or no folder");
        assert_eq!(stage.leftovers(), here);
        fs::remove_file(&way).expect("our home");
        fs::write(&way, "a file").expect("our home");
        stage.run().refused(125, "conf is a link or no folder");
        assert_eq!(stage.leftovers(), here);
    }
    assert_eq!(fs::read_dir(outside.path()).expect("our own folder").count(), 0);
}

#[test]
fn no_file_goes_through_a_folder_that_every_user_may_change() {
    for location in ["mnt/key", "a/mnt/key", "a/mnt/b/key"] {
        let stage =
            Stage::with(&[("file", "first/key", "x"), ("file", location, "x")]).script("cat first/key");
        let way = stage.at(location.split_once("mnt").expect("each has one").0).join("mnt");
        fs::create_dir_all(&way).expect("our home");
        let here = stage.leftovers();
        let change = |mode| fs::set_permissions(&way, Permissions::from_mode(mode)).expect("our home");
        change(0o777);
        let refused = stage.run();
        refused.refused(125, &format!("every user may put files into the folder {} in", way.display()));
        assert!(refused.stderr().contains("run chmod o-w on it, or pass --home"));
        assert_eq!(stage.leftovers(), here);
        // There the sticky bit keeps what is ours.
        change(0o1777);
        assert_eq!(stage.run().stdout(), "x");
        assert_eq!(stage.leftovers(), here);
    }
}

#[test]
fn no_file_goes_through_a_folder_of_another_user() {
    if !rustix::process::getuid().is_root() {
        return; // Nobody else may give folders away.
    }
    let (us, home_owner, other) = (12345, 12347, 12346);
    for (home, way, is_refused) in [
        (0, other, true),
        (us, other, true),
        (home_owner, other, true),
        (home_owner, home_owner, false),
        (home_owner, us, false),
        (home_owner, 0, false),
    ] {
        let stage = Stage::with(&[("file", "first/key", "x"), ("file", "mnt/secrets/key", "x")]);
        fs::set_permissions(stage.home.path(), Permissions::from_mode(0o1777)).expect("our home");
        fs::create_dir_all(stage.at("mnt/secrets")).expect("our home");
        for path in [stage.at("mnt"), stage.at("mnt/secrets")] {
            fs::set_permissions(path, Permissions::from_mode(0o1777)).expect("our home");
        }
        chown(stage.at("mnt"), Some(way), None).expect("root may");
        chown(stage.home.path(), Some(home), None).expect("root may");
        let stage = stage.script("cat mnt/secrets/key");
        let ran = stage.run_as(us);
        if is_refused {
            ran.refused(125, &format!("the folder {} belongs to another user", stage.at("mnt").display()));
            assert!(ran.stderr().contains("remove it, or pass --home with a folder of yours"));
        } else {
            assert_eq!((ran.stdout(), ran.stderr()), ("x".to_owned(), String::new()), "{home} {way}");
        }
        assert_eq!(stage.leftovers(), ["mnt", "mnt/secrets"]);
    }
}

#[test]
fn no_file_goes_to_another_file_system_than_the_home() {
    let stage = Stage::with(&[("file", "/proc/self/key", "x")]).set("home", "/").reports(&[]);
    stage.run().refused(125, "/proc is on another file system than the home");
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_home_that_is_not_there_is_named() {
    let stage = Stage::with(&[KEY]).set("home", "/no/such/home").reports(&[]);
    stage.run().refused(125, "the home /no/such/home cannot be used; pass --home");
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_home_may_be_named_through_a_link() {
    let stage = Stage::with(&[KEY]).reports(&[]);
    symlink(stage.home.path(), stage.at("alias")).expect("our home");
    let home = stage.at("alias");
    let stage = stage.set("home", json!(home)).script("cat conf/app.key");
    assert_eq!(stage.run().stdout(), "a key");
    assert_eq!(stage.leftovers(), ["alias"]);
}

#[test]
fn a_runtime_folder_that_is_not_ours_alone_is_refused() {
    let folder = |parent: &str, mode| {
        let folder = tempfile::tempdir_in(parent).expect("a place for temporary folders");
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("our own folder");
        folder
    };
    let open = folder("/dev/shm", 0o755);
    let open_inside = folder("/dev/shm", 0o700);
    fs::create_dir(open_inside.path().join("strongroom")).expect("our own folder");
    fs::set_permissions(open_inside.path().join("strongroom"), Permissions::from_mode(0o711)).expect("ours");
    let link = folder("/dev/shm", 0o700);
    symlink(open.path(), link.path().join("strongroom")).expect("our own folder");
    // Where programs are built is a disk.
    let disk = folder(env!("CARGO_TARGET_TMPDIR"), 0o700);
    let check = |runtime: &std::path::Path, reason: &str| {
        let stage =
            Stage::with(&[KEY]).set("runtime", json!(runtime)).set("shared_memory", "/no/such/memory");
        let refused = stage.reports(&[]).run();
        refused.refused(125, reason);
        assert!(refused.stderr().contains("set XDG_RUNTIME_DIR to one that only you can open"));
    };
    check(open.path(), " is open to other users");
    check(open_inside.path(), "/strongroom is open to other users");
    let root = if rustix::process::getuid().is_root() { "/ is open" } else { "/ belongs to another user" };
    check(std::path::Path::new("/"), root);
    check(link.path(), "strongroom is a link or a file, not a folder");
    check(disk.path(), "strongroom is on a disk, not in memory");
    check(std::path::Path::new("/no/such/folder"), "is no folder that we may use");
}

#[test]
fn without_a_runtime_folder_shared_memory_serves() {
    let stage = Stage::with(&[KEY]).set("runtime", Value::Null).reports(&["conf/app.key"]);
    let report = stage.run().report();
    let target = report["files"]["conf/app.key"]["target"].as_str().expect("a link").to_owned();
    let uid = rustix::process::getuid().as_raw();
    let own = stage.memory.path().join(format!("strongroom-{uid}"));
    assert!(target.starts_with(&*own.to_string_lossy()), "{target}");
    assert_eq!(fs::metadata(&own).expect("it stays").mode() & 0o7777, 0o700);
    assert_eq!(fs::read_dir(&own).expect("ours").count(), 0);

    // Others could put theirs in its place.
    fs::set_permissions(stage.memory.path(), Permissions::from_mode(0o777)).expect("our own folder");
    stage.run().refused(125, "lies in a folder that others may change");
    fs::set_permissions(stage.memory.path(), Permissions::from_mode(0o1777)).expect("our own folder");
    assert_eq!(stage.run().code(), Some(0));
    // And a stranger's that was there first is not used.
    fs::set_permissions(&own, Permissions::from_mode(0o770)).expect("our own folder");
    stage.run().refused(125, "is open to other users");
}

#[test]
fn a_write_that_fails_removes_everything() {
    let large = "x".repeat(60_000);
    let stage = Stage::with(&[KEY, ("file", "large", &large), ("file", "last", "x")]).reports(&[]);
    let mut shell = Command::new("sh");
    // The kernel refuses a file of more than 8 blocks of 512 bytes, and sends SIGXFSZ as well.
    shell.args(["-c", r#"ulimit -f 8; exec "$0" drive "$1""#]).arg(reporter()).arg(stage.spec());
    let output = shell.output().expect("sh is there");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("file large cannot be written in /dev/shm/"), "{stderr}");
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn whatever_the_child_did_to_its_files_they_are_removed() {
    let script = r#"
        cd "$STRONGROOM_FILES"; mkdir -p more/deep; echo x > more/deep/file; ln -s / more/link; mkfifo pipe
        chmod 000 more/deep; chmod 500 conf more . ..; cat ../files/conf/app.key"#;
    let stage = Stage::with(&[KEY]).script(script);
    assert_eq!(stage.run().stdout(), "a key");
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn what_the_child_put_in_place_of_a_link_stays() {
    let stage = Stage::with(&[KEY, ("file", "b", "x"), ("file", "c", "x")])
        .script("rm conf/app.key b c; echo mine > conf/app.key; ln -s /elsewhere b");
    let ran = stage.run();
    assert_eq!((ran.code(), ran.stderr()), (Some(0), String::new()));
    assert_eq!(stage.leftovers(), ["b", "conf", "conf/app.key"]);
    assert_eq!(fs::read(stage.at("conf/app.key")).expect("the child's"), b"mine\n");
}

#[test]
fn a_renamed_home_is_still_cleaned() {
    let stage = Stage::with(&[KEY]).script(r#"mv "$PWD" "$PWD-moved""#);
    assert_eq!(stage.run().code(), Some(0));
    let moved = std::path::PathBuf::from(format!("{}-moved", stage.home.path().display()));
    assert_eq!(fs::read_dir(&moved).expect("moved").count(), 0);
    fs::rename(&moved, stage.home.path()).expect("back again");
}

#[test]
fn what_cannot_be_removed_is_said() {
    if rustix::process::getuid().is_root() {
        // Root may remove everything; only a folder that cannot be changed stands in its way.
        let stage = Stage::with(&[("file", "key", "x")]).script("chattr +i . 2>/dev/null || exit 9");
        let ran = stage.run();
        let was_locked = ran.code() == Some(0);
        assert!(Command::new("chattr").arg("-i").arg(stage.home.path()).status().is_ok() || !was_locked);
        assert!(!was_locked || ran.stderr().contains("key was not removed"), "{}", ran.stderr());
        return;
    }
    let stage = Stage::with(&[("file", "key", "x")]).script("chmod 500 .");
    let ran = stage.run();
    fs::set_permissions(stage.home.path(), Permissions::from_mode(0o700)).expect("our home");
    assert_eq!(ran.code(), Some(0), "the child's end is not ours to change");
    assert!(ran.stderr().contains("key was not removed"), "{}", ran.stderr());
}
