//! What happens often and is said seldom: a counter that asks for a line of the log at most once in a while. It writes
//! none itself.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Seldom {
    every: Duration,
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, said: None, unsaid: 0 }
    }

    /// Counts one. Answers how many there were since the last line, this one included, if a line is due.
    pub(super) fn count(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        if self.said.is_some_and(|said| now.duration_since(said) < self.every) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_minute_and_nothing_goes_uncounted() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut seldom = Seldom::new(60 * second);
        assert_eq!(seldom.count(start), Some(1));
        assert_eq!(seldom.count(start), None);
        assert_eq!(seldom.count(start + 59 * second), None);
        assert_eq!(seldom.count(start + 60 * second), Some(3));
        assert_eq!(seldom.count(start + 61 * second), None);
        assert_eq!(seldom.count(start + 1000 * second), Some(2));
    }
}
