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

    /// Takes room for what is about to be in memory, and nothing where there is not as much. What is larger than all the
    /// room is let in while any is left, or it never would be; then none is left for another.
    pub(crate) fn reserve(&mut self, bytes: u64) -> Result<(), Spent> {
        let limit = self.budget.limit;
        let with = |taken: u64| {
            let fits = if bytes > limit { taken < limit } else { taken <= limit - bytes };
            fits.then(|| taken.saturating_add(bytes))
        };
        let taken = &self.budget.taken;
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with).map_err(|_| Spent)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Takes what is in memory now, in place of what was reserved for it, even beyond the limit: a delivery that is
    /// recorded must not be withheld for its size. What comes after it waits for the room to be given back.
    pub(crate) fn note(&mut self, bytes: u64) {
        self.budget.taken.fetch_add(bytes, Ordering::Relaxed);
        self.budget.taken.fetch_sub(std::mem::replace(&mut self.bytes, bytes), Ordering::Relaxed);
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
        assert_eq!(budget.share().reserve(1), Err(Spent));
        assert_eq!(second.grow(1), Err(Spent));
        drop(second);
        assert_eq!(budget.share().reserve(1), Ok(()));
        first.note(100);
        assert_eq!(budget.share().reserve(1), Err(Spent));
        drop(first);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_reserved_never_goes_beyond_the_room() {
        let budget = Arc::new(Budget::new(10));
        let mut shares = [0; 3].map(|_| budget.share());
        let taken = shares.each_mut().map(|share| share.reserve(4));
        assert_eq!(taken, [Ok(()), Ok(()), Err(Spent)]);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 8, "what is refused takes nothing");
        assert_eq!(shares[2].reserve(2), Ok(()));
        assert_eq!(shares[2].reserve(0), Ok(()));
        assert_eq!(shares[2].reserve(u64::MAX), Err(Spent));
        shares[0].note(3);
        assert_eq!(
            budget.taken.load(Ordering::Relaxed),
            9,
            "the exact size takes the place of what was reserved"
        );
        drop(shares);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn one_that_is_larger_than_the_room_is_let_in_alone() {
        let budget = Arc::new(Budget::new(10));
        // The request that asks for it has a body too.
        let mut body = budget.share();
        body.grow(2).expect("room");
        let (mut first, mut second) = (budget.share(), budget.share());
        assert_eq!(first.reserve(11), Ok(()));
        assert_eq!(second.reserve(11), Err(Spent));
        assert_eq!(second.reserve(1), Err(Spent));
        drop(first);
        assert_eq!(second.reserve(11), Ok(()));
    }
}
