//! The store: opened once, asked many times. It reads; what changes it is a [`Transaction`].

use std::path::Path;

use strongroom_ledger::tree::Hash;
use tokio::sync::Mutex;

use crate::open::{self, OpenError};
use crate::rows::{
    ApplicationRow, CollectionRow, Head, InstanceRow, KeyringRow, RecordFilter, RecordRow, SlotRow,
    VersionFace, VersionRow,
};
use crate::session::{Session, StoreError};
use crate::transaction::Transaction;

/// The ledger that holds the instance and its keys.
const INSTANCE_LEDGER: u32 = 0;

/// An open database of ours. Dropping it lets the database go soon; [`Store::close`] waits until it is gone.
///
/// There is one session. Who holds a [`Transaction`] holds it: inside, ask the transaction; a question to the
/// store would wait for the transaction's end.
pub struct Store {
    session: Mutex<Session>,
}

impl Store {
    /// Makes a store in `folder`, or adopts the one that is there; completes one that was half made.
    pub async fn create(folder: &Path) -> Result<Self, OpenError> {
        open::create(folder).await.map(Self::from)
    }

    /// Opens the store in `folder`, and brings its schema up to date.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        open::open(folder).await.map(Self::from)
    }

    /// Makes a store that lives in memory and dies with this value: for tests.
    pub async fn memory() -> Result<Self, OpenError> {
        open::memory().await.map(Self::from)
    }

    /// Returns when the database and its lock are let go.
    pub async fn close(self) {
        self.session.into_inner().close().await;
    }

    /// Moves what was committed from the log of the database into its file, unless somebody else is in the way:
    /// then it stays in the log, where it is as durable. For whoever ends soon: one flipped bit in a log loses
    /// all that was committed after it.
    pub async fn write_back(&self) {
        self.session.lock().await.write_back().await;
    }

    /// Holds all tables and indexes against each other: an index that lacks a row hides it from every question
    /// that goes by it. Reads the whole database.
    pub async fn check_integrity(&self) -> Result<(), StoreError> {
        self.session.lock().await.check_integrity().await
    }

    /// Begins to change one ledger: waits for its turn in this process, then for other processes.
    pub async fn begin(&self, ledger: u32) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(self.session.lock().await, ledger).await
    }

    /// The instance; none until it was inserted.
    pub async fn instance(&self) -> Result<Option<InstanceRow>, StoreError> {
        self.session.lock().await.instance(INSTANCE_LEDGER).await
    }

    /// All slots, by key id.
    pub async fn slots(&self) -> Result<Vec<SlotRow>, StoreError> {
        self.session.lock().await.slots(INSTANCE_LEDGER).await
    }

    /// The newest keyring.
    pub async fn keyring(&self) -> Result<Option<KeyringRow>, StoreError> {
        self.session.lock().await.keyring(INSTANCE_LEDGER).await
    }

    /// The end of a ledger; none until it was inserted.
    pub async fn head(&self, ledger: u32) -> Result<Option<Head>, StoreError> {
        self.session.lock().await.head(ledger).await
    }

    /// Up to `limit` records from place `from` on, in order.
    pub async fn records(
        &self,
        ledger: u32,
        filter: RecordFilter<'_>,
        from: u64,
        limit: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        self.session.lock().await.records(ledger, filter, from, limit).await
    }

    /// The record with the highest place that is about just this: an empty id means about none.
    pub async fn newest_record(
        &self,
        ledger: u32,
        application_id: &str,
        collection_id: &str,
    ) -> Result<Option<RecordRow>, StoreError> {
        self.session.lock().await.newest_record(ledger, application_id, collection_id).await
    }

    /// Up to `limit` version counters after `after`, by application id and collection id, each with the version
    /// that was given out last: for verification.
    pub async fn counters(
        &self,
        ledger: u32,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        self.session.lock().await.counters(ledger, after, limit).await
    }

    /// Up to `limit` leaves from place `from` on, in order, each with its place.
    pub async fn leaves(&self, ledger: u32, from: u64, limit: u32) -> Result<Vec<(u64, Hash)>, StoreError> {
        self.session.lock().await.leaves(ledger, from, limit).await
    }

    /// The live application with this id.
    pub async fn application(&self, ledger: u32, id: &str) -> Result<Option<ApplicationRow>, StoreError> {
        self.session.lock().await.application(ledger, id).await
    }

    /// Up to `limit` live applications whose id comes after `after`, by id.
    pub async fn applications(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        self.session.lock().await.applications(ledger, after, limit).await
    }

    /// Up to `limit` applications, live or buried, whose born id comes after `after`, by born id: for verification.
    pub async fn every_application(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        self.session.lock().await.every_application(ledger, after, limit).await
    }

    /// The live collection with this id in the application with this born id, and its current version.
    pub async fn current(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
    ) -> Result<Option<(CollectionRow, VersionRow)>, StoreError> {
        self.session.lock().await.current(ledger, application, id).await
    }

    /// The same, without the values.
    pub async fn current_face(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
    ) -> Result<Option<(CollectionRow, VersionFace)>, StoreError> {
        self.session.lock().await.current_face(ledger, application, id).await
    }

    /// The same collection, and what may be shown of one version of it; none when that version never was or
    /// is not kept.
    pub async fn version_face(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<(CollectionRow, Option<VersionFace>)>, StoreError> {
        self.session.lock().await.version_face(ledger, application, id, version).await
    }

    /// The same collection, and one version of it; none when that version never was or is not kept.
    pub async fn version(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<(CollectionRow, Option<VersionRow>)>, StoreError> {
        self.session.lock().await.version(ledger, application, id, version).await
    }

    /// Up to `limit` live collections of an application after `after`, by time of creation and id, each with
    /// the face of its current version.
    pub async fn collections(
        &self,
        ledger: u32,
        application: &str,
        after: Option<(i64, &str)>,
        limit: u32,
    ) -> Result<Vec<(CollectionRow, VersionFace)>, StoreError> {
        self.session.lock().await.collections(ledger, application, after, limit).await
    }

    /// Up to `limit` collections, live or buried, whose born id comes after `after`, by born id, each with
    /// the face of its current version: for verification, which must see one that has lost it.
    pub async fn every_collection(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(CollectionRow, Option<VersionFace>)>, StoreError> {
        self.session.lock().await.every_collection(ledger, after, limit).await
    }

    /// One version of the collection with this born id, be it live or buried.
    pub async fn version_of(
        &self,
        ledger: u32,
        collection: &str,
        version: u64,
    ) -> Result<Option<VersionRow>, StoreError> {
        self.session.lock().await.version_of(ledger, collection, version).await
    }

    /// All kept versions of the collection with this born id, oldest first, without their values.
    pub async fn versions(&self, ledger: u32, collection: &str) -> Result<Vec<VersionFace>, StoreError> {
        self.session.lock().await.versions(ledger, collection).await
    }
}

impl From<Session> for Store {
    fn from(session: Session) -> Self {
        Self { session: Mutex::new(session) }
    }
}
