//! The one strongroom that a command speaks to, whichever it is: embedded in this process, or served elsewhere. The
//! operations are the same and their errors read the same; what is different is in `embedded` and `served`.

use anyhow::Result;
use strongroom_secrets::{
    ApiKey, ApiKeyId, Application, ApplicationId, AuditEntry, CollectionId, Delivered, Diff, Limits, Mask,
    NewCollection, NewKey, Outline, RunClaimText, SecretsCollection, SecretsCollectionSummary, Token, Update,
    VersionSummary,
};

#[cfg(feature = "serve")]
use crate::embedded::Embedded;
use crate::served::{self, Served};
use crate::settings::{Choice, Settings};

/// A strongroom that is at hand.
pub(crate) enum Strongroom {
    #[cfg(feature = "serve")]
    Embedded(Box<Embedded>),
    Served(Served),
}

/// A collection after a write.
pub(crate) struct Written {
    pub(crate) summary: SecretsCollectionSummary,
    pub(crate) version: u64,
    /// What became of its secrets, against the version before; unknown where that cannot be looked up.
    pub(crate) changes: Option<Diff>,
}

/// Declares the operations: each goes to whichever strongroom it is.
macro_rules! operations {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl Strongroom {$(
            pub(crate) fn $name(&self $(, $argument: $type)*) -> Result<$answer> {
                match self {
                    #[cfg(feature = "serve")]
                    Self::Embedded(embedded) => embedded.$name($($argument),*),
                    Self::Served(served) => served.$name($($argument),*),
                }
            }
        )*}
    };
}

operations! {
    fn create(&self, app: &ApplicationId, new: NewCollection) -> Written;
    fn list(&self, app: &ApplicationId) -> Vec<SecretsCollectionSummary>;
    fn get(&self, app: &ApplicationId, id: &CollectionId, version: Option<u64>) -> (SecretsCollection<Mask>, u64);
    fn update(&self, app: &ApplicationId, id: &CollectionId, update: &Update, if_match: Option<u64>) -> Written;
    fn delete(&self, app: &ApplicationId, id: &CollectionId, if_match: Option<u64>) -> ();
    fn restore(&self, app: &ApplicationId, id: &CollectionId) -> Written;
    fn versions(&self, app: &ApplicationId, id: &CollectionId) -> Vec<VersionSummary>;
    fn diff(&self, app: &ApplicationId, id: &CollectionId, from: u64, to: u64) -> Diff;
    fn rollback(&self, app: &ApplicationId, id: &CollectionId, to: u64, if_match: Option<u64>) -> Written;

    fn outline(&self, app: &ApplicationId, id: &CollectionId, version: Option<u64>) -> Outline;
    fn deliver(&self, app: &ApplicationId, id: &CollectionId, version: u64, run: RunClaimText) -> Delivered;
    fn reveal(&self, app: &ApplicationId, id: &CollectionId, version: Option<u64>) -> Delivered;

    fn create_application(&self, id: &ApplicationId, name: Option<String>, description: Option<String>) -> Application;
    fn list_applications(&self) -> Vec<Application>;
    fn get_application(&self, id: &ApplicationId) -> Application;
    fn update_application(&self, id: &ApplicationId, name: Option<String>, description: Option<String>) -> Application;
    fn delete_application(&self, id: &ApplicationId) -> ();
    fn restore_application(&self, id: &ApplicationId) -> Application;

    fn create_key(&self, new: NewKey) -> (ApiKey, Token);
    fn list_keys(&self) -> Vec<ApiKey>;
    fn revoke_key(&self, id: &ApiKeyId) -> ();

    fn records(&self, app: Option<&ApplicationId>, id: Option<&CollectionId>) -> Vec<AuditEntry>;
}

impl Strongroom {
    /// Opens the one that the settings name.
    pub(crate) fn open(settings: &Settings<'_>) -> Result<Self> {
        match settings.choose()? {
            #[cfg(feature = "serve")]
            Choice::Embedded(data) => Ok(Self::Embedded(Box::new(Embedded::open(&data)?))),
            Choice::Served(connection) => Served::open(connection).map(Self::Served),
        }
    }

    /// The limits of a collection that is given so many secrets. Those of a server are not known here: it judges by its own,
    /// and nothing is refused before that it could accept. With so many secrets none may have larger values than this.
    pub(crate) fn limits_for(&self, secrets: usize) -> Limits {
        match self {
            #[cfg(feature = "serve")]
            Self::Embedded(embedded) => embedded.limits(),
            Self::Served(_) => {
                let count = (secrets as u64).clamp(1, Limits::LARGEST);
                Limits::of(count, Limits::LARGEST / count).expect("the product is not above the largest")
            }
        }
    }

    /// How large a document of secrets may be, in bytes; of a server, the largest collection with each character escaped.
    pub(crate) fn largest_document(&self) -> u64 {
        match self {
            #[cfg(feature = "serve")]
            Self::Embedded(embedded) => embedded.limits().body(),
            Self::Served(_) => 6 * Limits::LARGEST,
        }
    }

    /// Lets it go, in good order and without hurry.
    pub(crate) fn finish(self) {
        match self {
            #[cfg(feature = "serve")]
            Self::Embedded(embedded) => embedded.finish(),
            Self::Served(served) => drop(served),
        }
    }

    /// Lets it go at once.
    pub(crate) fn close(self) {
        match self {
            #[cfg(feature = "serve")]
            Self::Embedded(embedded) => embedded.close(),
            Self::Served(served) => drop(served),
        }
    }
}

/// Opens the strongroom, does one thing with it, and lets it go in good order, however that went. Every command but `run`
/// comes through here.
pub(crate) fn with<T>(settings: &Settings<'_>, work: impl FnOnce(&Strongroom) -> Result<T>) -> Result<T> {
    let strongroom = Strongroom::open(settings)?;
    let done = work(&strongroom);
    strongroom.finish();
    done
}

/// What was asked for, or the error that says that it is absent. That it cannot be read is not that it is absent.
pub(crate) fn present<T>(read: Result<T>) -> Result<Result<T, anyhow::Error>> {
    match read {
        Ok(found) => Ok(Ok(found)),
        Err(error) if is_absent(&error) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

/// The same where the API key may not look: none, for then only the deed itself can tell.
pub(crate) fn look<T>(read: Result<T>) -> Result<Option<Result<T, anyhow::Error>>> {
    match present(read) {
        Err(error) if served::is_forbidden(&error) => Ok(None),
        other => other.map(Some),
    }
}

fn is_absent(error: &anyhow::Error) -> bool {
    #[cfg(feature = "serve")]
    if crate::embedded::is_absent(error) {
        return true;
    }
    served::is_absent(error)
}
