//! What was put in comes back, whole, in order, and only to who asks for it.

use strongroom_store::{KeyringRow, SlotRow};

use crate::each;
use crate::samples::{application, collection, face, furnish, instance, put, version};

#[test]
fn a_new_store_is_empty() {
    each(async |store| {
        assert_eq!(store.instance().await.expect("an answer"), None);
        assert_eq!(store.slots().await.expect("an answer"), []);
        assert_eq!(store.keyring().await.expect("an answer"), None);
        assert_eq!(store.head(0).await.expect("an answer"), None);
        assert_eq!(store.application(0, "app").await.expect("an answer"), None);
        assert_eq!(store.applications(0, None, 9).await.expect("an answer"), []);
        assert_eq!(store.every_application(0, None, 9).await.expect("an answer"), []);
        assert_eq!(store.current_face(0, "a1", "col").await.expect("an answer"), None);
        assert_eq!(store.version_face(0, "a1", "col", 1).await.expect("an answer"), None);
        assert_eq!(store.collections(0, "a1", None, 9).await.expect("an answer"), []);
        assert_eq!(store.every_collection(0, None, 9).await.expect("an answer"), []);
        assert_eq!(store.buried_collection(0, "a1", "col", "c1").await.expect("an answer"), None);
        assert_eq!(store.buried_application(0, "app", "a1").await.expect("an answer"), None);
        assert_eq!(store.versions(0, "c1").await.expect("an answer"), []);
        assert_eq!(store.version_of(0, "c1", 1).await.expect("an answer"), None);
        assert_eq!(store.key(0, "k1").await.expect("an answer"), None);
        assert_eq!(store.keys(0, None, 9).await.expect("an answer"), []);
        assert_eq!(store.record(0, 0).await.expect("an answer"), None);
        assert_eq!(store.records(0, Default::default(), 0, 9).await.expect("an answer"), []);
        assert_eq!(store.leaves(0, 0, 9).await.expect("an answer"), []);
        assert_eq!(store.newest_record(0, "", "").await.expect("an answer"), None);
        assert_eq!(store.counters(0, None, 9).await.expect("an answer"), []);
        store.check_integrity().await.expect("there is nothing to be wrong");
    });
}

#[test]
fn instance_slots_and_keyring_come_back_as_they_went_in() {
    each(async |store| {
        let slot = |key_id: &str| SlotRow {
            key_id: key_id.to_owned(),
            kind: "file".to_owned(),
            source: "file:/key".to_owned(),
            wrapped: vec![0, 255, 39, 0],
        };
        let keyring = |version| KeyringRow { version, sealed: vec![version as u8] };
        let mut change = store.begin(0).await.expect("a change");
        change.insert_instance(&instance()).await.expect("the instance");
        assert_eq!(change.instance().await.expect("an answer"), Some(instance()));
        change.insert_slot(&slot("k2")).await.expect("a slot");
        change.insert_slot(&slot("k1")).await.expect("another slot");
        change.insert_keyring(&keyring(10)).await.expect("a keyring");
        change.insert_keyring(&keyring(9)).await.expect("an older keyring");
        change.commit().await.expect("a commit");

        assert_eq!(store.instance().await.expect("an answer"), Some(instance()));
        assert_eq!(store.slots().await.expect("an answer"), [slot("k1"), slot("k2")]);
        assert_eq!(store.keyring().await.expect("an answer"), Some(keyring(10)));
    });
}

#[test]
fn an_application_and_a_collection_come_back_as_they_went_in() {
    each(async |store| {
        furnish(&store).await;
        assert_eq!(store.application(1, "app").await.expect("an answer"), Some(application("app", "a1")));
        let row = collection("a1", "col", "c1", 20);
        let found = store.current_face(1, "a1", "col").await.expect("an answer");
        assert_eq!(found, Some((row.clone(), face(1))));
        for number in [2, u64::MAX] {
            let found = store.version_face(1, "a1", "col", number).await.expect("an answer");
            assert_eq!(found, Some((row.clone(), None)));
            assert_eq!(store.version_of(1, "c1", number).await.expect("an answer"), None);
        }
        assert_eq!(store.version_of(1, "c1", 1).await.expect("an answer"), Some(version(1)));
    });
}

