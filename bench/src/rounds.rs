//! The alternation and its statistics: subject and ceilings take turns in every round, the first round is dropped, and
//! the ratio is taken per round. It knows neither strongroom nor what a ceiling is made of.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Counts the fsyncs of one time; none where nobody can.
pub(crate) type Counter<'a> = Box<dyn FnMut() -> Result<Option<f64>> + 'a>;

/// Reads the CPU time that a subject has used so far.
pub(crate) type CpuClock<'a> = Box<dyn Fn() -> Result<Duration> + 'a>;

/// How often each takes its turn within a round: a neighbour's burst then hits all of them, not one.
const TURNS: u32 = 4;
/// From this ratio of the largest to the smallest on, the machine was measured and not the work.
const NOISY: f64 = 2.0;

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The rounds that count.
    pub(crate) rounds: u32,
    /// How long one lasts.
    pub(crate) round: Duration,
}

/// Something that is done again and again.
pub(crate) struct Task<'a> {
    name: &'static str,
    /// How often one act does it.
    times: u32,
    act: Box<dyn FnMut() -> Result<()> + 'a>,
}

impl<'a> Task<'a> {
    pub(crate) fn new(name: &'static str, act: impl FnMut() -> Result<()> + 'a) -> Self {
        Self::many(name, 1, act)
    }

    /// Does it so many times in one act, for many who ask at once: what counts is how many are served, so a time is the
    /// act's, divided by them.
    pub(crate) fn many(name: &'static str, times: u32, act: impl FnMut() -> Result<()> + 'a) -> Self {
        Self { name, times, act: Box::new(act) }
    }

    /// Acts once.
    pub(crate) fn act(&mut self) -> Result<()> {
        (self.act)().with_context(|| format!("measure {}", self.name))
    }

    /// Acts for as long as `turn`, at least once, and adds the microseconds of each time.
    fn take_turn(&mut self, turn: Duration, times: &mut Vec<f64>) -> Result<()> {
        let begin = Instant::now();
        loop {
            let start = Instant::now();
            self.act()?;
            times.push(micros(start.elapsed()) / f64::from(self.times));
            if begin.elapsed() >= turn {
                return Ok(());
            }
        }
    }
}

/// A subject and what it is compared with.
pub(crate) struct Contest<'a> {
    /// The work it belongs to.
    pub(crate) work: &'static str,
    /// What tells it from others of the same work.
    pub(crate) params: Value,
    pub(crate) subject: Task<'a>,
    /// The subject's: this process with the programs it ran, or a server.
    pub(crate) cpu: CpuClock<'a>,
    pub(crate) fsyncs: Counter<'a>,
    /// The ceiling: the times of its parts are added up.
    pub(crate) ceiling: Vec<Task<'a>>,
    /// Measured in the same rounds to be looked at: no goal is about them.
    pub(crate) beside: Vec<Task<'a>>,
    pub(crate) goal: Option<Goal>,
    /// At most this many fsyncs each time.
    pub(crate) most_fsyncs: Option<f64>,
}

impl Contest<'_> {
    /// Holds every round.
    pub(crate) fn hold(mut self, pace: Pace) -> Result<Outcome> {
        self.play(pace.round)?;
        let rounds = (0..pace.rounds).map(|_| self.play(pace.round)).collect::<Result<_>>()?;
        Ok(Outcome {
            work: self.work,
            params: self.params,
            unit: "µs",
            subject: self.subject.name,
            ceiling: self.ceiling.iter().map(|task| task.name).collect(),
            beside: self.beside.iter().map(|task| task.name).collect(),
            goal: self.goal,
            most_fsyncs: self.most_fsyncs,
            rounds,
        })
    }

    fn play(&mut self, length: Duration) -> Result<Round> {
        let others = self.ceiling.len() + self.beside.len();
        let turn = length / TURNS / u32::try_from(others + 1).context("count the tasks of a round")?;
        let mut subject = Vec::new();
        let mut ceilings = vec![Vec::new(); others];
        let mut cpu = Duration::ZERO;
        for _ in 0..TURNS {
            let before = (self.cpu)()?;
            self.subject.take_turn(turn, &mut subject)?;
            cpu += (self.cpu)()?.saturating_sub(before);
            let tasks = self.ceiling.iter_mut().chain(&mut self.beside);
            tasks.zip(&mut ceilings).try_for_each(|(task, times)| task.take_turn(turn, times))?;
        }
        Ok(Round {
            cpu: Some(micros(cpu) / subject.len() as f64 / f64::from(self.subject.times)),
            subject: median(&mut subject),
            ceilings: ceilings.iter_mut().map(|times| median(times)).collect(),
            // After the clock has stopped: counting slows what it counts.
            fsyncs: (self.fsyncs)()?,
        })
    }
}

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At most so many times what the ceiling takes.
    Times(f64),
    /// At least this share of what the ceiling gets done.
    Share(f64),
    /// At most so much, whatever the ceiling has.
    Figure(f64),
}

