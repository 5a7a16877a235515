//! What the tests need from the machine, found or installed before they start. Deliberately no way to go on without:
//! a test that is skipped in silence proves nothing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One thing that tests need: any of these programs will do.
#[derive(Debug)]
struct Need {
    programs: &'static [&'static str],
    /// What the program must answer with success. Nothing: that it is there is enough.
    question: Option<&'static [&'static str]>,
    packages: &'static [&'static str],
    why: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        programs: &["cc", "gcc", "clang"],
        question: None,
        packages: &["gcc", "libc6-dev"],
        why: "SQLite and the cipher are C",
    },
    Need {
        programs: &["git"],
        question: None,
        packages: &["git"],
        why: "the walls ask it which files are ours",
    },
    Need {
        programs: &["ssh-keygen", "openssl"],
        question: None,
        packages: &["openssh-client"],
        why: "a real consumer reads a delivered key",
    },
    Need {
        programs: &["strace"],
        question: None,
        packages: &["strace"],
        why: "it sees which files a server opens and whom it calls",
    },
    Need {
        programs: &["python3"],
        // Debian leaves out the second module until python3-venv is there.
        question: Some(&["-c", "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"]),
        packages: &["python3", "python3-venv"],
        why: "3.11 or newer, with venv: the released clients that the tests drive are Python",
    },
];

const ROOT: &str = "one test searches the memory of our own programs, which only root may\n\
                    type: sudo -E env \"PATH=$PATH\" cargo xtask test";

/// Finds every need, or installs it where we may; otherwise says the one line to type.
pub(crate) fn provide() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = find_missing(&path);
    if missing.is_empty() {
        return if is_root()? { Ok(()) } else { bail!(ROOT) };
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
    if is_root()? && has_any(&path, &["apt-get"]) {
        install(&packages)?;
        if find_missing(&path).is_empty() {
            return Ok(());
        }
    }
    bail!("{}", explain(&missing, &packages))
}

fn find_missing(path: &OsStr) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !is_met(path, need)).collect()
}

fn is_met(path: &OsStr, need: &Need) -> bool {
    let Some(question) = need.question else { return has_any(path, need.programs) };
    need.programs.iter().any(|program| {
        let answer = Command::new(program).args(question).env("PATH", path).output();
        answer.is_ok_and(|answer| answer.status.success())
    })
}

fn has_any(path: &OsStr, programs: &[&str]) -> bool {
    std::env::split_paths(path)
        .any(|folder| programs.iter().any(|program| is_executable(&folder.join(program))))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self").context("ask /proc who we are")?.uid() == 0)
}

fn install(packages: &[&str]) -> Result<()> {
    eprintln!("installing what the tests need: {}", packages.join(" "));
    // A fresh container knows no packages yet; a machine at a desk does, and is spared the update.
    if apt_get(&["install", "-y", "--no-install-recommends"], packages)? {
        return Ok(());
    }
    if apt_get(&["update"], &[])? && apt_get(&["install", "-y", "--no-install-recommends"], packages)? {
        return Ok(());
    }
    bail!("apt-get could not install {}: its own message is above", packages.join(" "))
}

fn apt_get(words: &[&str], packages: &[&str]) -> Result<bool> {
    let mut command = Command::new("apt-get");
    command.args(words).args(packages).env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command.status().context("start apt-get")?.success())
}

fn explain(missing: &[&Need], packages: &[&str]) -> String {
    let mut text = String::from("the tests need from this machine:\n");
    for need in missing {
        text.push_str(&format!("  {} ({})\n", need.programs.join(" or "), need.why));
    }
    text.push_str(&format!("type: sudo apt-get install -y {}", packages.join(" ")));
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder holding these programs, as PATH would name it. They answer whatever they are asked with this code.
    fn machine_with(programs: &[&str], code: u8) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder for tests");
        for program in programs {
            // By another process: a descriptor of ours that a neighbour's child inherits would make it a busy file.
            let mut write = Command::new("sh");
            write.args(["-c", "printf '#!/bin/sh\\nexit %s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
            write.arg(folder.path().join(program)).arg(code.to_string());
            assert!(write.status().expect("start a shell").success());
        }
        folder
    }

    fn check_answering(code: u8, programs: &[&str], expected_packages: &[&str]) {
        let machine = machine_with(programs, code);
        let missing = find_missing(machine.path().as_os_str());
        let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
        assert_eq!(packages, expected_packages, "{programs:?}");
    }

    fn check(programs: &[&str], expected_packages: &[&str]) {
        check_answering(0, programs, expected_packages);
    }

    #[test]
    fn a_missing_tool_is_named_and_any_of_its_kind_will_do() {
        check(&["cc", "git", "ssh-keygen", "strace", "python3"], &[]);
        check(&["clang", "git", "openssl", "strace", "python3"], &[]);
        check(&["cc", "git", "strace", "python3"], &["openssh-client"]);
        check(&["git", "openssl", "strace", "python3"], &["gcc", "libc6-dev"]);
        check(&["git", "openssl", "gcc"], &["strace", "python3", "python3-venv"]);
        check(&[], &["gcc", "libc6-dev", "git", "openssh-client", "strace", "python3", "python3-venv"]);
    }

    #[test]
    fn a_python_without_what_we_ask_for_is_no_tool() {
        check_answering(1, &["cc", "git", "openssl", "strace", "python3"], &["python3", "python3-venv"]);
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_no_tool() {
        let machine = machine_with(&["cc", "git", "openssl", "strace", "python3"], 0);
        let openssl = machine.path().join("openssl");
        fs::set_permissions(&openssl, fs::Permissions::from_mode(0o644)).expect("change our own file");
        assert_eq!(find_missing(machine.path().as_os_str()).len(), 1);
    }

    #[test]
    fn the_refusal_ends_with_the_one_line_to_type() {
        let missing = find_missing(OsStr::new(""));
        let text = explain(&missing, &["git", "openssh-client"]);
        assert!(text.ends_with("\ntype: sudo apt-get install -y git openssh-client"));
        assert!(text.contains("ssh-keygen or openssl (a real consumer reads a delivered key)"));
    }
}
