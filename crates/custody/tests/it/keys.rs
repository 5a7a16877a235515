//! API keys: what one grants and where that ends, who may make and end one, and that nothing else opens the door.

use strongroom_custody::{
    Absent, AuthenticateError, Caller, Custodian, Deliver, Denied, KeyError, List, Manage, ReadError, Reveal,
    UpdateError, Write,
};
use strongroom_secrets::{Action, Actions, ApiKey, Expiry, NewKey, Timestamp, Token};

use crate::block_on;
use crate::strongroom::{Folder, Strongroom, WIDE, app, at, collection, new, rename};

/// A time that no test reaches by its clock of seconds.
const LATER: i64 = 100_000_000;

fn wanted(can: &str, application: Option<&str>, id: Option<&str>) -> NewKey {
    NewKey {
        name: "a key".into(),
        can: Actions::parse_list(can).expect("actions"),
        application_id: application.map(app),
        collection_id: id.map(collection),
        expires_at: Expiry::At(at(LATER)),
    }
}

impl Strongroom {
    async fn key(&self, can: &str, application: Option<&str>, id: Option<&str>) -> (ApiKey, Token) {
        let new = wanted(can, application, id);
        self.custodian.create_key(&self.everywhere(), new, self.now()).await.expect("a new key")
    }

    async fn holder(&self, can: &str, application: Option<&str>, id: Option<&str>) -> Caller {
        let (_, token) = self.key(can, application, id).await;
        self.custodian.authenticate(&token, self.now()).await.expect("a valid key")
    }

    async fn revoke(&self, key: &ApiKey) {
        let id = strongroom_secrets::ApiKeyId::parse(&key.id).expect("an id");
        self.custodian.revoke_key(&self.everywhere(), &id, self.now()).await.expect("revoked");
    }
}

async fn furnished() -> Strongroom {
    let room = Strongroom::memory().await;
    room.create_application("other").await.expect("a new application");
    for (application, id) in [("app", "c"), ("app", "d"), ("other", "c")] {
        room.create(application, id, &[("env:A", "1")]).await.expect("created");
    }
    room
}

fn is_refused(answer: Result<Caller, AuthenticateError>) -> bool {
    matches!(answer, Err(AuthenticateError::Refused))
}

