//! Limits: they are judged on the final state, and what was legal once can always be read and delivered.

use strongroom_custody::UpdateError;
use strongroom_secrets::{Limits, SetError};

use crate::block_on;
use crate::strongroom::{Folder, Strongroom, WIDE, operate, pairs, replace};

#[test]
fn the_final_state_is_what_is_limited() {
    block_on(async {
        let room = Strongroom::memory_within(Limits::of(3, 100).expect("limits")).await;
        room.create("app", "c", &[("env:A", "1"), ("env:B", "2"), ("env:C", "3")]).await.expect("created");
        for update in [
            operate(&[("+env:D", "4")]),
            replace(&[("env:A", "1"), ("env:B", "1"), ("env:C", "1"), ("env:D", "1")]),
        ] {
            let error = room.update("app", "c", &update).await.expect_err("too many");
            let expected = SetError::TooMany { count: 4, limit: 3 };
            assert!(matches!(&error, UpdateError::Set(set) if *set == expected), "{error:?}");
        }
        room.update("app", "c", &operate(&[("+env:D", "4"), ("-env:A", "")]))
            .await
            .expect("three in the end");
        let expected = pairs(&[("env:B", "2"), ("env:C", "3"), ("env:D", "4")]);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), expected);
    });
}

#[test]
fn lowered_limits_block_no_read_and_no_delivery() {
    block_on(async {
        let long = "x".repeat(2000);
        let secrets = [("env:A", long.as_str()), ("env:B", "2"), ("env:C", "3")];
        let (folder, room) = Folder::founded(WIDE).await;
        room.create("app", "c", &secrets).await.expect("created");
        room.custodian.close().await;
        folder.tamper("UPDATE instance SET limit_secrets = 2, limit_bytes = 1024");

        let room = folder.open().await;
        assert_eq!(room.custodian.limits(), Limits::of(2, 1024).expect("limits"));
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&secrets));
        assert_eq!(room.reveal("app", "c").await.expect("values"), pairs(&secrets));
        assert_eq!(room.masks("app", "c").await.expect("a collection").len(), 3);
        assert_eq!(room.list("app").await.expect("a list"), ["c"]);
        assert_eq!(room.versions("app", "c").await.expect("versions"), [1]);

        // What is kept has no length to be judged; the count is that of the final state.
        let mask = room.mask("app", "c", "env:A").await;
        room.update("app", "c", &replace(&[("env:A", &mask), ("env:B", "2")])).await.expect("two in the end");
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&secrets[..2]));
        room.delete("app", "c").await.expect("deleted");
        room.verify().await.expect("all in order");
    });
}
