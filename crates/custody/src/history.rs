//! The versions of a collection: listed, compared without a value being opened, and made current again. A rollback is a
//! new version with an old one's contents; versions themselves do not change.

use std::sync::Arc;

use strongroom_ledger::record::Action;
use strongroom_secrets::{CollectionId, Diff, Limits, Place, Secrets, SecretsCollectionSummary};
use strongroom_secrets::{Timestamp, VersionSummary, VersionTag};
use strongroom_store::ChangeError;

use crate::access::{Access, List, Write};
use crate::collection::first_gap;
use crate::custodian::{Custodian, LEDGER};
use crate::error::{Fault, ReadError, UpdateError};
use crate::face::{Face, FaceSecret};
use crate::merge::{Changes, Stored, keep_all};
use crate::update::{Next, Updated, contending};
use crate::version::{Chosen, altered, lost, summary};

impl Custodian {
    /// The kept versions of a collection, oldest first.
    ///
    /// # Errors
    /// [`Absent`].
    pub async fn versions(
        &self,
        access: &Access<List>,
        id: &CollectionId,
    ) -> Result<Vec<VersionSummary>, ReadError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let (collection, current) = self.newest(access, &born, id).await?;
        let rows = self.store.versions(LEDGER, &collection.born).await.map_err(Fault::from)?;
        if let Some(version) = first_gap(&collection, &rows) {
            return Err(lost(application, &collection, version).into());
        }
        let mut versions = Vec::with_capacity(rows.len());
        // What was written since the collection was looked at is bound by a manifest that was not looked at.
        for version in rows.iter().filter(|row| row.version <= collection.version) {
            let chosen = Chosen { application, collection: &collection, version, current: &current };
            let face = self.open_face(&chosen)?;
            versions.push(VersionSummary {
                version: version.version,
                created_at: Timestamp::from_micros(version.created_at),
                created_by: face.created_by.clone(),
                secrets: face.secrets.len() as u64,
            });
        }
        Ok(versions)
    }

    /// What differs between two kept versions, by keyed digests: no value is opened.
    ///
    /// # Errors
    /// [`crate::Absent`].
    pub async fn diff(
        &self,
        access: &Access<List>,
        id: &CollectionId,
        from: u64,
        to: u64,
    ) -> Result<Diff, ReadError> {
        let born = self.application_row(access).await?.born;
        let (old, old_face) = self.face_of(access, &born, id, from).await?;
        let (new, new_face) = self.face_of(access, &born, id, to).await?;
        if old != new {
            // It was deleted and made anew between the two looks.
            return Err(Fault::Contended(ChangeError::Moved).into());
        }
        let Changes { added, changed, removed, kept } = changes_between(&old_face, &new_face);
        Ok(Diff { from, to, added, removed, changed, same: kept })
    }

    /// The face of a kept version, with the born id of its collection.
    async fn face_of(
        &self,
        access: &Access<List>,
        born: &str,
        id: &CollectionId,
        number: u64,
    ) -> Result<(String, Arc<Face>), ReadError> {
        let application = access.application();
        let (collection, version, current) = self.look_up(access, born, id, Some(number)).await?;
        let chosen = Chosen { application, collection: &collection, version: &version, current: &current };
        let face = self.open_face(&chosen)?;
        Ok((collection.born, face))
    }

    /// Makes the contents of a kept version current again, as a new version. Values keep their ids, so the masks that were
    /// shown of them then are current again too.
    ///
    /// # Errors
    /// [`UpdateError`]; nothing was changed then.
    pub async fn rollback(
        &self,
        access: &Access<Write>,
        id: &CollectionId,
        to: u64,
        if_match: Option<VersionTag>,
        now: Timestamp,
    ) -> Result<Updated, UpdateError> {
        contending(|| self.try_rollback(access, id, to, if_match, now)).await
    }

    async fn try_rollback(
        &self,
        access: &Access<Write>,
        id: &CollectionId,
        to: u64,
        if_match: Option<VersionTag>,
        now: Timestamp,
    ) -> Result<Updated, UpdateError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let (collection, old, current) = self.look_up(access, &born, id, Some(to)).await?;
        self.check_version(if_match, &collection)?;
        let chosen = Chosen { application, collection: &collection, version: &current, current: &current };
        let before = self.open_face(&chosen)?;
        let contents = self.contents(access, &collection, &old, id).await?;
        let chosen_old = Chosen { application, collection: &collection, version: &old, current: &current };
        let (key, face, kept) = self.open_version(&chosen_old, &contents)?;
        let secrets = face.places().ok_or_else(|| altered(&chosen_old))?;
        let stored = Stored { secrets: &secrets, genuine: &|_, _| false };
        // What it may hold was judged when it was written.
        let merged = Secrets::settle(keep_all(&stored), Limits::ANY)?;
        let next = Next {
            name: &face.name,
            description: &face.description,
            merged: &merged,
            stored: &stored,
            kept: &kept,
        };
        let mut transaction = self.begin(access.caller(), now).await?;
        self.check_application(&mut transaction, access, &born).await?;
        let action = Action::CollectionRollback;
        let version = self.write_next(&mut transaction, access, action, &chosen, &key, &next, now).await?;
        transaction.commit().await.map_err(Fault::from)?;

        let summary = SecretsCollectionSummary { updated_at: now, ..summary(&chosen, &face) };
        Ok(Updated { summary, version, changes: changes_between(&before, &face) })
    }
}

/// What became of the secrets between two faces. A place that does not parse was not written by these rules; opening the
/// version has refused it, or will.
fn changes_between(old: &Face, new: &Face) -> Changes {
    let digest = |face: &Face, place: &Place| {
        face.secrets.iter().find(|s| s.place().as_ref() == Some(place)).map(|s| s.digest.clone())
    };
    let places = |face: &Face| face.secrets.iter().filter_map(FaceSecret::place).collect::<Vec<_>>();
    let mut changes = Changes::default();
    for place in places(new) {
        match (digest(old, &place), digest(new, &place)) {
            (None, _) => changes.added.push(place),
            (before, after) if before == after => changes.kept.push(place),
            _ => changes.changed.push(place),
        }
    }
    changes.removed = places(old).into_iter().filter(|place| digest(new, place).is_none()).collect();
    changes
}
