//! Which tokens proved themselves lately, and from where: so that wrong keys out of one house do not lock out those who live
//! there. It is a courtesy and no right: whoever is known here is authenticated all the same.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use strongroom_secrets::Token;

use crate::shards::{Shards, put};
use crate::source::Block;

const LATELY: Duration = Duration::from_secs(600);
/// Tokens in one part of the memory: 8,192 in all.
const MOST: usize = 512;

/// A token, where it was presented: a keyed hash of the whole of it, because the id in it is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Presented(u64, Option<Block>);

pub(crate) struct Proven {
    last: Shards<Presented, Duration>,
    /// With a key that nobody outside this process can know.
    hasher: RandomState,
    steady: fn() -> Duration,
}

impl Proven {
    pub(crate) fn new(steady: fn() -> Duration) -> Self {
        Self { last: Shards::new(), hasher: RandomState::new(), steady }
    }

    pub(crate) fn presented(&self, token: &Token, block: Option<Block>) -> Presented {
        Presented(self.hasher.hash_one(token.expose()), block)
    }

    pub(crate) fn note(&self, presented: Presented) {
        let now = (self.steady)();
        self.last.with(&presented, |part| put(part, MOST, &presented, now));
    }

    pub(crate) fn knows(&self, presented: Presented) -> bool {
        let last = self.last.with(&presented, |part| part.get(&presented).copied());
        last.is_some_and(|last| (self.steady)().saturating_sub(last) <= LATELY)
    }
}
