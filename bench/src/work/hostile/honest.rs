//! Honest clients: they ask at a modest rate, whatever happens, and note how long each waited from when its question was
//! due. What they cannot get counts as half a minute.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::attack::{HONEST, Line, Scene};

/// What an honest client waited for in vain.
const IN_VAIN_MS: f64 = 30_000.0;
/// How long nobody waits for a recovery.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one kind of honest client asks, and how often.
struct Habit {
    every: Duration,
    delivers: bool,
    /// Whether each question has a connection of its own.
    newly: bool,
}

const HABITS: [Habit; 4] = [
    Habit { every: Duration::from_millis(20), delivers: false, newly: false },
    Habit { every: Duration::from_millis(20), delivers: false, newly: false },
    Habit { every: Duration::from_millis(50), delivers: true, newly: false },
    Habit { every: Duration::from_millis(50), delivers: false, newly: true },
];

/// What honest clients noticed: milliseconds, sorted.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    all: Vec<f64>,
    newcomers: Vec<f64>,
    /// They were answered something else.
    refused: usize,
    /// They were not answered.
    failed: usize,
}

/// Asks for so long.
pub(super) fn notice(scene: &Scene, lasts: Duration) -> Noticed {
    let noticed = std::thread::scope(|scope| {
        let clients = HABITS.each_ref().map(|habit| scope.spawn(|| keep(habit, scene, lasts)));
        clients.map(|client| client.join().expect("a client does not panic"))
    });
    let mut sum = Noticed::default();
    for (habit, one) in HABITS.iter().zip(noticed) {
        if habit.newly {
            sum.newcomers.extend(&one.all);
        }
        sum.all.extend(one.all);
        sum.refused += one.refused;
        sum.failed += one.failed;
    }
    sum.all.sort_by(f64::total_cmp);
    sum.newcomers.sort_by(f64::total_cmp);
    sum
}

fn keep(habit: &Habit, scene: &Scene, lasts: Duration) -> Noticed {
    let request = if habit.delivers { scene.delivery() } else { scene.show() };
    let begin = Instant::now();
    let mut noticed = Noticed::default();
    let mut line = None;
    for number in 0.. {
        let due = begin + habit.every * number;
        if due - begin >= lasts {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answered = ask(&mut line, scene, &request);
        let waited = due.elapsed().as_secs_f64() * 1e3;
        noticed.all.push(if matches!(answered, Ok(200 | 201)) { waited } else { IN_VAIN_MS });
        noticed.refused += usize::from(answered.as_ref().is_ok_and(|status| *status > 201));
        noticed.failed += usize::from(answered.is_err());
        // An attack that blocks everything ends all the same.
        if answered.is_err() || habit.newly {
            line = None;
        }
        if begin.elapsed() > lasts * 2 {
            break;
        }
    }
    noticed
}

fn ask(line: &mut Option<Line>, scene: &Scene, request: &[u8]) -> io::Result<u16> {
    if line.is_none() {
        *line = Some(Line::open(HONEST, scene.server)?);
    }
    let open = line.as_mut().expect("just opened");
    Ok(open.ask(request)?.status)
}

/// Returns when newcomers and deliveries are answered well again, ten times in a row: how long that took.
pub(super) fn wait_for_recovery(scene: &Scene, good: Duration) -> Result<Duration> {
    const OFTEN: u32 = 10;
    let begin = Instant::now();
    let (mut well, mut since) = (0, begin);
    while well < OFTEN {
        ensure!(begin.elapsed() < PATIENCE, "it has not recovered after {} s", PATIENCE.as_secs());
        let asked = Instant::now();
        let answered = [scene.show(), scene.delivery()].map(|request| ask(&mut None, scene, &request));
        let is_well =
            answered.iter().all(|answer| matches!(answer, Ok(200 | 201))) && asked.elapsed() <= 2 * good;
        if well == 0 {
            since = asked;
        }
        well = if is_well { well + 1 } else { 0 };
    }
    Ok(since - begin)
}

impl Noticed {
    pub(super) fn p99(&self) -> f64 {
        quantile(&self.all, 0.99)
    }
}

impl fmt::Display for Noticed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, newcomers, refused, failed } = self;
        let (p50, p99, newly) = (quantile(all, 0.5), self.p99(), quantile(newcomers, 0.99));
        write!(
            f,
            "p50 {p50:.1} p99 {p99:.1} (newcomers {newly:.1}) ms, of {} {refused} refused, {failed} unanswered",
            all.len()
        )
    }
}

/// Of figures that are sorted; 0 where there are none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_figures() {
        let check = |figures: &[f64], share, expected: f64| {
            assert_eq!(quantile(figures, share), expected, "{figures:?} {share}");
        };
        check(&[], 0.99, 0.0);
        check(&[7.0], 0.99, 7.0);
        check(&[1.0, 2.0, 3.0, 4.0], 0.5, 3.0);
        check(&(0..1000).map(f64::from).collect::<Vec<_>>(), 0.99, 990.0);
    }
}
