//! `apps`: the applications that collections belong to.

use anyhow::Result;
use strongroom_secrets::{Application, ApplicationId};

use crate::arguments::{Apps, Output};
use crate::outcome::{Usage, confirm};
use crate::output::Column::{Cut, Whole};
use crate::output::{print_facts, print_items, print_json, print_list, to_the_second};
use crate::settings::Settings;
use crate::strongroom::with;

pub(super) fn act(settings: &Settings<'_>, apps: Apps) -> Result<()> {
    match apps {
        Apps::Create { id, name, description } => {
            let id = ApplicationId::parse(&id).map_err(Usage::of)?;
            let application =
                with(settings, |strongroom| strongroom.create_application(&id, name, description))?;
            eprintln!("created application {id}");
            say(settings, &application)
        }
        Apps::List => list(settings),
        Apps::Get { id } => {
            let id = ApplicationId::parse(&id).map_err(Usage::of)?;
            let application = with(settings, |strongroom| strongroom.get_application(&id))?;
            say(settings, &application)
        }
        Apps::Update { id, name, description } => {
            let id = ApplicationId::parse(&id).map_err(Usage::of)?;
            if name.is_none() && description.is_none() {
                return Err(Usage::from("nothing to change: give --name or --description").into());
            }
            let application =
                with(settings, |strongroom| strongroom.update_application(&id, name, description))?;
            eprintln!("updated application {id}");
            say(settings, &application)
        }
        Apps::Delete { id, yes } => {
            let id = ApplicationId::parse(&id).map_err(Usage::of)?;
            with(settings, |strongroom| {
                strongroom.get_application(&id)?;
                confirm(yes, &format!("Delete application {id} with all its secrets collections?"))?;
                strongroom.delete_application(&id)
            })?;
            eprintln!("deleted application {id} with its secrets collections; the id is free");
            Ok(())
        }
        Apps::Restore { id } => {
            let id = ApplicationId::parse(&id).map_err(Usage::of)?;
            let application = with(settings, |strongroom| strongroom.restore_application(&id))?;
            eprintln!("restored application {id} with its secrets collections");
            say(settings, &application)
        }
    }
}

fn list(settings: &Settings<'_>) -> Result<()> {
    let items = with(settings, |strongroom| strongroom.list_applications())?;
    match settings.output {
        Output::Json => print_items(items),
        Output::Table => {
            let row =
                |app: &Application| vec![app.id.clone(), app.name.clone(), to_the_second(app.created_at)];
            let columns = [Cut("id"), Cut("name"), Whole("created")];
            print_list(&columns, items.iter().map(row).collect())
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