#[test]
fn what_may_be_shown_is_read_without_the_values() {
    each(async |store| {
        furnish(&store).await;
        let first = collection("a1", "col", "c1", 20);
        assert_eq!(
            store.current_face(1, "a1", "col").await.expect("an answer"),
            Some((first.clone(), face(1)))
        );
        let mut second = first;
        second.epoch = 8;
        second.version = 2;
        let mut change = store.begin(1).await.expect("a change");
        change.insert_version("c1", &version(2)).await.expect("a new version");
        change.update_collection(&second, 7).await.expect("the epoch that was read");
        let current = Some((second.clone(), face(2)));
        assert_eq!(change.current_face("a1", "col").await.expect("an answer"), current);
        let older = Some((second.clone(), Some(face(1))));
        assert_eq!(change.version_face("a1", "col", 1).await.expect("an answer"), older);
        change.commit().await.expect("a commit");

        assert_eq!(store.current_face(1, "a1", "col").await.expect("an answer"), current);
        assert_eq!(store.version_face(1, "a1", "col", 1).await.expect("an answer"), older);
        let none = store.version_face(1, "a1", "col", 3).await.expect("an answer");
        assert_eq!(none, Some((second, None)));
        assert_eq!(store.current_face(2, "a1", "col").await.expect("an answer"), None);
        assert_eq!(store.version_face(1, "a1", "other", 1).await.expect("an answer"), None);
    });
}

#[test]
fn an_id_is_its_bytes() {
    each(async |store| {
        furnish(&store).await;
        for id in ["APP", "app ", " app", "ap", "app\0", "%", "app' OR '1'='1"] {
            assert_eq!(store.application(1, id).await.expect("an answer"), None, "{id:?}");
            assert_eq!(store.current_face(1, "a1", id).await.expect("an answer"), None, "{id:?}");
        }
        assert_eq!(
            store.current_face(1, "app", "col").await.expect("an answer"),
            None,
            "an application is asked by birth"
        );
    });
}

#[test]
fn one_ledger_knows_nothing_of_another() {
    each(async |store| {
        furnish(&store).await;
        assert_eq!(store.application(2, "app").await.expect("an answer"), None);
        assert_eq!(store.applications(2, None, 9).await.expect("an answer"), []);
        assert_eq!(store.current_face(2, "a1", "col").await.expect("an answer"), None);
        assert_eq!(store.collections(2, "a1", None, 9).await.expect("an answer"), []);
        assert_eq!(store.versions(2, "c1").await.expect("an answer"), []);
        assert_eq!(store.head(2).await.expect("an answer"), None);

        let mut change = store.begin(2).await.expect("a change");
        change.insert_application(&application("app", "a1")).await.expect("the same ids are free there");
        change.commit().await.expect("a commit");
        assert_eq!(store.collections(2, "a1", None, 9).await.expect("an answer"), []);
    });
}

#[test]
fn applications_are_listed_by_the_bytes_of_their_ids() {
    each(async |store| {
        let ids = ["B", "Z-1", "_", "a", "a-b", "ab", "é"];
        let mut change = store.begin(1).await.expect("a change");
        for id in ids.iter().rev() {
            change.insert_application(&application(id, &format!("born {id}"))).await.expect("a new one");
        }
        change.insert_application(&application("aa", "buried")).await.expect("a new one");
        change.bury_application("aa", "buried", 30, b"buried").await.expect("a live one");
        change.commit().await.expect("a commit");

        for limit in 1..=8 {
            let mut listed: Vec<String> = Vec::new();
            loop {
                let after = listed.last().map(String::as_str);
                let page = store.applications(1, after, limit).await.expect("a page");
                assert!(page.len() <= limit as usize && listed.len() <= 9, "more than there is: {listed:?}");
                if page.is_empty() {
                    break;
                }
                listed.extend(page.into_iter().map(|row| row.id));
            }
            assert_eq!(listed, ids, "in pages of {limit}");
        }
    });
}

