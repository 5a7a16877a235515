//! `audit list`: the ledger, read. How it is verified is `verify`.

use anyhow::Result;
use strongroom_secrets::{ApplicationId, AuditEntry, CollectionId};

use crate::arguments::Output;
use crate::outcome::Usage;
use crate::output::Column::{Cut, Whole};
use crate::output::{print_items, print_list, to_the_second};
use crate::settings::Settings;
use crate::strongroom::with;

pub(super) fn list(settings: &Settings<'_>, app: Option<String>, collection: Option<String>) -> Result<()> {
    let app = app.as_deref().map(ApplicationId::parse).transpose().map_err(Usage::of)?;
    let id = collection.as_deref().map(CollectionId::parse).transpose().map_err(Usage::of)?;
    let items = with(settings, |strongroom| strongroom.records(app.as_ref(), id.as_ref()))?;
    match settings.output {
        Output::Json => print_items(items),
        Output::Table => print_entries(&items, app.is_some()),
    }
}

/// In 80 columns: what every row would say alike is not said in each.
fn print_entries(items: &[AuditEntry], of_one_application: bool) -> Result<()> {
    let mut columns = vec![Whole("seq"), Whole("time"), Cut("actor"), Whole("action")];
    let all_ok = items.iter().all(|entry| entry.result == "ok");
    columns.extend((!all_ok).then_some(Whole("result")));
    columns.push(Cut("subject"));
    let row = |entry: &AuditEntry| {
        let actor = ["embedded/", "key/"].iter().find_map(|kind| entry.actor.strip_prefix(kind));
        let actor = actor.unwrap_or(&entry.actor).to_owned();
        let mut row = vec![entry.seq.to_string(), to_the_second(entry.time), actor, entry.action.clone()];
        row.extend((!all_ok).then(|| entry.result.clone()));
        row.push(subject(entry, of_one_application));
        row
    };
    print_list(&columns, items.iter().map(row).collect())
}

/// `APPLICATION/COLLECTION@VERSION`, as far as the record is about them.
fn subject(entry: &AuditEntry, of_one_application: bool) -> String {
    let application = entry.application_id.as_deref().filter(|_| !of_one_application);
    let collection = entry.collection_id.as_ref().map(|id| match entry.version {
        Some(version) => format!("{id}@{version}"),
        None => id.clone(),
    });
    [application, collection.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/")
}
