//! Slot key, root key, keyring, collection key: each opens with its own key, for its own place, and never prints.

use data_encoding::HEXLOWER;
use strongroom_seal::{
    ApplicationIdentity, CollectionIdentity, KeyId, Keyring, OpenError, RootKey, SlotKey, commitment_of,
    keyfile,
};

pub(crate) const COLLECTION: CollectionIdentity<'static> =
    CollectionIdentity { application: "application-born", born: "collection-born", id: "licences" };

fn slot_key() -> SlotKey {
    let folder = tempfile::tempdir().expect("a temporary folder");
    keyfile::create(&folder.path().join("room.key"), &folder.path().join("data")).expect("a new path")
}

fn named_key(error: OpenError) -> KeyId {
    match error {
        OpenError::OtherKey { key_id } => key_id,
        other => panic!("{other}"),
    }
}

#[test]
fn the_way_from_a_slot_to_a_collection_opens_again() {
    let slot = slot_key();
    let root = RootKey::random().expect("the system draws");
    let keyring = Keyring::random("instance").expect("the system draws");
    let (key, wrapped_key) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
    let face = key.face_key().seal(1, "1-abcdefgh", b"what may be shown").expect("short");
    let wrapped_root = root.wrap(&slot, "instance").expect("the system draws");
    let sealed_keyring = keyring.seal(&root, 1).expect("the system draws");

    let root_again = RootKey::open(&wrapped_root, &slot, "instance").expect("its own slot");
    assert_eq!(root_again.id(), root.id());
    let keyring = Keyring::open(&sealed_keyring, &root_again, "instance", 1).expect("its own root key");
    let (face_key, _) = keyring.open_face_key(&COLLECTION, 1, &wrapped_key).expect("its own keyring");
    assert_eq!(*face_key.open(1, "1-abcdefgh", &face).expect("its own key"), b"what may be shown");
}

#[test]
fn several_slots_open_one_root_key() {
    let root = RootKey::random().expect("the system draws");
    for slot in [slot_key(), slot_key()] {
        let wrapped = root.wrap(&slot, "instance").expect("the system draws");
        assert_eq!(RootKey::open(&wrapped, &slot, "instance").expect("its own slot").id(), root.id());
    }
}

#[test]
fn a_wrong_key_is_told_which_key_is_needed() {
    let (slot, other_slot) = (slot_key(), slot_key());
    let root = RootKey::random().expect("the system draws");
    let wrapped = root.wrap(&slot, "instance").expect("the system draws");
    let error = RootKey::open(&wrapped, &other_slot, "instance").expect_err("another slot");
    assert_eq!(named_key(error), slot.id());

    let sealed =
        Keyring::random("instance").expect("the system draws").seal(&root, 1).expect("the system draws");
    let other_root = RootKey::random().expect("the system draws");
    let error = Keyring::open(&sealed, &other_root, "instance", 1).expect_err("another root key");
    assert_eq!(named_key(error), root.id());
    assert!(error.to_string().contains(&root.id().to_string()), "{error}");
}

#[test]
fn nothing_opens_in_another_instance_or_as_another_version() {
    let slot = slot_key();
    let root = RootKey::random().expect("the system draws");
    let wrapped = root.wrap(&slot, "instance").expect("the system draws");
    assert_eq!(RootKey::open(&wrapped, &slot, "other").err(), Some(OpenError::NotAuthentic));
    let sealed =
        Keyring::random("instance").expect("the system draws").seal(&root, 1).expect("the system draws");
    assert_eq!(Keyring::open(&sealed, &root, "other", 1).err(), Some(OpenError::NotAuthentic));
    assert_eq!(Keyring::open(&sealed, &root, "instance", 2).err(), Some(OpenError::NotAuthentic));
}

#[test]
fn a_collection_key_opens_for_its_own_collection_only() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let (_, wrapped) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
    let others = [
        CollectionIdentity { application: "other", ..COLLECTION },
        CollectionIdentity { born: "other", ..COLLECTION },
        CollectionIdentity { id: "other", ..COLLECTION },
    ];
    for other in others {
        let error = keyring.open_collection_key(&other, 1, &wrapped).expect_err("another collection");
        assert_eq!(error, OpenError::NotAuthentic, "{other:?}");
        assert!(keyring.open_face_key(&other, 1, &wrapped).is_err());
    }
    assert_eq!(keyring.open_collection_key(&COLLECTION, 2, &wrapped).err(), Some(OpenError::NotAuthentic));
}

