//! The keyring: the named, versioned keys of an instance, and everything that is done with them. A key's bytes are
//! used here and never handed out; where the sealed keyring rests is not its business.
//!
//! ```text
//! keyring row's sealed = record under the root key, label "strongroom keyring"; plaintext = entry ‖ entry ‖ …
//! entry  = length of name(1) ‖ name ‖ version(4) ‖ key id(16) ‖ key(32), by rising name, then rising version
//!
//! wrapped collection key = record under master, label "strongroom collection-key"; plaintext = collection key(32)
//! application's face     = record under the key derived from master by "strongroom application-face-key",
//!                          label "strongroom application-face"; version 0 while it lives, 1 for a tombstone;
//!                          plaintext as given
//! sealed grant           = record under the key derived from master by "strongroom grant-key",
//!                          label "strongroom grant"; plaintext as given
//! sealed audit record    = record under audit, label "strongroom audit-record"; plaintext as given
//! mask's MAC             = mac(mask, "strongroom mask", application id, collection id, type, location, value id),
//!                          its first 16 bytes
//! verifier of a token    = mac(token, "strongroom token-verifier", API key's id, secret part of the token)
//! name of a repeatable   = mac(idempotency, "strongroom repeatable-name", caller, the key that the client chose)
//! a request's MAC        = mac(idempotency, "strongroom repeatable-request", method, path with query, body,
//!                          If-Match where it was sent)
//! MAC of what was done   = mac(idempotency, "strongroom repeatable-deed", name(32), request's MAC(32), record(8),
//!                          time(8, two's complement))
//! digest of a value      = mac(digest, "strongroom value-digest", application's born id, value)
//! digest of a face       = mac(digest, "strongroom face-digest", plain face)
//! digest of contents     = mac(digest, "strongroom contents-digest", value, value, …)
//! chain value            = mac(digest, "strongroom chain", previous chain value(32; none: empty), version(8),
//!                          digest of face(32), digest of contents(32))
//! ```
//!
//! with `mac` and derivation as in `keys.rs`. The names are `audit`, `digest`, `idempotency`, `mask`, `master` and `token`,
//! at least one version each; only from a keyring that was sealed before they were needed may be missing `idempotency`,
//! and `token` with it. What is sealed or computed anew uses a name's highest version; what is opened names its key.
//! Repeatable requests name none: with a successor of `idempotency`, each is new.

use std::borrow::Borrow;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use strongroom_secrets::{ApplicationId, CollectionId, Mask, Place, SecretValue, ValueId};
use zeroize::Zeroizing;

use crate::collection::{CollectionIdentity, CollectionKey, FaceKey};
use crate::context::{Context, Purpose};
use crate::keys::{Key, KeyId};
use crate::manifest::ManifestKey;
use crate::random::RandomError;
use crate::record::{self, OpenError, SealError};
use crate::root::RootKey;

/// The keys of an instance.
#[derive(Debug)]
pub struct Keyring {
    instance: String,
    // Invariant: rising by (name, version), every name there that was when it was sealed
    // (`a_keyring_that_is_not_exactly_what_is_documented_is_refused`).
    keys: Vec<NamedKey>,
}

/// Which application a face belongs to, and whether it lives: a face sealed for a tombstone opens for no living
/// application, so a tombstone that is cleared by hand is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationIdentity<'a> {
    /// Its born id.
    pub born: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Whether it lives.
    pub live: bool,
}

/// A request that may be sent twice, as what tells it from any other: nothing of it can be read from this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestMac {
    /// Which one its caller says it is.
    pub name: [u8; 32],
    /// What it asks for.
    pub request: [u8; 32],
}

/// The keyed digest of a plain face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaceDigest(pub(crate) [u8; 32]);

/// The keyed digest of a version's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentsDigest(pub(crate) [u8; 32]);

impl Keyring {
    /// New keys for a new instance.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no random bytes.
    pub fn random(instance: &str) -> Result<Self, RandomError> {
        let keys = Name::ALL.into_iter().map(NamedKey::first).collect::<Result<_, _>>()?;
        Ok(Self { instance: instance.to_owned(), keys })
    }

