//! The store: opened once, asked many times. It reads; what changes it is a [`Transaction`].

use std::ops::Deref;
use std::path::Path;

use strongroom_ledger::tree::Hash;

use crate::group::{Line, Turn};
use crate::open::{self, OpenError};
use crate::readers::{Reader, Readers};
use crate::rows::{
    ApplicationRow, CollectionRow, Head, InstanceRow, KeyFound, KeyringRow, RecordFilter, RecordRow,
    RepeatableRow, SlotRow, VersionFace, VersionRow,
};
use crate::session::{Session, StoreError};
use crate::transaction::{CommitError, Transaction};
use crate::trial::Trials;

/// The ledger that holds the instance and its keys.
const INSTANCE_LEDGER: u32 = 0;

/// So many rows are removed in one change.
const AT_ONCE: u32 = 1000;

/// An open database of ours. Dropping it lets the database go soon; [`Store::close`] waits until it is gone.
///
/// One session writes, and who holds a [`Transaction`] holds it: others who begin one wait in line. Reads see what
/// was committed. In a store that serves they have connections of their own and wait for nobody. In any other the
/// one session answers them too, in its turn: while you hold a [`Transaction`], ask that, because a question to the
/// store would wait for the transaction's end.
///
/// Everything is done on the thread that polls, and holds it up for as long as the database takes.
pub struct Store {
    // Dropped before the line, which has the lock of the folder.
    readers: Readers,
    line: Line,
    trials: Trials,
}

