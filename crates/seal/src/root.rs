//! The root key: random, known to nobody, stored only wrapped, once for each slot. It wraps the keyring and nothing
//! else; where the keys of the slots come from is not its business.
//!
//! ```text
//! slot row's wrapped = record under the slot key, label "strongroom slot-root-key"; plaintext = root key(32)
//! ```

use crate::context::{Context, Purpose};
use crate::keys::{Key, KeyId, SlotKey};
use crate::random::RandomError;
use crate::record::{self, OpenError, SealError};

/// The root key of an instance.
#[derive(Debug)]
pub struct RootKey(pub(crate) Key);

impl RootKey {
    /// A new root key.
    ///
    /// # Errors
    /// [`RandomError`] when the operating system gives no random bytes.
    pub fn random() -> Result<Self, RandomError> {
        Key::random().map(Self)
    }

    /// By which the keyring names it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.0.id()
    }

    /// Wraps it for a slot of this instance.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn wrap(&self, slot: &SlotKey, instance: &str) -> Result<Vec<u8>, SealError> {
        record::seal(&slot.0, &context(instance), self.0.expose())
    }

    /// Opens what [`RootKey::wrap`] made.
    ///
    /// # Errors
    /// [`OpenError::OtherKey`] names the slot's key when this is another one; see there for the rest.
    pub fn open(wrapped: &[u8], slot: &SlotKey, instance: &str) -> Result<Self, OpenError> {
        let bytes = record::open(&slot.0, &context(instance), wrapped)?;
        Key::parse(&bytes).map(Self).ok_or(OpenError::Malformed)
    }
}

fn context(instance: &str) -> Context<'_> {
    Context::of_instance(Purpose::SlotRootKey, instance)
}
