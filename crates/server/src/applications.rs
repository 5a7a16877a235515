//! `/v1/applications`: what collections belong to, in the documented shape. Nothing else of an application lives here.

use serde::Serialize;
use strongroom_custody::{Access, ApplicationUpdate, Everywhere, List, Manage, NewApplication};
use strongroom_secrets::{Application, ApplicationId, Items, RequestError, Timestamp, Update};

use crate::answer::{Answer, Answered};
use crate::body::Body;
use crate::door::Ask;
use crate::page::{Part, token};
use crate::refusal::Refusal;
use crate::secrets::refuse_purge;

/// An application as the documented class reads it.
///
/// Contract: `an-application-has-no-endpoint`. The class takes a key `endpoint`, `client`, `experiments_endpoint` or
/// `ensembles_endpoint` for its own, and would send later calls there.
#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    description: String,
    r#type: &'static str,
    default_instance: &'static str,
    locked: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Application> for Shown {
    fn from(application: Application) -> Self {
        let Application { id, name, description, created_at, updated_at } = application;
        Self {
            id,
            name,
            description,
            r#type: "custom",
            default_instance: "",
            locked: false,
            created_at,
            updated_at,
        }
    }
}

pub(crate) fn shown(application: Application) -> Answer {
    Answer::json(&Shown::from(application))
}

/// `POST /v1/applications`
pub(crate) async fn create(ask: Ask<Everywhere<Manage>>) -> Answered {
    if !ask.may_make_applications() {
        let sentence =
            "this server makes no applications over HTTP; whoever runs it makes them: strongroom apps create";
        return Err(Refusal::forbidden(sentence));
    }
    let Said { id, name, description } = Said::read(&ask.body)?;
    let id = id.unwrap_or_else(|| made_id(ask.random()));
    let id = ApplicationId::parse(&id).map_err(RequestError::from)?;
    let new = NewApplication { name, description: description.unwrap_or_default() };
    let application = ask.custodian.create_application(&ask.proof, &id, new, ask.now).await?;
    Ok(shown(application))
}

/// `GET /v1/applications`: a bare array, unless pages are asked for.
///
/// Contract: `a-list-of-applications-is-an-array`.
pub(crate) async fn list(ask: Ask<Everywhere<List>>) -> Answered {
    let part = Part::page_or_all(&ask.query)?;
    let page = ask.custodian.list_applications(&ask.proof, part.after.as_ref(), part.limit).await?;
    let items: Vec<Shown> = page.items.into_iter().map(Shown::from).collect();
    if part.limit.is_none() {
        return Ok(Answer::json(&items));
    }
    Ok(Answer::json(&Items { items, next_page_token: page.next.as_ref().map(token) }))
}

/// `GET /v1/applications/{app}`
pub(crate) async fn show(ask: Ask<Access<List>>) -> Answered {
    let application = ask.custodian.get_application(&ask.proof).await?;
    Ok(shown(application))
}

/// `PUT /v1/applications/{app}`: clients send the whole object back; its name and description are taken.
pub(crate) async fn update(ask: Ask<Access<Manage>>) -> Answered {
    let Said { id, name, description } = Said::read(&ask.body)?;
    if id.is_some_and(|id| id != ask.part("app")) {
        return Err(RequestError::OtherId.into());
    }
    let update = ApplicationUpdate { name, description };
    let application = ask.custodian.update_application(&ask.proof, update, ask.now).await?;
    Ok(shown(application))
}

/// `DELETE /v1/applications/{app}`
pub(crate) async fn delete(ask: Ask<Access<Manage>>) -> Answered {
    refuse_purge(&ask)?;
    ask.custodian.delete_application(&ask.proof, ask.now).await?;
    Ok(Answer::nothing())
}

/// `POST /v1/applications/{app}/restore`
pub(crate) async fn restore(ask: Ask<Access<Manage>>) -> Answered {
    let application = ask.custodian.restore_application(&ask.proof, ask.now).await?;
    Ok(shown(application))
}

/// What a client says of an application. Everything else that it sends is its own business.
struct Said {
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
}

impl Said {
    fn read(body: &Body) -> Result<Self, Refusal> {
        let document = body.document()?;
        let fields = document.root().object()?;
        let text = |name| fields.unless_null(name).map(|node| node.text()).transpose();
        let id = text("id")?;
        let (name, description) = (text("name")?, text("description")?);
        if name.is_none() && description.is_none() {
            return Ok(Self { id, name, description });
        }
        // What a name and a description may be is one rule for applications and collections.
        let Update { name, description, .. } = Update::settle(name, description, None)?;
        Ok(Self { id, name, description })
    }
}

/// The id of an application that came without one: as the documented client makes it.
fn made_id(random: [u8; 16]) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let letter = |pair: &[u8]| {
        let number = pair.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        char::from(LETTERS[number % LETTERS.len()])
    };
    format!("app-{}", random.chunks(2).map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_id_is_one_that_is_accepted() {
        for random in [[0; 16], [255; 16], *b"sixteen bytes ok"] {
            let id = made_id(random);
            assert_eq!(id.len(), 12);
            assert!(ApplicationId::parse(&id).is_ok(), "{id}");
        }
    }
}