#[test]
fn an_application_face_opens_for_its_own_application_only() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let application = |born, id, live| ApplicationIdentity { born, id, live };
    let own = application("born", "routing", true);
    let sealed = keyring.seal_application_face(&own, b"a name").expect("short");
    assert_eq!(*keyring.open_application_face(&own, &sealed).expect("its own"), b"a name");
    let others = [
        ("other", "routing", true),
        ("born", "other", true),
        ("routing", "born", true),
        ("born", "routing", false),
    ];
    for (born, id, live) in others {
        let other = application(born, id, live);
        let error =
            keyring.open_application_face(&other, &sealed).expect_err("another application, or a tombstone");
        assert_eq!(error, OpenError::NotAuthentic);
    }
}

#[test]
fn a_grant_opens_for_its_own_key_and_epoch_only() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let sealed = keyring.seal_grant("q7h2m4k8x1c9", 2, b"list,deliver").expect("short");
    assert_eq!(*keyring.open_grant("q7h2m4k8x1c9", 2, &sealed).expect("its own"), b"list,deliver");
    for (id, epoch) in [("q7h2m4k8x1c8", 2), ("q7h2m4k8x1c9", 1), ("q7h2m4k8x1c9", 3)] {
        let error = keyring.open_grant(id, epoch, &sealed).expect_err("another key, or another time");
        assert_eq!(error, OpenError::NotAuthentic, "{id} {epoch}");
    }
    let elsewhere = Keyring::random("instance").expect("the system draws");
    let error = elsewhere.open_grant("q7h2m4k8x1c9", 2, &sealed).expect_err("another keyring");
    assert!(matches!(error, OpenError::OtherKey { .. }), "{error}");
}

#[test]
fn a_grant_passes_for_nothing_else_and_nothing_else_for_a_grant() {
    let keyring = Keyring::random("instance").expect("the system draws");
    // All three are sealed for one object, one version and no application, and their keys come from one master.
    let nowhere = ApplicationIdentity { born: "", id: "q7h2m4k8x1c9", live: true };
    let collection = CollectionIdentity { application: "", born: "", id: "q7h2m4k8x1c9" };
    let grant = keyring.seal_grant("q7h2m4k8x1c9", 0, b"list").expect("short");
    let face = keyring.seal_application_face(&nowhere, b"a name").expect("short");
    let (_, wrapped) = keyring.new_collection_key(&collection, 0).expect("the system draws");
    assert_eq!(keyring.open_application_face(&nowhere, &grant).err(), Some(OpenError::NotAuthentic));
    assert_eq!(keyring.open_collection_key(&collection, 0, &grant).err(), Some(OpenError::NotAuthentic));
    for other in [face, wrapped] {
        assert_eq!(keyring.open_grant("q7h2m4k8x1c9", 0, &other).err(), Some(OpenError::NotAuthentic));
    }
}

#[test]
fn a_grant_has_a_commitment_of_its_own() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let sealed = || keyring.seal_grant("q7h2m4k8x1c9", 1, b"list").expect("short");
    let one = commitment_of(&sealed()).expect("a record");
    assert_ne!(commitment_of(&sealed()), Some(one));
}

