//! What a change may do, what it must not meet, and that half of one never stays.

use std::pin::pin;
use std::task::{Context, Waker};

use strongroom_store::{ApplicationRow, ChangeError, CommitError, KeyringRow, SlotRow, Store, StoreError};

use crate::samples::{application, collection, face, furnish, head, instance, put, version};
use crate::{each, each_pair};

#[test]
fn what_exists_is_not_inserted_twice() {
    each(async |store| {
        let slot =
            SlotRow { key_id: "k".into(), kind: "file".into(), source: "file:/key".into(), wrapped: vec![1] };
        let keyring = KeyringRow { version: 1, sealed: vec![1] };
        let mut change = store.begin(0).await.expect("a change");
        change.insert_instance(&instance()).await.expect("the instance");
        change.insert_slot(&slot).await.expect("a slot");
        change.insert_keyring(&keyring).await.expect("a keyring");
        change.insert_head(&head()).await.expect("a ledger");
        change.commit().await.expect("a commit");
        furnish(&store).await;

        let second_instance = strongroom_store::InstanceRow { id: "another".to_owned(), ..instance() };
        exists(store.begin(0).await.expect("a change").insert_instance(&second_instance).await);
        exists(store.begin(0).await.expect("a change").insert_slot(&slot).await);
        exists(store.begin(0).await.expect("a change").insert_keyring(&keyring).await);
        exists(store.begin(0).await.expect("a change").insert_head(&head()).await);
        exists(store.begin(1).await.expect("a change").insert_application(&application("app", "a2")).await);
        exists(store.begin(1).await.expect("a change").insert_application(&application("app2", "a1")).await);
        let same_id = collection("a1", "col", "c2", 30);
        exists(store.begin(1).await.expect("a change").insert_collection(&same_id).await);
        let same_birth = collection("a1", "col2", "c1", 30);
        exists(store.begin(1).await.expect("a change").insert_collection(&same_birth).await);
        exists(store.begin(1).await.expect("a change").insert_version("c1", &version(1)).await);
    });

    fn exists(outcome: Result<(), ChangeError>) {
        assert!(matches!(outcome, Err(ChangeError::Exists)), "{outcome:?}");
    }
}

#[test]
fn what_belongs_to_nothing_is_not_inserted() {
    each(async |store| {
        let orphan = collection("a9", "col", "c9", 30);
        let outcome = store.begin(1).await.expect("a change").insert_collection(&orphan).await;
        assert!(matches!(outcome, Err(ChangeError::Gone)), "{outcome:?}");
        let outcome = store.begin(1).await.expect("a change").insert_version("c9", &version(1)).await;
        assert!(matches!(outcome, Err(ChangeError::Gone)), "{outcome:?}");
    });
}

#[test]
fn the_id_of_a_buried_application_is_free_at_once() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        change.bury_application("app", "a1", 40, b"buried").await.expect("a live one");
        assert_eq!(change.application("app").await.expect("an answer"), None);
        change.insert_application(&application("app", "a2")).await.expect("the id is free");
        change.commit().await.expect("a commit");

        let buried = store.every_application(1, None, 1).await.expect("an answer");
        let tombstone = ApplicationRow {
            tombstone: "a1".to_owned(),
            deleted_at: Some(40),
            face: b"buried".to_vec(),
            ..application("app", "a1")
        };
        assert_eq!(buried, [tombstone], "it says when it was buried, and shows the face it was buried with");
        let live = store.application(1, "app").await.expect("an answer").expect("the new one");
        assert_eq!(live, application("app", "a2"));
        assert_eq!(store.collections(1, "a2", None, 9).await.expect("an answer"), [], "it inherits nothing");

        for (id, born) in [("app", "a1"), ("other", "a2"), ("app", "a3")] {
            let outcome =
                store.begin(1).await.expect("a change").bury_application(id, born, 50, b"buried").await;
            assert!(matches!(outcome, Err(ChangeError::Gone)), "{id} {born}: {outcome:?}");
        }
    });
}

