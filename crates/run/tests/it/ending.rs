//! Exit codes and deaths pass through unchanged; what cannot run ends as a shell would say it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use crate::stage::{Stage, copy_program, lay_program};

const SECRET: (&str, &str, &str) = ("env", "TOKEN", "a-token-to-mask");
const FILE: (&str, &str, &str) = ("file", "conf/app.key", "a-key-to-mask");

/// Without a pipe, with two, with files, with both.
fn kinds() -> [Stage; 4] {
    [
        Stage::with(&[SECRET]),
        Stage::with(&[SECRET]).masked(),
        Stage::with(&[SECRET, FILE]),
        Stage::with(&[SECRET, FILE]).masked(),
    ]
}

#[test]
fn every_exit_code_is_the_childs() {
    for mut stage in kinds() {
        for code in [0, 1, 2, 3, 42, 64, 77, 99, 124, 125, 126, 127, 128, 129, 137, 143, 200, 254, 255] {
            stage = stage.script(&format!("exit {code}"));
            assert_eq!(stage.run().code(), Some(code));
        }
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn every_death_is_the_childs() {
    // HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT XCPU XFSZ VTALRM PROF IO PWR SYS RTMIN RTMAX
    let deadly = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 64];
    for mut stage in kinds() {
        for signal in deadly {
            stage = stage.script(&format!("ulimit -c 0; kill -{signal} $$"));
            let ran = stage.run();
            assert_eq!(ran.0.status.signal(), Some(signal), "{:?} {}", ran.0.status, ran.stderr());
            assert!(!ran.0.status.core_dumped(), "ours would hold values");
        }
        assert_eq!(stage.leftovers(), [""; 0]);
    }
}

#[test]
fn what_is_not_found_is_127_and_delivers_nothing() {
    let stage = Stage::with(&[FILE]);
    for name in ["no-such-program-anywhere", "./nothing-here", "/no/such/folder/program", ""] {
        let stage = Stage::with(&[FILE]).command(&[name]);
        stage.run().refused(127, "was not found");
        assert!(!stage.memory.path().join("strongroom").exists(), "nothing was prepared for it");
    }
    lay_program(&stage.at("script"), "#!/no/such/interpreter\r\n", 0o755);
    let stage = stage.command(&["./script"]);
    stage.run().refused(127, r#"is a script for "/no/such/interpreter\r", which was not found"#);
}

#[test]
fn what_cannot_be_executed_is_126() {
    let stage = Stage::with(&[FILE]);
    lay_program(&stage.at("plain"), "#!/bin/sh\n", 0o644);
    lay_program(&stage.at("script"), "#!/etc/passwd\n", 0o755);
    let mut stage = stage;
    for name in ["./plain", "/etc/passwd", ".", "/tmp/", "./script"] {
        stage = stage.command(&[name]);
        stage.run().refused(126, "is not an executable program");
    }
    // A text without a first line for the kernel: seen only at exec, and by then there are files to remove.
    lay_program(&stage.at("text"), "echo no shell is asked\n", 0o755);
    stage = stage.command(&["./text"]);
    stage.run().refused(126, "cannot be executed; a script needs a first line");
    assert_eq!(stage.leftovers(), ["plain", "script", "text"]);
}

#[test]
fn a_closed_folder_in_path_has_nothing_for_us() {
    let stage = Stage::with(&[]).command(&["tool"]);
    fs::create_dir(stage.at("closed")).expect("our home");
    fs::set_permissions(stage.at("closed"), fs::Permissions::from_mode(0o000)).expect("our home");
    let status = stage.driver().env("PATH", "closed:none").status().expect("the reporter is built");
    assert_eq!(status.code(), Some(127));
}

#[test]
fn the_first_executable_in_path_is_taken() {
    let stage = Stage::with(&[]).command(&["tool"]);
    for (folder, content, mode) in [
        ("a", "#!/bin/sh\necho a", 0o644),
        ("b", "#!/bin/sh\necho $0", 0o755),
        ("c", "#!/bin/sh\necho c", 0o755),
    ] {
        fs::create_dir(stage.at(folder)).expect("our home");
        lay_program(&stage.at(folder).join("tool"), content, mode);
    }
    let run = |path: &str| {
        let mut driver = stage.driver();
        let output = driver.env("PATH", path).output().expect("the reporter is built");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run("none:a:b:c"), (Some(0), "b/tool\n".into()), "the name a script sees is execvp's");
    assert_eq!(run("a"), (Some(126), String::new()));
    assert_eq!(run("none"), (Some(127), String::new()));
    copy_program(&stage.at("c/tool"), &stage.at("tool"));
    assert_eq!(run("none:"), (Some(0), "c\n".into()), "an empty part is the working directory");
}

#[test]
fn more_than_the_kernel_takes_is_refused_and_removed() {
    let long = "x".repeat(100_000);
    let names: Vec<String> = (0..90).map(|number| format!("A{number}")).collect();
    let mut secrets: Vec<(&str, &str, &str)> =
        names.iter().map(|name| ("env", name.as_str(), long.as_str())).collect();
    secrets.push(FILE);
    let stage = Stage::with(&secrets).masked();
    stage.run().refused(125, "arguments and environment together are more than the kernel takes");
    assert_eq!(stage.leftovers(), [""; 0]);
}
