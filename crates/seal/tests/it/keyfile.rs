//! The key file on a real file system: how it is made, and every reason not to use one.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Barrier;
use std::thread;

use strongroom_seal::KeyId;
use strongroom_seal::keyfile::{self, CreateError, Flaw, ReadError};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
    key: PathBuf,
    data: PathBuf,
    uid: u32,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a data folder");
    let uid = fs::metadata(&data).expect("just made").uid();
    Place { key: folder.path().join("keys/deep/room.key"), folder, data, uid }
}

impl Place {
    fn read_error(&self) -> ReadError {
        keyfile::read(&self.key, &self.data, self.uid).expect_err("refused")
    }
}

#[test]
fn a_created_file_reads_back() {
    let place = place();
    let made = keyfile::create(&place.key, &place.data).expect("a new path");
    let read = keyfile::read(&place.key, &place.data, place.uid).expect("just made");
    assert_eq!(made.id(), read.id());
    let text = fs::read_to_string(&place.key).expect("readable");
    assert!(text.starts_with(&format!("strongroom-root-key 1 {} ", made.id())) && text.ends_with('\n'));
}

#[test]
fn a_created_file_and_its_folders_are_the_owners_alone() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("just made").mode() & 0o7777;
    assert_eq!(mode(&place.key), 0o600);
    assert_eq!(mode(&place.folder.path().join("keys")), 0o700);
    assert_eq!(mode(&place.folder.path().join("keys/deep")), 0o700);
}

#[test]
fn a_created_file_and_its_folders_have_their_modes_whatever_the_umask() {
    if make_where_asked() {
        return;
    }
    for umask in ["umask 000", "umask 022", "umask 777"] {
        let place = place();
        let name = "a_created_file_and_its_folders_have_their_modes_whatever_the_umask";
        let made = make_after(umask, name, &place);
        assert!(made.status.success(), "{umask}: {}", String::from_utf8_lossy(&made.stdout));
        let mode = |path: &Path| fs::metadata(path).expect("just made").mode() & 0o7777;
        assert_eq!(mode(&place.folder.path().join("keys")), 0o700, "{umask}");
        assert_eq!(mode(&place.folder.path().join("keys/deep")), 0o700, "{umask}");
        assert_eq!(mode(&place.key), 0o600, "{umask}");
        assert!(keyfile::read(&place.key, &place.data, place.uid).is_ok(), "{umask}");
    }
}

#[test]
fn who_dies_while_a_key_is_written_leaves_no_key_file() {
    if make_where_asked() {
        return;
    }
    let place = place();
    // The system kills whoever writes the first byte.
    let name = "who_dies_while_a_key_is_written_leaves_no_key_file";
    let made = make_after("ulimit -c 0; ulimit -f 0", name, &place);
    assert!(made.status.signal().is_some(), "it lives: {}", String::from_utf8_lossy(&made.stdout));
    assert!(!names(&place).is_empty(), "it did not come so far");
    assert!(matches!(place.read_error(), ReadError::Missing { .. }));
    keyfile::create(&place.key, &place.data).expect("nothing is in the way");
}

/// Runs a test of this file in a process of its own after `before`, since that is about a whole process. The folder
/// goes along as one more name of a test, which no test has.
#[expect(clippy::disallowed_methods, reason = "a umask or a limit needs a process of its own")]
fn make_after(before: &str, name: &str, place: &Place) -> Output {
    let ourselves = std::env::current_exe().expect("this test binary");
    Command::new("sh")
        .args(["-c", "eval \"$0\"; exec \"$@\"", before])
        .arg(ourselves)
        .args(["--exact", &format!("keyfile::{name}")])
        .arg(place.folder.path())
        .output()
        .expect("a shell")
}

/// In that process: makes the key file, and says so.
fn make_where_asked() -> bool {
    let Some(folder) = std::env::args().skip(1).find(|argument| argument.starts_with('/')) else {
        return false;
    };
    let folder = Path::new(&folder);
    keyfile::create(&folder.join("keys/deep/room.key"), &folder.join("data")).expect("a new path");
    true
}

