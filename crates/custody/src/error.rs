//! What can go wrong, by what the caller can do about it. No error carries a value, a name or a description.

use strongroom_ledger::record::EncodeError;
use strongroom_seal::{OpenError, SealError};
use strongroom_secrets::{Action, ApplicationId, CollectionId, Place, SetError, VersionTag};
use strongroom_store::{ChangeError, CommitError, StoreError};

/// What was asked for is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// No live application has this id.
    #[error("there is no application {0}; make it with: strongroom apps create {0}")]
    Application(ApplicationId),
    /// No live collection of the application has this id.
    #[error("application {application} has no secrets collection {id}")]
    Collection {
        /// Where it was looked for.
        application: ApplicationId,
        /// Its id.
        id: CollectionId,
    },
    /// The collection has no such version (any more).
    #[error("secrets collection {id} has no version {version}; versions lists those that are kept")]
    Version {
        /// The collection's id.
        id: CollectionId,
        /// The version asked for.
        version: u64,
    },
}

/// Why a caller may not do what they ask for. What is not theirs is absent to them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The key does not have the right to this action, whatever it is asked for.
    #[error("this API key does not have the right to {0}; use one that was made with --can {0}")]
    Action(Action),
    /// The key is bound to one application or collection, and this reaches beyond it.
    #[error("this API key is bound to one application or collection, and what is asked for reaches beyond")]
    Scope,
    /// The key was revoked or expired since it was checked. Nothing was done.
    #[error("this API key was revoked or has expired")]
    Key,
    /// It is not there, or not the caller's.
    #[error(transparent)]
    Absent(#[from] Absent),
}

/// Something that the caller cannot mend by asking differently. Nothing was released.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database does not answer, or not as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else changed the same thing at the same moment.
    #[error("others changed the same thing at the same moment; nothing was changed, repeat")]
    Contended(#[source] ChangeError),
    /// The same request was sent a moment before, and accepted: [`crate::Custodian::repeated`] knows what it did.
    #[error("a request with the same key was accepted at the same moment; repeat it to hear what it did")]
    Repeated,
    /// The change was not made, or nobody knows whether it was.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What is stored is not what was written: it was altered, or belongs elsewhere.
    #[error("{what} is not what was written there: it was altered or swapped; nothing is released")]
    Integrity {
        /// What was read, by ids.
        what: String,
        /// What the seal says, where it was asked.
        #[source]
        source: Option<OpenError>,
    },
    /// A record could not be sealed.
    #[error("sealing was refused")]
    Seal(#[from] SealError),
    /// An audit record could not be written down.
    #[error("the audit record was refused")]
    Record(#[from] EncodeError),
}

impl From<ChangeError> for Fault {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Store(error) => Self::Store(error),
            ChangeError::Exists | ChangeError::Gone | ChangeError::Moved => Self::Contended(error),
        }
    }
}

/// Why a reading operation or a deletion is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The caller may not.
    #[error(transparent)]
    Denied(Denied),
    /// It cannot be read now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an operation on an application is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// It is not there.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The caller may not.
    #[error(transparent)]
    Denied(Denied),
    /// The id is in use.
    #[error("there is already an application {0}")]
    Exists(ApplicationId),
    /// It cannot be done now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a collection is not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Its application is not there.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The caller may not.
    #[error(transparent)]
    Denied(Denied),
    /// The id is in use.
    #[error(
        "application {application} already has a secrets collection {id}; update it, or choose another id"
    )]
    Exists {
        /// The application.
        application: ApplicationId,
        /// The id in use.
        id: CollectionId,
    },
    /// It cannot be done now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a collection is not updated. Nothing of the update was applied.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It is not there.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The caller may not.
    #[error(transparent)]
    Denied(Denied),
    /// It is not at the version that the caller expected.
    #[error(
        "the collection is at version {current}, not {expected}: somebody changed it; look again and repeat"
    )]
    NotAtVersion {
        /// What the caller expected.
        expected: VersionTag,
        /// What it is.
        current: VersionTag,
    },
    /// Others kept changing it.
    #[error("others changed the collection at the same time, three times over; repeat")]
    Contended,
    /// `create` of a secret that exists.
    #[error("{0} exists already; the collection changed since it was looked at, or update was meant")]
    AlreadyThere(Place),
    /// `update` of a secret that does not exist.
    #[error("{0} does not exist; the collection changed since it was looked at, or create was meant")]
    NotThere(Place),
    /// A mask that this strongroom did not make for this secret.
    #[error("{0} is refused: its value is a mask of something else; give the value itself")]
    ForeignMask(Place),
    /// A mask of a value that has been replaced since.
    #[error("{0} is refused: its value is a mask of an older value; look at the collection again and repeat")]
    StaleMask(Place),
    /// The final state breaks a rule of sets.
    #[error(transparent)]
    Set(#[from] SetError),
    /// It cannot be done now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why it is not said what an earlier request did.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// Its key was used for something else.
    #[error("another request was sent with the same key; choose a new key for each")]
    OtherRequest,
    /// What it made is not there any more.
    #[error("this request was accepted before, and what it made is gone since")]
    Gone,
    /// It is not there for this caller any more.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The caller may not, any more.
    #[error(transparent)]
    Denied(Denied),
    /// It cannot be read now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an API key is not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What it is to be bound to is not there.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The caller may not.
    #[error(transparent)]
    Denied(Denied),
    /// No key with this id is within the caller's reach.
    #[error("there is no such API key; keys list shows those that are")]
    NoSuchKey,
    /// A key may not give more than it has itself.
    #[error(
        "the new key's {0} would lie beyond this API key's own; ask for less, or with a key that has more"
    )]
    Beyond(&'static str),
    /// A key may not take away more than it has itself.
    #[error(
        "the key's {0} lies beyond this API key's own; revoke it with a key that has more, or on the data folder itself"
    )]
    Above(&'static str),
    /// It would have expired already.
    #[error("the key would have expired already; give a time to come")]
    Expired,
    /// Its name cannot be used.
    #[error("the key's name is refused: 1 to 256 bytes without control characters")]
    Name,
    /// It cannot be done now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a token is not accepted. Whatever is wrong with it, its holder is told the same.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// It is of no key that is valid now: unknown, wrong, expired or revoked.
    #[error("the API key is not valid")]
    Refused,
    /// It cannot be checked now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why the end of a run is not noted.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The caller took no such delivery.
    #[error("there is no such delivery of this caller")]
    NoSuchDelivery,
    /// The caller may not.
    #[error(transparent)]
    Denied(Denied),
    /// It cannot be noted now.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is not the caller's is absent, in every error alike.
macro_rules! denied_into {
    ($($error:ident)*) => {$(
        impl From<Denied> for $error {
            fn from(denied: Denied) -> Self {
                match denied {
                    Denied::Absent(absent) => absent.into(),
                    other => Self::Denied(other),
                }
            }
        }
    )*};
}

/// What is refused because it could not be read is refused for the same reason.
macro_rules! read_into {
    ($($error:ident)*) => {$(
        impl From<ReadError> for $error {
            fn from(error: ReadError) -> Self {
                match error {
                    ReadError::Absent(absent) => absent.into(),
                    ReadError::Denied(denied) => denied.into(),
                    ReadError::Fault(fault) => fault.into(),
                }
            }
        }
    )*};
}

read_into! { ApplicationError CreateError UpdateError KeyError RepeatError }

denied_into! { ReadError ApplicationError CreateError UpdateError KeyError RepeatError }
