//! What may stand in which source file. Deliberately a reading of text: it holds the careless, a reviewer the cunning.

use super::source::{code, names, reaches, without_tests};
use crate::repository::{Repository, TextFile};

/// The rooms that know neither disk, network, process, environment nor clock.
const PURE_ROOMS: &[&str] = &["secrets", "ledger"];

const OUTSIDE_WORLD: &[&str] = &["fs", "net", "process", "env", "os", "thread"];

/// Crates that would open another door to it.
const DOORS: &[&str] = &["libc", "rustix", "tokio", "getrandom", "tracing", "tempfile"];

const UNSAFE_FILES: &[&str] =
    &["crates/run/src/sys.rs", "crates/seal/src/arena.rs", "crates/store/src/sqlite.rs"];

const MOST_LINES: usize = 600;

pub(super) fn reach_of_pure_rooms(repository: &Repository) -> Vec<String> {
    let mut breaches = Vec::new();
    for room in PURE_ROOMS {
        for file in
            room_files(repository).filter(|file| file.path.starts_with(&format!("crates/{room}/src/")))
        {
            let text = without_tests(&file.text);
            for module in OUTSIDE_WORLD {
                if let Some(number) = reaches(text, module) {
                    breaches.push(format!("{}:{number}: {room} may not reach std::{module}", file.path));
                }
            }
            breaches.extend(lines_that(
                file,
                text,
                |line| line.contains("SystemTime"),
                "time is an argument",
            ));
            breaches.extend(lines_that(
                file,
                text,
                |line| line.contains("io::std"),
                "no streams in a pure room",
            ));
        }
        let packages =
            repository.packages.iter().filter(|package| package.folder == format!("crates/{room}"));
        for package in packages {
            for door in DOORS.iter().filter(|door| package.dependencies.contains(**door)) {
                breaches.push(format!("{}/Cargo.toml: {room} may not depend on {door}", package.folder));
            }
        }
    }
    breaches
}

pub(super) fn unsafe_code(repository: &Repository) -> Vec<String> {
    let files = rust_files(repository).filter(|file| !UNSAFE_FILES.contains(&file.path.as_str()));
    let is_unsafe = |line: &str| {
        let opens = ["unsafe(", "unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"];
        names(line, "unsafe") && opens.iter().any(|opening| line.contains(opening))
    };
    let advice = format!("unsafe stands in {} only", UNSAFE_FILES.join(", "));
    files.flat_map(|file| lines_that(file, &file.text, is_unsafe, &advice)).collect()
}

pub(super) fn started_processes(repository: &Repository) -> Vec<String> {
    // Command is one door, the kernel's own calls are the other.
    let starts = |line: &str| {
        line.contains("Command::new")
            || ["fork", "vfork", "execve", "posix_spawn"].iter().any(|call| calls(line, call))
    };
    let files = room_files(repository).filter(|file| !file.path.starts_with("crates/run/"));
    files
        .flat_map(|file| lines_that(file, without_tests(&file.text), starts, "only run starts processes"))
        .collect()
}

fn calls(line: &str, function: &str) -> bool {
    names(line, function) && line.contains(&format!("::{function}("))
}

pub(super) fn printing(repository: &Repository) -> Vec<String> {
    let prints = |line: &str| line.contains("print!(") || line.contains("println!(");
    let files = room_files(repository).filter(|file| !file.path.starts_with("crates/cli/"));
    files
        .flat_map(|file| {
            lines_that(file, without_tests(&file.text), prints, "a room returns; the program prints")
        })
        .collect()
}

pub(super) fn excuses(repository: &Repository) -> Vec<String> {
    let is_excuse = |line: &str| line.contains("clippy::disallowed_methods");
    let is_edge =
        |file: &TextFile| ["crates/cli/", "crates/run/"].iter().any(|edge| file.path.starts_with(edge));
    let files = room_files(repository).filter(|file| !is_edge(file));
    let advice = "only cli, run and tests may be excused from clippy.toml; take it as an argument";
    files.flat_map(|file| lines_that(file, without_tests(&file.text), is_excuse, advice)).collect()
}

pub(super) fn forbidden_everywhere(repository: &Repository) -> Vec<String> {
    let is_forbidden = |line: &str| {
        let calls = ["env::set_var", "env::remove_var", "process::exit"];
        calls.iter().any(|call| names(line, call))
    };
    let advice = "nothing here changes its own environment or skips its destructors";
    rust_files(repository).flat_map(|file| lines_that(file, &file.text, is_forbidden, advice)).collect()
}

