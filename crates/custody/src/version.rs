//! One version of a collection: sealing it, checking it against the collection's manifest, and opening what a caller
//! may have of it. Every way to a face or to values leads through here.

use std::sync::Arc;

use strongroom_ledger::Generation;
use strongroom_seal::random;
use strongroom_seal::{
    CollectionIdentity, CollectionKey, FaceKey, Keyring, Manifest, ManifestKey, SealError, commitment_of,
};
use strongroom_secrets::{ApplicationId, CollectionId, Mask, Place, Secret, SecretValue, SecretsCollection};
use strongroom_secrets::{SecretsCollectionSummary, Timestamp, ValueId};
use strongroom_store::{CollectionRow, VersionFace, VersionRow};

use crate::custodian::{Custodian, random_fault};
use crate::error::Fault;
use crate::face::{Face, FaceSecret};
use crate::memo::Shown;

/// A version to be sealed.
pub(crate) struct Plain<'a> {
    pub(crate) version: u64,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) created_by: &'a str,
    /// When the collection was made.
    pub(crate) collection_created_at: i64,
    pub(crate) secrets: &'a [(Place, ValueId)],
    /// The values, in the order of `secrets`.
    pub(crate) values: &'a [&'a SecretValue],
    /// The chain value of the version before it.
    pub(crate) previous: Option<&'a [u8; 32]>,
}

/// A collection's row with the version chosen from it.
pub(crate) struct Chosen<'a> {
    pub(crate) application: &'a ApplicationId,
    pub(crate) collection: &'a CollectionRow,
    pub(crate) version: &'a VersionFace,
    /// The collection's current version, which its manifest binds; where that was chosen, the same.
    pub(crate) current: &'a VersionFace,
}

impl Chosen<'_> {
    /// Whether it is what most ask for: of a collection's many versions no other is remembered.
    fn is_current(&self) -> bool {
        self.version.version == self.collection.version
    }

    /// What the opened face of a current version depends on.
    fn rows(&self) -> Shown {
        (self.collection.clone(), self.version.clone())
    }
}

impl Custodian {
    /// Seals a version of a collection. The plaintext is read here for the last time.
    pub(crate) fn seal_version(
        &self,
        key: &CollectionKey,
        application_born: &str,
        plain: &Plain<'_>,
        generation: Generation,
        now: Timestamp,
    ) -> Result<VersionRow, SealError> {
        let text = generation.to_string();
        let digest = |value| hex(&self.keyring.digest(application_born, value));
        let secrets = plain.secrets.iter().zip(plain.values);
        let face = Face {
            name: plain.name.to_owned(),
            description: plain.description.to_owned(),
            created_by: plain.created_by.to_owned(),
            collection_created_at: plain.collection_created_at,
            created_at: now.as_micros(),
            secrets: secrets
                .map(|((place, id), value)| FaceSecret::new(place, id, value.len() as u64, digest(value)))
                .collect(),
        }
        .to_bytes();
        let digests = (self.keyring.digest_of_face(&face), self.keyring.digest_of_contents(plain.values));
        let contents = key.contents_key().seal(plain.version, &text, plain.values)?;
        Ok(VersionRow {
            face: VersionFace {
                version: plain.version,
                created_at: now.as_micros(),
                generation,
                face: key.face_key().seal(plain.version, &text, &face)?,
                contents_commitment: commitment_of(&contents).unwrap_or_default().to_vec(),
                chain: self.keyring.chain(plain.previous, plain.version, &digests.0, &digests.1).to_vec(),
            },
            contents,
        })
    }

    /// The masked collection of a version.
    pub(crate) fn show(&self, chosen: &Chosen<'_>) -> Result<SecretsCollection<Mask>, Fault> {
        if !chosen.is_current() {
            return self.show_anew(chosen);
        }
        let rows = chosen.rows();
        let shown = self.memos.masked.opened(rows.0.born.clone(), rows, || self.show_anew(chosen))?;
        Ok(SecretsCollection::clone(&shown))
    }

    fn show_anew(&self, chosen: &Chosen<'_>) -> Result<SecretsCollection<Mask>, Fault> {
        let face = self.open_face(chosen)?;
        let id = collection_id(chosen.collection)?;
        let mask = |(place, value_id): (Place, ValueId)| Secret {
            secret_type: place.secret_type(),
            location: place.location().to_owned(),
            value: self.keyring.mask(chosen.application, &id, &place, &value_id),
        };
        let places = face.places().ok_or_else(|| altered(chosen))?;
        Ok(SecretsCollection {
            summary: summary(chosen, &face),
            secrets: places.into_iter().map(mask).collect(),
        })
    }

