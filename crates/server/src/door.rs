//! The door that every route has: who is calling, what they may do, what the request's head says, and only then its body;
//! in this order, and all of it before a handler runs. A handler is given an [`Ask`] and decides nothing of this again.

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body as Stream;
use axum::extract::Request;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use strongroom_custody::{Caller, Custodian, Repeatable};
use strongroom_secrets::{Limits, Timestamp, Token, VersionTag};
use tokio::select;
use tokio::time::sleep_until;

use crate::admission::{Place, Visit};
use crate::answer::Answered;
use crate::body::Body;
use crate::budget::Share;
use crate::caller::authenticate;
use crate::envelope::{AskedBy, RequestId};
use crate::head::{self, Conditions, changes};
use crate::options::Desk;
use crate::proof::{Needed, Path, Proof};
use crate::refusal::Refusal;
use crate::repeated::Earlier;
use crate::source::Source;
use crate::url::{self, Query};

/// What a handler is given: everything that is settled before it runs.
pub(crate) struct Ask<P> {
    /// That the caller may.
    pub(crate) proof: P,
    pub(crate) custodian: Arc<Custodian>,
    pub(crate) query: Query,
    /// Only from this version, where the client named one.
    pub(crate) if_match: Option<VersionTag>,
    pub(crate) body: Body,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    desk: Arc<Desk>,
    pattern: &'static str,
    path: String,
    source: Source,
    /// Until the handler is done, whether or not its client still waits.
    _place: Arc<Place>,
}

/// One route, as the URL table says it.
pub(crate) struct Route<P, H> {
    pub(crate) pattern: &'static str,
    pub(crate) handler: H,
    /// How word of a change is left with its proof; none where a change cannot be sent twice.
    pub(crate) once: Option<Once<P>>,
}

pub(crate) type Once<P> = fn(P, Repeatable) -> P;

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

    /// What time it is, for whoever waited since.
    pub(crate) fn clock(&self) -> fn() -> Timestamp {
        self.desk.options.clock
    }

    pub(crate) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// Room for an answer with plaintext, of which nothing is taken yet.
    pub(crate) fn room(&self) -> Share {
        self.desk.budget.share_of(self.source.block())
    }
}

/// Lets a request in, and lets its handler answer.
pub(crate) async fn enter<P, H, F>(desk: Arc<Desk>, route: Route<P, H>, request: Request) -> Response
where
    P: Proof,
    H: Fn(Ask<P>) -> F,
    F: Future<Output = Answered> + Send + 'static,
{
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let mut asked_by = None;
    let answered = answer(desk, route, request, &id, &mut asked_by).await;
    let mut response = answered.map_or_else(|refusal| refusal.answer(&id), IntoResponse::into_response);
    if let Some(asked_by) = asked_by {
        response.extensions_mut().insert(asked_by);
    }
    response
}

