//! The rows as the rest of the program sees them: plain columns and sealed bytes. No rule about them lives
//! here but that they are whole.
//!
//! Times are microseconds since 1970 in UTC. `born` is the random id of one life of an application or a
//! collection: its readable id may be used again after it was buried, its born id never.

use strongroom_ledger::generation::Generation;
use strongroom_ledger::tree::{Frontier, Hash};

use crate::session::{StoreError, cause};
use crate::value::Row;

/// The instance: one row in ledger 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRow {
    /// The instance's id.
    pub id: String,
    /// Its present generation.
    pub generation: Generation,
    /// When it was made.
    pub created_at: i64,
    /// How many secrets a collection may have.
    pub limit_secrets: u64,
    /// How many bytes a value may have.
    pub limit_bytes: u64,
}

impl InstanceRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text()?,
            generation: read_generation(row)?,
            created_at: row.integer()?,
            limit_secrets: row.count()?,
            limit_bytes: row.count()?,
        })
    }
}

/// A place where the root key comes from, and the root key as wrapped for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// The id of the key that wraps.
    pub key_id: String,
    /// The kind of source.
    pub kind: String,
    /// Where to look for it.
    pub source: String,
    /// The wrapped root key.
    pub wrapped: Vec<u8>,
}

impl SlotRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { key_id: row.text()?, kind: row.text()?, source: row.text()?, wrapped: row.bytes()? })
    }
}

/// The sealed keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringRow {
    /// Counts how often it was sealed anew.
    pub version: u64,
    /// The keyring, sealed under the root key.
    pub sealed: Vec<u8>,
}

impl KeyringRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { version: row.count()?, sealed: row.bytes()? })
    }
}

/// The end of a ledger: where the next record goes, and what it must join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The generation that may append.
    pub generation: Generation,
    // Invariant: its size is the `size` column (`a_head_that_contradicts_itself_is_damage`).
    /// The tree of all records so far.
    pub frontier: Frontier,
}

impl Head {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        let size = row.count()?;
        let generation = read_generation(row)?;
        let frontier = Frontier::parse(&row.bytes()?).map_err(|error| StoreError::Damaged {
            what: "the head of a ledger cannot be read".to_owned(),
            source: Some(cause(error)),
        })?;
        if frontier.size() != size {
            return Err(StoreError::damaged("the head of a ledger contradicts itself"));
        }
        Ok(Self { generation, frontier })
    }
}

/// An audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Its place in the ledger, from 0.
    pub seq: u64,
    /// When it was made.
    pub time: i64,
    /// The readable id of the application it is about; empty when about none.
    pub application_id: String,
    /// The readable id of the collection it is about; empty when about none.
    pub collection_id: String,
    /// The id of the API key it is about; empty when about none.
    pub key_id: String,
    /// The generation it was made in.
    pub generation: Generation,
    /// The leaf of the clear record.
    pub leaf: Hash,
    /// The record, sealed.
    pub sealed: Vec<u8>,
}

impl RecordRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.count()?,
            time: row.integer()?,
            application_id: row.text()?,
            collection_id: row.text()?,
            key_id: row.text()?,
            generation: read_generation(row)?,
            leaf: read_leaf(row)?,
            sealed: row.bytes()?,
        })
    }
}

/// What a request did that may be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatableRow {
    /// Which request it is.
    pub name: [u8; 32],
    /// What it asked for.
    pub request: [u8; 32],
    /// The place of the record that tells what it did.
    pub record: u64,
    /// When that was.
    pub time: i64,
    /// What binds all of this together.
    pub mac: Vec<u8>,
}

impl RepeatableRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        let mut mac =
            || row.bytes()?.try_into().map_err(|_| StoreError::damaged("a MAC is not 32 bytes long"));
        let (name, request) = (mac()?, mac()?);
        Ok(Self { name, request, record: row.count()?, time: row.integer()?, mac: row.bytes()? })
    }
}

/// Which records are asked for: all, or those about one application, one collection id, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordFilter<'a> {
    /// Only about the application with this readable id.
    pub application_id: Option<&'a str>,
    /// Only about collections with this readable id.
    pub collection_id: Option<&'a str>,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: String,
    /// Counts the changes of this row: 1 when it was made, 2 when it was revoked.
    pub epoch: u64,
    /// What it may do and how its token is known, sealed.
    pub sealed: Vec<u8>,
}

/// An API key as it is found, with what else is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFound {
    /// The key.
    pub key: KeyRow,
    /// The newest record that is about this key, if there is any.
    pub newest: Option<RecordRow>,
    /// When it was last used, as far as that was noted.
    pub last_used_at: Option<i64>,
}

