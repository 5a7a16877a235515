//! A strongroom in this process: its store is opened, then its root key read, then both together; and every operation runs
//! to its end on this thread. Whoever does it is the owner of the data: the operating system let them open it.

use anyhow::{Context, Result, anyhow};
use strongroom_custody::{
    Access, ApplicationUpdate, Audit, AuditFilter, Caller, Changes, Custodian, Deliver, Denied, Everywhere,
    List, Manage, NewApplication, ReadError, Reveal, Right, Updated, Write,
};
use strongroom_seal::{SlotKey, keyfile};
use strongroom_secrets::{
    ApiKey, ApiKeyId, Application, ApplicationId, AuditEntry, CollectionId, Delivered, Diff, Limits, Mask,
    NewCollection, NewKey, Outline, RunClaimText, SecretsCollection, SecretsCollectionSummary, Token, Update,
    VersionSummary, VersionTag,
};
use strongroom_store::{OpenError, Store};
use tokio::runtime::Runtime;

use crate::settings::{Data, Source, now, uid};
use crate::strongroom::Written;

/// An open strongroom, and what drives it.
pub(crate) struct Embedded {
    custodian: Custodian,
    runtime: Runtime,
}

impl Embedded {
    pub(crate) fn open(data: &Data) -> Result<Self> {
        let runtime = runtime()?;
        let custodian = runtime.block_on(async { unlock(data, store(data).await?).await })?;
        Ok(Self { custodian, runtime })
    }

    /// Lets it go with the database's log written back: what was acknowledged then rests in the database itself.
    pub(crate) fn finish(self) {
        self.runtime.block_on(self.custodian.finish());
    }

    /// Lets it go at once.
    pub(crate) fn close(self) {
        self.runtime.block_on(self.custodian.close());
    }

    pub(crate) fn limits(&self) -> Limits {
        self.custodian.limits()
    }

    /// Runs to its end what a caller with this right does in one application.
    fn inside<'a, A: Right, T, E>(
        &'a self,
        app: &ApplicationId,
        work: impl AsyncFnOnce(&'a Custodian, &Access<A>) -> Result<T, E>,
    ) -> Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let access = caller().access::<A>(app)?;
        Ok(self.runtime.block_on(work(&self.custodian, &access))?)
    }

    /// The same for what is not of one application.
    fn everywhere<'a, A: Right, T, E>(
        &'a self,
        work: impl AsyncFnOnce(&'a Custodian, &Everywhere<A>) -> Result<T, E>,
    ) -> Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let everywhere = caller().everywhere::<A>()?;
        Ok(self.runtime.block_on(work(&self.custodian, &everywhere))?)
    }
}

impl Embedded {
    pub(crate) fn create(&self, app: &ApplicationId, new: NewCollection) -> Result<Written> {
        self.inside(app, async |custodian, access: &Access<Write>| custodian.create(access, new, now()).await)
            .map(Written::from)
    }

    pub(crate) fn list(&self, app: &ApplicationId) -> Result<Vec<SecretsCollectionSummary>> {
        let page = self
            .inside(app, async |custodian, access: &Access<List>| custodian.list(access, None, None).await)?;
        Ok(page.items)
    }