#[test]
fn the_id_of_a_buried_collection_is_free_at_once() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        change.bury_collection("c1", 7, 40, b"buried").await.expect("a live one");
        assert_eq!(change.current_face("a1", "col").await.expect("an answer"), None);
        assert_eq!(change.version_face("a1", "col", 1).await.expect("an answer"), None);
        put(&mut change, &collection("a1", "col", "c2", 41)).await;
        change.commit().await.expect("a commit");

        let (live, _) = store.current_face(1, "a1", "col").await.expect("an answer").expect("the new one");
        assert_eq!(live, collection("a1", "col", "c2", 41));
        let all = store.every_collection(1, None, 9).await.expect("an answer");
        let (buried, kept) = all.first().expect("the tombstone");
        assert_eq!((buried.tombstone.as_str(), buried.deleted_at), ("c1", Some(40)));
        assert_eq!((buried.epoch, buried.manifest.as_slice()), (8, &b"buried"[..]));
        assert_eq!(kept, &Some(face(1)), "a tombstone keeps its versions");
    });
}

#[test]
fn a_collection_changes_only_at_the_epoch_that_was_read() {
    each(async |store| {
        furnish(&store).await;
        let mut row = collection("a1", "col", "c1", 20);
        row.updated_at = 90;
        row.epoch = 8;
        row.version = 2;
        row.oldest_version = 2;
        row.oldest_chain = b"another chain".to_vec();
        row.key_version = 4;
        row.wrapped_key = b"another key".to_vec();
        row.manifest = b"another manifest".to_vec();
        let mut change = store.begin(1).await.expect("a change");
        change.insert_version("c1", &version(2)).await.expect("a new version");
        change.update_collection(&row, 7).await.expect("the epoch that was read");
        assert_eq!(change.prune_versions("c1", 2).await.expect("a count"), 1);
        assert_eq!(change.current_face("a1", "col").await.expect("an answer"), Some((row.clone(), face(2))));
        assert_eq!(change.versions("c1").await.expect("an answer"), [face(2)]);
        change.commit().await.expect("a commit");
        assert_eq!(
            store.current_face(1, "a1", "col").await.expect("an answer"),
            Some((row.clone(), face(2)))
        );
        assert_eq!(store.versions(1, "c1").await.expect("an answer"), [face(2)]);

        row.updated_at = 91;
        for epoch in [0, 7, 9] {
            let outcome = store.begin(1).await.expect("a change").update_collection(&row, epoch).await;
            assert!(matches!(outcome, Err(ChangeError::Moved)), "{epoch}: {outcome:?}");
            let outcome =
                store.begin(1).await.expect("a change").bury_collection("c1", epoch, 92, b"m").await;
            assert!(matches!(outcome, Err(ChangeError::Moved)), "{epoch}: {outcome:?}");
        }
        let mut change = store.begin(1).await.expect("a change");
        change.bury_collection("c1", 8, 92, b"buried").await.expect("the epoch that was read");
        change.commit().await.expect("a commit");
        let outcome = store.begin(1).await.expect("a change").update_collection(&row, 9).await;
        assert!(matches!(outcome, Err(ChangeError::Gone)), "{outcome:?}");
        let outcome = store.begin(1).await.expect("a change").bury_collection("c1", 9, 93, b"m").await;
        assert!(matches!(outcome, Err(ChangeError::Gone)), "{outcome:?}");
    });
}

#[test]
fn a_version_counter_never_restarts() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.next_version("app", "col").await.expect("a number"), 1);
        assert_eq!(change.next_version("app", "col").await.expect("a number"), 2);
        assert_eq!(change.next_version("app", "other").await.expect("a number"), 1);
        assert_eq!(change.next_version("other", "col").await.expect("a number"), 1);
        change.commit().await.expect("a commit");

        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.next_version("app", "col").await.expect("a number"), 3);
        drop(change);

        let mut change = store.begin(1).await.expect("a change");
        change.bury_collection("c1", 7, 40, b"manifest").await.expect("a live one");
        change.bury_application("app", "a1", 40, b"buried").await.expect("a live one");
        change.insert_application(&application("app", "a2")).await.expect("the id is free");
        let number = change.next_version("app", "col").await.expect("a number");
        assert_eq!(number, 3, "what was rolled back was not counted, what was buried was");
        change.commit().await.expect("a commit");
    });
}

