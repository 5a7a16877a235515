//! Masks: what a client was shown keeps a value when it comes back, and no mask does anything else. What the documented
//! clients do with them is done here.

use strongroom_custody::UpdateError;
use strongroom_secrets::{Draft, NewCollection, RequestError};

use crate::block_on;
use crate::strongroom::{Strongroom, WIDE, operate, pairs, place, rename, replace, secret};

#[test]
fn a_kept_value_keeps_its_mask_and_a_changed_one_changes_it() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "same"), ("env:B", "same")]).await.expect("created");
        let (a, b) = (room.mask("app", "c", "env:A").await, room.mask("app", "c", "env:B").await);
        room.update("app", "c", &rename("n")).await.expect("updated");
        room.update("app", "c", &operate(&[("=env:A", "same"), ("=env:B", &b)])).await.expect("updated");
        assert_ne!(room.mask("app", "c", "env:A").await, a, "set anew, be it to the same");
        assert_eq!(room.mask("app", "c", "env:B").await, b);
        let expected = pairs(&[("env:A", "same"), ("env:B", "same")]);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), expected);
    });
}

#[test]
fn get_append_update_keeps_every_value() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "put", &[("env:A", "1"), ("file:f", "2")]).await.expect("created");
        room.create("app", "patch", &[("env:A", "1"), ("file:f", "2")]).await.expect("created");
        // As clients before PATCH do: all that was shown, and the new one.
        let shown = room.masks("app", "put").await.expect("a collection");
        let mut all: Vec<(&str, &str)> = shown.iter().map(|(p, m)| (p.as_str(), m.as_str())).collect();
        all.push(("env:NEW", "3"));
        room.update("app", "put", &replace(&all)).await.expect("updated");
        // As clients since PATCH do: each that was shown as an update, and the new one.
        let shown = room.masks("app", "patch").await.expect("a collection");
        let sent: Vec<(String, String)> = shown.into_iter().map(|(p, m)| (format!("={p}"), m)).collect();
        let mut all: Vec<(&str, &str)> = sent.iter().map(|(p, m)| (p.as_str(), m.as_str())).collect();
        all.push(("+env:NEW", "3"));
        room.update("app", "patch", &operate(&all)).await.expect("updated");
        for id in ["put", "patch"] {
            let expected = pairs(&[("env:A", "1"), ("file:f", "2"), ("env:NEW", "3")]);
            assert_eq!(room.deliver("app", id, None).await.expect("values"), expected, "{id}");
        }
    });
}

#[test]
fn a_fetched_collection_cannot_be_copied_into_a_new_one() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let shown = room.masks("app", "c").await.expect("a collection");
        let secrets = Some(shown.iter().map(|(place, mask)| secret(place, mask)).collect());
        let error = NewCollection::settle(Draft { secrets, ..Draft::default() }, WIDE).expect_err("masks");
        assert_eq!(error, RequestError::MaskInNew { place: place("env:A") });
    });
}

#[test]
fn a_mask_of_anything_else_is_refused_and_nothing_is_written() {
    block_on(async {
        let room = Strongroom::memory().await;
        let elsewhere = Strongroom::memory().await;
        room.create_application("other").await.expect("a new application");
        for (application, id) in [("app", "c"), ("app", "d"), ("other", "c")] {
            let made = room.create(application, id, &[("env:A", "1"), ("env:B", "2"), ("file:A", "3")]).await;
            made.expect("created");
        }
        elsewhere.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let own = room.mask("app", "c", "env:A").await;
        let forged = format!("{}{}", &own[..own.len() - 1], if own.ends_with('0') { "1" } else { "0" });
        let foreign = [
            room.mask("other", "c", "env:A").await,
            room.mask("app", "d", "env:A").await,
            room.mask("app", "c", "env:B").await,
            room.mask("app", "c", "file:A").await,
            elsewhere.mask("app", "c", "env:A").await,
            forged,
        ];
        let before = (room.masks("app", "c").await.expect("masks"), room.records().await.expect("records"));
        for mask in &foreign {
            for update in
                [replace(&[("env:NEW", "n"), ("env:A", mask)]), operate(&[("+env:N", "n"), ("=env:A", mask)])]
            {
                let error = room.update("app", "c", &update).await.expect_err("a foreign mask");
                assert!(matches!(&error, UpdateError::ForeignMask(p) if *p == place("env:A")), "{error:?}");
                assert!(!error.to_string().contains(mask.as_str()), "{error}");
            }
        }
        // A mask for a place that is not there: its own is stale, all others are foreign.
        let error =
            room.update("app", "c", &operate(&[("=env:NONE", &own)])).await.expect_err("another place");
        assert!(matches!(error, UpdateError::ForeignMask(_)), "{error:?}");
        let after = (room.masks("app", "c").await.expect("masks"), room.records().await.expect("records"));
        assert_eq!(after, before);
        assert_eq!(room.versions("app", "c").await.expect("versions"), [1]);
    });
}

#[test]
fn a_mask_of_an_older_value_is_refused_as_stale_and_nothing_is_written() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1"), ("env:B", "2")]).await.expect("created");
        let (a, b) = (room.mask("app", "c", "env:A").await, room.mask("app", "c", "env:B").await);
        room.update("app", "c", &operate(&[("=env:A", "rotated"), ("-env:B", "")])).await.expect("updated");
        let records = room.records().await.expect("records");
        let stale = [
            ("env:A", replace(&[("env:A", &a)])),
            ("env:A", operate(&[("=env:A", &a)])),
            ("env:B", replace(&[("env:B", &b)])),
            ("env:B", operate(&[("=env:B", &b)])),
        ];
        for (name, update) in &stale {
            let error = room.update("app", "c", update).await.expect_err("an older value");
            assert!(matches!(&error, UpdateError::StaleMask(p) if *p == place(name)), "{error:?}");
        }
        assert_eq!(room.records().await.expect("records"), records);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&[("env:A", "rotated")]));

        // A later life of the id has values of its own.
        room.delete("app", "c").await.expect("deleted");
        room.create("app", "c", &[("env:A", "rotated")]).await.expect("created");
        let error = room.update("app", "c", &replace(&[("env:A", &a)])).await.expect_err("a former life");
        assert!(matches!(error, UpdateError::StaleMask(_)), "{error:?}");
    });
}