    /// Seals the keyring under the root key, as this version of it.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn seal(&self, root: &RootKey, version: u64) -> Result<Vec<u8>, SealError> {
        record::seal(&root.0, &keyring_context(&self.instance, version), &encode(&self.keys))
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// [`OpenError::OtherKey`] names the root key that is needed; see there for the rest.
    pub fn open(sealed: &[u8], root: &RootKey, instance: &str, version: u64) -> Result<Self, OpenError> {
        let bytes = record::open(&root.0, &keyring_context(instance, version), sealed)?;
        let keys = parse(&bytes).ok_or(OpenError::Malformed)?;
        Ok(Self { instance: instance.to_owned(), keys })
    }

    /// Whether it has a key of every name: one that was sealed by an older program may lack some.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        Name::ALL.into_iter().all(|name| self.has(name))
    }

    /// The same keyring with a key of every name, to be sealed as its next version before the new ones are used: what was
    /// made with a key that nobody sealed holds no more after a restart. A complete one stays as it is.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no random bytes.
    pub fn completed(mut self) -> Result<Self, RandomError> {
        for name in Name::ALL {
            if !self.has(name) {
                let place = self.keys.partition_point(|named| named.name < name);
                self.keys.insert(place, NamedKey::first(name)?);
            }
        }
        Ok(self)
    }

    /// A new key for a collection, and the same key wrapped, to be stored as this version of it.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn new_collection_key(
        &self,
        collection: &CollectionIdentity<'_>,
        key_version: u64,
    ) -> Result<(CollectionKey, Vec<u8>), SealError> {
        let key = Key::random()?;
        let context = self.collection_key_context(collection, key_version);
        let wrapped = record::seal(self.current(Name::Master), &context, key.expose())?;
        Ok((CollectionKey::of(key, &self.instance, collection), wrapped))
    }

    /// The whole key of a collection, values included. To show a version, [`Keyring::open_face_key`] is enough.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_collection_key(
        &self,
        collection: &CollectionIdentity<'_>,
        key_version: u64,
        wrapped: &[u8],
    ) -> Result<CollectionKey, OpenError> {
        let context = self.collection_key_context(collection, key_version);
        let master = self.named_by(Name::Master, wrapped)?;
        let key = Key::parse(&record::open(master, &context, wrapped)?).ok_or(OpenError::Malformed)?;
        Ok(CollectionKey::of(key, &self.instance, collection))
    }

    /// What a read needs: the keys of a collection's faces and of its manifest. The collection key is wiped before
    /// this returns, the contents key is never derived, and neither can be derived from these two.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_face_key(
        &self,
        collection: &CollectionIdentity<'_>,
        key_version: u64,
        wrapped: &[u8],
    ) -> Result<(FaceKey, ManifestKey), OpenError> {
        let key = self.open_collection_key(collection, key_version, wrapped)?;
        Ok((key.face_key(), key.manifest_key()))
    }

    /// Seals what may be shown of an application.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_application_face(
        &self,
        application: &ApplicationIdentity<'_>,
        face: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let key = application_face_key(self.current(Name::Master));
        record::seal(&key, &self.application_face_context(application), face)
    }

    /// Opens what [`Keyring::seal_application_face`] made.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_application_face(
        &self,
        application: &ApplicationIdentity<'_>,
        face: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = application_face_key(self.named_by(Name::Master, face)?);
        record::open(&key, &self.application_face_context(application), face)
    }

    /// Seals what an API key may do, as this epoch of it. An older grant does not pass for a newer one; that a row was
    /// put back with its epoch shows only where the grant's commitment is kept as well.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_grant(&self, id: &str, epoch: u64, grant: &[u8]) -> Result<Vec<u8>, SealError> {
        record::seal(&grant_key(self.current(Name::Master)), &self.grant_context(id, epoch), grant)
    }

    /// Opens what [`Keyring::seal_grant`] made.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_grant(&self, id: &str, epoch: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = grant_key(self.named_by(Name::Master, sealed)?);
        record::open(&key, &self.grant_context(id, epoch), sealed)
    }

    /// Seals an audit record for its place in a ledger.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_audit_record(
        &self,
        ledger: u64,
        seq: u64,
        generation: &str,
        audit_record: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let ledger = ledger.to_string();
        let context = self.audit_record_context(&ledger, seq, generation);
        record::seal(self.current(Name::Audit), &context, audit_record)
    }

    /// Opens what [`Keyring::seal_audit_record`] made.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_audit_record(
        &self,
        ledger: u64,
        seq: u64,
        generation: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let ledger = ledger.to_string();
        let context = self.audit_record_context(&ledger, seq, generation);
        record::open(self.named_by(Name::Audit, sealed)?, &context, sealed)
    }

    /// The mask of a stored value.
    #[must_use]
    pub fn mask(
        &self,
        application: &ApplicationId,
        collection: &CollectionId,
        place: &Place,
        value_id: &ValueId,
    ) -> Mask {
        let mac = mask_mac(self.current(Name::Mask), application, collection, place, value_id);
        Mask::from_parts(value_id.clone(), mac)
    }

    /// Whether this strongroom made that mask for exactly this place; compared in constant time. A mask names no key,
    /// and clients keep masks for years, so every version of the mask key counts.
    #[must_use]
    pub fn is_mask_of(
        &self,
        application: &ApplicationId,
        collection: &CollectionId,
        place: &Place,
        mask: &Mask,
    ) -> bool {
        self.keys.iter().filter(|named| named.name == Name::Mask).any(|named| {
            let mac = mask_mac(&named.key, application, collection, place, mask.value_id());
            verify_slices_are_equal(&mac, mask.mac()).is_ok()
        })
    }

    /// What is stored of a token: it tells a right secret from a wrong one, and no secret can be read from it.
    ///
    /// # Panics
    /// When the keyring lacks the key for tokens: [complete it](Keyring::completed) first.
    #[must_use]
    pub fn token_verifier(&self, id: &str, secret: &[u8]) -> [u8; 32] {
        token_mac(self.current(Name::Token), id, secret)
    }

    /// Whether the verifier is of this API key and this secret; compared in constant time. A verifier names no key, so
    /// every version of the token key counts, and all are tried whichever holds: the time tells nothing.
    #[must_use]
    pub fn is_token(&self, id: &str, secret: &[u8], verifier: &[u8; 32]) -> bool {
        self.keys.iter().filter(|named| named.name == Name::Token).fold(false, |found, named| {
            found | verify_slices_are_equal(&token_mac(&named.key, id, secret), verifier).is_ok()
        })
    }

    /// What tells a request from any other. Its body is read and not kept.
    ///
    /// # Panics
    /// When the keyring lacks the key for it: [complete it](Keyring::completed) first.
    #[must_use]
    pub fn request_mac(
        &self,
        caller: &str,
        name: &str,
        (method, target): (&str, &str),
        if_match: Option<&str>,
        body: &[u8],
    ) -> RequestMac {
        let key = self.current(Name::Idempotency);
        let always = [method.as_bytes(), target.as_bytes(), body];
        RequestMac {
            name: key.mac("strongroom repeatable-name", [caller.as_bytes(), name.as_bytes()]),
            request: key
                .mac("strongroom repeatable-request", always.into_iter().chain(if_match.map(str::as_bytes))),
        }
    }

    /// What fixes what a request did: its audit record's place in the ledger, and when that was.
    ///
    /// # Panics
    /// When the keyring lacks the key for it: [complete it](Keyring::completed) first.
    #[must_use]
    pub fn deed_mac(&self, of: &RequestMac, record: u64, time: i64) -> [u8; 32] {
        let fields: [&[u8]; 4] = [&of.name, &of.request, &record.to_be_bytes(), &time.to_be_bytes()];
        self.current(Name::Idempotency).mac("strongroom repeatable-deed", fields)
    }

    /// Whether that is what the request did; compared in constant time.
    ///
    /// # Panics
    /// When the keyring lacks the key for it: [complete it](Keyring::completed) first.
    #[must_use]
    pub fn is_deed(&self, of: &RequestMac, record: u64, time: i64, mac: &[u8]) -> bool {
        verify_slices_are_equal(&self.deed_mac(of, record, time), mac).is_ok()
    }

    /// The keyed digest of a value, equal for equal values of one application: what blind diff compares.
    #[must_use]
    pub fn digest(&self, application_born: &str, value: &SecretValue) -> [u8; 32] {
        let fields = [application_born.as_bytes(), value.expose().as_bytes()];
        self.current(Name::Digest).mac("strongroom value-digest", fields)
    }

    /// The keyed digest of a plain face, for its chain value.
    #[must_use]
    pub fn digest_of_face(&self, face: &[u8]) -> FaceDigest {
        FaceDigest(self.current(Name::Digest).mac("strongroom face-digest", [face]))
    }

    /// The keyed digest of a version's values, in their order, for its chain value.
    #[must_use]
    pub fn digest_of_contents<V: Borrow<SecretValue>>(&self, values: &[V]) -> ContentsDigest {
        let fields = values.iter().map(|value| value.borrow().expose().as_bytes());
        ContentsDigest(self.current(Name::Digest).mac("strongroom contents-digest", fields))
    }

    /// The chain value of a version: fixes its plaintext and, through the previous value, all before it. It does not
    /// depend on collection keys, so their rotation does not move it.
    #[must_use]
    pub fn chain(
        &self,
        previous: Option<&[u8; 32]>,
        version: u64,
        face: &FaceDigest,
        contents: &ContentsDigest,
    ) -> [u8; 32] {
        let previous = previous.map_or(&[][..], |chain| &chain[..]);
        let fields = [previous, &version.to_be_bytes(), &face.0, &contents.0];
        self.current(Name::Digest).mac("strongroom chain", fields)
    }

    #[cfg(test)]
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'static str, &Key)> {
        self.keys.iter().map(|named| (named.name.as_str(), &named.key))
    }

    fn has(&self, name: Name) -> bool {
        self.keys.iter().any(|named| named.name == name)
    }

    fn current(&self, name: Name) -> &Key {
        let newest = self.keys.iter().rfind(|named| named.name == name);
        &newest.expect("every name is there by this type's invariant, or after `completed`").key
    }

    /// The version of a key that a record names.
    fn named_by(&self, name: Name, record: &[u8]) -> Result<&Key, OpenError> {
        let key_id = record::key_id_of(record)?;
        let named = self.keys.iter().find(|named| named.name == name && named.key.id() == key_id);
        named.map(|named| &named.key).ok_or(OpenError::OtherKey { key_id })
    }

    fn collection_key_context<'a>(
        &'a self,
        collection: &CollectionIdentity<'a>,
        key_version: u64,
    ) -> Context<'a> {
        Context {
            application: collection.application,
            collection: collection.born,
            object: collection.id,
            version: key_version,
            ..Context::of_instance(Purpose::CollectionKey, &self.instance)
        }
    }

    fn application_face_context<'a>(&'a self, application: &ApplicationIdentity<'a>) -> Context<'a> {
        Context {
            application: application.born,
            object: application.id,
            version: u64::from(!application.live),
            ..Context::of_instance(Purpose::ApplicationFace, &self.instance)
        }
    }

    fn grant_context<'a>(&'a self, id: &'a str, epoch: u64) -> Context<'a> {
        Context { object: id, version: epoch, ..Context::of_instance(Purpose::Grant, &self.instance) }
    }

    fn audit_record_context<'a>(&'a self, ledger: &'a str, seq: u64, generation: &'a str) -> Context<'a> {
        Context {
            object: ledger,
            version: seq,
            generation,
            ..Context::of_instance(Purpose::AuditRecord, &self.instance)
        }
    }
}

