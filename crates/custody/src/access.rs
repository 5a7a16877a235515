//! Who is calling, and the proof that they may. A right is asked for once and then carried: every operation takes an
//! [`Access`] of its own action, so there is nothing to check again and nothing to forget. What an API key grants is
//! decided here too; reading it from the database, and looking again before a commit, is `authority`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use strongroom_ledger::record::{Actor, ActorKind};
use strongroom_secrets::{Action, Actions, ApiKeyId, ApplicationId, CollectionId, Timestamp};

use crate::error::{Absent, Denied};
use crate::repeatable::Repeatable;

/// Whoever asks for something: known, and named in the audit record of what they do.
#[derive(Debug, Clone)]
pub struct Caller {
    actor: Actor,
    origin: Option<Arc<Origin>>,
    /// What an API key grants; none for the owner, whose every right it is.
    grant: Option<Arc<Grant>>,
    /// Which request this is, where it may be sent again.
    repeatable: Option<Repeatable>,
}

/// Where a request came from, for its audit record.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) source: String,
    pub(crate) request_id: String,
}

/// What an API key grants, as it was when the key was checked.
pub(crate) struct Grant {
    pub(crate) id: ApiKeyId,
    pub(crate) can: Actions,
    pub(crate) scope: Option<Scope>,
    pub(crate) expires_at: Option<Timestamp>,
    /// The sealed grant and the record that it was held against: both must still be there before anything is done.
    pub(crate) sealed: Vec<u8>,
    pub(crate) told: u64,
}

/// What a key is bound to, by born ids: whatever has the same id later is none of its business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) application: ApplicationId,
    pub(crate) application_born: String,
    pub(crate) collection: Option<(CollectionId, String)>,
}

impl Scope {
    /// Whether everything that `other` reaches is reached by this one.
    pub(crate) fn reaches(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| {
            self.application == other.application
                && self.application_born == other.application_born
                && (self.collection.is_none() || self.collection == other.collection)
        })
    }
}

impl Caller {
    /// The owner of the data, using it embedded: the operating system let them open the database, so every right is
    /// theirs.
    #[must_use]
    pub fn owner(uid: u32) -> Self {
        let actor = Actor { kind: ActorKind::Embedded, name: format!("uid:{uid}") };
        Self { actor, origin: None, grant: None, repeatable: None }
    }

    pub(crate) fn with_key(grant: Grant) -> Self {
        let actor = Actor { kind: ActorKind::Key, name: grant.id.to_string() };
        Self { actor, origin: None, grant: Some(Arc::new(grant)), repeatable: None }
    }

    /// The same caller, asking in this request from that address: both are noted in the audit record of what is done.
    #[must_use]
    pub fn at_request(self, source: &str, request_id: &str) -> Self {
        let origin = Origin { source: source.to_owned(), request_id: request_id.to_owned() };
        Self { origin: Some(Arc::new(origin)), ..self }
    }

    /// The API key they called with.
    #[must_use]
    pub fn key_id(&self) -> Option<&ApiKeyId> {
        self.grant.as_ref().map(|grant| &grant.id)
    }

    /// The right to an action on one application, or on what the caller is bound to in it.
    ///
    /// # Errors
    /// [`Denied::Action`] when the caller may not do this at all, whatever it is asked for; [`Denied::Absent`] when the
    /// application is not theirs: to them it does not exist.
    pub fn access<A: Right>(&self, application: &ApplicationId) -> Result<Access<A>, Denied> {
        self.check::<A>()?;
        if self.scope().is_some_and(|scope| scope.application != *application) {
            return Err(Absent::Application(application.clone()).into());
        }
        Ok(Access { caller: self.clone(), application: application.clone(), action: PhantomData })
    }

    /// The right to an action wherever the caller's scope reaches.
    ///
    /// # Errors
    /// [`Denied::Action`].
    pub fn everywhere<A: Right>(&self) -> Result<Everywhere<A>, Denied> {
        self.check::<A>()?;
        Ok(Everywhere { caller: self.clone(), action: PhantomData })
    }

