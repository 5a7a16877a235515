//! What the served works share: a strongroom with a key to it, the program that serves it, clients, and a second one of
//! each at which somebody looks, because counting slows what it counts.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use crate::cost;
use crate::load::{Load, Request};
use crate::place::{Place, Sample, application, create_application, runtime};
use crate::programs::{Programs, command};
use crate::rounds::{Counter, CpuClock, Task};
use crate::server::Server;

/// How many clients a crowd has.
pub(super) const CLIENTS: u32 = 64;
/// How often a crowd asks in one act: often enough that its beginning and its end weigh nothing.
pub(super) const MANY: u32 = 16 * CLIENTS;

/// Lets a client list and deliver.
pub(super) struct Key(String);

/// Makes a strongroom with these collections, and a key to it.
pub(super) fn furnish(programs: &Programs, place: &Place, samples: &[Sample]) -> Result<Key> {
    runtime()?.block_on(async {
        let custodian = place.found().await?;
        create_application(&custodian).await?;
        for sample in samples {
            sample.create(&custodian).await?;
        }
        custodian.close().await;
        anyhow::Ok(())
    })?;
    let token = make_key(programs, place, &["--role", "runner", "--app", application()?.as_str()])?;
    Ok(Key(token))
}

/// Makes a key with these options; its token.
pub(super) fn make_key(programs: &Programs, place: &Place, options: &[&str]) -> Result<String> {
    let mut create = command(programs.strongroom(), place.memory());
    create.args(["keys", "create", "--name", "bench"]).args(options);
    create.arg("--data").arg(place.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let created = create.output().context("start strongroom keys create")?;
    let said = || String::from_utf8_lossy(&created.stderr).trim().to_owned();
    ensure!(created.status.success(), "strongroom keys create ended with {}: {}", created.status, said());
    let token = String::from_utf8(created.stdout).context("read a token")?;
    Ok(token.trim().to_owned())
}

impl Key {
    /// A collection with its values masked.
    pub(super) fn show(&self, id: &str) -> Result<Request> {
        Ok(Request::get(&path(id)?, &self.0))
    }

    /// A collection with its values, for a run.
    pub(super) fn delivery(&self, id: &str) -> Result<Request> {
        Ok(Request::post(&format!("{}/deliveries", path(id)?), &self.0, r#"{"as":"run"}"#))
    }
}

fn path(id: &str) -> Result<String> {
    Ok(format!("/v1/applications/{}/secrets/{id}", application()?.as_str()))
}

/// The program, on any free port.
pub(super) fn serve(programs: &Programs, place: &Place) -> Command {
    let mut serve = command(programs.strongroom(), place.memory());
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(place.data());
    serve
}

/// Clients that ask this so often in each act.
pub(super) fn ask<'a>(
    name: &'static str,
    server: &Server,
    clients: u32,
    times: u32,
    request: &Request,
) -> Result<Task<'a>> {
    let mut load = Load::connect(server.address(), clients, request)?;
    Ok(Task::many(name, times, move || load.ask(times)))
}

/// What a server used.
pub(super) fn cpu<'a>(server: &Server) -> CpuClock<'a> {
    let id = server.id();
    Box::new(move || cost::cpu_time_of(id))
}

/// A server with strace behind it, in a place of its own.
pub(super) struct Traced {
    server: Server,
    key: Key,
    trace: NamedTempFile,
    // Dropped last: the server works in it.
    _place: Place,
}

impl Traced {
    /// None where strace is missing or may not look. A program that fails by itself fails without it too.
    pub(super) fn start(programs: &Programs, samples: &[Sample]) -> Result<Option<Self>> {
        let place = Place::make(programs.folder())?;
        let key = furnish(programs, &place, samples)?;
        let trace = NamedTempFile::new_in(place.memory()).context("make a file for strace")?;
        let server = Server::start(cost::traced(&serve(programs, &place), trace.path()));
        Ok(server.ok().map(|server| Self { server, key, trace, _place: place }))
    }

    /// Counts the fsyncs of each answer, while so many clients ask so often.
    pub(super) fn counter<'a>(
        traced: Option<&'a Self>,
        clients: u32,
        times: u32,
        request: impl Fn(&Key) -> Result<Request>,
    ) -> Result<Counter<'a>> {
        let Some(Self { server, key, trace, .. }) = traced else { return Ok(Box::new(|| Ok(None))) };
        let mut load = Load::connect(server.address(), clients, &request(key)?)?;
        Ok(Box::new(move || {
            // What comes before the first answer is not theirs.
            load.ask(clients)?;
            let before = cost::count_traced(trace.path())?;
            load.ask(times)?;
            let counted = cost::count_traced(trace.path())? - before;
            Ok(Some(counted as f64 / f64::from(times)))
        }))
    }

    pub(super) fn stop(self) -> Result<()> {
        self.server.stop()
    }
}
