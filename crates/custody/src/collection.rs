//! Secrets collections: created, listed, looked at (masked), deleted; and the versions of one. How one changes is
//! `update`. Everything here shows masks at most; values leave through `delivery` alone.

use strongroom_ledger::record::Action;
use strongroom_seal::random;
use strongroom_secrets::{CollectionId, Mask, NewCollection, SecretValue, SecretsCollection};
use strongroom_secrets::{SecretsCollectionSummary, Timestamp};
use strongroom_store::{ChangeError, CollectionRow, Transaction, VersionFace, VersionRow};

use crate::access::{Access, List, Write};
use crate::custodian::{Custodian, Entry, LEDGER, born, head, random_fault};
use crate::error::{Absent, CreateError, Fault, ReadError};
use crate::fresh::{Look, is_told};
use crate::merge::Changes;
use crate::page::Page;
use crate::update::{Updated, oldest_kept};
use crate::version::{Chosen, Plain, collection_id, identity, lost, manifest_mac, new_value_id, summary};

/// How many rows one statement reads.
const PAGE: u32 = 200;

/// A place in the list of an application's collections: after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionMark {
    /// When the collection was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: CollectionId,
}

impl CollectionMark {
    fn of(summary: &SecretsCollectionSummary) -> Option<Self> {
        Some(Self { created_at: summary.created_at, id: CollectionId::parse(&summary.id).ok()? })
    }
}

