//! The log on standard error: what strongroom does, never what it holds. Records of other crates are let through only
//! from warnings up, whatever the filter says, because some print what they were given.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::arguments::{Everywhere, LogFormat};
use crate::settings::Environment;

/// Starts the log: `-v` says info, `-vv` debug, more says trace; `STRONGROOM_LOG` is a filter and wins. What `serves` has
/// nobody else to tell of what went wrong, and begins with warnings.
pub(crate) fn start(everywhere: &Everywhere, serves: bool, environment: &Environment) -> Result<()> {
    let quiet = if serves { "warn" } else { "error" };
    let ours = [quiet, "info", "debug", "trace"][usize::from(everywhere.verbose.min(3))];
    let filter = match environment.variable("STRONGROOM_LOG").map(|text| text.to_string_lossy()) {
        Some(text) => {
            EnvFilter::builder().parse(text).context("STRONGROOM_LOG is not a filter; try debug")?
        }
        None => EnvFilter::new(ours),
    };
    let foreign = filter_fn(|record| is_let_through(record.target(), *record.level()));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match format(everywhere, environment)? {
        LogFormat::Text => lines.boxed(),
        // Fields beside the time and the level, as programs that collect logs expect them; there are no spans.
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    };
    // Already set when a quickstart runs further commands in this process.
    let _ = tracing::subscriber::set_global_default(
        Registry::default().with(lines.with_filter(foreign)).with(filter),
    );
    Ok(())
}

/// Whether a record may be written at all. A stranger can make `h2` warn as often as they like.
fn is_let_through(target: &str, level: Level) -> bool {
    let most = if target.starts_with("h2") { Level::ERROR } else { Level::WARN };
    target.starts_with("strongroom") || level <= most
}

fn format(everywhere: &Everywhere, environment: &Environment) -> Result<LogFormat> {
    if let Some(format) = everywhere.log_format {
        return Ok(format);
    }
    let Some(text) = environment.variable("STRONGROOM_LOG_FORMAT") else { return Ok(LogFormat::Text) };
    match text.to_str().and_then(|text| LogFormat::from_str(text, false).ok()) {
        Some(format) => Ok(format),
        None => bail!("STRONGROOM_LOG_FORMAT is text or json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_crates_are_let_through_from_warnings_up_and_what_strangers_bring_about_is_not() {
        let check = |target, level, expected| {
            assert_eq!(is_let_through(target, level), expected, "{target} at {level}");
        };
        check("strongroom_server::envelope", Level::TRACE, true);
        check("rustls::conn", Level::WARN, true);
        check("rustls::conn", Level::INFO, false);
        check("h2::proto::streams", Level::WARN, false);
        check("h2::proto::streams", Level::ERROR, true);
    }
}