fn keyring_context(instance: &str, version: u64) -> Context<'_> {
    Context { version, ..Context::of_instance(Purpose::Keyring, instance) }
}

fn application_face_key(master: &Key) -> Key {
    master.derive("strongroom application-face-key")
}

fn grant_key(master: &Key) -> Key {
    master.derive("strongroom grant-key")
}

fn mask_mac(
    key: &Key,
    application: &ApplicationId,
    collection: &CollectionId,
    place: &Place,
    value_id: &ValueId,
) -> [u8; 16] {
    let fields = [
        application.as_str(),
        collection.as_str(),
        place.secret_type().as_str(),
        place.location(),
        value_id.as_str(),
    ];
    let mac = key.mac("strongroom mask", fields.map(str::as_bytes));
    *mac.first_chunk().expect("32 bytes hold 16")
}

fn token_mac(key: &Key, id: &str, secret: &[u8]) -> [u8; 32] {
    key.mac("strongroom token-verifier", [id.as_bytes(), secret])
}

#[derive(Debug)]
struct NamedKey {
    name: Name,
    version: u32,
    key: Key,
}

impl NamedKey {
    fn first(name: Name) -> Result<Self, RandomError> {
        Ok(Self { name, version: 1, key: Key::random()? })
    }
}

/// What a key of the keyring is for. In the order of their texts, which is the order of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Audit,
    Digest,
    Idempotency,
    Mask,
    Master,
    Token,
}

