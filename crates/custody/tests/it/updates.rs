//! Updates: merged, replaced, by operations; from an expected version; all or nothing.

use strongroom_custody::{UpdateError, Write};
use strongroom_secrets::{SetError, Update, VersionTag};

use crate::block_on;
use crate::strongroom::{Strongroom, collection, operate, pairs, place, rename, replace};

fn texts(places: &[strongroom_secrets::Place]) -> Vec<String> {
    places.iter().map(ToString::to_string).collect()
}

#[test]
fn operations_merge_and_say_what_changed() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1"), ("env:B", "2"), ("file:f", "3")]).await.expect("created");
        let update = operate(&[("+env:D", "4"), ("=env:B", "22"), ("-file:f", ""), ("-env:NEVER", "")]);
        let updated = room.update("app", "c", &update).await.expect("updated");
        assert_eq!(texts(&updated.changes.added), ["env:D"]);
        assert_eq!(texts(&updated.changes.changed), ["env:B"]);
        assert_eq!(texts(&updated.changes.removed), ["file:f"]);
        assert_eq!(texts(&updated.changes.kept), ["env:A"]);
        let expected = pairs(&[("env:A", "1"), ("env:B", "22"), ("env:D", "4")]);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), expected);
    });
}

#[test]
fn a_replacement_is_the_complete_list_in_its_order() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1"), ("env:B", "2")]).await.expect("created");
        let mask = room.mask("app", "c", "env:B").await;
        let updated = room.update("app", "c", &replace(&[("env:C", "3"), ("env:B", &mask)])).await;
        let updated = updated.expect("updated");
        assert_eq!(texts(&updated.changes.added), ["env:C"]);
        assert_eq!(texts(&updated.changes.removed), ["env:A"]);
        assert_eq!(texts(&updated.changes.kept), ["env:B"]);
        let expected = pairs(&[("env:C", "3"), ("env:B", "2")]);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), expected);
    });
}

#[test]
fn names_change_alone_and_what_is_absent_stays() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let before = room.masks("app", "c").await.expect("a collection");
        let update = Update::settle(None, Some("told".into()), None).expect("a legal update");
        room.update("app", "c", &update).await.expect("updated");
        let updated = room.update("app", "c", &rename("Named")).await.expect("updated");
        let (shown, version) = room.show("app", "c", None).await.expect("a collection");
        assert_eq!((version, &shown.summary), (3, &updated.summary));
        assert_eq!((shown.summary.name.as_str(), shown.summary.description.as_str()), ("Named", "told"));
        assert!(shown.summary.created_at < shown.summary.updated_at);
        assert_eq!(room.masks("app", "c").await.expect("a collection"), before);
        let cleared = Update::settle(None, Some(String::new()), None).expect("a legal update");
        let updated = room.update("app", "c", &cleared).await.expect("updated");
        assert_eq!((updated.summary.name.as_str(), updated.summary.description.as_str()), ("Named", ""));
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&[("env:A", "1")]));
    });
}

#[test]
fn a_hundred_secrets_are_swapped_for_another_hundred() {
    block_on(async {
        let room = Strongroom::memory().await;
        let names: Vec<String> = (0..100).map(|i| format!("env:OLD{i}")).collect();
        let secrets: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
        room.create("app", "c", &secrets).await.expect("created");
        // The new ones come first, so that only the final state is within the limit.
        let swap: Vec<String> =
            (0..100).map(|i| format!("+env:NEW{i}")).chain(names.iter().map(|n| format!("-{n}"))).collect();
        let operations: Vec<(&str, &str)> = swap.iter().map(|name| (name.as_str(), "w")).collect();
        let updated = room.update("app", "c", &operate(&operations)).await.expect("updated");
        assert_eq!((updated.changes.added.len(), updated.changes.removed.len()), (100, 100));
        assert_eq!(room.masks("app", "c").await.expect("a collection").len(), 100);
    });
}

#[test]
fn a_refused_operation_undoes_all_of_its_request() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1"), ("file:d/f", "2")]).await.expect("created");
        let before = room.masks("app", "c").await.expect("a collection");
        let records = room.records().await.expect("records");
        let check = async |last: (&str, &str), expected: &dyn Fn(&UpdateError) -> bool| {
            let update = operate(&[("+env:NEW", "n"), ("-env:A", ""), last]);
            let error = room.update("app", "c", &update).await.expect_err("refused");
            assert!(expected(&error), "{error:?}");
        };
        check(("+file:d/f", "x"), &|e| matches!(e, UpdateError::AlreadyThere(p) if *p == place("file:d/f")))
            .await;
        check(("=env:NONE", "x"), &|e| matches!(e, UpdateError::NotThere(p) if *p == place("env:NONE")))
            .await;
        check(("+file:d", "x"), &|e| matches!(e, UpdateError::Set(SetError::Below { .. }))).await;
        check(("+file:/d/f", "x"), &|e| matches!(e, UpdateError::Set(SetError::OnePath { .. }))).await;
        assert_eq!(room.masks("app", "c").await.expect("a collection"), before);
        assert_eq!(room.versions("app", "c").await.expect("versions"), [1]);
        assert_eq!(room.records().await.expect("records"), records);
        assert_eq!(
            room.update("app", "c", &rename("n")).await.expect("updated").version,
            2,
            "no number was taken"
        );
    });
}

#[test]
fn an_update_from_an_expected_version_meets_that_version_or_nothing() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let updated = room.update_from("app", "c", Some(1), &operate(&[("=env:A", "2")])).await;
        assert_eq!(updated.expect("updated").version, 2);
        for expected in [0, 1, 3] {
            let error = room.update_from("app", "c", Some(expected), &operate(&[("=env:A", "x")])).await;
            let error = error.expect_err("another version");
            let tag = |version| VersionTag { version, generation: 1 };
            let refused = matches!(error, UpdateError::NotAtVersion { expected: e, current } if e == tag(expected) && current == tag(2));
            assert!(refused, "{error:?}");
        }
        let access = room.access::<Write>("app");
        let restored = Some(VersionTag { version: 2, generation: 2 });
        let error =
            room.custodian.update(&access, &collection("c"), &rename("n"), restored, room.now()).await;
        let error = error.expect_err("a version of another generation").to_string();
        assert!(error.starts_with("the collection is at version 2, not 2.2: "), "{error}");
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&[("env:A", "2")]));
    });
}
