//! A strongroom that is served, with an application `app`, a collection `c` in it and keys to ask with: for tests that say
//! themselves what they send. It asserts nothing but that it could be made.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use strongroom_custody::{Manage, NewApplication};
use strongroom_secrets::{Action, Actions, ApplicationId, Expiry, Limits, NewKey};
use strongroom_server::{Options, app};
use tower::ServiceExt;

use crate::contract::room::{Room, now, steady};

/// A value, planted wherever one can be: it may leave by a delivery alone.
pub(crate) const PLANTED: &str = "hunter2 in full";

pub(crate) struct Served {
    pub(crate) room: Room,
    pub(crate) router: Router,
    /// What a key with every right is sent as.
    pub(crate) admin: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("an answer is JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// The word that programs read.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Whoever tests how often somebody may ask says so.
pub(crate) const OPTIONS: Options =
    Options { key_rate: 0, address_rate: 0, ..Options::new(now, steady, || [7; 16]) };

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(OPTIONS).await
    }

    pub(crate) async fn within(limits: Limits) -> Self {
        Self::over(Room::served(Some(limits), true).await, OPTIONS).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::over(Room::served(None, true).await, options).await
    }

    async fn over(room: Room, options: Options) -> Self {
        let router = app(Arc::clone(&room.custodian), options);
        let mut served = Self { room, router, admin: String::new() };
        served.admin = served.key(&Actions::ALL.iter().collect::<Vec<_>>()).await;
        let everywhere = served.room.owner.everywhere::<Manage>().expect("the owner may");
        let id = ApplicationId::parse("app").expect("an id");
        let made =
            served.room.custodian.create_application(&everywhere, &id, NewApplication::default(), now());
        made.await.expect("a new application");
        let body = format!(r#"{{"id":"c","secrets":[{{"type":"env","location":"A","value":"{PLANTED}"}}]}}"#);
        let created = served.send(served.post("/v1/applications/app/secrets", &body)).await;
        assert_eq!(created.status, 200, "{created:?}");
        served
    }

    /// What a new key with these rights is sent as.
    pub(crate) async fn key(&self, can: &[Action]) -> String {
        let new = NewKey {
            name: "test".to_owned(),
            can: can.iter().copied().collect::<Actions>(),
            application_id: None,
            collection_id: None,
            expires_at: Expiry::Never,
        };
        format!("Bearer {}", self.room.make_key(new).await.1.expose())
    }

    /// A request with every right.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Builder {
        Request::builder().method(method).uri(path).header("authorization", &self.admin)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Request<Body> {
        let request = self.ask("POST", path).header("content-type", "application/json");
        request.body(Body::from(body.to_owned())).expect("a request")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole answer").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("an answer is text");
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.ask("GET", path).body(Body::empty()).expect("a request")).await
    }
}
