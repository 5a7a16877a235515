//! What a route needs of its caller, and the proof that they have it. The kinds of proof are the kinds of route: a handler
//! that asks for one is never reached without it, and none of them can be made anywhere else.

use strongroom_custody::{Access, Caller, Deliver, Everywhere, Reveal, Right};
use strongroom_secrets::{Action, ApplicationId, CollectionId};

use crate::refusal::Refusal;
use crate::url;

/// What a route needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// Nothing: the route is open.
    Nothing,
    /// A valid key, whatever it may do.
    AnyKey,
    /// The right to an action.
    Action(Action),
    /// The right to one of two actions; the body says to which.
    Either(Action, Action),
}

/// That a caller may do what a route does. The kinds of proof are the kinds of route.
pub(crate) trait Proof: Sized + Send + 'static {
    const NEEDED: Needed;
    /// Whether what the route changes has a version that `If-Match` could name.
    const HAS_VERSION: bool = false;

    /// Proves it, or refuses. There is a caller unless nothing is needed.
    fn prove(caller: Option<Caller>, path: &Path<'_>) -> Result<Self, Refusal>;
}

/// A path and the pattern that it fits.
pub(crate) struct Path<'a> {
    pub(crate) pattern: &'static str,
    pub(crate) path: &'a str,
}

/// Of a route that is open to everybody.
pub(crate) struct Nobody;

/// Of a route about one collection.
pub(crate) struct Within<A> {
    pub(crate) access: Access<A>,
    pub(crate) id: CollectionId,
}

/// Of the route that values leave by: at least one of the two rights to it.
pub(crate) struct Release {
    pub(crate) deliver: Result<Access<Deliver>, Refusal>,
    pub(crate) reveal: Result<Access<Reveal>, Refusal>,
    pub(crate) id: CollectionId,
}

impl Path<'_> {
    fn part(&self, name: &str) -> &str {
        url::part(self.pattern, self.path, name)
    }

    /// The right to an action on the application that the path names. Without the right the caller is told so, whatever
    /// the path names; an id that can be nobody's is as absent as one that is not the caller's.
    fn access<A: Right>(&self, caller: &Caller) -> Result<Access<A>, Refusal> {
        let Ok(application) = ApplicationId::parse(self.part("app")) else {
            caller.everywhere::<A>()?;
            return Err(Refusal::no_application());
        };
        Ok(caller.access(&application)?)
    }

    fn collection(&self) -> Result<CollectionId, Refusal> {
        CollectionId::parse(self.part("id")).map_err(|_| Refusal::no_collection())
    }
}

impl Proof for Nobody {
    const NEEDED: Needed = Needed::Nothing;

    fn prove(_: Option<Caller>, _: &Path<'_>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

impl Proof for Caller {
    const NEEDED: Needed = Needed::AnyKey;

    fn prove(caller: Option<Caller>, _: &Path<'_>) -> Result<Self, Refusal> {
        caller.ok_or_else(Refusal::unauthenticated)
    }
}

impl<A: Right + 'static> Proof for Everywhere<A> {
    const NEEDED: Needed = Needed::Action(A::ACTION);

    fn prove(caller: Option<Caller>, path: &Path<'_>) -> Result<Self, Refusal> {
        Ok(Caller::prove(caller, path)?.everywhere()?)
    }
}

impl<A: Right + 'static> Proof for Access<A> {
    const NEEDED: Needed = Needed::Action(A::ACTION);

    fn prove(caller: Option<Caller>, path: &Path<'_>) -> Result<Self, Refusal> {
        path.access(&Caller::prove(caller, path)?)
    }
}

impl<A: Right + 'static> Proof for Within<A> {
    const NEEDED: Needed = Needed::Action(A::ACTION);
    const HAS_VERSION: bool = true;

    fn prove(caller: Option<Caller>, path: &Path<'_>) -> Result<Self, Refusal> {
        Ok(Self { access: Access::prove(caller, path)?, id: path.collection()? })
    }
}

impl Proof for Release {
    const NEEDED: Needed = Needed::Either(Action::Deliver, Action::Reveal);

    fn prove(caller: Option<Caller>, path: &Path<'_>) -> Result<Self, Refusal> {
        let caller = Caller::prove(caller, path)?;
        match (path.access(&caller), path.access(&caller)) {
            // Who may reveal, but not here, is not told that they may not deliver.
            (Err(deliver), Err(reveal)) if deliver.is_forbidden() && !reveal.is_forbidden() => Err(reveal),
            (Err(deliver), Err(_)) if deliver.is_forbidden() => Err(Refusal::forbidden(
                "this API key has neither the right to deliver nor to reveal; use one that was made with --can deliver \
                 or --can reveal",
            )),
            (Err(deliver), Err(_)) => Err(deliver),
            (deliver, reveal) => Ok(Self { deliver, reveal, id: path.collection()? }),
        }
    }
}
