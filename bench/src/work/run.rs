//! `run`: the program `strongroom` hands a collection of 20 × 1 KiB to `/bin/true`, embedded, as variables (level 0) and
//! as files (level 2).

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use strongroom_secrets::SecretType;

use crate::ceiling::{TARGET, open_commit_one, spawn_bare, spawn_env, wrap};
use crate::cost::cpu_time;
use crate::place::{Place, Sample, application, create_application, runtime};
use crate::programs::{Programs, command, counter, task};
use crate::rounds::{Contest, Goal, Outcome, Pace};

struct Level {
    number: u8,
    subject: &'static str,
    ceiling: &'static str,
    sample: Sample,
}

const LEVELS: [Level; 2] = [
    Level {
        number: 0,
        subject: "strongroom run, level 0",
        ceiling: "wrap-0",
        sample: Sample { id: "variables", secret_type: SecretType::Env, secrets: 20, bytes: 1024 },
    },
    Level {
        number: 2,
        subject: "strongroom run, level 2",
        ceiling: "wrap-2",
        sample: Sample { id: "files", secret_type: SecretType::File, secrets: 20, bytes: 1024 },
    },
];

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    runtime()?.block_on(furnish(place))?;
    let home = place.disk().join("home");
    std::fs::create_dir(&home).context("make a home")?;
    let mut outcomes = Vec::new();
    for level in &LEVELS {
        let Sample { secrets, bytes, .. } = level.sample;
        let database = place.disk().join(level.ceiling).with_extension("db");
        let contest = Contest {
            work: "run",
            params: json!({"level": level.number, "secrets": secrets, "bytes": bytes, "served": false}),
            subject: task(level.subject, run(level, programs, place, &home)?),
            cpu: Box::new(cpu_time),
            fsyncs: counter(run(level, programs, place, &home)?),
            ceiling: vec![
                wrap(level.ceiling, &level.number.to_string(), programs, place, &home),
                open_commit_one(&database)?,
            ],
            beside: vec![spawn_bare(place), spawn_env(place)],
            goal: Some(Goal::Times(1.5)),
            most_fsyncs: Some(2.0),
        };
        outcomes.push(contest.hold(pace)?);
    }
    Ok(outcomes)
}

async fn furnish(place: &Place) -> Result<()> {
    let custodian = place.found().await?;
    create_application(&custodian).await?;
    for level in &LEVELS {
        level.sample.create(&custodian).await?;
    }
    custodian.close().await;
    Ok(())
}

fn run(level: &Level, programs: &Programs, place: &Place, home: &Path) -> Result<Command> {
    let mut run = command(programs.strongroom(), place.memory());
    run.args(["run", "--app", application()?.as_str(), "--collection", level.sample.id]);
    run.arg("--data").arg(place.data()).arg("--home").arg(home).args(["--", TARGET]);
    Ok(run)
}
