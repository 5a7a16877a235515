//! `audit`: the ledger, read and verified.

use anyhow::Result;
use strongroom_custody::{Audit as AuditAction, AuditEntry, AuditFilter, Verified, VerifyError};
use strongroom_ledger::verify::Finding;
use strongroom_run::Ending;
use strongroom_secrets::{ApplicationId, CollectionId};

use super::DONE;
use crate::arguments::{Audit, Output};
use crate::open;
use crate::outcome::sentence;
use crate::output::{Items, print_facts, print_json, print_table, to_the_second};
use crate::settings::Settings;

const ALTERED: Ending = Ending::Exited(3);
const TRUNCATED: Ending = Ending::Exited(4);

/// What hashes alone can say.
const UNAUTHENTICATED: &str = "consistent, not authenticated: whoever can write the data can also make this";

pub(super) async fn act(settings: &Settings<'_>, audit: Audit) -> Result<Ending> {
    match audit {
        Audit::List { app, collection } => list(settings, app, collection).await.map(|()| DONE),
        Audit::Verify { without_key } => verify(settings, without_key).await,
    }
}

async fn list(settings: &Settings<'_>, app: Option<String>, collection: Option<String>) -> Result<()> {
    let application = app.as_deref().map(ApplicationId::parse).transpose()?;
    let collection = collection.as_deref().map(CollectionId::parse).transpose()?;
    let filter = AuditFilter { application: application.as_ref(), collection: collection.as_ref() };
    let access = open::caller().everywhere::<AuditAction>();
    let items = open::with(settings, async |custodian| {
        let mut items = Vec::new();
        let mut from = Some(0);
        while let Some(seq) = from {
            let page = custodian.records(&access, filter, seq).await?;
            items.extend(page.entries);
            from = page.next;
        }
        Ok(items)
    })
    .await?;
    match settings.output {
        Output::Json => print_json(&Items { items }),
        Output::Table => print_entries(&items, application.is_some()),
    }
}

/// In 80 columns: what every row would say alike is not said in each.
fn print_entries(items: &[AuditEntry], of_one_application: bool) -> Result<()> {
    let mut header = vec!["seq", "time", "actor", "action"];
    let all_ok = items.iter().all(|entry| entry.result == "ok");
    header.extend((!all_ok).then_some("result"));
    header.push("subject");
    let row = |entry: &AuditEntry| {
        let actor = entry.actor.strip_prefix("embedded/").unwrap_or(&entry.actor).to_owned();
        let mut row = vec![entry.seq.to_string(), to_the_second(entry.time), actor, entry.action.clone()];
        row.extend((!all_ok).then(|| entry.result.clone()));
        row.push(subject(entry, of_one_application));
        row
    };
    print_table(&header, items.iter().map(row).collect())
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

async fn verify(settings: &Settings<'_>, without_key: bool) -> Result<Ending> {
    let verified = if without_key {
        open::with_store(settings, strongroom_custody::verify).await?
    } else {
        let access = open::caller().everywhere::<AuditAction>();
        open::with(settings, async |custodian| Ok(custodian.verify(&access).await)).await?
    };
    match verified {
        Ok(verified) => say(settings, &verified, without_key).map(|()| DONE),
        Err(VerifyError::Fault(fault)) => Err(fault.into()),
        Err(found) => {
            let ending = ending(&found);
            eprintln!("strongroom: {}", sentence(&found.into()));
            Ok(ending)
        }
    }
}

fn ending(found: &VerifyError) -> Ending {
    match found {
        VerifyError::Finding(Finding::Truncated { .. }) | VerifyError::Unrecorded { .. } => TRUNCATED,
        VerifyError::Finding(_)
        | VerifyError::Application { .. }
        | VerifyError::Collection { .. }
        | VerifyError::Version { .. }
        | VerifyError::Counter { .. }
        | VerifyError::Removed { .. } => ALTERED,
        VerifyError::Fault(_) => Ending::Exited(1),
    }
}

fn say(settings: &Settings<'_>, verified: &Verified, without_key: bool) -> Result<()> {
    match settings.output {
        Output::Json => print_json(verified),
        Output::Table => {
            // Nobody could have opened a record, or held anything against one: those counts would be idle zeros.
            let with_key = |count: u64| if without_key { String::new() } else { count.to_string() };
            let ledger = if without_key { UNAUTHENTICATED } else { "in order" };
            print_facts(&[
                ("ledger", ledger.to_owned()),
                ("records", verified.records.to_string()),
                ("opened", with_key(verified.opened)),
                ("applications", with_key(verified.applications)),
                ("collections", with_key(verified.collections)),
                ("root", verified.root.clone()),
            ])
        }
    }
}
