//! The promises of the ledger, from outside: its bytes, its tree, and what a verification finds.

mod corpus;
mod record;
mod tree;
mod vectors;
mod verify;
