//! `secrets`: collections, created, shown masked, changed, deleted, and revealed.

use std::io::{IsTerminal, Write};

use anyhow::{Result, anyhow, bail};
use strongroom_custody::{
    CreateError, Custodian, List, Manage, NewApplication, Reveal, UpdateError, Updated, VersionSummary,
    Write as WriteAction,
};
use strongroom_secrets::{
    ApplicationId, Change, CollectionId, Draft, Limits, Mask, NewCollection, Operation, Place, Secret,
    SecretType, SecretValue, SecretsCollection, SecretsCollectionSummary, Update,
};

use crate::arguments::{App, Given, Output, Secrets};
use crate::input::Offer;
use crate::open;
use crate::outcome::{Usage, confirm, offers};
use crate::output::{
    Items, print_escaped, print_facts, print_json, print_table, printable, say, to_the_second,
};
use crate::settings::{Settings, now};

pub(super) async fn act(settings: &Settings<'_>, secrets: Secrets) -> Result<()> {
    let application = |app: &App| settings.application(app.app.as_deref());
    match secrets {
        Secrets::Create { app, id, given } => create(settings, application(&app)?, id, given).await,
        Secrets::List { app } => list(settings, application(&app)?).await,
        Secrets::Get { id, app } => get(settings, application(&app)?, &id).await,
        Secrets::Update { id, app, given, remove, replace, if_match, yes } => {
            let wanted = Wanted { given, remove, replace, if_match, yes };
            update(settings, application(&app)?, &id, wanted).await
        }
        Secrets::Delete { id, app } => delete(settings, application(&app)?, &id).await,
        Secrets::Reveal { id, location, app } => {
            reveal(settings, application(&app)?, &id, location.as_deref()).await
        }
        Secrets::Versions { id, app } => versions(settings, application(&app)?, &id).await,
    }
}

/// Reads `ID` or `ID@VERSION`.
pub(super) fn parse_id(text: &str) -> Result<(CollectionId, Option<u64>)> {
    match text.split_once('@') {
        None => Ok((CollectionId::parse(text)?, None)),
        Some((id, version)) => {
            let version = version
                .parse()
                .map_err(|_| Usage("a version is a number: write ID@VERSION, for example db@3"))?;
            Ok((CollectionId::parse(id)?, Some(version)))
        }
    }
}

async fn create(
    settings: &Settings<'_>,
    application: ApplicationId,
    id: Option<String>,
    given: Given,
) -> Result<()> {
    let id = id.as_deref().map(CollectionId::parse).transpose()?;
    let offer = Offer::parse(given)?;
    let created = open::with(settings, async |custodian| {
        // What can be judged is judged before a value is asked for.
        ensure_application(custodian, &application).await?;
        if let Some(id) = &id {
            ensure_free(custodian, &application, id).await?;
        }
        let mut draft = offer.read(custodian.limits())?;
        draft.id = id.as_ref().map(ToString::to_string).or(draft.id);
        let new = NewCollection::settle(draft, custodian.limits())?;
        let access = open::caller().access::<WriteAction>(&application);
        Ok(custodian.create(&access, new, now()).await?)
    })
    .await?;
    let count = match created.changes.added.len() {
        1 => "1 secret".to_owned(),
        count => format!("{count} secrets"),
    };
    eprintln!("created secrets collection {} (version {}, {count})", created.summary.id, created.version);
    say_summary(settings, &created)
}

/// On a terminal an unknown application is offered to be made; elsewhere the error says how.
async fn ensure_application(custodian: &Custodian, id: &ApplicationId) -> Result<()> {
    let Err(absent) = open::present(custodian.get_application(&open::caller().access::<List>(id)).await)?
    else {
        return Ok(());
    };
    if !offers(&format!("There is no application {id}. Create it?")) {
        return Err(absent.into());
    }
    let access = open::caller().access::<Manage>(id);
    custodian.create_application(&access, NewApplication::default(), now()).await?;
    Ok(())
}

async fn ensure_free(custodian: &Custodian, application: &ApplicationId, id: &CollectionId) -> Result<()> {
    let access = open::caller().access::<List>(application);
    match open::present(custodian.get(&access, id, None).await)? {
        Ok(_) => Err(CreateError::Exists { application: application.clone(), id: id.clone() }.into()),
        Err(_) => Ok(()),
    }
}

async fn list(settings: &Settings<'_>, application: ApplicationId) -> Result<()> {
    let access = open::caller().access::<List>(&application);
    let items = open::with(settings, async |custodian| Ok(custodian.list(&access).await?)).await?;
    match settings.output {
        Output::Json => print_json(&Items { items }),
        Output::Table => {
            let row = |s: &SecretsCollectionSummary| {
                vec![s.id.clone(), s.name.clone(), to_the_second(s.updated_at)]
            };
            print_table(&["id", "name", "updated"], items.iter().map(row).collect())
        }
    }
}

