//! The smallest server (`server.rs` beside this file), started with a body to answer.

use anyhow::{Context, Result};

use crate::place::Place;
use crate::programs::{Programs, command};
use crate::server::Server;

/// Starts one that answers this body from memory to every request; it has a database of its own on the disk under test.
pub(crate) fn start_smallest(programs: &Programs, place: &Place, body: &[u8]) -> Result<Server> {
    let folder = tempfile::Builder::new().prefix("smallest-").tempdir_in(place.disk());
    // It goes with the place.
    let folder = folder.context("make a folder for the smallest server")?.keep();
    let path = folder.join("body");
    std::fs::write(&path, body).context("write what the smallest server answers")?;
    let mut smallest = command(programs.smallest(), place.memory());
    smallest.arg(path).arg(folder.join("smallest.db"));
    Server::start(smallest)
}
