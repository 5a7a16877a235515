//! The custodian: an open store and an unlocked keyring, together. What may be done with them is in the files of the
//! single operations; this one only begins an instance, unlocks one, and writes the audit record of every change.

use std::error::Error;

use strongroom_ledger::record::{Action, Outcome, RunClaim, RunEnd};
use strongroom_ledger::tree::{Frontier, leaf_hash};
use strongroom_ledger::{Generation, Receipt, Record};
use strongroom_seal::random;
use strongroom_seal::{Keyring, OpenError, RandomError, RootKey, SlotKey};
use strongroom_secrets::{Limits, Timestamp, VersionTag};
use strongroom_store::{
    ChangeError, CollectionRow, Head, InstanceRow, KeyringRow, RecordRow, SlotRow, Store, Transaction,
};

use crate::access::Caller;
use crate::error::Fault;
use crate::memo::Memos;
use crate::repeatable::has_answer;
use crate::uses::Uses;

/// The ledger of an embedded strongroom. Where there are many, an application's is computed from its id.
pub(crate) const LEDGER: u32 = 0;

/// A strongroom whose root key is at hand.
pub struct Custodian {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) instance: String,
    pub(crate) limits: Limits,
    /// Which generation this is. It does not change while it is open: whoever restores is alone with the data.
    generation: u32,
    pub(crate) uses: Uses,
    pub(crate) memos: Memos,
}

/// What a new instance is made with.
pub struct Setup<'a> {
    /// The new instance's id, made by [`Custodian::new_instance_id`].
    pub instance: &'a str,
    /// The key of its first slot.
    pub slot: &'a SlotKey,
    /// Where that key comes from, to be noted for later commands: `file:PATH`.
    pub source: &'a str,
    /// The limits of its collections.
    pub limits: Limits,
}

impl Custodian {
    /// A random id for an instance to be made.
    ///
    /// # Errors
    /// [`Fault`] when the operating system gives no random bytes.
    pub fn new_instance_id() -> Result<String, Fault> {
        born()
    }

