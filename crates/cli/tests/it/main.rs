//! The promises of the program, kept by the program itself as a user starts it: no function of ours is called here.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program and read their own environment"
)]

mod canary;
mod consumer;
mod help;
mod kill;
mod prompts;
mod quickstart;
mod refusals;
mod room;
mod root_key;
mod run;
mod several;
mod story;
mod tables;
mod terminal;
