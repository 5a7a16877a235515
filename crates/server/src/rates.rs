//! How often somebody may ask: a bucket of tokens for each address block and each API key. When a bucket has one is for
//! `governor` to say; here is where the buckets are kept, and that there are never too many of them.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::shards::{Shards, put};

/// Buckets in one part of the memory: 16,384 in all, a megabyte or two.
const MOST: usize = 1024;

/// Who asks too often; how long until they may again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooOften(pub(crate) Duration);

/// A bucket for each `K`; none where nobody counts.
pub(crate) struct Buckets<K: Clone + Eq + Hash>(Option<Counting<K>>);

struct Counting<K: Clone + Eq + Hash> {
    limiter: Limiter<K>,
    full_again: Arc<Shards<K, Nanos>>,
    /// How long a bucket takes to get one token.
    token: Nanos,
}

type Limiter<K> = RateLimiter<Look<K>, Kept<K>, Steady, NoOpMiddleware<Duration>>;

/// A look into a bucket, or a token out of it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Look<K> {
    at: K,
    takes: bool,
}

/// When each bucket is full again. A bucket that is not here is full, so of too many the fullest is forgotten.
struct Kept<K>(Arc<Shards<K, Nanos>>);

/// Time that goes on evenly.
struct Steady(fn() -> Duration);

impl<K: Clone + Eq + Hash> Buckets<K> {
    /// So many tokens a second, `burst` times as many at once; none a second means that nothing is counted.
    pub(crate) fn new(per_second: u32, burst: u32, steady: fn() -> Duration) -> Self {
        let quota = NonZeroU32::new(per_second).map(|per_second| {
            let burst = NonZeroU32::new(per_second.get().saturating_mul(burst)).unwrap_or(per_second);
            Quota::per_second(per_second).allow_burst(burst)
        });
        Self(quota.map(|quota| {
            let full_again = Arc::new(Shards::new());
            let limiter = RateLimiter::new(quota, Kept(Arc::clone(&full_again)), Steady(steady));
            Counting { limiter, full_again, token: quota.replenish_interval().into() }
        }))
    }

    /// Whether there is a token, which stays where it is.
    pub(crate) fn look(&self, at: &K) -> Result<(), TooOften> {
        self.ask(at, false)
    }

    /// Takes a token.
    pub(crate) fn take(&self, at: &K) -> Result<(), TooOften> {
        self.ask(at, true)
    }

    /// Gives back a token that was taken.
    pub(crate) fn give_back(&self, at: &K) {
        let Some(Counting { full_again, token, .. }) = &self.0 else { return };
        full_again.with(at, |part| {
            // Whoever was forgotten meanwhile has a full bucket.
            if let Some(full_again) = part.get_mut(at) {
                *full_again = full_again.saturating_sub(*token);
            }
        });
    }

    fn ask(&self, at: &K, takes: bool) -> Result<(), TooOften> {
        let Some(Counting { limiter, .. }) = &self.0 else { return Ok(()) };
        let asked = limiter.check_key(&Look { at: at.clone(), takes });
        asked.map_err(|refused| TooOften(refused.wait_time_from(limiter.clock().now())))
    }
}

impl<K: Clone + Eq + Hash> StateStore for Kept<K> {
    type Key = Look<K>;

    fn measure_and_replace<T, F, E>(&self, Look { at, takes }: &Look<K>, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.with(at, |part| {
            let (answer, full_again) = measure(part.get(at).copied())?;
            if *takes {
                put(part, MOST, at, full_again);
            }
            Ok(answer)
        })
    }
}

impl Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        (self.0)()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static MILLIS: Cell<u64> = const { Cell::new(0) });

    fn steady() -> Duration {
        Duration::from_millis(MILLIS.get())
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(10, 3, steady);
        for _ in 0..30 {
            assert_eq!((buckets.look(&"a"), buckets.take(&"a")), (Ok(()), Ok(())));
        }
        let wait = Err(TooOften(Duration::from_millis(100)));
        assert_eq!((buckets.look(&"a"), buckets.take(&"a"), buckets.take(&"b")), (wait, wait, Ok(())));
        MILLIS.set(100);
        for _ in 0..3 {
            assert_eq!(buckets.look(&"a"), Ok(()), "a look takes nothing");
        }
        assert_eq!((buckets.take(&"a"), buckets.take(&"a")), (Ok(()), wait));
    }

    #[test]
    fn a_token_that_is_given_back_was_not_taken() {
        let buckets = Buckets::new(10, 3, steady);
        buckets.give_back(&"a");
        for _ in 0..30 {
            assert_eq!(buckets.take(&"a"), Ok(()), "more than all is no more than all");
        }
        assert!(buckets.look(&"a").is_err());
        buckets.give_back(&"a");
        assert_eq!((buckets.take(&"a"), buckets.take(&"a").is_err()), (Ok(()), true));
    }

    #[test]
    fn none_a_second_is_no_limit() {
        let buckets = Buckets::new(0, 3, steady);
        assert!((0..10_000).all(|_| buckets.take(&"a").is_ok()));
    }

    #[test]
    fn strangers_never_fill_the_memory_and_flush_nobody_out_who_is_in_debt() {
        let buckets = Buckets::new(1, 2, steady);
        let debtor = u32::MAX;
        assert_eq!((buckets.take(&debtor), buckets.take(&debtor)), (Ok(()), Ok(())));
        for at in 0..20_000 {
            assert_eq!(buckets.take(&at), Ok(()));
        }
        assert!(buckets.take(&debtor).is_err());
        let kept = (0..20_000).filter(|at| buckets.look(at).is_ok());
        assert_eq!(kept.count(), 20_000, "who was forgotten has a full bucket, who was not has one token");
    }
}