    /// Begins an instance in a store that has none: its keys, its limits and the first record of its ledger, in one
    /// transaction.
    ///
    /// # Errors
    /// [`FoundError`]; nothing was begun then.
    pub async fn found(
        store: Store,
        caller: &Caller,
        setup: Setup<'_>,
        now: Timestamp,
    ) -> Result<Self, FoundError> {
        let root = RootKey::random().map_err(random_fault)?;
        let keyring = Keyring::random(setup.instance).map_err(random_fault)?;
        let instance = setup.instance.to_owned();
        let custodian = Self {
            store,
            keyring,
            instance,
            limits: setup.limits,
            generation: 1,
            uses: Uses::default(),
            memos: Memos::default(),
        };
        match custodian.begin_instance(caller, &setup, &root, now).await {
            Ok(true) => Ok(custodian),
            Ok(false) => Err(FoundError::Exists(Box::new(custodian.store))),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Whether it was begun: `false` when another process was first.
    async fn begin_instance(
        &self,
        caller: &Caller,
        setup: &Setup<'_>,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let mut transaction = self.store.begin(LEDGER).await?;
        if transaction.instance().await?.is_some() {
            return Ok(false);
        }
        if transaction.head().await?.is_some() {
            return Err(Fault::Integrity { what: "the instance's row, which is gone,".into(), source: None });
        }
        let generation = Generation::first(random::bytes().map_err(random_fault)?);
        transaction.insert_head(&Head { generation, frontier: Frontier::new() }).await?;
        transaction
            .insert_instance(&InstanceRow {
                id: setup.instance.to_owned(),
                generation,
                created_at: now.as_micros(),
                limit_secrets: setup.limits.secrets(),
                limit_bytes: setup.limits.bytes(),
            })
            .await?;
        let slot = SlotRow {
            key_id: setup.slot.id().to_string(),
            kind: "file".into(),
            source: setup.source.into(),
            wrapped: root.wrap(setup.slot, setup.instance)?,
        };
        transaction.insert_slot(&slot).await?;
        let sealed = self.keyring.seal(root, 1)?;
        transaction.insert_keyring(&KeyringRow { version: 1, sealed }).await?;
        self.record(&mut transaction, caller, Entry::of(Action::InstanceCreate), now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether a store has an instance, and where its root key's sources were noted to be.
    ///
    /// # Errors
    /// [`Fault::Store`].
    pub async fn sources(store: &Store) -> Result<Option<Vec<String>>, Fault> {
        if store.instance().await?.is_none() {
            return Ok(None);
        }
        Ok(Some(store.slots().await?.into_iter().map(|slot| slot.source).collect()))
    }

    /// Unlocks an instance with the key of one of its slots.
    ///
    /// # Errors
    /// [`UnlockError`], which says what would open it.
    pub async fn unlock(store: Store, slot: &SlotKey) -> Result<Self, UnlockError> {
        let row = store.instance().await.map_err(Fault::from)?.ok_or(UnlockError::NoInstance)?;
        let slots = store.slots().await.map_err(Fault::from)?;
        if slots.is_empty() {
            let what = format!("the slots of instance {}, which are gone,", row.id);
            return Err(Fault::Integrity { what, source: None }.into());
        }
        let given = slot.id().to_string();
        let Some(found) = slots.iter().find(|row| row.key_id == given) else {
            let needed = slots.into_iter().map(|row| format!("{} ({})", row.key_id, row.source));
            return Err(UnlockError::OtherKey { given, needed: needed.collect::<Vec<_>>().join(" or ") });
        };
        let damaged = |what: &str| {
            let what = format!("the {what} of instance {}", row.id);
            move |source: OpenError| UnlockError::Fault(Fault::Integrity { what, source: Some(source) })
        };
        let root = RootKey::open(&found.wrapped, slot, &row.id).map_err(damaged("root key"))?;
        let sealed = store.keyring().await.map_err(Fault::from)?.ok_or_else(|| keyring_gone(&row.id))?;
        let keyring =
            Keyring::open(&sealed.sealed, &root, &row.id, sealed.version).map_err(damaged("keyring"))?;
        let keyring = complete(&store, keyring, &root, sealed.version, &row.id).await?;
        let limits = Limits::of(row.limit_secrets, row.limit_bytes).map_err(|_| Fault::Integrity {
            what: format!("the limits of instance {}", row.id),
            source: None,
        })?;
        Ok(Self {
            store,
            keyring,
            instance: row.id,
            limits,
            generation: row.generation.number(),
            uses: Uses::default(),
            memos: Memos::default(),
        })
    }

    /// The limits of its collections.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The same with other limits, for as long as it is used: what is stored within others stays as it is.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Its random id.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// How a version of a collection is named among those of all generations.
    #[must_use]
    pub fn tag(&self, version: u64) -> VersionTag {
        VersionTag { version, generation: self.generation }
    }

    /// Whether it answers: its database can be read, has a ledger, and takes what is written.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn ready(&self, now: Timestamp) -> Result<(), Fault> {
        let head = self.store.head(LEDGER).await?;
        head.ok_or_else(|| Fault::Integrity { what: format!("the head of ledger {LEDGER}"), source: None })?;
        Ok(self.store.takes_writes(now.as_micros()).await?)
    }

    /// Forgets which requests were made more than a day ago, and writes the log of the database back where it has grown
    /// and nobody is in the way. Whoever serves calls this now and then.
    pub async fn tend(&self, now: Timestamp) {
        if let Err(error) = self.forget_deeds(now).await {
            tracing::warn!(error = &error as &dyn Error, "what requests did a day ago is not forgotten yet");
        }
        self.store.tend().await;
    }

    /// How often changes and records were made durable, many at once: for whoever counts.
    pub fn commits(&self) -> u64 {
        self.store.commits()
    }

    /// Lets the store go.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// Lets the store go with its log written back: for whoever does not hurry. What is acknowledged is durable in the log
    /// too, but a flipped bit there hides what comes after it.
    pub async fn finish(self) {
        self.store.write_back().await;
        self.store.close().await;
    }

    /// Writes the audit record of what this transaction does, in the same transaction; and which request did it, where
    /// that may be sent again. Every change passes here.
    pub(crate) async fn record(
        &self,
        transaction: &mut Transaction<'_>,
        caller: &Caller,
        entry: Entry<'_>,
        now: Timestamp,
    ) -> Result<Receipt, Fault> {
        let Head { generation, mut frontier } = head(transaction).await?;
        let seq = frontier.size();
        let blind = random::bytes().map_err(random_fault)?;
        let text = |part: Option<&str>| part.map(str::to_owned);
        let repeatable = caller.repeatable().filter(|_| has_answer(&entry.action));
        let clear = Record {
            application_id: text(entry.application.map(|(id, _)| id)),
            application_born: text(entry.application.map(|(_, born)| born)),
            collection_id: text(entry.collection.map(|(id, _)| id)),
            collection_born: text(entry.collection.map(|(_, born)| born)),
            version: entry.version,
            epoch: entry.state.map(|(epoch, _)| epoch),
            manifest_mac: entry.state.map(|(_, manifest)| manifest),
            source: caller.origin().map(|origin| origin.source.clone()),
            request_id: caller.origin().map(|origin| origin.request_id.clone()),
            // The key was looked at in this very transaction, and this ledger is the one that keys are in.
            authority_size: caller.key_id().map(|_| seq),
            key_id: text(entry.key.map(|(id, _)| id)),
            grant_commitment: entry.key.map(|(_, commitment)| commitment),
            run: entry.run,
            end: entry.end.map(|(end, _)| end),
            receipt: entry.end.map(|(_, receipt)| receipt),
            ..Record::new(
                blind,
                seq,
                now.as_micros(),
                caller.actor().clone(),
                entry.action,
                Outcome::Ok,
                generation,
            )
        }
        .encode()?;
        let leaf = leaf_hash(&clear);
        let sealed = self.keyring.seal_audit_record(LEDGER.into(), seq, &generation.to_string(), &clear)?;
        frontier.append(leaf);
        let row = RecordRow {
            seq,
            time: now.as_micros(),
            application_id: entry.application.map(|(id, _)| id.to_owned()).unwrap_or_default(),
            collection_id: entry.collection.map(|(id, _)| id.to_owned()).unwrap_or_default(),
            key_id: entry.key.map(|(id, _)| id.to_owned()).unwrap_or_default(),
            generation,
            leaf,
            sealed,
        };
        transaction.append(&row, &frontier).await?;
        if let Some(repeatable) = repeatable {
            self.note_deed(transaction, repeatable, seq, now).await?;
        }
        Ok(Receipt { generation, ledger: LEDGER, seq })
    }
}

/// What an audit record says beside who, when and where in the ledger.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) action: Action,
    /// The application's id and born id.
    pub(crate) application: Option<(&'a str, &'a str)>,
    /// The collection's id and born id.
    pub(crate) collection: Option<(&'a str, &'a str)>,
    pub(crate) version: Option<u64>,
    /// The collection's epoch and manifest.
    pub(crate) state: Option<(u64, [u8; 32])>,
    /// The API key's id, and the commitment of its sealed grant.
    pub(crate) key: Option<(&'a str, [u8; 32])>,
    /// What a client says about its run.
    pub(crate) run: Option<RunClaim>,
    /// How a run ended, and the delivery that it used.
    pub(crate) end: Option<(RunEnd, Receipt)>,
}

impl<'a> Entry<'a> {
    /// An entry about a collection: it fixes the collection's epoch and manifest, after a mutation or at a release.
    pub(crate) fn about(
        action: Action,
        application: &'a str,
        row: &'a CollectionRow,
        manifest: [u8; 32],
    ) -> Self {
        Self {
            application: Some((application, &row.application)),
            collection: Some((&row.id, &row.born)),
            version: Some(row.version),
            state: Some((row.epoch, manifest)),
            ..Self::of(action)
        }
    }

    pub(crate) fn of(action: Action) -> Self {
        Self {
            action,
            application: None,
            collection: None,
            version: None,
            state: None,
            key: None,
            run: None,
            end: None,
        }
    }
}

/// A keyring with every key of today: one that an older program sealed gets what it lacks.
async fn complete(
    store: &Store,
    keyring: Keyring,
    root: &RootKey,
    version: u64,
    instance: &str,
) -> Result<Keyring, Fault> {
    if keyring.is_complete() {
        return Ok(keyring);
    }
    let keyring = keyring.completed().map_err(random_fault)?;
    let next = KeyringRow { version: version + 1, sealed: keyring.seal(root, version + 1)? };
    let mut transaction = store.begin(LEDGER).await?;
    match transaction.insert_keyring(&next).await {
        // Another process completed it at the same moment: then its key is the one.
        Err(ChangeError::Exists) => drop(transaction),
        other => {
            other?;
            transaction.commit().await?;
            return Ok(keyring);
        }
    }
    let row = store.keyring().await?.ok_or_else(|| keyring_gone(instance))?;
    Keyring::open(&row.sealed, root, instance, row.version).map_err(|source| Fault::Integrity {
        what: format!("the keyring of instance {instance}"),
        source: Some(source),
    })
}

fn keyring_gone(instance: &str) -> Fault {
    Fault::Integrity { what: format!("the keyring of instance {instance}, which is gone,"), source: None }
}

/// The end of the ledger, inside a transaction.
pub(crate) async fn head(transaction: &mut Transaction<'_>) -> Result<Head, Fault> {
    let head = transaction.head().await?;
    head.ok_or_else(|| Fault::Integrity { what: format!("the head of ledger {LEDGER}"), source: None })
}

/// A random id that tells one life of an application or a collection from every other life under the same id.
pub(crate) fn born() -> Result<String, Fault> {
    let random: [u8; 16] = random::bytes().map_err(random_fault)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn random_fault(error: RandomError) -> Fault {
    Fault::Seal(error.into())
}

/// Why an instance is not begun.
#[derive(thiserror::Error)]
pub enum FoundError {
    /// Another process began one at the same moment; the store is given back, to be unlocked.
    #[error("there is a strongroom already")]
    Exists(Box<Store>),
    /// It cannot be begun now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl std::fmt::Debug for FoundError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Why an instance is not unlocked.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The store has no instance yet.
    #[error("there is no strongroom yet; make one with `strongroom init`")]
    NoInstance,
    /// The key is not of this instance.
    #[error("the root key {given} does not open this strongroom; it needs {needed}")]
    OtherKey {
        /// The id of the key that was given.
        given: String,
        /// The ids and sources of those that would open it.
        needed: String,
    },
    /// It cannot be unlocked now.
    #[error(transparent)]
    Fault(#[from] Fault),
}
