//! The questions, each one statement. The same whether asked beside a transaction or inside one; who may ask
//! is decided elsewhere.

use strongroom_ledger::tree::Hash;

use crate::rows::{
    ApplicationRow, CollectionRow, Head, InstanceRow, KeyFound, KeyringRow, RecordFilter, RecordRow,
    RepeatableRow, SlotRow, VersionFace, VersionRow, read_leaf,
};
use crate::session::{Session, StoreError};
use crate::statements;
use crate::value::{Row, Value, values};

impl Session {
    pub(crate) async fn instance(&self, ledger: u32) -> Result<Option<InstanceRow>, StoreError> {
        self.one(statements::INSTANCE, values![ledger], InstanceRow::read).await
    }

    pub(crate) async fn slots(&self, ledger: u32) -> Result<Vec<SlotRow>, StoreError> {
        self.many(statements::SLOTS, values![ledger], SlotRow::read).await
    }

    pub(crate) async fn keyring(&self, ledger: u32) -> Result<Option<KeyringRow>, StoreError> {
        self.one(statements::KEYRING, values![ledger], KeyringRow::read).await
    }

    pub(crate) async fn head(&self, ledger: u32) -> Result<Option<Head>, StoreError> {
        self.one(statements::HEAD, values![ledger], Head::read).await
    }

    pub(crate) async fn records(
        &self,
        ledger: u32,
        filter: RecordFilter<'_>,
        from: u64,
        limit: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let (sql, values) = match (filter.application_id, filter.collection_id) {
            (None, None) => (statements::RECORDS, values![ledger, from, limit]),
            (Some(application), None) => {
                (statements::RECORDS_OF_APPLICATION, values![ledger, from, limit, application])
            }
            (None, Some(collection)) => {
                (statements::RECORDS_OF_COLLECTION_ID, values![ledger, from, limit, collection])
            }
            (Some(application), Some(collection)) => {
                (statements::RECORDS_OF_COLLECTION, values![ledger, from, limit, application, collection])
            }
        };
        self.many(sql, values, RecordRow::read).await
    }

    pub(crate) async fn newest_record(
        &self,
        ledger: u32,
        application_id: &str,
        collection_id: &str,
    ) -> Result<Option<RecordRow>, StoreError> {
        let values = values![ledger, application_id, collection_id];
        self.one(statements::NEWEST_RECORD, values, RecordRow::read).await
    }

    pub(crate) async fn record(&self, ledger: u32, seq: u64) -> Result<Option<RecordRow>, StoreError> {
        self.one(statements::RECORD, values![ledger, seq], RecordRow::read).await
    }

    pub(crate) async fn key(&self, ledger: u32, id: &str) -> Result<Option<KeyFound>, StoreError> {
        self.one(statements::KEY, values![ledger, id], KeyFound::read).await
    }

