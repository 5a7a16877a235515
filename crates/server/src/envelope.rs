//! What every request passes first and every answer last: its random name, the headers that all answers carry, one
//! line in the log, and a net for panics. It knows no route and reads no body.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::HEXLOWER;
use strongroom_secrets::ApiKeyId;

use crate::listen::PeerAddress;
use crate::metrics::{Done, OTHER};
use crate::options::Desk;
use crate::refusal::{Refusal, RefusedAs};
use crate::source::Source;

const REQUEST_ID: HeaderName = HeaderName::from_static("strongroom-request-id");

/// The name of one request: ours, whatever the client sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(String);

impl RequestId {
    fn from_random(random: [u8; 16]) -> Self {
        Self(HEXLOWER.encode(&random))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Noted with an answer for the log: which key asked.
#[derive(Debug, Clone)]
pub(crate) struct AskedBy(pub(crate) ApiKeyId);

/// Takes a request to its route and its answer back.
pub(crate) async fn wrap(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let peer = request.extensions().get::<PeerAddress>().copied();
    if let Some(connections) = request.extensions().get() {
        desk.metrics.follow(connections);
    }
    let id = RequestId::from_random((desk.options.random)());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(id.clone());
    let response = unless_it_panics(next.run(request)).await;
    let response = stamp(response.unwrap_or_else(|| Refusal::panicked().answer(&id)), &id);
    let (extensions, status, took) = (response.extensions(), response.status(), begun.elapsed());
    let (method, route) = (name(&method), route.as_ref().map(MatchedPath::as_str));
    let key = extensions.get::<AskedBy>();
    desk.metrics.count(&Done {
        route,
        method,
        status,
        refused: extensions.get::<RefusedAs>().map(|refused| refused.0),
        has_key: key.is_some(),
        took,
    });
    // Without an address of its own where it was refused before anybody asked for one.
    let source = extensions.get().copied().or(peer.map(|peer| Source::Peer(peer.0)));
    tracing::info!(
        method,
        route = route.unwrap_or("-"),
        status = status.as_u16(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        request_id = id.as_str(),
        source = %source.unwrap_or(Source::Unknown),
        key = key.map_or("-", |asked| asked.0.as_str()),
        "request"
    );
    response
}

/// The answer; none where something panicked. What a panic says may hold anything, so nobody is told.
async fn unless_it_panics(answer: impl Future<Output = Response>) -> Option<Response> {
    let mut answer = pin!(answer);
    // Nothing of a future that panicked is looked at again: it is dropped with this one.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

fn stamp(mut response: Response, id: &RequestId) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        REQUEST_ID,
        HeaderValue::try_from(id.as_str()).expect("hexadecimal digits are visible ASCII"),
    );
    response
}

/// A method for the log. A client may make up methods; its text is not ours to repeat.
fn name(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if known.contains(method) { method.as_str() } else { OTHER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_wherever_it_happens() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            assert!(unless_it_panics(async { panic!("hunter2") }).await.is_none());
            let later = async {
                tokio::task::yield_now().await;
                panic!("hunter2")
            };
            assert!(unless_it_panics(later).await.is_none());
            assert!(unless_it_panics(async { Response::default() }).await.is_some());
        });
    }
}
