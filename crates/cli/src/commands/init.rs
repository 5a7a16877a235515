//! `init`: makes a strongroom, or adopts the one that is there. It asks nothing, and a second call changes nothing. Of
//! several at once one makes it, and the others adopt it, as if they had come later.

use std::fs;

use anyhow::{Context, Result, bail};
use strongroom_custody::{Custodian, FoundError, Setup, UnlockError};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_secrets::Limits;
use strongroom_store::{OpenError, Store};

use crate::arguments::{Init, Output};
use crate::embedded::{self, block_on};
use crate::outcome::Usage;
use crate::output::{print_facts, print_json, quoted};
use crate::settings::{Data, Settings, Source, now, uid};

pub(super) fn act(settings: &Settings<'_>, init: Init) -> Result<()> {
    block_on(found_or_adopt(settings, &settings.data()?, init))?
}

async fn found_or_adopt(settings: &Settings<'_>, data: &Data, init: Init) -> Result<()> {
    let limits = init.limits.as_deref().map(Limits::parse).transpose().map_err(Usage::of)?;
    let given = init.root_key.as_deref().map(|text| Source::parse(text, &settings.environment.directory));
    let given = given
        .transpose()
        .map_err(|refused| Usage::about("--root-key", &format!("is refused: {refused}")))?
        .or_else(|| data.root_key.clone());
    let data = &Data { root_key: given, folder: data.folder.clone() };
    match Store::open(&data.folder).await {
        Ok(store) => {
            if Custodian::sources(&store).await?.is_some() {
                return adopt(settings, data, store, limits).await;
            }
            store.close().await;
        }
        // Of a folder that is another user's, making the store says more than opening it.
        Err(OpenError::Missing { .. } | OpenError::OtherOwner { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    found(settings, data, limits).await
}

async fn adopt(settings: &Settings<'_>, data: &Data, store: Store, limits: Option<Limits>) -> Result<()> {
    let noted = Custodian::sources(&store).await?.unwrap_or_default();
    let key = embedded::root_key(data, &noted)?;
    let custodian = Custodian::unlock(store, &key).await?;
    say_adopted(settings, data, custodian, &noted, limits).await
}

async fn say_adopted(
    settings: &Settings<'_>,
    data: &Data,
    custodian: Custodian,
    noted: &[String],
    limits: Option<Limits>,
) -> Result<()> {
    if let Some(limits) = limits
        && limits != custodian.limits()
    {
        bail!(
            "this strongroom has limits {}, and init does not change them; nothing was done",
            custodian.limits()
        );
    }
    eprintln!("adopted the strongroom that is there");
    let noted = noted.first().map_or("", String::as_str);
    let used = data.root_key.as_ref().map_or(Ok(noted.to_owned()), Source::text)?;
    if used != noted {
        eprintln!("the root key is noted to be {noted}, and that stays so; for the one you named, set:");
        eprintln!("  STRONGROOM_ROOT_KEY={}", quoted(&used));
    }
    finish(settings, data, custodian, &used).await
}

/// The key comes first. It must be durable before anything is sealed under it, for the other order could lose it for
/// good; and if its place is refused, no data folder is made.
async fn found(settings: &Settings<'_>, data: &Data, limits: Option<Limits>) -> Result<()> {
    let instance = Custodian::new_instance_id()?;
    let source = data.root_key.clone().map_or_else(|| Source::default_of(&instance), Ok)?;
    let noted = source.text()?;
    let key = make_or_read(data, &source)?;
    let store = match Store::create(&data.folder).await {
        Ok(store) => store,
        Err(error) => {
            take_back(&source, data.root_key.as_ref())?;
            return Err(error.into());
        }
    };
    let setup =
        Setup { instance: &instance, slot: &key, source: &noted, limits: limits.unwrap_or(Limits::DEFAULT) };
    let store = match Custodian::found(store, &embedded::caller(), setup, now()).await {
        Ok(custodian) => {
            eprintln!("{MADE}");
            return finish(settings, data, custodian, &noted).await;
        }
        Err(FoundError::Exists(store)) => *store,
        // Nobody knows then whether it was begun under this key: the key stays.
        Err(FoundError::Fault(fault)) => return Err(fault.into()),
    };
    let sources = Custodian::sources(&store).await?.unwrap_or_default();
    match Custodian::unlock(store, &key).await {
        Ok(custodian) => say_adopted(settings, data, custodian, &sources, limits).await,
        Err(UnlockError::OtherKey { .. }) => {
            take_back(&source, data.root_key.as_ref())?;
            adopt(settings, data, embedded::store(data).await?, limits).await
        }
        Err(error) => Err(error.into()),
    }
}

const MADE: &str = "made a strongroom; keep a copy of the root key in a safe place, nothing opens without it";

/// A file that is there and holds a root key is used: an init that was interrupted can be repeated.
fn make_or_read(data: &Data, source: &Source) -> Result<SlotKey> {
    match keyfile::create(source.path(), &data.folder) {
        Ok(key) => Ok(key),
        Err(keyfile::CreateError::Exists { .. }) => Ok(keyfile::read(source.path(), &data.folder, uid())?),
        Err(error) => Err(error.into()),
    }
}

/// Removes the key that opens nothing, if its file has the name that this process made up. One that was named by the
/// user stays: another process that was given the same name may have begun a strongroom under it.
fn take_back(source: &Source, given: Option<&Source>) -> Result<()> {
    if given.is_some() {
        return Ok(());
    }
    fs::remove_file(source.path()).context("the new root key, which opens nothing, cannot be removed")
}

async fn finish(settings: &Settings<'_>, data: &Data, custodian: Custodian, source: &str) -> Result<()> {
    let data = data.folder.display().to_string();
    let (instance, limits) = (custodian.instance().to_owned(), custodian.limits().to_string());
    custodian.finish().await;
    match settings.output {
        Output::Json => print_json(&serde_json::json!({
            "data": data, "instance": instance, "root_key": source, "limits": limits,
        })),
        Output::Table => print_facts(&[
            ("data", data),
            ("instance", instance),
            ("root key", source.to_owned()),
            ("limits", limits),
        ]),
    }
}
