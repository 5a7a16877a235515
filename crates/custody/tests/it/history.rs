//! What was is kept: compared without a value, made current again, brought back after a deletion; lists go on where a
//! page ended; and how a run ended is noted once.

use strongroom_custody::{
    ApplicationError, ApplicationUpdate, CreateError, EndError, List, Manage, NewApplication, UpdateError,
    Write,
};
use strongroom_secrets::{End, Place, RunClaimText};

use crate::block_on;
use crate::strongroom::{Strongroom, app, collection, operate, pairs, place, rename};

async fn with_three_versions() -> Strongroom {
    let room = Strongroom::memory().await;
    room.create("app", "c", &[("env:A", "1"), ("env:B", "b")]).await.expect("created");
    room.update("app", "c", &operate(&[("=env:A", "2"), ("+file:f", "f")])).await.expect("updated");
    room.update("app", "c", &operate(&[("-env:B", "")])).await.expect("updated");
    room
}

#[test]
fn a_diff_names_places_and_no_value() {
    block_on(async {
        let room = with_three_versions().await;
        let access = room.access::<List>("app");
        let diff = async |from, to| room.custodian.diff(&access, &collection("c"), from, to).await;
        let places = |list: &[&str]| list.iter().map(|text| place(text)).collect::<Vec<Place>>();
        let found = diff(1, 2).await.expect("a diff");
        assert_eq!((found.from, found.to), (1, 2));
        assert_eq!(found.added, places(&["file:f"]));
        assert_eq!(found.changed, places(&["env:A"]));
        assert_eq!((found.same, found.removed), (places(&["env:B"]), places(&[])));
        let found = diff(3, 1).await.expect("a diff");
        assert_eq!((found.added, found.removed), (places(&["env:B"]), places(&["file:f"])));
        let found = diff(2, 2).await.expect("a diff");
        assert_eq!(found.same.len(), 3);
        assert!(diff(1, 9).await.is_err());
        // A value that came back is the same value.
        room.update("app", "c", &operate(&[("=env:A", "1")])).await.expect("updated");
        let found = diff(1, 4).await.expect("a diff");
        assert_eq!(found.same, places(&["env:A"]));
    });
}

#[test]
fn a_rollback_is_a_new_version_with_the_old_contents_and_masks() {
    block_on(async {
        let room = with_three_versions().await;
        room.update("app", "c", &rename("later")).await.expect("updated");
        let then = room.show("app", "c", Some(1)).await.expect("a version").0;
        let access = room.access::<Write>("app");
        let roll = async |to, if_match: Option<u64>| {
            let if_match = if_match.map(|version| room.custodian.tag(version));
            room.custodian.rollback(&access, &collection("c"), to, if_match, room.now()).await
        };
        let error = roll(1, Some(3)).await.expect_err("it is at 4");
        assert!(
            matches!(error, UpdateError::NotAtVersion { expected, current } if (expected.version, current.version) == (3, 4))
        );
        assert!(matches!(roll(9, None).await, Err(UpdateError::Absent(_))));

        let made = roll(1, Some(4)).await.expect("rolled back");
        assert_eq!((made.version, made.summary.name.as_str()), (5, "c"));
        assert_eq!(made.changes.added, [place("env:B")]);
        assert_eq!(made.changes.changed, [place("env:A")]);
        assert_eq!(made.changes.removed, [place("file:f")]);
        assert_eq!(
            room.deliver("app", "c", None).await.expect("values"),
            pairs(&[("env:A", "1"), ("env:B", "b")])
        );
        let masks = |shown: &strongroom_secrets::SecretsCollection<strongroom_secrets::Mask>| {
            shown.secrets.iter().map(|secret| secret.value.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(masks(&room.show("app", "c", None).await.expect("a version").0), masks(&then));
        room.verify().await.expect("in order");
        let records = room.records().await.expect("records");
        let told = records.iter().find(|record| record.action == "collection.rollback").expect("a record");
        assert_eq!(told.version, Some(5));
    });
}

#[test]
fn what_was_deleted_last_comes_back_whole() {
    block_on(async {
        let room = with_three_versions().await;
        let access = room.access::<Write>("app");
        let restore = async || room.custodian.restore(&access, &collection("c"), room.now()).await;
        assert!(matches!(restore().await, Err(CreateError::Exists { .. })));
        room.delete("app", "c").await.expect("deleted");
        room.create("app", "c", &[("env:NEWER", "n")]).await.expect("created");
        assert!(matches!(restore().await, Err(CreateError::Exists { .. })));
        room.delete("app", "c").await.expect("deleted");

        let made = restore().await.expect("restored");
        assert_eq!(made.version, 4);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&[("env:NEWER", "n")]));
        room.update("app", "c", &rename("again")).await.expect("it lives on");
        assert_eq!(room.versions("app", "c").await.expect("versions"), [4, 5]);
        assert_eq!(room.list("app").await.expect("a list"), ["c"]);
        room.verify().await.expect("in order");
        let never = room.custodian.restore(&access, &collection("never"), room.now()).await;
        assert!(matches!(never, Err(CreateError::Absent(_))));
    });
}

