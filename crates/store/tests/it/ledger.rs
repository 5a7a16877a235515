//! The ledger: each record at its place, the head with it, and nobody between them.

use strongroom_ledger::tree::Frontier;
use strongroom_store::{ChangeError, Head, RecordFilter, RecordRow, Store};

use crate::samples::{generation, grown, head, other_generation, record};
use crate::{each, each_pair};

#[test]
fn a_record_and_the_head_land_together() {
    each(async |store| {
        begin_ledger(&store).await;
        let row = record(0, "app", "col");
        let frontier = grown(&Frontier::new(), &row);
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.head().await.expect("an answer"), Some(head()));
        change.append(&row, &frontier).await.expect("the first record");
        assert_eq!(
            change.head().await.expect("an answer"),
            Some(Head { generation: generation(), frontier: frontier.clone() })
        );
        let second = record(1, "", "");
        let both = grown(&frontier, &second);
        change.append(&second, &both).await.expect("a second one in the same change");
        change.commit().await.expect("a commit");

        assert_eq!(
            store.head(1).await.expect("an answer"),
            Some(Head { generation: generation(), frontier: both })
        );
        let all = store.records(1, RecordFilter::default(), 0, 9).await.expect("an answer");
        assert_eq!(all, [row.clone(), second.clone()]);
        assert_eq!(store.leaves(1, 0, 9).await.expect("an answer"), [(0, row.leaf), (1, second.leaf)]);
    });
}

#[test]
fn a_record_that_does_not_join_the_head_is_refused_and_leaves_nothing() {
    each(async |store| {
        begin_ledger(&store).await;
        append(&store, 2).await;
        let present = store.head(1).await.expect("an answer").expect("a ledger").frontier;
        let next = record(2, "", "");
        let joined = grown(&present, &next);

        let taken = record(1, "", "");
        refused(&store, 1, &taken, &grown(&grown(&Frontier::new(), &record(0, "", "")), &taken)).await;
        let beyond = record(3, "", "");
        refused(&store, 1, &beyond, &grown(&joined, &beyond)).await;
        let foreign = RecordRow { generation: other_generation(), ..next.clone() };
        refused(&store, 1, &foreign, &joined).await;
        refused(&store, 1, &next, &present).await;
        refused(&store, 1, &record(u64::MAX, "", ""), &present).await;
        let first = record(0, "", "");
        refused(&store, 9, &first, &grown(&Frontier::new(), &first)).await;

        assert_eq!(store.leaves(1, 0, 9).await.expect("an answer").len(), 2);
        assert_eq!(store.leaves(9, 0, 9).await.expect("an answer").len(), 0);
        append(&store, 1).await;
    });

    async fn refused(store: &Store, ledger: u32, row: &RecordRow, frontier: &Frontier) {
        let mut change = store.begin(ledger).await.expect("a change");
        let outcome = change.append(row, frontier).await;
        assert!(matches!(outcome, Err(ChangeError::Moved)), "{outcome:?}");
        change.commit().await.expect_err("nothing of it may stay");
    }
}

#[test]
fn of_two_who_read_the_same_head_the_first_wins() {
    each_pair(async |one, other| {
        begin_ledger(&one).await;
        let stale = other.head(1).await.expect("an answer").expect("a ledger").frontier;
        append(&one, 1).await;
        let row = record(0, "other", "");
        let outcome = other.begin(1).await.expect("a change").append(&row, &grown(&stale, &row)).await;
        assert!(matches!(outcome, Err(ChangeError::Moved)), "{outcome:?}");
    });
}

