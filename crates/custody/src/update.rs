//! How a collection becomes its next version: looked at, merged, sealed anew and written, if it is still what was looked
//! at; else all over again, a few times. Nothing but the new version is ever written: versions do not change.

use strongroom_ledger::record::Action;
use strongroom_seal::CollectionKey;
use strongroom_secrets::{CollectionId, Limits, Mask, Place, SecretValue, Secrets};
use strongroom_secrets::{SecretsCollectionSummary, Timestamp, Update, ValueId, VersionTag};
use strongroom_store::{ChangeError, CollectionRow, Transaction};

use crate::access::{Access, Write};
use crate::custodian::{Custodian, Entry, head};
use crate::error::{Fault, UpdateError};
use crate::merge::{Changes, Source, Stored, changes, keep_all, merge};
use crate::version::{Chosen, Plain, altered, manifest_mac, new_value_id, summary};

/// How many versions of a collection are kept: the newest ones.
const KEPT_VERSIONS: u64 = 100;
/// How often a write that lost a race is merged and sealed anew before its caller is told.
const ATTEMPTS: u32 = 3;

/// A collection after a write.
#[derive(Debug, Clone)]
pub struct Updated {
    /// Its summary.
    pub summary: SecretsCollectionSummary,
    /// The version that was made.
    pub version: u64,
    /// What became of its secrets.
    pub changes: Changes,
}

impl Custodian {
    /// Changes a collection into its next version. With `if_match`, only from that version.
    ///
    /// # Errors
    /// [`UpdateError`]; nothing was changed then.
    pub async fn update(
        &self,
        access: &Access<Write>,
        id: &CollectionId,
        update: &Update,
        if_match: Option<VersionTag>,
        now: Timestamp,
    ) -> Result<Updated, UpdateError> {
        contending(|| self.try_update(access, id, update, if_match, now)).await
    }

    async fn try_update(
        &self,
        access: &Access<Write>,
        id: &CollectionId,
        update: &Update,
        if_match: Option<VersionTag>,
        now: Timestamp,
    ) -> Result<Updated, UpdateError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let (row, current) = self.newest(access, &born, id).await?;
        self.check_version(if_match, &row)?;
        let chosen = Chosen { application, collection: &row, version: &current, current: &current };
        let contents = self.contents(access, &row, &current, id).await?;
        let (key, face, kept) = self.open_version(&chosen, &contents)?;
        let stored = face.places().ok_or_else(|| altered(&chosen))?;
        let genuine = |place: &Place, mask: &Mask| self.keyring.is_mask_of(application, id, place, mask);
        let stored = Stored { secrets: &stored, genuine: &genuine };
        let merged = match &update.secrets {
            Some(change) => merge(&stored, change, self.limits)?,
            // What stays was judged when it was written; a limit that was lowered since is not its business.
            None => Secrets::settle(keep_all(&stored), Limits::ANY)?,
        };
        let next = Next {
            name: update.name.as_deref().unwrap_or(&face.name),
            description: update.description.as_deref().unwrap_or(&face.description),
            merged: &merged,
            stored: &stored,
            kept: &kept,
        };
        let mut transaction = self.begin(access.caller(), now).await?;
        self.check_application(&mut transaction, access, &born).await?;
        let action = Action::CollectionUpdate;
        let version = self.write_next(&mut transaction, access, action, &chosen, &key, &next, now).await?;
        transaction.commit().await.map_err(Fault::from)?;

        let summary = SecretsCollectionSummary {
            name: next.name.to_owned(),
            description: next.description.to_owned(),
            updated_at: now,
            ..summary(&chosen, &face)
        };
        Ok(Updated { summary, version, changes: changes(&stored, &merged) })
    }

    /// Whether a collection is at the version that its caller expects.
    pub(crate) fn check_version(
        &self,
        if_match: Option<VersionTag>,
        row: &CollectionRow,
    ) -> Result<(), UpdateError> {
        let current = self.tag(row.version);
        match if_match {
            Some(expected) if expected != current => Err(UpdateError::NotAtVersion { expected, current }),
            _ => Ok(()),
        }
    }

    /// Seals and writes the next version, the collection's row and the record.
    #[expect(clippy::too_many_arguments, reason = "proof, subject, details, now: each a thing of its own")]
    pub(crate) async fn write_next(
        &self,
        transaction: &mut Transaction<'_>,
        access: &Access<Write>,
        action: Action,
        chosen: &Chosen<'_>,
        key: &CollectionKey,
        next: &Next<'_>,
        now: Timestamp,
    ) -> Result<u64, Fault> {
        let before = chosen.collection;
        let version = transaction.next_version(access.application().as_str(), &before.id).await?;
        if version != before.version + 1 {
            return Err(ChangeError::Moved.into());
        }
        let Resolved { secrets, values } = next.resolve()?;
        let previous = chosen.version.chain.as_slice().try_into().map_err(|_| altered(chosen))?;
        let plain = Plain {
            version,
            name: next.name,
            description: next.description,
            created_by: &access.caller().actor().name,
            collection_created_at: before.created_at,
            secrets: &secrets,
            values: &values,
            previous: Some(&previous),
        };
        let generation = head(transaction).await?.generation;
        let sealed = self.seal_version(key, &before.application, &plain, generation, now)?;
        let mut after =
            CollectionRow { updated_at: now.as_micros(), epoch: before.epoch + 1, version, ..before.clone() };
        transaction.insert_version(&after.born, &sealed).await?;
        prune(transaction, &mut after).await?;
        let manifest = manifest_mac(&key.manifest_key(), &after, &sealed.face)?;
        after.manifest = manifest.to_vec();
        transaction.update_collection(&after, before.epoch).await?;
        let entry = Entry::about(action, access.application().as_str(), &after, manifest);
        self.record(transaction, access.caller(), entry, now).await?;
        Ok(version)
    }
}

