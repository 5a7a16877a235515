//! The child's environment is exactly what the plan says, and nothing else of ours reaches the child.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::stage::{Stage, reporter};

pub(crate) const HOSTILE: [(&str, &str); 14] = [
    ("crlf", "one\r\ntwo\r\n"),
    ("tabs", "\ta\t\tb\t"),
    ("bom", "\u{feff}text"),
    ("separators", "a\u{2028}b\u{2029}c\u{85}d"),
    ("emoji", "🗝️ ключ 鍵"),
    ("quotes", r#"'single' "double" `back`"#),
    ("dollar", "$HOME ${PATH} $(id) \\$ %s %n"),
    ("equals", "=a==b="),
    ("empty", ""),
    ("newlines", "\n\nmiddle\n\n\n"),
    ("spaces", "  leading and trailing  "),
    ("controls", "\u{1}\u{7f}\u{1b}[31mred"),
    ("glob", "* ? [a-z] ~ ! # ; & | < >"),
    ("pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"),
];

fn variable(report: &Value, name: &str) -> Option<String> {
    let mut found = report["environment"].as_array().expect("a list").iter().filter_map(|string| {
        let string = unhex(string.as_str().expect("hexadecimal"));
        string
            .strip_prefix(format!("{name}=").as_bytes())
            .map(|value| String::from_utf8_lossy(value).into_owned())
    });
    let value = found.next();
    assert_eq!(found.next(), None, "{name} comes once");
    value
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn hostile_values_arrive_byte_for_byte() {
    let long = "0123456789abcdeſ".repeat(4096);
    let values: Vec<(String, &str)> = HOSTILE
        .iter()
        .map(|(name, value)| (format!("V_{name}"), *value))
        .chain([("V_long".to_owned(), &long[..64 * 1024])])
        .collect();
    let secrets: Vec<(&str, &str, &str)> =
        values.iter().map(|(name, value)| ("env", name.as_str(), *value)).collect();
    let report = Stage::with(&secrets).reports(&[]).run().report();
    for (name, value) in &values {
        assert_eq!(variable(&report, name).as_deref(), Some(*value), "{name}");
    }
}

#[test]
fn a_secret_wins_over_an_inherited_variable_and_it_can_be_said() {
    let stage = Stage::with(&[("env", "TOKEN", "from the collection"), ("env", "NEW", "x")]).reports(&[]);
    let mut driver = stage.driver();
    let output = driver.env("TOKEN", "inherited").output().expect("the reporter is built");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(variable(&report, "TOKEN").as_deref(), Some("from the collection"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "replaced: TOKEN\n");
}

#[test]
fn our_own_settings_are_not_the_childs() {
    let stage = Stage::with(&[("env", "A", "x")]).reports(&[]);
    let run = |stage: &Stage| {
        let mut driver = stage.driver();
        driver.env("STRONGROOM_API_KEY", "sr_x").env("STRONGROOM_FILES", "/x").env("STRONGROOM_", "y");
        driver.env("ODD", OsStr::from_bytes(b"\xff\xfe"));
        let report = driver.output().expect("the reporter is built").stdout;
        serde_json::from_slice::<Value>(&report).expect("a report")
    };
    let report = run(&stage);
    let environment = report["environment"].to_string();
    assert!(!environment.contains(&hex(b"STRONGROOM_")), "{environment}");
    assert!(environment.contains(&hex(b"ODD=\xff\xfe")), "what is not ours passes as it is");
    let files = variable(&run(&Stage::with(&[("file", "a", "x")]).reports(&[])), "STRONGROOM_FILES");
    assert!(files.expect("with files").ends_with("/files"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn names_that_could_run_code_need_leave() {
    for name in
        ["LD_PRELOAD", "ld_preload", "PATH", "BASH_ENV", "PYTHONPATH", "https_proxy", "STRONGROOM_API_KEY"]
    {
        let stage = Stage::with(&[("env", name, "never shown"), ("file", "a", "x")]).reports(&[]);
        let refused = stage.run();
        refused.refused(125, &format!("pass --allow-env {name} to deliver it"));
        assert!(!refused.stderr().contains("never shown"));
        assert_eq!(stage.leftovers(), [""; 0]);
    }
    let allowed = Stage::with(&[("env", "PYTHONPATH", "lib")]).set("allow_env", json!(["PYTHONPATH"]));
    assert_eq!(variable(&allowed.reports(&[]).run().report(), "PYTHONPATH").as_deref(), Some("lib"));
    let other =
        Stage::with(&[("env", "PYTHONPATH", "lib")]).set("allow_env", json!(["PYTHON", "pythonpath"]));
    other.run().refused(125, "PYTHONPATH");
    let ours = Stage::with(&[("env", "STRONGROOM_FILES", "x")]).set("allow_env", json!(["STRONGROOM_FILES"]));
    ours.run().refused(125, "is set by strongroom itself");
}

#[test]
fn a_string_longer_than_the_kernel_takes_is_refused_with_its_size() {
    let most = 131_072 - "LARGE=".len() - 1;
    let report = Stage::with(&[("env", "LARGE", &"x".repeat(most))]).reports(&[]).run().report();
    assert_eq!(variable(&report, "LARGE").map(|value| value.len()), Some(most));
    let stage = Stage::with(&[("env", "LARGE", &"x".repeat(most + 1)), ("file", "a", "x")]).reports(&[]);
    stage.run().refused(125, "the environment variable LARGE has 131073 bytes");
    assert_eq!(stage.leftovers(), [""; 0]);
}

#[test]
fn a_nul_cannot_be_handed_over() {
    let stage = Stage::with(&[("env", "TOKEN", "a\0b")]);
    stage.run().refused(125, "the environment variable TOKEN contains a NUL byte");
    let stage = Stage::with(&[]).command(&["true", "a\0b"]);
    stage.run().refused(125, "argument 1 contains a NUL byte");
}

#[test]
fn a_relative_home_is_refused() {
    Stage::with(&[]).set("home", "here").run().refused(125, "is not an absolute path");
}

#[test]
fn arguments_stay_a_list() {
    let arguments = ["report", "a b", "$HOME", "", "'", "*", "--"];
    let reporter = reporter();
    let mut argv = vec![reporter.to_str().expect("a path of ours")];
    argv.extend(arguments);
    let report = Stage::with(&[]).command(&argv).run().report();
    assert_eq!(report["arguments"], json!(argv));
}

#[test]
fn the_child_starts_as_it_would_without_us() {
    let secrets = [("env", "A", "a value to mask"), ("file", "f", "x")];
    // Looks at itself before any program's own start-up can change it.
    let look =
        "umask; pwd; ulimit -S -c; ulimit -H -c; exec grep -E 'SigBlk|SigIgn|SigPnd' /proc/self/status";
    for stage in [Stage::with(&secrets).script(look), Stage::with(&secrets).masked().script(look)] {
        // A shell hands on ignored signals, a umask and limits; Rust's own start-up would add SIGPIPE, and we allow
        // ourselves no core file.
        let setting = "trap '' HUP USR2; umask 027; ulimit -S -c 7; ";
        let run = |command: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{setting}{command}")]).arg(reporter()).arg(stage.spec()).arg(look);
            let output = shell.current_dir(stage.home.path()).output().expect("sh is there");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let without = run(r#"exec sh -c "$2""#);
        assert!(without.starts_with("0027\n") && without.lines().count() == 7, "{without}");
        assert_eq!(run(r#"exec "$0" drive "$1""#), without);
    }
}

#[test]
fn a_caller_that_ignores_its_children_does_not_make_us_deaf() {
    let look = ["grep", "SigIgn", "/proc/self/status"];
    let stage = Stage::with(&[("env", "A", "x")]).command(&look);
    // dash cannot ignore it; env can.
    let ignoring = |command: &[&str]| {
        let mut env = Command::new("env");
        let output = env.arg("--ignore-signal=CHLD").args(command).output().expect("env is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let without = ignoring(&look);
    assert!(without.ends_with("10000\n"), "{without}");
    let (reporter, spec) = (reporter(), stage.spec());
    let path = |path: &std::path::Path| path.to_str().expect("a path of ours").to_owned();
    assert_eq!(ignoring(&[&path(&reporter), "drive", &path(&spec)]), without);
}

#[test]
fn no_descriptor_but_the_first_three_is_inherited() {
    for stage in [
        Stage::with(&[("env", "A", "a value to mask"), ("file", "f", "x")]).reports(&[]),
        Stage::with(&[("env", "A", "a value to mask"), ("file", "f", "x")]).masked().reports(&[]),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"exec 3< /dev/null 7< / 9> /dev/null; exec "$0" drive "$1""#]);
        let output = shell.arg(reporter()).arg(stage.spec()).output().expect("sh is there");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["descriptors"], json!(["0", "1", "2"]));
    }
}
