//! `deliver`, embedded: one custodian in this process, one client; each delivery opens a collection and makes its record
//! durable before it returns. For its fsyncs this program is started once more, with somebody looking at it.

use anyhow::{Context, Result};
use serde_json::json;
use strongroom_custody::{Custodian, Deliver};
use strongroom_secrets::CollectionId;
use tokio::runtime::Runtime;

use super::{LARGE, SETTLED, SMALL};
use crate::arguments::Alone;
use crate::ceiling::commit_one;
use crate::cost::{count_fsyncs, cpu_time};
use crate::place::{Place, Sample, application, caller, create_application, now, runtime};
use crate::programs::{Programs, command};
use crate::rounds::{Contest, Counter, Goal, Outcome, Pace, Task};

const SAMPLES: [(&str, Sample); 2] =
    [("deliver 1 × 32 B, embedded", SMALL), ("deliver 20 × 1 KiB, embedded", LARGE)];

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let runtime = runtime()?;
    let custodian = runtime.block_on(furnish(place))?;
    let mut outcomes = Vec::new();
    for (subject, sample) in SAMPLES {
        let mut subject = delivery(subject, sample, &custodian, &runtime)?;
        let mut ceiling = commit_one(&place.disk().join(sample.id).with_extension("db"))?;
        (0..SETTLED).try_for_each(|_| subject.act().and_then(|()| ceiling.act()))?;
        let contest = Contest {
            work: "deliver",
            params: json!({"secrets": sample.secrets, "bytes": sample.bytes, "clients": 1, "db": "sqlite", "served": false}),
            subject,
            cpu: Box::new(cpu_time),
            fsyncs: counter(sample, programs, place),
            ceiling: vec![ceiling],
            beside: Vec::new(),
            goal: Some(Goal::Times(1.5)),
            most_fsyncs: Some(1.0),
        };
        outcomes.push(contest.hold(pace)?);
    }
    runtime.block_on(custodian.close());
    Ok(outcomes)
}

/// Makes a strongroom and delivers, and measures nothing.
pub(crate) fn deliver_alone(alone: Alone, place: &Place) -> Result<()> {
    let runtime = runtime()?;
    let custodian = runtime.block_on(furnish(place))?;
    let sample = SAMPLES.iter().find(|(_, sample)| sample.id == alone.sample);
    let (name, sample) = *sample.with_context(|| format!("there is no sample {}", alone.sample))?;
    let mut task = delivery(name, sample, &custodian, &runtime)?;
    (0..alone.times).try_for_each(|_| task.act())
}

async fn furnish(place: &Place) -> Result<Custodian> {
    let custodian = place.found().await?;
    create_application(&custodian).await?;
    for (_, sample) in SAMPLES {
        sample.create(&custodian).await?;
    }
    Ok(custodian)
}

fn delivery<'a>(
    name: &'static str,
    sample: Sample,
    custodian: &'a Custodian,
    runtime: &'a Runtime,
) -> Result<Task<'a>> {
    let access = caller().access::<Deliver>(&application()?)?;
    let id = CollectionId::parse(sample.id)?;
    Ok(Task::new(name, move || {
        runtime.block_on(custodian.deliver(&access, &id, None, None, now()))?;
        Ok(())
    }))
}

/// What eight deliveries more cost, so that what comes before the first is not theirs.
fn counter<'a>(sample: Sample, programs: &'a Programs, place: &'a Place) -> Counter<'a> {
    const MORE: u32 = 8;
    let count = move |times: u32| {
        let mut alone = command(programs.bench(), place.memory());
        alone.args(["--alone", &format!("{}={times}", sample.id)]);
        count_fsyncs(&alone)
    };
    Box::new(move || {
        let (Some(few), Some(many)) = (count(1)?, count(1 + MORE)?) else { return Ok(None) };
        Ok(Some(many.saturating_sub(few) as f64 / f64::from(MORE)))
    })
}
