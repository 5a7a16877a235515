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
use crate::output::{Items, print_facts, print_json, print_table};
use crate::settings::Settings;

const ALTERED: Ending = Ending::Exited(3);
const TRUNCATED: Ending = Ending::Exited(4);

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
    let custodian = open::custodian(settings).await?;
    let access = open::caller().everywhere::<AuditAction>();
    let mut items = Vec::new();
    let mut from = Some(0);
    while let Some(seq) = from {
        let page = custodian.records(&access, filter, seq).await?;
        items.extend(page.entries);
        from = page.next;
    }
    match settings.output {
        Output::Json => print_json(&Items { items }),
        Output::Table => print_table(
            &["seq", "time", "actor", "action", "application", "collection", "version", "result"],
            items.into_iter().map(row).collect(),
        ),
    }
}

fn row(entry: AuditEntry) -> Vec<String> {
    vec![
        entry.seq.to_string(),
        entry.time.to_string(),
        entry.actor,
        entry.action,
        entry.application_id.unwrap_or_default(),
        entry.collection_id.unwrap_or_default(),
        entry.version.map(|version| version.to_string()).unwrap_or_default(),
        entry.result,
    ]
}

async fn verify(settings: &Settings<'_>, without_key: bool) -> Result<Ending> {
    let verified = if without_key {
        strongroom_custody::verify(&open::store(settings).await?).await
    } else {
        let custodian = open::custodian(settings).await?;
        custodian.verify(&open::caller().everywhere::<AuditAction>()).await
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
        | VerifyError::Removed { .. } => ALTERED,
        VerifyError::Fault(_) => Ending::Exited(1),
    }
}

fn say(settings: &Settings<'_>, verified: &Verified, without_key: bool) -> Result<()> {
    match settings.output {
        Output::Json => print_json(verified),
        Output::Table => {
            let opened = if without_key { "none, as asked".to_owned() } else { verified.opened.to_string() };
            print_facts(&[
                ("ledger", "in order".to_owned()),
                ("records", verified.records.to_string()),
                ("opened", opened),
                ("applications", verified.applications.to_string()),
                ("collections", verified.collections.to_string()),
                ("root", verified.root.clone()),
            ])
        }
    }
}