async fn answer<P, H, F>(
    desk: Arc<Desk>,
    route: Route<P, H>,
    request: Request,
    id: &RequestId,
    asked_by: &mut Option<AskedBy>,
) -> Answered
where
    P: Proof,
    H: Fn(Ask<P>) -> F,
    F: Future<Output = Answered> + Send + 'static,
{
    let (mut parts, stream) = request.into_parts();
    let visit = parts.extensions.remove::<Visit>().expect("every route lies behind the admission");
    let source = visit.source;
    let (caller, token, visit) = match P::NEEDED {
        Needed::Nothing => (None, None, visit),
        Needed::AnyKey | Needed::Action(_) | Needed::Either(..) => {
            let (caller, token, visit) = identify(&desk, &mut parts, visit, asked_by).await?;
            (Some(caller.at_request(&source.to_string(), id.as_str())), Some(token), visit)
        }
    };
    let proof = P::prove(caller.clone(), &Path { pattern: route.pattern, path: parts.uri.path() })?;
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let conditions = Conditions::read(&parts, P::HAS_VERSION, route.once.is_some())?;
    let (body, visit) = read_body(&desk, &parts, stream, visit, token).await?;
    // A body takes its time, and a key may end meanwhile.
    let now = (desk.options.clock)();
    let (proof, earlier) = match (route.once, caller, conditions.key) {
        (Some(once), Some(caller), Some(key)) => {
            let earlier = Earlier::of(&desk.custodian, caller, &key, &parts, &body);
            if let Some(answer) = earlier.answer(now).await? {
                return Ok(answer);
            }
            (once(proof, earlier.repeatable.clone()), Some(earlier))
        }
        _ => (proof, None),
    };
    let answer = (route.handler)(Ask {
        proof,
        custodian: Arc::clone(&desk.custodian),
        query,
        if_match: conditions.if_match,
        body,
        limits: desk.limits,
        now,
        pattern: route.pattern,
        path: parts.uri.path().to_owned(),
        desk,
        source,
        _place: visit.place,
    });
    if !changes(&parts.method) {
        return Ok(answer.await?.unless(|tag| head::has_already(&parts.headers, tag)));
    }
    to_its_end(async move {
        match (answer.await, earlier) {
            (Err(refusal), Some(earlier)) => earlier.or_refuse(refusal, now).await,
            (answered, _) => answered,
        }
    })
    .await
}

/// Who asks. From here on they are worked on among those whose key is proven; who is not is told so after a fixed time,
/// whatever was wrong, so that nobody learns by the clock whether there is such a key.
async fn identify(
    desk: &Desk,
    parts: &mut Parts,
    visit: Visit,
    asked_by: &mut Option<AskedBy>,
) -> Result<(Caller, Token, Visit), Refusal> {
    let now = (desk.options.clock)();
    match authenticate(&mut parts.headers, &desk.custodian, now).await {
        Ok((caller, token)) => {
            *asked_by = Some(AskedBy(token.id().clone()));
            let visit = desk.admission.prove(visit, &token)?;
            Ok((caller, token, visit))
        }
        Err(refusal) => {
            let told = visit.begun + desk.options.refusal;
            // It is nobody's turn that waits for the time to pass.
            drop(visit);
            if refusal.is_of_the_key() {
                sleep_until(told).await;
            }
            Err(refusal)
        }
    }
}

/// The body. Where it is not there at once, nobody is kept from work while it comes, and the key is looked at once more.
async fn read_body(
    desk: &Desk,
    parts: &Parts,
    stream: Stream,
    visit: Visit,
    token: Option<Token>,
) -> Result<(Body, Visit), Refusal> {
    let mut reading = pin!(receive(desk, parts, stream, visit.source));
    let at_once = select! {
        biased;
        body = &mut reading => Some(body?),
        () = ready(()) => None,
    };
    match (at_once, token) {
        (Some(body), _) => Ok((body, visit)),
        // Strangers are asked for nothing with a body.
        (None, None) => Ok((reading.await?, visit)),
        (None, Some(token)) => {
            let (body, visit) = desk.admission.while_it_sends(visit, token.id(), reading).await?;
            desk.custodian.authenticate(&token, (desk.options.clock)()).await?;
            Ok((body, visit))
        }
    }
}

async fn receive(desk: &Desk, parts: &Parts, stream: Stream, source: Source) -> Result<Body, Refusal> {
    let share = desk.budget.share_from(source.block());
    match parts.method {
        Method::POST | Method::PUT | Method::PATCH => {
            Body::read(&parts.headers, stream, desk.limits.body(), share).await
        }
        _ => Ok(Body::none(share)),
    }
}

/// A change is not left half way because its client has gone; a read is.
async fn to_its_end(answer: impl Future<Output = Answered> + Send + 'static) -> Answered {
    // What a panic says may hold anything: it is dropped.
    tokio::spawn(answer).await.unwrap_or_else(|_| Err(Refusal::panicked()))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

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
}
