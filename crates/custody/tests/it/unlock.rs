//! Unlocking: with the right key everything is there again, and with another one it is said which is needed.

use std::fs;

use strongroom_custody::{Custodian, Repeated, UnlockError, Write};
use strongroom_secrets::{Actions, Expiry, NewKey, Token};
use strongroom_store::Store;

use crate::block_on;
use crate::strongroom::{Folder, Strongroom, WIDE, app, collection, fixtures, pairs, rename};

#[test]
fn what_was_written_is_there_after_unlocking_again() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        let mask = room.mask("app", "c", "env:A").await;
        let instance = room.custodian.instance().to_owned();
        room.custodian.close().await;

        let room = folder.open().await;
        assert_eq!((room.custodian.instance(), room.custodian.limits()), (instance.as_str(), WIDE));
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(&[("env:A", "1")]));
        assert_eq!(room.mask("app", "c", "env:A").await, mask);
        room.verify().await.expect("all in order");
    });
}

#[test]
fn a_foreign_key_is_told_which_one_is_needed() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        room.custodian.close().await;
        let foreign = folder.make_key("foreign.key");
        let store = Store::open(&folder.data()).await.expect("a store");
        let sources = Custodian::sources(&store).await.expect("an answer");
        assert_eq!(sources, Some(vec!["file:/keys/root.key".to_owned()]));
        let error = Custodian::unlock(store, &foreign).await.map(drop).expect_err("a foreign key");
        let UnlockError::OtherKey { given, needed } = &error else { panic!("{error:?}") };
        assert_eq!(*given, foreign.id().to_string());
        assert_eq!(*needed, format!("{} (file:/keys/root.key)", folder.key_id()));
        let sentence = format!("the root key {given} does not open this strongroom; it needs {needed}");
        assert_eq!(error.to_string(), sentence);
    });
}

#[test]
fn a_store_without_an_instance_says_so() {
    block_on(async {
        let folder = Folder::empty();
        let store = Store::create(&folder.data()).await.expect("a store");
        assert_eq!(Custodian::sources(&store).await.expect("an answer"), None);
        let error = Custodian::unlock(store, &folder.make_key("root.key")).await.map(drop);
        assert!(matches!(error, Err(UnlockError::NoInstance)), "{error:?}");
    });
}

#[test]
fn altered_keys_do_not_unlock() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    block_on(room.custodian.close());
    let check = |sql: &str, what: &str| {
        let spoilt = folder.copy();
        spoilt.tamper(sql);
        let store = block_on(Store::open(&spoilt.data())).expect("a store");
        let error = block_on(Custodian::unlock(store, &spoilt.read_key())).map(drop).expect_err(sql);
        assert!(matches!(error, UnlockError::Fault(_)), "{error:?}");
        assert!(error.to_string().starts_with(what), "{error}");
    };
    let last_byte_other = |column: &str| {
        let other = format!("CASE substr({column}, -1) WHEN x'00' THEN x'01' ELSE x'00' END");
        format!("{column} = CAST(substr({column}, 1, length({column}) - 1) || {other} AS BLOB)")
    };
    check(&format!("UPDATE slots SET {}", last_byte_other("wrapped")), "the root key of instance");
    check(&format!("UPDATE keyring SET {}", last_byte_other("sealed")), "the keyring of instance");
    check("UPDATE keyring SET version = 2", "the keyring of instance");
    check("UPDATE instance SET id = 'other'", "the root key of instance other");
    check("UPDATE instance SET limit_secrets = 0", "the limits of instance");
}

/// Made by the program when its first schema was the newest, before there were API keys.
#[test]
fn a_strongroom_of_the_first_schema_opens_and_gets_what_keys_need() {
    block_on(async {
        let folder = Folder::of_schema(1);
        let room = folder.open().await;
        check_contents(&room).await;
        let new = NewKey {
            name: "k".into(),
            can: Actions::ALL,
            application_id: None,
            collection_id: None,
            expires_at: Expiry::Never,
        };
        let made = room.custodian.create_key(&room.everywhere(), new, room.now()).await;
        let (_, token) = made.expect("a new key");
        room.custodian.close().await;

        let room = folder.open().await;
        room.custodian.authenticate(&token, room.now()).await.expect("the key that was made");
        room.verify().await.expect("all in order");
    });
}

/// Made by the program when its second schema was the newest, before a request could be repeated. A token lies beside it.
#[test]
fn a_strongroom_of_the_second_schema_opens_and_gets_what_requests_need() {
    block_on(async {
        let folder = Folder::of_schema(2);
        let room = folder.open().await;
        check_contents(&room).await;
        let token = fs::read_to_string(fixtures(2).join("key.token")).expect("a token kept beside the tests");
        let token = Token::parse(&token).expect("a token");
        let caller = room.custodian.authenticate(&token, room.now()).await.expect("the key of then");
        let request = |room: &Strongroom| room.custodian.repeatable(&caller, "k", "PATCH", "/", None, b"{}");
        let access = caller.access::<Write>(&app("app")).expect("its right").repeatable(request(&room));
        let update = rename("n");
        let (now, id) = (room.now(), collection("c"));
        room.custodian.update(&access, &id, &update, None, now).await.expect("updated");
        let told = room.custodian.repeated(&caller, &request(&room), now).await.expect("an answer");
        room.custodian.close().await;

        let room = folder.open().await;
        let again = room.custodian.repeated(&caller, &request(&room), now).await.expect("an answer");
        assert!(matches!(&again, Some(Repeated::Written { version: 3, .. })), "{again:?}");
        assert_eq!(again, told, "by the key that was sealed then");
        room.verify().await.expect("all in order");
    });
}

async fn check_contents(room: &Strongroom) {
    for (version, value) in [(1, "one"), (2, "two")] {
        let delivered = room.deliver("app", "c", Some(version)).await.expect("values");
        assert_eq!(delivered, pairs(&[("env:A", value)]));
    }
}
