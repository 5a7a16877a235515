//! The known answers in `vectors/`: each is made again, byte for byte, and opened through the public types. They come
//! from `vectors/make.py`, which knows the documentation of these files and not their code.

use std::path::Path;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use strongroom_secrets::{ApplicationId, CollectionId, Place, SecretType, SecretValue, ValueId};
use zeroize::Zeroizing;

use crate::collection::{CollectionIdentity, CollectionKey};
use crate::context::{Context, Purpose};
use crate::keyfile;
use crate::keyring::{ApplicationIdentity, Keyring};
use crate::keys::{Key, SlotKey};
use crate::manifest::{Manifest, ManifestKey};
use crate::record;
use crate::root::RootKey;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors<T> {
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<T>,
}

/// Bytes in hex.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        HEXLOWER.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

impl Bytes {
    fn key(&self) -> Key {
        Key::parse(&self.0).expect("32 bytes")
    }

    fn array<const N: usize>(&self) -> [u8; N] {
        self.0.as_slice().try_into().expect("as many bytes as the format says")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordCase {
    parent_key: Option<Bytes>,
    key_label: Option<String>,
    values: Option<Vec<String>>,
    label: String,
    instance: String,
    application: String,
    collection: String,
    object: String,
    version: u64,
    generation: String,
    key: Bytes,
    key_id: String,
    salt: Bytes,
    plaintext: Bytes,
    context: Bytes,
    record: Bytes,
}

impl RecordCase {
    fn identity(&self) -> CollectionIdentity<'_> {
        CollectionIdentity { application: &self.application, born: &self.collection, id: &self.object }
    }

    /// The collection key that the case's own key comes from.
    fn collection_key(&self) -> CollectionKey {
        let parent = self.parent_key.as_ref().expect("derived from a collection key");
        CollectionKey::of(parent.key(), &self.instance, &self.identity())
    }
}

fn read<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).expect("vectors lie beside the crate");
    let vectors: Vectors<T> = serde_json::from_str(&text).expect("vectors describe themselves");
    assert!(!vectors.cases.is_empty());
    vectors.cases
}

/// Makes every record of a file again and opens it, then hands the cases on to be opened by their own types.
fn check_records(name: &str, purpose: Purpose) -> Vec<RecordCase> {
    let cases: Vec<RecordCase> = read(name);
    for case in &cases {
        let key = match (&case.parent_key, &case.key_label) {
            (Some(parent), Some(label)) => parent.key().derive(label),
            _ => case.key.key(),
        };
        assert_eq!(key.expose(), case.key.key().expose());
        assert_eq!(key.id().to_string(), case.key_id);
        let context = Context {
            purpose,
            instance: &case.instance,
            application: &case.application,
            collection: &case.collection,
            object: &case.object,
            version: case.version,
            generation: &case.generation,
        };
        assert_eq!(case.label, purpose.label());
        assert_eq!(context.encode(1, 1, &key.id()), case.context.0);
        assert_eq!(record::seal_with(&key, &context, &case.plaintext.0, &case.salt.array()), case.record.0);
        assert_eq!(*record::open(&key, &context, &case.record.0).expect("a known answer"), case.plaintext.0);
    }
    cases
}

/// The keyrings as they were sealed one after the other, each with one more name.
const EDITIONS: [&str; 3] = ["keyring", "keyring-with-token", "keyring-with-idempotency"];

fn keyring() -> Keyring {
    keyring_of("keyring")
}

fn keyring_of(file: &str) -> Keyring {
    let case = &read::<RecordCase>(file)[0];
    Keyring::open(&case.record.0, &RootKey(case.key.key()), &case.instance, case.version)
        .expect("a known answer")
}

fn values(texts: &[String]) -> Vec<SecretValue> {
    texts.iter().map(|text| SecretValue::from(Zeroizing::new(text.clone()))).collect()
}

#[test]
fn known_key_files_read() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        key: Bytes,
        key_id: String,
        line: String,
    }
    for case in read::<Case>("key-file") {
        assert_eq!(*keyfile::line(&case.key.key()), case.line.as_bytes());
        let slot = keyfile::parse(case.line.as_bytes()).expect("a known answer");
        assert_eq!(slot.0.expose(), case.key.key().expose());
        assert_eq!(slot.id().to_string(), case.key_id);
    }
}

