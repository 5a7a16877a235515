//! The memory that all bodies in flight share. It counts what was received and what is about to be sent, never what a
//! client announces, so that an announcement costs nobody else anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of it is taken.
pub(crate) struct Budget {
    // Invariant: the sum of all shares (test `a_share_that_ends_is_given_back`).
    taken: AtomicU64,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { taken: AtomicU64::new(0), limit }
    }

    /// An empty share, to be grown; given back when dropped.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }

    /// Whether nothing is left: nothing large should be begun now.
    pub(crate) fn is_spent(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.limit
    }
}

/// What one body has taken.
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    /// Takes more, if there is as much.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Spent> {
        let before = self.budget.taken.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > self.budget.limit { Err(Spent) } else { Ok(()) }
    }

    /// Takes what is in memory already, even beyond the limit: a delivery that is recorded must not be withheld for its
    /// size. What comes after it waits for the room to be given back.
    pub(crate) fn note(&mut self, bytes: u64) {
        self.budget.taken.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// There is no room for this body now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_ends_is_given_back() {
        let budget = Arc::new(Budget::new(10));
        let mut first = budget.share();
        assert_eq!(first.grow(6), Ok(()));
        let mut second = budget.share();
        assert_eq!(second.grow(4), Ok(()));
        assert!(budget.is_spent());
        assert_eq!(second.grow(1), Err(Spent));
        drop(second);
        assert!(!budget.is_spent());
        first.note(100);
        assert!(budget.is_spent());
        drop(first);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }
}
