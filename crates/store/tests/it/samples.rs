//! Rows to put in. What is sealed in real life is a word here: to a store all of it is bytes.

use strongroom_ledger::generation::Generation;
use strongroom_ledger::tree::{Frontier, Hash};
use strongroom_store::{
    ApplicationRow, CollectionRow, Head, InstanceRow, RecordRow, Store, Transaction, VersionFace, VersionRow,
};

pub(crate) fn generation() -> Generation {
    Generation::first([1, 2, 3, 4, 5])
}

pub(crate) fn other_generation() -> Generation {
    Generation::first([5, 4, 3, 2, 1])
}

pub(crate) fn instance() -> InstanceRow {
    InstanceRow {
        id: "instance".to_owned(),
        generation: generation(),
        created_at: 1,
        limit_secrets: 100,
        limit_bytes: 65_536,
    }
}

pub(crate) fn head() -> Head {
    Head { generation: generation(), frontier: Frontier::new() }
}

/// A record about a collection, for the place `seq`.
pub(crate) fn record(seq: u64, application_id: &str, collection_id: &str) -> RecordRow {
    RecordRow {
        seq,
        time: 1_000 + seq as i64,
        application_id: application_id.to_owned(),
        collection_id: collection_id.to_owned(),
        key_id: String::new(),
        generation: generation(),
        leaf: Hash([seq as u8; 32]),
        sealed: format!("record {seq}").into_bytes(),
    }
}

/// The frontier with one more leaf.
pub(crate) fn grown(frontier: &Frontier, record: &RecordRow) -> Frontier {
    let mut frontier = frontier.clone();
    frontier.append(record.leaf);
    frontier
}

pub(crate) fn application(id: &str, born: &str) -> ApplicationRow {
    ApplicationRow {
        id: id.to_owned(),
        tombstone: String::new(),
        born: born.to_owned(),
        created_at: 10,
        updated_at: 11,
        deleted_at: None,
        face: format!("face of {born}").into_bytes(),
    }
}

/// A collection at epoch 1 with version 1; each column has a value of its own.
pub(crate) fn collection(application: &str, id: &str, born: &str, created_at: i64) -> CollectionRow {
    CollectionRow {
        application: application.to_owned(),
        id: id.to_owned(),
        tombstone: String::new(),
        born: born.to_owned(),
        created_at,
        updated_at: created_at + 1,
        deleted_at: None,
        epoch: 7,
        version: 1,
        oldest_version: 1,
        oldest_chain: format!("chain before {born}").into_bytes(),
        key_version: 3,
        wrapped_key: format!("key of {born}").into_bytes(),
        manifest: format!("manifest of {born}").into_bytes(),
    }
}

pub(crate) fn version(number: u64) -> VersionRow {
    VersionRow { face: face(number), contents: format!("contents {number}").into_bytes() }
}

pub(crate) fn face(number: u64) -> VersionFace {
    VersionFace {
        version: number,
        created_at: 100 + number as i64,
        generation: generation(),
        face: format!("face {number}").into_bytes(),
        contents_commitment: format!("commitment {number}").into_bytes(),
        chain: format!("chain {number}").into_bytes(),
    }
}

/// Inserts a collection with its version 1.
pub(crate) async fn put(change: &mut Transaction<'_>, collection: &CollectionRow) {
    change.insert_collection(collection).await.expect("a new collection");
    change.insert_version(&collection.born, &version(1)).await.expect("a new version");
}

/// Puts the application `app` (born `a1`) with the collection `col` (born `c1`) into ledger 1, which begins.
pub(crate) async fn furnish(store: &Store) {
    let mut change = store.begin(1).await.expect("a change");
    change.insert_head(&head()).await.expect("a new ledger");
    change.insert_application(&application("app", "a1")).await.expect("a new application");
    put(&mut change, &collection("a1", "col", "c1", 20)).await;
    change.commit().await.expect("a commit");
}
