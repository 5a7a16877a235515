//! Who is let to work at all: how much is done at once for strangers and for those whose key is proven, and how often
//! either may ask. It reads no body and knows no route; whether a key is valid is for the door to find out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use strongroom_secrets::{ApiKeyId, Token};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::caller;
use crate::envelope::{AskedBy, RequestId};
use crate::fair::{Held, Places};
use crate::head;
use crate::listen::PeerAddress;
use crate::options::{Desk, Options};
use crate::proven::Proven;
use crate::rates::Buckets;
use crate::refusal::Refusal;
use crate::source::{Block, Source};
use crate::url;

/// How many tokens a bucket has for each that it gets in a second.
const KEY_BURST: u32 = 5;
const ADDRESS_BURST: u32 = 10;
/// What is asked by whoever watches the server. It costs hardly more than a refusal, and what a neighbour does must not
/// look as if the server were ill: it counts for nobody.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

pub(crate) struct Admission {
    strangers: Arc<Semaphore>,
    most_strangers: usize,
    patience: Duration,
    at_work: Places<ApiKeyId>,
    sending: Places<ApiKeyId>,
    addresses: Buckets<Block>,
    keys: Buckets<ApiKeyId>,
    proven: Proven,
}

/// A request that was let in: when, where from, and as what. Its first owner is the request, then the door.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) begun: Instant,
    pub(crate) source: Source,
    /// For whom it counts unless a key is proven, if for anybody.
    counts_for: Option<Block>,
    pub(crate) place: Arc<Place>,
}

/// What a request takes away from others while it is worked on.
pub(crate) enum Place {
    Stranger { _permit: OwnedSemaphorePermit },
    AtWork { _held: Held<ApiKeyId> },
}

/// Lets a request go on to its route, if its path can be one: who misspells it is counted too.
pub(crate) async fn admit(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let source = Source::of(peer, request.headers(), desk.options.trusted_proxies);
    let admission = &desk.admission;
    let mut response = match admission.visit(source, request.uri().path(), request.headers()).await {
        Ok(visit) => {
            let uncounted = visit.counts_for.filter(|_| matches!(*visit.place, Place::AtWork { .. }));
            request.extensions_mut().insert(visit);
            let response = match url::check_path(request.uri().path()) {
                Ok(()) => next.run(request).await,
                Err(refusal) => refusal.answer(&id),
            };
            if let (Some(block), None) = (uncounted, response.extensions().get::<AskedBy>()) {
                // Where it has nothing left, the next one is refused.
                let _ = admission.addresses.take(&block);
            }
            response
        }
        Err(refusal) => refusal.answer(&id),
    };
    response.extensions_mut().insert(source);
    response
}