#[test]
fn only_versions_below_the_mark_are_pruned_and_only_of_that_collection() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        put(&mut change, &collection("a1", "col2", "c2", 30)).await;
        for number in 2..=4 {
            change.insert_version("c1", &version(number)).await.expect("a new version");
        }
        assert_eq!(change.prune_versions("c1", 3).await.expect("a count"), 2);
        assert_eq!(change.prune_versions("c1", 3).await.expect("a count"), 0);
        change.commit().await.expect("a commit");
        assert_eq!(store.versions(1, "c1").await.expect("an answer"), [face(3), face(4)]);
        assert_eq!(store.versions(1, "c2").await.expect("an answer"), [face(1)]);
    });
}

#[test]
fn a_dropped_change_never_happened() {
    each(async |store| {
        let mut change = store.begin(1).await.expect("a change");
        change.insert_application(&application("app", "a1")).await.expect("a new one");
        drop(change);
        assert_eq!(store.application(1, "app").await.expect("an answer"), None);
        furnish(&store).await;
    });
}

#[test]
fn a_change_that_is_dropped_while_it_waits_for_its_turn_holds_nobody_up() {
    each(async |store| {
        let held = store.begin(1).await.expect("a change");
        {
            let begun = pin!(store.begin(1));
            let polled = begun.poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending(), "two changes at once");
        }
        drop(held);
        assert_eq!(store.application(1, "app").await.expect("an answer"), None);
        furnish(&store).await;
        assert!(store.application(1, "app").await.expect("an answer").is_some());
    });
}

#[test]
fn a_change_with_a_failed_step_cannot_be_committed() {
    each(async |store| {
        furnish(&store).await;
        for step in 0..3 {
            let mut change = store.begin(1).await.expect("a change");
            change.insert_application(&application("new", "a2")).await.expect("a new one");
            let failed = match step {
                0 => change.insert_application(&application("app", "a3")).await,
                1 => change.bury_application("app", "a9", 40, b"buried").await,
                _ => change.bury_collection("c1", 1, 40, b"manifest").await,
            };
            failed.expect_err("it meets something else");
            let next = change.insert_application(&application("next", "a4")).await;
            assert!(matches!(next, Err(ChangeError::Store(StoreError::Abandoned))), "{next:?}");
            assert!(matches!(change.head().await, Err(StoreError::Abandoned)));
            let outcome = change.commit().await;
            assert!(matches!(outcome, Err(CommitError::Refused(StoreError::Abandoned))), "{outcome:?}");
            assert_eq!(names(&store).await, ["app"]);
        }
    });

    async fn names(store: &Store) -> Vec<String> {
        let rows = store.applications(1, None, 9).await.expect("an answer");
        rows.into_iter().map(|row| row.id).collect()
    }
}

#[test]
fn a_change_is_seen_by_others_when_it_is_committed_and_not_before() {
    each_pair(async |one, other| {
        let mut change = one.begin(1).await.expect("a change");
        change.insert_application(&application("app", "a1")).await.expect("a new one");
        assert!(change.application("app").await.expect("an answer").is_some());
        assert_eq!(other.application(1, "app").await.expect("an answer"), None);
        change.commit().await.expect("a commit");
        assert!(other.application(1, "app").await.expect("an answer").is_some());
    });
}

#[test]
fn of_two_who_read_the_same_epoch_the_first_wins() {
    each_pair(async |one, other| {
        furnish(&one).await;
        let (mut mine, _) = one.current_face(1, "a1", "col").await.expect("an answer").expect("a collection");
        let (mut theirs, _) =
            other.current_face(1, "a1", "col").await.expect("an answer").expect("a collection");
        assert_eq!(mine, theirs);

        mine.epoch += 1;
        let mut change = one.begin(1).await.expect("a change");
        change.update_collection(&mine, 7).await.expect("the first");
        change.commit().await.expect("a commit");

        theirs.epoch += 1;
        let outcome = other.begin(1).await.expect("a change").update_collection(&theirs, 7).await;
        assert!(matches!(outcome, Err(ChangeError::Moved)), "{outcome:?}");
    });
}
