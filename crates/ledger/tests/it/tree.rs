//! The tree against RFC 6962's vectors and against another implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use strongroom_ledger::tree::{Frontier, FrontierError, Hash, leaf_hash};

use crate::vectors;

fn grow(leaves: impl IntoIterator<Item = Hash>) -> Frontier {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(leaf);
    }
    frontier
}

#[test]
fn the_tree_gives_the_known_answers() {
    let file = vectors::read("tree");
    let leaves = vectors::list(&file, "leaves");
    let leaves: Vec<Hash> = leaves
        .iter()
        .map(|case| {
            let leaf = leaf_hash(&vectors::hex(case, "input"));
            assert_eq!(leaf.to_string(), vectors::text(case, "leaf"));
            leaf
        })
        .collect();
    let trees = vectors::list(&file, "trees");
    assert_eq!(trees.len(), 18, "sizes 0 to 17");
    for (size, case) in trees.iter().enumerate() {
        let frontier = grow(leaves[..size].iter().copied());
        assert_eq!(case["size"], size);
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root().to_string(), vectors::text(case, "root"), "size {size}");
        assert_eq!(frontier.to_bytes(), vectors::hex(case, "frontier"), "size {size}");
        assert_eq!(Frontier::parse(&frontier.to_bytes()), Ok(frontier));
    }
}

#[test]
fn the_tree_is_that_of_another_implementation_at_every_size() {
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut ours = Frontier::new();
    for size in 0..600u32 {
        assert_eq!(ours.root().0[..], theirs.root().as_bytes()[..], "size {size}");
        let record = size.to_be_bytes().repeat(size as usize % 5);
        ours.append(leaf_hash(&record));
        theirs.push(record);
    }
}

proptest! {
    #[test]
    fn the_tree_is_that_of_another_implementation(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..80)
    ) {
        let ours = grow(records.iter().map(|record| leaf_hash(record)));
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for record in records {
            theirs.push(record);
        }
        let (ours, theirs) = (ours.root(), theirs.root());
        prop_assert_eq!(&ours.0[..], &theirs.as_bytes()[..]);
    }

    #[test]
    fn a_frontier_that_was_stored_grows_on_as_if_it_had_not_been(before in 0..70u8, after in 0..70u8) {
        let leaves = (0..before + after).map(|n| leaf_hash(&[n]));
        let stored = grow(leaves.clone().take(before.into())).to_bytes();
        let mut resumed = Frontier::parse(&stored).expect("it was just written");
        for leaf in leaves.clone().skip(before.into()) {
            resumed.append(leaf);
        }
        prop_assert_eq!(resumed, grow(leaves));
    }

    #[test]
    fn a_frontier_has_one_spelling(
        bytes in prop::collection::vec(any::<u8>(), 0..9),
        hashes in 0..4usize,
        size in 0..9u64,
    ) {
        let bytes = [&size.to_be_bytes()[..], &vec![7; 32 * hashes], &bytes].concat();
        if let Ok(frontier) = Frontier::parse(&bytes) {
            prop_assert_eq!(frontier.to_bytes(), bytes);
        }
    }
}

#[test]
fn what_is_not_a_frontier_is_refused() {
    fn check(size: u64, hash_bytes: usize, expected: Result<u64, FrontierError>) {
        let bytes = [&size.to_be_bytes()[..], &vec![0xab; hash_bytes]].concat();
        assert_eq!(Frontier::parse(&bytes).map(|f| f.size()), expected, "size {size}, {hash_bytes} bytes");
    }
    check(0, 0, Ok(0));
    check(1, 32, Ok(1));
    check(6, 64, Ok(6));
    check(i64::MAX as u64, 63 * 32, Ok(i64::MAX as u64));
    check(0, 1, Err(FrontierError));
    check(0, 32, Err(FrontierError));
    check(1, 0, Err(FrontierError));
    check(1, 31, Err(FrontierError));
    check(1, 33, Err(FrontierError));
    check(6, 32, Err(FrontierError));
    check(6, 96, Err(FrontierError));
    check(i64::MAX as u64 + 1, 32, Err(FrontierError));
    check(u64::MAX, 64 * 32, Err(FrontierError));
    assert_eq!(Frontier::parse(&[]), Err(FrontierError));
    assert_eq!(Frontier::parse(&[0; 7]), Err(FrontierError));
}

#[test]
fn the_largest_frontier_that_parses_can_still_grow() {
    let bytes = [&(i64::MAX as u64).to_be_bytes()[..], &[0xab; 63 * 32]].concat();
    let mut frontier = Frontier::parse(&bytes).expect("one hash per set bit");
    frontier.append(Hash([1; 32]));
    assert_eq!((frontier.size(), frontier.to_bytes().len()), (1 << 63, 8 + 32));
}

#[test]
fn a_node_does_not_pass_for_a_leaf() {
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    assert_ne!(grow([left, right]).root(), leaf_hash(&[left.0, right.0].concat()));
}