impl KeyFound {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        let key = KeyRow { id: row.text()?, epoch: row.count()?, sealed: row.bytes()? };
        let last_used_at = row.optional_integer()?;
        let newest = if row.is_absent() { None } else { Some(RecordRow::read(row)?) };
        Ok(Self { key, newest, last_used_at })
    }
}

/// An application, live or buried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Its readable id.
    pub id: String,
    /// Empty while it lives, else its born id.
    pub tombstone: String,
    /// Its born id.
    pub born: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// When it was buried.
    pub deleted_at: Option<i64>,
    /// Its name and description, sealed.
    pub face: Vec<u8>,
}

impl ApplicationRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text()?,
            tombstone: row.text()?,
            born: row.text()?,
            created_at: row.integer()?,
            updated_at: row.integer()?,
            deleted_at: row.optional_integer()?,
            face: row.bytes()?,
        })
    }
}

/// A secrets collection, live or buried; what it holds is in its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionRow {
    /// The born id of its application.
    pub application: String,
    /// Its readable id.
    pub id: String,
    /// Empty while it lives, else its born id.
    pub tombstone: String,
    /// Its born id.
    pub born: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub updated_at: i64,
    /// When it was buried.
    pub deleted_at: Option<i64>,
    /// Counts the changes of this row.
    pub epoch: u64,
    /// The current version.
    pub version: u64,
    /// The oldest version that is kept.
    pub oldest_version: u64,
    /// That version's link to the one before it.
    pub oldest_chain: Vec<u8>,
    /// The version of the key that wraps the collection's key.
    pub key_version: u64,
    /// The collection's key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// The MAC over what belongs together.
    pub manifest: Vec<u8>,
}

impl CollectionRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            application: row.text()?,
            id: row.text()?,
            tombstone: row.text()?,
            born: row.text()?,
            created_at: row.integer()?,
            updated_at: row.integer()?,
            deleted_at: row.optional_integer()?,
            epoch: row.count()?,
            version: row.count()?,
            oldest_version: row.count()?,
            oldest_chain: row.bytes()?,
            key_version: row.count()?,
            wrapped_key: row.bytes()?,
            manifest: row.bytes()?,
        })
    }
}

/// A version without its values: all that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFace {
    /// Its number.
    pub version: u64,
    /// When it was made.
    pub created_at: i64,
    /// The generation it was made in.
    pub generation: Generation,
    /// What may be shown, sealed.
    pub face: Vec<u8>,
    /// What the sealed values are bound by, so that they need not be read for it.
    pub contents_commitment: Vec<u8>,
    /// Its link to the version before.
    pub chain: Vec<u8>,
}

impl VersionFace {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            version: row.count()?,
            created_at: row.integer()?,
            generation: read_generation(row)?,
            face: row.bytes()?,
            contents_commitment: row.bytes()?,
            chain: row.bytes()?,
        })
    }
}

/// A version with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// What may be shown of it.
    pub face: VersionFace,
    /// All values, sealed as one.
    pub contents: Vec<u8>,
}

impl VersionRow {
    pub(crate) fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { face: VersionFace::read(row)?, contents: row.bytes()? })
    }
}

/// A leaf's bytes as a hash.
pub(crate) fn read_leaf(row: &mut Row) -> Result<Hash, StoreError> {
    let bytes = row.bytes()?.try_into().map_err(|_| StoreError::damaged("a leaf is not 32 bytes long"))?;
    Ok(Hash(bytes))
}

fn read_generation(row: &mut Row) -> Result<Generation, StoreError> {
    Generation::parse(&row.text()?).map_err(|error| StoreError::Damaged {
        what: "a generation cannot be read".to_owned(),
        source: Some(cause(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::values;

    #[test]
    fn a_head_that_contradicts_itself_is_damage() {
        let empty = Frontier::new().to_bytes();
        let read = |size: i64, generation: &str, bytes: &[u8]| {
            Head::read(&mut Row::from(values![size, generation, bytes]))
        };
        assert_eq!(read(0, "1-aaaaaaaa", &empty).expect("the empty ledger").frontier, Frontier::new());
        assert!(matches!(read(1, "1-aaaaaaaa", &empty), Err(StoreError::Damaged { .. })));
        assert!(matches!(read(0, "1-AAAAAAAA", &empty), Err(StoreError::Damaged { .. })));
        assert!(matches!(read(0, "1-aaaaaaaa", &empty[1..]), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_leaf_of_another_length_is_damage() {
        assert!(read_leaf(&mut Row::from(values![&[7u8; 32][..]])).is_ok());
        assert!(matches!(
            read_leaf(&mut Row::from(values![&[7u8; 31][..]])),
            Err(StoreError::Damaged { .. })
        ));
    }
}
