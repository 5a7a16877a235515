//! Verification of a whole ledger, one row at a time: nothing is missing, moved or changed, and all of it is
//! what the head says. It needs no key; with the clear records it checks more. It does not know that a ledger
//! was put back as a whole to an earlier time: only a checkpoint kept elsewhere shows that.

use std::collections::BTreeMap;

use crate::generation::Generation;
use crate::record::{Action, ParseError, Record};
use crate::tree::{Frontier, Hash, leaf_hash};

/// A verification under way. Rows come in the order of their `seq`, each by one of two doors:
/// [`Verification::leaf`] or [`Verification::record`].
///
/// A verification that finds something is gone, so nobody can forget a finding and be told in the end that
/// all is well.
#[derive(Debug, Default)]
pub struct Verification {
    frontier: Frontier,
    checked: u64,
    newest: Option<Newest>,
    mutations: BTreeMap<String, Mutation>,
}

/// The newest record that was seen in the clear.
#[derive(Debug)]
struct Newest {
    seq: u64,
    generation: Generation,
}

impl Verification {
    /// Begins with the first row of a ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a row of which only the leaf hash is at hand.
    pub fn leaf(mut self, seq: u64, leaf: Hash) -> Result<Self, Finding> {
        let expected = self.frontier.size();
        if seq > expected {
            return Err(Finding::Missing { seq: expected });
        }
        if seq < expected {
            return Err(Finding::Repeated { seq });
        }
        self.frontier.append(leaf);
        Ok(self)
    }

    /// Takes a row with its record in the clear.
    pub fn record(self, columns: &Columns<'_>, clear: &[u8]) -> Result<Self, Finding> {
        let mut verification = self.leaf(columns.seq, columns.leaf)?;
        let record = columns.check(clear)?;
        verification.follow_generation(&record)?;
        verification.follow_epoch(record)?;
        verification.checked += 1;
        Ok(verification)
    }

    /// Compares what was seen with the ledger's head.
    pub fn finish(self, head: &Head) -> Result<Verdict, Finding> {
        let found = self.frontier.size();
        if head.size != head.frontier.size() {
            return Err(Finding::Head);
        }
        if found < head.size {
            return Err(Finding::Truncated { found, size: head.size });
        }
        if found > head.size {
            return Err(Finding::Surplus { seq: head.size });
        }
        for ((leaves, seen), (_, expected)) in self.frontier.subtrees().zip(head.frontier.subtrees()) {
            if seen != expected {
                return Err(Finding::Unmatched { first: leaves.start, last: leaves.end - 1 });
            }
        }
        if let Some(newest) = self.newest
            && newest.seq + 1 == found
            && newest.generation != head.generation
        {
            return Err(Finding::Generation { seq: newest.seq });
        }
        Ok(Verdict {
            size: found,
            root: self.frontier.root(),
            checked: self.checked,
            mutations: self.mutations,
        })
    }

    /// A restore may begin a generation; none comes back, and no two have one number.
    fn follow_generation(&mut self, record: &Record) -> Result<(), Finding> {
        let generation = record.generation;
        if let Some(newest) = &self.newest
            && newest.generation != generation
            && newest.generation.number() >= generation.number()
        {
            return Err(Finding::Generation { seq: record.seq });
        }
        self.newest = Some(Newest { seq: record.seq, generation });
        Ok(())
    }

    /// Every mutation of a collection raises its epoch by one. Between two records in the clear there may be
    /// rows of which only the leaf is left, each at most one mutation: that much may be skipped, and no more. What was
    /// handed out names the epoch that it was handed out of, which is the newest.
    fn follow_epoch(&mut self, record: Record) -> Result<(), Finding> {
        let (Some(collection_born), Some(epoch)) = (record.collection_born, record.epoch) else {
            return Ok(());
        };
        let unseen = record.seq - self.checked;
        let last = self.mutations.get(&collection_born);
        let (last_epoch, last_unseen) = last.map_or((0, 0), |last| (last.epoch, last.unseen));
        let skippable = unseen - last_unseen;
        if matches!(record.action, Action::CollectionDeliver | Action::CollectionReveal) {
            let same =
                last.is_some_and(|last| last.epoch == epoch && last.manifest_mac == record.manifest_mac);
            let unread = epoch > last_epoch && epoch - last_epoch <= skippable;
            return if same || unread {
                Ok(())
            } else {
                Err(Finding::Epoch { seq: record.seq, after: last_epoch, epoch })
            };
        }
        if epoch <= last_epoch || epoch - last_epoch - 1 > skippable {
            return Err(Finding::Epoch { seq: record.seq, after: last_epoch, epoch });
        }
        let mutation = Mutation {
            seq: record.seq,
            action: record.action,
            epoch,
            manifest_mac: record.manifest_mac,
            unseen,
        };
        self.mutations.insert(collection_born, mutation);
        Ok(())
    }
}

