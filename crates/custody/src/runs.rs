//! How a run ended that a delivery was taken for: noted once, as the client says, and only by whoever took the delivery.

use strongroom_ledger::Receipt;
use strongroom_ledger::record::{Action, RunEnd, RunRefusal};
use strongroom_secrets::{End, RefusedBy, Timestamp};
use strongroom_store::ChangeError;

use crate::access::Caller;
use crate::custodian::{Custodian, Entry, LEDGER, head};
use crate::error::{EndError, Fault, ReadError};

impl Custodian {
    /// Notes how a run ended. The first word stands; later ones change nothing.
    ///
    /// # Errors
    /// [`EndError`]; nothing was noted then.
    pub async fn end_run(
        &self,
        caller: &Caller,
        receipt: &str,
        end: End,
        now: Timestamp,
    ) -> Result<(), EndError> {
        let receipt = Receipt::parse(receipt).map_err(|_| EndError::NoSuchDelivery)?;
        let mut transaction = self.begin(caller, now).await?;
        let row = match receipt.ledger == LEDGER {
            true => transaction.record(receipt.seq).await.map_err(Fault::from)?,
            false => None,
        };
        let row = row.filter(|row| row.generation == receipt.generation).ok_or(EndError::NoSuchDelivery)?;
        let delivery = self.open_whole(&row)?;
        let is_delivery = matches!(delivery.action, Action::CollectionDeliver | Action::CollectionReveal);
        if !is_delivery || delivery.actor != *caller.actor() {
            return Err(EndError::NoSuchDelivery);
        }
        let seq = head(&mut transaction).await?.frontier.size();
        match transaction.insert_run_end(receipt.seq, seq).await {
            Err(ChangeError::Exists) => return Ok(()),
            other => other.map_err(Fault::from)?,
        }
        let entry = Entry { end: Some((told(end), receipt)), ..Entry::of(Action::RunEnd) };
        self.record(&mut transaction, caller, entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(())
    }
}

fn told(end: End) -> RunEnd {
    match end {
        End::Exit(code) => RunEnd::Exit(code),
        End::Signal(signal) => RunEnd::Signal(signal),
        End::Refused(RefusedBy::Files) => RunEnd::Refused(RunRefusal::Files),
        End::Refused(RefusedBy::Namespace) => RunEnd::Refused(RunRefusal::Namespace),
        End::Refused(RefusedBy::Exec) => RunEnd::Refused(RunRefusal::Exec),
        End::Refused(RefusedBy::Limits) => RunEnd::Refused(RunRefusal::Limits),
    }
}

impl From<ReadError> for EndError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Absent(_) => Self::NoSuchDelivery,
            ReadError::Denied(denied) => Self::Denied(denied),
            ReadError::Fault(fault) => Self::Fault(fault),
        }
    }
}