#[test]
fn known_root_keys_open() {
    for case in check_records("slot-root-key", Purpose::SlotRootKey) {
        let root =
            RootKey::open(&case.record.0, &SlotKey(case.key.key()), &case.instance).expect("a known answer");
        assert_eq!(root.0.expose()[..], case.plaintext.0);
    }
}

#[test]
fn known_keyrings_open() {
    for case in EDITIONS.into_iter().flat_map(|file| check_records(file, Purpose::Keyring)) {
        let root = RootKey(case.key.key());
        let keyring =
            Keyring::open(&case.record.0, &root, &case.instance, case.version).expect("a known answer");
        let again = keyring.seal(&root, case.version).expect("the system draws");
        let context =
            Context { version: case.version, ..Context::of_instance(Purpose::Keyring, &case.instance) };
        assert_eq!(*record::open(&root.0, &context, &again).expect("just sealed"), case.plaintext.0);
    }
}

#[test]
fn of_the_known_keyrings_the_newest_alone_lacks_nothing() {
    assert_eq!(EDITIONS.map(|file| keyring_of(file).is_complete()), [false, false, true]);
}

#[test]
fn known_collection_keys_open() {
    for case in check_records("collection-key", Purpose::CollectionKey) {
        let key = keyring().open_collection_key(&case.identity(), case.version, &case.record.0);
        let key = key.expect("a known answer").face_key();
        let face = &check_records("face", Purpose::Face)[0];
        assert_eq!(
            *key.open(face.version, &face.generation, &face.record.0).expect("its key"),
            face.plaintext.0
        );
    }
}

#[test]
fn known_application_faces_open() {
    for case in check_records("application-face", Purpose::ApplicationFace) {
        let application =
            ApplicationIdentity { born: &case.application, id: &case.object, live: case.version == 0 };
        let face = keyring().open_application_face(&application, &case.record.0);
        assert_eq!(*face.expect("a known answer"), case.plaintext.0);
    }
}

#[test]
fn known_faces_open() {
    for case in check_records("face", Purpose::Face) {
        let face = case.collection_key().face_key().open(case.version, &case.generation, &case.record.0);
        assert_eq!(*face.expect("a known answer"), case.plaintext.0);
    }
}

#[test]
fn known_contents_open() {
    for case in check_records("contents", Purpose::Contents) {
        let opened =
            case.collection_key().contents_key().open(case.version, &case.generation, &case.record.0);
        let opened = opened.expect("a known answer");
        let texts: Vec<_> = opened.iter().map(SecretValue::expose).collect();
        assert_eq!(
            Some(texts),
            case.values.as_ref().map(|values| values.iter().map(String::as_str).collect())
        );
    }
}

#[test]
fn known_audit_records_open() {
    for case in check_records("audit-record", Purpose::AuditRecord) {
        let ledger = case.object.parse().expect("a ledger's number");
        let opened = keyring().open_audit_record(ledger, case.version, &case.generation, &case.record.0);
        assert_eq!(*opened.expect("a known answer"), case.plaintext.0);
    }
}

#[test]
fn known_grants_open() {
    for case in check_records("grant", Purpose::Grant) {
        let opened = keyring().open_grant(&case.object, case.version, &case.record.0);
        assert_eq!(*opened.expect("a known answer"), case.plaintext.0);
        assert_eq!(
            record::commitment_of(&case.record.0).map(Vec::from),
            Some(case.record.0[50..82].to_vec())
        );
    }
}

#[test]
fn known_token_verifiers_hold() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        #[serde(rename = "key")]
        _key: Bytes,
        id: String,
        secret: String,
        verifier: Bytes,
    }
    let keyring = keyring_of("keyring-with-token");
    for case in read::<Case>("token-verifier") {
        let secret = case.secret.as_bytes();
        assert_eq!(keyring.token_verifier(&case.id, secret)[..], case.verifier.0);
        assert!(keyring.is_token(&case.id, secret, &case.verifier.array()));
    }
}

