//! `run`: a collection into a process. The program is looked for before anything is fetched; the collection is opened
//! and recorded; the data is let go; then the run is planned, and done.

use std::path::PathBuf;

use anyhow::{Context, Result};
use strongroom_custody::{Deliver, Delivery};
use strongroom_run::{Command, Ending, Program, Rules, RuntimeFolders, Streams, plan, run};
use strongroom_secrets::{ApplicationId, CollectionId};

use super::secrets::parse_id;
use crate::arguments::Run;
use crate::open::{self, block_on};
use crate::outcome::sentence;
use crate::settings::{Settings, now};

/// Runs what was typed; `streams` says where the child's output goes.
pub(super) fn act(settings: &Settings<'_>, typed: Run, streams: Streams) -> Result<Ending> {
    let environment = settings.environment;
    let application = settings.application(typed.app.as_deref())?;
    let (id, version) = parse_id(&typed.collection)?;
    let home = environment.directory.join(typed.home.unwrap_or_default());
    let rules = Rules {
        home: home.canonicalize().with_context(|| format!("the home {} cannot be used", home.display()))?,
        allow_env: typed.allow_env,
        mask: !typed.no_mask,
        runtime: RuntimeFolders {
            xdg_runtime_dir: environment.variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            shared_memory: PathBuf::from("/dev/shm"),
            uid: open::uid(),
        },
    };
    let name = typed.command.first().map(std::ffi::OsString::as_os_str).unwrap_or_default();
    let program = match Program::find(name, environment.variable("PATH"), &environment.directory) {
        Ok(program) => program,
        Err(error) => return Ok(refused(error.ending(), error)),
    };
    let command = Command { program, argv: typed.command };
    let delivery = block_on(deliver(settings, &application, &id, version))??;
    let plan = match plan(delivery.secrets, command, environment.variables(), rules) {
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

/// Opens the collection and lets the data go again, so that nothing of ours is held while the child runs.
async fn deliver(
    settings: &Settings<'_>,
    application: &ApplicationId,
    id: &CollectionId,
    version: Option<u64>,
) -> Result<Delivery> {
    let custodian = open::custodian(settings).await?;
    let access = open::caller().access::<Deliver>(application);
    let delivered = custodian.deliver(&access, id, version, now()).await;
    custodian.close().await;
    let (delivery, receipt) = delivered?;
    tracing::info!(%receipt, version = delivery.version, "delivered");
    Ok(delivery)
}

fn refused(ending: Ending, error: impl std::error::Error + Send + Sync + 'static) -> Ending {
    eprintln!("strongroom: {}", sentence(&anyhow::Error::new(error)));
    ending
}
