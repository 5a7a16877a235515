//! `deliver`, served: the program `strongroom serve` over plain HTTP on loopback, a small collection; 64 clients, where what
//! counts is how many are served and how many share a commit, and one client, where what counts is how long it waits.

use anyhow::Result;
use serde_json::json;

use super::{SETTLED, SMALL};
use crate::ceiling::{commit_group, commit_one, start_smallest};
use crate::load::Load;
use crate::place::Place;
use crate::programs::Programs;
use crate::rounds::{Contest, Goal, Outcome, Pace};
use crate::server::Server;
use crate::work::served::{CLIENTS, MANY, Traced, ask, cpu, furnish, serve};

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let key = furnish(programs, place, &[SMALL])?;
    let request = key.delivery(SMALL.id)?;
    let served = Server::start(serve(programs, place))?;
    let body = Load::connect(served.address(), 1, &request)?.body()?;
    let same = start_smallest(programs, place, &body)?;
    let traced = Traced::start(programs, &[SMALL])?;
    let count =
        |clients, times| Traced::counter(traced.as_ref(), clients, times, |key| key.delivery(SMALL.id));
    let params = |clients: u32| json!({"secrets": SMALL.secrets, "bytes": SMALL.bytes, "clients": clients, "db": "sqlite", "served": true});

    let mut subject = ask("deliver 1 × 32 B, served, 64 clients", &served, CLIENTS, MANY, &request)?;
    let mut group = commit_group(&place.disk().join("group.db"), CLIENTS, MANY)?;
    // Most commits are of many rows here, and each is of some pages.
    (0..SETTLED * CLIENTS / MANY / 4).try_for_each(|_| subject.act().and_then(|()| group.act()))?;
    let crowd = Contest {
        work: "deliver",
        params: params(CLIENTS),
        subject,
        cpu: cpu(&served),
        fsyncs: count(CLIENTS, 4 * MANY)?,
        ceiling: vec![ask("axum-same-bytes", &same, CLIENTS, MANY, &request)?, group],
        beside: Vec::new(),
        goal: Some(Goal::Share(0.6)),
        most_fsyncs: Some(1.0 / 32.0),
    };
    let mut outcomes = vec![crowd.hold(pace)?];

    let mut subject = ask("deliver 1 × 32 B, served", &served, 1, 1, &request)?;
    let mut commit = commit_one(&place.disk().join("one.db"))?;
    (0..SETTLED).try_for_each(|_| subject.act().and_then(|()| commit.act()))?;
    let alone = Contest {
        work: "deliver",
        params: params(1),
        subject,
        cpu: cpu(&served),
        fsyncs: count(1, 32)?,
        ceiling: vec![ask("axum-same-bytes", &same, 1, 1, &request)?, commit],
        beside: Vec::new(),
        goal: Some(Goal::Times(1.5)),
        most_fsyncs: Some(1.0),
    };
    outcomes.push(alone.hold(pace)?);
    traced.map_or(Ok(()), Traced::stop)?;
    served.stop()?;
    Ok(outcomes)
}
