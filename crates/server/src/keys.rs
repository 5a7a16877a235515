//! `/v1/keys`: API keys made, listed and revoked. A token is answered once, by the request that made it.

use strongroom_custody::{Everywhere, Manage};
use strongroom_secrets::{ApiKeyId, NewKey};

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::page::{Part, items};
use crate::refusal::Refusal;

/// More than a key and its token ever are as JSON.
const ANSWER: u64 = 4096;

/// `POST /v1/keys`
pub(crate) async fn create(ask: Ask<Everywhere<Manage>>) -> Answered {
    let new = NewKey::read(&ask.body.document()?)?;
    // A token that is made must leave: room for it is taken first.
    let mut room = ask.room();
    room.reserve(ANSWER).await?;
    let (key, token) = ask.custodian.create_key(&ask.proof, new, ask.now).await?;
    Ok(Answer::token(&key, &token, room))
}

/// `GET /v1/keys`
pub(crate) async fn list(ask: Ask<Everywhere<Manage>>) -> Answered {
    let part = Part::page(&ask.query)?;
    let page = ask.custodian.list_keys(&ask.proof, part.after.as_ref(), part.limit).await?;
    Ok(Answer::json(&items(page)))
}

/// `DELETE /v1/keys/{key}`
pub(crate) async fn revoke(ask: Ask<Everywhere<Manage>>) -> Answered {
    let id = ApiKeyId::parse(ask.part("key")).map_err(|_| Refusal::no_key())?;
    ask.custodian.revoke_key(&ask.proof, &id, ask.now).await?;
    Ok(Answer::nothing())
}
