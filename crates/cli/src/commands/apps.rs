//! `apps`: the applications that collections belong to.

use anyhow::Result;
use strongroom_custody::{Application, List, Manage, NewApplication};
use strongroom_secrets::ApplicationId;

use crate::arguments::{Apps, Output};
use crate::open;
use crate::outcome::confirm;
use crate::output::{Items, print_facts, print_json, print_table, to_the_second};
use crate::settings::{Settings, now};

pub(super) async fn act(settings: &Settings<'_>, apps: Apps) -> Result<()> {
    match apps {
        Apps::Create { id, name, description } => {
            let id = ApplicationId::parse(&id)?;
            let access = open::caller().access::<Manage>(&id);
            let new = NewApplication { name, description: description.unwrap_or_default() };
            let application = open::with(settings, async |custodian| {
                Ok(custodian.create_application(&access, new, now()).await?)
            })
            .await?;
            eprintln!("created application {id}");
            say(settings, &application)
        }
        Apps::List => {
            let access = open::caller().everywhere::<List>();
            let items =
                open::with(settings, async |custodian| Ok(custodian.list_applications(&access).await?))
                    .await?;
            match settings.output {
                Output::Json => print_json(&Items { items }),
                Output::Table => {
                    let row = |app: &Application| {
                        vec![app.id.clone(), app.name.clone(), to_the_second(app.created_at)]
                    };
                    print_table(&["id", "name", "created"], items.iter().map(row).collect())
                }
            }
        }
        Apps::Get { id } => {
            let id = ApplicationId::parse(&id)?;
            let access = open::caller().access::<List>(&id);
            let application =
                open::with(settings, async |custodian| Ok(custodian.get_application(&access).await?)).await?;
            say(settings, &application)
        }
        Apps::Delete { id, yes } => {
            let id = ApplicationId::parse(&id)?;
            open::with(settings, async |custodian| {
                custodian.get_application(&open::caller().access::<List>(&id)).await?;
                confirm(yes, &format!("Delete application {id} with all its secrets collections?"))?;
                Ok(custodian.delete_application(&open::caller().access::<Manage>(&id), now()).await?)
            })
            .await?;
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
