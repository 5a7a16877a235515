//! A strongroom behind the real router, with an application, a collection and a key with every right, for targets whose
//! parser is reached by a request. It is made anew when an input has changed it, so that an input means the same every time.

#![allow(dead_code, reason = "each target takes what it needs")]

use std::cell::RefCell;

use serde_json::Value;
use strongroom_secrets::{Actions, Expiry, NewKey};

#[cfg(test)]
use crate::contract::room;
#[cfg(not(test))]
#[path = "../../crates/server/tests/it/contract/room.rs"]
mod room;

use room::{Room, block_on};

/// The secrets that are there before an input comes.
pub(crate) const STORED: [(&str, &str, &str); 4] = [
    ("env", "A", "stored value of A"),
    ("env", "B", "stored value of B"),
    ("file", "f", "stored value of f"),
    ("file", "d/g", "stored value of d/g"),
];

pub(crate) const COLLECTION: &str = "/v1/applications/app/secrets/c";

pub(crate) struct Served {
    room: Room,
    key: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("an answer is JSON")
    }
}

/// Works with a strongroom in its first state. `work` says whether it left it there.
pub(crate) fn with_served(work: impl FnOnce(&Served) -> bool) {
    /// Each leaves records behind, and a strongroom in memory grows.
    const MOST_USES: u32 = 500;
    thread_local! {
        static SERVED: RefCell<Option<(Served, u32)>> = const { RefCell::new(None) };
    }
    SERVED.with_borrow_mut(|kept| {
        let (served, uses) = kept.take().unwrap_or_else(|| (block_on(Served::new()), 0));
        if work(&served) && uses < MOST_USES {
            *kept = Some((served, uses + 1));
        }
    });
}

impl Served {
    async fn new() -> Self {
        let room = Room::served(None, true).await;
        let everything = NewKey {
            name: "fuzz".to_owned(),
            can: Actions::ALL.iter().collect(),
            application_id: None,
            collection_id: None,
            expires_at: Expiry::Never,
        };
        let (_, token) = room.make_key(everything).await;
        let served = Self { room, key: token.expose().to_owned() };
        for (path, body) in
            [("/v1/applications", r#"{"id":"app"}"#), ("/v1/applications/app/secrets", &whole())]
        {
            let made = served.ask("POST", path, &[], body).await.expect("a request");
            assert_eq!(made.status, 200, "{made:?}");
        }
        served
    }

    /// The key's text: no answer has it.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Sends a request with every right. `None` if this is none that a server could be handed.
    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Option<Answer> {
        block_on(self.ask(method, target, headers, body))
    }

    async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Option<Answer> {
        let own = |name: &str, value: String| {
            let is_given = headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
            (!is_given).then(|| (name.to_owned(), value))
        };
        let mut all = headers.to_vec();
        all.extend(own("authorization", format!("Bearer {}", self.key)));
        all.extend(own("content-type", "application/json".to_owned()));
        let answer = self.room.send(method, target, &all, body).await.ok()?;
        let text = String::from_utf8(answer.body.to_vec()).expect("an answer is text");
        Some(Answer { status: answer.status, text })
    }

    /// The values that are stored now, by place.
    pub(crate) fn reveal(&self) -> Vec<(String, String)> {
        let answer = self.send("POST", &format!("{COLLECTION}/deliveries"), &[], r#"{"as":"reveal"}"#);
        secrets(&answer.expect("a request").json())
    }

    /// The masks that are shown now, by place.
    pub(crate) fn masks(&self) -> Vec<(String, String)> {
        secrets(&self.send("GET", COLLECTION, &[], "").expect("a request").json())
    }
}

/// The collection as a client says it.
pub(crate) fn whole() -> String {
    let secrets = STORED.map(
        |(kind, location, value)| serde_json::json!({"type": kind, "location": location, "value": value}),
    );
    serde_json::json!({"id": "c", "secrets": secrets}).to_string()
}

fn secrets(collection: &Value) -> Vec<(String, String)> {
    let text = |secret: &Value, name: &str| secret[name].as_str().expect("a text").to_owned();
    let secrets = collection["secrets"].as_array().expect("a collection");
    secrets
        .iter()
        .map(|secret| {
            (format!("{}:{}", text(secret, "type"), text(secret, "location")), text(secret, "value"))
        })
        .collect()
}
