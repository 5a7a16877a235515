//! A strongroom to try promises on, with words short enough for a test to read as a story. It decides nothing and
//! asserts nothing: it asks the custodian and hands its answers on.

use std::cell::Cell;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use strongroom_custody::{
    Access, ApplicationError, AuditFilter, Caller, CreateError, Custodian, Deliver, Everywhere, List, Manage,
    NewApplication, ReadError, Reveal, Right, Setup, UpdateError, Updated, Verified, VerifyError, Write,
};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_secrets::{
    ApplicationId, AuditEntry, Change, CollectionId, Delivered, Draft, Limits, Mask, NewCollection,
    Operation, Place, Secret, SecretType, SecretValue, SecretsCollection, Timestamp, Update,
};
use strongroom_store::Store;
use tempfile::TempDir;

/// Limits that no sample meets by accident.
pub(crate) const WIDE: Limits = Limits::DEFAULT;

/// An unlocked strongroom with an owner who may do everything, and a clock that goes on by a second a question.
pub(crate) struct Strongroom {
    pub(crate) custodian: Custodian,
    owner: Caller,
    seconds: Cell<i64>,
}

impl Strongroom {
    /// One in memory, with the application `app`.
    pub(crate) async fn memory() -> Self {
        Self::memory_within(WIDE).await
    }

    pub(crate) async fn memory_within(limits: Limits) -> Self {
        let folder = Folder::empty();
        let store = Store::memory().await.expect("a store in memory");
        let room = Self::found(store, &folder.make_key("root.key"), limits).await;
        room.create_application("app").await.expect("a new application");
        room
    }

    pub(crate) async fn found(store: Store, slot: &SlotKey, limits: Limits) -> Self {
        let instance = Custodian::new_instance_id().expect("random bytes");
        let setup = Setup { instance: &instance, slot, source: "file:/keys/root.key", limits };
        let owner = Caller::owner(1000);
        let custodian = Custodian::found(store, &owner, setup, at(1)).await.expect("a new instance");
        Self { custodian, owner, seconds: Cell::new(1) }
    }

    /// The next second.
    pub(crate) fn now(&self) -> Timestamp {
        self.seconds.set(self.seconds.get() + 1);
        at(self.seconds.get())
    }

    pub(crate) fn access<A: Right>(&self, application: &str) -> Access<A> {
        self.owner.access(&app(application)).expect("the owner may do everything")
    }

    pub(crate) fn everywhere<A: Right>(&self) -> Everywhere<A> {
        self.owner.everywhere().expect("the owner may do everything")
    }

    pub(crate) async fn create_application(&self, id: &str) -> Result<(), ApplicationError> {
        let new = NewApplication::default();
        self.custodian.create_application(&self.everywhere(), &app(id), new, self.now()).await.map(drop)
    }

    pub(crate) async fn delete_application(&self, id: &str) -> Result<(), ApplicationError> {
        let access = self.access::<Manage>(id);
        self.custodian.delete_application(&access, self.now()).await
    }

    /// The ids of all applications, as they are listed.
    pub(crate) async fn applications(&self) -> Result<Vec<String>, ReadError> {
        let all = self.custodian.list_applications(&self.everywhere(), None, None).await?;
        Ok(all.items.into_iter().map(|application| application.id).collect())
    }

    pub(crate) async fn create(
        &self,
        application: &str,
        id: &str,
        secrets: &[(&str, &str)],
    ) -> Result<Updated, CreateError> {
        let new = new(id, secrets);
        self.custodian.create(&self.access::<Write>(application), new, self.now()).await
    }

    pub(crate) async fn update(
        &self,
        application: &str,
        id: &str,
        update: &Update,
    ) -> Result<Updated, UpdateError> {
        self.update_from(application, id, None, update).await
    }

    pub(crate) async fn update_from(
        &self,
        application: &str,
        id: &str,
        if_match: Option<u64>,
        update: &Update,
    ) -> Result<Updated, UpdateError> {
        let access = self.access::<Write>(application);
        let if_match = if_match.map(|version| self.custodian.tag(version));
        self.custodian.update(&access, &collection(id), update, if_match, self.now()).await
    }

    pub(crate) async fn delete(&self, application: &str, id: &str) -> Result<(), UpdateError> {
        let access = self.access::<Write>(application);
        self.custodian.delete(&access, &collection(id), None, self.now()).await
    }

    /// The masked collection of a version, and its number.
    pub(crate) async fn show(
        &self,
        application: &str,
        id: &str,
        version: Option<u64>,
    ) -> Result<(SecretsCollection<Mask>, u64), ReadError> {
        self.custodian.get(&self.access::<List>(application), &collection(id), version).await
    }

