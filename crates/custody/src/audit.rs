//! Reading the ledger: its records, for those who may look. Whether it is in order as a whole is `verify`.

use serde::Serialize;
use strongroom_ledger::Receipt;
use strongroom_ledger::verify::{Columns, Finding};
use strongroom_secrets::{ApplicationId, CollectionId, Timestamp};
use strongroom_store::{RecordFilter, RecordRow};

use crate::access::{Audit, Everywhere};
use crate::custodian::{Custodian, LEDGER};
use crate::error::{Fault, ReadError};

/// How many rows one statement reads.
const PAGE: u32 = 500;

/// An audit record, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its ledger.
    pub ledger: u32,
    /// Its place in the ledger, from 0.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// Who did it: how they were recognised, and their name.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The application, if it was about one.
    pub application_id: Option<String>,
    /// The collection, if it was about one.
    pub collection_id: Option<String>,
    /// The version that was made or handed out.
    pub version: Option<u64>,
    /// How it ended.
    pub result: String,
    /// The name of this record.
    pub receipt: String,
}

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
    /// Audit records from place `from` on, oldest first.
    ///
    /// # Errors
    /// [`ReadError::Fault`].
    pub async fn records(
        &self,
        _access: &Everywhere<Audit>,
        filter: AuditFilter<'_>,
        from: u64,
    ) -> Result<AuditPage, ReadError> {
        let filter = RecordFilter {
            application_id: filter.application.map(ApplicationId::as_str),
            collection_id: filter.collection.map(CollectionId::as_str),
        };
        let rows = self.store.records(LEDGER, filter, from, PAGE).await.map_err(Fault::from)?;
        let next = (rows.len() == PAGE as usize).then(|| rows.last().map(|row| row.seq + 1)).flatten();
        let entries = rows.iter().map(|row| self.open_entry(row)).collect::<Result<_, _>>()?;
        Ok(AuditPage { entries, next })
    }

    fn open_entry(&self, row: &RecordRow) -> Result<AuditEntry, Fault> {
        let altered = || Fault::Integrity { what: format!("audit record {}", row.seq), source: None };
        let clear = self.open_record(row).map_err(|_| altered())?;
        let record = columns(row).check(&clear).map_err(|_| altered())?;
        Ok(AuditEntry {
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
        })
    }

    /// A record in the clear; one that does not open was altered.
    pub(crate) fn open_record(&self, row: &RecordRow) -> Result<Vec<u8>, Finding> {
        let opened =
            self.keyring.open_audit_record(LEDGER.into(), row.seq, &row.generation.to_string(), &row.sealed);
        opened.map(|clear| clear.to_vec()).map_err(|_| Finding::Altered { seq: row.seq })
    }
}

pub(crate) fn columns(row: &RecordRow) -> Columns<'_> {
    Columns {
        seq: row.seq,
        time: row.time,
        application_id: Some(row.application_id.as_str()).filter(|id| !id.is_empty()),
        collection_id: Some(row.collection_id.as_str()).filter(|id| !id.is_empty()),
        leaf: row.leaf,
    }
}