#[test]
fn collections_are_listed_by_age_then_by_id() {
    each(async |store| {
        // Two of one age, and ids that run against it.
        let rows = [("b", 20), ("a", 30), ("c", 30), ("A", 40)];
        let mut change = store.begin(1).await.expect("a change");
        for id in ["app", "other"] {
            change.insert_application(&application(id, &format!("born {id}"))).await.expect("a new one");
        }
        for (id, age) in rows.iter().rev() {
            put(&mut change, &collection("born app", id, &format!("born {id}"), *age)).await;
        }
        put(&mut change, &collection("born app", "gone", "born gone", 25)).await;
        change.bury_collection("born gone", 7, 50, b"manifest").await.expect("a live one");
        put(&mut change, &collection("born other", "b", "born elsewhere", 20)).await;
        change.commit().await.expect("a commit");

        for limit in 1..=5 {
            let mut listed: Vec<(String, i64)> = Vec::new();
            loop {
                let after = listed.last().map(|(id, age)| (*age, id.as_str()));
                let page = store.collections(1, "born app", after, limit).await.expect("a page");
                assert!(page.len() <= limit as usize && listed.len() <= 9, "more than there is: {listed:?}");
                if page.is_empty() {
                    break;
                }
                assert!(page.iter().all(|(_, shown)| *shown == face(1)));
                listed.extend(page.into_iter().map(|(row, _)| (row.id, row.created_at)));
            }
            let listed: Vec<_> = listed.iter().map(|(id, age)| (id.as_str(), *age)).collect();
            assert_eq!(listed, rows, "in pages of {limit}");
        }
    });
}

#[test]
fn verification_sees_everything_once_tombstones_too() {
    each(async |store| {
        furnish(&store).await;
        let mut change = store.begin(1).await.expect("a change");
        change.insert_application(&application("other", "a2")).await.expect("a new one");
        put(&mut change, &collection("a2", "col", "c3", 5)).await;
        change.bury_collection("c1", 7, 50, b"manifest").await.expect("a live one");
        put(&mut change, &collection("a1", "col", "c2", 60)).await;
        change.commit().await.expect("a commit");

        let mut seen: Vec<String> = Vec::new();
        loop {
            let after = seen.last().map(String::as_str);
            let page = store.every_collection(1, after, 2).await.expect("a page");
            if page.is_empty() {
                break;
            }
            assert!(seen.len() <= 9, "more than there is: {seen:?}");
            assert!(page.iter().all(|(_, current)| *current == Some(face(1))));
            seen.extend(page.into_iter().map(|(row, _)| row.born));
        }
        assert_eq!(seen, ["c1", "c2", "c3"]);

        let mut change = store.begin(1).await.expect("a change");
        change.bury_application("app", "a1", 70, b"buried").await.expect("a live one");
        change.insert_application(&application("app", "a3")).await.expect("the id is free");
        change.commit().await.expect("a commit");
        let first = store.every_application(1, None, 2).await.expect("a page");
        let rest = store.every_application(1, Some("a2"), 9).await.expect("a page");
        let seen: Vec<_> = first.iter().chain(&rest).map(|row| (row.born.as_str(), row.deleted_at)).collect();
        assert_eq!(seen, [("a1", Some(70)), ("a2", None), ("a3", None)]);
        assert_eq!(store.every_application(2, None, 9).await.expect("a page"), []);
    });
}

#[test]
fn counters_are_listed_by_application_and_collection() {
    each(async |store| {
        let ids = [("B", "a"), ("a", "Z"), ("a", "b"), ("a", "c"), ("a-b", "a"), ("b", "a")];
        let mut change = store.begin(1).await.expect("a change");
        for (at, (application, collection)) in ids.iter().enumerate().rev() {
            for version in 1..=at as u64 + 1 {
                let next = change.next_version(application, collection).await.expect("a number");
                assert_eq!(next, version);
            }
        }
        change.commit().await.expect("a commit");

        for limit in 1..=7 {
            let mut listed: Vec<(String, String, u64)> = Vec::new();
            loop {
                let after = listed.last().map(|(application, id, _)| (application.as_str(), id.as_str()));
                let page = store.counters(1, after, limit).await.expect("a page");
                assert!(page.len() <= limit as usize && listed.len() <= 9, "more than there is: {listed:?}");
                if page.is_empty() {
                    break;
                }
                listed.extend(page);
            }
            let expected = ids
                .iter()
                .zip(1..)
                .map(|((application, id), version)| ((*application).to_owned(), (*id).to_owned(), version));
            assert_eq!(listed, expected.collect::<Vec<_>>(), "in pages of {limit}");
        }
        assert_eq!(store.counters(2, None, 9).await.expect("a page"), []);
    });
}