impl Admission {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            strangers: Arc::new(Semaphore::new(options.strangers)),
            most_strangers: options.strangers,
            patience: options.patience,
            at_work: Places::new(options.at_work),
            sending: Places::new(options.sending),
            addresses: Buckets::new(options.address_rate, ADDRESS_BURST, options.steady),
            keys: Buckets::new(options.key_rate, KEY_BURST, options.steady),
            proven: Proven::new(options.steady),
        }
    }

    /// How many requests are worked on: of those with a proven key, and of strangers.
    pub(crate) fn at_work(&self) -> [u64; 2] {
        let strangers = self.most_strangers - self.strangers.available_permits();
        [self.at_work.taken() as u64, strangers as u64]
    }

    async fn visit(&self, source: Source, path: &str, headers: &HeaderMap) -> Result<Visit, Refusal> {
        let begun = Instant::now();
        head::refuse_ambiguity(headers)?;
        let counts_for = source.block().filter(|_| !PROBES.contains(&path));
        let known = |token: &Token| self.proven.knows(self.proven.presented(token, source.block()));
        let place = match caller::presented(headers).filter(known) {
            // They are not to wait among strangers, and are counted only where their key is none any more.
            Some(token) => self.place_at_work(token.id().clone())?,
            None => self.place_among_strangers(counts_for).await?,
        };
        Ok(Visit { begun, source, counts_for, place: Arc::new(place) })
    }

    async fn place_among_strangers(&self, counts_for: Option<Block>) -> Result<Place, Refusal> {
        if let Some(block) = counts_for {
            self.addresses.look(&block)?;
        }
        let turn = timeout(self.patience, Arc::clone(&self.strangers).acquire_owned()).await;
        let permit = turn.ok().and_then(Result::ok).ok_or_else(Refusal::too_many_at_once)?;
        // Counted when it is let in: of many at once no more are than the limit says.
        if let Some(block) = counts_for {
            self.addresses.take(&block)?;
        }
        Ok(Place::Stranger { _permit: permit })
    }

    fn place_at_work(&self, whose: ApiKeyId) -> Result<Place, Refusal> {
        let held = self.at_work.take(Some(whose)).ok_or_else(Refusal::too_many_at_once)?;
        Ok(Place::AtWork { _held: held })
    }

    /// A key was proven in this visit: it gives up what strangers share, and is worked on among its equals.
    pub(crate) fn prove(&self, visit: Visit, token: &Token) -> Result<Visit, Refusal> {
        let key = token.id();
        self.proven.note(self.proven.presented(token, visit.source.block()));
        if let (Place::Stranger { .. }, Some(block)) = (&*visit.place, visit.counts_for) {
            self.addresses.give_back(&block);
        }
        self.keys.take(key)?;
        match &*visit.place {
            Place::AtWork { .. } => Ok(visit),
            Place::Stranger { .. } => {
                Ok(Visit { place: Arc::new(self.place_at_work(key.clone())?), ..visit })
            }
        }
    }

    /// Waits for what its client still sends. Meanwhile its place at work is for others; it needs one when all is there.
    pub(crate) async fn while_it_sends<T>(
        &self,
        visit: Visit,
        key: &ApiKeyId,
        sent: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<(T, Visit), Refusal> {
        let Visit { begun, source, counts_for, place } = visit;
        drop(place);
        let sending = self.sending.take(Some(key.clone())).ok_or_else(Refusal::too_many_at_once)?;
        let sent = sent.await?;
        drop(sending);
        let place = Arc::new(self.place_at_work(key.clone())?);
        Ok((sent, Visit { begun, source, counts_for, place }))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::SocketAddr;

    use strongroom_secrets::{Timestamp, Token};
    use tokio::task::JoinSet;

    use super::*;

    thread_local!(static SECONDS: Cell<u64> = const { Cell::new(0) });

    fn admission(address_rate: u32) -> Admission {
        let steady = || Duration::from_secs(SECONDS.get());
        let options = Options::new(|| Timestamp::from_micros(0), steady, || [7; 16]);
        Admission::new(&Options { address_rate, ..options })
    }

    fn from(last: u8) -> Source {
        Source::Peer(SocketAddr::from(([192, 0, 2, last], 7)))
    }

    /// Time goes on when all wait for it, and not otherwise.
    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(work)
    }

    #[test]
    fn of_many_strangers_at_once_no_more_are_let_in_than_the_limit_of_their_block_says() {
        block_on(async {
            let admission = Arc::new(admission(2));
            for (second, expected) in [(0, 20), (0, 0), (1, 2), (4, 6)] {
                SECONDS.set(second);
                let mut visits = JoinSet::new();
                for number in 0..=255 {
                    let admission = Arc::clone(&admission);
                    visits.spawn(async move {
                        let visit = admission.visit(from(number), "/v1/keys", &HeaderMap::new()).await;
                        // As long as a wrong key takes.
                        tokio::time::sleep(Options::REFUSAL).await;
                        visit.is_ok()
                    });
                }
                let let_in = visits.join_all().await.into_iter().filter(|let_in| *let_in).count();
                assert_eq!(let_in, expected, "at {second}");
            }
        });
    }

    #[test]
    fn whoever_proves_a_key_is_not_counted() {
        block_on(async {
            let admission = admission(1);
            for number in 0..50 {
                let visit = admission.visit(from(number), "/v1/keys", &HeaderMap::new()).await;
                let token = Token::from_random([number; 12], [9; 32]);
                let visit = visit.and_then(|visit| admission.prove(visit, &token)).expect("it may");
                assert_eq!(admission.at_work(), [1, 0]);
                drop(visit);
            }
        });
    }

    #[test]
    fn whoever_watches_the_server_is_answered_whatever_its_neighbours_do() {
        block_on(async {
            let admission = admission(1);
            let visit = async |path| admission.visit(from(1), path, &HeaderMap::new()).await.is_ok();
            for _ in 0..10 {
                assert!(visit("/v1/keys").await);
            }
            for _ in 0..50 {
                assert!(visit("/healthz").await && visit("/readyz").await && !visit("/v1/keys").await);
            }
        });
    }

    #[test]
    fn one_key_does_not_take_all_that_is_worked_on() {
        block_on(async {
            let admission = admission(0);
            let enter = async |number, key: u8| {
                let visit = admission.visit(from(number), "/v1/keys", &HeaderMap::new()).await?;
                admission.prove(visit, &Token::from_random([key; 12], [9; 32]))
            };
            let mut held = Vec::new();
            while let Ok(visit) = enter(held.len() as u8, 1).await {
                held.push(visit);
            }
            assert_eq!(held.len(), Options::AT_WORK / 2, "from wherever it comes");
            assert!(enter(1, 2).await.is_ok(), "another key of the same house");
        });
    }

    #[test]
    fn an_id_that_is_known_makes_no_stranger_an_acquaintance() {
        block_on(async {
            let admission = admission(1);
            let [real, forged] = [[9; 32], [8; 32]].map(|secret| Token::from_random([1; 12], secret));
            let visit = admission.visit(from(1), "/v1/keys", &bearer(&real)).await.expect("it may");
            drop(admission.prove(visit, &real).expect("it may"));
            for _ in 0..10 {
                let visit = admission.visit(from(2), "/v1/keys", &bearer(&forged)).await.expect("it may");
                assert!(matches!(*visit.place, Place::Stranger { .. }));
            }
            assert!(admission.visit(from(2), "/v1/keys", &bearer(&forged)).await.is_err(), "counted");
            let visit = admission.visit(from(2), "/v1/keys", &bearer(&real)).await.expect("it is known");
            assert!(matches!(*visit.place, Place::AtWork { .. }));
        });
    }

    fn bearer(token: &Token) -> HeaderMap {
        let value = format!("Bearer {}", token.expose()).try_into().expect("visible ASCII");
        HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, value)])
    }
}
