//! Every suite of the workspace, one package after another, with plain `cargo test`, and one sum over all. Deliberately
//! no runner of its own: what a developer types for one package is what runs here.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::repository;
use crate::walls;

/// The suite that must have held before any other is worth reading.
const WALLS: &str = "xtask";
const CLI: &str = "strongroom-cli";
const SLIM: &str = "slim";
/// The cli's tests in which a program asks a server.
const SERVED: &[&str] = &["served::", "tls::", "keys::", "both::", "import::"];

/// How one package's tests ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) suite: String,
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) time: Duration,
    /// What no test could say itself: it did not compile, it crashed, it was empty.
    pub(crate) remark: Option<&'static str>,
}

impl Outcome {
    /// A row for what comes before every suite: it takes its time too.
    pub(crate) fn of_needs(is_met: bool, time: Duration) -> Self {
        let remark = (!is_met).then_some("the clients are missing: see the first lines");
        Self { suite: "needs".to_owned(), passed: 0, failed: u32::from(!is_met), time, remark }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// Two runs of one suite.
    fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            time: self.time + other.time,
            remark: self.remark.or(other.remark),
            ..self
        }
    }
}

/// Compiles every suite, then runs every suite, walls first, with these variables set. A failure stops neither.
pub(crate) fn run_all(root: &Path, variables: &[(&str, OsString)]) -> Result<Vec<Outcome>> {
    let mut packages: Vec<String> =
        repository::read_packages(root)?.into_iter().map(|package| package.name).collect();
    packages.sort_by_key(|name| (name != WALLS, walls::rooms::order(name), name.clone()));
    let has_program = packages.iter().any(|name| name == CLI);
    // A compile error shows before anybody waits for a test. One package at a time, because cargo chooses features for
    // the packages it is asked for: asked for all at once, it would build for all at once and then again for each.
    let mut compiled = Vec::new();
    for name in packages {
        let started = Instant::now();
        let compiles =
            cargo_test(root, &name, variables).arg("--no-run").status().context("start cargo")?.success();
        compiled.push((name, compiles, started.elapsed()));
    }
    let mut outcomes = Vec::new();
    for (name, compiles, time) in compiled {
        outcomes.push(run_one(cargo_test(root, &name, variables), &name, compiles, time)?);
    }
    if has_program {
        outcomes.push(run_slim(root, variables)?);
    }
    Ok(outcomes)
}

/// The program without its embedded side: what only it promises, and then the promises of a served strongroom once more
/// with it as the client.
fn run_slim(root: &Path, variables: &[(&str, OsString)]) -> Result<Outcome> {
    let mut own = cargo_test(root, CLI, variables);
    own.arg("--no-default-features");
    let own = run_one(own, SLIM, true, Duration::ZERO)?;
    // Beside this very program; the next build writes the whole one over it.
    let built = std::env::current_exe().context("find this program")?.with_file_name("strongroom");
    let kept = built.with_file_name("slim").join("strongroom");
    if own.is_clean() {
        std::fs::create_dir_all(kept.with_file_name("")).context("a place for the slim program")?;
        std::fs::copy(&built, &kept).with_context(|| format!("keep {}", built.display()))?;
    }
    let mut served = cargo_test(root, CLI, variables);
    served.env("STRONGROOM_SLIM_PROGRAM", kept).args(["--test", "it", "--"]).args(SERVED);
    Ok(own.and(run_one(served, SLIM, true, Duration::ZERO)?))
}

fn run_one(mut cargo: Command, package: &str, compiles: bool, build: Duration) -> Result<Outcome> {
    let suite = package.strip_prefix("strongroom-").unwrap_or(package).to_owned();
    if !compiles {
        return Ok(Outcome { suite, passed: 0, failed: 1, time: build, remark: Some("does not compile") });
    }
    let started = Instant::now();
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("start cargo")?;
    let printed = child.stdout.take().context("read what cargo prints")?;
    let tally = count(BufReader::new(printed), &mut io::stdout().lock())?;
    let succeeded = child.wait().context("wait for cargo")?.success();
    Ok(tally.judge(suite, succeeded, build + started.elapsed()))
}

/// In our own process group, so that Ctrl-C ends cargo and the tests along with us.
fn cargo_test(root: &Path, package: &str, variables: &[(&str, OsString)]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--no-fail-fast", "--package", package])
        .current_dir(root)
        .envs(variables.iter().cloned());
    cargo
}

/// What the test programs of one package said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Test programs that began; one that ends without a result has crashed.
    begun: u32,
    ended: u32,
    passed: u32,
    failed: u32,
    ignored: u32,
}