    pub(crate) fn get(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<(SecretsCollection<Mask>, u64)> {
        self.inside(app, async |custodian, access: &Access<List>| custodian.get(access, id, version).await)
    }

    pub(crate) fn update(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        update: &Update,
        if_match: Option<u64>,
    ) -> Result<Written> {
        self.inside(app, async |custodian, access: &Access<Write>| {
            custodian.update(access, id, update, tag(custodian, if_match), now()).await
        })
        .map(Written::from)
    }

    pub(crate) fn delete(&self, app: &ApplicationId, id: &CollectionId, if_match: Option<u64>) -> Result<()> {
        self.inside(app, async |custodian, access: &Access<Write>| {
            custodian.delete(access, id, tag(custodian, if_match), now()).await
        })
    }

    pub(crate) fn restore(&self, app: &ApplicationId, id: &CollectionId) -> Result<Written> {
        self.inside(app, async |custodian, access: &Access<Write>| custodian.restore(access, id, now()).await)
            .map(Written::from)
    }

    pub(crate) fn versions(&self, app: &ApplicationId, id: &CollectionId) -> Result<Vec<VersionSummary>> {
        self.inside(app, async |custodian, access: &Access<List>| custodian.versions(access, id).await)
    }

    pub(crate) fn diff(&self, app: &ApplicationId, id: &CollectionId, from: u64, to: u64) -> Result<Diff> {
        self.inside(app, async |custodian, access: &Access<List>| custodian.diff(access, id, from, to).await)
    }

    pub(crate) fn rollback(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        to: u64,
        if_match: Option<u64>,
    ) -> Result<Written> {
        self.inside(app, async |custodian, access: &Access<Write>| {
            custodian.rollback(access, id, to, tag(custodian, if_match), now()).await
        })
        .map(Written::from)
    }

    pub(crate) fn outline(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Outline> {
        self.inside(app, async |custodian, access: &Access<Deliver>| {
            custodian.outline(access, id, version).await
        })
    }

    pub(crate) fn deliver(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: u64,
        run: RunClaimText,
    ) -> Result<Delivered> {
        self.inside(app, async |custodian, access: &Access<Deliver>| {
            custodian.deliver(access, id, Some(version), Some(run), now()).await
        })
    }

    pub(crate) fn reveal(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Delivered> {
        self.inside(app, async |custodian, access: &Access<Reveal>| {
            custodian.reveal(access, id, version, None, now()).await
        })
    }

    pub(crate) fn create_application(
        &self,
        id: &ApplicationId,
        name: Option<String>,
        description: Option<String>,
    ) -> Result<Application> {
        let new = NewApplication { name, description: description.unwrap_or_default() };
        self.everywhere(async |custodian, everywhere: &Everywhere<Manage>| {
            custodian.create_application(everywhere, id, new, now()).await
        })
    }

    pub(crate) fn list_applications(&self) -> Result<Vec<Application>> {
        let page = self.everywhere(async |custodian, everywhere: &Everywhere<List>| {
            custodian.list_applications(everywhere, None, None).await
        })?;
        Ok(page.items)
    }

    pub(crate) fn get_application(&self, id: &ApplicationId) -> Result<Application> {
        self.inside(id, async |custodian, access: &Access<List>| custodian.get_application(access).await)
    }

    pub(crate) fn update_application(
        &self,
        id: &ApplicationId,
        name: Option<String>,
        description: Option<String>,
    ) -> Result<Application> {
        let update = ApplicationUpdate { name, description };
        self.inside(id, async |custodian, access: &Access<Manage>| {
            custodian.update_application(access, update, now()).await
        })
    }

    pub(crate) fn delete_application(&self, id: &ApplicationId) -> Result<()> {
        self.inside(id, async |custodian, access: &Access<Manage>| {
            custodian.delete_application(access, now()).await
        })
    }

    pub(crate) fn restore_application(&self, id: &ApplicationId) -> Result<Application> {
        self.inside(id, async |custodian, access: &Access<Manage>| {
            custodian.restore_application(access, now()).await
        })
    }

    pub(crate) fn create_key(&self, new: NewKey) -> Result<(ApiKey, Token)> {
        self.everywhere(async |custodian, everywhere: &Everywhere<Manage>| {
            custodian.create_key(everywhere, new, now()).await
        })
    }

    pub(crate) fn list_keys(&self) -> Result<Vec<ApiKey>> {
        let page = self.everywhere(async |custodian, everywhere: &Everywhere<Manage>| {
            custodian.list_keys(everywhere, None, None).await
        })?;
        Ok(page.items)
    }

    pub(crate) fn revoke_key(&self, id: &ApiKeyId) -> Result<()> {
        self.everywhere(async |custodian, everywhere: &Everywhere<Manage>| {
            custodian.revoke_key(everywhere, id, now()).await.map(drop)
        })
    }

    pub(crate) fn records(
        &self,
        app: Option<&ApplicationId>,
        id: Option<&CollectionId>,
    ) -> Result<Vec<AuditEntry>> {
        let filter = AuditFilter { application: app, collection: id };
        self.everywhere(async |custodian, everywhere: &Everywhere<Audit>| {
            let mut entries = Vec::new();
            let mut from = Some(0);
            while let Some(seq) = from {
                let page = custodian.records(everywhere, filter, seq).await?;
                entries.extend(page.entries);
                from = page.next;
            }
            Ok::<_, ReadError>(entries)
        })
    }
}

/// Whoever names a version by its number means one of today's generation: the one that they were shown.
fn tag(custodian: &Custodian, version: Option<u64>) -> Option<VersionTag> {
    version.map(|version| custodian.tag(version))
}

impl From<Updated> for Written {
    fn from(updated: Updated) -> Self {
        let Updated { summary, version, changes: Changes { added, changed, removed, kept } } = updated;
        let from = version.saturating_sub(1);
        Self {
            summary,
            version,
            changes: Some(Diff { from, to: version, added, removed, changed, same: kept }),
        }
    }
}

/// Whether an error says that what was asked for is not there.
pub(crate) fn is_absent(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<ReadError>(), Some(ReadError::Absent(_)))
        || matches!(error.downcast_ref::<Denied>(), Some(Denied::Absent(_)))
}

/// Unlocks what was opened.
pub(crate) async fn unlock(data: &Data, store: Store) -> Result<Custodian> {
    let noted = Custodian::sources(&store).await?.ok_or_else(|| missing(data))?;
    let key = root_key(data, &noted)?;
    Ok(Custodian::unlock(store, &key).await?)
}

/// Opens the store alone.
pub(crate) async fn store(data: &Data) -> Result<Store> {
    Store::open(&data.folder).await.map_err(|error| unopened(data, error))
}

/// Opens the store as the one process that serves it.
pub(crate) async fn serving_store(data: &Data, readers: usize) -> Result<Store> {
    Store::open_serving(&data.folder, readers).await.map_err(|error| unopened(data, error))
}

fn unopened(data: &Data, error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Missing { .. } => missing(data),
        other => other.into(),
    }
}

fn missing(data: &Data) -> anyhow::Error {
    let (folder, option) = (data.folder.display(), data.option());
    anyhow!("there is no strongroom in {folder}; make one with: strongroom init{option}")
}

/// Reads the root key from where the environment says, else from where `init` noted that it is.
pub(crate) fn root_key(data: &Data, noted: &[String]) -> Result<SlotKey> {
    let source = match (&data.root_key, noted.first()) {
        (Some(source), _) => source.clone(),
        (None, Some(noted)) => {
            Source::parse(noted, &data.folder).context("the noted root key cannot be used")?
        }
        (None, None) => return Err(anyhow!("no root key is noted; set STRONGROOM_ROOT_KEY=file:PATH")),
    };
    keyfile::read(source.path(), &data.folder, uid()).map_err(|error| match error {
        keyfile::ReadError::Missing { .. } => anyhow!("{error} with STRONGROOM_ROOT_KEY=file:PATH"),
        other => other.into(),
    })
}

/// Whoever runs this program, as the owner of the data.
pub(crate) fn caller() -> Caller {
    Caller::owner(uid())
}

/// Runs one command's asynchronous part to its end. No thread of it is left afterwards.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(runtime()?.block_on(work))
}

/// It drives on the calling thread, and has none of its own.
fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().build().context("no runtime could be started")
}
