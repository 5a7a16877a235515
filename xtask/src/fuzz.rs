//! `cargo xtask fuzz`: the engine over the targets of `fuzz/`, which stands outside the workspace because the engine needs
//! flags that stable Rust does not have. Deliberately not part of the test run: that replays the corpus.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// What makes the compiler count branches and comparisons, and look at every access to memory.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cforce-frame-pointers=yes -Zsanitizer=address";

/// Named, so that build scripts and macros, which run on this machine, are built without the flags.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What no input may take, and what is longer than any text that a parser is given whole.
const BOUNDS: [&str; 4] = ["-rss_limit_mb=1024", "-malloc_limit_mb=64", "-timeout=10", "-max_len=16384"];

/// What was typed after `cargo xtask fuzz`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    target: Option<String>,
    seconds: u32,
}

impl Asked {
    /// One minute for each target, unless something else is said.
    pub(crate) fn parse(typed: &[&str]) -> Result<Self> {
        let (target, rest) = match typed {
            [target, rest @ ..] if !target.starts_with('-') => (Some((*target).to_owned()), rest),
            rest => (None, rest),
        };
        let seconds = match rest {
            [] => 60,
            ["--seconds", seconds] => {
                seconds.parse().ok().filter(|n| *n > 0).context("--seconds takes a whole number from 1")?
            }
            _ => bail!("usage: cargo xtask fuzz [TARGET] [--seconds N]"),
        };
        Ok(Self { target, seconds })
    }
}

/// Builds every target, then lets the engine look for so long at one or at each. What it finds lies below
/// `fuzz/target/found/`; the corpus that is checked in is read and not written.
pub(crate) fn fuzz(root: &Path, asked: &Asked) -> Result<ExitCode> {
    let folder = root.join("fuzz");
    let mut targets = targets(&folder)?;
    if let Some(target) = &asked.target {
        targets.retain(|name| name == target);
        if targets.is_empty() {
            bail!("there is no target {target}; fuzz/src/bin/ holds one file for each");
        }
    }
    build(&folder, &targets)?;
    let mut broken = Vec::new();
    for target in targets {
        println!("{target}: {} s", asked.seconds);
        if !look(&folder, &target, asked.seconds)? {
            broken.push(target);
        }
    }
    match broken.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        broken => bail!("a law is broken in {}: the input lies below fuzz/target/found/", broken.join(", ")),
    }
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder.join("src/bin")).context("look for the targets")?;
    let mut targets = Vec::new();
    for file in files {
        let path = file.context("look for the targets")?.path();
        targets.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    targets.sort();
    Ok(targets)
}

fn build(folder: &Path, targets: &[String]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", PLATFORM, "--target-dir", "target"]);
    cargo.args(targets.iter().flat_map(|target| ["--bin", target]));
    // The flags are unstable ones of a stable compiler: so that what is looked at is what is shipped.
    cargo.current_dir(folder).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS);
    if !cargo.status().context("start cargo")?.success() {
        bail!("the targets do not compile");
    }
    Ok(())
}

fn look(folder: &Path, target: &str, seconds: u32) -> Result<bool> {
    let (kept, found) = (format!("target/corpus/{target}"), format!("target/found/{target}/"));
    for place in [&kept, &found] {
        fs::create_dir_all(folder.join(place)).with_context(|| format!("make fuzz/{place}"))?;
    }
    let mut engine = Command::new(folder.join("target").join(PLATFORM).join("release").join(target));
    engine.args(BOUNDS).args([
        &format!("-max_total_time={seconds}"),
        &format!("-artifact_prefix={found}"),
        "-dict=dictionary",
        "-print_final_stats=1",
        &kept,
        &format!("corpus/{target}"),
    ]);
    let ended = engine.current_dir(folder).status().with_context(|| format!("start {target}"))?;
    Ok(ended.success())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_target_and_its_time_may_be_named() {
        let check = |typed: &[&str], expected: Option<(Option<&str>, u32)>| {
            let asked = Asked::parse(typed).ok();
            let expected =
                expected.map(|(target, seconds)| Asked { target: target.map(str::to_owned), seconds });
            assert_eq!(asked, expected, "{typed:?}");
        };
        check(&[], Some((None, 60)));
        check(&["token"], Some((Some("token"), 60)));
        check(&["--seconds", "5"], Some((None, 5)));
        check(&["token", "--seconds", "300"], Some((Some("token"), 300)));
        for typed in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "x"], &["token", "id"]] {
            check(typed, None);
        }
    }

    #[test]
    fn every_target_has_a_corpus_that_the_tests_replay_and_every_corpus_a_target() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let targets: BTreeSet<String> =
            targets(&root.join("fuzz")).expect("the targets").into_iter().collect();
        assert!(targets.len() >= 12, "the targets are there");
        let corpora = fs::read_dir(root.join("fuzz/corpus")).expect("the corpora");
        let corpora: BTreeSet<String> = corpora
            .map(|folder| folder.expect("an entry").file_name().into_string().expect("a plain name"))
            .collect();
        assert_eq!(targets, corpora, "a target without a corpus, or the reverse");

        let rooms = fs::read_dir(root.join("crates")).expect("the rooms");
        let replays: String = rooms
            .filter_map(|room| {
                fs::read_to_string(room.expect("an entry").path().join("tests/it/corpus.rs")).ok()
            })
            .collect();
        for target in &targets {
            let test = format!("fn the_corpus_of_{target}_keeps_its_laws()");
            assert!(replays.contains(&test), "no test replays {target}");
        }
    }

    #[test]
    fn the_corpus_stays_small() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let mut all = 0;
        for target in fs::read_dir(folder).expect("the corpora") {
            for file in fs::read_dir(target.expect("an entry").path()).expect("a folder") {
                let file = file.expect("an entry");
                let bytes = file.metadata().expect("a file").len();
                assert!(bytes <= 16 * 1024, "{} has {bytes} bytes: minimise it", file.path().display());
                all += bytes;
            }
        }
        assert!((1..=200 * 1024).contains(&all), "{all} bytes in all");
    }
}
