//! `secrets`: collections, created, shown masked, deleted, and revealed. How one changes is `update`, what its versions tell
//! is `history`.

mod history;
mod update;

use std::io::{IsTerminal, Write};

use anyhow::{Result, anyhow, bail};
use strongroom_secrets::{
    ApplicationId, CollectionId, Delivered, Draft, Mask, NewCollection, Place, Secret, SecretType,
    SecretValue, SecretsCollection, SecretsCollectionSummary,
};

use crate::arguments::{App, Given, Output, Secrets};
use crate::input::Offer;
use crate::outcome::{Usage, offers};
use crate::output::Column::{Cut, Whole};
use crate::output::{
    print_escaped, print_facts, print_items, print_json, print_list, print_table, say, to_the_second,
};
use crate::settings::Settings;
use crate::strongroom::{Strongroom, Written, look, with};
use update::Wanted;

pub(super) fn act(settings: &Settings<'_>, secrets: Secrets) -> Result<()> {
    let application = |app: &App| settings.application(app.app.as_deref());
    match secrets {
        Secrets::Create { app, id, given } => create(settings, &application(&app)?, id, given),
        Secrets::List { app } => list(settings, &application(&app)?),
        Secrets::Get { id, app } => get(settings, &application(&app)?, &id),
        Secrets::Update { id, app, given, remove, replace, if_match, yes } => {
            let wanted = Wanted { given, remove, replace, if_match, yes };
            update::update(settings, &application(&app)?, &id, wanted)
        }
        Secrets::Delete { id, app, if_match } => delete(settings, &application(&app)?, &id, if_match),
        Secrets::Restore { id, app } => history::restore(settings, &application(&app)?, &id),
        Secrets::Reveal { id, location, app } => {
            reveal(settings, &application(&app)?, &id, location.as_deref())
        }
        Secrets::Versions { id, app } => history::versions(settings, &application(&app)?, &id),
        Secrets::Diff { id, from, to, app } => history::diff(settings, &application(&app)?, &id, from, to),
        Secrets::Rollback { id, to, if_match, app } => {
            history::rollback(settings, &application(&app)?, &id, to, if_match)
        }
        Secrets::Import { from, dialect, id, app } => {
            let given = Given { from: Some(from), dialect, ..Given::default() };
            update::import(settings, &application(&app)?, id, given)
        }
    }
}

/// Reads `ID` or `ID@VERSION`.
pub(super) fn parse_id(text: &str) -> Result<(CollectionId, Option<u64>)> {
    match text.split_once('@') {
        None => Ok((CollectionId::parse(text).map_err(Usage::of)?, None)),
        Some((id, version)) => {
            let version = version
                .parse()
                .map_err(|_| Usage::from("a version is a number: write ID@VERSION, for example db@3"))?;
            Ok((CollectionId::parse(id).map_err(Usage::of)?, Some(version)))
        }
    }
}

fn create(settings: &Settings<'_>, app: &ApplicationId, id: Option<String>, given: Given) -> Result<()> {
    let id = id.as_deref().map(CollectionId::parse).transpose().map_err(Usage::of)?;
    let offer = Offer::parse(given)?;
    let (written, count) = with(settings, |strongroom| {
        // What can be judged is judged before a value is asked for.
        ensure_application(strongroom, app)?;
        if let Some(id) = &id {
            ensure_free(strongroom, app, id)?;
        }
        let mut draft = offer.read(strongroom.largest_document())?;
        draft.id = id.as_ref().map(ToString::to_string).or(draft.id);
        create_of(strongroom, app, draft)
    })?;
    say_created(settings, &written, count)
}

/// Creates a collection; and how many secrets it has.
fn create_of(strongroom: &Strongroom, app: &ApplicationId, draft: Draft) -> Result<(Written, usize)> {
    let count = draft.secrets.as_ref().map_or(0, Vec::len);
    let new = NewCollection::settle(draft, strongroom.limits_for(count))?;
    Ok((strongroom.create(app, new)?, count))
}

