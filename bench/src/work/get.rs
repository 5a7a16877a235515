//! `get`: a collection of 20 secrets as everybody may see it, masked; the program `strongroom serve` over plain HTTP on
//! loopback, 64 clients that keep their connections.

use anyhow::Result;
use serde_json::json;
use strongroom_secrets::SecretType;

use super::served::{CLIENTS, MANY, Traced, ask, cpu, furnish, serve};
use crate::ceiling::start_smallest;
use crate::load::Load;
use crate::place::{Place, Sample};
use crate::programs::Programs;
use crate::rounds::{Contest, Goal, Outcome, Pace};
use crate::server::Server;

const SAMPLE: Sample = Sample { id: "large", secret_type: SecretType::Env, secrets: 20, bytes: 1024 };

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let request = furnish(programs, place, &[SAMPLE])?.show(SAMPLE.id)?;
    let served = Server::start(serve(programs, place))?;
    let body = Load::connect(served.address(), 1, &request)?.body()?;
    let same = start_smallest(programs, place, &body)?;
    let traced = Traced::start(programs, &[SAMPLE])?;
    let contest = Contest {
        work: "get",
        params: json!({"secrets": SAMPLE.secrets, "bytes": SAMPLE.bytes, "clients": CLIENTS, "db": "sqlite"}),
        subject: ask("get 20, masked, 64 clients", &served, CLIENTS, MANY, &request)?,
        cpu: cpu(&served),
        fsyncs: Traced::counter(traced.as_ref(), CLIENTS, MANY, |key| key.show(SAMPLE.id))?,
        ceiling: vec![ask("axum-same-bytes", &same, CLIENTS, MANY, &request)?],
        beside: Vec::new(),
        goal: Some(Goal::Share(0.55)),
        most_fsyncs: None,
    };
    let outcome = contest.hold(pace)?;
    traced.map_or(Ok(()), Traced::stop)?;
    served.stop()?;
    Ok(vec![outcome])
}
