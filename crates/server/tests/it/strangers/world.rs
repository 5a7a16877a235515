//! Two applications with a collection each, and everybody who may ask: those who hold no key, and those who hold one with
//! something missing. What each of them is answered is not decided here.

use serde_json::Value;
use strongroom_secrets::{Action, Actions, ApplicationId, CollectionId, Expiry, NewKey, Timestamp, Token};

use crate::contract::room::{Answer, Room, now, wait_until};

/// A strongroom with `mine/solver`, `mine/other` and `theirs/solver`, all of two versions.
pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) holders: Vec<Holder>,
    /// The ids of two keys of others, to be revoked.
    pub(crate) key_of_mine: String,
    pub(crate) key_of_theirs: String,
    /// A delivery that none of the holders took.
    pub(crate) taken_by_nobody: String,
    admin: String,
}

/// Somebody who asks.
pub(crate) struct Holder {
    pub(crate) who: Who,
    /// The values of their `Authorization` headers.
    pub(crate) sends: Vec<String>,
    /// The receipt of a delivery they took.
    pub(crate) taken: String,
}

/// Who that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// No valid key comes with the request; why, differs.
    Nobody(&'static str),
    /// A key for everything.
    Everything,
    /// A key for everything in the application `mine`.
    Mine,
    /// A key for everything in the application `theirs`.
    Theirs,
    /// A key for everything in the collection `mine/other`.
    Other,
    /// A key that lacks one right.
    Lacking(Action),
    /// A key for everything in `mine` that lacks one right.
    MineLacking(Action),
}

impl World {
    pub(crate) async fn made() -> Self {
        let room = Room::served(None, true).await;
        let (_, token) = room.make_key(new_key(Actions::ALL, None, None)).await;
        let admin = format!("Bearer {}", token.expose());
        let mut world = Self {
            room,
            holders: Vec::new(),
            key_of_mine: String::new(),
            key_of_theirs: String::new(),
            taken_by_nobody: String::new(),
            admin: admin.clone(),
        };
        world.fill().await;
        world.taken_by_nobody = world.take(&admin, "mine", "solver").await;
        world.key_of_mine = world.key_of("mine").await;
        world.key_of_theirs = world.key_of("theirs").await;
        world.make_nobodies(&token).await;
        world.make_holders().await;
        world
    }