    /// The masks of the current version, by place, in their order.
    pub(crate) async fn masks(
        &self,
        application: &str,
        id: &str,
    ) -> Result<Vec<(String, String)>, ReadError> {
        let (shown, _) = self.show(application, id, None).await?;
        Ok(shown.secrets.iter().map(|secret| (name(secret), secret.value.to_string())).collect())
    }

    /// The mask of one secret.
    pub(crate) async fn mask(&self, application: &str, id: &str, place: &str) -> String {
        let masks = self.masks(application, id).await.expect("a collection");
        masks.into_iter().find(|(name, _)| name == place).expect("a secret").1
    }

    /// The ids of the collections of an application, as they are listed.
    pub(crate) async fn list(&self, application: &str) -> Result<Vec<String>, ReadError> {
        let all = self.custodian.list(&self.access::<List>(application), None, None).await?;
        Ok(all.items.into_iter().map(|summary| summary.id).collect())
    }

    /// The numbers of the kept versions, as they are listed.
    pub(crate) async fn versions(&self, application: &str, id: &str) -> Result<Vec<u64>, ReadError> {
        let all = self.custodian.versions(&self.access::<List>(application), &collection(id)).await?;
        Ok(all.into_iter().map(|version| version.version).collect())
    }

    /// The delivered values of a version, by place, in their order.
    pub(crate) async fn deliver(
        &self,
        application: &str,
        id: &str,
        version: Option<u64>,
    ) -> Result<Vec<(String, String)>, ReadError> {
        let access = self.access::<Deliver>(application);
        let id = collection(id);
        Ok(values(&self.custodian.deliver(&access, &id, version, None, self.now()).await?))
    }

    /// The revealed values of the current version, by place, in their order.
    pub(crate) async fn reveal(
        &self,
        application: &str,
        id: &str,
    ) -> Result<Vec<(String, String)>, ReadError> {
        let access = self.access::<Reveal>(application);
        Ok(values(&self.custodian.reveal(&access, &collection(id), None, None, self.now()).await?))
    }

    /// All audit records, page by page.
    pub(crate) async fn records(&self) -> Result<Vec<AuditEntry>, ReadError> {
        self.records_about(AuditFilter::default()).await
    }

    pub(crate) async fn records_about(&self, filter: AuditFilter<'_>) -> Result<Vec<AuditEntry>, ReadError> {
        let mut all = Vec::new();
        let mut from = Some(0);
        while let Some(next) = from {
            let page = self.custodian.records(&self.everywhere(), filter, next).await?;
            all.extend(page.entries);
            from = page.next;
        }
        Ok(all)
    }

    pub(crate) async fn verify(&self) -> Result<Verified, VerifyError> {
        self.custodian.verify(&self.everywhere()).await
    }
}

/// A folder of a test's own with a place for DATA and one for keys, as a user has them.
pub(crate) struct Folder {
    root: TempDir,
}

impl Folder {
    pub(crate) fn empty() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        DirBuilder::new().mode(0o700).create(root.path().join("data")).expect("our own folder");
        Self { root }
    }

    /// An instance in a new folder, with the application `app`.
    pub(crate) async fn founded(limits: Limits) -> (Self, Strongroom) {
        let folder = Self::empty();
        let store = Store::create(&folder.data()).await.expect("a store in a folder");
        let room = Strongroom::found(store, &folder.make_key("root.key"), limits).await;
        room.create_application("app").await.expect("a new application");
        (folder, room)
    }

    /// A strongroom as an earlier schema left it: application `app`, collection `c` with the versions `A=one` and `A=two`.
    pub(crate) fn of_schema(number: u32) -> Self {
        let folder = Self::empty();
        let kept = fixtures(number);
        let keys = folder.root.path().join("keys");
        DirBuilder::new().mode(0o700).create(&keys).expect("our own folder");
        for (from, to) in [("strongroom.db", folder.data()), ("root.key", keys)] {
            let to = to.join(from);
            fs::copy(kept.join(from), &to).expect("a file kept beside the tests");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("our own file");
        }
        folder
    }

    /// A copy, to be spoilt.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::empty();
        for part in ["data", "keys"] {
            let (from, to) = (self.root.path().join(part), copy.root.path().join(part));
            DirBuilder::new().mode(0o700).recursive(true).create(&to).expect("our own folder");
            for file in fs::read_dir(from).expect("our own folder") {
                let path = file.expect("our own file").path();
                fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("our own file");
            }
        }
        copy
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(crate) fn make_key(&self, file: &str) -> SlotKey {
        keyfile::create(&self.root.path().join("keys").join(file), &self.data()).expect("a new key file")
    }

    pub(crate) fn read_key(&self) -> SlotKey {
        let path = self.root.path().join("keys/root.key");
        let uid = fs::metadata(&path).expect("a key file").uid();
        keyfile::read(&path, &self.data(), uid).expect("a key file")
    }

    /// The id of the key that opens the instance.
    pub(crate) fn key_id(&self) -> String {
        self.read_key().id().to_string()
    }

    /// Unlocks the instance as another process would. Its clock is ahead of all before.
    pub(crate) async fn open(&self) -> Strongroom {
        let store = Store::open(&self.data()).await.expect("a store");
        let custodian = Custodian::unlock(store, &self.read_key()).await.expect("unlocked");
        Strongroom { custodian, owner: Caller::owner(1000), seconds: Cell::new(1_000_000) }
    }

    /// The same, as a server does.
    pub(crate) async fn open_serving(&self) -> Strongroom {
        let store = Store::open_serving(&self.data(), 2).await.expect("a store");
        let custodian = Custodian::unlock(store, &self.read_key()).await.expect("unlocked");
        Strongroom { custodian, owner: Caller::owner(1000), seconds: Cell::new(1_000_000) }
    }

    /// Somebody else's connection to the database file; no constraint that could be switched off holds them.
    pub(crate) fn connect(&self) -> rusqlite::Connection {
        let connection =
            rusqlite::Connection::open(self.data().join("strongroom.db")).expect("the database file");
        connection.execute_batch("PRAGMA foreign_keys = OFF").expect("a pragma");
        connection
    }

    /// Writes to the database behind our back.
    pub(crate) fn tamper(&self, sql: &str) {
        self.connect().execute_batch(sql).expect(sql);
    }
}

