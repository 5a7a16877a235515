//! Which requests of one connection are under way, word of each beginning and end, and since when the peer has taken
//! nothing of an answer. How long is too long is not said here.

use std::collections::BTreeMap;

use axum::http::Version;
use tokio::sync::watch;
use tokio::time::Instant;

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
    /// When something of its answer was taken last; none while there is no answer.
    taken: BTreeMap<u64, Option<Instant>>,
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

    /// Since when nothing was taken of the answer that waits longest; none where no answer waits.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.running.borrow().taken.values().flatten().min().copied()
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
    /// There is an answer now, or the peer took a piece of it.
    pub(super) fn note_progress(&self) {
        let now = Instant::now();
        self.running.send_if_modified(|running| {
            let before = running.taken.insert(self.number, Some(now));
            // Whoever waits for the rest to be taken looks at the time again; only the first time is news.
            before.flatten().is_none()
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

    #[test]
    fn an_answer_waits_from_when_a_piece_was_taken_last() {
        let exchanges = Exchanges::new();
        let begin = || exchanges.marker().begin(Version::HTTP_2);
        let (first, second) = (begin(), begin());
        assert_eq!(exchanges.waiting_since(), None, "there is no answer yet");
        first.note_progress();
        let begun = exchanges.waiting_since().expect("an answer waits");
        second.note_progress();
        assert_eq!(exchanges.waiting_since(), Some(begun), "the other one's progress is no help");
        first.note_progress();
        assert!(exchanges.waiting_since().expect("two answers wait") > begun);
        drop((first, second));
        assert!(exchanges.none_running() && exchanges.waiting_since().is_none());
    }
}
