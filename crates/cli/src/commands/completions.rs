//! `completions`: a script for a shell, made of the arguments themselves.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;

pub(super) fn act(shell: Shell) -> Result<()> {
    // Written to memory first, because `generate` panics when a reader goes away.
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "strongroom", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