#[test]
fn of_many_who_make_one_key_file_one_does_and_all_read_that() {
    const MAKERS: usize = 4;
    for _ in 0..50 {
        let place = place();
        let together = Barrier::new(MAKERS);
        let made: Vec<KeyId> = thread::scope(|scope| {
            let makers: Vec<_> = (0..MAKERS)
                .map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        let made = keyfile::create(&place.key, &place.data);
                        let read = keyfile::read(&place.key, &place.data, place.uid);
                        let read = read.expect("it is there, and whole").id();
                        match made {
                            Ok(key) => assert_eq!(key.id(), read),
                            Err(error) => assert!(matches!(error, CreateError::Exists { .. }), "{error}"),
                        }
                        read
                    })
                })
                .collect();
            makers.into_iter().map(|maker| maker.join().expect("a maker")).collect()
        });
        assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
        assert_eq!(names(&place), ["room.key"]);
    }
}

#[test]
fn no_draft_stays_beside_a_key_file() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    keyfile::create(&place.key, &place.data).expect_err("it exists");
    let parent = place.key.parent().expect("a folder");
    keyfile::create(&parent.join("x".repeat(300)), &place.data).expect_err("no name has 300 characters");
    assert_eq!(names(&place), ["room.key"]);
}

/// What lies in the folder of the key file.
fn names(place: &Place) -> Vec<String> {
    let folder = fs::read_dir(place.key.parent().expect("a folder")).expect("our own folder");
    folder.map(|file| file.expect("our own folder").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_key_in_the_place_of_a_path_is_not_shown() {
    let place = place();
    let key = keyfile::create(&place.key, &place.data).expect("a new path");
    let line = fs::read_to_string(&place.key).expect("readable");
    let word = line.trim_end().rsplit(' ').next().expect("four words");
    for text in [line.trim_end(), word] {
        let path = place.folder.path().join(text);
        let missing = keyfile::read(&path, &place.data, place.uid).expect_err("there is none");
        fs::write(&path, "").expect("our own folder");
        let flawed = keyfile::read(&path, &place.data, place.uid + 1).expect_err("another user");
        let exists = keyfile::create(&path, &place.data).expect_err("it is there");
        let misplaced = keyfile::create(&path, place.folder.path()).expect_err("inside");
        for shown in [
            format!("{missing} {missing:?}"),
            format!("{flawed} {flawed:?}"),
            format!("{exists} {exists:?}"),
            format!("{misplaced} {misplaced:?}"),
        ] {
            assert!(shown.contains("(a path that is not shown)"), "{shown}");
            assert!(!shown.contains(word) && !shown.contains(&key.id().to_string()), "{shown}");
        }
    }
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    let before = fs::read(&place.key).expect("readable");
    let error = keyfile::create(&place.key, &place.data).expect_err("it exists");
    assert!(matches!(error, CreateError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&place.key).expect("readable"), before);

    let link = place.folder.path().join("link.key");
    symlink(place.folder.path().join("nowhere"), &link).expect("a link");
    let error = keyfile::create(&link, &place.data).expect_err("a link is there");
    assert!(matches!(error, CreateError::Exists { .. }), "{error}");
}

#[test]
fn no_key_is_made_in_the_data_folder_even_before_that_exists() {
    let place = place();
    let later = place.folder.path().join("later");
    for (key, data) in [
        (place.data.join("room.key"), &place.data),
        (later.join("a/room.key"), &later),
        (later.clone(), &later),
    ] {
        let error = keyfile::create(&key, data).expect_err("inside");
        assert!(matches!(error, CreateError::Misplaced { .. }), "{error}");
        assert!(!key.exists());
    }
}

#[test]
fn a_key_beside_the_database_is_refused_however_it_is_named() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    let inside = place.data.join("room.key");
    fs::rename(&place.key, &inside).expect("moved");
    let link = place.folder.path().join("link");
    symlink(&place.data, &link).expect("a link");
    for path in [inside, place.folder.path().join("keys/../data/room.key"), link.join("room.key")] {
        let error = keyfile::read(&path, &place.data, place.uid).expect_err("beside the database");
        assert!(matches!(error, ReadError::Misplaced { .. }), "{error}");
        let error = keyfile::read(&path, &link, place.uid).expect_err("beside the database");
        assert!(matches!(error, ReadError::Misplaced { .. }), "{error}");
    }
}

#[test]
fn a_folder_whose_name_only_begins_alike_is_another_folder() {
    let place = place();
    let key = place.folder.path().join("data-keys/room.key");
    keyfile::create(&key, &place.data).expect("a new path");
    assert!(keyfile::read(&key, &place.data, place.uid).is_ok());
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let place = place();
    let error = place.read_error();
    assert!(matches!(error, ReadError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("room.key"));
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let place = place();
    fs::create_dir_all(&place.key).expect("a folder");
    assert!(matches!(place.read_error(), ReadError::NotAFile { .. }));
    let device = keyfile::read("/dev/null".as_ref(), &place.data, place.uid).expect_err("a device");
    assert!(matches!(device, ReadError::NotAFile { .. }), "{device}");
}

#[test]
fn a_file_open_to_others_is_refused_with_the_line_to_type() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    for mode in [0o640, 0o604, 0o620, 0o601, 0o660, 0o666] {
        fs::set_permissions(&place.key, Permissions::from_mode(mode)).expect("ours");
        let error = place.read_error();
        assert!(matches!(error, ReadError::TooOpen { .. }), "{mode:o}: {error}");
        assert!(error.to_string().ends_with(&format!("chmod 600 {}", place.key.display())), "{error}");
    }
    fs::set_permissions(&place.key, Permissions::from_mode(0o400)).expect("ours");
    assert!(keyfile::read(&place.key, &place.data, place.uid).is_ok());
}

#[test]
fn a_file_of_another_user_is_refused() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    let error = keyfile::read(&place.key, &place.data, place.uid + 1).expect_err("another user");
    assert!(
        matches!(error, ReadError::OtherOwner { owner, uid, .. } if owner == place.uid && uid == owner + 1)
    );
}

