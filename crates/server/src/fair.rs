//! How many of one kind there may be at once, where one who takes many must not keep all others out: while more than half
//! are taken, nobody gets more than a quarter. A counter without a queue, as `slots` is: whoever gets none is told so at once.

use std::hash::Hash;
use std::sync::Arc;

use crate::shards::Shards;
use crate::slots::{Slot, Slots};

/// Places that holders share; no more is remembered of them than there are places.
pub(crate) struct Places<K> {
    all: Slots,
    half: usize,
    quarter: usize,
    held: Arc<Shards<K, usize>>,
}

/// One of them, until it is dropped.
pub(crate) struct Held<K: Eq + Hash> {
    _slot: Slot,
    /// None where nobody counts whose it is.
    _counted: Option<Counted<K>>,
}

struct Counted<K: Eq + Hash> {
    holder: K,
    held: Arc<Shards<K, usize>>,
}

impl<K: Clone + Eq + Hash> Places<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            all: Slots::new(most),
            half: most / 2,
            quarter: (most / 4).max(1),
            held: Arc::new(Shards::new()),
        }
    }

    pub(crate) fn taken(&self) -> usize {
        self.all.taken()
    }

    /// A place for a holder; of nobody's share where there is none.
    pub(crate) fn take(&self, holder: Option<K>) -> Option<Held<K>> {
        let slot = self.all.take()?;
        let counted = match holder {
            Some(holder) => Some(self.count(holder)?),
            None => None,
        };
        Some(Held { _slot: slot, _counted: counted })
    }

    fn count(&self, holder: K) -> Option<Counted<K>> {
        let most = if self.all.taken() > self.half { self.quarter } else { usize::MAX };
        let fits = self.held.with(&holder, |part| {
            let held = part.entry(holder.clone()).or_default();
            let fits = *held < most;
            *held += usize::from(fits);
            fits
        });
        fits.then(|| Counted { holder, held: Arc::clone(&self.held) })
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        self.held.with(&self.holder, |part| {
            if let Some(held) = part.get_mut(&self.holder) {
                *held -= 1;
                if *held == 0 {
                    part.remove(&self.holder);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_a_quarter_while_more_than_half_are_taken() {
        let places = Places::new(16);
        let take = |holder| places.take(Some(holder));
        let greedy: Vec<_> = std::iter::from_fn(|| take("greedy")).collect();
        assert_eq!(greedy.len(), 8, "half of them, while nobody else wants any");
        let other: Vec<_> = std::iter::from_fn(|| take("other")).collect();
        assert_eq!(other.len(), 4);
        let third: Vec<_> = std::iter::from_fn(|| take("third")).collect();
        assert_eq!((third.len(), places.taken()), (4, 16));
        assert!(take("fourth").is_none() && places.take(None).is_none());
        drop(other);
        assert!(take("greedy").is_none() && take("fourth").is_some());
    }

    #[test]
    fn whoever_is_not_counted_may_have_all() {
        let places = Places::<&str>::new(16);
        let all: Vec<_> = std::iter::from_fn(|| places.take(None)).collect();
        assert_eq!(all.len(), 16);
    }

    #[test]
    fn who_has_nothing_any_more_is_forgotten() {
        let places = Places::new(3);
        for holder in 0..100 {
            let (one, other) = (places.take(Some(holder)), places.take(Some(holder)));
            assert!(one.is_some() && other.is_none(), "a few places are shared too");
        }
        assert_eq!(places.taken(), 0);
        assert!((0..100).all(|holder| places.held.with(&holder, |part| part.is_empty())));
    }
}
