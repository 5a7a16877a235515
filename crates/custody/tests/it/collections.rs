//! Collections: made, listed, looked at and deleted; ids and names; what is not there.

use strongroom_custody::{Absent, CreateError, List, ReadError, UpdateError, Write};
use strongroom_secrets::{Draft, MASK_PREFIX, NewCollection};

use crate::block_on;
use crate::strongroom::{Strongroom, WIDE, app, at, collection, pairs, rename, secret};

#[test]
fn a_collection_is_shown_as_it_was_made_and_masked() {
    block_on(async {
        let room = Strongroom::memory().await;
        let draft = Draft {
            id: Some("tokens".into()),
            name: Some("Tøkens".into()),
            description: Some("for the\r\nsolver".into()),
            secrets: Some(vec![secret("file:/mnt/a.json", "{}"), secret("env:API_KEY", "k")]),
        };
        let new = NewCollection::settle(draft, WIDE).expect("a legal collection");
        let made = room.custodian.create(&room.access::<Write>("app"), new, at(50)).await.expect("created");
        let places: Vec<String> = made.changes.added.iter().map(ToString::to_string).collect();
        assert_eq!((made.version, places), (1, vec!["file:/mnt/a.json".into(), "env:API_KEY".to_owned()]));

        let (shown, version) = room.show("app", "tokens", None).await.expect("a collection");
        assert_eq!((version, &shown.summary), (1, &made.summary));
        let summary = &shown.summary;
        assert_eq!((summary.id.as_str(), summary.application_id.as_str()), ("tokens", "app"));
        assert_eq!((summary.name.as_str(), summary.description.as_str()), ("Tøkens", "for the\r\nsolver"));
        assert_eq!((summary.created_at, summary.updated_at), (at(50), at(50)));
        let masks = room.masks("app", "tokens").await.expect("a collection");
        let order: Vec<&str> = masks.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(order, ["file:/mnt/a.json", "env:API_KEY"], "the order is kept");
        assert!(masks.iter().all(|(_, mask)| mask.starts_with(MASK_PREFIX)), "{masks:?}");
        assert_ne!(masks[0].1, masks[1].1);
        let listed =
            room.custodian.list(&room.access::<List>("app"), None, None).await.expect("a list").items;
        assert_eq!(listed, [made.summary]);
    });
}

#[test]
fn ids_and_names_are_made_where_none_is_given() {
    block_on(async {
        let room = Strongroom::memory().await;
        let draft = || Draft { secrets: Some(vec![secret("env:A", "v")]), ..Draft::default() };
        let mut ids = Vec::new();
        for _ in 0..2 {
            let new = NewCollection::settle(draft(), WIDE).expect("a legal collection");
            let made = room.custodian.create(&room.access::<Write>("app"), new, room.now()).await;
            let summary = made.expect("created").summary;
            assert!(summary.id.starts_with("secrets-"), "{}", summary.id);
            assert_eq!((&summary.name, summary.description.as_str()), (&summary.id, ""));
            ids.push(summary.id);
        }
        assert_ne!(ids[0], ids[1]);
        assert_eq!(room.list("app").await.expect("a list"), ids);
    });
}

#[test]
fn more_collections_than_a_page_are_listed_by_creation_and_id() {
    block_on(async {
        let room = Strongroom::memory().await;
        let mut expected = Vec::new();
        // Three share each moment, made in an order that is not theirs, so that pages end between equal moments.
        for i in 0..405_i64 {
            let id = format!("c{:03}", (i * 7) % 405);
            let new = crate::strongroom::new(&id, &[("env:A", "v")]);
            let then = at(1000 - i / 3);
            room.custodian.create(&room.access::<Write>("app"), new, then).await.expect("created");
            expected.push((then, id));
        }
        expected.sort();
        let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
        assert_eq!(room.list("app").await.expect("a list"), expected);
    });
}

#[test]
fn an_id_in_use_is_refused_and_nothing_of_it_stays() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "first")]).await.expect("created");
        let before = room.records().await.expect("records").len();
        let error = room.create("app", "c", &[("env:A", "second")]).await.expect_err("it is there");
        assert!(
            matches!(&error, CreateError::Exists { application, id }
                if *application == app("app") && *id == collection("c")),
            "{error:?}"
        );
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&[("env:A", "first")]));
        assert_eq!(room.records().await.expect("records").len(), before + 1, "only the delivery");
        let updated = room.update("app", "c", &rename("n")).await.expect("updated");
        assert_eq!(updated.version, 2, "the refused creation took no number");
    });
}

#[test]
fn one_id_in_two_applications_is_two_collections() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create_application("other").await.expect("a new application");
        room.create("app", "c", &[("env:A", "here")]).await.expect("created");
        let there = room.create("other", "c", &[("env:A", "there")]).await.expect("another application");
        assert_eq!(there.version, 1);
        room.delete("app", "c").await.expect("deleted");
        assert_eq!(room.deliver("other", "c", None).await.expect("values"), pairs(&[("env:A", "there")]));
    });
}

#[test]
fn a_deleted_id_is_free_at_once_and_its_numbers_go_on() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        room.update("app", "c", &rename("n")).await.expect("updated");
        room.delete("app", "c").await.expect("deleted");
        assert_eq!(room.list("app").await.expect("a list"), Vec::<String>::new());
        let error = room.show("app", "c", None).await.map(drop).expect_err("it is gone");
        assert!(matches!(error, ReadError::Absent(Absent::Collection { .. })), "{error:?}");

        let again = room.create("app", "c", &[("env:B", "3")]).await.expect("the id is free");
        assert_eq!(again.version, 3);
        assert_eq!(room.versions("app", "c").await.expect("versions"), [3]);
        for former in [1, 2] {
            let refusals = [
                room.show("app", "c", Some(former)).await.map(drop).expect_err("a former life"),
                room.deliver("app", "c", Some(former)).await.map(drop).expect_err("a former life"),
            ];
            for error in refusals {
                let absent = matches!(&error, ReadError::Absent(Absent::Version { version, .. }) if *version == former);
                assert!(absent, "{error:?}");
            }
        }
        let error = room.update_from("app", "c", Some(2), &rename("n")).await.expect_err("a former life");
        assert!(
            matches!(error, UpdateError::NotAtVersion { current, .. } if current.version == 3),
            "{error:?}"
        );
        room.verify().await.expect("all in order");
    });
}

#[test]
fn a_collection_that_is_not_there_is_named_by_every_operation() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "gone", &[("env:A", "v")]).await.expect("created");
        room.delete("app", "gone").await.expect("deleted");
        for id in ["gone", "never"] {
            let refusals = [
                room.show("app", id, None).await.map(drop).expect_err(id).to_string(),
                room.show("app", id, Some(1)).await.map(drop).expect_err(id).to_string(),
                room.versions("app", id).await.expect_err(id).to_string(),
                room.update("app", id, &rename("n")).await.expect_err(id).to_string(),
                room.delete("app", id).await.expect_err(id).to_string(),
                room.deliver("app", id, None).await.expect_err(id).to_string(),
                room.deliver("app", id, Some(1)).await.expect_err(id).to_string(),
                room.reveal("app", id).await.expect_err(id).to_string(),
            ];
            for refusal in refusals {
                assert_eq!(refusal, format!("application app has no secrets collection {id}"));
            }
        }
    });
}
