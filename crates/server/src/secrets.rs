//! `/v1/applications/{app}/secrets` and what lies below it, but for deliveries: everything here shows masks at most.

use serde::Deserialize;
use strongroom_custody::{Access, List, Write};
use strongroom_secrets::{Draft, Items, NewCollection, Update};

use crate::answer::{Answer, Answered};
use crate::body::Body;
use crate::door::Ask;
use crate::page::{Part, items};
use crate::proof::Within;
use crate::refusal::Refusal;
use crate::url::number;

/// `POST …/secrets`
pub(crate) async fn create(ask: Ask<Access<Write>>) -> Answered {
    let new = NewCollection::settle(Draft::read_collection(&ask.body.document()?)?, ask.limits)?;
    let updated = ask.custodian.create(&ask.proof, new, ask.now).await?;
    Ok(Answer::written(&updated.summary, updated.version))
}

/// `GET …/secrets`: always an object, unlike the list of applications.
///
/// Contract: `a-list-of-collections-is-an-object`.
pub(crate) async fn list(ask: Ask<Access<List>>) -> Answered {
    let part = Part::page_or_all(&ask.query)?;
    let page = ask.custodian.list(&ask.proof, part.after.as_ref(), part.limit).await?;
    Ok(Answer::json(&items(page)))
}

/// `GET …/secrets/{id}`
pub(crate) async fn show(ask: Ask<Within<List>>) -> Answered {
    let (collection, version) = ask.custodian.get(&ask.proof.access, &ask.proof.id, None).await?;
    Ok(Answer::at_version(&collection, ask.custodian.tag(version)))
}

/// `PUT …/secrets/{id}`: what SDKs before 1.12.0 send, masks and all.
///
/// Contract: `put-keeps-what-is-masked`.
pub(crate) async fn replace(ask: Ask<Within<Write>>) -> Answered {
    let update = Update::read_put(&ask.body.document()?, &ask.proof.id, ask.limits)?;
    write(&ask, &update).await
}

/// `PATCH …/secrets/{id}`
pub(crate) async fn change(ask: Ask<Within<Write>>) -> Answered {
    let update = Update::read_patch(&ask.body.document()?, ask.limits)?;
    write(&ask, &update).await
}

async fn write(ask: &Ask<Within<Write>>, update: &Update) -> Answered {
    let Within { access, id } = &ask.proof;
    let updated = ask.custodian.update(access, id, update, ask.if_match, ask.now).await?;
    Ok(Answer::written(&updated.summary, updated.version))
}

/// `DELETE …/secrets/{id}`
pub(crate) async fn delete(ask: Ask<Within<Write>>) -> Answered {
    refuse_purge(&ask)?;
    ask.custodian.delete(&ask.proof.access, &ask.proof.id, ask.if_match, ask.now).await?;
    Ok(Answer::nothing())
}

/// A softer deletion than the one asked for would leave what somebody believes to be destroyed.
pub(crate) fn refuse_purge<P>(ask: &Ask<P>) -> Result<(), Refusal> {
    match ask.query.flag("purge")? {
        true => Err(Refusal::invalid("purge is not there yet; nothing was deleted")),
        false => Ok(()),
    }
}

/// `GET …/secrets/{id}/versions`: all that are kept; they are few.
pub(crate) async fn versions(ask: Ask<Within<List>>) -> Answered {
    let versions = ask.custodian.versions(&ask.proof.access, &ask.proof.id).await?;
    Ok(Answer::json(&Items { items: versions, next_page_token: None }))
}

/// `GET …/secrets/{id}/versions/{version}`
pub(crate) async fn show_version(ask: Ask<Within<List>>) -> Answered {
    let version = number(ask.part("version")).ok_or_else(Refusal::no_version)?;
    let (collection, version) = ask.custodian.get(&ask.proof.access, &ask.proof.id, Some(version)).await?;
    Ok(Answer::at_version(&collection, ask.custodian.tag(version)))
}

/// `GET …/secrets/{id}/diff?from=&to=`
pub(crate) async fn diff(ask: Ask<Within<List>>) -> Answered {
    let (from, to) = (ask.query.number("from")?, ask.query.number("to")?);
    let diff = ask.custodian.diff(&ask.proof.access, &ask.proof.id, from, to).await?;
    Ok(Answer::json(&diff))
}

/// `POST …/secrets/{id}/rollback` `{"version": N}`
pub(crate) async fn rollback(ask: Ask<Within<Write>>) -> Answered {
    let Rollback { version: to } = Rollback::read(&ask.body)?;
    let Within { access, id } = &ask.proof;
    let updated = ask.custodian.rollback(access, id, to, ask.if_match, ask.now).await?;
    Ok(Answer::written(&updated.summary, updated.version))
}

/// `POST …/secrets/{id}/restore`
pub(crate) async fn restore(ask: Ask<Within<Write>>) -> Answered {
    if ask.if_match.is_some() {
        return Err(Refusal::invalid("If-Match can name no version here: what is restored was deleted"));
    }
    let updated = ask.custodian.restore(&ask.proof.access, &ask.proof.id, ask.now).await?;
    Ok(Answer::written(&updated.summary, updated.version))
}

/// Which version is to be the newest again.
#[derive(Deserialize)]
struct Rollback {
    version: u64,
}

impl Rollback {
    fn read(body: &Body) -> Result<Self, Refusal> {
        // The document's own rules first; then serde's, whose message is thrown away: it quotes what it read.
        let document = body.document()?;
        document.root().object()?;
        body.read_as().ok_or_else(|| Refusal::invalid("version must be the number of a version"))
    }
}
