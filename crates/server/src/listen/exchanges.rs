//! Which requests of one connection are under way, word of each beginning and end, and when a peer is too slow in taking
//! an answer. How slow is too slow is not said here.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Version;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Limits;

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Exchanges {
    running: watch::Sender<Running>,
    // Its own sender lives as long, so that waiting never fails.
    changes: watch::Receiver<Running>,
}

#[derive(Debug, Default)]
struct Running {
    begun: u64,
    one_by_one: bool,
    /// What was taken of its answer; none while there is no answer.
    taken: BTreeMap<u64, Option<Taken>>,
}

/// How much of an answer was taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    begun: Instant,
    last: Instant,
    bytes: u64,
}

impl Taken {
    /// When patience is over if nothing more is taken: a while after the last piece, or when the average of all falls too
    /// low, which is looked at after the same while.
    fn overdue(&self, limits: &Limits) -> Instant {
        let grace = limits.answer;
        let enough = Duration::from_secs_f64(self.bytes as f64 / f64::from(limits.answer_rate.max(1)));
        (self.last + grace).min(self.begun + grace.max(enough))
    }
}

/// Marks where requests begin.
#[derive(Debug, Clone)]
pub(super) struct Marker(watch::Sender<Running>);

/// One request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    running: watch::Sender<Running>,
    number: u64,
}

impl Exchanges {
    pub(super) fn new() -> Self {
        let (running, changes) = watch::channel(Running::default());
        Self { running, changes }
    }

    pub(super) fn marker(&self) -> Marker {
        Marker(self.running.clone())
    }

    pub(super) fn none_running(&self) -> bool {
        self.running.borrow().taken.is_empty()
    }

    /// Whether the next request can come only when the one before is answered, as over HTTP/1.
    pub(super) fn are_one_by_one(&self) -> bool {
        self.running.borrow().one_by_one
    }

    /// When patience with the first of the answers is over; none where no answer waits.
    pub(super) fn overdue(&self, limits: &Limits) -> Option<Instant> {
        self.running.borrow().taken.values().flatten().map(|taken| taken.overdue(limits)).min()
    }

    /// Returns when a request began, had its answer or ended since the last time.
    pub(super) async fn changed(&mut self) {
        self.changes.changed().await.expect("the sender is in the same value");
    }
}

impl Marker {
    pub(super) fn begin(&self, version: Version) -> Exchange {
        let mut number = 0;
        self.0.send_modify(|running| {
            running.begun += 1;
            running.one_by_one = version < Version::HTTP_2;
            number = running.begun;
            running.taken.insert(number, None);
        });
        Exchange { running: self.0.clone(), number }
    }
}

impl Exchange {
    /// There is an answer now, of which nothing is taken, or the peer took so much more of it.
    pub(super) fn note_taken(&self, bytes: u64) {
        let last = Instant::now();
        self.running.send_if_modified(|running| {
            let before = running.taken.get(&self.number).copied().flatten();
            let taken = before.map_or(Taken { begun: last, last, bytes }, |before| Taken {
                last,
                bytes: before.bytes + bytes,
                ..before
            });
            running.taken.insert(self.number, Some(taken));
            // Whoever waits for the rest to be taken looks at the time again; only the first time is news.
            before.is_none()
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.running.send_modify(|running| {
            running.taken.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_is_waited_for_from_when_a_piece_was_taken_last() {
        let limits = Limits { answer: 30 * SECOND, answer_rate: 1, ..Limits::default() };
        let exchanges = Exchanges::new();
        let begin = || exchanges.marker().begin(Version::HTTP_2);
        let (first, second) = (begin(), begin());
        assert_eq!(exchanges.overdue(&limits), None, "there is no answer yet");
        first.note_taken(0);
        let overdue = exchanges.overdue(&limits).expect("an answer waits");
        second.note_taken(0);
        assert_eq!(exchanges.overdue(&limits), Some(overdue), "the other one's progress is no help");
        first.note_taken(1000);
        assert!(exchanges.overdue(&limits).expect("two answers wait") > overdue);
        drop((first, second));
        assert!(exchanges.none_running() && exchanges.overdue(&limits).is_none());
    }

    #[test]
    fn a_peer_that_takes_little_by_little_has_no_more_time_than_one_that_takes_nothing() {
        let limits = Limits { answer: 30 * SECOND, answer_rate: 1000, ..Limits::default() };
        let begun = Instant::now();
        let check = |last: u32, bytes, expected: u32| {
            let taken = Taken { begun, last: begun + last * SECOND, bytes };
            assert_eq!(taken.overdue(&limits), begun + expected * SECOND, "{bytes} until {last}");
        };
        check(0, 0, 30);
        check(29, 29, 30);
        check(29, 30_000, 30);
        check(29, 31_000, 31);
        check(40, 60_000, 60);
        // Fast, and then not at all.
        check(1, 1_000_000, 31);
    }
}
