//! The Merkle tree of RFC 6962 (and 9162) over records: leaf hashes, and the right edge that grows by one
//! leaf. It keeps no leaves and makes no proofs: who wants a proof brings the leaves.

use std::fmt;

use sha2::{Digest, Sha256};

/// A SHA-256 hash of a leaf or a node. Not secret; prints as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The leaf of a record: over its clear bytes, so that an export verifies without any key.
pub fn leaf_hash(clear_record: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0x00]).chain_update(clear_record).finalize().into())
}

/// The other prefix is what keeps a node from passing for a leaf (RFC 6962, section 2.1).
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([0x01]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The right edge of a tree: its size, and the roots of the full subtrees it consists of, largest first.
///
/// All that is needed to append and to know the root: at most 64 hashes, whatever the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    // Invariant: one hash per set bit of `size` (`what_is_not_a_frontier_is_refused`).
    edge: Vec<Hash>,
}

impl Frontier {
    /// A size above this could not be stored: databases count in signed 64-bit numbers.
    const MAX_SIZE: u64 = i64::MAX as u64;

    /// The frontier of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what [`Frontier::to_bytes`] wrote: the size in 8 bytes, big-endian, then one hash per set bit of
    /// it.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<32>();
        if size > Self::MAX_SIZE || hashes.len() != size.count_ones() as usize || !rest.is_empty() {
            return Err(FrontierError);
        }
        Ok(Self { size, edge: hashes.iter().copied().map(Hash).collect() })
    }

    /// The bytes that [`Frontier::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.edge.iter().flat_map(|hash| hash.0);
        self.size.to_be_bytes().into_iter().chain(hashes).collect()
    }

    /// How many leaves the tree has. It is also the place (`seq`) that the next leaf will have.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf.
    pub fn append(&mut self, leaf: Hash) {
        // Each trailing 1 of the size is a full subtree of the same height as what is being carried.
        let carried = (0..self.size.trailing_ones())
            .fold(leaf, |right, _| self.edge.pop().map_or(right, |left| node_hash(&left, &right)));
        self.edge.push(carried);
        self.size += 1;
    }

    /// The root of the tree; of the empty tree the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut edge = self.edge.iter().rev().copied();
        match edge.next() {
            Some(last) => edge.fold(last, |right, left| node_hash(&left, &right)),
            None => Hash(Sha256::digest([]).into()),
        }
    }

    /// The full subtrees from left to right, each with the places of its leaves.
    pub(crate) fn subtrees(&self) -> impl Iterator<Item = (std::ops::Range<u64>, Hash)> + '_ {
        let mut start = 0;
        let heights = (0..u64::BITS).rev().filter(|height| self.size >> height & 1 == 1);
        heights.zip(&self.edge).map(move |(height, hash)| {
            let leaves = start..start + (1 << height);
            start = leaves.end;
            (leaves, *hash)
        })
    }
}

/// The bytes are not a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frontier of the ledger's head is damaged: restore a backup, then verify it")]
pub struct FrontierError;