/// What answers a read.
enum Reading<'a> {
    Beside(Reader<'a>),
    InTurn(Turn<'a>),
}

impl Deref for Reading<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        match self {
            Self::Beside(reader) => reader,
            Self::InTurn(turn) => turn.session(),
        }
    }
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

    /// Opens the store in `folder` as [`Store::open`] does, for a server: `readers` connections that only read, and
    /// a schema that is looked at again when it was altered. One process at a time may; others go on opening it
    /// beside.
    pub async fn open_serving(folder: &Path, readers: usize) -> Result<Self, OpenError> {
        let (session, readers) = open::open_serving(folder, readers).await?;
        let trials = Trials::of(session.refusal());
        Ok(Self { readers: Readers::new(readers), line: Line::watchful(session), trials })
    }

    /// Makes a store that lives in memory and dies with this value: for tests.
    pub async fn memory() -> Result<Self, OpenError> {
        open::memory().await.map(Self::from)
    }

    /// Returns when the database and its lock are let go.
    pub async fn close(self) {
        drop(self.readers);
        self.line.into_session().close().await;
    }

    /// Moves what was committed from the log of the database into its file, unless somebody else is in the way:
    /// then it stays in the log, where it is as durable. For whoever ends soon: one flipped bit in a log loses
    /// all that was committed after it.
    pub async fn write_back(&self) {
        let mut turn = self.line.turn().await;
        turn.commit_group();
        turn.session().write_back().await;
    }

    /// The same for a log that has grown large, when nobody writes just now; waits for nobody. For whoever stays, now
    /// and then.
    pub async fn tend(&self) {
        if let Some(turn) = self.line.try_turn().filter(Turn::is_idle) {
            turn.session().tend().await;
        }
    }

    /// How often this store asked the database to make something durable: for measuring how many changes share a
    /// commit.
    pub fn commits(&self) -> u64 {
        self.line.commits()
    }

    /// Whether the database takes what is written, as far as is known. After it did not, for want of room or because it
    /// is read-only, this tries it by a small change, once a second at most, whoever asks.
    pub async fn takes_writes(&self, now: i64) -> Result<(), StoreError> {
        match self.trials.due(now) {
            Some(Ok(())) => sure(self.begin(INSTANCE_LEDGER).await?.try_to_write().await),
            Some(Err(refused)) => Err(refused),
            None => Ok(()),
        }
    }

    /// Holds all tables and indexes against each other: an index that lacks a row hides it from every question
    /// that goes by it. Reads the whole database.
    pub async fn check_integrity(&self) -> Result<(), StoreError> {
        self.reading().await.check_integrity().await
    }

    /// Begins to change one ledger: waits for its turn in this process, then for other processes.
    pub async fn begin(&self, ledger: u32) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(self.line.turn().await, ledger).await
    }

    /// The instance; none until it was inserted.
    pub async fn instance(&self) -> Result<Option<InstanceRow>, StoreError> {
        self.reading().await.instance(INSTANCE_LEDGER).await
    }

    /// All slots, by key id.
    pub async fn slots(&self) -> Result<Vec<SlotRow>, StoreError> {
        self.reading().await.slots(INSTANCE_LEDGER).await
    }

    /// The newest keyring.
    pub async fn keyring(&self) -> Result<Option<KeyringRow>, StoreError> {
        self.reading().await.keyring(INSTANCE_LEDGER).await
    }

    /// The end of a ledger; none until it was inserted.
    pub async fn head(&self, ledger: u32) -> Result<Option<Head>, StoreError> {
        self.reading().await.head(ledger).await
    }

    /// Up to `limit` records from place `from` on, in order.
    pub async fn records(
        &self,
        ledger: u32,
        filter: RecordFilter<'_>,
        from: u64,
        limit: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        self.reading().await.records(ledger, filter, from, limit).await
    }

    /// The record with the highest place that is about just this: an empty id means about none.
    pub async fn newest_record(
        &self,
        ledger: u32,
        application_id: &str,
        collection_id: &str,
    ) -> Result<Option<RecordRow>, StoreError> {
        self.reading().await.newest_record(ledger, application_id, collection_id).await
    }

    /// The record at this place.
    pub async fn record(&self, ledger: u32, seq: u64) -> Result<Option<RecordRow>, StoreError> {
        self.reading().await.record(ledger, seq).await
    }

    /// The API key with this id, in one look with the newest record about it.
    pub async fn key(&self, ledger: u32, id: &str) -> Result<Option<KeyFound>, StoreError> {
        self.reading().await.key(ledger, id).await
    }

    /// Up to `limit` API keys whose id comes after `after`, by id.
    pub async fn keys(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeyFound>, StoreError> {
        self.reading().await.keys(ledger, after, limit).await
    }

    /// Notes when keys were last used; an older time than the one that is noted changes nothing. What is lost of
    /// it is no harm: whoever calls may go on after an error.
    pub async fn note_key_uses(&self, ledger: u32, uses: &[(String, i64)]) -> Result<(), StoreError> {
        let mut change = self.begin(ledger).await?;
        for (id, used_at) in uses {
            change.note_key_use(id, *used_at).await?;
        }
        sure(change.commit().await.map(drop))
    }

    /// What the request of this name did, if it is known.
    pub async fn repeatable(
        &self,
        ledger: u32,
        name: &[u8; 32],
    ) -> Result<Option<RepeatableRow>, StoreError> {
        self.reading().await.repeatable(ledger, name).await
    }

    /// Forgets what requests did before `time`, so many at once that others need not wait for long.
    pub async fn remove_repeatables(&self, ledger: u32, before: i64) -> Result<(), StoreError> {
        loop {
            let mut change = self.begin(ledger).await?;
            let removed = change.remove_old_repeatables(before, AT_ONCE).await?;
            if removed == 0 {
                return Ok(());
            }
            sure(change.commit().await.map(drop))?;
            if removed < u64::from(AT_ONCE) {
                return Ok(());
            }
        }
    }

    /// Up to `limit` version counters after `after`, by application id and collection id, each with the version
    /// that was given out last: for verification.
    pub async fn counters(
        &self,
        ledger: u32,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        self.reading().await.counters(ledger, after, limit).await
    }

    /// Up to `limit` leaves from place `from` on, in order, each with its place.
    pub async fn leaves(&self, ledger: u32, from: u64, limit: u32) -> Result<Vec<(u64, Hash)>, StoreError> {
        self.reading().await.leaves(ledger, from, limit).await
    }

    /// The live application with this id.
    pub async fn application(&self, ledger: u32, id: &str) -> Result<Option<ApplicationRow>, StoreError> {
        self.reading().await.application(ledger, id).await
    }

    /// Up to `limit` live applications whose id comes after `after`, by id.
    pub async fn applications(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        self.reading().await.applications(ledger, after, limit).await
    }

    /// The application with this born id that was buried under this id.
    pub async fn buried_application(
        &self,
        ledger: u32,
        id: &str,
        born: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        self.reading().await.buried_application(ledger, id, born).await
    }

    /// Up to `limit` applications, live or buried, whose born id comes after `after`, by born id: for verification.
    pub async fn every_application(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApplicationRow>, StoreError> {
        self.reading().await.every_application(ledger, after, limit).await
    }

    /// The live collection with this id in the application with this born id, and what may be shown of its
    /// current version.
    pub async fn current_face(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
    ) -> Result<Option<(CollectionRow, VersionFace)>, StoreError> {
        self.reading().await.current_face(ledger, application, id).await
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
        self.reading().await.version_face(ledger, application, id, version).await
    }

    /// The collection with this born id that was buried under this id in the application with its born id, and
    /// what may be shown of the version it had.
    pub async fn buried_collection(
        &self,
        ledger: u32,
        application: &str,
        id: &str,
        born: &str,
    ) -> Result<Option<(CollectionRow, Option<VersionFace>)>, StoreError> {
        self.reading().await.buried_collection(ledger, application, id, born).await
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
        self.reading().await.collections(ledger, application, after, limit).await
    }

    /// Up to `limit` collections, live or buried, whose born id comes after `after`, by born id, each with
    /// the face of its current version: for verification, which must see one that has lost it.
    pub async fn every_collection(
        &self,
        ledger: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(CollectionRow, Option<VersionFace>)>, StoreError> {
        self.reading().await.every_collection(ledger, after, limit).await
    }

    /// One version of the collection with this born id, be it live or buried.
    pub async fn version_of(
        &self,
        ledger: u32,
        collection: &str,
        version: u64,
    ) -> Result<Option<VersionRow>, StoreError> {
        self.reading().await.version_of(ledger, collection, version).await
    }

    /// The collection with this born id, be it live or buried, and what may be shown of its current version and of
    /// another one; none of that when it never was or is not kept.
    pub async fn face_of(
        &self,
        ledger: u32,
        collection: &str,
        version: u64,
    ) -> Result<Option<(CollectionRow, VersionFace, Option<VersionFace>)>, StoreError> {
        self.reading().await.face_of(ledger, collection, version).await
    }

    /// All kept versions of the collection with this born id, oldest first, without their values.
    pub async fn versions(&self, ledger: u32, collection: &str) -> Result<Vec<VersionFace>, StoreError> {
        self.reading().await.versions(ledger, collection).await
    }

    async fn reading(&self) -> Reading<'_> {
        if let Some(reader) = self.readers.lend().await {
            return Reading::Beside(reader);
        }
        let mut turn = self.line.turn().await;
        // On the one session there is, what was not committed would be seen.
        turn.commit_group();
        Reading::InTurn(turn)
    }
}

/// For changes of which nothing hangs: whether it was made, or else why nobody can count on it.
fn sure(outcome: Result<(), CommitError>) -> Result<(), StoreError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(CommitError::Refused(error) | CommitError::Unknown(error)) => Err(error),
    }
}

impl From<Session> for Store {
    fn from(session: Session) -> Self {
        let trials = Trials::of(session.refusal());
        Self { readers: Readers::new(Vec::new()), line: Line::new(session), trials }
    }
}
