//! `apps`: the applications that collections belong to.

use anyhow::Result;
use strongroom_custody::{Application, List, Manage, NewApplication};
use strongroom_secrets::ApplicationId;

use crate::arguments::{Apps, Output};
use crate::open;
use crate::outcome::confirm;
use crate::output::{Items, print_facts, print_json, print_table};
use crate::settings::{Settings, now};

pub(super) async fn act(settings: &Settings<'_>, apps: Apps) -> Result<()> {
    match apps {
        Apps::Create { id, name, description } => {
            let id = ApplicationId::parse(&id)?;
            let custodian = open::custodian(settings).await?;
            let new = NewApplication { name, description: description.unwrap_or_default() };
            let application =
                custodian.create_application(&open::caller().access::<Manage>(&id), new, now()).await?;
            eprintln!("created application {id}");
            say(settings, &application)
        }
        Apps::List => {
            let custodian = open::custodian(settings).await?;
            let items = custodian.list_applications(&open::caller().everywhere::<List>()).await?;
            match settings.output {
                Output::Json => print_json(&Items { items }),
                Output::Table => {
                    let row = |app: &Application| {
                        vec![app.id.clone(), app.name.clone(), app.created_at.to_string()]
                    };
                    print_table(&["id", "name", "created"], items.iter().map(row).collect())
                }
            }
        }
        Apps::Get { id } => {
            let id = ApplicationId::parse(&id)?;
            let custodian = open::custodian(settings).await?;
            say(settings, &custodian.get_application(&open::caller().access::<List>(&id)).await?)
        }
        Apps::Delete { id, yes } => {
            let id = ApplicationId::parse(&id)?;
            let custodian = open::custodian(settings).await?;
            custodian.get_application(&open::caller().access::<List>(&id)).await?;
            confirm(yes, &format!("Delete application {id} with all its secrets collections?"))?;
            custodian.delete_application(&open::caller().access::<Manage>(&id), now()).await?;
            eprintln!("deleted application {id} with its secrets collections; the id is free");
            Ok(())
        }
    }
}

fn say(settings: &Settings<'_>, application: &Application) -> Result<()> {
    match settings.output {
        Output::Json => print_json(application),
        Output::Table => print_facts(&[
            ("id", application.id.clone()),
            ("name", application.name.clone()),
            ("description", application.description.clone()),
            ("created", application.created_at.to_string()),
        ]),
    }
}