/// What is kept of the time when this schema was the newest.
pub(crate) fn fixtures(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema-{schema}"))
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

pub(crate) fn app(id: &str) -> ApplicationId {
    ApplicationId::parse(id).expect("an application's id")
}

pub(crate) fn collection(id: &str) -> CollectionId {
    CollectionId::parse(id).expect("a collection's id")
}

/// A place from `env:NAME` or `file:LOCATION`.
pub(crate) fn place(text: &str) -> Place {
    let (kind, location) = text.split_once(':').expect("type:location");
    Place::parse(SecretType::parse(kind).expect("a type"), location).expect("a location")
}

/// A secret as a client gives it; the value may be a mask.
pub(crate) fn secret(place: &str, value: &str) -> Secret<SecretValue> {
    let (kind, location) = place.split_once(':').expect("type:location");
    Secret {
        secret_type: SecretType::parse(kind).expect("a type"),
        location: location.to_owned(),
        value: SecretValue::parse(value.as_bytes().to_vec().into()).expect("text"),
    }
}

fn secrets(list: &[(&str, &str)]) -> Vec<Secret<SecretValue>> {
    list.iter().map(|(place, value)| secret(place, value)).collect()
}

pub(crate) fn new(id: &str, list: &[(&str, &str)]) -> NewCollection {
    let draft = Draft { id: Some(id.to_owned()), secrets: Some(secrets(list)), ..Draft::default() };
    NewCollection::settle(draft, WIDE).expect("a legal collection")
}

/// The update to exactly these secrets.
pub(crate) fn replace(list: &[(&str, &str)]) -> Update {
    let change = Change::replace(secrets(list), WIDE).expect("legal secrets");
    Update::settle(None, None, Some(change)).expect("a legal update")
}

/// The update by operations: `+` creates, `=` updates, `-` deletes what follows.
pub(crate) fn operate(list: &[(&str, &str)]) -> Update {
    let operation = |(what, value): &(&str, &str)| {
        let (sign, name) = what.split_at(1);
        match sign {
            "+" => Operation::create(secret(name, value), WIDE).expect("a legal secret"),
            "=" => Operation::update(secret(name, value), WIDE).expect("a legal secret"),
            _ => Operation::Delete(place(name)),
        }
    };
    let change = Change::operations(list.iter().map(operation).collect()).expect("no place twice");
    Update::settle(None, None, Some(change)).expect("a legal update")
}

pub(crate) fn rename(name: &str) -> Update {
    Update::settle(Some(name.to_owned()), None, None).expect("a legal update")
}

fn name<V>(secret: &Secret<V>) -> String {
    format!("{}:{}", secret.secret_type.as_str(), secret.location)
}

pub(crate) fn values(delivered: &Delivered) -> Vec<(String, String)> {
    let entries = delivered.secrets.entries().iter();
    entries.map(|(place, value)| (place.to_string(), value.expose().to_owned())).collect()
}

/// The same pairs, owned, to compare with.
pub(crate) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(place, value)| ((*place).to_owned(), (*value).to_owned())).collect()
}
