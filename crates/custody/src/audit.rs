//! Reading the ledger: its records, for those who may look. Whether it is in order as a whole is `verify`.

use strongroom_ledger::verify::{Columns, Finding};
use strongroom_ledger::{Receipt, Record};
use strongroom_secrets::{ApplicationId, AuditEntry, CollectionId, Timestamp};
use strongroom_store::{RecordFilter, RecordRow};

use crate::access::{Audit, Everywhere, Scope};
use crate::custodian::{Custodian, LEDGER};
use crate::error::{Fault, ReadError};

/// How many rows one statement reads.
const PAGE: u32 = 500;

/// Which records are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter<'a> {
    /// Only those about an application with this id.
    pub application: Option<&'a ApplicationId>,
    /// Only those about a collection with this id.
    pub collection: Option<&'a CollectionId>,
}

/// Some of the records, in order.
#[derive(Debug)]
pub struct AuditPage {
    /// The records.
    pub entries: Vec<AuditEntry>,
    /// From where to go on, where there is more.
    pub next: Option<u64>,
}

impl Custodian {
    /// Audit records from place `from` on, oldest first, as far as they are the caller's business: whoever is bound to an
    /// application or a collection sees the records about it and no other.
    ///
    /// # Errors
    /// [`ReadError::Fault`].
    pub async fn records(
        &self,
        access: &Everywhere<Audit>,
        filter: AuditFilter<'_>,
        from: u64,
    ) -> Result<AuditPage, ReadError> {
        let scope = access.caller().scope();
        let Some(filter) = within(scope, filter) else {
            return Ok(AuditPage { entries: Vec::new(), next: None });
        };
        let filter = RecordFilter {
            application_id: filter.application.map(ApplicationId::as_str),
            collection_id: filter.collection.map(CollectionId::as_str),
        };
        let rows = self.store.records(LEDGER, filter, from, PAGE).await.map_err(Fault::from)?;
        let next = (rows.len() == PAGE as usize).then(|| rows.last().map(|row| row.seq + 1)).flatten();
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let record = self.open_whole(row)?;
            if scope.is_none_or(|scope| is_about(scope, &record)) {
                entries.push(entry(record));
            }
        }
        Ok(AuditPage { entries, next })
    }

    /// A record in the clear, if it is the one of its row.
    pub(crate) fn open_whole(&self, row: &RecordRow) -> Result<Record, Fault> {
        let altered = || Fault::Integrity { what: format!("audit record {}", row.seq), source: None };
        let clear = self.open_record(row).map_err(|_| altered())?;
        columns(row).check(&clear).map_err(|_| altered())
    }

    /// A record in the clear; one that does not open was altered.
    pub(crate) fn open_record(&self, row: &RecordRow) -> Result<Vec<u8>, Finding> {
        let opened =
            self.keyring.open_audit_record(LEDGER.into(), row.seq, &row.generation.to_string(), &row.sealed);
        opened.map(|clear| clear.to_vec()).map_err(|_| Finding::Altered { seq: row.seq })
    }
}

/// What of a filter lies within a scope; none where nothing does.
fn within<'a>(scope: Option<&'a Scope>, filter: AuditFilter<'a>) -> Option<AuditFilter<'a>> {
    let Some(scope) = scope else { return Some(filter) };
    let bound = scope.collection.as_ref().map(|(id, _)| id);
    let beyond = filter.application.is_some_and(|id| *id != scope.application)
        || bound.zip(filter.collection).is_some_and(|(bound, id)| bound != id);
    let within =
        AuditFilter { application: Some(&scope.application), collection: bound.or(filter.collection) };
    (!beyond).then_some(within)
}

/// Whether a record is about what a caller is bound to, and not about something earlier with the same id.
fn is_about(scope: &Scope, record: &Record) -> bool {
    let of_collection = |(_, born): &(CollectionId, String)| record.collection_born.as_ref() == Some(born);
    record.application_born.as_ref() == Some(&scope.application_born)
        && scope.collection.as_ref().is_none_or(of_collection)
}

fn entry(record: Record) -> AuditEntry {
    AuditEntry {
        ledger: LEDGER,
        seq: record.seq,
        time: Timestamp::from_micros(record.time),
        actor: format!("{}/{}", record.actor.kind, record.actor.name),
        action: record.action.to_string(),
        application_id: record.application_id,
        collection_id: record.collection_id,
        version: record.version,
        result: record.outcome.as_str().to_owned(),
        receipt: Receipt { generation: record.generation, ledger: LEDGER, seq: record.seq }.to_string(),
    }
}

pub(crate) fn columns(row: &RecordRow) -> Columns<'_> {
    Columns {
        seq: row.seq,
        time: row.time,
        application_id: Some(row.application_id.as_str()).filter(|id| !id.is_empty()),
        collection_id: Some(row.collection_id.as_str()).filter(|id| !id.is_empty()),
        key_id: Some(row.key_id.as_str()).filter(|id| !id.is_empty()),
        leaf: row.leaf,
    }
}