    async fn fill(&self) {
        for app in ["mine", "theirs"] {
            self.tell("POST", "/v1/applications", &format!(r#"{{"id":"{app}"}}"#)).await;
        }
        for (app, id) in [("mine", "solver"), ("mine", "other"), ("theirs", "solver")] {
            let secrets = format!("/v1/applications/{app}/secrets");
            let secret = r#"[{"type":"env","location":"A","value":"hunter2"}]"#;
            self.tell("POST", &secrets, &format!(r#"{{"id":"{id}","secrets":{secret}}}"#)).await;
            self.tell("PATCH", &format!("{secrets}/{id}"), r#"{"description":"d"}"#).await;
        }
    }

    async fn tell(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(std::slice::from_ref(&self.admin), method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        serde_json::from_slice(&answer.body).expect("an answer is JSON")
    }

    /// A key that may do no more than whoever may revoke it.
    async fn key_of(&self, app: &str) -> String {
        let can = [Action::Manage].into_iter().collect();
        self.room.make_key(new_key(can, Some(app), None)).await.0.id
    }

    /// All who send no valid key.
    async fn make_nobodies(&mut self, valid: &Token) {
        let text = valid.expose();
        let last = if text.ends_with('0') { "1" } else { "0" };
        let mistyped = format!("{}{last}", &text[..text.len() - 1]);
        let unknown = Token::from_random([1; 12], [2; 32]).expose().to_owned();
        let other_secret = with_id_of(valid);
        let expires = Timestamp::from_micros(now().as_micros() + 1_000_000);
        let (_, expired) = self
            .room
            .make_key(NewKey { expires_at: Expiry::At(expires), ..new_key(Actions::ALL, None, None) })
            .await;
        wait_until(expires);
        let (key, revoked) = self.room.make_key(new_key(Actions::ALL, None, None)).await;
        self.room.revoke_key(&key.id).await;
        let bearer = |token: &str| format!("Bearer {token}");
        let all: [(&str, Vec<String>); 11] = [
            ("no key", vec![]),
            ("an empty header", vec![String::new()]),
            ("two headers", vec![bearer(text), bearer(text)]),
            ("another scheme", vec![format!("Basic {text}")]),
            ("no scheme", vec![text.to_owned()]),
            ("a malformed token", vec![bearer("sr_key_x")]),
            ("a mistyped token", vec![bearer(&mistyped)]),
            ("an unknown key", vec![bearer(&unknown)]),
            ("a wrong secret", vec![bearer(&other_secret)]),
            ("an expired key", vec![bearer(expired.expose())]),
            ("a revoked key", vec![bearer(revoked.expose())]),
        ];
        for (why, sends) in all {
            self.holders.push(Holder { who: Who::Nobody(why), sends, taken: self.taken_by_nobody.clone() });
        }
    }

    async fn make_holders(&mut self) {
        let all = Actions::ALL;
        let (mine, theirs) = (Some("mine"), Some("theirs"));
        let mut new = vec![
            (Who::Everything, new_key(all, None, None)),
            (Who::Mine, new_key(all, mine, None)),
            (Who::Theirs, new_key(all, theirs, None)),
            (Who::Other, new_key(all, mine, Some("other"))),
        ];
        for lacked in all.iter() {
            let can: Actions = all.iter().filter(|action| *action != lacked).collect();
            new.push((Who::Lacking(lacked), new_key(can, None, None)));
            new.push((Who::MineLacking(lacked), new_key(can, mine, None)));
        }
        for (who, new) in new {
            let (app, id) = match who {
                Who::Theirs => ("theirs", "solver"),
                Who::Other => ("mine", "other"),
                _ => ("mine", "solver"),
            };
            let delivers = new.can.contains(Action::Deliver);
            let (_, token) = self.room.make_key(new).await;
            let sends = format!("Bearer {}", token.expose());
            let taken =
                if delivers { self.take(&sends, app, id).await } else { self.taken_by_nobody.clone() };
            self.holders.push(Holder { who, sends: vec![sends], taken });
        }
    }

    /// Takes a delivery and says its receipt.
    async fn take(&self, sends: &str, app: &str, id: &str) -> String {
        let path = format!("/v1/applications/{app}/secrets/{id}/deliveries");
        let answer = self.ask(&[sends.to_owned()], "POST", &path, "{}").await;
        let delivered: Value = serde_json::from_slice(&answer.body).expect("an answer is JSON");
        delivered["receipt"].as_str().expect("a delivery has a receipt").to_owned()
    }

    pub(crate) async fn ask(&self, sends: &[String], method: &str, path: &str, body: &str) -> Answer {
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        headers.extend(sends.iter().map(|value| ("Authorization".to_owned(), value.clone())));
        self.room.send(method, path, &headers, body).await.expect("a request that can be sent")
    }

    /// How many records there are: a refusal leaves none.
    pub(crate) async fn records(&self) -> usize {
        let mut all = 0;
        let mut path = "/v1/audit".to_owned();
        loop {
            let page = self.tell("GET", &path, "").await;
            all += page["items"].as_array().expect("a list").len();
            match page["next_page_token"].as_str() {
                Some(token) => path = format!("/v1/audit?pagetoken={token}"),
                None => return all,
            }
        }
    }
}

/// A key with these rights that never ends.
pub(crate) fn new_key(can: Actions, app: Option<&str>, collection: Option<&str>) -> NewKey {
    NewKey {
        name: "key".to_owned(),
        can,
        application_id: app.map(|id| ApplicationId::parse(id).expect("an id")),
        collection_id: collection.map(|id| CollectionId::parse(id).expect("an id")),
        expires_at: Expiry::Never,
    }
}

/// A well-formed token with another's id and a secret of its own.
fn with_id_of(valid: &Token) -> String {
    // An id is its number's digits in base 36, so the number that gives these digits gives this id.
    let mut number = [0_u8; 12];
    for digit in valid.id().as_str().bytes() {
        let digit = if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
        let mut carry = u16::from(digit);
        for byte in number.iter_mut().rev() {
            let sum = u16::from(*byte) * 36 + carry;
            (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
        }
    }
    let made = Token::from_random(number, [7; 32]);
    assert_eq!(made.id(), valid.id());
    made.expose().to_owned()
}
