//! The way out of a value: into a run, or to somebody who asks to see it. Both are one path, and on it the audit record
//! is durable before anything leaves.

use strongroom_ledger::Receipt;
use strongroom_ledger::record::Action;
use strongroom_secrets::{CollectionId, Limits, Place, Secret, SecretValue, Secrets, SecretsCollection};
use strongroom_secrets::{SecretsCollectionSummary, Timestamp};

use crate::access::{Access, Deliver, Reveal};
use crate::collection::absent;
use crate::custodian::{Custodian, Entry, LEDGER};
use crate::error::{Fault, ReadError};
use crate::release::{Recorded, Withheld};
use crate::version::{Chosen, altered, manifest_of, summary};

/// A collection with its values, on its way out.
#[derive(Debug)]
pub struct Delivery {
    /// What may be shown of it.
    pub summary: SecretsCollectionSummary,
    /// Which version it is.
    pub version: u64,
    /// The secrets, in their order.
    pub secrets: Secrets<SecretValue>,
}

impl Delivery {
    /// The documented collection with real values.
    #[must_use]
    pub fn into_collection(self) -> SecretsCollection<SecretValue> {
        let secret = |(place, value): (Place, SecretValue)| Secret {
            secret_type: place.secret_type(),
            location: place.location().to_owned(),
            value,
        };
        SecretsCollection {
            summary: self.summary,
            secrets: self.secrets.into_entries().into_iter().map(secret).collect(),
        }
    }
}

impl Custodian {
    /// What a delivery would hand out, without its values: places and lengths in bytes, and the number of the version.
    /// It leaves no record, and opens nothing but a face.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn outline(
        &self,
        access: &Access<Deliver>,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<(Vec<(Place, u64)>, u64), ReadError> {
        let application = access.application();
        let born = self.application_row(application).await?.born;
        let (collection, version, current) = self.look_up(access, &born, id, version).await?;
        let chosen = Chosen { application, collection: &collection, version: &version, current: &current };
        let face = self.open_face(&chosen)?;
        let outline = face.secrets.iter().map(|secret| Some((secret.place()?, secret.bytes)));
        let outline = outline.collect::<Option<_>>().ok_or_else(|| altered(&chosen))?;
        Ok((outline, version.version))
    }

    /// Hands a collection to a run.
    ///
    /// # Errors
    /// [`ReadError`]; nothing was released then.
    pub async fn deliver(
        &self,
        access: &Access<Deliver>,
        id: &CollectionId,
        version: Option<u64>,
        now: Timestamp,
    ) -> Result<(Delivery, Receipt), ReadError> {
        self.release(access, Action::CollectionDeliver, id, version, now).await
    }

    /// Shows a collection's values to somebody.
    ///
    /// # Errors
    /// [`ReadError`]; nothing was released then.
    pub async fn reveal(
        &self,
        access: &Access<Reveal>,
        id: &CollectionId,
        version: Option<u64>,
        now: Timestamp,
    ) -> Result<(Delivery, Receipt), ReadError> {
        self.release(access, Action::CollectionReveal, id, version, now).await
    }

    async fn release<A>(
        &self,
        access: &Access<A>,
        action: Action,
        id: &CollectionId,
        version: Option<u64>,
        now: Timestamp,
    ) -> Result<(Delivery, Receipt), ReadError> {
        let application = access.application();
        let born = self.application_row(application).await?.born;
        let (collection, face, current) = self.look_up(access, &born, id, version).await?;
        let contents = self.contents(access, &collection, &face, id).await?;
        let chosen = Chosen { application, collection: &collection, version: &face, current: &current };
        let withheld = self.open_delivery(&chosen, &contents)?;

        let mut transaction = self.store.begin(LEDGER).await.map_err(Fault::from)?;
        // What was deleted since it was read must not leave any more.
        self.check_application(&mut transaction, access, &born).await?;
        let still = transaction.current_face(&born, id.as_str()).await.map_err(Fault::from)?;
        let still = still.filter(|(row, _)| row.born == collection.born);
        let (row, _) = still.ok_or_else(|| absent(access, id))?;
        let entry = Entry {
            version: Some(face.version),
            ..Entry::about(action, application.as_str(), &row, manifest_of(&row)?)
        };
        let receipt = self.record(&mut transaction, access.actor(), entry, now).await?;
        let recorded = Recorded::from(transaction.commit().await.map_err(Fault::from)?);
        tracing::debug!(%receipt, "a release is recorded");
        Ok((withheld.release(recorded), receipt))
    }

    fn open_delivery(&self, chosen: &Chosen<'_>, contents: &[u8]) -> Result<Withheld<Delivery>, Fault> {
        let (_, face, values) = self.open_version(chosen, contents)?;
        let places = face.places().ok_or_else(|| altered(chosen))?;
        let entries = places.into_iter().map(|(place, _)| place).zip(values).collect();
        // The rules of sets held when it was written; what leads to a file system is checked again. The limit of that
        // day is not today's business.
        let all = Limits::of(Limits::LARGEST, 1).map_err(|_| altered(chosen))?;
        let secrets = Secrets::settle(entries, all).map_err(|_| altered(chosen))?;
        Ok(Withheld::hold(Delivery {
            summary: summary(chosen, &face),
            version: chosen.version.version,
            secrets,
        }))
    }
}
