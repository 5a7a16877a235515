//! `footprint`: the memory that `strongroom serve` holds, idle and with connections, and how large the program is, full and
//! slim. What a strongroom holds that has grown is not measured here.

use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit};
use serde_json::json;
use strongroom_secrets::SecretType;

use super::served::{furnish, serve};
use crate::ceiling::start_smallest;
use crate::cost::resident;
use crate::load::{Load, Request};
use crate::place::{Place, Sample};
use crate::programs::Programs;
use crate::rounds::{Goal, Outcome, Pace, Round};
use crate::server::Server;

const SAMPLE: Sample = Sample { id: "large", secret_type: SecretType::Env, secrets: 20, bytes: 1024 };

/// So many connections are open, and every new one has asked so often.
struct Crowd {
    subject: &'static str,
    clients: u32,
    each: u32,
    goal: f64,
}

const CROWDS: [Crowd; 3] = [
    Crowd { subject: "strongroom serve, idle", clients: 0, each: 0, goal: 24.0 },
    Crowd { subject: "strongroom serve, 64 connections", clients: 64, each: 16, goal: 40.0 },
    Crowd { subject: "strongroom serve, 1,000 connections", clients: 1000, each: 1, goal: 64.0 },
];

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let mut outcomes = measure_memory(programs, place, pace)?;
    let slim = programs.provide_slim()?;
    for (subject, program, goal) in
        [("strongroom, full", programs.strongroom(), 20.0), ("strongroom, slim", slim, 6.0)]
    {
        // Nothing moves it: one round says all.
        let rounds = vec![round(megabytes(&program)?, megabytes(&programs.smallest())?)];
        outcomes.push(outcome(subject, json!({"figure": "program"}), "MB", goal, rounds));
    }
    Ok(outcomes)
}

fn measure_memory(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let request = furnish(programs, place, &[SAMPLE])?.show(SAMPLE.id)?;
    let smallest = Request::get("/row", "");
    let served = Server::start(serve(programs, place))?;
    let body = Load::connect(served.address(), 1, &request)?.body()?;
    served.stop()?;
    let crowds = possible_crowds();
    let mut rounds = vec![Vec::new(); crowds.len()];
    // As everywhere: one more comes first and is dropped.
    for number in 0..=pace.rounds {
        let served = Server::start(serve(programs, place))?;
        let subject = fill(&served, &request, crowds)?;
        served.stop()?;
        let ceiling = fill(&start_smallest(programs, place, &body)?, &smallest, crowds)?;
        if number > 0 {
            let figures = subject.into_iter().zip(ceiling);
            rounds.iter_mut().zip(figures).for_each(|(all, (ours, its))| all.push(round(ours, its)));
        }
    }
    let outcomes = crowds.iter().zip(rounds).map(|(crowd, rounds)| {
        let params = json!({"figure": "resident", "connections": crowd.clients});
        outcome(crowd.subject, params, "MiB", crowd.goal, rounds)
    });
    Ok(outcomes.collect())
}

/// Each connection is a descriptor here, and one more in the server.
fn possible_crowds() -> &'static [Crowd] {
    const OTHERS: u64 = 100;
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let fits = |crowd: &&Crowd| u64::from(crowd.clients) + OTHERS <= most;
    let possible = &CROWDS[..CROWDS.iter().take_while(fits).count()];
    if possible.len() < CROWDS.len() {
        eprintln!("fewer connections than planned: `ulimit -n` is {most}");
    }
    possible
}

/// What a server holds with each of the crowds. Each grows out of the one before, because who leaves is not gone at once;
/// and by a few at a time, because a connection that says nothing for seconds is closed, and many that come at once have to
/// wait so long until they are let in. Each few come from a block of addresses of their own, as one may not have them all.
fn fill(server: &Server, request: &Request, crowds: &[Crowd]) -> Result<Vec<f64>> {
    const FEW: u32 = 64;
    let mut here = 0;
    let mut open = Vec::new();
    let mut figures = Vec::new();
    for crowd in crowds {
        while here < crowd.clients {
            let newcomers = FEW.min(crowd.clients - here);
            let block = u8::try_from(here / FEW).context("count blocks of addresses")?;
            let mut load = Load::connect_from(block, server.address(), newcomers, request)?;
            load.ask(newcomers * crowd.each)?;
            open.push(load);
            here += newcomers;
        }
        figures.push(resident(server.id())?);
    }
    Ok(figures)
}

fn megabytes(program: &Path) -> Result<f64> {
    let found = std::fs::metadata(program).with_context(|| format!("look at {}", program.display()))?;
    Ok(found.len() as f64 / 1e6)
}

fn round(subject: f64, ceiling: f64) -> Round {
    Round { subject, ceilings: vec![ceiling], cpu: None, fsyncs: None }
}

fn outcome(
    subject: &'static str,
    params: serde_json::Value,
    unit: &'static str,
    goal: f64,
    rounds: Vec<Round>,
) -> Outcome {
    Outcome {
        work: "footprint",
        params,
        unit,
        subject,
        ceiling: vec!["mini-server"],
        beside: Vec::new(),
        goal: Some(Goal::Figure(goal)),
        most_fsyncs: None,
        rounds,
    }
}
