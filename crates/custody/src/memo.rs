//! What was opened lately, so that the same bytes are not opened again for every request. It holds no value and no
//! authority: an entry answers only for exactly the rows that it was opened from, and those are read anew each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_ledger::Record;
use strongroom_secrets::{Mask, SecretsCollection};
use strongroom_store::{ApplicationRow, CollectionRow, KeyRow, RecordRow, VersionFace};

use crate::application::ApplicationFace;
use crate::face::Face;
use crate::keys::StoredKey;

/// How many of each are remembered. When there are more, all are forgotten: what is asked for often is soon back.
const MOST: usize = 256;

/// What opening rows gave, by what the rows are about.
///
/// It has no Debug: names and locations are nobody's to print.
pub(crate) struct Memo<K, R, V>(Mutex<HashMap<K, (R, Arc<V>)>>);

impl<K, R, V> Default for Memo<K, R, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, R: PartialEq, V> Memo<K, R, V> {
    /// What these very rows open to: remembered, or opened now.
    ///
    /// # Errors
    /// What opening answers; it is not remembered.
    pub(crate) fn opened<E>(
        &self,
        key: K,
        rows: R,
        open: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        // Invariant: equal rows open to equal things, because every column is compared and keys of an instance do not
        // change while it is unlocked (`a_row_that_changed_is_opened_again`).
        if let Some((of, opened)) = self.lock().get(&key)
            && *of == rows
        {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(open()?);
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (rows, Arc::clone(&opened)));
        Ok(opened)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, (R, Arc<V>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A collection's row and its current version.
pub(crate) type Shown = (CollectionRow, VersionFace);

/// Everything that is remembered.
#[derive(Default)]
pub(crate) struct Memos {
    pub(crate) records: Memo<u64, RecordRow, Record>,
    pub(crate) keys: Memo<String, (KeyRow, Option<RecordRow>), StoredKey>,
    pub(crate) applications: Memo<String, ApplicationRow, ApplicationFace>,
    pub(crate) faces: Memo<String, Shown, Face>,
    pub(crate) masked: Memo<String, Shown, SecretsCollection<Mask>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_changed_is_opened_again() {
        let memo = Memo::<&str, u8, u8>::default();
        let open = |row: u8, fresh: u8| *memo.opened("key", row, || Ok::<_, ()>(fresh)).expect("it opens");
        assert_eq!(open(1, 10), 10);
        assert_eq!(open(1, 11), 10);
        assert_eq!(open(2, 12), 12);
        assert_eq!(open(1, 13), 13);
        assert_eq!(memo.opened("other", 1, || Err::<u8, _>("no")).expect_err("it does not open"), "no");
        assert_eq!(*memo.opened("other", 1, || Ok::<_, ()>(14)).expect("now it does"), 14);
    }

    #[test]
    fn no_more_is_remembered_than_is_said() {
        let memo = Memo::<usize, u8, usize>::default();
        for key in 0..3 * MOST {
            memo.opened(key, 0, || Ok::<_, ()>(key)).expect("it opens");
            assert!(memo.lock().len() <= MOST);
        }
    }
}
