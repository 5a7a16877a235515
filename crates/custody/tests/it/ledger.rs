//! The ledger: every action leaves exactly one record that says what happened, a refused one leaves none, and the whole
//! of it verifies, with the keys and without.

use strongroom_custody::{AuditFilter, List};
use strongroom_ledger::Receipt;
use strongroom_secrets::AuditEntry;
use strongroom_store::{RecordFilter, Store};

use crate::block_on;
use crate::strongroom::{Folder, Strongroom, WIDE, app, at, collection, operate, rename, replace};

#[test]
fn each_action_leaves_exactly_one_record() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        room.update("app", "c", &operate(&[("=env:A", "2")])).await.expect("updated");
        room.deliver("app", "c", None).await.expect("delivered");
        room.deliver("app", "c", Some(1)).await.expect("delivered");
        room.reveal("app", "c").await.expect("revealed");
        room.delete("app", "c").await.expect("deleted");
        room.delete_application("app").await.expect("deleted");
        // Looking leaves nothing.
        room.applications().await.expect("a list");

        let records = room.records().await.expect("records");
        let said: Vec<_> = records
            .iter()
            .map(|r| (r.action.as_str(), r.application_id.as_deref(), r.collection_id.as_deref(), r.version))
            .collect();
        let (app, c) = (Some("app"), Some("c"));
        let expected = [
            ("instance.create", None, None, None),
            ("application.create", app, None, None),
            ("collection.create", app, c, Some(1)),
            ("collection.update", app, c, Some(2)),
            ("collection.deliver", app, c, Some(2)),
            ("collection.deliver", app, c, Some(1)),
            ("collection.reveal", app, c, Some(2)),
            ("collection.delete", app, c, Some(2)),
            ("application.delete", app, None, None),
        ];
        assert_eq!(said, expected);
        for (seq, record) in (0..).zip(&records) {
            assert_eq!((record.ledger, record.seq, record.time), (0, seq, at(seq as i64 + 1)));
            assert_eq!((record.actor.as_str(), record.result.as_str()), ("embedded/uid:1000", "ok"));
            let (generation, place) = record.receipt.split_once('.').expect("generation.ledger.seq");
            assert!(generation.starts_with("1-"), "{}", record.receipt);
            assert_eq!(place, format!("0.{seq}"));
        }
        let verified = room.verify().await.expect("all in order");
        assert_eq!((verified.records, verified.opened, verified.collections), (9, 9, 1));
    });
}

#[test]
fn looking_and_being_refused_leave_no_record() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let before = room.records().await.expect("records");

        room.list("app").await.expect("a list");
        room.show("app", "c", None).await.expect("a collection");
        room.versions("app", "c").await.expect("versions");
        room.custodian.get_application(&room.access::<List>("app")).await.expect("an application");
        room.verify().await.expect("all in order");

        room.create_application("app").await.expect_err("it is there");
        room.delete_application("never").await.expect_err("never was");
        room.create("app", "c", &[("env:A", "1")]).await.expect_err("it is there");
        room.create("never", "c", &[("env:A", "1")]).await.expect_err("no application");
        room.update("app", "c", &operate(&[("+env:A", "2")])).await.expect_err("it is there");
        room.update_from("app", "c", Some(7), &rename("n")).await.expect_err("another version");
        room.delete("app", "never").await.expect_err("never was");
        room.deliver("app", "never", None).await.expect_err("never was");
        room.deliver("app", "c", Some(2)).await.expect_err("never was");
        room.reveal("app", "never").await.expect_err("never was");
        assert_eq!(room.records().await.expect("records"), before);
    });
}

#[test]
fn the_record_of_a_delivery_is_there_for_others_when_the_value_is_out() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let access = room.access("app");
        let delivery = room.custodian.deliver(&access, &collection("c"), None, None, room.now()).await;
        let delivery = delivery.expect("delivered");
        let receipt = Receipt::parse(&delivery.receipt).expect("a receipt");
        assert_eq!(delivery.secrets.entries()[0].1.expose(), "1");

        let other = Store::open(&folder.data()).await.expect("the same store once more");
        let last = other.records(0, RecordFilter::default(), 0, 99).await.expect("records").pop();
        assert_eq!(last.expect("a record").seq, receipt.seq);
        let records = room.records().await.expect("records");
        let last = records.last().expect("a record");
        assert_eq!(
            (last.receipt.as_str(), last.action.as_str()),
            (receipt.to_string().as_str(), "collection.deliver")
        );
    });
}

#[test]
fn records_are_found_by_application_and_collection_and_more_than_a_page() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create_application("other").await.expect("a new application");
        for (application, id) in [("app", "c"), ("app", "d"), ("other", "c")] {
            room.create(application, id, &[("env:A", "1")]).await.expect("created");
        }
        for _ in 0..600 {
            room.deliver("app", "d", None).await.expect("delivered");
        }
        let (application, id) = (app("app"), collection("c"));
        let both = AuditFilter { application: Some(&application), collection: Some(&id) };
        let count = |records: Vec<AuditEntry>| records.len();
        assert_eq!(count(room.records_about(both).await.expect("records")), 1);
        let of_application = AuditFilter { collection: None, ..both };
        assert_eq!(count(room.records_about(of_application).await.expect("records")), 603);
        let of_collection = AuditFilter { application: None, ..both };
        assert_eq!(count(room.records_about(of_collection).await.expect("records")), 2);
        let all = room.records().await.expect("records");
        assert!(all.iter().map(|record| record.seq).eq(0..606), "in order and whole");
        assert_eq!(room.verify().await.expect("all in order").opened, 606);
    });
}

#[test]
fn the_tree_verifies_without_any_key() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        for id in ["c", "d", "e"] {
            room.create("app", id, &[("env:A", "1")]).await.expect("created");
        }
        room.update("app", "c", &replace(&[("env:B", "2")])).await.expect("updated");
        let with_keys = room.verify().await.expect("all in order");
        let other = Store::open(&folder.data()).await.expect("the same store once more");
        let without = strongroom_custody::verify(&other).await.expect("all in order");
        assert_eq!((without.records, &without.root), (with_keys.records, &with_keys.root));
        assert_eq!((without.opened, without.collections), (0, 0));
    });
}
