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
    packages: &'static [&'static str],
    why: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        programs: &["cc", "gcc", "clang"],
        packages: &["gcc", "libc6-dev"],
        why: "SQLite and the cipher are C",
    },
    Need { programs: &["git"], packages: &["git"], why: "the walls ask it which files are ours" },
    Need {
        programs: &["ssh-keygen", "openssl"],
        packages: &["openssh-client"],
        why: "a real consumer reads a delivered key",
    },
];

/// Finds every need, or installs it where we may; otherwise says the one line to type.
pub(crate) fn provide() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = find_missing(&path);
    if missing.is_empty() {
        return Ok(());
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
    NEEDS.iter().filter(|need| !has_any(path, need.programs)).collect()
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

    /// A folder holding these programs, as PATH would name it.
    fn machine_with(programs: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder for tests");
        for program in programs {
            let file = folder.path().join(program);
            fs::write(&file, "").expect("write below our own folder");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("change our own file");
        }
        folder
    }

    fn check(programs: &[&str], expected_packages: &[&str]) {
        let machine = machine_with(programs);
        let missing = find_missing(machine.path().as_os_str());
        let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages).copied().collect();
        assert_eq!(packages, expected_packages, "{programs:?}");
    }

    #[test]
    fn a_missing_tool_is_named_and_any_of_its_kind_will_do() {
        check(&["cc", "git", "ssh-keygen"], &[]);
        check(&["clang", "git", "openssl"], &[]);
        check(&["cc", "git"], &["openssh-client"]);
        check(&["git", "openssl"], &["gcc", "libc6-dev"]);
        check(&[], &["gcc", "libc6-dev", "git", "openssh-client"]);
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_no_tool() {
        let machine = machine_with(&["cc", "git", "openssl"]);
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