#[test]
fn records_are_found_by_place_application_and_collection() {
    each(async |store| {
        begin_ledger(&store).await;
        let subjects = [("a", "x"), ("a", ""), ("b", "x"), ("a", "y"), ("", ""), ("a", "x")];
        let mut change = store.begin(1).await.expect("a change");
        let mut frontier = Frontier::new();
        for (seq, (application, collection)) in (0..).zip(subjects) {
            let row = record(seq, application, collection);
            frontier = grown(&frontier, &row);
            change.append(&row, &frontier).await.expect("the next record");
        }
        change.commit().await.expect("a commit");

        let check = async |application_id, collection_id, from, limit, expected: &[u64]| {
            let filter = RecordFilter { application_id, collection_id };
            let found = store.records(1, filter, from, limit).await.expect("an answer");
            let places: Vec<u64> = found.iter().map(|row| row.seq).collect();
            assert_eq!(places, expected, "{filter:?} from {from}, {limit} at most");
        };
        check(None, None, 0, 9, &[0, 1, 2, 3, 4, 5]).await;
        check(None, None, 2, 3, &[2, 3, 4]).await;
        check(None, None, 6, 9, &[]).await;
        check(None, None, u64::MAX, 9, &[]).await;
        check(Some("a"), None, 0, 9, &[0, 1, 3, 5]).await;
        check(Some("a"), None, 1, 2, &[1, 3]).await;
        check(Some("a"), Some("x"), 0, 9, &[0, 5]).await;
        check(Some("a"), Some("x"), 1, 9, &[5]).await;
        check(None, Some("x"), 0, 9, &[0, 2, 5]).await;
        check(Some(""), None, 0, 9, &[4]).await;
        check(Some("c"), None, 0, 9, &[]).await;
        assert_eq!(store.records(2, RecordFilter::default(), 0, 9).await.expect("an answer"), []);
        let leaves = store.leaves(1, 4, 1).await.expect("an answer");
        assert_eq!(leaves, [(4, record(4, "", "").leaf)]);
    });
}

#[test]
fn the_newest_record_is_the_one_about_just_this() {
    each(async |store| {
        begin_ledger(&store).await;
        let subjects = [("a", "x"), ("", ""), ("a", ""), ("a", "x"), ("b", "x"), ("a", "y")];
        let mut change = store.begin(1).await.expect("a change");
        let mut frontier = Frontier::new();
        for (seq, (application, collection)) in (0..).zip(subjects) {
            let row = record(seq, application, collection);
            frontier = grown(&frontier, &row);
            change.append(&row, &frontier).await.expect("the next record");
            let newest = change.newest_record(application, collection).await.expect("an answer");
            assert_eq!(newest, Some(row));
        }
        change.commit().await.expect("a commit");

        let check = async |application_id, collection_id, expected: Option<u64>| {
            let found = store.newest_record(1, application_id, collection_id).await.expect("an answer");
            assert_eq!(found.map(|row| row.seq), expected, "{application_id:?} {collection_id:?}");
        };
        check("a", "x", Some(3)).await;
        check("a", "y", Some(5)).await;
        check("a", "", Some(2)).await;
        check("", "", Some(1)).await;
        check("b", "x", Some(4)).await;
        check("b", "", None).await;
        check("", "x", None).await;
        check("A", "x", None).await;
        assert_eq!(store.newest_record(2, "a", "x").await.expect("an answer"), None);
    });
}

#[test]
fn a_record_is_found_by_its_place() {
    each(async |store| {
        begin_ledger(&store).await;
        append(&store, 2).await;
        assert_eq!(store.record(1, 1).await.expect("an answer"), Some(record(1, "app", "col")));
        for (ledger, seq) in [(1, 2), (1, u64::MAX), (2, 1)] {
            assert_eq!(store.record(ledger, seq).await.expect("an answer"), None, "{ledger} {seq}");
        }
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.record(0).await.expect("an answer"), Some(record(0, "app", "col")));
    });
}

#[test]
fn a_delivery_ends_once() {
    each(async |store| {
        let mut change = store.begin(1).await.expect("a change");
        change.insert_run_end(3, 4).await.expect("its first end");
        change.insert_run_end(5, 6).await.expect("another delivery");
        change.commit().await.expect("a commit");
        let again = store.begin(1).await.expect("a change").insert_run_end(3, 7).await;
        assert!(matches!(again, Err(ChangeError::Exists)), "{again:?}");
        store.begin(2).await.expect("a change").insert_run_end(3, 4).await.expect("another ledger's");
    });
}

pub(crate) async fn begin_ledger(store: &Store) {
    let mut change = store.begin(1).await.expect("a change");
    change.insert_head(&head()).await.expect("a new ledger");
    change.commit().await.expect("a commit");
}

/// Appends some records, each in a change of its own, wherever the head is.
pub(crate) async fn append(store: &Store, count: usize) {
    for _ in 0..count {
        let mut change = store.begin(1).await.expect("a change");
        let Head { frontier, .. } = change.head().await.expect("an answer").expect("a ledger");
        let row = record(frontier.size(), "app", "col");
        change.append(&row, &grown(&frontier, &row)).await.expect("the next record");
        change.commit().await.expect("a commit");
    }
}
