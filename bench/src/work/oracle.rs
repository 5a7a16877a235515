//! `oracle`: whether refusals that must say the same also take the same time. Two requests are asked in random order, again
//! and again; Welch's t says whether their times differ. The server has a core of its own, and the client the other. Some
//! pairs are controls: the same request twice, which must not differ, and one that must.

mod pairs;
mod welch;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use self::pairs::{Pair, Verdict, furnish};
use self::welch::{Sample, cropped, t};
use super::served::serve;
use crate::attack::{HONEST, Line};
use crate::place::Place;
use crate::programs::Programs;
use crate::rounds::{Goal, Outcome, Round};
use crate::server::Server;

/// Beyond this, times differ (security.md, T-1 to T-3).
const MOST: f64 = 4.5;
/// How many ask at once where the server lets them wait: each on a connection of its own.
const LANES: u32 = 8;

pub(super) fn measure(programs: &Programs, place: &Place, pairs: u32, only: &str) -> Result<Vec<Outcome>> {
    let all = furnish(programs, place)?;
    let cores = Cores::divide()?;
    let mut program = serve(programs, place);
    program.args(["--address-rate", "0", "--key-rate", "0"]);
    let server = cores.start(|| Server::start(program))?;
    let mut outcomes = Vec::new();
    for pair in all.iter().filter(|pair| pair.name.contains(only)) {
        compare(&server, pair).with_context(|| pair.name)?;
        let begin = Instant::now();
        let found = ask(&server, pair, pairs).with_context(|| pair.name)?;
        outcomes.push(found.judge(pair, begin.elapsed().as_secs_f64()));
    }
    server.stop()?;
    cores.unite()?;
    Ok(outcomes)
}

/// One core for the server, another for its clients.
struct Cores {
    all: CpuSet,
    split: Option<[CpuSet; 2]>,
}

impl Cores {
    fn divide() -> Result<Self> {
        let all = sched_getaffinity(None).context("find the cores")?;
        let mut own = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).map(|core| {
            let mut one = CpuSet::new();
            one.set(core);
            one
        });
        let split = own.next().zip(own.next()).map(|(server, client)| [server, client]);
        if split.is_none() {
            eprintln!("there is one core: server and client share it, and times are noise");
        }
        Ok(Self { all, split })
    }

    /// What starts in here stays on its core; from then on this process is on the other.
    fn start<T>(&self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some([server, client]) = &self.split else { return start() };
        pin(server)?;
        let started = start();
        pin(client)?;
        started
    }

    fn unite(&self) -> Result<()> {
        pin(&self.all)
    }
}

fn pin(cores: &CpuSet) -> Result<()> {
    sched_setaffinity(None::<Pid>, cores).context("choose a core")
}

/// That both answers are the same to the letter: status, headers and body, but for the request's own id and the time.
fn compare(server: &Server, pair: &Pair) -> Result<()> {
    let mut line = Line::open(HONEST, server.address()).context("connect")?;
    let mut said = Vec::new();
    for request in &pair.requests {
        let answer = line.ask(request).context("ask")?;
        let id = answer.header("strongroom-request-id").unwrap_or("no id").to_owned();
        let head: Vec<_> =
            answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect();
        let text = head.join("\n") + &String::from_utf8_lossy(&answer.body);
        said.push(text.replace(&id, "ID"));
    }
    if pair.verdict == Verdict::MustNotDiffer {
        ensure!(said[0] == said[1], "two answers differ:\n{}\n---\n{}", said[0], said[1]);
    }
    Ok(())
}

/// Nanoseconds of each.
struct Found([Vec<f64>; 2]);

fn ask(server: &Server, pair: &Pair, pairs: u32) -> Result<Found> {
    let lanes = if pair.waits { LANES } else { 1 };
    let asked = std::thread::scope(|scope| {
        let lane = |number: u32| scope.spawn(move || ask_alone(server, pair, pairs / lanes, number));
        let lanes: Vec<_> = (0..lanes).map(lane).collect();
        lanes.into_iter().map(|lane| lane.join().ok().context("ask")?).collect::<Result<Vec<_>>>()
    })?;
    let mut sum = Found([Vec::new(), Vec::new()]);
    for Found(times) in asked {
        sum.0.iter_mut().zip(times).for_each(|(all, some)| all.extend(some));
    }
    Ok(sum)
}

/// One connection for both requests, so that nothing but the request differs.
fn ask_alone(server: &Server, pair: &Pair, pairs: u32, lane: u32) -> Result<Found> {
    let mut line = Line::open(HONEST, server.address()).context("connect")?;
    let mut found = Found([Vec::new(), Vec::new()]);
    let mut state = u64::from(lane) * 2 + 1;
    // Some come first that do not count: nothing was done before.
    let warm = 50;
    for number in 0..pairs + warm {
        // From a fixed generator (Knuth's MMIX); its upper bits are the random ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = (state >> 63) as usize;
        for which in [first, 1 - first] {
            let begin = Instant::now();
            line.ask(&pair.requests[which]).context("ask")?;
            let time = begin.elapsed();
            if number >= warm {
                found.0[which].push(time.as_secs_f64() * 1e9);
            }
        }
    }
    Ok(found)
}

impl Found {
    fn judge(self, pair: &Pair, seconds: f64) -> Outcome {
        let Self([first, second]) = self;
        let whole = t(&Sample::of(&first), &Sample::of(&second));
        // A few answers of a busy machine outweigh all the others: without them smaller differences show.
        let [first_few, second_few] = cropped([&first, &second], 0.9);
        let few = t(&first_few, &second_few);
        let (a, b) = (Sample::of(&first), Sample::of(&second));
        let worst = whole.abs().max(few.abs());
        let (difference, usual) = (a.mean - b.mean, first_few.mean - second_few.mean);
        let said = format!(
            "{} pairs in {seconds:.0} s; means {:.0} and {:.0} ns, difference {difference:.0} ns, t {whole:.2}; \
             the fastest 90 %: {:.0} and {:.0} ns, difference {usual:.0} ns, t {few:.2}",
            first.len(),
            a.mean,
            b.mean,
            first_few.mean,
            second_few.mean,
        );
        eprintln!("  {}: {said}", pair.name);
        if pair.verdict == Verdict::MustDiffer && worst <= MOST {
            eprintln!(
                "  that difference is not seen on this machine now: what the other pairs say means nothing"
            );
        }
        Outcome {
            work: "oracle",
            params: json!({"pair": pair.name, "pairs": first.len(), "seconds": seconds, "means_ns": [a.mean, b.mean],
                "difference_ns": difference, "t": whole, "fastest_90_percent": {"means_ns": [first_few.mean, second_few.mean],
                "difference_ns": usual, "t": few}, "must_differ": pair.verdict == Verdict::MustDiffer}),
            unit: "|t|",
            subject: pair.name,
            ceiling: vec!["4.5"],
            beside: Vec::new(),
            goal: match pair.verdict {
                Verdict::MustNotDiffer => Some(Goal::Figure(MOST)),
                Verdict::MustDiffer => None,
            },
            most_fsyncs: None,
            rounds: vec![Round { subject: worst, ceilings: vec![MOST], cpu: None, fsyncs: None }],
        }
    }
}