impl Custodian {
    /// Creates a collection: its first version is the next number of its id, which is 1 unless the id was used before.
    ///
    /// # Errors
    /// [`CreateError`]; nothing was created then.
    pub async fn create(
        &self,
        access: &Access<Write>,
        new: NewCollection,
        now: Timestamp,
    ) -> Result<Updated, CreateError> {
        access.of_whole_application()?;
        let application = access.application();
        let id = match new.id {
            Some(id) => id,
            None => CollectionId::from_random(random::bytes().map_err(random_fault)?),
        };
        let born = self.application_row(access).await?.born;
        let mut transaction = self.begin(access.caller(), now).await?;
        let row = transaction.application(application.as_str()).await.map_err(Fault::from)?;
        let row =
            row.filter(|row| row.born == born).ok_or_else(|| Absent::Application(application.clone()))?;
        let version =
            transaction.next_version(application.as_str(), id.as_str()).await.map_err(Fault::from)?;

        let entries = new.secrets.into_entries();
        let values: Vec<&SecretValue> = entries.iter().map(|(_, value)| value).collect();
        let mut secrets = Vec::with_capacity(entries.len());
        for (place, _) in &entries {
            secrets.push((place.clone(), new_value_id()?));
        }
        let name = new.name.unwrap_or_else(|| id.to_string());
        let plain = Plain {
            version,
            name: &name,
            description: &new.description,
            created_by: &access.caller().actor().name,
            collection_created_at: now.as_micros(),
            secrets: &secrets,
            values: &values,
            previous: None,
        };
        let (collection, manifest, sealed) =
            self.seal_first(&mut transaction, &row.born, &id, &plain, now).await?;
        match transaction.insert_collection(&collection).await {
            Err(ChangeError::Exists) => {
                return Err(CreateError::Exists { application: application.clone(), id });
            }
            other => other.map_err(Fault::from)?,
        }
        transaction.insert_version(&collection.born, &sealed).await.map_err(Fault::from)?;
        let entry = Entry::about(Action::CollectionCreate, application.as_str(), &collection, manifest);
        self.record(&mut transaction, access.caller(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;

        let added = secrets.into_iter().map(|(place, _)| place).collect();
        let summary = SecretsCollectionSummary {
            id: id.to_string(),
            application_id: application.to_string(),
            name,
            description: new.description,
            created_at: now,
            updated_at: now,
        };
        Ok(Updated { summary, version, changes: Changes { added, ..Changes::default() } })
    }

    async fn seal_first(
        &self,
        transaction: &mut Transaction<'_>,
        application_born: &str,
        id: &CollectionId,
        plain: &Plain<'_>,
        now: Timestamp,
    ) -> Result<(CollectionRow, [u8; 32], VersionRow), Fault> {
        let generation = head(transaction).await?.generation;
        let mut row = CollectionRow {
            application: application_born.to_owned(),
            id: id.to_string(),
            tombstone: String::new(),
            born: born()?,
            created_at: now.as_micros(),
            updated_at: now.as_micros(),
            deleted_at: None,
            epoch: 1,
            version: plain.version,
            oldest_version: plain.version,
            oldest_chain: Vec::new(),
            key_version: 1,
            wrapped_key: Vec::new(),
            manifest: Vec::new(),
        };
        let (key, wrapped) = self.keyring.new_collection_key(&identity(&row), row.key_version)?;
        row.wrapped_key = wrapped;
        let sealed = self.seal_version(&key, application_born, plain, generation, now)?;
        row.oldest_chain.clone_from(&sealed.face.chain);
        let manifest = manifest_mac(&key.manifest_key(), &row, &sealed.face)?;
        row.manifest = manifest.to_vec();
        Ok((row, manifest, sealed))
    }

    /// The collections of an application that the caller may know of, by creation and id: those after a mark, as many as
    /// the limit says; all of them without.
    ///
    /// # Errors
    /// [`Absent::Application`].
    pub async fn list(
        &self,
        access: &Access<List>,
        after: Option<&CollectionMark>,
        limit: Option<u32>,
    ) -> Result<Page<SecretsCollectionSummary, CollectionMark>, ReadError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let mut items = Vec::new();
        let mut after = after.map(|mark| (mark.created_at.as_micros(), mark.id.to_string()));
        loop {
            let from = after.as_ref().map(|(at, id)| (*at, id.as_str()));
            let page = self.store.collections(LEDGER, &born, from, PAGE).await.map_err(Fault::from)?;
            for (collection, version) in &page {
                if !access.covers(&collection_id(collection)?) {
                    continue;
                }
                if items.len() == limit {
                    return Ok(Page::cut(items, CollectionMark::of));
                }
                let told = self.told_of(application, &collection.id).await?;
                let newest = match is_told(Some(collection), told.as_deref(), &born) {
                    true if access.covers_born(&collection.born) => {
                        Some((collection.clone(), version.clone()))
                    }
                    _ => self.newest_or_none(access, &born, collection).await?,
                };
                let Some((collection, version)) = &newest else { continue };
                let chosen = Chosen { application, collection, version, current: version };
                items.push(summary(&chosen, &*self.open_face(&chosen)?));
            }
            match page.last() {
                Some((row, _)) if page.len() == PAGE as usize => {
                    after = Some((row.created_at, row.id.clone()))
                }
                _ => return Ok(Page { items, next: None }),
            }
        }
    }

    /// A collection or one of its versions, its values masked, and the number of that version.
    ///
    /// # Errors
    /// [`Absent`].
    pub async fn get(
        &self,
        access: &Access<List>,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<(SecretsCollection<Mask>, u64), ReadError> {
        let application = access.application();
        let born = self.application_row(access).await?.born;
        let (collection, face, current) = self.look_up(access, &born, id, version).await?;
        let chosen = Chosen { application, collection: &collection, version: &face, current: &current };
        Ok((self.show(&chosen)?, face.version))
    }

    /// The live collection of an id and its current version, once they are the newest. Nothing is opened yet.
    pub(crate) async fn newest<A>(
        &self,
        access: &Access<A>,
        born: &str,
        id: &CollectionId,
    ) -> Result<(CollectionRow, VersionFace), ReadError> {
        if !access.covers(id) {
            return Err(absent(access, id).into());
        }
        let mut look = Look::default();
        loop {
            let found = self.store.current_face(LEDGER, born, id.as_str()).await.map_err(Fault::from)?;
            let told = self.told_of(access.application(), id.as_str()).await?;
            let row = found.as_ref().map(|(row, _)| row);
            let born_as = row.map(|row| format!(" (born {})", row.born)).unwrap_or_default();
            let what = format!("secrets collection {id} in application {}{born_as}", access.application());
            let seen = row.map(|row| (row.born.as_str(), row.epoch));
            if look.stands(&what, seen, is_told(row, told.as_deref(), born))? {
                let found = found.filter(|(row, _)| access.covers_born(&row.born));
                return found.ok_or_else(|| absent(access, id).into());
            }
        }
    }

    /// The same for a row that was listed a moment ago; none when it was deleted since.
    async fn newest_or_none<A>(
        &self,
        access: &Access<A>,
        born: &str,
        listed: &CollectionRow,
    ) -> Result<Option<(CollectionRow, VersionFace)>, ReadError> {
        match self.newest(access, born, &collection_id(listed)?).await {
            Err(ReadError::Absent(_)) => Ok(None),
            newest => newest.map(Some),
        }
    }

    /// A live collection, one version of it without values (the current one where none is named), and the current one.
    pub(crate) async fn look_up<A>(
        &self,
        access: &Access<A>,
        born: &str,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<(CollectionRow, VersionFace, VersionFace), ReadError> {
        let (collection, current) = self.newest(access, born, id).await?;
        let number = version.unwrap_or(collection.version);
        if number == collection.version {
            return Ok((collection, current.clone(), current));
        }
        let found = self.store.version_face(LEDGER, born, id.as_str(), number).await.map_err(Fault::from)?;
        let found = found.filter(|(row, _)| row.born == collection.born);
        let (row, face) = found.ok_or_else(|| absent(access, id))?;
        let face = face.ok_or_else(|| missing(access, id, &row, number))?;
        Ok((collection, face, current))
    }

    /// The sealed values of a version that was looked up.
    pub(crate) async fn contents<A>(
        &self,
        access: &Access<A>,
        collection: &CollectionRow,
        face: &VersionFace,
        id: &CollectionId,
    ) -> Result<Vec<u8>, ReadError> {
        let version =
            self.store.version_of(LEDGER, &collection.born, face.version).await.map_err(Fault::from)?;
        match version {
            Some(version) if version.face == *face => Ok(version.contents),
            Some(_) => Err(lost(access.application(), collection, face.version).into()),
            // It was pruned, or its collection destroyed, since it was looked up.
            None => Err(Absent::Version { id: id.clone(), version: face.version }.into()),
        }
    }

    /// Inside a transaction: the application is still the one that the caller looked at.
    pub(crate) async fn check_application<A>(
        &self,
        transaction: &mut Transaction<'_>,
        access: &Access<A>,
        born: &str,
    ) -> Result<(), ReadError> {
        let id = access.application();
        match transaction.application(id.as_str()).await.map_err(Fault::from)? {
            Some(row) if row.born == born => Ok(()),
            _ => Err(Absent::Application(id.clone()).into()),
        }
    }
}

pub(crate) fn absent<A>(access: &Access<A>, id: &CollectionId) -> Absent {
    Absent::Collection { application: access.application().clone(), id: id.clone() }
}

/// Why a version is not there: it never was, or is not kept; or it should be, and somebody took it away.
fn missing<A>(access: &Access<A>, id: &CollectionId, row: &CollectionRow, version: u64) -> ReadError {
    if (row.oldest_version..=row.version).contains(&version) {
        return lost(access.application(), row, version).into();
    }
    Absent::Version { id: id.clone(), version }.into()
}

/// The first version that should be among all kept ones and is not. They may have been read later than the row.
pub(crate) fn first_gap(row: &CollectionRow, versions: &[VersionFace]) -> Option<u64> {
    let newest = versions.last().map_or(row.version, |last| last.version.max(row.version));
    let mut found = versions.iter().map(|version| version.version);
    (oldest_kept(row.oldest_version, newest)..=newest).find(|expected| found.next() != Some(*expected))
}
