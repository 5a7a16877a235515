//! A change: everything in it lands together with its audit record, or not at all. What a change consists of
//! is decided elsewhere; here is only that nobody else's change is overwritten and that no failure goes
//! unnoticed.

use strongroom_ledger::tree::Frontier;

use crate::group::Turn;
use crate::rows::{
    ApplicationRow, CollectionRow, Head, InstanceRow, KeyFound, KeyRow, KeyringRow, RecordRow, RepeatableRow,
    SlotRow, VersionFace, VersionRow,
};
use crate::session::{Failure, Session, StoreError};
use crate::statements;
use crate::value::{Value, values};

/// A change of one ledger, alone in this process and, on one database file, in the world, until it is committed
/// or dropped.
///
/// It may stand on what others did who wait for the same commit: what it reads is durable only when it is itself,
/// or once it was dropped. Dropped without [`Transaction::commit`] it never happened, also when a future of it is
/// dropped half way; the others are committed then. After any of its methods answered with an error it is lost:
/// all others answer [`StoreError::Abandoned`], and it cannot be committed.
pub struct Transaction<'a> {
    turn: Turn<'a>,
    ledger: u32,
    // Invariant: true from before each statement until its success was seen, so that neither an error that
    // the caller overlooked nor a dropped future is followed by a commit
    // (`a_change_with_a_failed_step_cannot_be_committed`).
    failed: bool,
    ended: bool,
}

impl<'a> Transaction<'a> {
    pub(crate) async fn begin(turn: Turn<'a>, ledger: u32) -> Result<Self, StoreError> {
        // Ours before it has begun: when this future is dropped while it waits, the destructor still undoes it.
        let mut transaction = Self { turn, ledger, failed: false, ended: false };
        transaction.turn.enter().await?;
        Ok(transaction)
    }

    /// Makes everything durable, together with all others who are waiting, and says so with the only token that
    /// proves it.
    ///
    /// When this future is dropped before it has answered, nobody knows whether the change was made; it is soon.
    pub async fn commit(mut self) -> Result<Committed, CommitError> {
        self.start().map_err(CommitError::Refused)?;
        let member = self.turn.join().await.map_err(CommitError::Refused)?;
        self.ended = true;
        // The next in line may join.
        drop(self);
        member.outcome().await?;
        Ok(Committed(()))
    }

    /// The end of the ledger, which nobody moves before this change ends.
    pub async fn head(&mut self) -> Result<Option<Head>, StoreError> {
        self.start()?;
        let head = self.session().head(self.ledger).await?;
        Ok(self.done(head))
    }

    /// The record with the highest place that is about just this: an empty id means about none.
    pub async fn newest_record(
        &mut self,
        application_id: &str,
        collection_id: &str,
    ) -> Result<Option<RecordRow>, StoreError> {
        self.start()?;
        let record = self.session().newest_record(self.ledger, application_id, collection_id).await?;
        Ok(self.done(record))
    }

    /// The record at this place.
    pub async fn record(&mut self, seq: u64) -> Result<Option<RecordRow>, StoreError> {
        self.start()?;
        let record = self.session().record(self.ledger, seq).await?;
        Ok(self.done(record))
    }

    /// The API key with this id, in one look with the newest record about it.
    pub async fn key(&mut self, id: &str) -> Result<Option<KeyFound>, StoreError> {
        self.start()?;
        let key = self.session().key(self.ledger, id).await?;
        Ok(self.done(key))
    }

    /// What the request of this name did, if it is known.
    pub async fn repeatable(&mut self, name: &[u8; 32]) -> Result<Option<RepeatableRow>, StoreError> {
        self.start()?;
        let repeatable = self.session().repeatable(self.ledger, name).await?;
        Ok(self.done(repeatable))
    }

    /// The instance, in ledger 0; none until it was inserted.
    pub async fn instance(&mut self) -> Result<Option<InstanceRow>, StoreError> {
        self.start()?;
        let instance = self.session().instance(self.ledger).await?;
        Ok(self.done(instance))
    }

