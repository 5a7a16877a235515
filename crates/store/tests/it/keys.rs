//! API keys: made once, revised once, found together with what was last told of them.

use strongroom_ledger::tree::Frontier;
use strongroom_store::{ChangeError, KeyFound, KeyRow, RecordRow, Store};

use crate::each;
use crate::ledger::begin_ledger;
use crate::samples::{grown, record};

#[test]
fn a_key_comes_back_as_it_went_in() {
    each(async |store| {
        let mut change = store.begin(1).await.expect("a change");
        change.insert_key(&key("k2", 1)).await.expect("a new key");
        change.insert_key(&key("k1", 1)).await.expect("another");
        assert_eq!(change.key("k1").await.expect("an answer"), Some(found("k1", 1)));
        change.commit().await.expect("a commit");

        assert_eq!(store.key(1, "k1").await.expect("an answer"), Some(found("k1", 1)));
        for (ledger, id) in [(1, "k3"), (1, "K1"), (1, ""), (2, "k1")] {
            assert_eq!(store.key(ledger, id).await.expect("an answer"), None, "{ledger} {id}");
        }
        let again = store.begin(1).await.expect("a change").insert_key(&key("k1", 2)).await;
        assert!(matches!(again, Err(ChangeError::Exists)), "{again:?}");
    });
}

#[test]
fn a_key_changes_only_at_the_epoch_that_was_read() {
    each(async |store| {
        let mut change = store.begin(1).await.expect("a change");
        change.insert_key(&key("k1", 1)).await.expect("a new key");
        change.insert_key(&key("k2", 1)).await.expect("another");
        change.revise_key(&key("k1", 2), 1).await.expect("the epoch that was read");
        change.commit().await.expect("a commit");
        assert_eq!(store.key(1, "k1").await.expect("an answer"), Some(found("k1", 2)));
        assert_eq!(store.key(1, "k2").await.expect("an answer"), Some(found("k2", 1)), "only that one");

        for epoch in [0, 1, 3] {
            let outcome = store.begin(1).await.expect("a change").revise_key(&key("k1", 2), epoch).await;
            assert!(matches!(outcome, Err(ChangeError::Moved)), "{epoch}: {outcome:?}");
        }
        let outcome = store.begin(1).await.expect("a change").revise_key(&key("k3", 2), 1).await;
        assert!(matches!(outcome, Err(ChangeError::Gone)), "{outcome:?}");
        let outcome = store.begin(2).await.expect("a change").revise_key(&key("k1", 3), 2).await;
        assert!(matches!(outcome, Err(ChangeError::Gone)), "{outcome:?}");
    });
}

#[test]
fn a_key_is_found_with_the_newest_record_about_it() {
    each(async |store| {
        begin_ledger(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        let mut frontier = Frontier::new();
        // Of two ledgers with a record at the same place, only the one that is asked.
        let mut tell = async |key_id: &str| {
            let row = RecordRow { key_id: key_id.to_owned(), ..record(frontier.size(), "", "") };
            frontier = grown(&frontier, &row);
            change.append(&row, &frontier).await.expect("the next record");
            row
        };
        tell("k1").await;
        let of_second = tell("k2").await;
        let of_first = tell("k1").await;
        tell("").await;
        for id in ["k1", "k2", "k3"] {
            change.insert_key(&key(id, 1)).await.expect("a new key");
        }
        let first = KeyFound { newest: Some(of_first), ..found("k1", 1) };
        let second = KeyFound { newest: Some(of_second), ..found("k2", 1) };
        assert_eq!(change.key("k1").await.expect("an answer"), Some(first.clone()));
        change.commit().await.expect("a commit");

        assert_eq!(store.key(1, "k1").await.expect("an answer"), Some(first.clone()));
        assert_eq!(store.key(1, "k2").await.expect("an answer"), Some(second.clone()));
        assert_eq!(store.key(1, "k3").await.expect("an answer"), Some(found("k3", 1)));
        let all = store.keys(1, None, 9).await.expect("a page");
        assert_eq!(all, [first, second, found("k3", 1)]);

        let mut change = store.begin(2).await.expect("a change");
        change.insert_key(&key("k1", 1)).await.expect("a new key");
        change.commit().await.expect("a commit");
        assert_eq!(store.key(2, "k1").await.expect("an answer"), Some(found("k1", 1)));
    });
}

#[test]
fn keys_are_listed_by_the_bytes_of_their_ids() {
    each(async |store| {
        let ids = ["0", "A", "a", "a0", "b"];
        let mut change = store.begin(1).await.expect("a change");
        for id in ids.iter().rev() {
            change.insert_key(&key(id, 1)).await.expect("a new key");
        }
        change.commit().await.expect("a commit");
        for limit in 1..=6 {
            let mut listed: Vec<String> = Vec::new();
            loop {
                let after = listed.last().map(String::as_str);
                let page = store.keys(1, after, limit).await.expect("a page");
                assert!(page.len() <= limit as usize && listed.len() <= 9, "more than there is: {listed:?}");
                if page.is_empty() {
                    break;
                }
                listed.extend(page.into_iter().map(|found| found.key.id));
            }
            assert_eq!(listed, ids, "in pages of {limit}");
        }
        assert_eq!(store.keys(2, None, 9).await.expect("a page"), []);
    });
}

#[test]
fn the_last_use_of_a_key_never_goes_back() {
    each(async |store| {
        let mut change = store.begin(1).await.expect("a change");
        change.insert_key(&key("k1", 1)).await.expect("a new key");
        change.insert_key(&key("k2", 1)).await.expect("another");
        change.commit().await.expect("a commit");
        note(&store, &[("k1", 20), ("k2", 10), ("nobody's", 5)]).await;
        assert_eq!(used(&store, "k1").await, Some(20));
        note(&store, &[("k1", 19), ("k2", 11)]).await;
        assert_eq!((used(&store, "k1").await, used(&store, "k2").await), (Some(20), Some(11)));
        note(&store, &[("k1", 21)]).await;
        note(&store, &[]).await;
        assert_eq!((used(&store, "k1").await, used(&store, "k2").await), (Some(21), Some(11)));
        assert_eq!(store.key(1, "nobody's").await.expect("an answer"), None, "a use makes no key");
    });

    async fn note(store: &Store, uses: &[(&str, i64)]) {
        let uses: Vec<_> = uses.iter().map(|(id, at)| ((*id).to_owned(), *at)).collect();
        store.note_key_uses(1, &uses).await.expect("noted");
    }

    async fn used(store: &Store, id: &str) -> Option<i64> {
        store.key(1, id).await.expect("an answer").expect("a key").last_used_at
    }
}

fn key(id: &str, epoch: u64) -> KeyRow {
    KeyRow { id: id.to_owned(), epoch, sealed: format!("key {id} at {epoch}").into_bytes() }
}

fn found(id: &str, epoch: u64) -> KeyFound {
    KeyFound { key: key(id, epoch), newest: None, last_used_at: None }
}
