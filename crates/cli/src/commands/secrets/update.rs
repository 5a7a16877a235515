//! `secrets update` and `import`: what is given becomes one change of a collection, judged as far as it can be before a
//! value is asked for.

use anyhow::{Result, bail};
use strongroom_secrets::{
    ApplicationId, Change, CollectionId, Draft, Limits, Mask, Operation, Place, Secret, SecretValue,
    SecretsCollection, Update,
};

use super::{create_of, ensure_application, find, place_of, say_created, say_summary};
use crate::arguments::Given;
use crate::input::Offer;
use crate::outcome::{Usage, confirm};
use crate::output::printable;
use crate::settings::Settings;
use crate::strongroom::{Strongroom, Written, look, with};

/// What an update asks for.
pub(super) struct Wanted {
    pub(super) given: Given,
    pub(super) remove: Vec<String>,
    pub(super) replace: bool,
    pub(super) if_match: Option<u64>,
    pub(super) yes: bool,
}

pub(super) fn update(settings: &Settings<'_>, app: &ApplicationId, id: &str, wanted: Wanted) -> Result<()> {
    let id = CollectionId::parse(id).map_err(Usage::of)?;
    let Wanted { given, remove, replace, if_match, yes } = wanted;
    let offer = Offer::parse(given)?;
    if replace && !offer.has_secrets() {
        return Err(Usage::from("--replace needs the secrets: give --from, --env or --file").into());
    }
    let written = with(settings, |strongroom| {
        // What can be judged is judged before a value is asked for.
        let stored = stored_at(strongroom, app, &id, if_match)?;
        let removed =
            remove.iter().map(|text| place_of(&stored.secrets, text)).collect::<Result<Vec<_>>>()?;
        let Draft { id: other, name, description, secrets } = offer.read(strongroom.largest_document())?;
        if let Some(other) = other.filter(|other| other != id.as_str()) {
            bail!("--from is of another secrets collection, {other:?}; nothing was changed");
        }
        let secrets = secrets.unwrap_or_default();
        let limits = strongroom.limits_for(secrets.len());
        let change = if replace {
            confirm_drops(yes, &stored, &secrets)?;
            Some(Change::replace(secrets, limits)?)
        } else {
            merge(&stored, secrets, removed, limits)?
        };
        strongroom.update(app, &id, &Update::settle(name, description, change)?, if_match)
    })?;
    say_updated(settings, &id, &written)
}

/// Reads a file into a collection, which is made if it is not there.
pub(super) fn import(
    settings: &Settings<'_>,
    app: &ApplicationId,
    id: Option<String>,
    given: Given,
) -> Result<()> {
    let id = id.as_deref().map(CollectionId::parse).transpose().map_err(Usage::of)?;
    let offer = Offer::parse(given)?;
    let imported = with(settings, |strongroom| {
        ensure_application(strongroom, app)?;
        let mut draft = offer.read(strongroom.largest_document())?;
        draft.id = id.as_ref().map(ToString::to_string).or(draft.id);
        let named = draft.id.as_deref().map(CollectionId::parse).transpose()?;
        let there = match &named {
            Some(id) => look(strongroom.get(app, id, None))?.and_then(Result::ok),
            None => None,
        };
        let Some((id, (stored, _))) = named.zip(there) else {
            return create_of(strongroom, app, draft).map(|(written, count)| Imported::New(written, count));
        };
        let Draft { name, description, secrets, .. } = draft;
        let secrets = secrets.unwrap_or_default();
        let limits = strongroom.limits_for(secrets.len());
        let change = merge(&stored, secrets, Vec::new(), limits)?;
        let written = strongroom.update(app, &id, &Update::settle(name, description, change)?, None)?;
        Ok(Imported::Into(id, written))
    })?;
    match imported {
        Imported::New(written, count) => say_created(settings, &written, count),
        Imported::Into(id, written) => say_updated(settings, &id, &written),
    }
}

/// What an import became.
enum Imported {
    New(Written, usize),
    Into(CollectionId, Written),
}

/// The collection as it is, masked, if it is at the version that is expected.
fn stored_at(
    strongroom: &Strongroom,
    app: &ApplicationId,
    id: &CollectionId,
    if_match: Option<u64>,
) -> Result<SecretsCollection<Mask>> {
    let (stored, current) = strongroom.get(app, id, None)?;
    match if_match {
        Some(expected) if expected != current => bail!(
            "the collection is at version {current}, not {expected}: somebody changed it; look again and repeat"
        ),
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

fn say_updated(settings: &Settings<'_>, id: &CollectionId, written: &Written) -> Result<()> {
    eprintln!("updated secrets collection {id} to version {}", written.version);
    say_changes(written);
    say_summary(settings, written)
}

/// Says on standard error what became of the secrets.
pub(super) fn say_changes(written: &Written) {
    let Some(changes) = &written.changes else { return };
    for (what, places) in
        [("added", &changes.added), ("set", &changes.changed), ("removed", &changes.removed)]
    {
        for place in places {
            eprintln!("  {what} {}", printable(&place.to_string()));
        }
    }
    eprintln!("  kept {} as they were", changes.same.len());
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
