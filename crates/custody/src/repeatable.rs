//! Writes that may be asked for twice: with a key of the client's choice each is done once, and whoever asks again is
//! told what it did. It decides nothing about what is done.
//!
//! Of a request only MACs are kept, and of its answer only which audit record tells of it: the answer is made anew, for
//! whoever may have it now. What is kept lies beside the change and its record, in the one transaction, so there is no
//! change that was made and is not known. `verify` does not look at these rows: one that was altered is noticed when it is
//! asked for, and one that was taken away makes a request a new one, which whoever can write the database could send.

use std::fmt;
use std::sync::Arc;

use strongroom_ledger::Record;
use strongroom_ledger::record::Action;
use strongroom_seal::RequestMac;
use strongroom_secrets::{Application, ApplicationId, CollectionId, SecretsCollectionSummary, Timestamp};
use strongroom_store::{RepeatableRow, Transaction};

use crate::access::{Access, Caller, Manage, Right, Write};
use crate::application::application;
use crate::collection::absent;
use crate::custodian::{Custodian, LEDGER};
use crate::error::{Absent, Fault, RepeatError};
use crate::version::{Chosen, lost, summary};

/// How long it is known what a request did: a day.
const LIFETIME_MICROS: i64 = 24 * 3_600_000_000;

/// Which request a write is, so that it is done once. An access carries it: [`Access::repeatable`].
///
/// The right to a delivery cannot: what gives out plaintext is not answered a second time.
/// ```compile_fail
/// # use strongroom_custody::{Access, Deliver, Repeatable};
/// fn twice(access: Access<Deliver>, same: Repeatable) -> Access<Deliver> { access.repeatable(same) }
/// ```
/// ```
/// # use strongroom_custody::{Access, Repeatable, Write};
/// fn once(access: Access<Write>, same: Repeatable) -> Access<Write> { access.repeatable(same) }
/// ```
#[derive(Clone)]
pub struct Repeatable(RequestMac);

/// Nothing of the request, and no MAC of it either.
impl fmt::Debug for Repeatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repeatable")
    }
}

/// What an earlier request did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeated {
    /// It made this version of a collection, or brought the collection back at it.
    Written {
        /// The summary of that version.
        summary: SecretsCollectionSummary,
        /// Its number.
        version: u64,
    },
    /// It made, changed or brought back this application, which is shown as it is now.
    Application(Application),
    /// It deleted something.
    Nothing,
}

/// What is answered to a request, by what was done.
enum Answer {
    Version,
    Application,
    NoCollection,
    NoApplication,
}

impl Answer {
    /// None where a request cannot be repeated: a delivery answers with plaintext, a new API key with its token.
    fn to(action: &Action) -> Option<Self> {
        match action {
            Action::CollectionCreate
            | Action::CollectionUpdate
            | Action::CollectionRollback
            | Action::CollectionRestore => Some(Self::Version),
            Action::CollectionDelete => Some(Self::NoCollection),
            Action::ApplicationCreate | Action::ApplicationUpdate | Action::ApplicationRestore => {
                Some(Self::Application)
            }
            Action::ApplicationDelete => Some(Self::NoApplication),
            _ => None,
        }
    }
}

impl Custodian {
    /// Which request this is: the same one, if its caller chose the same key, and asked for the same in every other part.
    #[must_use]
    pub fn repeatable(
        &self,
        caller: &Caller,
        key: &str,
        method: &str,
        target: &str,
        if_match: Option<&str>,
        body: &[u8],
    ) -> Repeatable {
        let who = match caller.key_id() {
            Some(id) => format!("key:{id}"),
            None => caller.actor().name.clone(),
        };
        Repeatable(self.keyring.request_mac(&who, key, (method, target), if_match, body))
    }

    /// What the same request did when it was sent before; none when it was not, or not in the last 24 hours.
    ///
    /// # Errors
    /// [`RepeatError`].
    pub async fn repeated(
        &self,
        caller: &Caller,
        repeatable: &Repeatable,
        now: Timestamp,
    ) -> Result<Option<Repeated>, RepeatError> {
        let Some(row) = self.store.repeatable(LEDGER, &repeatable.0.name).await.map_err(Fault::from)? else {
            return Ok(None);
        };
        self.check_deed(&row)?;
        if !is_fresh(&row, now) {
            return Ok(None);
        }
        if row.request != repeatable.0.request {
            return Err(RepeatError::OtherRequest);
        }
        let record = self.store.record(LEDGER, row.record).await.map_err(Fault::from)?;
        let record = self.told(record)?.filter(|told| told.actor == *caller.actor() && told.time == row.time);
        let record = record.ok_or_else(|| altered(&row))?;
        let repeated = match Answer::to(&record.action).ok_or_else(|| altered(&row))? {
            Answer::Version => self.version_again(caller, &record).await?,
            Answer::Application => self.application_again(caller, &record).await?,
            Answer::NoCollection => {
                collection_again(&access_again(caller, &record)?, &record)?;
                Repeated::Nothing
            }
            Answer::NoApplication => {
                access_again::<Manage>(caller, &record)?.of_whole_application()?;
                Repeated::Nothing
            }
        };
        Ok(Some(repeated))
    }