    fn check<A: Right>(&self) -> Result<(), Denied> {
        match &self.grant {
            Some(grant) if !grant.can.contains(A::ACTION) => Err(Denied::Action(A::ACTION)),
            _ => Ok(()),
        }
    }

    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    pub(crate) fn repeatable(&self) -> Option<&Repeatable> {
        self.repeatable.as_ref()
    }

    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.grant.as_deref()
    }

    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.grant.as_ref()?.scope.as_ref()
    }
}

/// Never what is sealed.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.id)
    }
}

/// Proof that a caller may do `A` in one application.
///
/// A proof of one right is none of another:
/// ```compile_fail
/// # use strongroom_custody::{Access, Deliver, List};
/// fn escalate(list: Access<List>) -> Access<Deliver> { list }
/// ```
#[derive(Debug)]
pub struct Access<A> {
    caller: Caller,
    application: ApplicationId,
    action: PhantomData<fn() -> A>,
}

impl<A> Access<A> {
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn application(&self) -> &ApplicationId {
        &self.application
    }

    /// Whether this application, by its born id, is the one that the caller may see.
    pub(crate) fn is_of(&self, application_born: &str) -> bool {
        self.caller.scope().is_none_or(|scope| scope.application_born == application_born)
    }

    /// Whether the caller may know of a collection with this id.
    pub(crate) fn covers(&self, id: &CollectionId) -> bool {
        self.bound_to().is_none_or(|(bound, _)| bound == id)
    }

    /// Whether the caller may see this very collection.
    pub(crate) fn covers_born(&self, born: &str) -> bool {
        self.bound_to().is_none_or(|(_, bound)| bound == born)
    }

    /// What concerns the whole application is beyond a caller who is bound to one collection.
    pub(crate) fn of_whole_application(&self) -> Result<(), Denied> {
        if self.bound_to().is_some() { Err(Denied::Scope) } else { Ok(()) }
    }

    fn bound_to(&self) -> Option<&(CollectionId, String)> {
        self.caller.scope()?.collection.as_ref()
    }
}

/// Proof that a caller may do `A` wherever their scope reaches.
#[derive(Debug)]
pub struct Everywhere<A> {
    caller: Caller,
    action: PhantomData<fn() -> A>,
}

impl<A> Everywhere<A> {
    /// What is about the whole instance is beyond a caller whose key is bound to an application.
    ///
    /// # Errors
    /// [`Denied::Scope`].
    pub fn unbound(&self) -> Result<(), Denied> {
        if self.caller.scope().is_some() { Err(Denied::Scope) } else { Ok(()) }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }
}

/// A delivery answers with plaintext, and what it did is not answered a second time: its rights have no such method.
macro_rules! repeatable {
    ($($access:ty)*) => {$(
        impl $access {
            /// The same right, to do just this: what is written with it is done once, however often it is asked for.
            #[must_use]
            pub fn repeatable(mut self, repeatable: Repeatable) -> Self {
                self.caller.repeatable = Some(repeatable);
                self
            }
        }
    )*};
}

repeatable! { Access<Write> Access<Manage> Everywhere<Manage> }

/// An action as a type, so that the right to it can be a type too.
pub trait Right: sealed::Sealed {
    /// The action.
    const ACTION: Action;
}

/// Declares the rights: nobody else can make one.
macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Right for $name {
            const ACTION: Action = Action::$name;
        }

        impl sealed::Sealed for $name {})*
    };
}

mod sealed {
    pub trait Sealed {}
}

rights! {
    /// To see names and metadata, and masks.
    List;
    /// To create, change and delete collections.
    Write;
    /// To have a collection delivered into a run.
    Deliver;
    /// To be shown plaintext.
    Reveal;
    /// To create, change and delete applications and API keys.
    Manage;
    /// To read and verify the ledger.
    Audit;
}
