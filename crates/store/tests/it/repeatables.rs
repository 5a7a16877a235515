//! What requests did that may be sent again: known by their names, once each, for as long as somebody wants.

use strongroom_store::{ChangeError, RepeatableRow, Store};

use crate::samples::{application, furnish, put, version};
use crate::{each, each_pair};

#[test]
fn a_request_comes_back_as_it_went_in_and_there_is_one_of_its_name() {
    each(async |store| {
        insert(&store, &[row(1, 10), row(2, 20)]).await;
        assert_eq!(store.repeatable(1, &[1; 32]).await.expect("an answer"), Some(row(1, 10)));
        for (ledger, name) in [(1, [3; 32]), (2, [1; 32])] {
            assert_eq!(store.repeatable(ledger, &name).await.expect("an answer"), None);
        }
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.repeatable(&[2; 32]).await.expect("an answer"), Some(row(2, 20)));
        let again = change.insert_repeatable(&row(2, 30)).await;
        assert!(matches!(again, Err(ChangeError::Exists)), "{again:?}");
        drop(change);
        let mut change = store.begin(2).await.expect("a change");
        change.insert_repeatable(&row(2, 30)).await.expect("another ledger's");
        change.commit().await.expect("a commit");
        assert_eq!(store.repeatable(1, &[2; 32]).await.expect("an answer"), Some(row(2, 20)));
    });
}

#[test]
fn a_request_that_was_removed_makes_way_in_the_same_change() {
    each(async |store| {
        insert(&store, &[row(1, 10), row(2, 20)]).await;
        let mut change = store.begin(1).await.expect("a change");
        change.remove_repeatable(&[1; 32]).await.expect("removed");
        change.remove_repeatable(&[7; 32]).await.expect("there was none");
        change.insert_repeatable(&row(1, 99)).await.expect("its name is free");
        change.commit().await.expect("a commit");
        assert_eq!(store.repeatable(1, &[1; 32]).await.expect("an answer"), Some(row(1, 99)));
        assert_eq!(store.repeatable(1, &[2; 32]).await.expect("an answer"), Some(row(2, 20)));
    });
}

#[test]
fn those_from_before_a_time_are_removed_however_many_there_are() {
    each(async |store| {
        let many: Vec<_> = (0..2500).map(|n| numbered(n, i64::from(n))).collect();
        insert(&store, &many).await;
        let mut change = store.begin(2).await.expect("a change");
        change.insert_repeatable(&numbered(0, 0)).await.expect("another ledger's");
        change.commit().await.expect("a commit");

        store.remove_repeatables(1, 2300).await.expect("removed");
        for (number, is_there) in [(0, false), (1000, false), (2299, false), (2300, true), (2499, true)] {
            let found = store.repeatable(1, &numbered(number, 0).name).await.expect("an answer");
            assert_eq!(found.is_some(), is_there, "{number}");
        }
        assert!(store.repeatable(2, &numbered(0, 0).name).await.expect("an answer").is_some());
        let commits = store.commits();
        store.remove_repeatables(1, 2300).await.expect("nothing is left to remove");
        assert_eq!(store.commits(), commits, "and nothing is written for it");
    });
}

#[test]
fn what_one_process_notes_the_other_meets() {
    each_pair(async |one, other| {
        insert(&one, &[row(1, 10)]).await;
        let mut change = other.begin(1).await.expect("a change");
        assert_eq!(change.repeatable(&[1; 32]).await.expect("an answer"), Some(row(1, 10)));
    });
}

#[test]
fn a_version_is_found_by_the_born_id_of_its_collection_live_or_buried() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        change.insert_version("c1", &version(2)).await.expect("a new version");
        change.insert_application(&application("b", "a2")).await.expect("a new application");
        put(&mut change, &crate::samples::collection("a2", "col", "c2", 20)).await;
        change.commit().await.expect("a commit");
        let of = async |born, number| store.face_of(1, born, number).await.expect("an answer");
        let (collection, current, found) = of("c1", 2).await.expect("a collection");
        assert_eq!(
            (collection.born.as_str(), current, found),
            ("c1", version(1).face, Some(version(2).face))
        );
        let (_, current, found) = of("c1", 1).await.expect("a collection");
        assert_eq!(found, Some(current));
        assert_eq!(of("c1", 3).await.expect("a collection").2, None);
        assert!(of("c3", 1).await.is_none() && of("col", 1).await.is_none());

        let mut change = store.begin(1).await.expect("a change");
        change.bury_collection("c1", 7, 50, b"manifest").await.expect("buried");
        change.commit().await.expect("a commit");
        let (collection, _, found) = of("c1", 2).await.expect("a tombstone");
        assert_eq!((collection.tombstone.as_str(), found), ("c1", Some(version(2).face)));
        assert_eq!(store.face_of(2, "c1", 1).await.expect("an answer"), None);
    });
}

async fn insert(store: &Store, rows: &[RepeatableRow]) {
    let mut change = store.begin(1).await.expect("a change");
    for row in rows {
        change.insert_repeatable(row).await.expect("a new name");
    }
    change.commit().await.expect("a commit");
}

fn row(name: u8, time: i64) -> RepeatableRow {
    RepeatableRow {
        name: [name; 32],
        request: [7; 32],
        record: time.unsigned_abs(),
        time,
        mac: b"mac".to_vec(),
    }
}

fn numbered(number: u16, time: i64) -> RepeatableRow {
    let mut numbered = row(0, time);
    numbered.name[..2].copy_from_slice(&number.to_be_bytes());
    numbered
}
