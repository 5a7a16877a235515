//! The log on standard error: what strongroom does, never what it holds. Records of other crates are let through only
//! from warnings up, whatever the filter says, because some print what they were given.

use anyhow::{Context, Result};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::Environment;

/// Starts the log: `-v` says info, `-vv` debug, more says trace; `STRONGROOM_LOG` is a filter and wins. What `serves` has
/// nobody else to tell of what went wrong, and begins with warnings.
pub(crate) fn start(verbose: u8, serves: bool, environment: &Environment) -> Result<()> {
    let quiet = if serves { "warn" } else { "error" };
    let ours = [quiet, "info", "debug", "trace"][usize::from(verbose.min(3))];
    let filter = match environment.variable("STRONGROOM_LOG").map(|text| text.to_string_lossy()) {
        Some(text) => {
            EnvFilter::builder().parse(text).context("STRONGROOM_LOG is not a filter; try debug")?
        }
        None => EnvFilter::new(ours),
    };
    let foreign =
        filter_fn(|record| record.target().starts_with("strongroom") || *record.level() <= Level::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // Already set when a quickstart runs further commands in this process.
    let _ = tracing::subscriber::set_global_default(
        Registry::default().with(lines.with_filter(foreign)).with(filter),
    );
    Ok(())
}
