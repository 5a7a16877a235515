//! The program `strongroom`: what was typed (`arguments`), what it means (`settings`), what is done (`commands`), how
//! it is said (`output`, `outcome`). It decides nothing about secrets; that is crate `custody`.

mod arguments;
mod commands;
mod input;
mod log;
mod open;
mod outcome;
mod output;
mod settings;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use strongroom_run::{Ending, end_as};

use crate::arguments::Arguments;
use crate::outcome::{Usage, sentence};
use crate::settings::Environment;

fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let is_run = commands::names_run(&typed);
    let arguments = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => arguments,
        Err(error) => {
            let usage = error.use_stderr();
            // Nothing can be done about a standard stream that is gone.
            let _ = error.print();
            return end_as(if usage { usage_ending(is_run) } else { Ending::Exited(0) });
        }
    };
    let ended = Environment::read().and_then(|environment| {
        log::start(arguments.everywhere.verbose, &environment)?;
        commands::act(arguments, &environment)
    });
    end_as(ended.unwrap_or_else(|error| {
        if outcome::reader_is_gone(&error) {
            return Ending::Signaled(13);
        }
        eprintln!("strongroom: {}", sentence(&error));
        match error.downcast_ref::<Usage>() {
            Some(_) => usage_ending(is_run),
            None if is_run => Ending::REFUSED,
            None => Ending::Exited(1),
        }
    }))
}

/// 2 belongs to the child of a `run`.
fn usage_ending(is_run: bool) -> Ending {
    if is_run { Ending::REFUSED } else { Ending::Exited(2) }
}
