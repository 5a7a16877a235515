//! A bounded memory that requests share without waiting for one another: a map in several parts, each behind its own
//! lock. What is forgotten when a part is full is its owner's to say.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

const PARTS: usize = 16;

pub(crate) struct Shards<K, V> {
    parts: [Mutex<HashMap<K, V>>; PARTS],
    // Seeded at random: nobody can choose what all lands in one part.
    hasher: RandomState,
}

impl<K: Eq + Hash, V> Shards<K, V> {
    pub(crate) fn new() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }

    /// Works on the part that a key is in.
    pub(crate) fn with<T>(&self, key: &K, work: impl FnOnce(&mut HashMap<K, V>) -> T) -> T {
        let at = self.hasher.hash_one(key) as usize % PARTS;
        work(&mut self.parts[at].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Notes a value, and forgets the least one before where there are as many as there may be.
pub(crate) fn put<K: Clone + Eq + Hash, V: Copy + Ord>(
    part: &mut HashMap<K, V>,
    most: usize,
    key: &K,
    value: V,
) {
    if let Some(noted) = part.get_mut(key) {
        *noted = value;
        return;
    }
    if part.len() >= most {
        let least = part.iter().min_by_key(|(_, value)| **value).map(|(key, _)| key.clone());
        least.and_then(|key| part.remove(&key));
    }
    part.insert(key.clone(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_beyond_the_bound_takes_the_place_of_the_least() {
        let mut part = HashMap::new();
        for (key, value) in [("a", 3), ("b", 1), ("c", 2), ("a", 4)] {
            put(&mut part, 2, &key, value);
        }
        assert_eq!(part, HashMap::from([("a", 4), ("c", 2)]));
    }
}