#[test]
fn a_flawed_file_is_refused_without_being_quoted() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    let good = fs::read_to_string(&place.key).expect("readable");
    let check = |text: &str, expected: Flaw| {
        fs::write(&place.key, text).expect("ours");
        match place.read_error() {
            error @ ReadError::Flawed { flaw, .. } => {
                assert_eq!(flaw, expected);
                let shown = format!("{error} {error:?}");
                for word in
                    text.split_whitespace().filter(|word| word.len() > 6 && *word != "strongroom-root-key")
                {
                    assert!(!shown.contains(word), "{shown}");
                }
            }
            other => panic!("{other}"),
        }
    };
    check("correct-horse-battery-staple\n", Flaw::NotOneLine);
    check(&good.repeat(2), Flaw::NotOneLine);
    check(&"correct-horse ".repeat(100_000), Flaw::NotOneLine);
    check(&good.replace(" 1 ", " correct-horse "), Flaw::OtherVersion);
    check(&good.replace('\n', "!\n"), Flaw::NotBase64);
    check(&good.replace('\n', "AB\n"), Flaw::NotBase64);
    let other = place.folder.path().join("other.key");
    keyfile::create(&other, &place.data).expect("a new path");
    let other = fs::read_to_string(&other).expect("readable");
    let foreign_key = other.rsplit(' ').next().expect("four words");
    check(&good.replace(good.rsplit(' ').next().expect("four words"), foreign_key), Flaw::OtherId);
}

#[test]
fn every_flipped_bit_of_a_key_file_is_noticed() {
    let place = place();
    keyfile::create(&place.key, &place.data).expect("a new path");
    let good = fs::read(&place.key).expect("readable");
    // The last byte is the newline: a line may end without it, but not with another byte.
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&place.key, &flipped).expect("ours");
        assert!(matches!(place.read_error(), ReadError::Flawed { .. }), "bit {bit}");
    }
}