fn say_created(settings: &Settings<'_>, written: &Written, count: usize) -> Result<()> {
    let Written { summary, version, .. } = written;
    eprintln!("created secrets collection {} (version {version}, {})", summary.id, counted(count));
    say_summary(settings, written)
}

fn counted(secrets: usize) -> String {
    if secrets == 1 { "1 secret".to_owned() } else { format!("{secrets} secrets") }
}

/// On a terminal an unknown application is offered to be made; elsewhere the error says how.
fn ensure_application(strongroom: &Strongroom, app: &ApplicationId) -> Result<()> {
    let Some(Err(absent)) = look(strongroom.get_application(app))? else { return Ok(()) };
    if !offers(&format!("There is no application {app}. Create it?")) {
        return Err(absent);
    }
    strongroom.create_application(app, None, None)?;
    Ok(())
}

fn ensure_free(strongroom: &Strongroom, app: &ApplicationId, id: &CollectionId) -> Result<()> {
    match look(strongroom.get(app, id, None))? {
        Some(Ok(_)) => {
            bail!("application {app} already has a secrets collection {id}; update it, or choose another id")
        }
        Some(Err(_)) | None => Ok(()),
    }
}

fn list(settings: &Settings<'_>, app: &ApplicationId) -> Result<()> {
    let items = with(settings, |strongroom| strongroom.list(app))?;
    match settings.output {
        Output::Json => print_items(items),
        Output::Table => {
            let row = |s: &SecretsCollectionSummary| {
                vec![s.id.clone(), s.name.clone(), to_the_second(s.updated_at)]
            };
            let columns = [Cut("id"), Cut("name"), Whole("updated")];
            print_list(&columns, items.iter().map(row).collect())
        }
    }
}

fn get(settings: &Settings<'_>, app: &ApplicationId, id: &str) -> Result<()> {
    let (id, version) = parse_id(id)?;
    let (collection, version) = with(settings, |strongroom| strongroom.get(app, &id, version))?;
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

fn delete(settings: &Settings<'_>, app: &ApplicationId, id: &str, if_match: Option<u64>) -> Result<()> {
    let id = CollectionId::parse(id).map_err(Usage::of)?;
    with(settings, |strongroom| strongroom.delete(app, &id, if_match))?;
    eprintln!("deleted secrets collection {id}; the id is free");
    Ok(())
}

fn reveal(settings: &Settings<'_>, app: &ApplicationId, id: &str, location: Option<&str>) -> Result<()> {
    let (id, version) = parse_id(id)?;
    let delivered = with(settings, |strongroom| {
        // Looked at masked first: a mistyped location must not leave a record of a reveal.
        if let Some(text) = location
            && let Some(shown) = look(strongroom.get(app, &id, version))?
        {
            place_of(&shown?.0.secrets, text)?;
        }
        strongroom.reveal(app, &id, version)
    })?;
    let collection = collection(delivered);
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

/// What was handed over, as the documented collection.
fn collection(delivered: Delivered) -> SecretsCollection<SecretValue> {
    let secret = |(place, value): (Place, SecretValue)| Secret {
        secret_type: place.secret_type(),
        location: place.location().to_owned(),
        value,
    };
    SecretsCollection {
        summary: delivered.summary,
        secrets: delivered.secrets.into_entries().into_iter().map(secret).collect(),
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

fn find<'a, V>(
    collection: &'a SecretsCollection<V>,
    secret_type: SecretType,
    location: &str,
) -> Option<&'a Secret<V>> {
    collection.secrets.iter().find(|secret| secret.secret_type == secret_type && secret.location == location)
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

fn say_summary(settings: &Settings<'_>, written: &Written) -> Result<()> {
    match settings.output {
        Output::Json => print_json(&written.summary),
        Output::Table => print_facts(&summary_facts(&written.summary, written.version)),
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