/// What one round found; times are medians in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) subject: f64,
    /// In the order of the outcome's `ceiling`, then `beside`.
    pub(crate) ceilings: Vec<f64>,
    /// CPU time of the subject, each time; none where it does nothing.
    pub(crate) cpu: Option<f64>,
    /// None where nobody can count them.
    pub(crate) fsyncs: Option<f64>,
}

/// A contest that was held.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) work: &'static str,
    pub(crate) params: Value,
    /// What the figures of its rounds are.
    pub(crate) unit: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) ceiling: Vec<&'static str>,
    pub(crate) beside: Vec<&'static str>,
    pub(crate) goal: Option<Goal>,
    pub(crate) most_fsyncs: Option<f64>,
    // Invariant: not empty, because a pace has at least one round (`a_load_without_bounds_is_refused`).
    pub(crate) rounds: Vec<Round>,
}

impl Outcome {
    /// The subject against its ceiling: by what is done in a time where the goal is a share, else by what it takes. Two
    /// ceilings that share the cores get done what one gets that takes as long as both.
    pub(crate) fn ratio(&self) -> Spread {
        let parts = self.ceiling.len();
        self.spread(|round| self.compare(round.subject, round.ceilings[..parts].iter().sum()))
    }

    /// The subject against each that was measured beside.
    pub(crate) fn ratios_beside(&self) -> impl Iterator<Item = (&'static str, Spread)> {
        let ratio = |at: usize| {
            self.spread(|round| self.compare(round.subject, round.ceilings[self.ceiling.len() + at]))
        };
        self.beside.iter().enumerate().map(move |(at, name)| (*name, ratio(at)))
    }

    fn compare(&self, subject: f64, ceiling: f64) -> f64 {
        match self.goal {
            Some(Goal::Share(_)) => ceiling / subject,
            _ => subject / ceiling,
        }
    }

    /// Whether the goal is reached; none without one.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        Some(match self.goal? {
            Goal::Times(most) => self.ratio().keeps_below(most),
            Goal::Share(least) => self.ratio().reaches(least),
            Goal::Figure(most) => self.spread(|round| round.subject).keeps_below(most),
        })
    }

    /// Every task with its figures: the subject first.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&'static str, Spread)> {
        let ceilings = self.ceiling.iter().chain(&self.beside).enumerate();
        let ceilings = ceilings.map(|(at, name)| (*name, self.spread(|round| round.ceilings[at])));
        std::iter::once((self.subject, self.spread(|round| round.subject))).chain(ceilings)
    }

    /// None where the subject does nothing.
    pub(crate) fn cpu(&self) -> Option<Spread> {
        let used: Option<Vec<f64>> = self.rounds.iter().map(|round| round.cpu).collect();
        used.map(Spread::of)
    }

    /// None when a round could not count them.
    pub(crate) fn fsyncs(&self) -> Option<Spread> {
        let counted: Option<Vec<f64>> = self.rounds.iter().map(|round| round.fsyncs).collect();
        counted.map(Spread::of)
    }

    /// One line for the records of a release.
    pub(crate) fn to_json(&self) -> Value {
        let names = || self.ceiling.iter().chain(&self.beside);
        let round = |round: &Round| {
            let ceilings: serde_json::Map<String, Value> =
                names().zip(&round.ceilings).map(|(name, time)| ((*name).to_owned(), json!(time))).collect();
            json!({"subject": round.subject, "ceilings": ceilings, "cpu_us": round.cpu, "fsyncs": round.fsyncs})
        };
        let Spread { min, median, max } = self.ratio();
        json!({
            "name": self.work,
            "params": self.params,
            "unit": self.unit,
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>(),
            "ratio": {"ceiling": self.ceiling, "min": min, "median": median, "max": max},
            "goal": self.goal.map(|goal| match goal {
                Goal::Times(most) => json!({"ratio_at_most": most}),
                Goal::Share(least) => json!({"ratio_at_least": least}),
                Goal::Figure(most) => json!({"subject_at_most": most}),
            }),
        })
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure).collect())
    }
}

