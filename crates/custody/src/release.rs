//! The rule that no plaintext leaves before its audit record is durable, as types. It knows nothing of records or
//! databases: it only makes the opposite order impossible to write.

use strongroom_store::Committed;

/// A plaintext that was opened but may not leave yet.
///
/// It becomes usable only in exchange for the proof that its record is durable:
/// ```
/// # use strongroom_custody::{Recorded, Withheld};
/// # use strongroom_secrets::Delivered;
/// fn release(withheld: Withheld<Delivered>, recorded: Recorded) -> Delivered { withheld.release(recorded) }
/// ```
/// Without that proof there is no way to the plaintext, and nobody outside a commit can make one:
/// ```compile_fail
/// # use strongroom_custody::{Delivered, Withheld};
/// fn leak(withheld: Withheld<Delivered>) -> Delivered { withheld.0 }
/// ```
/// ```compile_fail
/// # use strongroom_custody::{Recorded, Withheld};
/// # use strongroom_secrets::Delivered;
/// fn leak(withheld: Withheld<Delivered>) -> Delivered { withheld.release(Recorded(panic!())) }
/// ```
/// A proof serves once:
/// ```compile_fail
/// # use strongroom_custody::{Recorded, Withheld};
/// # use strongroom_secrets::Delivered;
/// fn twice(a: Withheld<Delivered>, b: Withheld<Delivered>, proof: Recorded) -> [Delivered; 2] {
///     [a.release(proof), b.release(proof)]
/// }
/// ```
#[must_use = "a plaintext that is withheld and never released was opened for nothing"]
pub struct Withheld<T>(T);

impl<T> Withheld<T> {
    /// Holds a plaintext back from the moment it is opened.
    pub(crate) fn hold(plaintext: T) -> Self {
        Self(plaintext)
    }

    /// Lets it go, in exchange for the proof.
    pub fn release(self, _proof: Recorded) -> T {
        self.0
    }
}

/// Proof that the audit record of one release is durable. Only a commit makes one.
#[derive(Debug)]
pub struct Recorded(Committed);

impl From<Committed> for Recorded {
    fn from(committed: Committed) -> Self {
        Self(committed)
    }
}
