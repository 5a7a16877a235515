//! Face, contents and manifest of versions; masks, digests and chain values.

use strongroom_seal::{
    CollectionIdentity, CollectionKey, Keyring, MAX_PLAINTEXT, Manifest, OpenError, SealError, commitment_of,
};
use strongroom_secrets::{ApplicationId, CollectionId, Mask, Place, SecretType, SecretValue, ValueId};
use zeroize::Zeroizing;

use crate::keys::COLLECTION;

const GENERATION: &str = "1-abcdefgh";

fn keyring() -> Keyring {
    Keyring::random("instance").expect("the system draws")
}

fn collection_key(keyring: &Keyring) -> CollectionKey {
    keyring.new_collection_key(&COLLECTION, 1).expect("the system draws").0
}

fn value(text: &str) -> SecretValue {
    SecretValue::from(Zeroizing::new(text.to_owned()))
}

fn texts(values: &[SecretValue]) -> Vec<&str> {
    values.iter().map(SecretValue::expose).collect()
}

#[test]
fn values_come_back_in_order_whatever_their_length() {
    let key = collection_key(&keyring()).contents_key();
    let long = "x".repeat(65_536);
    let values = [value("first"), value(""), value("1"), value(&long), value("multi\nline\n")];
    let sealed = key.seal(1, GENERATION, &values).expect("short enough");
    let opened = key.open(1, GENERATION, &sealed).expect("its own key");
    assert_eq!(texts(&opened), ["first", "", "1", &long, "multi\nline\n"]);
    let none = key.seal::<SecretValue>(1, GENERATION, &[]).expect("short enough");
    assert!(key.open(1, GENERATION, &none).expect("its own key").is_empty());
}

#[test]
fn contents_at_the_limit_open_and_one_byte_more_is_refused_with_both_sizes() {
    let key = collection_key(&keyring()).contents_key();
    let longest = MAX_PLAINTEXT - 8;
    let sealed = key.seal(1, GENERATION, &[value(&"x".repeat(longest))]).expect("the limit itself");
    assert_eq!(key.open(1, GENERATION, &sealed).expect("its own key")[0].len(), longest);
    let error = key.seal(1, GENERATION, &[value(&"x".repeat(longest + 1))]).expect_err("one byte more");
    assert!(matches!(error, SealError::TooLarge { size, limit } if size == limit + 1), "{error}");
    assert!(error.to_string().contains("16777217") && error.to_string().contains("16777216"), "{error}");
}

#[test]
fn swapped_contents_of_two_versions_open_for_neither() {
    let key = collection_key(&keyring()).contents_key();
    let first = key.seal(1, GENERATION, &[value("old")]).expect("short enough");
    let second = key.seal(2, GENERATION, &[value("new")]).expect("short enough");
    assert_eq!(key.open(1, GENERATION, &second).err(), Some(OpenError::NotAuthentic));
    assert_eq!(key.open(2, GENERATION, &first).err(), Some(OpenError::NotAuthentic));
    assert_eq!(key.open(1, "2-abcdefgh", &first).err(), Some(OpenError::NotAuthentic));
    assert_eq!(texts(&key.open(1, GENERATION, &first).expect("its own place")), ["old"]);
}

#[test]
fn a_row_copied_to_another_collection_does_not_open_there() {
    let keyring = keyring();
    let other = CollectionIdentity { born: "other-born", ..COLLECTION };
    let (key, wrapped) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
    let (other_key, _) = keyring.new_collection_key(&other, 1).expect("the system draws");
    let sealed = key.contents_key().seal(1, GENERATION, &[value("mine")]).expect("short enough");
    // With the other's key, the record names a key that is not at hand; with its own wrapped key copied along, that
    // does not open for the other collection.
    let error = other_key.contents_key().open(1, GENERATION, &sealed).expect_err("copied");
    assert!(matches!(error, OpenError::OtherKey { .. }), "{error}");
    assert_eq!(keyring.open_collection_key(&other, 1, &wrapped).err(), Some(OpenError::NotAuthentic));
    assert!(key.contents_key().open(1, GENERATION, &sealed).is_ok());
}

#[test]
fn whoever_reads_faces_cannot_open_values() {
    let keyring = keyring();
    let (key, wrapped) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
    let face = key.face_key().seal(1, GENERATION, b"shown").expect("short");
    let contents = key.contents_key().seal(1, GENERATION, &[value("hidden")]).expect("short");
    let (face_key, _) = keyring.open_face_key(&COLLECTION, 1, &wrapped).expect("its own keyring");
    assert_eq!(*face_key.open(1, GENERATION, &face).expect("its own key"), b"shown");
    assert_eq!(face_key.open(1, GENERATION, &contents).err(), Some(OpenError::NotAuthentic));
    assert!(key.contents_key().open(1, GENERATION, &face).is_err());
}

#[test]
fn neither_the_number_of_secrets_nor_a_length_shows() {
    let key = collection_key(&keyring()).contents_key();
    let sealed = |values: &[SecretValue]| key.seal(1, GENERATION, values).expect("short enough").len();
    assert_eq!(sealed(&[value("a")]), sealed(&[value("a longer one"), value("and"), value("another")]));
}