/// A figure over all rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        let median = median(&mut figures);
        Self { min: figures[0], median, max: figures[figures.len() - 1] }
    }

    pub(crate) fn is_noisy(self) -> bool {
        self.max > self.min * NOISY
    }

    /// Whether the median is so much at most.
    pub(crate) fn keeps_below(self, most: f64) -> Verdict {
        self.judge(self.median <= most)
    }

    /// Whether the median is so much at least.
    pub(crate) fn reaches(self, least: f64) -> Verdict {
        self.judge(self.median >= least)
    }

    fn judge(self, met: bool) -> Verdict {
        match (self.is_noisy(), met) {
            (true, _) => Verdict::Noisy,
            (false, true) => Verdict::Met,
            (false, false) => Verdict::Missed,
        }
    }
}

/// What a goal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// The machine had other things to do: nothing is decided.
    Noisy,
}

/// Sorts, and answers the middle one, or half way between the middle two.
fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn outcome(rounds: &[(f64, &[f64])]) -> Outcome {
        let round = |(subject, ceilings): &(f64, &[f64])| Round {
            subject: *subject,
            ceilings: ceilings.to_vec(),
            cpu: Some(1.0),
            fsyncs: Some(1.0),
        };
        Outcome {
            work: "work",
            params: json!({"size": 3}),
            unit: "µs",
            subject: "subject",
            ceiling: vec!["part", "other part"],
            beside: vec!["beside"],
            goal: Some(Goal::Times(1.5)),
            most_fsyncs: None,
            rounds: rounds.iter().map(round).collect(),
        }
    }

    #[test]
    fn the_median_is_the_middle_of_the_sorted() {
        let check = |figures: &[f64], expected: f64| {
            assert_eq!(median(&mut figures.to_vec()), expected, "{figures:?}")
        };
        check(&[7.0], 7.0);
        check(&[9.0, 1.0, 5.0], 5.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0);
    }

    #[test]
    fn the_ratio_is_taken_per_round() {
        // A machine that is ten times slower in one round changes nothing.
        let held = outcome(&[(3.0, &[1.0, 1.0, 6.0]), (30.0, &[10.0, 10.0, 60.0]), (6.0, &[2.0, 1.0, 6.0])]);
        assert_eq!(held.ratio(), Spread { min: 1.5, median: 1.5, max: 2.0 });
        let beside: Vec<_> = held.ratios_beside().collect();
        assert_eq!(beside, [("beside", Spread { min: 0.5, median: 0.5, max: 1.0 })]);
    }

    #[test]
    fn a_share_is_of_what_the_ceilings_get_done_on_shared_cores() {
        // 1 µs and 3 µs each make 250,000 a second together; 5 µs make 200,000.
        let mut held = outcome(&[(5.0, &[1.0, 3.0, 5.0])]);
        held.goal = Some(Goal::Share(0.8));
        assert_eq!(held.ratio().median, 0.8);
        assert_eq!(held.ratios_beside().next().map(|(_, ratio)| ratio.median), Some(1.0));
        assert_eq!(held.verdict(), Some(Verdict::Met));
        held.goal = Some(Goal::Share(0.81));
        assert_eq!(held.verdict(), Some(Verdict::Missed));
    }

    #[test]
    fn a_goal_of_its_own_is_not_about_the_ceiling() {
        let mut held = outcome(&[(9.0, &[1.0, 1.0, 1.0])]);
        held.goal = Some(Goal::Figure(9.0));
        assert_eq!(held.verdict(), Some(Verdict::Met));
        held.goal = Some(Goal::Figure(8.0));
        assert_eq!(held.verdict(), Some(Verdict::Missed));
        held.goal = None;
        assert_eq!(held.verdict(), None);
    }

    #[test]
    fn what_one_act_does_often_is_counted_as_often() {
        let mut times = Vec::new();
        let begin = Instant::now();
        let mut task = Task::many("task", 1_000_000, || Ok(()));
        task.take_turn(Duration::ZERO, &mut times).expect("nothing to go wrong");
        assert_eq!(times.len(), 1);
        assert!(times[0] <= micros(begin.elapsed()) / 1e6, "{times:?}");
    }

    #[test]
    fn noise_decides_nothing() {
        let check = |min, median, max, expected| {
            assert_eq!(Spread { min, median, max }.keeps_below(1.5), expected, "{min} {median} {max}");
        };
        check(1.0, 1.5, 1.9, Verdict::Met);
        check(1.4, 1.6, 1.7, Verdict::Missed);
        check(0.7, 1.0, 1.4, Verdict::Met);
        check(0.7, 1.0, 1.5, Verdict::Noisy);
        check(1.6, 1.7, 3.3, Verdict::Noisy);
        check(0.0, 0.0, 0.0, Verdict::Met);
    }

    #[test]
    fn an_fsync_that_nobody_counted_is_not_zero() {
        let mut held = outcome(&[(1.0, &[1.0, 1.0, 1.0]), (1.0, &[1.0, 1.0, 1.0])]);
        assert_eq!(held.fsyncs(), Some(Spread { min: 1.0, median: 1.0, max: 1.0 }));
        held.rounds[1].fsyncs = None;
        assert_eq!(held.fsyncs(), None);
    }

    #[test]
    fn all_take_turns_and_the_first_round_is_dropped() {
        let played = RefCell::new(String::new());
        let note = |letter: char| Task::new("task", move_to(&played, letter));
        let contest = Contest {
            work: "work",
            params: json!({}),
            subject: note('s'),
            cpu: Box::new(|| Ok(Duration::ZERO)),
            fsyncs: Box::new(|| Ok(None)),
            ceiling: vec![note('c'), note('d')],
            beside: vec![note('b')],
            goal: None,
            most_fsyncs: None,
        };
        let held = contest.hold(Pace { rounds: 2, round: Duration::ZERO }).expect("nothing to go wrong");
        assert_eq!(held.rounds.len(), 2);
        assert_eq!(held.rounds[0].ceilings.len(), 3);
        assert_eq!(*played.borrow(), "scdb".repeat(3 * TURNS as usize));
    }

    fn move_to(played: &RefCell<String>, letter: char) -> impl FnMut() -> Result<()> {
        move || {
            played.borrow_mut().push(letter);
            Ok(())
        }
    }

    #[test]
    fn a_task_that_fails_ends_the_contest() {
        let contest = Contest {
            work: "work",
            params: json!({}),
            subject: Task::new("fine", || Ok(())),
            cpu: Box::new(|| Ok(Duration::ZERO)),
            fsyncs: Box::new(|| Ok(None)),
            ceiling: vec![Task::new("broken", || anyhow::bail!("no"))],
            beside: Vec::new(),
            goal: None,
            most_fsyncs: None,
        };
        let error = contest.hold(Pace { rounds: 1, round: Duration::ZERO }).expect_err("a task fails");
        assert_eq!(format!("{error:#}"), "measure broken: no");
    }

    #[test]
    fn the_json_has_the_documented_shape() {
        let line = outcome(&[(3.0, &[1.0, 1.0, 6.0])]).to_json();
        let expected = json!({
            "name": "work",
            "params": {"size": 3},
            "unit": "µs",
            "rounds": [{
                "subject": 3.0, "ceilings": {"part": 1.0, "other part": 1.0, "beside": 6.0}, "cpu_us": 1.0, "fsyncs": 1.0,
            }],
            "ratio": {"ceiling": ["part", "other part"], "min": 1.5, "median": 1.5, "max": 1.5},
            "goal": {"ratio_at_most": 1.5},
        });
        assert_eq!(line, expected);
    }
}
