//! Tombstones: which one is found, and how it lives again.

use strongroom_store::{ApplicationRow, ChangeError, CollectionRow};

use crate::each;
use crate::samples::{application, collection, face, furnish, put};

#[test]
fn an_application_changes_its_face_only_while_it_lives() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        change.update_application("app", "a1", 50, b"another face").await.expect("a live one");
        change.commit().await.expect("a commit");
        let changed =
            ApplicationRow { updated_at: 50, face: b"another face".to_vec(), ..application("app", "a1") };
        assert_eq!(store.application(1, "app").await.expect("an answer"), Some(changed));

        let mut change = store.begin(1).await.expect("a change");
        change.bury_application("app", "a1", 60, b"buried").await.expect("a live one");
        change.insert_application(&application("app", "a2")).await.expect("the id is free");
        change.commit().await.expect("a commit");
        for (id, born) in [("app", "a1"), ("other", "a2"), ("app", "a3")] {
            let outcome = store.begin(1).await.expect("a change").update_application(id, born, 70, b"").await;
            assert!(matches!(outcome, Err(ChangeError::Gone)), "{id} {born}: {outcome:?}");
        }
    });
}

#[test]
fn the_tombstone_of_an_application_lives_again() {
    each(async |store| {
        let mut change = store.begin(1).await.expect("a change");
        for born in ["a1", "a2"] {
            change.insert_application(&application("app", born)).await.expect("a new one");
            assert_eq!(change.buried_application("app", born).await.expect("an answer"), None, "it lives");
            change.bury_application("app", born, 50, b"buried").await.expect("a live one");
        }
        let found = change.buried_application("app", "a1").await.expect("an answer").expect("a tombstone");
        assert_eq!(
            (found.born.as_str(), found.deleted_at, &found.face[..]),
            ("a1", Some(50), &b"buried"[..])
        );
        assert_eq!(change.buried_application("other", "a1").await.expect("an answer"), None);

        change.unbury_application("app", "a2", 60, b"again").await.expect("a tombstone");
        let again = ApplicationRow { updated_at: 60, face: b"again".to_vec(), ..application("app", "a2") };
        assert_eq!(change.application("app").await.expect("an answer"), Some(again.clone()));
        assert_eq!(change.buried_application("app", "a2").await.expect("an answer"), None);
        change.commit().await.expect("a commit");
        assert_eq!(store.application(1, "app").await.expect("an answer"), Some(again));
        assert!(store.buried_application(1, "app", "a1").await.expect("an answer").is_some());
        assert_eq!(store.buried_application(2, "app", "a1").await.expect("an answer"), None);

        let outcome = store.begin(1).await.expect("a change").unbury_application("app", "a1", 70, b"").await;
        assert!(matches!(outcome, Err(ChangeError::Exists)), "{outcome:?}");
        for (id, born) in [("app", "a2"), ("other", "a1"), ("app", "a9")] {
            let outcome = store.begin(1).await.expect("a change").unbury_application(id, born, 70, b"").await;
            assert!(matches!(outcome, Err(ChangeError::Gone)), "{id} {born}: {outcome:?}");
        }
    });
}

#[test]
fn the_tombstone_of_a_collection_lives_again() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        assert_eq!(change.buried_collection("a1", "col", "c1").await.expect("an answer"), None);
        change.bury_collection("c1", 7, 50, b"buried").await.expect("a live one");
        for (born, deleted_at) in [("c3", 40), ("c2", 50)] {
            put(&mut change, &collection("a1", "col", born, 30)).await;
            change.bury_collection(born, 7, deleted_at, b"buried").await.expect("a live one");
        }
        put(&mut change, &collection("a1", "other", "c4", 30)).await;
        change.bury_collection("c4", 7, 90, b"buried").await.expect("a live one");
        let found = change.buried_collection("a1", "col", "c2").await.expect("an answer");
        let (found, shown) = found.expect("a tombstone");
        let tombstone = CollectionRow {
            tombstone: "c2".to_owned(),
            deleted_at: Some(50),
            epoch: 8,
            manifest: b"buried".to_vec(),
            ..collection("a1", "col", "c2", 30)
        };
        assert_eq!((&found, shown), (&tombstone, Some(face(1))));
        assert_eq!(change.buried_collection("a2", "col", "c2").await.expect("an answer"), None);

        let again = CollectionRow { epoch: 9, updated_at: 60, manifest: b"again".to_vec(), ..found };
        change.unbury_collection(&again, 8).await.expect("the epoch that was read");
        let live = CollectionRow { tombstone: String::new(), deleted_at: None, ..again.clone() };
        assert_eq!(change.current_face("a1", "col").await.expect("an answer"), Some((live.clone(), face(1))));
        change.commit().await.expect("a commit");
        assert_eq!(store.current_face(1, "a1", "col").await.expect("an answer"), Some((live, face(1))));
        let (next, _) =
            store.buried_collection(1, "a1", "col", "c1").await.expect("an answer").expect("it is left");
        assert_eq!(next.born, "c1");
        assert_eq!(store.buried_collection(2, "a1", "col", "c1").await.expect("an answer"), None);

        let check = async |row: &CollectionRow, epoch, expected: fn(&ChangeError) -> bool| {
            let outcome = store.begin(1).await.expect("a change").unbury_collection(row, epoch).await;
            assert!(outcome.as_ref().is_err_and(expected), "{} at {epoch}: {outcome:?}", row.born);
        };
        check(&next, 8, |error| matches!(error, ChangeError::Exists)).await;
        check(&next, 7, |error| matches!(error, ChangeError::Moved)).await;
        check(&again, 9, |error| matches!(error, ChangeError::Gone)).await;
        check(&collection("a1", "col", "c9", 30), 8, |error| matches!(error, ChangeError::Gone)).await;
    });
}