async fn get(settings: &Settings<'_>, application: ApplicationId, id: &str) -> Result<()> {
    let (id, version) = parse_id(id)?;
    let access = open::caller().access::<List>(&application);
    let (collection, version) =
        open::with(settings, async |custodian| Ok(custodian.get(&access, &id, version).await?)).await?;
    match settings.output {
        Output::Json => print_json(&collection),
        Output::Table => {
            print_facts(&summary_facts(&collection.summary, version))?;
            let row = |secret: &Secret<Mask>| {
                vec![secret.secret_type.as_str().to_owned(), secret.location.clone(), "masked".to_owned()]
            };
            say("")?;
            print_table(&["type", "location", "value"], collection.secrets.iter().map(row).collect())
        }
    }
}

/// What an update asks for.
struct Wanted {
    given: Given,
    remove: Vec<String>,
    replace: bool,
    if_match: Option<u64>,
    yes: bool,
}

async fn update(settings: &Settings<'_>, application: ApplicationId, id: &str, wanted: Wanted) -> Result<()> {
    let id = CollectionId::parse(id)?;
    let Wanted { given, remove, replace, if_match, yes } = wanted;
    let offer = Offer::parse(given)?;
    if replace && !offer.has_secrets() {
        return Err(Usage("--replace needs the secrets: give --from, --env or --file").into());
    }
    let updated = open::with(settings, async |custodian| {
        // What can be judged is judged before a value is asked for.
        let stored = look(custodian, &application, &id, if_match).await?;
        let removed =
            remove.iter().map(|text| place_of(&stored.secrets, text)).collect::<Result<Vec<_>>>()?;
        let limits = custodian.limits();
        let Draft { id: other, name, description, secrets } = offer.read(limits)?;
        if let Some(other) = other.filter(|other| other != id.as_str()) {
            bail!("--from is of another secrets collection, {other:?}; nothing was changed");
        }
        let secrets = secrets.unwrap_or_default();
        let change = if replace {
            confirm_drops(yes, &stored, &secrets)?;
            Some(Change::replace(secrets, limits)?)
        } else {
            merge(&stored, secrets, removed, limits)?
        };
        let update = Update::settle(name, description, change)?;
        let access = open::caller().access::<WriteAction>(&application);
        Ok(custodian.update(&access, &id, &update, if_match, now()).await?)
    })
    .await?;
    say_updated(settings, &id, &updated)
}

/// The collection as it is, masked, if it is at the version that is expected.
async fn look(
    custodian: &Custodian,
    application: &ApplicationId,
    id: &CollectionId,
    if_match: Option<u64>,
) -> Result<SecretsCollection<Mask>> {
    let access = open::caller().access::<List>(application);
    let (stored, current) = custodian.get(&access, id, None).await?;
    match if_match {
        Some(expected) if expected != current => Err(UpdateError::NotAtVersion { expected, current }.into()),
        _ => Ok(stored),
    }
}

/// What is given is set, what is to be removed is removed, the rest stays.
fn merge(
    stored: &SecretsCollection<Mask>,
    given: Vec<Secret<SecretValue>>,
    removed: Vec<Place>,
    limits: Limits,
) -> Result<Option<Change>> {
    let mut operations = Vec::new();
    for secret in given {
        let known = find(stored, secret.secret_type, &secret.location).is_some();
        let operation = if known { Operation::update } else { Operation::create };
        operations.push(operation(secret, limits)?);
    }
    operations.extend(removed.into_iter().map(Operation::Delete));
    Ok((!operations.is_empty()).then(|| Change::operations(operations)).transpose()?)
}

fn say_updated(settings: &Settings<'_>, id: &CollectionId, updated: &Updated) -> Result<()> {
    eprintln!("updated secrets collection {id} to version {}", updated.version);
    let changes = &updated.changes;
    for (what, places) in
        [("added", &changes.added), ("set", &changes.changed), ("removed", &changes.removed)]
    {
        for place in places {
            eprintln!("  {what} {}", printable(&place.to_string()));
        }
    }
    eprintln!("  kept {} as they were", changes.kept.len());
    say_summary(settings, updated)
}

fn find<'a, V>(
    collection: &'a SecretsCollection<V>,
    secret_type: SecretType,
    location: &str,
) -> Option<&'a Secret<V>> {
    collection.secrets.iter().find(|secret| secret.secret_type == secret_type && secret.location == location)
}

