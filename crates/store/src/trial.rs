//! Whether the database takes what is written: remembered from the last time that it did not, and tried again now and
//! then. It writes nothing itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::session::StoreError;

/// Whoever asks more often is told what was found before: a trial costs as much as a change.
const PAUSE_MICROS: i64 = 1_000_000;

/// Why nothing could be written, until something is. Shared between the connection that notes it and whoever asks.
#[derive(Clone, Default)]
pub(crate) struct Refusal(Arc<Mutex<Option<StoreError>>>);

impl Refusal {
    pub(crate) fn note(&self, error: &StoreError) {
        *held(&self.0) = Some(error.clone());
    }

    pub(crate) fn clear(&self) {
        *held(&self.0) = None;
    }
}

/// When it was tried last.
pub(crate) struct Trials {
    refusal: Refusal,
    last: Mutex<Option<i64>>,
}

impl Trials {
    pub(crate) fn of(refusal: Refusal) -> Self {
        Self { refusal, last: Mutex::new(None) }
    }

    /// None while all is well; else that whoever asks is to try it now, or what was found before.
    pub(crate) fn due(&self, now: i64) -> Option<Result<(), StoreError>> {
        let refused = held(&self.refusal.0).clone()?;
        let mut last = held(&self.last);
        // A clock that was put back is no reason to wait for it.
        if last.is_some_and(|last| (0..PAUSE_MICROS).contains(&now.saturating_sub(last))) {
            return Some(Err(refused));
        }
        *last = Some(now);
        Some(Ok(()))
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::cause;

    #[test]
    fn a_refusal_is_tried_once_a_second_whatever_the_clock_does() {
        let refusal = Refusal::default();
        let trials = Trials::of(refusal.clone());
        assert!(trials.due(0).is_none(), "all is well");
        refusal.note(&StoreError::DiskFull(cause("no room")));
        let tried = |now| matches!(trials.due(now), Some(Ok(())));
        let told = |now| matches!(trials.due(now), Some(Err(StoreError::DiskFull(_))));
        assert!(tried(5_000_000) && told(5_000_000) && told(5_999_999));
        assert!(tried(6_000_000) && told(6_500_000));
        assert!(tried(2_000_000) && told(2_999_999), "put back");
        assert!(tried(i64::MAX) && tried(i64::MIN) && tried(i64::MAX - 1));
        refusal.clear();
        assert!(trials.due(i64::MAX).is_none());
    }
}