impl Name {
    const ALL: [Self; 6] =
        [Self::Audit, Self::Digest, Self::Idempotency, Self::Mask, Self::Master, Self::Token];

    /// Which keyrings have it: from this edition on. There is a new edition whenever there is a new name.
    fn since(self) -> u8 {
        match self {
            Self::Audit | Self::Digest | Self::Mask | Self::Master => 1,
            Self::Token => 2,
            Self::Idempotency => 3,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Digest => "digest",
            Self::Idempotency => "idempotency",
            Self::Mask => "mask",
            Self::Master => "master",
            Self::Token => "token",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str().as_bytes() == text)
    }
}

fn encode(keys: &[NamedKey]) -> Zeroizing<Vec<u8>> {
    let length = |named: &NamedKey| 1 + named.name.as_str().len() + 4 + KeyId::LENGTH + Key::LENGTH;
    let mut bytes = Zeroizing::new(Vec::with_capacity(keys.iter().map(length).sum()));
    for named in keys {
        let name = named.name.as_str();
        bytes.push(u8::try_from(name.len()).expect("names are short"));
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&named.version.to_be_bytes());
        bytes.extend_from_slice(named.key.id().as_bytes());
        bytes.extend_from_slice(named.key.expose());
    }
    bytes
}

/// `None` unless these are exactly the bytes that [`encode`] makes, of a keyring of some edition. A name from a later
/// edition is refused as well: a keyring that was sealed again without it would have lost a key.
fn parse(bytes: &[u8]) -> Option<Vec<NamedKey>> {
    let mut rest = bytes;
    let mut keys: Vec<NamedKey> = Vec::new();
    while let Some(length) = rest.split_off_first() {
        let name = Name::parse(rest.split_off(..usize::from(*length))?)?;
        let version = u32::from_be_bytes(*rest.split_off(..4)?.first_chunk()?);
        let id = rest.split_off(..KeyId::LENGTH)?;
        let key = Key::parse(rest.split_off(..Key::LENGTH)?)?;
        let rises = keys.last().is_none_or(|last| (last.name, last.version) < (name, version));
        if !rises || key.id().as_bytes() != id {
            return None;
        }
        keys.push(NamedKey { name, version, key });
    }
    let is_there = |name: &Name| keys.iter().any(|named| named.name == *name);
    let edition = keys.iter().map(|named| named.name.since()).max()?;
    Name::ALL.into_iter().filter(|name| name.since() <= edition).all(|name| is_there(&name)).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::random("instance").expect("the system draws")
    }

    fn named(name: Name, version: u32) -> NamedKey {
        NamedKey { name, version, key: Key::random().expect("the system draws") }
    }

    #[test]
    fn names_rise_in_the_order_of_their_texts() {
        assert!(Name::ALL.is_sorted_by(|one, next| one < next && one.as_str() < next.as_str()));
    }

    #[test]
    fn a_keyring_reads_back_as_itself() {
        let keys = keyring().keys;
        let bytes = encode(&keys);
        assert_eq!(bytes.capacity(), bytes.len());
        let read = parse(&bytes).expect("just encoded");
        assert_eq!(encode(&read), bytes);
    }

    #[test]
    fn a_keyring_that_is_not_exactly_what_is_documented_is_refused() {
        let check = |change: &dyn Fn(&mut Vec<NamedKey>)| {
            let mut keys = keyring().keys;
            change(&mut keys);
            assert!(parse(&encode(&keys)).is_none());
        };
        check(&|keys| keys.clear());
        for name in Name::ALL.into_iter().filter(|name| *name != Name::Idempotency) {
            check(&|keys| keys.retain(|named| named.name != name));
        }
        check(&|keys| keys.swap(0, 1));
        check(&|keys| keys.push(named(Name::Token, 1)));
        check(&|keys| keys.push(named(Name::Token, 0)));
        check(&|keys| keys.push(named(Name::Master, 2)));

        let whole = encode(&keyring().keys);
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_none(), "{length}");
        }
        let mut longer = whole.to_vec();
        longer.push(0);
        assert!(parse(&longer).is_none());
        let mut unknown_name = whole.to_vec();
        unknown_name[1] = b'x';
        assert!(parse(&unknown_name).is_none());
        let mut damaged_key = whole.to_vec();
        *damaged_key.last_mut().expect("not empty") ^= 1;
        assert!(parse(&damaged_key).is_none());
    }

    #[test]
    fn a_new_master_seals_and_the_old_one_still_opens() {
        let identity = CollectionIdentity { application: "app-born", born: "born", id: "licences" };
        let mut keyring = keyring();
        let (_, old) = keyring.new_collection_key(&identity, 1).expect("the system draws");
        keyring.keys.insert(5, named(Name::Master, 2));
        let keys = parse(&encode(&keyring.keys)).expect("a later version of a known name");
        let keyring = Keyring { keys, ..keyring };
        let (_, new) = keyring.new_collection_key(&identity, 1).expect("the system draws");
        assert_eq!(record::key_id_of(&new), Ok(keyring.keys[5].key.id()));
        assert!(keyring.open_collection_key(&identity, 1, &old).is_ok());
        assert!(keyring.open_collection_key(&identity, 1, &new).is_ok());
    }

    #[test]
    fn a_mask_holds_when_the_mask_key_has_a_successor() {
        let application = ApplicationId::parse("routing").expect("an id");
        let collection = CollectionId::parse("licences").expect("an id");
        let place = Place::parse(strongroom_secrets::SecretType::Env, "API_KEY").expect("a name");
        let mut keyring = keyring();
        let mask = keyring.mask(&application, &collection, &place, &ValueId::from_random([1; 10]));
        keyring.keys.insert(4, named(Name::Mask, 2));
        assert!(keyring.is_mask_of(&application, &collection, &place, &mask));
        let newer = keyring.mask(&application, &collection, &place, &ValueId::from_random([1; 10]));
        assert_ne!(newer, mask);
        assert!(keyring.is_mask_of(&application, &collection, &place, &newer));
    }

    #[test]
    fn a_keyring_of_an_earlier_edition_gets_what_it_lacks_and_keeps_all_others() {
        for edition in [1, 2] {
            let mut keyring = keyring();
            keyring.keys.retain(|named| named.name.since() <= edition);
            let old = encode(&keyring.keys);
            let keys = parse(&old).expect("whole for its time");
            let keyring = Keyring { keys, ..keyring };
            assert!(!keyring.is_complete());
            assert!(!keyring.is_token("q7h2m4k8x1c9", b"secret", &[0; 32]));

            let mut keyring = keyring.completed().expect("the system draws");
            assert!(keyring.is_complete());
            let new = encode(&keyring.keys);
            assert_eq!(parse(&new).expect("complete").len(), 6);
            keyring = keyring.completed().expect("nothing to draw");
            assert_eq!(encode(&keyring.keys), new);
            keyring.keys.retain(|named| named.name.since() <= edition);
            assert_eq!(encode(&keyring.keys), old);
        }
    }

    #[test]
    fn a_token_holds_when_the_token_key_has_a_successor() {
        let mut keyring = keyring();
        let verifier = keyring.token_verifier("q7h2m4k8x1c9", b"secret");
        keyring.keys.push(named(Name::Token, 2));
        let newer = keyring.token_verifier("q7h2m4k8x1c9", b"secret");
        assert_ne!(newer, verifier);
        for verifier in [verifier, newer] {
            assert!(keyring.is_token("q7h2m4k8x1c9", b"secret", &verifier));
            assert!(!keyring.is_token("q7h2m4k8x1c9", b"secreu", &verifier));
        }
    }

    #[test]
    fn a_grant_still_opens_when_master_has_a_successor() {
        let mut keyring = keyring();
        let old = keyring.seal_grant("q7h2m4k8x1c9", 1, b"list").expect("short");
        keyring.keys.insert(5, named(Name::Master, 2));
        let new = keyring.seal_grant("q7h2m4k8x1c9", 2, b"list").expect("short");
        assert_eq!(record::key_id_of(&new), Ok(keyring.keys[5].key.id()));
        assert!(keyring.open_grant("q7h2m4k8x1c9", 1, &old).is_ok());
        assert!(keyring.open_grant("q7h2m4k8x1c9", 2, &new).is_ok());
    }

    #[test]
    fn a_record_of_one_named_key_is_not_tried_with_another() {
        let keyring = keyring();
        let sealed = keyring.seal_audit_record(0, 1, "1-abcdefgh", b"who did what").expect("short");
        let audit = keyring.current(Name::Audit).id();
        let application = ApplicationIdentity { born: "born", id: "id", live: true };
        let error = keyring.open_application_face(&application, &sealed).expect_err("no face");
        assert_eq!(error, OpenError::OtherKey { key_id: audit });
    }

    #[test]
    fn a_keyring_never_prints() {
        let keyring = keyring();
        let shown = format!("{keyring:?}");
        assert_eq!(shown.matches("***").count(), 6, "{shown}");
        for named in &keyring.keys {
            assert!(!shown.contains(&data_encoding::HEXLOWER.encode(named.key.expose())));
            assert!(!shown.contains(&format!("{:?}", named.key.expose())));
        }
    }
}