pub(super) fn unfinished(repository: &Repository) -> Vec<String> {
    let is_unfinished = |line: &str| {
        ["todo!(", "unimplemented!(", "#[ignore", ", ignore)]"].iter().any(|word| line.contains(word))
    };
    let advice = "finish it, or leave it out";
    let mut breaches: Vec<String> =
        rust_files(repository).flat_map(|file| lines_that(file, &file.text, is_unfinished, advice)).collect();
    for file in rust_files(repository) {
        let skipped = (1..).zip(file.text.lines()).filter(|(_, line)| line.contains("/ ```ignore"));
        breaches.extend(skipped.map(|(number, _)| {
            format!("{}:{number}: a skipped example: `text` or `compile_fail`", file.path)
        }));
    }
    breaches
}

pub(super) fn opening_comments(repository: &Repository) -> Vec<String> {
    let speaks = |file: &TextFile| {
        let first = file.text.lines().next().and_then(|line| line.strip_prefix("//! "));
        first.is_some_and(|sentence| sentence.split_whitespace().count() >= 3)
    };
    let silent = rust_files(repository).filter(|file| !speaks(file));
    silent
        .map(|file| format!("{}:1: open with `//!`: what it is, and what it deliberately is not", file.path))
        .collect()
}

pub(super) fn long_files(repository: &Repository) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in rust_files(repository).filter(|file| !is_test(&file.path)) {
        let lines = without_tests(&file.text).lines().count();
        if lines > MOST_LINES {
            breaches.push(format!(
                "{}: {lines} lines without its tests, {MOST_LINES} at most: split it",
                file.path
            ));
        }
    }
    breaches
}

/// Every Rust file but these walls, which have to name what they forbid.
fn rust_files(repository: &Repository) -> impl Iterator<Item = &TextFile> {
    let files = repository.files.iter();
    files.filter(|file| file.path.ends_with(".rs") && !file.path.starts_with("xtask/src/walls/"))
}