async fn delivers(
    custodian: &Custodian,
    caller: &Caller,
    application: &str,
    id: &str,
    now: Timestamp,
) -> String {
    let access = match caller.access::<Deliver>(&app(application)) {
        Ok(access) => access,
        Err(denied) => return format!("{denied:?}"),
    };
    match custodian.deliver(&access, &collection(id), None, None, now).await {
        Ok(delivered) => delivered.secrets.entries()[0].1.expose().to_owned(),
        Err(ReadError::Absent(absent)) => format!("{:?}", Denied::Absent(absent)),
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn a_token_opens_the_door_until_it_is_revoked_and_no_other_text_does() {
    block_on(async {
        let room = furnished().await;
        let (key, token) = room.key("list", None, None).await;
        let caller = room.custodian.authenticate(&token, room.now()).await.expect("a valid key");
        assert_eq!(caller.key_id().map(|id| id.as_str()), Some(key.id.as_str()));

        let mut id = [b'z'; 12];
        let unknown = Token::from_random(id, [7; 32]);
        assert!(is_refused(room.custodian.authenticate(&unknown, room.now()).await));
        id.copy_from_slice(key.id.as_bytes());
        let wrong = Token::from_random(id, [7; 32]);
        assert!(is_refused(room.custodian.authenticate(&wrong, room.now()).await));

        room.revoke(&key).await;
        assert!(is_refused(room.custodian.authenticate(&token, room.now()).await));
        room.verify().await.expect("in order");
    });
}

#[test]
fn a_key_ends_at_its_very_second() {
    block_on(async {
        let room = furnished().await;
        let (_, token) = room.key("list", None, None).await;
        let before = Timestamp::from_micros(at(LATER).as_micros() - 1);
        assert!(room.custodian.authenticate(&token, before).await.is_ok());
        assert!(is_refused(room.custodian.authenticate(&token, at(LATER)).await));

        let past = NewKey { expires_at: Expiry::At(at(1)), ..wanted("list", None, None) };
        let error = room.custodian.create_key(&room.everywhere(), past, room.now()).await.expect_err("past");
        assert!(matches!(error, KeyError::Expired), "{error:?}");
    });
}

#[test]
fn a_right_that_was_not_given_is_denied_whatever_it_is_asked_for() {
    block_on(async {
        let room = furnished().await;
        let caller = room.holder("list", Some("app"), None).await;
        assert!(caller.access::<List>(&app("app")).is_ok());
        for application in ["app", "other", "never"] {
            let denied = caller.access::<Write>(&app(application)).map(drop);
            assert_eq!(denied, Err(Denied::Action(Action::Write)), "{application}");
            assert_eq!(
                caller.access::<Reveal>(&app(application)).map(drop),
                Err(Denied::Action(Action::Reveal))
            );
        }
        assert_eq!(caller.everywhere::<Manage>().map(drop), Err(Denied::Action(Action::Manage)));
    });
}

#[test]
fn what_is_foreign_is_absent() {
    block_on(async {
        let room = furnished().await;
        let gone = |application: &str| format!("{:?}", Denied::Absent(Absent::Application(app(application))));
        let none = |id: &str| {
            let absent = Absent::Collection { application: app("app"), id: collection(id) };
            format!("{:?}", Denied::Absent(absent))
        };
        let (of_app, of_c) = (
            room.holder("deliver", Some("app"), None).await,
            room.holder("deliver", Some("app"), Some("c")).await,
        );
        for (caller, application, id, expected) in [
            (&of_app, "app", "c", "1".to_owned()),
            (&of_app, "app", "d", "1".to_owned()),
            (&of_app, "app", "never", none("never")),
            (&of_app, "other", "c", gone("other")),
            (&of_app, "never", "c", gone("never")),
            (&of_c, "app", "c", "1".to_owned()),
            (&of_c, "app", "d", none("d")),
            (&of_c, "app", "never", none("never")),
            (&of_c, "other", "c", gone("other")),
        ] {
            let said = delivers(&room.custodian, caller, application, id, room.now()).await;
            assert_eq!(said, expected, "{application}/{id}");
        }
    });
}

#[test]
fn a_bound_key_sees_only_what_it_is_bound_to() {
    block_on(async {
        let room = furnished().await;
        let caller = room.holder("list,write,manage,audit", Some("app"), Some("c")).await;
        let custodian = &room.custodian;
        let applications = custodian
            .list_applications(&caller.everywhere().expect("list"), None, None)
            .await
            .expect("a list");
        assert_eq!(applications.items.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["app"]);
        let access = caller.access::<List>(&app("app")).expect("list");
        let listed = custodian.list(&access, None, None).await.expect("a list");
        assert_eq!(listed.items.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["c"]);

        let writing = caller.access::<Write>(&app("app")).expect("write");
        let created = custodian.create(&writing, new("e", &[("env:A", "1")]), room.now()).await;
        assert!(matches!(created, Err(strongroom_custody::CreateError::Denied(Denied::Scope))));
        let updated = custodian.update(&writing, &collection("d"), &rename("n"), None, room.now()).await;
        assert!(matches!(updated, Err(UpdateError::Absent(_))));
        let deleted = custodian.delete(&writing, &collection("d"), None, room.now()).await;
        assert!(matches!(deleted, Err(UpdateError::Absent(_))));

        let managing = caller.access::<Manage>(&app("app")).expect("manage");
        let deleted = custodian.delete_application(&managing, room.now()).await;
        assert!(matches!(deleted, Err(strongroom_custody::ApplicationError::Denied(Denied::Scope))));
        let page = custodian
            .records(&caller.everywhere().expect("audit"), strongroom_custody::AuditFilter::default(), 0)
            .await
            .expect("records");
        let seen: Vec<_> =
            page.entries.iter().map(|e| (e.application_id.as_deref(), e.collection_id.as_deref())).collect();
        assert_eq!(seen, [(Some("app"), Some("c"))]);
    });
}

#[test]
fn a_key_does_not_reach_what_has_its_id_later() {
    block_on(async {
        let room = furnished().await;
        let (of_app, of_c) = (
            room.holder("deliver", Some("other"), None).await,
            room.holder("deliver", Some("app"), Some("c")).await,
        );
        room.delete("app", "c").await.expect("deleted");
        room.create("app", "c", &[("env:A", "of somebody else")]).await.expect("created");
        let said = delivers(&room.custodian, &of_c, "app", "c", room.now()).await;
        assert!(said.contains("Absent"), "{said}");

        room.delete_application("other").await.expect("deleted");
        room.create_application("other").await.expect("the id is free");
        room.create("other", "c", &[("env:A", "of somebody else")]).await.expect("created");
        let said = delivers(&room.custodian, &of_app, "other", "c", room.now()).await;
        assert!(said.contains("Absent"), "{said}");
    });
}

#[test]
fn a_key_that_is_revoked_after_the_door_releases_and_changes_nothing() {
    block_on(async {
        let room = furnished().await;
        let (key, token) = room.key("list,write,deliver,manage", None, None).await;
        let caller = room.custodian.authenticate(&token, room.now()).await.expect("a valid key");
        assert_eq!(delivers(&room.custodian, &caller, "app", "c", room.now()).await, "1");
        room.revoke(&key).await;
        let before = room.records().await.expect("records").len();

        let denied = format!("{:?}", ReadError::Denied(Denied::Key));
        assert_eq!(delivers(&room.custodian, &caller, "app", "c", room.now()).await, denied);
        let writing = caller.access::<Write>(&app("app")).expect("it was checked at the door");
        let updated = room.custodian.update(&writing, &collection("c"), &rename("n"), None, room.now()).await;
        assert!(matches!(updated, Err(UpdateError::Denied(Denied::Key))), "{updated:?}");
        let made = room
            .custodian
            .create_key(&caller.everywhere().expect("manage"), wanted("list", None, None), room.now())
            .await;
        assert!(matches!(made, Err(KeyError::Denied(Denied::Key))));
        assert_eq!(room.records().await.expect("records").len(), before);
    });
}

#[test]
fn a_key_that_expires_after_the_door_releases_nothing() {
    block_on(async {
        let room = furnished().await;
        let caller = room.holder("deliver", None, None).await;
        let said = delivers(&room.custodian, &caller, "app", "c", at(LATER)).await;
        assert_eq!(said, format!("{:?}", ReadError::Denied(Denied::Key)));
    });
}

#[test]
fn a_key_gives_and_takes_no_more_than_it_has() {
    block_on(async {
        let room = furnished().await;
        let manager = room.holder("list,manage", Some("app"), None).await;
        let access = manager.everywhere::<Manage>().expect("manage");
        let make =
            async |new: NewKey| room.custodian.create_key(&access, new, room.now()).await.map(|(key, _)| key);

        let child = make(wanted("list", Some("app"), Some("c"))).await.expect("within");
        assert!(matches!(
            make(wanted("list,write", Some("app"), None)).await,
            Err(KeyError::Beyond("actions"))
        ));
        assert!(matches!(make(wanted("list", None, None)).await, Err(KeyError::Beyond("scope"))));
        assert!(matches!(make(wanted("list", Some("other"), None)).await, Err(KeyError::Absent(_))));
        assert!(matches!(make(wanted("list", Some("never"), None)).await, Err(KeyError::Absent(_))));
        let for_ever = NewKey { expires_at: Expiry::Never, ..wanted("list", Some("app"), None) };
        assert!(matches!(make(for_ever).await, Err(KeyError::Beyond("expiry"))));

        let (wide, _) = room.key("list", None, None).await;
        let (strong, _) = room.key("list,reveal", Some("app"), None).await;
        let revoke = async |key: &ApiKey| {
            let id = strongroom_secrets::ApiKeyId::parse(&key.id).expect("an id");
            room.custodian.revoke_key(&access, &id, room.now()).await
        };
        assert!(matches!(revoke(&wide).await, Err(KeyError::NoSuchKey)));
        assert!(matches!(revoke(&strong).await, Err(KeyError::Above("actions"))));
        assert!(revoke(&child).await.expect("within").revoked_at.is_some());

        let listed = room.custodian.list_keys(&access, None, None).await.expect("keys");
        assert!(listed.items.iter().all(|key| key.application_id.as_deref() == Some("app")));
        assert_eq!(listed.items.len(), 3);
    });
}

#[test]
fn a_key_without_a_wish_ends_in_ninety_days_or_with_its_maker() {
    block_on(async {
        let room = furnished().await;
        let usual = NewKey { expires_at: Expiry::Usual, ..wanted("list,manage", None, None) };
        let now = room.now();
        let made = room.custodian.create_key(&room.everywhere(), usual.clone(), now).await;
        let (key, token) = made.expect("a new key");
        let ninety_days = Timestamp::from_micros(now.as_micros() + 90 * 24 * 3_600_000_000);
        assert_eq!(key.expires_at, Some(ninety_days));
        let maker = room.custodian.authenticate(&token, room.now()).await.expect("a valid key");
        let access = maker.everywhere::<Manage>().expect("manage");
        let (child, _) = room.custodian.create_key(&access, usual, room.now()).await.expect("a new key");
        assert_eq!(child.expires_at, Some(ninety_days));
    });
}

#[test]
fn a_manager_of_an_application_that_is_gone_manages_nothing_of_its_namesake() {
    block_on(async {
        let room = furnished().await;
        let manager = room.holder("list,manage", Some("other"), None).await;
        room.delete_application("other").await.expect("deleted");
        room.create_application("other").await.expect("the id is free");
        let (key, _) = room.key("list", Some("other"), None).await;
        let access = manager.everywhere::<Manage>().expect("manage");
        let listed = room.custodian.list_keys(&access, None, None).await.expect("keys");
        assert!(listed.items.iter().all(|listed| listed.id != key.id), "{listed:?}");
        let id = strongroom_secrets::ApiKeyId::parse(&key.id).expect("an id");
        let revoked = room.custodian.revoke_key(&access, &id, room.now()).await;
        assert!(matches!(revoked, Err(KeyError::NoSuchKey)), "{revoked:?}");
        let made = room.custodian.create_key(&access, wanted("list", Some("other"), None), room.now()).await;
        assert!(matches!(made, Err(KeyError::Absent(_))));
    });
}

#[test]
fn a_key_that_was_put_back_or_widened_by_hand_is_noticed() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        let (key, token) = room.key("list", None, None).await;
        let copy = folder.connect();
        let read = "SELECT hex(sealed) FROM keys";
        let valid: String = copy.query_row(read, [], |row| row.get(0)).expect("a key");
        room.revoke(&key).await;
        room.custodian.close().await;
        folder.tamper(&format!("UPDATE keys SET epoch = 1, sealed = x'{valid}'"));

        let room = folder.open().await;
        let answer = room.custodian.authenticate(&token, room.now()).await;
        assert!(matches!(answer, Err(AuthenticateError::Fault(_))), "a revoked key was put back");
        let found = room.verify().await.expect_err("altered");
        assert!(matches!(found, strongroom_custody::VerifyError::Key { .. }), "{found:?}");
        folder.tamper("DELETE FROM keys");
        let found = room.verify().await.expect_err("removed");
        assert!(matches!(found, strongroom_custody::VerifyError::Key { .. }), "{found:?}");
    });
}

#[test]
fn a_use_is_written_down_by_the_minute() {
    block_on(async {
        let room = furnished().await;
        let (_, token) = room.key("list", None, None).await;
        let used = async || {
            room.custodian.write_down_uses().await.expect("written");
            let keys = room.custodian.list_keys(&room.everywhere(), None, None).await.expect("keys");
            keys.items[0].last_used_at
        };
        assert_eq!(used().await, None);
        for (second, expected) in [(100, 100), (159, 100), (160, 160)] {
            room.custodian.authenticate(&token, at(second)).await.expect("a valid key");
            assert_eq!(used().await, Some(at(expected)), "{second}");
        }
    });
}

#[test]
fn a_key_is_known_in_every_process() {
    block_on(async {
        let (folder, room) = Folder::founded(WIDE).await;
        let (_, token) = room.key("list", None, None).await;
        room.custodian.close().await;
        let room = folder.open().await;
        room.custodian.authenticate(&token, room.now()).await.expect("a valid key");
    });
}
