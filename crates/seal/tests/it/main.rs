//! What this crate promises to those who use it, through its public face only.

mod corpus;
mod keyfile;
mod keys;
mod versions;
