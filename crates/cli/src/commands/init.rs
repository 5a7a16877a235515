//! `init`: makes a strongroom, or adopts the one that is there. It asks nothing, and a second call changes nothing.

use anyhow::{Context, Result, bail};
use strongroom_custody::{Custodian, Setup};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_secrets::Limits;
use strongroom_store::Store;

use crate::arguments::{Init, Output};
use crate::open;
use crate::output::{print_facts, print_json};
use crate::settings::{Settings, Source, now};

pub(super) async fn act(settings: &Settings<'_>, init: Init) -> Result<()> {
    let limits = init.limits.as_deref().map(Limits::parse).transpose()?;
    let given = init.root_key.as_deref().map(|text| Source::parse(text, &settings.environment.directory));
    let given = given.transpose()?.or_else(|| settings.root_key.clone());
    let store = Store::create(&settings.data).await?;
    match Custodian::sources(&store).await? {
        Some(noted) => adopt(settings, store, given, &noted, limits).await,
        None => found(settings, store, given, limits.unwrap_or(Limits::DEFAULT)).await,
    }
}

async fn adopt(
    settings: &Settings<'_>,
    store: Store,
    given: Option<Source>,
    noted: &[String],
    limits: Option<Limits>,
) -> Result<()> {
    let settings = &Settings { root_key: given, data: settings.data.clone(), ..*settings };
    let key = open::root_key(settings, noted)?;
    let custodian = Custodian::unlock(store, &key).await?;
    if let Some(limits) = limits
        && limits != custodian.limits()
    {
        bail!(
            "this strongroom has limits {}, and init does not change them; nothing was done",
            custodian.limits()
        );
    }
    eprintln!("adopted the strongroom that is there");
    say(settings, &custodian, noted.first().map_or("", String::as_str))
}

async fn found(settings: &Settings<'_>, store: Store, given: Option<Source>, limits: Limits) -> Result<()> {
    let instance = Custodian::new_instance_id()?;
    let source = match given {
        Some(source) => source,
        None => settings.default_root_key(&instance)?,
    };
    // The key is durable before anything is sealed under it: the other order could lose it for good.
    let key = make_or_read(settings, &source)?;
    let noted = source.text()?;
    let setup = Setup { instance: &instance, slot: &key, source: &noted, limits };
    let custodian = Custodian::found(store, &open::caller(), setup, now()).await?;
    eprintln!("made a strongroom; keep a copy of the root key in a safe place, nothing opens without it");
    say(settings, &custodian, &noted)
}

/// A file that is there and holds a root key is used: an init that was interrupted can be repeated.
fn make_or_read(settings: &Settings<'_>, source: &Source) -> Result<SlotKey> {
    let refused = || format!("the root key {source} cannot be used");
    if source.path().exists() {
        return keyfile::read(source.path(), &settings.data, open::uid()).with_context(refused);
    }
    keyfile::create(source.path(), &settings.data).with_context(refused)
}

fn say(settings: &Settings<'_>, custodian: &Custodian, source: &str) -> Result<()> {
    let data = settings.data.display().to_string();
    match settings.output {
        Output::Json => print_json(&serde_json::json!({
            "data": data, "instance": custodian.instance(), "root_key": source, "limits": custodian.limits().to_string(),
        })),
        Output::Table => print_facts(&[
            ("data", data),
            ("instance", custodian.instance().to_owned()),
            ("root key", source.to_owned()),
            ("limits", custodian.limits().to_string()),
        ]),
    }
}
