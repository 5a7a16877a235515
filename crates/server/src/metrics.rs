//! `/metrics`: what this server counts of itself, for whoever watches it: how much, how fast, how often refused. Never whose
//! or what: every label is one of a closed set that is written in this program, so nothing that a client sends can become
//! one. Counting is an addition to a number; all else is done when somebody asks.

mod connections;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::StatusCode;
use strongroom_custody::{Audit, Everywhere};

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::openapi::codes::Code;
use crate::router::ROUTES;

pub(crate) use connections::{Connections, Over};
pub(crate) use text::MEDIA_TYPE;

/// `GET /metrics`: they are about all that is served, so a key that is bound to an application is refused.
pub(crate) async fn show(ask: Ask<Everywhere<Audit>>) -> Answered {
    ask.proof.unbound()?;
    Ok(Answer::metrics(text::of(&ask.desk())))
}

/// Of a request that leads nowhere.
const NO_ROUTE: &str = "-";
/// A client may make up methods.
pub(crate) const OTHER: &str = "other";
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];
/// All that are answered; the last stands for one that nobody thought of.
const STATUSES: [u16; 20] =
    [200, 204, 304, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 429, 500, 503, 504, 0];
/// The longest time of each bucket, in microseconds: fine where deliveries are, and to the longest patience there is.
const BUCKETS: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// What is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    routes: BTreeMap<&'static str, Served>,
    refusals: BTreeMap<&'static str, AtomicU64>,
    limited: [AtomicU64; 2],
    deliveries: [AtomicU64; 2],
    /// Of the listener that requests come by: it is there before there is one.
    connections: OnceLock<Arc<Connections>>,
}

/// Who asked too often.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limited {
    Address,
    Key,
}

/// What values left for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Delivered {
    Run,
    Reveal,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done<'a> {
    pub(crate) route: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) refused: Option<&'static str>,
    pub(crate) has_key: bool,
    pub(crate) took: Duration,
}

/// The requests of one route.
#[derive(Debug, Default)]
struct Served {
    answers: [[AtomicU64; STATUSES.len()]; METHODS.len()],
    /// How many took no longer than the bucket of the same place, and longer than the one before; the last took longer.
    times: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let routes: BTreeSet<_> = ROUTES.iter().map(|row| row.pattern).chain([NO_ROUTE]).collect();
        let codes: BTreeSet<_> = Code::EVERY.iter().map(|code| code.as_str()).collect();
        Self {
            routes: routes.into_iter().map(|route| (route, Served::default())).collect(),
            refusals: codes.into_iter().map(|code| (code, AtomicU64::new(0))).collect(),
            limited: Default::default(),
            deliveries: Default::default(),
            connections: OnceLock::new(),
        }
    }

    pub(crate) fn count(&self, done: &Done<'_>) {
        let Done { route, method, status, refused, has_key, took } = *done;
        // Every pattern that the router knows is in the table; what is not leads nowhere.
        let served = route.and_then(|route| self.routes.get(route)).or_else(|| self.routes.get(NO_ROUTE));
        if let Some(served) = served {
            served.count(method, status, took);
        }
        if let Some(count) = refused.and_then(|code| self.refusals.get(code)) {
            add_one(count);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            add_one(&self.limited[(if has_key { Limited::Key } else { Limited::Address }) as usize]);
        }
    }

    pub(crate) fn count_delivery(&self, what_for: Delivered) {
        add_one(&self.deliveries[what_for as usize]);
    }

    /// Looks at the connections that this request came by.
    pub(crate) fn follow(&self, connections: &Arc<Connections>) {
        self.connections.get_or_init(|| Arc::clone(connections));
    }
}

impl Served {
    fn count(&self, method: &str, status: StatusCode, took: Duration) {
        let last = |length: usize| length - 1;
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(last(METHODS.len()));
        let status = STATUSES.iter().position(|known| *known == status.as_u16());
        add_one(&self.answers[method][status.unwrap_or(last(STATUSES.len()))]);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add_one(&self.times[BUCKETS.partition_point(|longest| *longest < micros)]);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_that_is_answered_has_a_place_of_its_own() {
        for code in Code::EVERY {
            assert!(STATUSES.contains(&code.status()), "{code:?}");
        }
    }

    #[test]
    fn a_time_falls_into_the_first_bucket_that_is_as_long() {
        let metrics = Metrics::new();
        let check = |micros, bucket: usize| {
            let took = Duration::from_micros(micros);
            let served = Served::default();
            served.count("GET", StatusCode::OK, took);
            let counts = served.times.iter().map(|count| count.load(Ordering::Relaxed));
            let found: Vec<_> = counts.enumerate().filter(|(_, count)| *count > 0).collect();
            assert_eq!(found, [(bucket, 1)], "{micros}");
        };
        check(0, 0);
        check(250, 0);
        check(251, 1);
        check(30_000_000, BUCKETS.len() - 1);
        check(30_000_001, BUCKETS.len());
        assert!(metrics.routes.contains_key(NO_ROUTE));
    }

    #[test]
    fn what_a_client_makes_up_is_counted_under_a_word_of_ours() {
        let metrics = Metrics::new();
        let status = StatusCode::from_u16(299).expect("a status");
        let took = Duration::ZERO;
        let done = Done {
            route: Some("/hunter2"),
            method: "HUNTER2",
            status,
            refused: Some("hunter2"),
            has_key: false,
            took,
        };
        metrics.count(&done);
        let counted =
            metrics.routes[NO_ROUTE].answers[METHODS.len() - 1][STATUSES.len() - 1].load(Ordering::Relaxed);
        assert_eq!(counted, 1);
        assert!(!format!("{metrics:?}").contains("unter2"));
    }
}