/// A replace that would drop secrets names them and asks.
fn confirm_drops(yes: bool, stored: &SecretsCollection<Mask>, given: &[Secret<SecretValue>]) -> Result<()> {
    let stays = |old: &Secret<Mask>| {
        given.iter().any(|new| new.secret_type == old.secret_type && new.location == old.location)
    };
    let dropped: Vec<String> = stored
        .secrets
        .iter()
        .filter(|old| !stays(old))
        .map(|old| format!("{}:{}", old.secret_type.as_str(), old.location))
        .collect();
    if dropped.is_empty() {
        return Ok(());
    }
    confirm(yes, &format!("This removes {}. Go on?", dropped.join(", ")))
}

/// The place that a location means, `env:` or `file:` before it where both exist.
fn place_of<V>(secrets: &[Secret<V>], text: &str) -> Result<Place> {
    let matches = |secret: &&Secret<V>| match text.split_once(':') {
        Some((kind, location)) if SecretType::parse(kind).is_some() => {
            (secret.secret_type.as_str() == kind && secret.location == location) || secret.location == text
        }
        _ => secret.location == text,
    };
    let found: Vec<&Secret<V>> = secrets.iter().filter(matches).collect();
    match found.as_slice() {
        [secret] => Ok(Place::parse(secret.secret_type, &secret.location)?),
        [] => bail!("the collection has no secret at {text:?}; get shows its locations"),
        _ => bail!("{text:?} is both a variable and a file here; write env:{text} or file:{text}"),
    }
}

async fn delete(settings: &Settings<'_>, application: ApplicationId, id: &str) -> Result<()> {
    let id = CollectionId::parse(id)?;
    let access = open::caller().access::<WriteAction>(&application);
    open::with(settings, async |custodian| Ok(custodian.delete(&access, &id, now()).await?)).await?;
    eprintln!("deleted secrets collection {id}; the id is free");
    Ok(())
}

async fn reveal(
    settings: &Settings<'_>,
    application: ApplicationId,
    id: &str,
    location: Option<&str>,
) -> Result<()> {
    let (id, version) = parse_id(id)?;
    let (delivery, _) = open::with(settings, async |custodian| {
        if let Some(text) = location {
            // Looked at masked first: a mistyped location must not leave a record of a reveal.
            let access = open::caller().access::<List>(&application);
            let (shown, _) = custodian.get(&access, &id, version).await?;
            place_of(&shown.secrets, text)?;
        }
        let access = open::caller().access::<Reveal>(&application);
        Ok(custodian.reveal(&access, &id, version, now()).await?)
    })
    .await?;
    let collection = delivery.into_collection();
    match (location, settings.output) {
        (Some(text), _) => {
            let place = place_of(&collection.secrets, text)?;
            let secret = find(&collection, place.secret_type(), place.location());
            let secret = secret.ok_or_else(|| anyhow!("the collection changed meanwhile; repeat"))?;
            print_exactly(secret.value.expose())
        }
        (None, Output::Json) => {
            print_escaped(&collection.to_plain_json())?;
            say("")
        }
        (None, Output::Table) => {
            let row = |secret: &Secret<SecretValue>| {
                let value = secret.value.expose().to_owned();
                vec![secret.secret_type.as_str().to_owned(), secret.location.clone(), value]
            };
            print_table(&["type", "location", "value"], collection.secrets.iter().map(row).collect())
        }
    }
}

/// The bytes and nothing else; on a terminal a line end, so that the prompt does not stick to the value.
fn print_exactly(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    if out.is_terminal() {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

async fn versions(settings: &Settings<'_>, application: ApplicationId, id: &str) -> Result<()> {
    let id = CollectionId::parse(id)?;
    let access = open::caller().access::<List>(&application);
    let items = open::with(settings, async |custodian| Ok(custodian.versions(&access, &id).await?)).await?;
    match settings.output {
        Output::Json => print_json(&Items { items }),
        Output::Table => {
            let row = |v: &VersionSummary| {
                vec![
                    v.version.to_string(),
                    to_the_second(v.created_at),
                    v.created_by.clone(),
                    v.secrets.to_string(),
                ]
            };
            print_table(&["version", "created", "by", "secrets"], items.iter().map(row).collect())
        }
    }
}

fn say_summary(settings: &Settings<'_>, updated: &Updated) -> Result<()> {
    match settings.output {
        Output::Json => print_json(&updated.summary),
        Output::Table => print_facts(&summary_facts(&updated.summary, updated.version)),
    }
}

fn summary_facts(summary: &SecretsCollectionSummary, version: u64) -> Vec<(&'static str, String)> {
    vec![
        ("id", summary.id.clone()),
        ("application", summary.application_id.clone()),
        ("name", summary.name.clone()),
        ("description", summary.description.clone()),
        ("version", version.to_string()),
        ("created", summary.created_at.to_string()),
        ("updated", summary.updated_at.to_string()),
    ]
}
