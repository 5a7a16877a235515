//! Applications: made, listed, looked at, deleted; and what becomes of their collections.

use strongroom_custody::{Absent, ApplicationError, List, NewApplication, ReadError};

use crate::block_on;
use crate::strongroom::{Strongroom, app, at, pairs};

#[test]
fn an_application_is_shown_as_it_was_made() {
    block_on(async {
        let room = Strongroom::memory().await;
        let new = NewApplication { name: Some("Fleet — Süd".into()), description: "two\nlines".into() };
        let made = room.custodian.create_application(&room.everywhere(), &app("fleet"), new, at(50)).await;
        let made = made.expect("a new application");
        assert_eq!((made.id.as_str(), made.name.as_str()), ("fleet", "Fleet — Süd"));
        assert_eq!(
            (made.description.as_str(), made.created_at, made.updated_at),
            ("two\nlines", at(50), at(50))
        );
        let shown = room.custodian.get_application(&room.access::<List>("fleet")).await;
        assert_eq!(shown.expect("an application"), made);

        let plain =
            room.custodian.get_application(&room.access::<List>("app")).await.expect("an application");
        assert_eq!((plain.name.as_str(), plain.description.as_str()), ("app", ""), "the id where no name is");
    });
}

#[test]
fn all_applications_are_listed_by_id() {
    block_on(async {
        let room = Strongroom::memory().await;
        let ids: Vec<String> = (0..205).map(|i| format!("n{:03}", (i * 37) % 205)).collect();
        for id in &ids {
            room.create_application(id).await.expect("a new application");
        }
        room.create_application("Upper").await.expect("ids are case-sensitive");
        let mut expected = ids;
        expected.extend(["app".to_owned(), "Upper".to_owned()]);
        expected.sort();
        assert_eq!(room.applications().await.expect("a list"), expected);
    });
}

#[test]
fn an_id_in_use_is_refused_and_free_once_deleted() {
    block_on(async {
        let room = Strongroom::memory().await;
        let error = room.create_application("app").await.expect_err("it is there");
        assert!(matches!(&error, ApplicationError::Exists(id) if *id == app("app")), "{error:?}");
        room.create_application("App").await.expect("another id");
        room.delete_application("app").await.expect("deleted");
        assert_eq!(room.applications().await.expect("a list"), ["App"]);
        room.create_application("app").await.expect("the id is free");
        assert_eq!(room.applications().await.expect("a list"), ["App", "app"]);
    });
}

#[test]
fn an_application_goes_with_its_collections_and_they_do_not_come_back() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "tokens", &[("env:A", "old")]).await.expect("created");
        room.create("app", "other", &[("env:A", "old")]).await.expect("created");
        room.delete_application("app").await.expect("deleted");
        room.create_application("app").await.expect("the id is free");
        assert_eq!(room.list("app").await.expect("a list"), Vec::<String>::new());
        let error = room.deliver("app", "tokens", Some(1)).await.expect_err("it went with the application");
        assert!(matches!(error, ReadError::Absent(Absent::Collection { .. })), "{error:?}");

        let made = room.create("app", "tokens", &[("env:A", "new")]).await.expect("the id is free");
        assert_eq!(made.version, 2, "the counter goes on");
        let error = room.show("app", "tokens", Some(1)).await.expect_err("a former life");
        assert!(matches!(error, ReadError::Absent(Absent::Version { version: 1, .. })), "{error:?}");
        assert_eq!(room.deliver("app", "tokens", None).await.expect("values"), pairs(&[("env:A", "new")]));
        room.verify().await.expect("all in order");
    });
}

#[test]
fn an_application_that_is_not_there_is_named_by_every_operation() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create_application("gone").await.expect("a new application");
        room.create("gone", "c", &[("env:A", "v")]).await.expect("created");
        room.delete_application("gone").await.expect("deleted");
        for id in ["gone", "never"] {
            let update = crate::strongroom::rename("n");
            let refusals = [
                room.delete_application(id).await.expect_err(id).to_string(),
                room.custodian.get_application(&room.access::<List>(id)).await.expect_err(id).to_string(),
                room.create(id, "c", &[("env:A", "v")]).await.expect_err(id).to_string(),
                room.list(id).await.expect_err(id).to_string(),
                room.show(id, "c", None).await.map(drop).expect_err(id).to_string(),
                room.versions(id, "c").await.expect_err(id).to_string(),
                room.update(id, "c", &update).await.expect_err(id).to_string(),
                room.delete(id, "c").await.expect_err(id).to_string(),
                room.deliver(id, "c", None).await.expect_err(id).to_string(),
                room.reveal(id, "c").await.expect_err(id).to_string(),
            ];
            for refusal in refusals {
                assert!(refusal.starts_with(&format!("there is no application {id};")), "{refusal}");
            }
        }
    });
}
