//! How a collection ends and comes back: a deletion leaves a tombstone and frees the id at once, a restoration takes the
//! newest tombstone away again. Neither opens a value.

use std::sync::Arc;

use strongroom_ledger::Record;
use strongroom_ledger::record::Action;
use strongroom_secrets::{ApplicationId, CollectionId, Timestamp, VersionTag};
use strongroom_store::{ChangeError, CollectionRow, Transaction, VersionFace};

use crate::access::{Access, Write};
use crate::collection::absent;
use crate::custodian::{Custodian, Entry};
use crate::error::{CreateError, Fault, UpdateError};
use crate::fresh::is_told;
use crate::merge::Changes;
use crate::update::Updated;
use crate::version::{Chosen, altered, identity, manifest_mac, summary};

impl Custodian {
    /// Deletes a collection: a tombstone stays, its id is free at once, and its version counter goes on. With `if_match`,
    /// only at that version.
    ///
    /// # Errors
    /// [`UpdateError`]; it stays then.
    pub async fn delete(
        &self,
        access: &Access<Write>,
        id: &CollectionId,
        if_match: Option<VersionTag>,
        now: Timestamp,
    ) -> Result<(), UpdateError> {
        if !access.covers(id) {
            return Err(absent(access, id).into());
        }
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let mut transaction = self.begin(access.caller(), now).await?;
        self.check_application(&mut transaction, access, &born).await?;
        let (found, _) = self.live_and_told(&mut transaction, application, &born, id).await?;
        let found = found.filter(|(row, _)| access.covers_born(&row.born));
        let (before, current) = found.ok_or_else(|| absent(access, id))?;
        self.check_version(if_match, &before)?;
        let chosen = Chosen { application, collection: &before, version: &current, current: &current };
        self.open_face(&chosen)?;
        let mut after =
            CollectionRow { tombstone: before.born.clone(), epoch: before.epoch + 1, ..before.clone() };
        let manifest = self.bind(&chosen, &mut after)?;
        transaction
            .bury_collection(&after.born, before.epoch, now.as_micros(), &after.manifest)
            .await
            .map_err(Fault::from)?;
        let entry = Entry::about(Action::CollectionDelete, application.as_str(), &after, manifest);
        self.record(&mut transaction, access.caller(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(())
    }

    /// Brings back the collection of an id that was deleted last, with all its versions.
    ///
    /// # Errors
    /// [`CreateError::Exists`] when the id is in use; [`Absent::Collection`] when there is no tombstone.
    pub async fn restore(
        &self,
        access: &Access<Write>,
        id: &CollectionId,
        now: Timestamp,
    ) -> Result<Updated, CreateError> {
        if !access.covers(id) {
            return Err(absent(access, id).into());
        }
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let mut transaction = self.begin(access.caller(), now).await?;
        self.check_application(&mut transaction, access, &born).await?;
        let (live, told) = self.live_and_told(&mut transaction, application, &born, id).await?;
        if live.is_some_and(|(row, _)| access.covers_born(&row.born)) {
            return Err(CreateError::Exists { application: application.clone(), id: id.clone() });
        }
        // The newest record about the id tells which one was deleted last, whatever the clock said then.
        let last = told.as_ref().and_then(|told| told.collection_born.as_deref()).unwrap_or_default();
        let found = transaction.buried_collection(&born, id.as_str(), last).await.map_err(Fault::from)?;
        let found = found.filter(|(row, _)| access.covers_born(&row.born));
        let (before, current) = found.ok_or_else(|| absent(access, id))?;
        // A tombstone that was put back to an earlier state of its own is not what the record tells of.
        let (true, Some(current)) = (is_told(Some(&before), told.as_deref(), &born), current) else {
            let what = format!("the tombstone of secrets collection {id} in application {application}");
            return Err(Fault::Integrity { what, source: None }.into());
        };
        let chosen = Chosen { application, collection: &before, version: &current, current: &current };
        let face = self.open_face(&chosen)?;
        let mut after = CollectionRow {
            tombstone: String::new(),
            deleted_at: None,
            epoch: before.epoch + 1,
            ..before.clone()
        };
        let manifest = self.bind(&chosen, &mut after)?;
        match transaction.unbury_collection(&after, before.epoch).await {
            Err(ChangeError::Exists) => {
                return Err(CreateError::Exists { application: application.clone(), id: id.clone() });
            }
            other => other.map_err(Fault::from)?,
        }
        let entry = Entry::about(Action::CollectionRestore, application.as_str(), &after, manifest);
        self.record(&mut transaction, access.caller(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        let kept = face.places().ok_or_else(|| altered(&chosen))?.into_iter().map(|(place, _)| place);
        let changes = Changes { kept: kept.collect(), ..Changes::default() };
        Ok(Updated { summary: summary(&chosen, &face), version: after.version, changes })
    }

    /// The live collection of an id, or that there is none, once that is what the newest record about the id says.
    async fn live_and_told(
        &self,
        transaction: &mut Transaction<'_>,
        application: &ApplicationId,
        born: &str,
        id: &CollectionId,
    ) -> Result<(Option<(CollectionRow, VersionFace)>, Option<Arc<Record>>), Fault> {
        let live = transaction.current_face(born, id.as_str()).await?;
        let told = self.told(transaction.newest_record(application.as_str(), id.as_str()).await?)?;
        if !is_told(live.as_ref().map(|(row, _)| row), told.as_deref(), born) {
            let what = format!("secrets collection {id} in application {application}");
            return Err(Fault::Integrity { what, source: None });
        }
        Ok((live, told))
    }

    /// Makes the manifest of a row that changed while its current version did not.
    fn bind(&self, chosen: &Chosen<'_>, after: &mut CollectionRow) -> Result<[u8; 32], Fault> {
        let (_, key) = self
            .keyring
            .open_face_key(&identity(after), after.key_version, &after.wrapped_key)
            .map_err(|_| altered(chosen))?;
        let manifest = manifest_mac(&key, after, chosen.current)?;
        after.manifest = manifest.to_vec();
        Ok(manifest)
    }
}