    /// The live application with this id.
    pub async fn application(&mut self, id: &str) -> Result<Option<ApplicationRow>, StoreError> {
        self.start()?;
        let application = self.session().application(self.ledger, id).await?;
        Ok(self.done(application))
    }

    /// The application with this born id that was buried under this id.
    pub async fn buried_application(
        &mut self,
        id: &str,
        born: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        self.start()?;
        let application = self.session().buried_application(self.ledger, id, born).await?;
        Ok(self.done(application))
    }

    /// The live collection with this id in the application with this born id, and what may be shown of its
    /// current version.
    pub async fn current_face(
        &mut self,
        application: &str,
        id: &str,
    ) -> Result<Option<(CollectionRow, VersionFace)>, StoreError> {
        self.start()?;
        let current = self.session().current_face(self.ledger, application, id).await?;
        Ok(self.done(current))
    }

    /// The same collection, and what may be shown of one version of it; none when that version never was or
    /// is not kept.
    pub async fn version_face(
        &mut self,
        application: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<(CollectionRow, Option<VersionFace>)>, StoreError> {
        self.start()?;
        let version = self.session().version_face(self.ledger, application, id, version).await?;
        Ok(self.done(version))
    }

    /// The collection with this born id that was buried under this id in the application with its born id, and
    /// what may be shown of the version it had.
    pub async fn buried_collection(
        &mut self,
        application: &str,
        id: &str,
        born: &str,
    ) -> Result<Option<(CollectionRow, Option<VersionFace>)>, StoreError> {
        self.start()?;
        let tombstone = self.session().buried_collection(self.ledger, application, id, born).await?;
        Ok(self.done(tombstone))
    }

    /// All kept versions of the collection with this born id, oldest first, without their values.
    pub async fn versions(&mut self, collection: &str) -> Result<Vec<VersionFace>, StoreError> {
        self.start()?;
        let versions = self.session().versions(self.ledger, collection).await?;
        Ok(self.done(versions))
    }

    /// Inserts the instance. There is one.
    pub async fn insert_instance(&mut self, row: &InstanceRow) -> Result<(), ChangeError> {
        let InstanceRow { id, generation, created_at, limit_secrets, limit_bytes } = row;
        let generation = generation.to_string();
        let values = values![self.ledger, id.as_str(), generation, *created_at, *limit_secrets, *limit_bytes];
        self.insert(statements::INSERT_INSTANCE, values).await
    }

    /// Inserts a slot.
    pub async fn insert_slot(&mut self, row: &SlotRow) -> Result<(), ChangeError> {
        let SlotRow { key_id, kind, source, wrapped } = row;
        let values =
            values![self.ledger, key_id.as_str(), kind.as_str(), source.as_str(), wrapped.as_slice()];
        self.insert(statements::INSERT_SLOT, values).await
    }

    /// Inserts a version of the keyring.
    pub async fn insert_keyring(&mut self, row: &KeyringRow) -> Result<(), ChangeError> {
        let values = values![self.ledger, row.version, row.sealed.as_slice()];
        self.insert(statements::INSERT_KEYRING, values).await
    }

    /// Begins the ledger.
    pub async fn insert_head(&mut self, head: &Head) -> Result<(), ChangeError> {
        let Head { generation, frontier } = head;
        let values = values![self.ledger, frontier.size(), generation.to_string(), frontier.to_bytes()];
        self.insert(statements::INSERT_HEAD, values).await
    }

    /// Appends a record to the ledger: `frontier` is the ledger's with the record's leaf appended.
    ///
    /// [`ChangeError::Moved`] when the ledger does not end where this record begins, or belongs to another
    /// generation.
    pub async fn append(&mut self, record: &RecordRow, frontier: &Frontier) -> Result<(), ChangeError> {
        let RecordRow { seq, time, application_id, collection_id, key_id, generation, leaf, sealed } = record;
        if seq.checked_add(1) != Some(frontier.size()) {
            self.failed = true;
            return Err(ChangeError::Moved);
        }
        let row = values![
            self.ledger,
            *seq,
            *time,
            application_id.as_str(),
            collection_id.as_str(),
            key_id.as_str(),
            generation.to_string(),
            leaf.0.as_slice(),
            sealed.as_slice(),
        ];
        // A record at this place, and a head at another: both say that somebody else was here first.
        self.insert(statements::INSERT_RECORD, row).await.map_err(|error| match error {
            ChangeError::Exists => ChangeError::Moved,
            other => other,
        })?;
        let head = values![self.ledger, frontier.size(), frontier.to_bytes(), *seq, generation.to_string()];
        match self.execute(statements::ADVANCE_HEAD, head).await? {
            1 => Ok(()),
            _ => self.fail(ChangeError::Moved),
        }
    }

    /// Says that the delivery at one place was ended by the record at another. [`ChangeError::Exists`] when it has
    /// ended already.
    pub async fn insert_run_end(&mut self, delivery: u64, record: u64) -> Result<(), ChangeError> {
        self.insert(statements::INSERT_RUN_END, values![self.ledger, delivery, record]).await
    }

    /// Inserts an API key.
    pub async fn insert_key(&mut self, row: &KeyRow) -> Result<(), ChangeError> {
        let KeyRow { id, epoch, sealed } = row;
        let values = values![self.ledger, id.as_str(), *epoch, sealed.as_slice()];
        self.insert(statements::INSERT_KEY, values).await
    }

    /// Replaces an API key, if it is still at epoch `expected`.
    pub async fn revise_key(&mut self, row: &KeyRow, expected: u64) -> Result<(), ChangeError> {
        let KeyRow { id, epoch, sealed } = row;
        let values = values![self.ledger, id.as_str(), expected, *epoch, sealed.as_slice()];
        self.change_one(statements::REVISE_KEY, values, statements::KEY_REVISION, id).await
    }

    /// Notes a use of an API key, unless a later one is noted.
    pub(crate) async fn note_key_use(&mut self, id: &str, used_at: i64) -> Result<(), StoreError> {
        self.start()?;
        let noted =
            self.session().execute(statements::NOTE_KEY_USE, values![self.ledger, id, used_at]).await?;
        self.done(noted);
        Ok(())
    }

    /// Says what a request did. [`ChangeError::Exists`] when one of its name is known.
    pub async fn insert_repeatable(&mut self, row: &RepeatableRow) -> Result<(), ChangeError> {
        let RepeatableRow { name, request, record, time, mac } = row;
        let values = values![self.ledger, &name[..], &request[..], *record, *time, mac.as_slice()];
        self.insert(statements::INSERT_REPEATABLE, values).await
    }

    /// Forgets what the request of this name did.
    pub async fn remove_repeatable(&mut self, name: &[u8; 32]) -> Result<(), ChangeError> {
        self.execute(statements::REMOVE_REPEATABLE, values![self.ledger, &name[..]]).await.map(drop)
    }

    /// Forgets up to `limit` of those from before `time`, and says how many those were.
    pub(crate) async fn remove_old_repeatables(&mut self, time: i64, limit: u32) -> Result<u64, StoreError> {
        self.start()?;
        let values = values![self.ledger, time, limit];
        let removed = self.session().execute(statements::REMOVE_OLD_REPEATABLES, values).await?;
        Ok(self.done(removed))
    }

    /// Changes what means nothing, and makes that durable.
    pub(crate) async fn try_to_write(mut self) -> Result<(), CommitError> {
        self.start().map_err(CommitError::Refused)?;
        let tried = self.session().execute(statements::TRY_TO_WRITE, values![self.ledger]).await;
        tried.map_err(|failure| CommitError::Refused(failure.into()))?;
        self.done(());
        self.commit().await.map(drop)
    }

    /// Inserts an application. [`ChangeError::Exists`] when a live one has its id.
    pub async fn insert_application(&mut self, row: &ApplicationRow) -> Result<(), ChangeError> {
        let ApplicationRow { id, tombstone, born, created_at, updated_at, deleted_at, face } = row;
        let values = values![
            self.ledger,
            id.as_str(),
            tombstone.as_str(),
            born.as_str(),
            *created_at,
            *updated_at,
            *deleted_at,
            face.as_slice(),
        ];
        self.insert(statements::INSERT_APPLICATION, values).await
    }

    /// Gives a live application another face.
    pub async fn update_application(
        &mut self,
        id: &str,
        born: &str,
        updated_at: i64,
        face: &[u8],
    ) -> Result<(), ChangeError> {
        let values = values![self.ledger, id, born, updated_at, face];
        match self.execute(statements::UPDATE_APPLICATION, values).await? {
            1 => Ok(()),
            _ => self.fail(ChangeError::Gone),
        }
    }

    /// Turns a live application into a tombstone, with the face of one; its id is free at once. Its collections
    /// stay as they are: they are found through it only.
    pub async fn bury_application(
        &mut self,
        id: &str,
        born: &str,
        deleted_at: i64,
        face: &[u8],
    ) -> Result<(), ChangeError> {
        let values = values![self.ledger, id, born, deleted_at, face];
        match self.execute(statements::BURY_APPLICATION, values).await? {
            1 => Ok(()),
            _ => self.fail(ChangeError::Gone),
        }
    }

    /// Turns a tombstone into a live application again, with the face of one. [`ChangeError::Exists`] when another
    /// one has its id by now.
    pub async fn unbury_application(
        &mut self,
        id: &str,
        born: &str,
        updated_at: i64,
        face: &[u8],
    ) -> Result<(), ChangeError> {
        let values = values![self.ledger, id, born, updated_at, face];
        match self.execute(statements::UNBURY_APPLICATION, values).await? {
            1 => Ok(()),
            _ => self.fail(ChangeError::Gone),
        }
    }

    /// Inserts a collection. [`ChangeError::Exists`] when a live one of its application has its id.
    pub async fn insert_collection(&mut self, row: &CollectionRow) -> Result<(), ChangeError> {
        let values = values![
            self.ledger,
            row.application.as_str(),
            row.id.as_str(),
            row.tombstone.as_str(),
            row.born.as_str(),
            row.created_at,
            row.updated_at,
            row.deleted_at,
            row.epoch,
            row.version,
            row.oldest_version,
            row.oldest_chain.as_slice(),
            row.key_version,
            row.wrapped_key.as_slice(),
            row.manifest.as_slice(),
        ];
        self.insert(statements::INSERT_COLLECTION, values).await
    }

    /// Replaces what changes in a live collection, if it is still at `expected_epoch`.
    pub async fn update_collection(
        &mut self,
        row: &CollectionRow,
        expected_epoch: u64,
    ) -> Result<(), ChangeError> {
        let values = values![
            self.ledger,
            row.born.as_str(),
            expected_epoch,
            row.updated_at,
            row.epoch,
            row.version,
            row.oldest_version,
            row.oldest_chain.as_slice(),
            row.key_version,
            row.wrapped_key.as_slice(),
            row.manifest.as_slice(),
        ];
        self.change_one(statements::UPDATE_COLLECTION, values, statements::LIVE_EPOCH, &row.born).await
    }

    /// Turns a live collection into a tombstone, if it is still at `expected_epoch`; its id is free at once.
    /// The epoch goes up by one, which `manifest` must already say.
    pub async fn bury_collection(
        &mut self,
        born: &str,
        expected_epoch: u64,
        deleted_at: i64,
        manifest: &[u8],
    ) -> Result<(), ChangeError> {
        let epoch = expected_epoch.saturating_add(1);
        let values = values![self.ledger, born, expected_epoch, deleted_at, epoch, manifest];
        self.change_one(statements::BURY_COLLECTION, values, statements::LIVE_EPOCH, born).await
    }

    /// Turns a tombstone into a live collection again, if it is still at `expected_epoch`: takes the time, the
    /// epoch and the manifest from `row`. [`ChangeError::Exists`] when another one has its id by now.
    pub async fn unbury_collection(
        &mut self,
        row: &CollectionRow,
        expected_epoch: u64,
    ) -> Result<(), ChangeError> {
        let CollectionRow { born, updated_at, epoch, manifest, .. } = row;
        let values =
            values![self.ledger, born.as_str(), expected_epoch, *updated_at, *epoch, manifest.as_slice()];
        self.change_one(statements::UNBURY_COLLECTION, values, statements::BURIED_EPOCH, born).await
    }

    /// Inserts a version of the collection with this born id.
    pub async fn insert_version(&mut self, collection: &str, row: &VersionRow) -> Result<(), ChangeError> {
        let VersionRow {
            face: VersionFace { version, created_at, generation, face, contents_commitment, chain },
            contents,
        } = row;
        let values = values![
            self.ledger,
            collection,
            *version,
            *created_at,
            generation.to_string(),
            face.as_slice(),
            contents_commitment.as_slice(),
            chain.as_slice(),
            contents.as_slice(),
        ];
        self.insert(statements::INSERT_VERSION, values).await
    }

    /// Destroys the versions of a collection below `below`, and says how many those were.
    pub async fn prune_versions(&mut self, collection: &str, below: u64) -> Result<u64, ChangeError> {
        self.execute(statements::PRUNE_VERSIONS, values![self.ledger, collection, below]).await
    }

    /// The next version number of a collection id, from 1: it goes on where it was, whatever was buried or
    /// destroyed.
    pub async fn next_version(
        &mut self,
        application_id: &str,
        collection_id: &str,
    ) -> Result<u64, ChangeError> {
        self.start()?;
        let values = values![self.ledger, application_id, collection_id];
        let mut rows = self.session().query(statements::NEXT_VERSION, values).await?;
        let row = rows.first_mut().ok_or_else(|| StoreError::damaged("a version counter gives no number"))?;
        let version = row.count()?;
        Ok(self.done(version))
    }

    /// Carries out a statement on one row at the count that it expects, and says what is there instead when it met
    /// none: `present` looks for the row at any count.
    async fn change_one(
        &mut self,
        sql: &str,
        values: Vec<Value>,
        present: &str,
        id: &str,
    ) -> Result<(), ChangeError> {
        if self.execute(sql, values).await? == 1 {
            return Ok(());
        }
        self.start()?;
        let found = self.session().query(present, values![self.ledger, id]).await?;
        Err(if found.is_empty() { ChangeError::Gone } else { ChangeError::Moved })
    }

    async fn insert(&mut self, sql: &str, values: Vec<Value>) -> Result<(), ChangeError> {
        match self.execute(sql, values).await? {
            1 => Ok(()),
            // A statement that inserts one row inserts it or fails; a database that does neither is not to be
            // trusted.
            _ => self.fail(StoreError::damaged("an insert left no row").into()),
        }
    }

    async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, ChangeError> {
        self.start()?;
        let rows = self.session().execute(sql, values).await?;
        Ok(self.done(rows))
    }

    pub(crate) fn session(&self) -> &Session {
        self.turn.session()
    }

    fn start(&mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Abandoned);
        }
        self.failed = true;
        Ok(())
    }

    fn done<T>(&mut self, answer: T) -> T {
        self.failed = false;
        answer
    }

    fn fail<T>(&mut self, error: ChangeError) -> Result<T, ChangeError> {
        self.failed = true;
        Err(error)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.turn.undo();
        }
    }
}

/// The proof that a change and its record are durable. Nothing makes one but [`Transaction::commit`].
#[derive(Debug)]
pub struct Committed(());

/// Why a step of a change was not done. The whole change is lost then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// What was to be inserted is there already.
    #[error("it exists already")]
    Exists,
    /// What was to be changed, or what this belongs to, is not there any more.
    #[error("it is gone: read it again")]
    Gone,
    /// Somebody else changed it first.
    #[error("it was changed meanwhile: read it again, then repeat the change")]
    Moved,
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for ChangeError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Duplicate(_) => Self::Exists,
            Failure::Orphan(_) => Self::Gone,
            Failure::Store(error) => Self::Store(error),
        }
    }
}

/// Why a change was not committed, or is not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Nothing of it was written.
    #[error("the change was not made")]
    Refused(#[source] StoreError),
    /// It may have been written or not: release nothing, and look before it is repeated.
    #[error("nobody knows whether the change was made: look before you repeat it")]
    Unknown(#[source] StoreError),
}
