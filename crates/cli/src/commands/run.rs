//! `run`: a collection into a process. The program is looked for, and what can be refused is refused, before anything
//! is delivered; the delivery is recorded; the data is let go; then the run is planned, and done.

use std::path::PathBuf;

use anyhow::{Context, Result};
use strongroom_custody::{Custodian, Deliver, Delivery};
use strongroom_run::{
    Command, Ending, Program, Refusal, Rules, RuntimeFolders, Streams, plan, preflight, run,
};
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
    let wanted = Wanted { application, id, version };
    let delivery = match block_on(deliver(settings, &wanted, &rules))?? {
        Ok(delivery) => delivery,
        Err(error) => return Ok(refused(error.ending(), error)),
    };
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

/// What is to be delivered.
struct Wanted {
    application: ApplicationId,
    id: CollectionId,
    version: Option<u64>,
}

/// Has the collection delivered, unless the run is refused for what can be known before; and lets the data go again, so
/// that nothing of ours is held while the child runs.
async fn deliver(
    settings: &Settings<'_>,
    wanted: &Wanted,
    rules: &Rules,
) -> Result<Result<Delivery, Refusal>> {
    let custodian = open::custodian(settings).await?;
    let delivered = deliver_from(&custodian, wanted, rules).await;
    custodian.close().await;
    delivered
}

async fn deliver_from(
    custodian: &Custodian,
    wanted: &Wanted,
    rules: &Rules,
) -> Result<Result<Delivery, Refusal>> {
    let Wanted { application, id, version } = wanted;
    let access = open::caller().access::<Deliver>(application);
    let (outline, version) = custodian.outline(&access, id, *version).await?;
    if let Err(refusal) = preflight(&outline, rules) {
        return Ok(Err(refusal));
    }
    let (delivery, receipt) = custodian.deliver(&access, id, Some(version), now()).await?;
    tracing::info!(%receipt, version, "delivered");
    Ok(Ok(delivery))
}

fn refused(ending: Ending, error: impl std::error::Error + Send + Sync + 'static) -> Ending {
    eprintln!("strongroom: {}", sentence(&anyhow::Error::new(error)));
    ending
}