#[test]
fn a_damaged_grant_never_opens() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let sealed = keyring.seal_grant("q7h2m4k8x1c9", 1, b"list").expect("short");
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(keyring.open_grant("q7h2m4k8x1c9", 1, &flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn a_verifier_holds_for_exactly_its_key_and_its_secret() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let verifier = keyring.token_verifier("q7h2m4k8x1c9", b"secret");
    assert!(keyring.is_token("q7h2m4k8x1c9", b"secret", &verifier));
    let others: [(&str, &[u8]); 5] = [
        ("q7h2m4k8x1c8", b"secret"),
        ("q7h2m4k8x1c9", b"secreu"),
        ("q7h2m4k8x1c9", b""),
        ("q7h2m4k8x1c9s", b"ecret"),
        ("q7h2m4k8x1c", b"9secret"),
    ];
    for (id, secret) in others {
        assert!(!keyring.is_token(id, secret, &verifier), "{id}");
    }
    for byte in 0..32 {
        let mut wrong = verifier;
        wrong[byte] ^= 1;
        assert!(!keyring.is_token("q7h2m4k8x1c9", b"secret", &wrong), "byte {byte}");
    }
    let elsewhere = Keyring::random("instance").expect("the system draws");
    assert!(!elsewhere.is_token("q7h2m4k8x1c9", b"secret", &verifier));
}

#[test]
fn a_new_keyring_lacks_nothing_and_its_verifiers_hold_when_it_is_opened_again() {
    let root = RootKey::random().expect("the system draws");
    let keyring = Keyring::random("instance").expect("the system draws");
    assert!(keyring.is_complete());
    let verifier = keyring.token_verifier("q7h2m4k8x1c9", b"secret");
    let sealed = keyring.seal(&root, 1).expect("the system draws");
    let again = Keyring::open(&sealed, &root, "instance", 1).expect("its own root key");
    assert!(again.is_token("q7h2m4k8x1c9", b"secret", &verifier));
}

#[test]
fn a_request_is_told_from_every_other() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let mac = |caller, name, method, target, if_match: Option<&str>, body: &[u8]| {
        keyring.request_mac(caller, name, (method, target), if_match, body)
    };
    let one = mac("key:a", "1", "PATCH", "/v1/x?y=1", None, b"body");
    assert!(one == mac("key:a", "1", "PATCH", "/v1/x?y=1", None, b"body"));
    // Another name for the same, and the same name for another.
    for (caller, name) in [("key:b", "1"), ("key:a", "2"), ("key:", "a1"), ("key:a1", "")] {
        let other = mac(caller, name, "PATCH", "/v1/x?y=1", None, b"body");
        assert!(other.name != one.name && other.request == one.request, "{caller} {name}");
    }
    let others = [
        mac("key:a", "1", "PUT", "/v1/x?y=1", None, b"body"),
        mac("key:a", "1", "PATCH", "/v1/x", None, b"body"),
        mac("key:a", "1", "PATCH", "/v1/x?y=1b", None, b"ody"),
        mac("key:a", "1", "PATCH", "/v1/x?y=1", Some(""), b"body"),
        mac("key:a", "1", "PATCH", "/v1/x?y=1", Some("body"), b""),
        mac("key:a", "1", "PATCH", "/v1/x?y=1", None, b"body "),
    ];
    for (at, other) in others.iter().enumerate() {
        assert!(other.name == one.name && other.request != one.request, "{at}");
        assert!(others[at + 1..].iter().all(|next| next != other), "{at}");
    }
    let elsewhere = Keyring::random("instance").expect("the system draws");
    let other = elsewhere.request_mac("key:a", "1", ("PATCH", "/v1/x?y=1"), None, b"body");
    assert!(other.name != one.name && other.request != one.request);
}

#[test]
fn what_a_request_did_holds_for_exactly_that_request_record_and_time() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let one = keyring.request_mac("key:a", "1", ("DELETE", "/v1/x"), None, b"");
    let other = keyring.request_mac("key:a", "2", ("DELETE", "/v1/x"), None, b"");
    let mac = keyring.deed_mac(&one, 7, -1);
    assert!(keyring.is_deed(&one, 7, -1, &mac));
    for (request, record, time) in [(&other, 7, -1), (&one, 8, -1), (&one, 7, 0)] {
        assert!(!keyring.is_deed(request, record, time, &mac));
    }
    assert!(!keyring.is_deed(&one, 7, -1, &mac[..31]));
    assert!(!keyring.is_deed(&one, 7, -1, b""));
}

#[test]
fn an_audit_record_opens_at_its_own_place_only() {
    let keyring = Keyring::random("instance").expect("the system draws");
    let sealed = keyring.seal_audit_record(0, 10, "1-abcdefgh", b"who did what").expect("short");
    let opened = keyring.open_audit_record(0, 10, "1-abcdefgh", &sealed).expect("its own place");
    assert_eq!(*opened, b"who did what");
    for (ledger, seq, generation) in [(1, 10, "1-abcdefgh"), (0, 11, "1-abcdefgh"), (0, 10, "2-abcdefgh")] {
        let error = keyring.open_audit_record(ledger, seq, generation, &sealed).expect_err("another place");
        assert_eq!(error, OpenError::NotAuthentic);
    }
}

#[test]
fn keys_never_print() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("room.key");
    let slot = keyfile::create(&path, &folder.path().join("data")).expect("a new path");
    let text = std::fs::read_to_string(&path).expect("readable");
    let base64 = text.trim_end().rsplit(' ').next().expect("four words");
    let bytes = data_encoding::BASE64URL_NOPAD.decode(base64.as_bytes()).expect("just written");

    let keyring = Keyring::random("instance").expect("the system draws");
    let (key, _) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
    let shown = [
        format!("{slot:?} {slot:#?}"),
        format!("{:?}", RootKey::random()),
        format!("{keyring:?}"),
        format!("{key:?}"),
        format!("{:?}", key.face_key()),
        format!("{:?}", key.contents_key()),
        format!("{:?}", key.manifest_key()),
    ];
    for text in &shown {
        assert!(text.contains("***"), "{text}");
        assert!(!text.contains(char::is_control) || text.starts_with("SlotKey"), "{text}");
    }
    assert!(!shown[0].contains(base64));
    assert!(!shown[0].contains(&HEXLOWER.encode(&bytes)));
    assert!(!shown[0].contains(&format!("{}, {}, {}", bytes[0], bytes[1], bytes[2])));
}
