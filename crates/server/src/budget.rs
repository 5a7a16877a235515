//! The memory that all bodies in flight share. It counts what was received and what is about to be sent, never what a
//! client announces, so that an announcement costs nobody else anything. Answers with values wait for room in the order
//! of their arrival, and no address block has more than a quarter of it; nor has it for what it sends, once half is taken.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use crate::shards::Shards;
use crate::source::Block;

/// All the room, and who has how much of it.
pub(crate) struct Budget {
    all: Arc<Room>,
    senders: Blocks,
    receivers: Blocks,
    /// For room to become free.
    patience: Duration,
}

/// The room that each address block has, as long as it has something of it.
type Blocks = Shards<Block, Weak<Room>>;

impl Budget {
    pub(crate) fn new(limit: u64, patience: Duration) -> Self {
        let (senders, receivers) = (Shards::new(), Shards::new());
        Self { all: Arc::new(Room::new(limit)), senders, receivers, patience }
    }

    /// An empty share; given back when dropped.
    fn share(&self) -> Share {
        Share { all: Part::none_of(Arc::clone(&self.all)), block: None, patience: self.patience }
    }

    /// One to be grown, for what somebody of this address block sends.
    pub(crate) fn share_from(&self, block: Option<Block>) -> Share {
        self.share_among(&self.senders, block)
    }

    /// One to be reserved, for an answer to somebody of this address block.
    pub(crate) fn share_of(&self, block: Option<Block>) -> Share {
        self.share_among(&self.receivers, block)
    }

    fn share_among(&self, blocks: &Blocks, block: Option<Block>) -> Share {
        Share { block: block.map(|block| Part::none_of(self.room_of(blocks, &block))), ..self.share() }
    }

    /// How many bytes are taken, by all together.
    pub(crate) fn taken(&self) -> u64 {
        self.all.taken.load(Ordering::Relaxed)
    }

    fn room_of(&self, blocks: &Blocks, block: &Block) -> Arc<Room> {
        /// Then those who have nothing any more are forgotten.
        const MANY: usize = 64;
        blocks.with(block, |part| {
            if part.len() >= MANY {
                part.retain(|_, room| room.strong_count() > 0);
            }
            part.get(block).and_then(Weak::upgrade).unwrap_or_else(|| {
                let room = Arc::new(Room::new(self.all.limit / 4));
                part.insert(*block, Arc::downgrade(&room));
                room
            })
        })
    }
}

/// What one body has taken.
pub(crate) struct Share {
    all: Part,
    block: Option<Part>,
    patience: Duration,
}

impl Share {
    /// Takes more, if there is as much.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Spent> {
        let limit = self.all.room.limit;
        let all = self.all.grow(bytes);
        let fits_block = self.block.as_mut().is_none_or(|block| block.grow(bytes) <= block.room.limit);
        if all > limit || all > limit / 2 && !fits_block { Err(Spent) } else { Ok(()) }
    }

    /// Takes room for what is about to be in memory once there is as much, after all who asked before; gives up where that
    /// takes too long. What is larger than all the room is let in while any is left, or it never would be; then none is
    /// left for another.
    pub(crate) async fn reserve(&mut self, bytes: u64) -> Result<(), Spent> {
        let all = &mut self.all;
        let Some(block) = &mut self.block else {
            return if all.take_at_once(bytes) {
                Ok(())
            } else {
                within(self.patience, all.take(bytes)).await
            };
        };
        // One that is larger than a block's room fills it.
        let of_block = bytes.min(block.room.limit);
        if block.take_at_once(of_block) && all.take_at_once(bytes) {
            return Ok(());
        }
        within(self.patience, async {
            // First among those of the same block: they wait for one another, and nobody else does.
            block.take(of_block).await;
            all.take(bytes).await;
        })
        .await
    }

    /// The exact size takes the place of what was reserved.
    pub(crate) fn note(&mut self, bytes: u64) {
        self.all.resize(bytes);
        if let Some(block) = &mut self.block {
            block.resize(bytes.min(block.room.limit));
        }
    }
}

async fn within(patience: Duration, taking: impl Future<Output = ()>) -> Result<(), Spent> {
    timeout(patience, taking).await.map_err(|_| Spent)
}

