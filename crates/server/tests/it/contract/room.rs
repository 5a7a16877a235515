//! A strongroom behind the real router, without a socket: requests go in as a listener would hand them on. It asserts
//! nothing. Its clock goes on by a second a request and stands still otherwise.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use strongroom_custody::{Caller, Custodian, Manage, Setup};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_secrets::{ApiKey, ApiKeyId, Limits, NewKey, Timestamp, Token};
use strongroom_server::{Options, app};
use strongroom_store::Store;
use tower::ServiceExt;

thread_local! {
    // A clock and a source of randomness are plain functions, so what they count is the thread's; a test is one thread.
    static SECONDS: Cell<i64> = const { Cell::new(0) };
    static DRAWN: Cell<u64> = const { Cell::new(0) };
}

/// A day on which nothing of ours expires.
const BEGIN: i64 = 1_767_225_600;

/// A strongroom that is served.
pub(crate) struct Room {
    pub(crate) custodian: Arc<Custodian>,
    pub(crate) owner: Caller,
    router: Router,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Room {
    pub(crate) async fn served(limits: Option<Limits>, app_creation: bool) -> Self {
        SECONDS.set(BEGIN);
        let store = Store::memory().await.expect("a store in memory");
        let instance = Custodian::new_instance_id().expect("random bytes");
        let setup = Setup {
            instance: &instance,
            slot: slot(),
            source: "file:/keys/root.key",
            limits: Limits::DEFAULT,
        };
        let owner = Caller::owner(1000);
        let custodian = Custodian::found(store, &owner, setup, now()).await.expect("a new instance");
        let custodian = Arc::new(custodian.within(limits.unwrap_or(Limits::DEFAULT)));
        // Nothing that is told here is about how often somebody may ask.
        let options =
            Options { app_creation, key_rate: 0, address_rate: 0, ..Options::new(tick, steady, random) };
        Self { router: app(Arc::clone(&custodian), options), custodian, owner }
    }

    /// A key, made by the owner.
    pub(crate) async fn make_key(&self, new: NewKey) -> (ApiKey, Token) {
        let access = self.owner.everywhere::<Manage>().expect("the owner may");
        self.custodian.create_key(&access, new, now()).await.expect("a new key")
    }

    pub(crate) async fn revoke_key(&self, id: &str) {
        let id = ApiKeyId::parse(id).expect("the id of a key");
        let access = self.owner.everywhere::<Manage>().expect("the owner may");
        self.custodian.revoke_key(&access, &id, now()).await.expect("revoked");
    }

    /// Sends a request whose head and body are as given.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = if body.is_empty() { Body::empty() } else { Body::from(body.to_owned()) };
        let request = request.body(body).map_err(|error| format!("this cannot be sent: {error}"))?;
        let Ok(answer) = self.router.clone().oneshot(request).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("the answer broke off: {error}"))?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes() })
    }
}

/// Works on this thread alone: the clock of a room is the thread's.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(work)
}

/// What time it is in a room.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(SECONDS.get() * 1_000_000)
}

/// How long it is since the room's day began.
pub(crate) fn steady() -> Duration {
    Duration::from_secs(u64::try_from(SECONDS.get() - BEGIN).expect("time goes on"))
}

/// Lets time pass, until what it is told.
pub(crate) fn wait_until(time: Timestamp) {
    SECONDS.set(time.as_micros() / 1_000_000);
}

/// The clock of the server: a second a look.
fn tick() -> Timestamp {
    SECONDS.set(SECONDS.get() + 1);
    now()
}

/// Different every time, which is all that ids need.
fn random() -> [u8; 16] {
    DRAWN.set(DRAWN.get() + 1);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&DRAWN.get().to_le_bytes());
    bytes
}

/// A root key's source, made once: no test here is about it.
fn slot() -> &'static SlotKey {
    static SLOT: OnceLock<SlotKey> = OnceLock::new();
    SLOT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("our own folder");
        keyfile::create(&folder.path().join("keys").join("root.key"), &data).expect("a new key file")
    })
}
