//! The rule that no plaintext leaves before its audit record is durable, as types. It knows nothing of records or
//! databases: it only makes the opposite order impossible to write.

use strongroom_store::Committed;

/// A plaintext that was opened but may not leave yet.
///
/// It becomes usable only in exchange for the proof that its record is durable:
/// ```
/// # use strongroom_custody::{Delivery, Recorded, Withheld};
/// fn release(withheld: Withheld<Delivery>, recorded: Recorded) -> Delivery { withheld.release(recorded) }
/// ```
/// Without that proof there is no way to the plaintext, and nobody outside a commit can make one:
/// ```compile_fail
/// # use strongroom_custody::{Delivery, Withheld};
/// fn leak(withheld: Withheld<Delivery>) -> Delivery { withheld.0 }
/// ```
/// ```compile_fail
/// # use strongroom_custody::{Delivery, Recorded, Withheld};
/// fn leak(withheld: Withheld<Delivery>) -> Delivery { withheld.release(Recorded(panic!())) }
/// ```
/// A proof serves once:
/// ```compile_fail
/// # use strongroom_custody::{Delivery, Recorded, Withheld};
/// fn twice(a: Withheld<Delivery>, b: Withheld<Delivery>, proof: Recorded) -> [Delivery; 2] {
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
