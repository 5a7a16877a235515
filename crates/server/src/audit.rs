//! `/v1/audit`: the records of the ledger, oldest first. Whether they are in order is for `verify` to say.

use strongroom_custody::{Audit, AuditFilter, Everywhere, Page};
use strongroom_secrets::{ApplicationId, CollectionId, IdError};

use crate::answer::{Answer, Answered};
use crate::door::Ask;
use crate::page::{Part, items};
use crate::refusal::Refusal;

/// `GET /v1/audit?application_id=&collection_id=`
pub(crate) async fn list(ask: Ask<Everywhere<Audit>>) -> Answered {
    let application =
        ask.query.text("application_id").map(ApplicationId::parse).transpose().map_err(not_an_id)?;
    let collection =
        ask.query.text("collection_id").map(CollectionId::parse).transpose().map_err(not_an_id)?;
    let filter = AuditFilter { application: application.as_ref(), collection: collection.as_ref() };
    let from = Part::<u64>::page(&ask.query)?.after.unwrap_or(0);
    let found = ask.custodian.records(&ask.proof, filter, from).await?;
    Ok(Answer::json(&items(Page { items: found.entries, next: found.next })))
}

fn not_an_id(error: IdError) -> Refusal {
    error.into()
}
