//! The benchmarks: each work of strongroom beside its ceilings, as ratios of the same round. Deliberately no test:
//! nothing here fails because a machine is slow, and a noisy figure decides nothing.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool for the desk: it prints, starts programs and reads the clock"
)]

mod arguments;
mod attack;
mod ceiling;
mod cost;
mod load;
mod place;
mod programs;
mod report;
mod rounds;
mod server;
mod work;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;

use crate::arguments::Arguments;
use crate::place::Place;
use crate::programs::Programs;

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(typed: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        bail!("figures of a debug build mean nothing: cargo run --release -p strongroom-bench");
    }
    if let Some(alone) = &typed.alone {
        return work::deliver_alone(alone.clone(), &Place::make(&programs::folder()?)?);
    }
    let programs = Programs::provide()?;
    let mut results = Vec::new();
    for name in typed.works() {
        eprintln!("measuring {name} …");
        // A place for each work, so that none finds a log or a cache of another.
        let place = Place::make(programs.folder())?;
        results.extend(work::measure(name, &programs, &place, typed)?);
    }
    print!("{}", report::say(&results));
    match &typed.json {
        Some(path) => report::write_json(path, &results),
        None => Ok(()),
    }
}