/// What stands beside a sealed record in its row, readable for queries.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The row's place.
    pub seq: u64,
    /// The row's time, in microseconds since 1970.
    pub time: i64,
    /// The row's application, if it has one.
    pub application_id: Option<&'a str>,
    /// The row's collection, if it has one.
    pub collection_id: Option<&'a str>,
    /// The API key that the row is about, if it is about one.
    pub key_id: Option<&'a str>,
    /// The row's leaf hash.
    pub leaf: Hash,
}

impl Columns<'_> {
    /// The record that these columns stand beside, if the clear bytes are it: they hash to the leaf, and say the same.
    pub fn check(&self, clear: &[u8]) -> Result<Record, Finding> {
        let seq = self.seq;
        if leaf_hash(clear) != self.leaf {
            return Err(Finding::Altered { seq });
        }
        let record = Record::parse(clear).map_err(|source| Finding::Unreadable { seq, source })?;
        self.compare(&record)?;
        Ok(record)
    }

    fn compare(&self, record: &Record) -> Result<(), Finding> {
        let differs = |column| Err(Finding::Column { seq: self.seq, column });
        if self.seq != record.seq {
            differs("seq")
        } else if self.time != record.time {
            differs("time")
        } else if self.application_id != record.application_id.as_deref() {
            differs("application_id")
        } else if self.collection_id != record.collection_id.as_deref() {
            differs("collection_id")
        } else if self.key_id != record.key_id.as_deref() {
            differs("key_id")
        } else {
            Ok(())
        }
    }
}

/// What a ledger's head row says.
#[derive(Debug, Clone)]
pub struct Head {
    /// How many records there are.
    pub size: u64,
    /// The right edge of their tree.
    pub frontier: Frontier,
    /// The generation that the instance is in.
    pub generation: Generation,
}

/// What a clean ledger was found to be.
#[derive(Debug)]
pub struct Verdict {
    size: u64,
    root: Hash,
    checked: u64,
    mutations: BTreeMap<String, Mutation>,
}

impl Verdict {
    /// How many records there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of their tree.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// How many of them were read in the clear. Where this is less than the size, a newer mutation than those
    /// of [`Verdict::mutations`] may stand in a record that was not read.
    pub fn checked(&self) -> u64 {
        self.checked
    }

    /// The newest mutation of each collection by its born id: what the collections of today must agree with.
    pub fn mutations(&self) -> impl Iterator<Item = (&str, &Mutation)> {
        self.mutations.iter().map(|(collection_born, mutation)| (collection_born.as_str(), mutation))
    }
}

/// The newest mutation of a collection that the records tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The record that tells it.
    pub seq: u64,
    /// What was done.
    pub action: Action,
    /// The collection's epoch since then.
    pub epoch: u64,
    /// The collection's manifest since then.
    pub manifest_mac: Option<[u8; 32]>,
    /// How many rows before it were not read in the clear.
    unseen: u64,
}

/// What is wrong with a ledger, and where: the first thing that was met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A row was removed.
    #[error("record {seq} is missing")]
    Missing {
        /// The first that is missing.
        seq: u64,
    },
    /// A row comes twice, or out of its order.
    #[error("record {seq} stands twice or out of order")]
    Repeated {
        /// The one that comes again.
        seq: u64,
    },
    /// The record is not the one whose leaf hash was stored.
    #[error("record {seq} was altered: it does not hash to its leaf")]
    Altered {
        /// Which.
        seq: u64,
    },
    /// The record has its leaf hash, but cannot be read.
    #[error("record {seq} cannot be read")]
    Unreadable {
        /// Which.
        seq: u64,
        /// Why.
        source: ParseError,
    },
    /// What stands beside the record is not what it says.
    #[error("{column} beside record {seq} was altered: it is not what the record says")]
    Column {
        /// Which record.
        seq: u64,
        /// Which column.
        column: &'static str,
    },
    /// The record is of a generation that cannot stand there.
    #[error("record {seq} belongs to a generation that cannot stand there")]
    Generation {
        /// Which.
        seq: u64,
    },
    /// A mutation of a collection is missing before this one, or this one comes again.
    #[error("record {seq} raises a collection's epoch from {after} to {epoch}")]
    Epoch {
        /// Which record.
        seq: u64,
        /// The epoch before it, 0 when there was none.
        after: u64,
        /// The epoch that it claims.
        epoch: u64,
    },
    /// Some leaf among these is not the one that was recorded. Without the clear records it cannot be said
    /// which.
    #[error("a record from {first} to {last} was altered: together they do not hash to what the head says")]
    Unmatched {
        /// The first that it can be.
        first: u64,
        /// The last that it can be.
        last: u64,
    },
    /// Rows were removed from the end.
    #[error("records from {found} on are missing: the head says {size}")]
    Truncated {
        /// How many there are, and so the first that is missing.
        found: u64,
        /// How many the head says.
        size: u64,
    },
    /// Rows stand after the last one that the head knows.
    #[error("record {seq} stands behind the end that the head says")]
    Surplus {
        /// The first that is too many.
        seq: u64,
    },
    /// The head contradicts itself.
    #[error("the head was altered: its size is not that of its frontier")]
    Head,
}