    pub(crate) async fn keys(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeyFound>, StoreError> {
        let values = values![ledger, after.unwrap_or_default(), limit];
        self.many(statements::KEYS, values, KeyFound::read).await
    }

    pub(crate) async fn repeatable(
        &self,
        ledger: u32,
        name: &[u8; 32],
    ) -> Result<Option<RepeatableRow>, StoreError> {
        self.one(statements::REPEATABLE, values![ledger, &name[..]], RepeatableRow::read).await
    }

    pub(crate) async fn counters(
        &self,
        ledger: u32,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        let (application_id, collection_id) = after.unwrap_or_default();
        let read = |row: &mut Row| Ok((row.text()?, row.text()?, row.count()?));
        self.many(statements::COUNTERS, values![ledger, application_id, collection_id, limit], read).await
    }

    pub(crate) async fn leaves(
        &self,
        ledger: u32,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Hash)>, StoreError> {
        let read = |row: &mut Row| Ok((row.count()?, read_leaf(row)?));
        self.many(statements::LEAVES, values![ledger, from, limit], read).await
    }

    pub(crate) async fn application(
        &self,
        ledger: u32,
        id: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        self.one(statements::APPLICATION, values![ledger, id], ApplicationRow::read).await
    }

    pub(crate) async fn applications(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        // No id is empty, so all of them come after the empty one.
        let values = values![ledger, after.unwrap_or_default(), limit];
        self.many(statements::APPLICATIONS, values, ApplicationRow::read).await
    }

    pub(crate) async fn buried_application(
        &self,
        ledger: u32,
        id: &str,
        born: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        self.one(statements::BURIED_APPLICATION, values![ledger, id, born], ApplicationRow::read).await
    }

    pub(crate) async fn every_application(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        let values = values![ledger, after.unwrap_or_default(), limit];
        self.many(statements::EVERY_APPLICATION, values, ApplicationRow::read).await
    }

    pub(crate) async fn current_face(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
    ) -> Result<Option<(CollectionRow, VersionFace)>, StoreError> {
        self.one(statements::CURRENT_FACE, values![ledger, application, id], collection_and_face).await
    }

    pub(crate) async fn version_face(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<(CollectionRow, Option<VersionFace>)>, StoreError> {
        let values = values![ledger, application, id, version];
        self.one(statements::VERSION_FACE, values, |row| collection_and(row, VersionFace::read)).await
    }

    pub(crate) async fn buried_collection(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
        born: &str,
    ) -> Result<Option<(CollectionRow, Option<VersionFace>)>, StoreError> {
        let values = values![ledger, application, id, born];
        self.one(statements::BURIED_COLLECTION, values, |row| collection_and(row, VersionFace::read)).await
    }

    pub(crate) async fn face_of(
        &self,
        ledger: u32,
        collection: &str,
        version: u64,
    ) -> Result<Option<(CollectionRow, VersionFace, Option<VersionFace>)>, StoreError> {
        let read = |row: &mut Row| {
            let (collection, current) = collection_and_face(row)?;
            let version = if row.is_absent() { None } else { Some(VersionFace::read(row)?) };
            Ok((collection, current, version))
        };
        self.one(statements::FACE_OF, values![ledger, collection, version], read).await
    }

    pub(crate) async fn collections(
        &self,
        ledger: u32,
        application: &str,
        after: Option<(i64, &str)>,
        limit: u32,
    ) -> Result<Vec<(CollectionRow, VersionFace)>, StoreError> {
        let (created_at, id) = after.unwrap_or((i64::MIN, ""));
        self.many(
            statements::COLLECTIONS,
            values![ledger, application, created_at, id, limit],
            collection_and_face,
        )
        .await
    }

    pub(crate) async fn every_collection(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(CollectionRow, Option<VersionFace>)>, StoreError> {
        let values = values![ledger, after.unwrap_or_default(), limit];
        self.many(statements::EVERY_COLLECTION, values, |row| collection_and(row, VersionFace::read)).await
    }

    pub(crate) async fn versions(
        &self,
        ledger: u32,
        collection: &str,
    ) -> Result<Vec<VersionFace>, StoreError> {
        self.many(statements::VERSIONS, values![ledger, collection], VersionFace::read).await
    }

    pub(crate) async fn version_of(
        &self,
        ledger: u32,
        collection: &str,
        version: u64,
    ) -> Result<Option<VersionRow>, StoreError> {
        self.one(statements::VERSION_OF, values![ledger, collection, version], VersionRow::read).await
    }

    async fn one<T>(
        &self,
        sql: &str,
        values: Vec<Value>,
        read: impl Fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut rows = self.many(sql, values, read).await?;
        let row = rows.pop();
        // Which of two would be right nobody can say: a key of ours was taken away.
        if rows.is_empty() { Ok(row) } else { Err(StoreError::damaged("two rows have one key")) }
    }

    async fn many<T>(
        &self,
        sql: &str,
        values: Vec<Value>,
        read: impl Fn(&mut Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.query(sql, values).await?.iter_mut().map(read).collect()
    }
}

fn collection_and<T>(
    row: &mut Row,
    read: impl Fn(&mut Row) -> Result<T, StoreError>,
) -> Result<(CollectionRow, Option<T>), StoreError> {
    let collection = CollectionRow::read(row)?;
    let version = if row.is_absent() { None } else { Some(read(row)?) };
    Ok((collection, version))
}

fn collection_and_face(row: &mut Row) -> Result<(CollectionRow, VersionFace), StoreError> {
    let collection = CollectionRow::read(row)?;
    let face = present(row, &collection, VersionFace::read)?;
    Ok((collection, face))
}

/// A collection always has its current version: without it somebody took it away.
fn present<T>(
    row: &mut Row,
    collection: &CollectionRow,
    read: impl Fn(&mut Row) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if row.is_absent() {
        let CollectionRow { id, version, .. } = collection;
        return Err(StoreError::damaged(format!(
            "secrets collection {id} has lost its current version {version}"
        )));
    }
    read(row)
}
