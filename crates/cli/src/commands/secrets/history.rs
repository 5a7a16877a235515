//! `secrets versions`, `diff`, `rollback` and `restore`: what a collection was before, told without values, and brought
//! back.

use anyhow::Result;
use strongroom_secrets::{ApplicationId, CollectionId, Place, VersionSummary};

use super::say_summary;
use super::update::say_changes;
use crate::arguments::Output;
use crate::outcome::Usage;
use crate::output::Column::{Cut, Whole};
use crate::output::{print_items, print_json, print_list, print_table, to_the_second};
use crate::settings::Settings;
use crate::strongroom::with;

pub(super) fn versions(settings: &Settings<'_>, app: &ApplicationId, id: &str) -> Result<()> {
    let id = CollectionId::parse(id).map_err(Usage::of)?;
    let items = with(settings, |strongroom| strongroom.versions(app, &id))?;
    match settings.output {
        Output::Json => print_items(items),
        Output::Table => {
            let row = |v: &VersionSummary| {
                vec![
                    v.version.to_string(),
                    to_the_second(v.created_at),
                    v.created_by.clone(),
                    v.secrets.to_string(),
                ]
            };
            let columns = [Whole("version"), Whole("created"), Cut("by"), Whole("secrets")];
            print_list(&columns, items.iter().map(row).collect())
        }
    }
}

pub(super) fn diff(settings: &Settings<'_>, app: &ApplicationId, id: &str, from: u64, to: u64) -> Result<()> {
    let id = CollectionId::parse(id).map_err(Usage::of)?;
    let diff = with(settings, |strongroom| strongroom.diff(app, &id, from, to))?;
    match settings.output {
        Output::Json => print_json(&diff),
        Output::Table => {
            let rows = [
                ("added", &diff.added),
                ("removed", &diff.removed),
                ("changed", &diff.changed),
                ("same", &diff.same),
            ];
            let row = |(what, place): (&str, &Place)| {
                vec![what.to_owned(), place.secret_type().as_str().to_owned(), place.location().to_owned()]
            };
            let rows =
                rows.into_iter().flat_map(|(what, places)| places.iter().map(move |place| (what, place)));
            print_table(&["change", "type", "location"], rows.map(row).collect())
        }
    }
}

pub(super) fn rollback(
    settings: &Settings<'_>,
    app: &ApplicationId,
    id: &str,
    to: u64,
    if_match: Option<u64>,
) -> Result<()> {
    let id = CollectionId::parse(id).map_err(Usage::of)?;
    let written = with(settings, |strongroom| strongroom.rollback(app, &id, to, if_match))?;
    eprintln!("rolled secrets collection {id} back to version {to}, as version {}", written.version);
    say_changes(&written);
    say_summary(settings, &written)
}

pub(super) fn restore(settings: &Settings<'_>, app: &ApplicationId, id: &str) -> Result<()> {
    let id = CollectionId::parse(id).map_err(Usage::of)?;
    let written = with(settings, |strongroom| strongroom.restore(app, &id))?;
    eprintln!("restored secrets collection {id}, at version {}", written.version);
    say_summary(settings, &written)
}
