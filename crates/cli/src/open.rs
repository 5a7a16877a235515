//! Opening the strongroom that the settings name: its store, then its root key, then both together.

use anyhow::{Context, Result, anyhow};
use strongroom_custody::{Absent, Caller, Custodian, ReadError};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_store::{OpenError, Store};

use crate::output::quoted;
use crate::settings::{Settings, Source};

/// Opens the strongroom, does one thing with it, and writes the database's log back, however that went: what was
/// acknowledged rests in the database itself when the command has ended. Every command but `run` comes through here.
pub(crate) async fn with<T>(
    settings: &Settings<'_>,
    work: impl AsyncFnOnce(&Custodian) -> Result<T>,
) -> Result<T> {
    let custodian = custodian(settings).await?;
    let done = work(&custodian).await;
    custodian.finish().await;
    done
}

/// The same without a key.
pub(crate) async fn with_store<T>(settings: &Settings<'_>, work: impl AsyncFnOnce(&Store) -> T) -> Result<T> {
    let store = store(settings).await?;
    let done = work(&store).await;
    store.write_back().await;
    store.close().await;
    Ok(done)
}

/// Opens and unlocks the strongroom.
pub(crate) async fn custodian(settings: &Settings<'_>) -> Result<Custodian> {
    let store = store(settings).await?;
    let noted = Custodian::sources(&store).await?.ok_or_else(|| missing(settings))?;
    let key = root_key(settings, &noted)?;
    Ok(Custodian::unlock(store, &key).await?)
}

/// Opens the store alone.
pub(crate) async fn store(settings: &Settings<'_>) -> Result<Store> {
    Store::open(&settings.data).await.map_err(|error| match error {
        OpenError::Missing { .. } => missing(settings),
        other => other.into(),
    })
}

fn missing(settings: &Settings<'_>) -> anyhow::Error {
    let data = settings.data.display().to_string();
    let option =
        if settings.is_default_data() { String::new() } else { format!(" --data {}", quoted(&data)) };
    anyhow!("there is no strongroom in {data}; make one with: strongroom init{option}")
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
    keyfile::read(source.path(), &settings.data, uid()).map_err(|error| match error {
        keyfile::ReadError::Missing { .. } => anyhow!("{error} with STRONGROOM_ROOT_KEY=file:PATH"),
        other => other.into(),
    })
}

/// What was asked for, or none where it is absent. That it cannot be read is not that it is absent.
pub(crate) fn present<T>(read: Result<T, ReadError>) -> Result<Result<T, Absent>> {
    match read {
        Ok(found) => Ok(Ok(found)),
        Err(ReadError::Absent(absent)) => Ok(Err(absent)),
        Err(fault) => Err(fault.into()),
    }
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
