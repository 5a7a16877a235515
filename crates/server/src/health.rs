//! Whether the server lives, and whether it can do anything: for whoever starts and watches it. Open to all, so it says
//! nothing about what is inside.

use serde::Serialize;

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::proof::Nobody;
use crate::refusal::Refusal;

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// `GET /healthz`: the process answers. It does not ask the database: a server that is restarted for what its database
/// does helps nobody.
pub(crate) async fn is_alive(_: Ask<Nobody>) -> Answered {
    Ok(Answer::json(&Health { status: "ok" }))
}

/// `GET /readyz`: the database answers, and takes what is written.
pub(crate) async fn is_ready(ask: Ask<Nobody>) -> Answered {
    ask.custodian.ready(ask.now).await.map_err(Refusal::not_ready)?;
    Ok(Answer::json(&Health { status: "ready" }))
}
