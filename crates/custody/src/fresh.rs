//! Whether a row is the newest of its kind. A row proves that it was written; only the newest record about it proves that
//! it was not written over since. So every look at a collection or an application is held against that record, and a row
//! that was put back to an earlier state of its own is noticed when it is read.
//!
//! What this cannot see: newer records that were cut off together with what they tell of, and a newer record whose row was
//! removed or relabelled too. `verify` finds the latter.

use std::sync::Arc;

use strongroom_ledger::Record;
use strongroom_ledger::record::Action;
use strongroom_secrets::ApplicationId;
use strongroom_store::{CollectionRow, RecordRow};

use crate::custodian::{Custodian, LEDGER};
use crate::error::Fault;

/// A look at rows and ledger, repeated while others write between the two: an honest writer changes both at once.
#[derive(Default)]
pub(crate) struct Look {
    /// What was seen at the last look: born id and epoch (of an application, when it was changed last).
    seen: Option<Option<(String, u64)>>,
}

impl Look {
    /// Whether this look stands. `false`: look again.
    ///
    /// # Errors
    /// [`Fault::Integrity`] when the same row disagrees with the ledger twice.
    pub(crate) fn stands(
        &mut self,
        what: &str,
        row: Option<(&str, u64)>,
        agrees: bool,
    ) -> Result<bool, Fault> {
        let row = row.map(|(born, epoch)| (born.to_owned(), epoch));
        if !agrees && self.seen.as_ref() == Some(&row) {
            return Err(Fault::Integrity { what: what.to_owned(), source: None });
        }
        self.seen = Some(row);
        Ok(agrees)
    }
}

/// Whether a collection, or that there is none, is what the newest record about its id says.
pub(crate) fn is_told(row: Option<&CollectionRow>, told: Option<&Record>, application_born: &str) -> bool {
    match (row, told) {
        (Some(row), Some(told)) => {
            told.collection_born.as_ref() == Some(&row.born)
                && told.epoch == Some(row.epoch)
                && told.manifest_mac.is_some_and(|mac| mac[..] == row.manifest)
        }
        (Some(_), None) => false,
        (None, None) => true,
        // It was deleted, or was another application's that had the same id.
        (None, Some(told)) => {
            told.action == Action::CollectionDelete
                || told.application_born.as_deref() != Some(application_born)
        }
    }
}

impl Custodian {
    /// The newest record about a collection id, in the clear.
    pub(crate) async fn told_of(
        &self,
        application: &ApplicationId,
        id: &str,
    ) -> Result<Option<Arc<Record>>, Fault> {
        self.told(self.store.newest_record(LEDGER, application.as_str(), id).await?)
    }

    /// A record in the clear, if it is the one of its row.
    pub(crate) fn told(&self, row: Option<RecordRow>) -> Result<Option<Arc<Record>>, Fault> {
        let Some(row) = row else { return Ok(None) };
        self.memos.records.opened(row.seq, row.clone(), || self.open_whole(&row)).map(Some)
    }
}