/// The Rust files that the rooms are built from.
fn room_files(repository: &Repository) -> impl Iterator<Item = &TextFile> {
    let is_source = |file: &&TextFile| file.path.starts_with("crates/") && file.path.contains("/src/");
    rust_files(repository).filter(is_source).filter(|file| !is_test(&file.path))
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn lines_that(file: &TextFile, text: &str, is_breach: impl Fn(&str) -> bool, advice: &str) -> Vec<String> {
    let lines = code(text).filter(|(_, line)| is_breach(line));
    lines.map(|(number, _)| format!("{}:{number}: {advice}", file.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Package;
    use crate::walls::tests::planted;

    fn check(wall: fn(&Repository) -> Vec<String>, path: &str, text: &str, expected: usize) {
        let breaches = wall(&planted(path, text));
        assert_eq!(breaches.len(), expected, "{path}: {text}: {breaches:?}");
        assert!(breaches.iter().all(|breach| breach.starts_with(path)), "{breaches:?}");
    }

    #[test]
    fn a_pure_room_that_reaches_out_is_seen() {
        let wall = reach_of_pure_rooms;
        check(wall, "crates/ledger/src/tree.rs", "use std::fs::File;\n", 1);
        check(wall, "crates/secrets/src/id.rs", "use std::{env, fmt};\n", 1);
        check(wall, "crates/secrets/src/id.rs", "fn now() -> SystemTime {}\n", 1);
        check(wall, "crates/secrets/src/id.rs", "let input = io::stdin();\n", 1);
        check(
            wall,
            "crates/secrets/src/id.rs",
            "//! no std::fs\nuse std::fmt;\n#[cfg(test)]\nmod tests {\nstd::fs\n",
            0,
        );
        check(wall, "crates/seal/src/key_file.rs", "use std::fs::File;\n", 0);
    }

    #[test]
    fn a_pure_room_with_a_door_in_its_manifest_is_seen() {
        let check = |folder: &str, dependency: &str, expected: &[&str]| {
            let dependencies = [dependency.to_owned()].into();
            let package =
                Package { name: "strongroom-x".to_owned(), folder: folder.to_owned(), dependencies };
            let repository = Repository { packages: vec![package], ..Repository::default() };
            assert_eq!(reach_of_pure_rooms(&repository), expected);
        };
        check("crates/ledger", "sha2", &[]);
        check("crates/ledger", "tokio", &["crates/ledger/Cargo.toml: ledger may not depend on tokio"]);
        check("crates/run", "libc", &[]);
    }

    #[test]
    fn unsafe_elsewhere_is_seen_in_tests_too() {
        check(unsafe_code, "crates/run/src/sys.rs", "unsafe { fork() }\n", 0);
        check(unsafe_code, "crates/run/src/plan.rs", "unsafe { fork() }\n", 1);
        check(unsafe_code, "crates/store/src/lib.rs", "unsafe fn open() {}\n", 1);
        check(unsafe_code, "crates/store/tests/it/main.rs", "#[unsafe(no_mangle)]\n", 1);
        check(unsafe_code, "crates/store/src/lib.rs", "#![deny(unsafe_code)] // unsafe { }\n", 0);
    }

    #[test]
    fn a_process_started_elsewhere_is_seen() {
        check(started_processes, "crates/run/src/act.rs", "Command::new(\"sh\");\n", 0);
        check(started_processes, "crates/custody/src/lib.rs", "Command::new(\"sh\");\n", 1);
        check(started_processes, "crates/cli/src/main.rs", "libc::fork();\n", 1);
        check(started_processes, "crates/cli/src/main.rs", "#[cfg(test)]\nmod tests {\nCommand::new\n}\n", 0);
        check(started_processes, "crates/cli/tests/it/main.rs", "Command::new(\"strongroom\");\n", 0);
        check(started_processes, "bench/src/main.rs", "Command::new(\"true\");\n", 0);
    }

    #[test]
    fn a_room_that_prints_is_seen() {
        check(printing, "crates/cli/src/main.rs", "println!(\"{table}\");\n", 0);
        check(printing, "crates/seal/src/lib.rs", "println!(\"{key}\");\n", 1);
        check(printing, "crates/seal/src/lib.rs", "eprint!(\"{key}\");\n", 1);
    }

    #[test]
    fn an_excuse_away_from_an_edge_is_seen() {
        let excuse = "#[expect(clippy::disallowed_methods, reason = \"quick\")]\n";
        check(excuses, "crates/cli/src/settings.rs", excuse, 0);
        check(excuses, "crates/store/src/lib.rs", excuse, 1);
        check(excuses, "crates/store/src/lib.rs", &format!("#[cfg(test)]\n{excuse}mod tests {{\n}}\n"), 0);
        check(excuses, "crates/store/tests/it/main.rs", excuse, 0);
    }

    #[test]
    fn a_changed_environment_and_an_exit_are_seen() {
        check(forbidden_everywhere, "crates/cli/src/main.rs", "std::process::exit(1);\n", 1);
        check(forbidden_everywhere, "crates/run/tests/it/main.rs", "unsafe { env::set_var(a, b) };\n", 1);
        check(forbidden_everywhere, "crates/cli/src/main.rs", "process::exit_code();\n", 0);
    }

    #[test]
    fn unfinished_and_skipped_work_is_seen() {
        check(unfinished, "crates/seal/src/lib.rs", "    todo!()\n", 1);
        check(unfinished, "crates/seal/src/lib.rs", "#[ignore]\n", 1);
        check(unfinished, "crates/seal/src/lib.rs", "#[ignore = \"slow\"]\n", 1);
        check(unfinished, "crates/seal/src/lib.rs", "#[cfg_attr(slow, ignore)]\n", 1);
        check(unfinished, "crates/seal/src/lib.rs", "/// ```ignore\n", 1);
        check(unfinished, "crates/seal/src/lib.rs", "/// ```compile_fail\n", 0);
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_seen() {
        check(opening_comments, "crates/seal/src/lib.rs", "//! How a value is sealed.\n", 0);
        check(opening_comments, "crates/seal/src/lib.rs", "//! .\n", 1);
        check(opening_comments, "crates/seal/src/lib.rs", "use std::fmt;\n", 1);
        check(opening_comments, "crates/seal/src/lib.rs", "", 1);
    }

    #[test]
    fn a_line_too_many_is_seen_and_tests_do_not_count() {
        let long = "a();\n".repeat(MOST_LINES);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        check(long_files, "crates/seal/src/lib.rs", &long, 0);
        check(long_files, "crates/seal/src/lib.rs", &format!("{long}{tests}"), 0);
        check(long_files, "crates/seal/src/lib.rs", &format!("{long}b();\n"), 1);
        check(long_files, "crates/seal/tests/it/main.rs", &format!("{long}b();\n"), 0);
    }
}