    /// The version that was written, be its collection live or deleted. No record need be newer than it: a version does
    /// not change, and this one's own seal says that it is the one that the record tells of.
    async fn version_again(&self, caller: &Caller, record: &Arc<Record>) -> Result<Repeated, RepeatError> {
        let access: Access<Write> = access_again(caller, record)?;
        let (_, born) = collection_again(&access, record)?;
        self.still_lives(&access, record).await?;
        let number = record.version.ok_or_else(|| unreadable(record))?;
        let found = self.store.face_of(LEDGER, born, number).await.map_err(Fault::from)?;
        let (row, current, version) = found.ok_or(RepeatError::Gone)?;
        if number < row.oldest_version {
            return Err(RepeatError::Gone);
        }
        let version = version.ok_or_else(|| lost(access.application(), &row, number))?;
        let chosen = Chosen {
            application: access.application(),
            collection: &row,
            version: &version,
            current: &current,
        };
        let summary = summary(&chosen, &*self.open_face(&chosen)?);
        Ok(Repeated::Written { summary, version: number })
    }

    async fn application_again(
        &self,
        caller: &Caller,
        record: &Arc<Record>,
    ) -> Result<Repeated, RepeatError> {
        let access: Access<Manage> = access_again(caller, record)?;
        access.of_whole_application()?;
        self.still_lives(&access, record).await.map(Repeated::Application)
    }

    /// The application that a record is about: not a later one of its id.
    async fn still_lives<A>(&self, access: &Access<A>, record: &Record) -> Result<Application, RepeatError> {
        let live = self.live_application(access.application()).await?;
        let same = live.filter(|(row, _)| record.application_born.as_ref() == Some(&row.born));
        same.map(|(row, face)| application(&row, &face)).ok_or(RepeatError::Gone)
    }

    /// Inside a transaction: whether this request was not made before. What was too long ago makes way for it.
    pub(crate) async fn is_new(
        &self,
        transaction: &mut Transaction<'_>,
        repeatable: &Repeatable,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(row) = transaction.repeatable(&repeatable.0.name).await? else { return Ok(true) };
        self.check_deed(&row)?;
        if is_fresh(&row, now) {
            return Ok(false);
        }
        transaction.remove_repeatable(&row.name).await?;
        Ok(true)
    }

    /// Whether it is durable that this request was made.
    pub(crate) async fn is_known(&self, repeatable: &Repeatable) -> Result<bool, Fault> {
        Ok(self.store.repeatable(LEDGER, &repeatable.0.name).await?.is_some())
    }

    /// Notes what a request did, beside the record of it.
    pub(crate) async fn note_deed(
        &self,
        transaction: &mut Transaction<'_>,
        repeatable: &Repeatable,
        record: u64,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let RequestMac { name, request } = repeatable.0;
        let time = now.as_micros();
        let mac = self.keyring.deed_mac(&repeatable.0, record, time).to_vec();
        Ok(transaction.insert_repeatable(&RepeatableRow { name, request, record, time, mac }).await?)
    }

    /// Forgets what is of no use to anybody any more.
    pub(crate) async fn forget_deeds(&self, now: Timestamp) -> Result<(), Fault> {
        Ok(self.store.remove_repeatables(LEDGER, now.as_micros().saturating_sub(LIFETIME_MICROS)).await?)
    }

    /// A row that says of one request what another did is noticed here, and so is one that was made older or younger.
    fn check_deed(&self, row: &RepeatableRow) -> Result<(), Fault> {
        let of = RequestMac { name: row.name, request: row.request };
        if self.keyring.is_deed(&of, row.record, row.time, &row.mac) { Ok(()) } else { Err(altered(row)) }
    }
}

/// Whether it can be answered a second time that this was done.
pub(crate) fn has_answer(action: &Action) -> bool {
    Answer::to(action).is_some()
}

/// What comes from the future, as after a clock was put back, is not old.
fn is_fresh(row: &RepeatableRow, now: Timestamp) -> bool {
    now.as_micros().saturating_sub(row.time) < LIFETIME_MICROS
}

/// The right to what an earlier request was about, asked for anew.
fn access_again<A: Right>(caller: &Caller, record: &Record) -> Result<Access<A>, RepeatError> {
    let (Some(id), Some(born)) = (&record.application_id, &record.application_born) else {
        return Err(unreadable(record).into());
    };
    let id = ApplicationId::parse(id).map_err(|_| unreadable(record))?;
    let access = caller.access(&id)?;
    if access.is_of(born) { Ok(access) } else { Err(Absent::Application(id).into()) }
}

/// The id and the born id of the collection that an earlier request was about, if the caller may know of it.
fn collection_again<'a>(
    access: &Access<Write>,
    record: &'a Record,
) -> Result<(CollectionId, &'a str), RepeatError> {
    let (Some(id), Some(born)) = (&record.collection_id, &record.collection_born) else {
        return Err(unreadable(record).into());
    };
    let id = CollectionId::parse(id).map_err(|_| unreadable(record))?;
    if access.covers(&id) && access.covers_born(born) {
        Ok((id, born))
    } else {
        Err(absent(access, &id).into())
    }
}

fn altered(row: &RepeatableRow) -> Fault {
    let what = format!("what is noted of the request that audit record {} tells of", row.record);
    Fault::Integrity { what, source: None }
}

fn unreadable(record: &Record) -> Fault {
    Fault::Integrity { what: format!("audit record {} of ledger {LEDGER}", record.seq), source: None }
}