#[test]
fn an_application_is_renamed_and_comes_back_with_its_collections() {
    block_on(async {
        let room = with_three_versions().await;
        let access = room.access::<Manage>("app");
        let named = |name: &str| ApplicationUpdate { name: Some(name.into()), description: None };
        let changed = room.custodian.update_application(&access, named("Fleet"), room.now()).await;
        let changed = changed.expect("changed");
        assert_eq!((changed.name.as_str(), changed.updated_at > changed.created_at), ("Fleet", true));
        let restore = async || room.custodian.restore_application(&access, room.now()).await;
        assert!(matches!(restore().await, Err(ApplicationError::Exists(_))));

        room.delete_application("app").await.expect("deleted");
        assert!(room.list("app").await.is_err());
        assert_eq!(restore().await.expect("restored").name, "Fleet");
        assert_eq!(room.versions("app", "c").await.expect("versions"), [1, 2, 3]);
        assert_eq!(
            room.deliver("app", "c", None).await.expect("values"),
            pairs(&[("env:A", "2"), ("file:f", "f")])
        );
        room.verify().await.expect("in order");
        let never = room.custodian.restore_application(&room.access("never"), room.now()).await;
        assert!(matches!(never, Err(ApplicationError::Absent(_))));
    });
}

#[test]
fn a_list_goes_on_where_a_page_ended() {
    block_on(async {
        let room = Strongroom::memory().await;
        let mut expected = Vec::new();
        for number in 0..7 {
            let id = format!("c{number}");
            room.create("app", &id, &[("env:A", "1")]).await.expect("created");
            room.custodian
                .create_application(&room.everywhere(), &app(&id), NewApplication::default(), room.now())
                .await
                .expect("a new application");
            expected.push(id);
        }
        let access = room.access::<List>("app");
        for size in [1, 2, 3, 6, 7, 8] {
            let (mut seen, mut mark) = (Vec::new(), None);
            loop {
                let page = room.custodian.list(&access, mark.as_ref(), Some(size)).await.expect("a page");
                assert!(page.items.len() <= size as usize);
                seen.extend(page.items.into_iter().map(|summary| summary.id));
                mark = page.next;
                if mark.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "pages of {size}");
            let (mut seen, mut mark) = (Vec::new(), None);
            loop {
                let page =
                    room.custodian.list_applications(&room.everywhere(), mark.as_ref(), Some(size)).await;
                let page = page.expect("a page");
                seen.extend(page.items.into_iter().map(|application| application.id));
                mark = page.next;
                if mark.is_none() {
                    break;
                }
            }
            assert_eq!(seen[1..], expected, "pages of {size}");
        }
    });
}

#[test]
fn the_end_of_a_run_is_noted_once_and_by_whoever_took_the_delivery() {
    block_on(async {
        let room = with_three_versions().await;
        let claim = RunClaimText { host: "h".into(), user: "u".into(), command: "c d".into(), level: None };
        let access = room.access("app");
        let delivered = room
            .custodian
            .deliver(&access, &collection("c"), None, Some(claim), room.now())
            .await
            .expect("delivered");
        let owner = strongroom_custody::Caller::owner(1000);
        let end = async |caller: &strongroom_custody::Caller, receipt: &str, end| {
            room.custodian.end_run(caller, receipt, end, room.now()).await
        };
        let stranger = strongroom_custody::Caller::owner(1001);
        for (caller, receipt) in [
            (&stranger, delivered.receipt.as_str()),
            (&owner, "1-abcdefgh.0.0"),
            (&owner, "nonsense"),
            (&owner, &delivered.receipt.replace(".0.", ".1.")),
        ] {
            let error = end(caller, receipt, End::Exit(0)).await.expect_err(receipt);
            assert!(matches!(error, EndError::NoSuchDelivery), "{error:?}");
        }
        let before = room.records().await.expect("records").len();
        end(&owner, &delivered.receipt, End::Exit(3)).await.expect("noted");
        end(&owner, &delivered.receipt, End::Signal(9)).await.expect("the first word stands");
        let records = room.records().await.expect("records");
        assert_eq!(records.len(), before + 1);
        assert_eq!(records.last().expect("a record").action, "run.end");
        room.verify().await.expect("in order");
    });
}