#[test]
fn damaged_contents_never_open() {
    let key = collection_key(&keyring()).contents_key();
    let sealed = key.seal(1, GENERATION, &[value("hunter2")]).expect("short enough");
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open(1, GENERATION, &flipped).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        let error = key.open(1, GENERATION, &sealed[..length]).expect_err("cut short");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn a_manifest_holds_for_exactly_its_state() {
    let key = collection_key(&keyring());
    let face = key.face_key().seal(4, GENERATION, b"face").expect("short");
    let contents = key.contents_key().seal(4, GENERATION, &[value("v")]).expect("short");
    let state = Manifest {
        collection_id: COLLECTION.id,
        born: COLLECTION.born,
        live: true,
        epoch: 9,
        key_version: 1,
        version: 4,
        face_commitment: commitment_of(&face).expect("a record"),
        contents_commitment: commitment_of(&contents).expect("a record"),
        chain: [4; 32],
        oldest_version: 2,
        oldest_chain: [2; 32],
    };
    let key = key.manifest_key();
    let mac = key.mac(&state);
    assert!(key.verify(&state, &mac));
    assert!(!key.verify(&state, &mac[..31]));
    let changed = [
        Manifest { collection_id: "other", ..state },
        Manifest { born: "other", ..state },
        Manifest { live: false, ..state },
        Manifest { epoch: 8, ..state },
        Manifest { key_version: 2, ..state },
        Manifest { version: 3, ..state },
        Manifest { face_commitment: [0; 32], ..state },
        Manifest { contents_commitment: state.face_commitment, ..state },
        Manifest { chain: [5; 32], ..state },
        Manifest { oldest_version: 1, ..state },
        Manifest { oldest_chain: [1; 32], ..state },
    ];
    for other in changed {
        assert!(!key.verify(&other, &mac), "{other:?}");
    }
    assert!(!collection_key(&keyring()).manifest_key().verify(&state, &mac));
}

#[test]
fn a_mask_holds_for_exactly_its_place() {
    let keyring = keyring();
    let application = |id| ApplicationId::parse(id).expect("an id");
    let collection = |id| CollectionId::parse(id).expect("an id");
    let env = |name| Place::parse(SecretType::Env, name).expect("a name");
    let file = |path| Place::parse(SecretType::File, path).expect("a path");
    let id = ValueId::from_random([1; 10]);
    let mask = keyring.mask(&application("routing"), &collection("licences"), &env("API_KEY"), &id);
    assert_eq!(mask.value_id(), &id);

    let check = |app, coll, place: Place, mask: &Mask, expected| {
        assert_eq!(keyring.is_mask_of(&application(app), &collection(coll), &place, mask), expected);
    };
    check("routing", "licences", env("API_KEY"), &mask, true);
    check("other", "licences", env("API_KEY"), &mask, false);
    check("routing", "other", env("API_KEY"), &mask, false);
    check("routing", "licences", env("API_KEZ"), &mask, false);
    check("routing", "licences", file("API_KEY"), &mask, false);
    let other_value = Mask::from_parts(ValueId::from_random([2; 10]), *mask.mac());
    check("routing", "licences", env("API_KEY"), &other_value, false);
    for byte in 0..16 {
        let mut mac = *mask.mac();
        mac[byte] ^= 1;
        check("routing", "licences", env("API_KEY"), &Mask::from_parts(id.clone(), mac), false);
    }
    let elsewhere = self::keyring();
    assert!(!elsewhere.is_mask_of(&application("routing"), &collection("licences"), &env("API_KEY"), &mask));
}

#[test]
fn digests_are_equal_for_equal_values_of_one_application() {
    let keyring = keyring();
    let digest = keyring.digest("born", &value("hunter2"));
    assert_eq!(keyring.digest("born", &value("hunter2")), digest);
    assert_ne!(keyring.digest("born", &value("hunter3")), digest);
    assert_ne!(keyring.digest("other", &value("hunter2")), digest);
    assert_ne!(self::keyring().digest("born", &value("hunter2")), digest);
}

#[test]
fn a_chain_value_fixes_its_version_and_all_before() {
    let keyring = keyring();
    let face = keyring.digest_of_face(b"face");
    let contents = keyring.digest_of_contents(&[value("a"), value("b")]);
    let chain = keyring.chain(Some(&[1; 32]), 2, &face, &contents);
    assert_eq!(keyring.chain(Some(&[1; 32]), 2, &face, &contents), chain);
    assert_ne!(keyring.chain(Some(&[2; 32]), 2, &face, &contents), chain);
    assert_ne!(keyring.chain(None, 2, &face, &contents), chain);
    assert_ne!(keyring.chain(Some(&[1; 32]), 3, &face, &contents), chain);
    assert_ne!(keyring.chain(Some(&[1; 32]), 2, &keyring.digest_of_face(b"fade"), &contents), chain);
    let others: [&[&str]; 4] = [&["b", "a"], &["ab"], &["ab", ""], &["a", "b", ""]];
    for other in others {
        let values: Vec<_> = other.iter().copied().map(value).collect();
        let other = keyring.digest_of_contents(&values);
        assert_ne!(other, contents);
        assert_ne!(keyring.chain(Some(&[1; 32]), 2, &face, &other), chain);
    }
}