/// So many bytes.
struct Room {
    // Invariant: the sum of all parts (test `a_share_that_ends_is_given_back`).
    taken: AtomicU64,
    limit: u64,
    /// Whose turn it is of those who wait, and how many there are.
    turn: Mutex<()>,
    waiting: AtomicUsize,
    freed: Notify,
}

/// What somebody has of it.
struct Part {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    fn new(limit: u64) -> Self {
        let (taken, waiting) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { taken, limit, turn: Mutex::new(()), waiting, freed: Notify::new() }
    }

    fn try_take(&self, bytes: u64) -> bool {
        let limit = self.limit;
        let with = |taken: u64| {
            let fits = if bytes > limit { taken < limit } else { taken <= limit - bytes };
            fits.then(|| taken.saturating_add(bytes))
        };
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, with).is_ok()
    }

    fn free(&self, bytes: u64) {
        if bytes > 0 {
            self.taken.fetch_sub(bytes, Ordering::SeqCst);
            self.freed.notify_one();
        }
    }
}

impl Part {
    fn none_of(room: Arc<Room>) -> Self {
        Self { room, bytes: 0 }
    }

    /// Takes as much if it is there and nobody waits for it. Nothing more where it has something.
    fn take_at_once(&mut self, bytes: u64) -> bool {
        if self.bytes == 0 && self.room.waiting.load(Ordering::SeqCst) == 0 && self.room.try_take(bytes) {
            self.bytes = bytes;
        }
        self.bytes == bytes
    }

    /// Takes as much once it is there, after all who waited before.
    async fn take(&mut self, bytes: u64) {
        if self.bytes == bytes {
            return;
        }
        let _waiting = Waiting::among(&self.room.waiting);
        let _turn = self.room.turn.lock().await;
        while !self.room.try_take(bytes) {
            self.room.freed.notified().await;
        }
        self.bytes = bytes;
    }

    /// Takes more, and says how much is taken then by all together.
    fn grow(&mut self, bytes: u64) -> u64 {
        self.bytes += bytes;
        self.room.taken.fetch_add(bytes, Ordering::SeqCst) + bytes
    }

    fn resize(&mut self, bytes: u64) {
        // Less is given back first: nobody is refused for room that is nobody's.
        match bytes.checked_sub(self.bytes) {
            Some(more) => _ = self.room.taken.fetch_add(more, Ordering::SeqCst),
            None => self.room.free(self.bytes - bytes),
        }
        self.bytes = bytes;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.room.free(self.bytes);
    }
}

