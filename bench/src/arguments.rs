//! What was typed, and what it means: which works, for how long, and where the figures go.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::rounds::Pace;

const EXAMPLES: &str = "Examples, from the workspace; the programs that are measured are built first, as this one was:
  cargo run --release -p strongroom-bench -- get
  cargo run --release -p strongroom-bench -- deliver --rounds 11 --json deliver.jsonl
  cargo run --release -p strongroom-bench -- hostile --rounds 3 --seconds 5 --only d_4
  cargo run --release -p strongroom-bench -- oracle --pairs 100000
  cargo run --profile dist -p strongroom-bench -- footprint   (as packages are built; the slim program takes a while)

Nothing else should run meanwhile. Fsyncs are counted where strace is on PATH; 1,000 connections need `ulimit -n 2048`.";

/// Measures strongroom beside its ceilings and prints ratios.
///
/// Subject and ceilings alternate in each round; the ratio is taken per round: of what each takes (a goal with ×), or of
/// what each gets done (a goal without), where two ceilings share the cores. A ratio that varies by more than a factor
/// of two is called noisy and decides nothing. Data lies beside this program: set CARGO_TARGET_DIR to try another disk.
#[derive(Debug, Parser)]
#[command(name = "strongroom-bench", after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The works to measure (default: all that are about speed and size, which is all but hostile and oracle).
    names: Vec<Name>,
    /// How many rounds count; one more comes first and is dropped.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long a round lasts, in seconds, shared by its subject and its ceilings.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Of the cases of hostile and oracle, those whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) only: String,
    /// How many pairs of requests oracle compares in each case.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    pub(crate) pairs: u32,
    /// Write every round to this file, one line of JSON for each subject.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Deliver this sample so often and do nothing else, while somebody counts from outside.
    #[arg(long, hide = true, value_name = "SAMPLE=TIMES", value_parser = Alone::parse)]
    pub(crate) alone: Option<Alone>,
}

/// A number of deliveries, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alone {
    pub(crate) sample: String,
    pub(crate) times: u32,
}

impl Alone {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(sample, times)| Some((sample, times.parse().ok()?)));
        let (sample, times) = parts.ok_or("it is written SAMPLE=TIMES")?;
        Ok(Self { sample: sample.to_owned(), times })
    }
}

/// A work of strongroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// The program itself: nothing done, and the first use of the cipher.
    Start,
    /// A collection into a process, embedded.
    Run,
    /// A collection out of a strongroom, its record durable first: embedded with one client, served with one and with 64.
    Deliver,
    /// A collection of 20 secrets, masked, served to 64 clients.
    Get,
    /// The memory of a server, idle and with 64 and 1,000 connections; the size of the program, full and slim.
    Footprint,
    /// What honest clients notice of attacks, a fresh server for each round; how much memory one takes, and how soon it is
    /// over. A round attacks for all its seconds, after as many without an attack.
    Hostile,
    /// Whether refusals that say the same take the same time: Welch's t over pairs in random order.
    Oracle,
}

impl Name {
    /// Those that somebody can wait for.
    const USUAL: [Self; 5] = [Self::Start, Self::Run, Self::Deliver, Self::Get, Self::Footprint];
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Run => "run",
            Self::Deliver => "deliver",
            Self::Get => "get",
            Self::Footprint => "footprint",
            Self::Hostile => "hostile",
            Self::Oracle => "oracle",
        })
    }
}

impl Arguments {
    pub(crate) fn works(&self) -> Vec<Name> {
        let mut works = if self.names.is_empty() { Name::USUAL.to_vec() } else { self.names.clone() };
        let mut seen = Vec::new();
        works.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        works
    }

    pub(crate) fn pace(&self) -> Pace {
        Pace { rounds: self.rounds, round: Duration::from_secs(self.seconds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_named_means_every_usual_work_once() {
        let check = |typed: &[&str], expected: &[Name]| {
            let typed =
                Arguments::try_parse_from([&["bench"], typed].concat()).expect("a right command line");
            assert_eq!(typed.works(), expected, "{typed:?}");
        };
        check(&[], &[Name::Start, Name::Run, Name::Deliver, Name::Get, Name::Footprint]);
        check(&["deliver"], &[Name::Deliver]);
        check(&["run", "start", "run"], &[Name::Run, Name::Start]);
    }

    #[test]
    fn deliveries_alone_are_a_sample_and_a_number() {
        let check = |text: &str, expected: Option<(&str, u32)>| {
            let expected = expected.map(|(sample, times)| Alone { sample: sample.to_owned(), times });
            assert_eq!(Alone::parse(text).ok(), expected, "{text}");
        };
        check("small=9", Some(("small", 9)));
        check("small", None);
        check("small=", None);
        check("small=-1", None);
    }

    #[test]
    fn a_load_without_bounds_is_refused() {
        let check = |typed: &[&str]| {
            let refused = Arguments::try_parse_from([&["bench"], typed].concat());
            assert!(refused.is_err(), "{typed:?}");
        };
        check(&["--rounds", "0"]);
        check(&["--rounds", "1001"]);
        check(&["--seconds", "0"]);
        check(&["--seconds", "601"]);
        check(&["--pairs", "1"]);
        check(&["walk"]);
    }
}