#[test]
fn known_requests_are_made_again() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        #[serde(rename = "key")]
        _key: Bytes,
        caller: String,
        chosen: String,
        method: String,
        target: String,
        if_match: Option<String>,
        body: Bytes,
        name: Bytes,
        request: Bytes,
        record: u64,
        time: i64,
        deed: Bytes,
    }
    let keyring = keyring_of("keyring-with-idempotency");
    for case in read::<Case>("repeatable") {
        let line = (case.method.as_str(), case.target.as_str());
        let request =
            keyring.request_mac(&case.caller, &case.chosen, line, case.if_match.as_deref(), &case.body.0);
        assert_eq!(request.name[..], case.name.0);
        assert_eq!(request.request[..], case.request.0);
        assert_eq!(keyring.deed_mac(&request, case.record, case.time)[..], case.deed.0);
        assert!(keyring.is_deed(&request, case.record, case.time, &case.deed.0));
    }
}

#[test]
fn known_masks_hold() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        #[serde(rename = "key")]
        _key: Bytes,
        application: String,
        collection: String,
        r#type: String,
        location: String,
        value_id: String,
        mask: String,
    }
    for case in read::<Case>("mask") {
        let secret_type = if case.r#type == "env" { SecretType::Env } else { SecretType::File };
        let place = Place::parse(secret_type, &case.location).expect("a location");
        let application = ApplicationId::parse(&case.application).expect("an id");
        let collection = CollectionId::parse(&case.collection).expect("an id");
        let value_id = ValueId::parse(&case.value_id).expect("an id");
        let mask = keyring().mask(&application, &collection, &place, &value_id);
        assert_eq!(mask.to_string(), case.mask);
        assert!(keyring().is_mask_of(&application, &collection, &place, &mask));
    }
}

#[test]
fn known_digests_are_made_again() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        #[serde(rename = "key")]
        _key: Bytes,
        application: String,
        value: String,
        digest: Bytes,
    }
    for case in read::<Case>("digest") {
        let value = SecretValue::from(Zeroizing::new(case.value));
        assert_eq!(keyring().digest(&case.application, &value)[..], case.digest.0);
    }
}

#[test]
fn known_chains_are_made_again() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        #[serde(rename = "key")]
        _key: Bytes,
        previous: Option<Bytes>,
        version: u64,
        face: Bytes,
        values: Vec<String>,
        face_digest: Bytes,
        contents_digest: Bytes,
        chain: Bytes,
    }
    let keyring = keyring();
    for case in read::<Case>("chain") {
        let face = keyring.digest_of_face(&case.face.0);
        let contents = keyring.digest_of_contents(&values(&case.values));
        assert_eq!(face.0[..], case.face_digest.0);
        assert_eq!(contents.0[..], case.contents_digest.0);
        let previous = case.previous.as_ref().map(Bytes::array);
        let chain = keyring.chain(previous.as_ref(), case.version, &face, &contents);
        assert_eq!(chain[..], case.chain.0);
    }
}

#[test]
fn known_manifests_are_made_again() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        parent_key: Bytes,
        key: Bytes,
        collection_id: String,
        born: String,
        live: bool,
        epoch: u64,
        key_version: u64,
        version: u64,
        face_commitment: Bytes,
        contents_commitment: Bytes,
        chain: Bytes,
        oldest_version: u64,
        oldest_chain: Bytes,
        mac: Bytes,
    }
    for case in read::<Case>("manifest") {
        let identity = CollectionIdentity { application: "", born: &case.born, id: &case.collection_id };
        let ManifestKey(key) = CollectionKey::of(case.parent_key.key(), "", &identity).manifest_key();
        assert_eq!(key.expose(), case.key.key().expose());
        let state = Manifest {
            collection_id: &case.collection_id,
            born: &case.born,
            live: case.live,
            epoch: case.epoch,
            key_version: case.key_version,
            version: case.version,
            face_commitment: case.face_commitment.array(),
            contents_commitment: case.contents_commitment.array(),
            chain: case.chain.array(),
            oldest_version: case.oldest_version,
            oldest_chain: case.oldest_chain.array(),
        };
        assert_eq!(ManifestKey(key).mac(&state)[..], case.mac.0);
    }
}
