//! The test command as somebody types it, over a small workspace with one package for each way to end. Deliberately
//! not our own workspace: that is what the command itself is for.

#![expect(clippy::disallowed_methods, reason = "a test starts the program it tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PASSES: &str = "
/// ```
/// assert_eq!(documented::answer(), 42);
/// ```
pub fn answer() -> u32 { 42 }
#[test]
fn a() { assert_eq!(std::env::var(\"STRONGROOM_TEST_ROUNDS\").as_deref(), Ok(\"7\")) }
";
const FAILS: &str = "#[test]\nfn a() {}\n#[test]\nfn b() { panic!() }\n";
const CRASHES: &str = "#[test]\nfn a() { std::process::abort() }\n";

#[test]
fn every_way_to_end_is_told_apart_and_the_sum_is_the_last_line() {
    let bodies = [
        ("broken", "nonsense"),
        ("crashes", CRASHES),
        ("documented", PASSES),
        ("fails", FAILS),
        ("silent", "pub struct Untested;"),
    ];
    let (code, printed) = run_tests_over(&bodies);
    let (_, table) = printed.rsplit_once("\nsuite ").expect("a table comes last");
    let rows: Vec<String> = table.lines().skip(1).map(without_time).collect();
    let expected = [
        "needs 0 0",
        "broken 0 1 does not compile",
        "crashes 0 1 crashed",
        "documented 2 0",
        "fails 1 1",
        "silent 0 1 runs no test",
        "",
        "3 passed, 4 failed",
    ];
    assert_eq!(rows, expected, "{printed}");
    assert_eq!(code, Some(1));
}

#[test]
fn what_passes_ends_with_success() {
    let (code, printed) = run_tests_over(&[("documented", PASSES)]);
    assert!(printed.ends_with("\n2 passed, 0 failed\n"), "{printed}");
    assert_eq!(code, Some(0));
}

/// Looks for the clients where it is told to.
const DRIVES: &str = "
#[test]
fn a() {
    let folder = std::env::var(\"STRONGROOM_TEST_CLIENTS\").expect(\"run `cargo xtask test`\");
    assert!(std::path::Path::new(&folder).join(\"nextmv-1.0.0\").is_dir());
}
";

#[test]
fn a_test_learns_where_the_clients_are() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    want_clients(folder.path(), "mkdir -p \"$3/bin\" && cp \"$0\" \"$3/bin/python\"");
    let (code, printed) = run_tests_in(folder.path(), &[("drives", DRIVES)]);
    assert!(printed.ends_with("\n1 passed, 0 failed\n"), "{printed}");
    assert_eq!(code, Some(0));
}

#[test]
fn clients_that_cannot_be_had_fail_the_run_and_silence_nobody() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    want_clients(folder.path(), "exit 1");
    let (code, printed) = run_tests_in(folder.path(), &[("documented", PASSES), ("drives", DRIVES)]);
    let (_, table) = printed.rsplit_once("\nsuite ").expect("a table comes last");
    let rows: Vec<String> = table.lines().skip(1).map(without_time).collect();
    let needs = "needs 0 1 the clients are missing: see the first lines";
    assert_eq!(rows, [needs, "documented 2 0", "drives 0 1", "", "2 passed, 2 failed"], "{printed}");
    assert_eq!(code, Some(1));
}

/// Lists one release, and lays a Python on the search path that makes an environment in this way.
fn want_clients(root: &Path, venv: &str) {
    write(&root.join("crates/cli/tests/clients/releases.txt"), "1.0.0\n");
    write(&root.join("crates/cli/tests/clients/requirements.txt"), "requests==1\n");
    write(&root.join("crates/cli/tests/clients/schemathesis.txt"), "schemathesis==1\n");
    let script = format!(
        "#!/bin/sh
case \"$2\" in
venv) {venv} ;;
pip) while [ $# -gt 0 ]; do [ \"$1\" = --target ] && mkdir -p \"$2\"; shift; done; true ;;
esac"
    );
    // By another process: a descriptor of ours that a neighbour's child inherits would make it a busy file.
    let mut lay = Command::new("sh");
    lay.args(["-c", "mkdir bin && printf %s \"$1\" > bin/python3 && chmod 755 bin/python3", "sh", &script]);
    assert!(lay.current_dir(root).status().expect("start a shell").success());
}

/// Exit code and standard output of `cargo xtask test --rounds 7` over these packages.
fn run_tests_over(packages: &[(&str, &str)]) -> (Option<i32>, String) {
    run_tests_in(tempfile::tempdir().expect("a folder for tests").path(), packages)
}

fn run_tests_in(root: &Path, packages: &[(&str, &str)]) -> (Option<i32>, String) {
    let members: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
    write(&root.join("Cargo.toml"), &format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"));
    for (name, body) in packages {
        write(
            &root.join(name).join("Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n"),
        );
        write(&root.join(name).join("src/lib.rs"), body);
    }
    let output = xtask(&root.join(members[0]), root);
    (output.status.code(), String::from_utf8(output.stdout).expect("cargo and we print text"))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("make a folder of ours");
    fs::write(path, text).expect("write a file of ours");
}

fn xtask(package: &Path, root: &Path) -> Output {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["test", "--rounds", "7"]);
    // What cargo says to a program it runs; and the target folder of whoever runs this test is not ours to fill.
    xtask.env("CARGO_MANIFEST_DIR", package).env("CARGO_TARGET_DIR", root.join("target"));
    let path = std::env::var_os("PATH").expect("tests run with a PATH");
    let folders = std::iter::once(root.join("bin")).chain(std::env::split_paths(&path));
    xtask.env("PATH", std::env::join_paths(folders).expect("no colon in a folder of ours"));
    xtask.env("XDG_CACHE_HOME", root.join("cache")).env_remove("STRONGROOM_TEST_CLIENTS");
    xtask.output().expect("cargo has built it for this test")
}

/// A row of the table, told in single spaces.
fn without_time(row: &str) -> String {
    let words: Vec<&str> = row.split_whitespace().collect();
    match words.iter().position(|word| *word == "s") {
        Some(at) => [&words[..at - 1], &words[at + 1..]].concat().join(" "),
        None => words.join(" "),
    }
}
