//! The program `strongroom`: what was typed (`arguments`), what it means (`settings`), what is done (`commands`), to whom
//! it speaks (`strongroom`), how it is said (`output`, `outcome`). It decides nothing about secrets; that is crate
//! `custody`. Without feature `serve` it is the slim program, which has no strongroom of its own.

mod arguments;
mod commands;
#[cfg(feature = "serve")]
mod embedded;
mod input;
mod log;
mod outcome;
mod output;
mod served;
mod settings;
mod strongroom;
mod usage;

use std::alloc::System;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use strongroom_run::{Ending, end_as, seclude};
use zeroizing_alloc::ZeroAlloc;

use crate::arguments::{Arguments, Command};
use crate::outcome::{Usage, sentence};
use crate::settings::Environment;

/// What HTTP, TLS and JSON copy of a value on its way is wiped when they let it go. A buffer that grows is moved by hand, so
/// that nothing stays behind. C has an allocator of its own: SQLite is given sealed values only, the cipher wipes.
#[global_allocator]
static WIPING: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    // Before anything is read: no other process of this user may look into this one, and no crash writes it to a disk.
    let core = seclude();
    // What a panic says may hold what it tripped over; where it was is enough to find it.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("strongroom: internal error at {place}; please report it");
    }));
    let typed: Vec<OsString> = std::env::args_os().collect();
    let is_run = commands::names_run(&typed);
    let arguments = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing can be done about a standard stream that is gone.
            let _ = usage::print(&error);
            return end_as(if error.use_stderr() { usage_ending(is_run) } else { Ending::Exited(0) });
        }
    };
    if !matches!(arguments.command, Command::Run(_) | Command::Quickstart(_)) {
        core.give_up();
    }
    let ended = Environment::read(core).and_then(|environment| {
        let serves = matches!(arguments.command, Command::Serve(_));
        log::start(&arguments.everywhere, serves, &environment)?;
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
