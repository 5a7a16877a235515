//! `start`: the program that does nothing, and the one that opens an empty strongroom: what lies between them is the
//! store's opening and the first use of the cipher, which some builds pay for with 40 to 140 ms.

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::ceiling::{open_one, spawn_bare};
use crate::cost::cpu_time;
use crate::place::{Place, runtime};
use crate::programs::{Programs, command, counter, task};
use crate::rounds::{Contest, Outcome, Pace};

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace) -> Result<Vec<Outcome>> {
    let runtime = runtime()?;
    runtime.block_on(runtime.block_on(place.found())?.close());
    let ceiling = place.disk().join("ceiling.db");
    let contests = [
        Contest {
            work: "start",
            params: json!({"command": "--version"}),
            subject: task("strongroom --version", version(programs, place)),
            cpu: Box::new(cpu_time),
            fsyncs: counter(version(programs, place)),
            ceiling: vec![spawn_bare(place)],
            beside: Vec::new(),
            goal: None,
            most_fsyncs: Some(0.0),
        },
        Contest {
            work: "start",
            params: json!({"command": "apps list"}),
            subject: task("strongroom apps list", list(programs, place)),
            cpu: Box::new(cpu_time),
            fsyncs: counter(list(programs, place)),
            ceiling: vec![task("strongroom --version", version(programs, place)), open_one(&ceiling)?],
            beside: vec![spawn_bare(place)],
            goal: None,
            most_fsyncs: Some(0.0),
        },
    ];
    contests.into_iter().map(|contest| contest.hold(pace)).collect()
}

fn version(programs: &Programs, place: &Place) -> Command {
    let mut version = command(programs.strongroom(), place.memory());
    version.arg("--version");
    version
}

fn list(programs: &Programs, place: &Place) -> Command {
    let mut list = command(programs.strongroom(), place.memory());
    list.args(["apps", "list", "--data"]).arg(place.data());
    list
}
