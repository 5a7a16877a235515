//! `run`: a collection into a process. The program is looked for, and what can be refused is refused, before anything
//! is delivered; the delivery is recorded; the strongroom is let go; then the run is planned, and done.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use strongroom_run::{
    Command, Ending, Program, Refusal, Rules, RuntimeFolders, Streams, plan, preflight, run,
};
use strongroom_secrets::{
    ApplicationId, CollectionId, Delivered, Outline, OutlineSecret, Place, RunClaimText,
};

use super::secrets::parse_id;
use crate::arguments::Run;
use crate::outcome::sentence;
use crate::settings::{Environment, Settings, uid};
use crate::strongroom::Strongroom;

/// Runs what was typed; `streams` says where the child's output goes.
pub(super) fn act(settings: &Settings<'_>, typed: Run, streams: Streams) -> Result<Ending> {
    let environment = settings.environment;
    let app = settings.application(typed.app.as_deref())?;
    let (id, version) = parse_id(&typed.collection)?;
    let home = environment.directory.join(typed.home.unwrap_or_default());
    let rules = Rules {
        home: home.canonicalize().with_context(|| format!("the home {} cannot be used", home.display()))?,
        allow_env: typed.allow_env,
        mask: !typed.no_mask,
        runtime: RuntimeFolders {
            xdg_runtime_dir: environment.variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            shared_memory: PathBuf::from("/dev/shm"),
            uid: uid(),
        },
    };
    let name = typed.command.first().map(std::ffi::OsString::as_os_str).unwrap_or_default();
    let program = match Program::find(name, environment.variable("PATH"), &environment.directory) {
        Ok(program) => program,
        Err(error) => return Ok(refused(error.ending(), error)),
    };
    let claim = claim(environment, name);
    let command = Command { program, argv: typed.command, core: environment.core.clone() };
    let wanted = Wanted { app, id, version, run: claim };
    let delivered = match deliver(settings, wanted, &rules)? {
        Ok(delivered) => delivered,
        Err(error) => return Ok(refused(error.ending(), error)),
    };
    let plan = match plan(delivered.secrets, command, environment.variables(), rules) {
        Ok(plan) => plan,
        Err(error) => return Ok(refused(error.ending(), error)),
    };
    for note in plan.notes(streams) {
        eprintln!("strongroom: {note}");
    }
    match run(plan, streams) {
        Ok(outcome) => {
            for note in outcome.notes {
                eprintln!("strongroom: {note}");
            }
            Ok(outcome.ending)
        }
        Err(error) => Ok(refused(error.ending(), error)),
    }
}

/// What is to be delivered, and what for.
struct Wanted {
    app: ApplicationId,
    id: CollectionId,
    version: Option<u64>,
    run: RunClaimText,
}

/// Has the collection delivered, unless the run is refused for what can be known before; and lets the strongroom go again,
/// so that nothing of ours is held while the child runs.
fn deliver(settings: &Settings<'_>, wanted: Wanted, rules: &Rules) -> Result<Result<Delivered, Refusal>> {
    let strongroom = Strongroom::open(settings)?;
    let delivered = deliver_from(&strongroom, wanted, rules);
    strongroom.close();
    delivered
}

fn deliver_from(
    strongroom: &Strongroom,
    wanted: Wanted,
    rules: &Rules,
) -> Result<Result<Delivered, Refusal>> {
    let Wanted { app, id, version, mut run } = wanted;
    let Outline { version, secrets } = strongroom.outline(&app, &id, version)?;
    let mut places = Vec::with_capacity(secrets.len());
    for OutlineSecret { secret_type, location, bytes } in &secrets {
        places.push((Place::parse(*secret_type, location)?, *bytes));
    }
    if let Err(refusal) = preflight(&places, rules) {
        return Ok(Err(refusal));
    }
    // As the plan will have it: files or none.
    let has_files = places.iter().any(|(place, _)| matches!(place, Place::File(_)));
    run.level = Some(if has_files { 2 } else { 0 });
    let delivered = strongroom.deliver(&app, &id, version, run)?;
    tracing::info!(receipt = delivered.receipt, version, "delivered");
    if let Some(place) = surprise(&places, delivered.secrets.entries()) {
        bail!(
            "the delivery is refused and nothing was started: {place} is not both in it and in what it was planned from; \
             whoever answered cannot be trusted"
        );
    }
    Ok(Ok(delivered))
}

/// A place that is on one side only of what was planned and what was delivered.
fn surprise<'a, T>(planned: &'a [(Place, u64)], delivered: &'a [(Place, T)]) -> Option<&'a Place> {
    let planned: BTreeSet<&Place> = planned.iter().map(|(place, _)| place).collect();
    let delivered: BTreeSet<&Place> = delivered.iter().map(|(place, _)| place).collect();
    planned.symmetric_difference(&delivered).next().copied()
}

/// What is said of this run in its audit record: nothing of its arguments, which may be secret.
fn claim(environment: &Environment, command: &OsStr) -> RunClaimText {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| environment.variable(name));
    let user = user.map_or_else(|| format!("uid:{}", uid()), |user| user.to_string_lossy().into_owned());
    let command = Path::new(command).file_name().unwrap_or_default();
    RunClaimText {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        user,
        command: command.to_string_lossy().into_owned(),
        level: None,
    }
}

fn refused(ending: Ending, error: impl std::error::Error + Send + Sync + 'static) -> Ending {
    eprintln!("strongroom: {}", sentence(&anyhow::Error::new(error)));
    ending
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::SecretType;

    use super::*;

    #[test]
    fn what_is_delivered_is_what_was_planned() {
        fn places(words: &str) -> Vec<(Place, u64)> {
            let place = |word: &str| match word.split_once(':') {
                Some(("file", location)) => Place::parse(SecretType::File, location),
                _ => Place::parse(SecretType::Env, word),
            };
            words.split_whitespace().map(|word| (place(word).expect("a location"), 0)).collect()
        }
        let check = |planned: &str, delivered: &str, expected: Option<&str>| {
            let (planned, delivered) = (places(planned), places(delivered));
            let found = surprise(&planned, &delivered).map(ToString::to_string);
            assert_eq!(found.as_deref(), expected, "{planned:?} {delivered:?}");
        };
        check("", "", None);
        check("A B file:a/b", "A B file:a/b", None);
        check("A B file:a/b", "file:a/b B A", None);
        check("A", "A LD_PRELOAD", Some("env:LD_PRELOAD"));
        check("A B", "A", Some("env:B"));
        check("A", "file:A", Some("env:A"));
        check("file:a", "file:/a", Some("file:/a"));
        check("", "file:a", Some("file:a"));
        check("A", "", Some("env:A"));
    }
}
