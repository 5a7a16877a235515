//! A process: started directly, through `env`, and through the bare wrapper.

use std::path::Path;

use crate::place::Place;
use crate::programs::{Programs, command, task};
use crate::rounds::Task;

/// The program that every subject and ceiling starts.
pub(crate) const TARGET: &str = "/bin/true";

/// The target itself.
pub(crate) fn spawn_bare(place: &Place) -> Task<'_> {
    task("spawn-bare", command(TARGET, place.memory()))
}

/// The target through `env`: one exec more.
pub(crate) fn spawn_env(place: &Place) -> Task<'_> {
    let mut env = command("/usr/bin/env", place.memory());
    env.arg(TARGET);
    task("spawn-env", env)
}

/// The target through the bare wrapper, which delivers 20 values of 1 KiB at this level.
pub(crate) fn wrap<'a>(
    name: &'static str,
    level: &str,
    programs: &Programs,
    place: &'a Place,
    home: &Path,
) -> Task<'a> {
    let mut wrap = command(programs.wrap(), place.memory());
    wrap.arg(level).arg(place.memory()).arg(home).arg(TARGET);
    task(name, wrap)
}
