//! Sealed records, as somebody who can write to the database would leave them: given whole, or one that was sealed and then
//! changed. Nothing opens but what was sealed, where it was sealed for.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../laws.rs"]
mod laws;

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

#[cfg(test)]
use super::laws;
use std::sync::OnceLock;

use strongroom_seal::{CollectionIdentity, CollectionKey, FaceKey, Keyring, OpenError, commitment_of};

const GENERATION: &str = "1-abcdefgh";
const COLLECTION: CollectionIdentity<'static> =
    CollectionIdentity { application: "application-born", born: "collection-born", id: "c" };

struct Keys {
    keyring: Keyring,
    collection: CollectionKey,
    face: FaceKey,
    wrapped: Vec<u8>,
}

pub(crate) fn check(data: &[u8]) {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let keys = KEYS.get_or_init(keys);
    is_refused(keys, data);
    if let Some((length, rest)) = data.split_first() {
        let (plain, changes) = rest.split_at(usize::from(*length).min(rest.len()));
        is_changed(keys, plain, changes);
    }
}

fn keys() -> Keys {
    let keyring = Keyring::random("instance").expect("the system draws");
    let (collection, wrapped) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
    Keys { face: collection.face_key(), collection, wrapped, keyring }
}

/// Bytes that nobody here sealed.
fn is_refused(keys: &Keys, data: &[u8]) {
    let errors = [
        keys.face.open(1, GENERATION, data).err(),
        keys.collection.contents_key().open(1, GENERATION, data).err(),
        keys.keyring.open_collection_key(&COLLECTION, 1, data).err(),
        keys.keyring.open_grant("abcdefghijkl", 1, data).err(),
        keys.keyring.open_audit_record(0, 1, GENERATION, data).err(),
    ];
    for error in errors {
        laws::is_silent(&error.expect("no key of ours sealed this"));
    }
    if let Some(commitment) = commitment_of(data) {
        assert_eq!(data[50..82], commitment, "it stands where the format says");
    }
}

/// What was sealed opens; changed anywhere, or asked for elsewhere, it does not.
fn is_changed(keys: &Keys, plain: &[u8], changes: &[u8]) {
    let sealed = keys.face.seal(1, GENERATION, plain).expect("short enough");
    let opened = keys.face.open(1, GENERATION, &sealed).expect("its own key and place");
    assert_eq!(&opened[..], plain);
    let elsewhere = [
        keys.face.open(2, GENERATION, &sealed).err(),
        keys.face.open(1, "2-abcdefgh", &sealed).err(),
        keys.collection.contents_key().open(1, GENERATION, &sealed).err(),
    ];
    assert_eq!(elsewhere, [Some(OpenError::NotAuthentic); 3], "in another place");

    for sealed in [&sealed, &keys.wrapped] {
        let mut changed = sealed.clone();
        for change in changes.chunks_exact(3).take(8) {
            let at = usize::from(u16::from_be_bytes([change[0], change[1]]));
            match at.checked_rem(changed.len() + 1) {
                Some(at) if at < changed.len() => changed[at] = change[2],
                _ => changed.truncate(changed.len().saturating_sub(usize::from(change[2]))),
            }
        }
        if changed != **sealed {
            is_refused(keys, &changed);
        }
    }
}