    /// The face of a version, once the collection's manifest and the face agree.
    pub(crate) fn open_face(&self, chosen: &Chosen<'_>) -> Result<Arc<Face>, Fault> {
        if !chosen.is_current() {
            return self.open_face_anew(chosen).map(Arc::new);
        }
        let rows = chosen.rows();
        self.memos.faces.opened(rows.0.born.clone(), rows, || self.open_face_anew(chosen))
    }

    fn open_face_anew(&self, chosen: &Chosen<'_>) -> Result<Face, Fault> {
        let row = chosen.collection;
        let (face_key, manifest_key) = self
            .keyring
            .open_face_key(&identity(row), row.key_version, &row.wrapped_key)
            .map_err(|source| integrity(chosen, source))?;
        check_manifest(&manifest_key, chosen)?;
        parse_face(&face_key, chosen)
    }

    /// The face and the values of a version. Whoever calls this holds the values back until they are recorded.
    pub(crate) fn open_version(
        &self,
        chosen: &Chosen<'_>,
        contents: &[u8],
    ) -> Result<(CollectionKey, Face, Vec<SecretValue>), Fault> {
        let row = chosen.collection;
        let version = chosen.version;
        // The manifest binds the commitment; the commitment must be that of these very bytes.
        if commitment_of(contents).is_none_or(|bound| bound[..] != version.contents_commitment) {
            return Err(altered(chosen));
        }
        let key = self
            .keyring
            .open_collection_key(&identity(row), row.key_version, &row.wrapped_key)
            .map_err(|source| integrity(chosen, source))?;
        check_manifest(&key.manifest_key(), chosen)?;
        let face = parse_face(&key.face_key(), chosen)?;
        let values = key
            .contents_key()
            .open(version.version, &version.generation.to_string(), contents)
            .map_err(|source| integrity(chosen, source))?;
        let lengths = face.secrets.iter().map(|secret| secret.bytes);
        if !lengths.eq(values.iter().map(|value| value.len() as u64)) {
            return Err(altered(chosen));
        }
        Ok((key, face, values))
    }

    /// Whether a version of a collection is what was sealed, and follows from the one before it, where that is kept.
    pub(crate) fn follows(
        &self,
        row: &CollectionRow,
        version: &VersionRow,
        before: Option<&VersionFace>,
    ) -> bool {
        self.chain_of(row, version, before).is_some_and(|chain| match before {
            Some(_) => version.face.chain == chain,
            // What the oldest one followed from may be gone; its chain value is in the manifest.
            None => version.face.chain == row.oldest_chain,
        })
    }

    /// The chain value that a version should have; `None` where it does not open.
    fn chain_of(
        &self,
        row: &CollectionRow,
        version: &VersionRow,
        before: Option<&VersionFace>,
    ) -> Option<[u8; 32]> {
        let VersionRow { face, contents } = version;
        if commitment_of(contents)?[..] != face.contents_commitment {
            return None;
        }
        let key = self.keyring.open_collection_key(&identity(row), row.key_version, &row.wrapped_key).ok()?;
        let generation = face.generation.to_string();
        let plain = key.face_key().open(face.version, &generation, &face.face).ok()?;
        Face::parse(&plain).filter(|plain| agrees(plain, row, face))?;
        let values = key.contents_key().open(face.version, &generation, contents).ok()?;
        let previous = before.map(|before| before.chain.as_slice().try_into()).transpose().ok()?;
        let digests = (self.keyring.digest_of_face(&plain), self.keyring.digest_of_contents(&values));
        Some(self.keyring.chain(previous, face.version, &digests.0, &digests.1))
    }
}

/// The MAC of a collection's manifest, for its row and its audit record. `current` is its current version.
pub(crate) fn manifest_mac(
    key: &ManifestKey,
    row: &CollectionRow,
    current: &VersionFace,
) -> Result<[u8; 32], Fault> {
    let manifest = manifest(row, current).ok_or_else(|| Fault::Integrity {
        what: format!("secrets collection {} (born {})", row.id, row.born),
        source: None,
    })?;
    Ok(key.mac(&manifest))
}

/// The MAC that a row keeps.
pub(crate) fn manifest_of(row: &CollectionRow) -> Result<[u8; 32], Fault> {
    row.manifest.as_slice().try_into().map_err(|_| Fault::Integrity {
        what: format!("secrets collection {} (born {})", row.id, row.born),
        source: None,
    })
}

