//! The only routes that values leave by, and the end that a run reports. Custody's rule holds here too: what is answered
//! was recorded before.

use serde::Serialize;
use strongroom_custody::Caller;
use strongroom_secrets::{DeliveryRequest, End, Purpose};

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::proof::Release;

/// `POST …/secrets/{id}/deliveries`
pub(crate) async fn release(ask: Ask<Release>) -> Answered {
    let DeliveryRequest { version, purpose, run } = DeliveryRequest::read(&ask.body.document_if_any()?)?;
    let room = ask.room_for_answer()?;
    let Ask { proof: Release { deliver, reveal, id }, custodian, now, .. } = ask;
    let delivered = match purpose {
        Purpose::Plan => return Ok(Answer::json(&custodian.outline(&deliver?, &id, version).await?)),
        Purpose::Run => custodian.deliver(&deliver?, &id, version, run, now).await?,
        Purpose::Reveal => custodian.reveal(&reveal?, &id, version, run, now).await?,
    };
    Ok(Answer::plaintext(delivered.to_plain_json(), room))
}

/// `POST /v1/deliveries/{receipt}/end`
pub(crate) async fn end(ask: Ask<Caller>) -> Answered {
    #[derive(Serialize)]
    struct Noted {}
    let end = End::read(&ask.body.document()?)?;
    ask.custodian.end_run(&ask.proof, ask.part("receipt"), end, ask.now).await?;
    Ok(Answer::json(&Noted {}))
}
