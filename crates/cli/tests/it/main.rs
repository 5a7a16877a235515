//! The promises of the program, kept by the program itself as a user starts it: no function of ours is called here.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program and read their own environment"
)]

mod both;
mod canary;
mod choice;
mod completions;
mod consumer;
mod doors;
mod embedded;
mod help;
mod hostile;
mod import;
mod keys;
mod kill;
mod load;
mod log;
mod memory;
mod nextmv;
mod prompts;
mod quickstart;
mod room;
mod root_key;
mod schemathesis;
mod served;
mod server;
mod several;
mod tables;
mod terminal;
mod tls;
