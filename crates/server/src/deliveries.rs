//! The only routes that values leave by, and the end that a run reports. Custody's rule holds here too: what is answered
//! was recorded before.

use serde::Serialize;
use strongroom_custody::Caller;
use strongroom_secrets::{DeliveryRequest, End, Purpose};

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::metrics;
use crate::proof::Release;

/// How often the values are in memory on their way: sealed, opened and as JSON. Escapes can make JSON longer; then the room
/// is overdrawn, and what comes later waits.
const COPIES: u64 = 3;

/// `POST …/secrets/{id}/deliveries`
pub(crate) async fn release(ask: Ask<Release>) -> Answered {
    let DeliveryRequest { version, purpose, run } = DeliveryRequest::read(&ask.body.document_if_any()?)?;
    let (mut room, clock, desk) = (ask.room(), ask.clock(), ask.desk());
    let Ask { proof: Release { deliver, reveal, id }, custodian, .. } = ask;
    // The room is taken before anything is opened or recorded: what is recorded must leave.
    let (delivered, what_for) = match purpose {
        Purpose::Plan => return Ok(Answer::json(&custodian.outline(&deliver?, &id, version).await?)),
        Purpose::Run => {
            let access = deliver?;
            let prepared = custodian.prepare(&access, &id, version).await?;
            room.reserve(COPIES * prepared.bytes()).await?;
            (custodian.release(prepared, run, clock()).await?, metrics::Delivered::Run)
        }
        Purpose::Reveal => {
            let access = reveal?;
            let prepared = custodian.prepare(&access, &id, version).await?;
            room.reserve(COPIES * prepared.bytes()).await?;
            (custodian.release(prepared, run, clock()).await?, metrics::Delivered::Reveal)
        }
    };
    desk.metrics.count_delivery(what_for);
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
