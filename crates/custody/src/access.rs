//! Who is calling, and the proof that they may. A right is asked for once and then carried: every operation takes an
//! [`Access`] of its own action, so there is nothing to check again and nothing to forget.

use std::marker::PhantomData;

use strongroom_ledger::record::{Actor, ActorKind};
use strongroom_secrets::ApplicationId;

/// Whoever asks for something: known, and named in the audit record of what they do.
#[derive(Debug, Clone)]
pub struct Caller {
    actor: Actor,
}

impl Caller {
    /// The owner of the data, using it embedded: the operating system let them open the database, so every right is
    /// theirs.
    #[must_use]
    pub fn owner(uid: u32) -> Self {
        Self { actor: Actor { kind: ActorKind::Embedded, name: format!("uid:{uid}") } }
    }

    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The right to an action on one application.
    #[must_use]
    pub fn access<A>(&self, application: &ApplicationId) -> Access<A> {
        Access { actor: self.actor.clone(), application: application.clone(), action: PhantomData }
    }

    /// The right to an action on the whole strongroom.
    #[must_use]
    pub fn everywhere<A>(&self) -> Everywhere<A> {
        Everywhere { action: PhantomData }
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
    actor: Actor,
    application: ApplicationId,
    action: PhantomData<A>,
}

impl<A> Access<A> {
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn application(&self) -> &ApplicationId {
        &self.application
    }
}

/// Proof that a caller may do `A` in the whole strongroom.
#[derive(Debug)]
pub struct Everywhere<A> {
    action: PhantomData<A>,
}

/// To see names and metadata, and masks.
#[derive(Debug)]
pub enum List {}
/// To create, change and delete collections.
#[derive(Debug)]
pub enum Write {}
/// To have a collection delivered into a run.
#[derive(Debug)]
pub enum Deliver {}
/// To be shown plaintext.
#[derive(Debug)]
pub enum Reveal {}
/// To create and delete applications.
#[derive(Debug)]
pub enum Manage {}
/// To read and verify the ledger.
#[derive(Debug)]
pub enum Audit {}