/// Whether a collection's row and its current version are those that its manifest was made for.
pub(crate) fn manifest_holds(keyring: &Keyring, row: &CollectionRow, current: &VersionFace) -> bool {
    let keys = keyring.open_face_key(&identity(row), row.key_version, &row.wrapped_key);
    match (keys, manifest(row, current)) {
        (Ok((_, key)), Some(manifest)) => key.verify(&manifest, &row.manifest),
        _ => false,
    }
}

/// `None` when a column has not the size of what belongs there.
fn manifest<'a>(row: &'a CollectionRow, current: &VersionFace) -> Option<Manifest<'a>> {
    Some(Manifest {
        collection_id: &row.id,
        born: &row.born,
        live: row.tombstone.is_empty(),
        epoch: row.epoch,
        key_version: row.key_version,
        version: row.version,
        face_commitment: commitment_of(&current.face)?,
        contents_commitment: current.contents_commitment.as_slice().try_into().ok()?,
        chain: current.chain.as_slice().try_into().ok()?,
        oldest_version: row.oldest_version,
        oldest_chain: row.oldest_chain.as_slice().try_into().ok()?,
    })
}

/// The manifest binds the row and the current version's bytes. An older version is bound by its own seal, which names
/// it, and by the chain that `verify` walks; that it is still kept is said by the manifest.
fn check_manifest(key: &ManifestKey, chosen: &Chosen<'_>) -> Result<(), Fault> {
    let row = chosen.collection;
    let number = chosen.version.version;
    let current = if number == row.version { chosen.version } else { chosen.current };
    let kept = (row.oldest_version..=row.version).contains(&number);
    match manifest(row, current) {
        Some(manifest) if kept && key.verify(&manifest, &row.manifest) => Ok(()),
        _ => Err(altered(chosen)),
    }
}

fn parse_face(key: &FaceKey, chosen: &Chosen<'_>) -> Result<Face, Fault> {
    let version = chosen.version;
    let bytes = key
        .open(version.version, &version.generation.to_string(), &version.face)
        .map_err(|source| integrity(chosen, source))?;
    let face = Face::parse(&bytes).filter(|face| agrees(face, chosen.collection, version));
    face.ok_or_else(|| altered(chosen))
}

/// Whether the times beside a face are those it was sealed with.
fn agrees(face: &Face, row: &CollectionRow, version: &VersionFace) -> bool {
    face.collection_created_at == row.created_at && face.created_at == version.created_at
}

pub(crate) fn summary(chosen: &Chosen<'_>, face: &Face) -> SecretsCollectionSummary {
    SecretsCollectionSummary {
        id: chosen.collection.id.clone(),
        application_id: chosen.application.to_string(),
        name: face.name.clone(),
        description: face.description.clone(),
        created_at: Timestamp::from_micros(chosen.collection.created_at),
        updated_at: Timestamp::from_micros(chosen.version.created_at),
    }
}

pub(crate) fn identity(row: &CollectionRow) -> CollectionIdentity<'_> {
    CollectionIdentity { application: &row.application, born: &row.born, id: &row.id }
}

/// The id of a row, parsed again: a row is not trusted.
pub(crate) fn collection_id(row: &CollectionRow) -> Result<CollectionId, Fault> {
    CollectionId::parse(&row.id)
        .map_err(|_| Fault::Integrity { what: format!("collection born {}", row.born), source: None })
}

fn name(application: &ApplicationId, row: &CollectionRow, version: u64) -> String {
    format!(
        "version {version} of secrets collection {} in application {application} (born {})",
        row.id, row.born
    )
}

pub(crate) fn altered(chosen: &Chosen<'_>) -> Fault {
    lost(chosen.application, chosen.collection, chosen.version.version)
}

/// A version that is not there, or not as it was written.
pub(crate) fn lost(application: &ApplicationId, row: &CollectionRow, version: u64) -> Fault {
    Fault::Integrity { what: name(application, row, version), source: None }
}

fn integrity(chosen: &Chosen<'_>, source: strongroom_seal::OpenError) -> Fault {
    let what = name(chosen.application, chosen.collection, chosen.version.version);
    Fault::Integrity { what, source: Some(source) }
}

/// A new value gets a new id.
pub(crate) fn new_value_id() -> Result<ValueId, Fault> {
    Ok(ValueId::from_random(random::bytes().map_err(random_fault)?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
