//! Opening the strongroom that the settings name: its store, then its root key, then both together.

use anyhow::{Context, Result, anyhow};
use strongroom_custody::{Caller, Custodian};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_store::Store;

use crate::settings::{Settings, Source};

/// Opens and unlocks the strongroom.
pub(crate) async fn custodian(settings: &Settings<'_>) -> Result<Custodian> {
    let store = store(settings).await?;
    let noted = Custodian::sources(&store).await?.ok_or_else(|| missing(settings))?;
    let key = root_key(settings, &noted)?;
    Ok(Custodian::unlock(store, &key).await?)
}

/// Opens the store alone.
pub(crate) async fn store(settings: &Settings<'_>) -> Result<Store> {
    Ok(Store::open(&settings.data).await?)
}

pub(crate) fn missing(settings: &Settings<'_>) -> anyhow::Error {
    anyhow!("there is no strongroom in {}; make one with: strongroom init", settings.data.display())
}

/// Reads the root key from where the environment says, else from where `init` noted that it is.
pub(crate) fn root_key(settings: &Settings<'_>, noted: &[String]) -> Result<SlotKey> {
    let source = match (&settings.root_key, noted.first()) {
        (Some(source), _) => source.clone(),
        (None, Some(noted)) => {
            Source::parse(noted, &settings.data).context("the noted root key cannot be used")?
        }
        (None, None) => return Err(anyhow!("no root key is noted; set STRONGROOM_ROOT_KEY=file:PATH")),
    };
    keyfile::read(source.path(), &settings.data, uid())
        .with_context(|| format!("the root key {source} cannot be used"))
}

/// Whoever runs this program, as the owner of the data: the operating system let them open it.
pub(crate) fn caller() -> Caller {
    Caller::owner(uid())
}

/// Whose process this is.
pub(crate) fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Runs one command's asynchronous part to its end. No thread of it is left afterwards.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().context("no runtime could be started")?;
    Ok(runtime.block_on(work))
}