/// Passes the lines on as they come, and counts.
fn count(mut printed: impl BufRead, shown: &mut impl Write) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while printed.read_until(b'\n', &mut line).context("read what cargo prints")? > 0 {
        shown.write_all(&line).and_then(|()| shown.flush()).context("pass on what cargo prints")?;
        tally.add(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, line: &str) {
        let line = line.trim_end();
        if line.starts_with("running ") && (line.ends_with(" test") || line.ends_with(" tests")) {
            self.begun += 1;
        } else if let Some((_, result)) = line.split_once("test result: ") {
            self.ended += 1;
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
            self.ignored += number_before(result, " ignored");
        }
    }

    fn judge(self, suite: String, succeeded: bool, time: Duration) -> Outcome {
        let crashed = self.begun.saturating_sub(self.ended);
        // A test that does not run proves nothing, so it counts against us.
        let failed = self.failed + self.ignored + crashed;
        let is_empty = self.passed + failed == 0;
        let (failed, remark) = match (succeeded, failed) {
            (_, failed) if crashed > 0 => (failed, Some("crashed")),
            (false, 0) => (1, Some("ended badly: see above")),
            (true, 0) if is_empty => (1, Some("runs no test")),
            (_, failed) => (failed, (self.ignored > 0).then_some("skips tests")),
        };
        Outcome { suite, passed: self.passed, failed, time, remark }
    }
}

fn number_before(text: &str, word: &str) -> u32 {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The table, and the sum alone on the last line.
pub(crate) fn report(outcomes: &[Outcome]) -> String {
    let mut text = format!("\n{:<10} {:>7} {:>7} {:>9}\n", "suite", "passed", "failed", "time");
    for Outcome { suite, passed, failed, time, remark } in outcomes {
        let row = format!(
            "{suite:<10} {passed:>7} {failed:>7} {:>7.1} s  {}",
            time.as_secs_f64(),
            remark.unwrap_or("")
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    let passed: u32 = outcomes.iter().map(|outcome| outcome.passed).sum();
    let failed: u32 = outcomes.iter().map(|outcome| outcome.failed).sum();
    text.push_str(&format!("\n{passed} passed, {failed} failed\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &str, succeeded: bool, expected: (u32, u32, Option<&str>)) {
        let mut shown = Vec::new();
        let tally = count(printed.as_bytes(), &mut shown).expect("memory can be read and written");
        assert_eq!(shown, printed.as_bytes(), "every byte is passed on");
        let outcome = tally.judge("x".to_owned(), succeeded, Duration::ZERO);
        assert_eq!((outcome.passed, outcome.failed, outcome.remark), expected, "{printed}");
    }

    #[test]
    fn results_are_summed_over_all_test_programs() {
        let ok = "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let bad = "running 2 tests\n.F\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n";
        let none =
            "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        check(ok, true, (2, 0, None));
        check(&format!("{ok}{none}{ok}"), true, (4, 0, None));
        check(&format!("{ok}{bad}"), false, (3, 1, None));
    }

    #[test]
    fn silence_is_a_failure() {
        let none =
            "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        check("", true, (0, 1, Some("runs no test")));
        check(none, true, (0, 1, Some("runs no test")));
        check("", false, (0, 1, Some("ended badly: see above")));
        check("running 1 test\n", false, (0, 1, Some("crashed")));
        let skipped = "running 2 tests\ntest result: ok. 1 passed; 0 failed; 1 ignored; 0 measured\n";
        check(skipped, true, (1, 1, Some("skips tests")));
    }

    #[test]
    fn a_result_after_a_line_left_open_counts() {
        check(
            "running 1 test\nhalf a linetest result: ok. 1 passed; 0 failed; 0 ignored\n",
            true,
            (1, 0, None),
        );
    }

    #[test]
    fn the_sum_stands_alone_on_the_last_line() {
        let outcome = |suite: &str, passed, failed, remark| Outcome {
            suite: suite.to_owned(),
            passed,
            failed,
            time: Duration::from_millis(1250),
            remark,
        };
        let text =
            report(&[outcome("secrets", 12, 0, None), outcome("seal", 0, 1, Some("does not compile"))]);
        assert!(text.ends_with("\n12 passed, 1 failed\n"), "{text}");
        assert!(text.contains("\nsecrets         12       0     1.2 s\n"), "{text}");
        assert!(text.contains("\nseal             0       1     1.2 s  does not compile\n"), "{text}");
    }
}