/// Makes a write again, from the look at what is stored on, as long as somebody else was faster; a few times.
pub(crate) async fn contending<T, F>(write: impl Fn() -> F) -> Result<T, UpdateError>
where
    F: Future<Output = Result<T, UpdateError>>,
{
    for _ in 0..ATTEMPTS {
        match write().await {
            Err(UpdateError::Fault(Fault::Contended(_))) => {}
            other => return other,
        }
    }
    Err(UpdateError::Contended)
}

/// The next version of a collection, decided but not sealed.
pub(crate) struct Next<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) merged: &'a Secrets<Source<'a>>,
    /// Where the values that stay come from: places with value ids, and the values.
    pub(crate) stored: &'a Stored<'a>,
    pub(crate) kept: &'a [SecretValue],
}

/// Places with their value ids, and the values in the same order.
struct Resolved<'a> {
    secrets: Vec<(Place, ValueId)>,
    values: Vec<&'a SecretValue>,
}

impl Next<'_> {
    /// Which values the next version has. A kept value keeps its id.
    fn resolve(&self) -> Result<Resolved<'_>, Fault> {
        let mut secrets = Vec::with_capacity(self.merged.entries().len());
        let mut values = Vec::with_capacity(self.merged.entries().len());
        for (place, source) in self.merged.entries() {
            let (id, value) = match *source {
                Source::Kept(i) => (self.stored.secrets[i].1.clone(), &self.kept[i]),
                Source::New(value) => (new_value_id()?, value),
            };
            secrets.push((place.clone(), id));
            values.push(value);
        }
        Ok(Resolved { secrets, values })
    }
}

/// Which version is the oldest that is kept, when `newest` is the newest.
pub(crate) fn oldest_kept(oldest: u64, newest: u64) -> u64 {
    oldest.max((newest + 1).saturating_sub(KEPT_VERSIONS))
}

/// Keeps the newest versions and destroys the rest.
async fn prune(transaction: &mut Transaction<'_>, after: &mut CollectionRow) -> Result<(), Fault> {
    let oldest = oldest_kept(after.oldest_version, after.version);
    if oldest == after.oldest_version {
        return Ok(());
    }
    let found = transaction.version_face(&after.application, &after.id, oldest).await?;
    let face = found.and_then(|(_, face)| face).ok_or_else(|| Fault::Integrity {
        what: format!("version {oldest} of secrets collection {} (born {})", after.id, after.born),
        source: None,
    })?;
    transaction.prune_versions(&after.born, oldest).await?;
    after.oldest_version = oldest;
    after.oldest_chain = face.chain;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use strongroom_secrets::SecretType;

    use super::*;

    #[test]
    fn who_lost_a_race_tries_three_times_and_who_is_refused_once() {
        check(0, Ok(()), 1);
        check(2, Ok(()), 3);
        check(2, Err(UpdateError::AlreadyThere(Place::parse(SecretType::Env, "A").expect("a name"))), 3);
        check(3, Err(UpdateError::Contended), 3);
    }

    /// Loses so many races, then meets the outcome, after so many tries.
    fn check(lost: u32, outcome: Result<(), UpdateError>, tries: u32) {
        let tried = Cell::new(0);
        let expected = format!("{outcome:?}");
        let outcome = Cell::new(Some(outcome));
        let mut writing = pin!(contending(async || {
            tried.set(tried.get() + 1);
            match tried.get() {
                number if number <= lost => Err(Fault::Contended(ChangeError::Moved).into()),
                _ => outcome.take().expect("nothing is tried after an outcome"),
            }
        }));
        let Poll::Ready(found) = writing.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing waits")
        };
        assert_eq!((format!("{found:?}"), tried.get()), (expected, tries));
    }
}
