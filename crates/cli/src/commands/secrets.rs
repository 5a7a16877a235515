//! `secrets`: collections, created, shown masked, changed, deleted, and revealed.

use std::io::{IsTerminal, Write};

use anyhow::{Result, anyhow, bail};
use strongroom_custody::{
    Custodian, List, Manage, NewApplication, Reveal, Updated, VersionSummary, Write as WriteAction,
};
use strongroom_secrets::{
    ApplicationId, Change, CollectionId, Draft, Mask, NewCollection, Operation, Place, Secret, SecretType,
    SecretValue, SecretsCollection, SecretsCollectionSummary, Update,
};

use crate::arguments::{App, Given, Output, Secrets};
use crate::input;
use crate::open;
use crate::outcome::{Usage, confirm, offers};
use crate::output::{Items, print_facts, print_json, print_table, printable, say};
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
    let custodian = open::custodian(settings).await?;
    let mut draft = input::read(given, custodian.limits())?;
    draft.id = id.or(draft.id);
    let new = NewCollection::settle(draft, custodian.limits())?;
    ensure_application(&custodian, &application).await?;
    let access = open::caller().access::<WriteAction>(&application);
    let created = custodian.create(&access, new, now()).await?;
    let count = match created.changes.added.len() {
        1 => "1 secret".to_owned(),
        count => format!("{count} secrets"),
    };
    eprintln!("created secrets collection {} (version {}, {count})", created.summary.id, created.version);
    say_summary(settings, &created)
}

/// On a terminal an unknown application is offered to be made; elsewhere the error says how.
async fn ensure_application(custodian: &Custodian, id: &ApplicationId) -> Result<()> {
    if custodian.get_application(&open::caller().access::<List>(id)).await.is_ok() {
        return Ok(());
    }
    if offers(&format!("There is no application {id}. Create it?")) {
        let access = open::caller().access::<Manage>(id);
        custodian.create_application(&access, NewApplication::default(), now()).await?;
    }
    Ok(())
}

async fn list(settings: &Settings<'_>, application: ApplicationId) -> Result<()> {
    let custodian = open::custodian(settings).await?;
    let items = custodian.list(&open::caller().access::<List>(&application)).await?;
    match settings.output {
        Output::Json => print_json(&Items { items }),
        Output::Table => {
            let row =
                |s: &SecretsCollectionSummary| vec![s.id.clone(), s.name.clone(), s.updated_at.to_string()];
            print_table(&["id", "name", "updated"], items.iter().map(row).collect())
        }
    }
}

async fn get(settings: &Settings<'_>, application: ApplicationId, id: &str) -> Result<()> {
    let (id, version) = parse_id(id)?;
    let custodian = open::custodian(settings).await?;
    let (collection, version) =
        custodian.get(&open::caller().access::<List>(&application), &id, version).await?;
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
    let custodian = open::custodian(settings).await?;
    let Draft { id: other, name, description, secrets } = input::read(given, custodian.limits())?;
    if let Some(other) = other.filter(|other| other != id.as_str()) {
        bail!("--from is of another secrets collection, {other:?}; nothing was changed");
    }
    let (stored, _) = custodian.get(&open::caller().access::<List>(&application), &id, None).await?;
    let limits = custodian.limits();
    let change = if replace {
        let secrets = secrets.ok_or(Usage("--replace needs the secrets: give --from, --env or --file"))?;
        confirm_drops(yes, &stored, &secrets)?;
        Some(Change::replace(secrets, limits)?)
    } else {
        let mut operations = Vec::new();
        for secret in secrets.unwrap_or_default() {
            let known = find(&stored, secret.secret_type, &secret.location).is_some();
            let operation = if known { Operation::update } else { Operation::create };
            operations.push(operation(secret, limits)?);
        }
        for location in remove {
            operations.push(Operation::Delete(place_of(&stored.secrets, &location)?));
        }
        (!operations.is_empty()).then(|| Change::operations(operations)).transpose()?
    };
    let update = Update::settle(name, description, change)?;
    let access = open::caller().access::<WriteAction>(&application);
    let updated = custodian.update(&access, &id, &update, if_match, now()).await?;
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
    say_summary(settings, &updated)
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
    let custodian = open::custodian(settings).await?;
    custodian.delete(&open::caller().access::<WriteAction>(&application), &id, now()).await?;
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
    let custodian = open::custodian(settings).await?;
    if let Some(text) = location {
        // Looked at masked first: a mistyped location must not leave a record of a reveal.
        let (shown, _) = custodian.get(&open::caller().access::<List>(&application), &id, version).await?;
        place_of(&shown.secrets, text)?;
    }
    let access = open::caller().access::<Reveal>(&application);
    let (delivery, _) = custodian.reveal(&access, &id, version, now()).await?;
    let collection = delivery.into_collection();
    match (location, settings.output) {
        (Some(text), _) => {
            let place = place_of(&collection.secrets, text)?;
            let secret = find(&collection, place.secret_type(), place.location());
            let secret = secret.ok_or_else(|| anyhow!("the collection changed meanwhile; repeat"))?;
            print_exactly(secret.value.expose())
        }
        (None, Output::Json) => {
            print_exactly(&collection.to_plain_json())?;
            if std::io::stdout().is_terminal() { Ok(()) } else { say("") }
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
    let custodian = open::custodian(settings).await?;
    let items = custodian.versions(&open::caller().access::<List>(&application), &id).await?;
    match settings.output {
        Output::Json => print_json(&Items { items }),
        Output::Table => {
            let row = |v: &VersionSummary| {
                vec![
                    v.version.to_string(),
                    v.created_at.to_string(),
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
