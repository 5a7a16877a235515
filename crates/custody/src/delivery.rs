//! The way out of a value: into a run, or to somebody who asks to see it. Both are one path, and on it the audit record
//! is durable before anything leaves.

use strongroom_ledger::record::{Action, RunClaim};
use strongroom_secrets::{
    CollectionId, Delivered, Limits, Outline, OutlineSecret, RunClaimText, SecretValue,
};
use strongroom_secrets::{Secrets, SecretsCollectionSummary, Timestamp};
use strongroom_store::{CollectionRow, VersionFace};

use crate::access::{Access, Deliver, Reveal, Right};
use crate::collection::absent;
use crate::custodian::{Custodian, Entry};
use crate::error::{Fault, ReadError};
use crate::release::{Recorded, Withheld};
use crate::version::{Chosen, altered, manifest_of, summary};

/// What is withheld: a collection with its values, before anybody may have it.
struct Opened {
    summary: SecretsCollectionSummary,
    version: u64,
    secrets: Secrets<SecretValue>,
}

/// A right by which values leave, and what the ledger calls it when they do.
pub trait Releases: Right {
    #[doc(hidden)]
    const DEED: Action;
}

impl Releases for Deliver {
    const DEED: Action = Action::CollectionDeliver;
}

impl Releases for Reveal {
    const DEED: Action = Action::CollectionReveal;
}

/// What is to be released, looked up and not opened.
#[derive(Debug)]
pub struct Prepared<'a, A> {
    access: &'a Access<A>,
    id: CollectionId,
    born: String,
    collection: CollectionRow,
    version: VersionFace,
    current: VersionFace,
    bytes: u64,
}

impl<A> Prepared<'_, A> {
    /// How many bytes all its values have together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
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
    ) -> Result<Outline, ReadError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let (collection, version, current) = self.look_up(access, &born, id, version).await?;
        let chosen = Chosen { application, collection: &collection, version: &version, current: &current };
        let face = self.open_face(&chosen)?;
        let secrets = face.secrets.iter().map(|secret| {
            let place = secret.place()?;
            Some(OutlineSecret {
                secret_type: place.secret_type(),
                location: place.location().to_owned(),
                bytes: secret.bytes,
            })
        });
        let secrets = secrets.collect::<Option<_>>().ok_or_else(|| altered(&chosen))?;
        Ok(Outline { version: version.version, secrets })
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
        run: Option<RunClaimText>,
        now: Timestamp,
    ) -> Result<Delivered, ReadError> {
        self.release(self.prepare(access, id, version).await?, run, now).await
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
        run: Option<RunClaimText>,
        now: Timestamp,
    ) -> Result<Delivered, ReadError> {
        self.release(self.prepare(access, id, version).await?, run, now).await
    }

    /// Looks up what is to be released, and opens nothing but a face: for whoever must know how much it will be.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn prepare<'a, A: Releases>(
        &self,
        access: &'a Access<A>,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Prepared<'a, A>, ReadError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let (collection, version, current) = self.look_up(access, &born, id, version).await?;
        let chosen = Chosen { application, collection: &collection, version: &version, current: &current };
        let bytes = self.open_face(&chosen)?.secrets.iter().map(|secret| secret.bytes).sum();
        Ok(Prepared { access, id: id.clone(), born, collection, version, current, bytes })
    }

    /// Releases what was prepared, if it is still there, once the record about that is durable.
    ///
    /// # Errors
    /// [`ReadError`]; nothing was released then.
    pub async fn release<A: Releases>(
        &self,
        prepared: Prepared<'_, A>,
        run: Option<RunClaimText>,
        now: Timestamp,
    ) -> Result<Delivered, ReadError> {
        let Prepared { access, id, born, collection, version, current, .. } = prepared;
        let application = access.application();
        let contents = self.contents(access, &collection, &version, &id).await?;
        let chosen = Chosen { application, collection: &collection, version: &version, current: &current };
        let withheld = self.open_delivery(&chosen, &contents)?;
        drop(contents);

        let mut transaction = self.begin(access.caller(), now).await?;
        // What was deleted since it was read must not leave any more.
        self.check_application(&mut transaction, access, &born).await?;
        let still = transaction.current_face(&born, id.as_str()).await.map_err(Fault::from)?;
        let still = still.filter(|(row, _)| row.born == collection.born);
        let (row, _) = still.ok_or_else(|| absent(access, &id))?;
        let entry = Entry {
            version: Some(version.version),
            run: run.map(|run| RunClaim::quote(run.host, run.user, run.command)),
            ..Entry::about(A::DEED, application.as_str(), &row, manifest_of(&row)?)
        };
        let receipt = self.record(&mut transaction, access.caller(), entry, now).await?;
        let recorded = Recorded::from(transaction.commit().await.map_err(Fault::from)?);
        tracing::debug!(%receipt, "a release is recorded");
        let Opened { summary, version, secrets } = withheld.release(recorded);
        Ok(Delivered { summary, version, receipt: receipt.to_string(), secrets })
    }

    fn open_delivery(&self, chosen: &Chosen<'_>, contents: &[u8]) -> Result<Withheld<Opened>, Fault> {
        let (_, face, values) = self.open_version(chosen, contents)?;
        let places = face.places().ok_or_else(|| altered(chosen))?;
        let entries = places.into_iter().map(|(place, _)| place).zip(values).collect();
        // The rules of sets held when it was written; what leads to a file system is checked again. The limit of that
        // day is not today's business.
        let secrets = Secrets::settle(entries, Limits::ANY).map_err(|_| altered(chosen))?;
        Ok(Withheld::hold(Opened {
            summary: summary(chosen, &face),
            version: chosen.version.version,
            secrets,
        }))
    }
}
