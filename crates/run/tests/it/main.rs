//! The promises of `run`, held by real children of real runs: what a child gets, what is refused, what stays behind,
//! how signals, output and exit status pass through.

#![allow(clippy::disallowed_methods, reason = "these tests start processes")]

mod ending;
mod environment;
mod files;
mod leftovers;
mod output;
mod signals;
mod stage;
mod terminal;
