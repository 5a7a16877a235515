//! The verification of the whole ledger. Without keys the tree of hashes is verified; with them every record is opened
//! too, and the applications and collections of today are held against what the records say of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use strongroom_ledger::Record;
use strongroom_ledger::record::Action;
use strongroom_ledger::verify::{Finding, Head, Verification};
use strongroom_store::{ApplicationRow, CollectionRow, RecordFilter, Store, VersionFace};

use crate::access::{Audit, Everywhere};
use crate::application::tells_of_life;
use crate::audit::columns;
use crate::collection::first_gap;
use crate::custodian::{Custodian, LEDGER};
use crate::error::Fault;
use crate::version::manifest_holds;

/// How many rows one statement reads.
const PAGE: u32 = 500;

/// What a verification saw, all of it in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many records the ledger has.
    pub records: u64,
    /// How many of them were opened; none without keys.
    pub opened: u64,
    /// How many applications, living or deleted, were held against them.
    pub applications: u64,
    /// How many collections, living or deleted, were held against them.
    pub collections: u64,
    /// How many API keys, valid or not, were held against them.
    pub keys: u64,
    /// The root of the tree of all records, in hexadecimal.
    pub root: String,
}

/// Why a ledger is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The ledger itself is not in order.
    #[error("the ledger was changed")]
    Finding(#[from] Finding),
    /// A collection is not as the newest record about it says.
    #[error(
        "secrets collection {id} (born {born}) is not as record {seq} left it: it was changed behind the ledger's back"
    )]
    Collection {
        /// Its id.
        id: String,
        /// Which life of that id.
        born: String,
        /// The newest record about it.
        seq: u64,
    },
    /// An application is not as the records about it say.
    #[error(
        "application {id} (born {born}) is not as the ledger says: it was changed behind the ledger's back"
    )]
    Application {
        /// Its id.
        id: String,
        /// Which life of that id.
        born: String,
    },
    /// A version that a collection keeps is not what was sealed as that version, or is gone.
    #[error(
        "version {version} of secrets collection {id} (born {born}) is not what was written there, or is gone"
    )]
    Version {
        /// The collection's id.
        id: String,
        /// Which life of that id.
        born: String,
        /// The first such version.
        version: u64,
    },
    /// A version counter is not where the records left it.
    #[error(
        "the version counter of {id} in application {application} is not where the ledger says: it was set by hand"
    )]
    Counter {
        /// The application's id.
        application: String,
        /// The collection's id.
        id: String,
    },
    /// An API key is not as the newest record about it says, or is gone.
    #[error("API key {id} is not as the ledger says: it was changed or removed behind the ledger's back")]
    Key {
        /// Its id.
        id: String,
    },
    /// A collection of which the ledger tells is not there.
    #[error("the secrets collection born {born} is gone, and record {seq} says that it was there")]
    Removed {
        /// Which collection.
        born: String,
        /// The newest record about it.
        seq: u64,
    },
    /// A collection is newer than the ledger: the newest records are missing.
    #[error(
        "secrets collection {id} (born {born}) is newer than every record about it: the ledger's end was cut off"
    )]
    Unrecorded {
        /// Its id.
        id: String,
        /// Which life of that id.
        born: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Verifies the tree of hashes of a store, without any key.
///
/// # Errors
/// [`VerifyError::Finding`] names the first record that is not in order.
pub async fn verify(store: &Store) -> Result<Verified, VerifyError> {
    store.check_integrity().await.map_err(Fault::from)?;
    let head = head(store).await?;
    let mut verification = Verification::new();
    let mut from = 0;
    while from < head.size {
        let page = store.leaves(LEDGER, from, PAGE).await.map_err(Fault::from)?;
        let Some((last, _)) = page.last() else { break };
        from = last + 1;
        for (seq, leaf) in page.into_iter().take_while(|(seq, _)| *seq < head.size) {
            verification = verification.leaf(seq, leaf)?;
        }
    }
    let verdict = verification.finish(&head)?;
    check_end(store, head.size).await?;
    Ok(Verified {
        records: verdict.size(),
        opened: 0,
        applications: 0,
        collections: 0,
        keys: 0,
        root: verdict.root().to_string(),
    })
}

impl Custodian {
    /// Verifies everything: the tree, every record, and the collections of today against their newest records.
    ///
    /// # Errors
    /// [`VerifyError`] names the first thing that is not in order.
    pub async fn verify(&self, _access: &Everywhere<Audit>) -> Result<Verified, VerifyError> {
        // The collections are read between two looks at the ledger's end, so that writers need not stop: what the
        // ledger told before must be in the collections, and what the collections show the ledger tells after.
        self.store.check_integrity().await.map_err(Fault::from)?;
        let before = head(&self.store).await?.size;
        let mut applications = self.applications_of_today().await?;
        let mut collections = self.collections_of_today().await?;
        let mut counters = self.counters_of_today().await?;
        let keys = self.keys_of_today().await?;
        let head = head(&self.store).await?;
        let mut verification = Verification::new();
        let mut from = 0;
        while from < head.size {
            let page = self.store.records(LEDGER, RecordFilter::default(), from, PAGE).await;
            let page = page.map_err(Fault::from)?;
            let Some(last) = page.last() else { break };
            from = last.seq + 1;
            for row in page.iter().take_while(|row| row.seq < head.size) {
                let clear = self.open_record(row)?;
                verification = verification.record(&columns(row), &clear)?;
                let record =
                    Record::parse(&clear).map_err(|source| Finding::Unreadable { seq: row.seq, source })?;
                applications.follow(&record, before)?;
                collections.follow(&record, before)?;
                counters.follow(&record, before);
                follow_key(&keys, &record, before)?;
            }
        }
        let verdict = verification.finish(&head)?;
        check_end(&self.store, head.size).await?;
        let (applications, collections) = (applications.finish()?, collections.finish()?);
        counters.finish()?;
        Ok(Verified {
            records: verdict.size(),
            opened: verdict.checked(),
            applications,
            collections,
            keys: keys.len() as u64,
            root: verdict.root().to_string(),
        })
    }

    async fn applications_of_today(&self) -> Result<Applications, VerifyError> {
        let mut today = Applications(BTreeMap::new());
        let mut after: Option<String> = None;
        loop {
            let page =
                self.store.every_application(LEDGER, after.as_deref(), PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            after = page.last().map(|row| row.born.clone());
            for row in page {
                let sound = self.is_sound(&row);
                let ApplicationRow { id, born, tombstone, .. } = row;
                today.0.insert(born, Application { id, live: tombstone.is_empty(), sound, told: Vec::new() });
            }
            if !more {
                return Ok(today);
            }
        }
    }

    async fn collections_of_today(&self) -> Result<Collections, VerifyError> {
        let mut today = Collections(BTreeMap::new());
        let mut after: Option<String> = None;
        loop {
            let page =
                self.store.every_collection(LEDGER, after.as_deref(), PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            after = page.last().map(|(row, _)| row.born.clone());
            for (row, version) in page {
                today.0.insert(row.born.clone(), self.hold(row, version).await?);
            }
            if !more {
                return Ok(today);
            }
        }
    }

    async fn counters_of_today(&self) -> Result<Counters, VerifyError> {
        let mut today = Counters(BTreeMap::new());
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after.as_ref().map(|(application, id)| (application.as_str(), id.as_str()));
            let page = self.store.counters(LEDGER, from, PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            for (application, id, version) in page {
                after = Some((application.clone(), id.clone()));
                today.0.insert((application, id), Counter { stands: Some(version), ..Counter::default() });
            }
            if !more {
                return Ok(today);
            }
        }
    }

    /// The ids of all keys, each of which is what the newest record about it tells of.
    async fn keys_of_today(&self) -> Result<BTreeSet<String>, VerifyError> {
        let mut today = BTreeSet::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.keys(LEDGER, after.as_deref(), PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            for found in page {
                if self.open_key(&found).is_err() {
                    return Err(VerifyError::Key { id: found.key.id });
                }
                after = Some(found.key.id.clone());
                today.insert(found.key.id);
            }
            if !more {
                return Ok(today);
            }
        }
    }

    /// What a collection's row says, whether its manifest bears it out, and whether its versions do.
    async fn hold(&self, row: CollectionRow, current: Option<VersionFace>) -> Result<Held, Fault> {
        let sound = current.is_some_and(|current| manifest_holds(&self.keyring, &row, &current));
        let broken = if sound { self.walk(&row).await? } else { None };
        Ok(Held { id: row.id, epoch: row.epoch, manifest: row.manifest, sound, broken, told: None })
    }

    /// Walks the chain of a collection's versions, oldest first, to the first that is not in order.
    async fn walk(&self, row: &CollectionRow) -> Result<Option<u64>, Fault> {
        let faces = self.store.versions(LEDGER, &row.born).await?;
        if let Some(gap) = first_gap(row, &faces) {
            return Ok(Some(gap));
        }
        let mut before = None;
        for number in faces.iter().map(|face| face.version).filter(|number| *number <= row.version) {
            // One at a time: a hundred versions with all their values are more than memory should hold.
            let Some(version) = self.store.version_of(LEDGER, &row.born, number).await? else {
                // Pruned since, as its successor will be seen to be the oldest; or taken away this very moment, and
                // then the next verification says so. What comes next followed from it, not from the one before.
                before = None;
                continue;
            };
            let follows = self.follows(row, &version, before.as_ref());
            if !follows && (before.is_some() || number == row.oldest_version) {
                return Ok(Some(number));
            }
            before = Some(version.face);
        }
        Ok(None)
    }
}

/// A key of which the ledger tells is there. `before` is the ledger's size before the keys were read.
fn follow_key(today: &BTreeSet<String>, record: &Record, before: u64) -> Result<(), VerifyError> {
    match &record.key_id {
        Some(id) if record.seq < before && !today.contains(id) => Err(VerifyError::Key { id: id.clone() }),
        _ => Ok(()),
    }
}

/// The applications of one moment, to be held against the records.
struct Applications(BTreeMap<String, Application>);

struct Application {
    id: String,
    live: bool,
    sound: bool,
    /// What the records say of whether it lives: the last word from before it was read, and every word since.
    told: Vec<bool>,
}

impl Applications {
    /// Takes the next record. `before` is the ledger's size before the applications were read.
    fn follow(&mut self, record: &Record, before: u64) -> Result<(), VerifyError> {
        let live = match record.action {
            ref action if tells_of_life(action) => true,
            Action::ApplicationDelete => false,
            _ => return Ok(()),
        };
        let Some(born) = &record.application_born else { return Ok(()) };
        let Some(application) = self.0.get_mut(born) else {
            let id = record.application_id.clone().unwrap_or_default();
            let gone = || VerifyError::Application { id, born: born.clone() };
            return if record.seq < before { Err(gone()) } else { Ok(()) };
        };
        if record.seq < before {
            application.told.clear();
        }
        application.told.push(live);
        Ok(())
    }

    /// Every application is as it was told; how many there are.
    fn finish(self) -> Result<u64, VerifyError> {
        let count = self.0.len() as u64;
        let as_told =
            |application: &Application| application.sound && application.told.contains(&application.live);
        match self.0.into_iter().find(|(_, application)| !as_told(application)) {
            Some((born, application)) => Err(VerifyError::Application { id: application.id, born }),
            None => Ok(count),
        }
    }
}

/// The collections of one moment, to be held against the records.
struct Collections(BTreeMap<String, Held>);

struct Held {
    id: String,
    epoch: u64,
    manifest: Vec<u8>,
    sound: bool,
    /// The first version that is not in order.
    broken: Option<u64>,
    /// The record that told of this very epoch.
    told: Option<u64>,
}

impl Collections {
    /// Takes the next record. `before` is the ledger's size before the collections were read.
    fn follow(&mut self, record: &Record, before: u64) -> Result<(), VerifyError> {
        let (Some(born), Some(epoch)) = (&record.collection_born, record.epoch) else { return Ok(()) };
        let seq = record.seq;
        let Some(held) = self.0.get_mut(born) else {
            return if seq < before { Err(VerifyError::Removed { born: born.clone(), seq }) } else { Ok(()) };
        };
        let agrees = epoch == held.epoch && record.manifest_mac.is_some_and(|mac| mac[..] == held.manifest);
        let rolled_back = epoch > held.epoch && seq < before;
        if rolled_back || (epoch == held.epoch && !(agrees && held.sound)) {
            return Err(VerifyError::Collection { id: held.id.clone(), born: born.clone(), seq });
        }
        if agrees {
            held.told = Some(seq);
        }
        Ok(())
    }

    /// Every collection was told of; how many there are.
    fn finish(self) -> Result<u64, VerifyError> {
        let count = self.0.len() as u64;
        for (born, Held { id, broken, told, .. }) in self.0 {
            if told.is_none() {
                return Err(VerifyError::Unrecorded { id, born });
            }
            if let Some(version) = broken {
                return Err(VerifyError::Version { id, born, version });
            }
        }
        Ok(count)
    }
}

/// The version counters of one moment, by application id and collection id, to be held against the records.
struct Counters(BTreeMap<(String, String), Counter>);

#[derive(Default)]
struct Counter {
    /// Where it stands; none where its row is gone.
    stands: Option<u64>,
    /// The newest version that the records told of before it was read, and the newest of all.
    least: u64,
    most: u64,
}

impl Counters {
    /// Takes the next record. `before` is the ledger's size before the counters were read.
    fn follow(&mut self, record: &Record, before: u64) {
        let writes = matches!(
            record.action,
            Action::CollectionCreate | Action::CollectionUpdate | Action::CollectionRollback
        );
        let (true, Some(version)) = (writes, record.version) else { return };
        let (Some(application), Some(id)) = (&record.application_id, &record.collection_id) else { return };
        let counter = self.0.entry((application.clone(), id.clone())).or_default();
        counter.most = counter.most.max(version);
        if record.seq < before {
            counter.least = counter.least.max(version);
        }
    }

    fn finish(self) -> Result<(), VerifyError> {
        let moved = |counter: &Counter| {
            let stands = counter.stands.unwrap_or(0);
            stands < counter.least || stands > counter.most
        };
        match self.0.into_iter().find(|(_, counter)| moved(counter)) {
            Some(((application, id), _)) => Err(VerifyError::Counter { application, id }),
            None => Ok(()),
        }
    }
}

/// Nothing stands behind the ledger's end. The row is looked for before the end is read again, so that somebody who
/// appends meanwhile is not blamed.
async fn check_end(store: &Store, size: u64) -> Result<(), VerifyError> {
    let behind = store.leaves(LEDGER, size, 1).await.map_err(Fault::from)?;
    let end = head(store).await?.size;
    match behind.first() {
        Some((seq, _)) if *seq >= end => Err(Finding::Surplus { seq: *seq }.into()),
        _ => Ok(()),
    }
}

async fn head(store: &Store) -> Result<Head, VerifyError> {
    let head = store.head(LEDGER).await.map_err(Fault::from)?;
    let head =
        head.ok_or_else(|| Fault::Integrity { what: format!("the head of ledger {LEDGER}"), source: None })?;
    Ok(Head { size: head.frontier.size(), frontier: head.frontier, generation: head.generation })
}