/// One of those who wait, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// There is no room for this body now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::SocketAddr;
    use std::pin::pin;
    use std::task::Poll;

    use axum::http::HeaderMap;

    use super::*;
    use crate::source::Source;

    const HOUR: Duration = Duration::from_secs(3600);

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(work)
    }

    /// Whether it is done when it is looked at once.
    async fn is_done(work: &mut (impl Future<Output = Result<(), Spent>> + Unpin)) -> bool {
        poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *work).poll(context).is_ready())).await
    }

    fn block(address: [u8; 4]) -> Option<Block> {
        Source::of(Some(SocketAddr::from((address, 1))), &HeaderMap::new(), &[]).block()
    }

    fn taken(budget: &Budget) -> u64 {
        budget.all.taken.load(Ordering::SeqCst)
    }

    #[test]
    fn a_share_that_ends_is_given_back() {
        block_on(async {
            let budget = Budget::new(10, HOUR);
            let mut first = budget.share();
            assert_eq!(first.grow(6), Ok(()));
            let mut second = budget.share();
            assert_eq!(second.grow(4), Ok(()));
            assert_eq!(budget.share().reserve(1).await, Err(Spent));
            assert_eq!(second.grow(1), Err(Spent));
            drop(second);
            assert_eq!(budget.share().reserve(1).await, Ok(()));
            first.note(100);
            assert_eq!(budget.share().reserve(1).await, Err(Spent));
            drop(first);
            assert_eq!(taken(&budget), 0);
        });
    }

    #[test]
    fn what_one_address_block_sends_leaves_half_of_the_room_to_others() {
        let budget = Budget::new(40, HOUR);
        let from = |address| budget.share_from(block(address));
        let (mut first, mut second) = (from([10, 0, 0, 1]), from([10, 0, 0, 99]));
        assert_eq!((first.grow(10), second.grow(10)), (Ok(()), Ok(())));
        let mut third = from([10, 0, 0, 1]);
        assert_eq!(third.grow(1), Err(Spent));
        drop(third);
        let mut other = from([10, 0, 1, 1]);
        assert_eq!((other.grow(10), other.grow(1)), (Ok(()), Err(Spent)));
        drop((first, second, other));
        assert_eq!(taken(&budget), 0);
    }

    #[test]
    fn what_is_reserved_never_goes_beyond_the_room() {
        block_on(async {
            let budget = Budget::new(10, HOUR);
            let mut shares = [0; 3].map(|_| budget.share());
            let mut reserved = Vec::new();
            for share in &mut shares {
                reserved.push(share.reserve(4).await);
            }
            assert_eq!(reserved, [Ok(()), Ok(()), Err(Spent)]);
            assert_eq!(taken(&budget), 8, "what is refused takes nothing");
            assert_eq!(shares[2].reserve(2).await, Ok(()));
            assert_eq!(budget.share().reserve(u64::MAX).await, Err(Spent));
            shares[0].note(3);
            assert_eq!(taken(&budget), 9, "the exact size takes the place of what was reserved");
            drop(shares);
            assert_eq!(taken(&budget), 0);
        });
    }

    #[test]
    fn one_that_is_larger_than_the_room_is_let_in_alone() {
        block_on(async {
            let budget = Budget::new(10, HOUR);
            // The request that asks for it has a body too.
            let mut body = budget.share();
            body.grow(2).expect("room");
            let (mut first, mut second) = (budget.share_of(block([10, 0, 0, 1])), budget.share());
            assert_eq!(first.reserve(11).await, Ok(()));
            assert_eq!(second.reserve(11).await, Err(Spent));
            assert_eq!(second.reserve(1).await, Err(Spent));
            drop(first);
            assert_eq!(second.reserve(11).await, Ok(()));
        });
    }

    #[test]
    fn whoever_waits_for_room_gets_it_in_order_of_arrival() {
        block_on(async {
            let budget = Budget::new(10, HOUR);
            let mut all = budget.share();
            assert_eq!(all.reserve(10).await, Ok(()));
            let (mut first, mut second, mut third) = (budget.share(), budget.share(), budget.share());
            let mut large = pin!(first.reserve(8));
            assert!(!is_done(&mut large).await);
            let mut small = pin!(second.reserve(1));
            assert!(!is_done(&mut small).await);
            all.note(5);
            assert!(!is_done(&mut small).await, "it would fit, and it is not its turn");
            assert!(!is_done(&mut large).await);
            drop(all);
            let mut newcomer = pin!(third.reserve(1));
            assert!(!is_done(&mut newcomer).await, "nobody overtakes");
            assert!(is_done(&mut large).await && is_done(&mut small).await && is_done(&mut newcomer).await);
        });
    }

    #[test]
    fn one_address_block_has_a_quarter_of_the_room_and_waits_for_itself_alone() {
        block_on(async {
            let budget = Budget::new(40, HOUR);
            let ours = || budget.share_of(block([10, 0, 0, 1]));
            let (mut first, mut second) = (ours(), budget.share_of(block([10, 0, 0, 99])));
            assert_eq!((first.reserve(6).await, second.reserve(5).await), (Ok(()), Err(Spent)));
            let mut other = budget.share_of(block([10, 0, 1, 1]));
            assert_eq!(other.reserve(10).await, Ok(()));
            {
                let mut waits = pin!(second.reserve(5));
                assert!(!is_done(&mut waits).await);
                first.note(5);
                assert!(is_done(&mut waits).await);
            }
            // One that is larger than a quarter is let in when the block has nothing else.
            let mut large = ours();
            assert_eq!(large.reserve(11).await, Err(Spent));
            drop((first, second));
            assert_eq!(large.reserve(11).await, Ok(()));
            assert_eq!(ours().reserve(1).await, Err(Spent));
            drop((large, other));
            assert_eq!(taken(&budget), 0);
        });
    }
}
