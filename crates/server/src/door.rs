//! The door that every route has: who is calling, what they may do, what the request's head says, and only then its body;
//! in this order, and all of it before a handler runs. A handler is given an [`Ask`] and decides nothing of this again.

use std::future::Future;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::{IntoResponse, Response};
use strongroom_custody::Custodian;
use strongroom_secrets::{Limits, Timestamp};

use crate::answer::Answered;
use crate::body::Body;
use crate::budget::Share;
use crate::caller::authenticate;
use crate::envelope::{AskedBy, RequestId};
use crate::listen::PeerAddress;
use crate::options::Desk;
use crate::proof::{Needed, Path, Proof};
use crate::refusal::Refusal;
use crate::url::{self, Query};

/// What a handler is given: everything that is settled before it runs.
pub(crate) struct Ask<P> {
    /// That the caller may.
    pub(crate) proof: P,
    pub(crate) custodian: Arc<Custodian>,
    pub(crate) query: Query,
    /// Only from this version, where the client named one.
    pub(crate) if_match: Option<u64>,
    pub(crate) body: Body,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    desk: Arc<Desk>,
    pattern: &'static str,
    path: String,
}

impl<P> Ask<P> {
    /// What stands in the path at `{name}`.
    pub(crate) fn part(&self, name: &str) -> &str {
        url::part(self.pattern, &self.path, name)
    }

    /// Whether this server makes applications over HTTP.
    pub(crate) fn may_make_applications(&self) -> bool {
        self.desk.options.app_creation
    }

    pub(crate) fn random(&self) -> [u8; 16] {
        (self.desk.options.random)()
    }

    /// Room for an answer with plaintext, of which nothing is taken yet.
    pub(crate) fn room(&self) -> Share {
        self.desk.budget.share()
    }
}

/// Lets a request in, and lets its handler answer.
pub(crate) async fn enter<P, H, F>(
    desk: Arc<Desk>,
    pattern: &'static str,
    handler: H,
    request: Request,
) -> Response
where
    P: Proof,
    H: Fn(Ask<P>) -> F,
    F: Future<Output = Answered> + Send + 'static,
{
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let mut asked_by = None;
    let answered = answer(desk, pattern, handler, request, &id, &mut asked_by).await;
    let mut response = answered.map_or_else(|refusal| refusal.answer(&id), IntoResponse::into_response);
    if let Some(asked_by) = asked_by {
        response.extensions_mut().insert(asked_by);
    }
    response
}

async fn answer<P, H, F>(
    desk: Arc<Desk>,
    pattern: &'static str,
    handler: H,
    request: Request,
    id: &RequestId,
    asked_by: &mut Option<AskedBy>,
) -> Answered
where
    P: Proof,
    H: Fn(Ask<P>) -> F,
    F: Future<Output = Answered> + Send + 'static,
{
    let now = (desk.options.clock)();
    let (mut parts, stream) = request.into_parts();
    let caller = match P::NEEDED {
        Needed::Nothing => None,
        Needed::AnyKey | Needed::Action(_) | Needed::Either(..) => {
            let caller = authenticate(&mut parts.headers, &desk.custodian, now).await?;
            *asked_by = caller.key_id().cloned().map(AskedBy);
            Some(caller.at_request(&source(&parts), id.as_str()))
        }
    };
    let proof = P::prove(caller, &Path { pattern, path: parts.uri.path() })?;
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let changes = !matches!(parts.method, Method::GET | Method::HEAD);
    let if_match = if changes { conditions(&parts.headers, P::HAS_VERSION)? } else { None };
    let body = match parts.method {
        Method::POST | Method::PUT | Method::PATCH => {
            Body::read(&parts.headers, stream, desk.limits.body(), desk.budget.share()).await?
        }
        _ => Body::none(desk.budget.share()),
    };
    let answer = handler(Ask {
        proof,
        custodian: Arc::clone(&desk.custodian),
        query,
        if_match,
        body,
        limits: desk.limits,
        // A body takes its time, and a key may end meanwhile.
        now: (desk.options.clock)(),
        pattern,
        path: parts.uri.path().to_owned(),
        desk,
    });
    if changes { to_its_end(answer).await } else { answer.await }
}

/// A change is not left half way because its client has gone; a read is.
async fn to_its_end(answer: impl Future<Output = Answered> + Send + 'static) -> Answered {
    // What a panic says may hold anything: it is dropped.
    tokio::spawn(answer).await.unwrap_or_else(|_| Err(Refusal::panicked()))
}

fn source(parts: &Parts) -> String {
    parts.extensions.get::<PeerAddress>().map_or_else(|| "unknown".to_owned(), |peer| peer.0.to_string())
}

/// Under what condition a change is asked for. One that we would not keep is refused, not ignored.
fn conditions(headers: &HeaderMap, has_version: bool) -> Result<Option<u64>, Refusal> {
    const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
    if headers.contains_key(IDEMPOTENCY_KEY) {
        return Err(Refusal::invalid("Idempotency-Key is not taken here (yet); leave it out"));
    }
    let mut given = headers.get_all(header::IF_MATCH).iter();
    let only = match (given.next(), given.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => "",
    };
    if only == "*" {
        return Ok(None);
    }
    let version = only.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(url::number);
    match version {
        Some(_) if !has_version => Err(Refusal::invalid("If-Match can name no version here; leave it out")),
        Some(version) => Ok(Some(version)),
        None => Err(Refusal::invalid("If-Match is one version in quotes, as an ETag says it, or *")),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use axum::http::HeaderValue;

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
    }

    #[test]
    fn a_change_goes_on_when_its_client_has_gone() {
        block_on(async {
            let (begin, begun) = tokio::sync::oneshot::channel();
            let (end, ended) = tokio::sync::oneshot::channel();
            let mut waiting = Box::pin(to_its_end(async move {
                begun.await.expect("told to begin");
                end.send(()).expect("somebody to tell");
                Err(Refusal::panicked())
            }));
            poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
            drop(waiting);
            begin.send(()).expect("the change waits for this");
            ended.await.expect("it went on to its end");
        });
    }

    #[test]
    fn a_panic_in_a_change_is_an_internal_error() {
        let refusal = block_on(to_its_end(async { panic!("hunter2") })).expect_err("a panic");
        assert_eq!((refusal.status().as_u16(), refusal.sentence()), (500, "internal error"));
    }

    #[test]
    fn a_condition_is_one_version_or_any() {
        let check = |given: &[&'static str], expected: Option<Option<u64>>| {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(header::IF_MATCH, HeaderValue::from_static(value));
            }
            assert_eq!(conditions(&headers, true).ok(), expected, "{given:?}");
            // Where nothing has a version, one would be ignored: it is refused.
            let without = expected.filter(Option::is_none);
            assert_eq!(conditions(&headers, false).ok(), without, "{given:?}");
        };
        check(&[], Some(None));
        check(&["*"], Some(None));
        check(&["\"3\""], Some(Some(3)));
        for bad in ["3", "\"3", "W/\"3\"", "\"3\", \"4\"", "\"\"", "\"03\"", "\"3.1\"", "\"x\"", "", "**"] {
            check(&[bad], None);
        }
        check(&["\"3\"", "\"3\""], None);
    }
}
