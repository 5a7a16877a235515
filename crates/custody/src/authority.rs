//! Whether a caller's right holds: asked at the door, when a token is presented, and again inside the transaction in
//! which something is done with it. What a right consists of is `access`; how a key is made and revoked is `keys`.

use strongroom_secrets::{Timestamp, Token};
use strongroom_store::{KeyFound, Transaction};

use crate::access::{Caller, Grant};
use crate::custodian::{Custodian, LEDGER};
use crate::error::{AuthenticateError, Denied, Fault, ReadError};
use crate::keys::StoredKey;

impl Custodian {
    /// Who presents this token.
    ///
    /// # Errors
    /// [`AuthenticateError::Refused`], whatever is wrong with the token.
    pub async fn authenticate(&self, token: &Token, now: Timestamp) -> Result<Caller, AuthenticateError> {
        let found = self.store.key(LEDGER, token.id().as_str()).await.map_err(Fault::from)?;
        let stored = found.map(|found| self.open_key(&found).map(|stored| (stored, found))).transpose()?;
        // The token is looked at for an id that is unknown too, though that row's opening is missing then.
        let verifier = stored.as_ref().map_or([0; 32], |(stored, _)| stored.verifier);
        let is_token = self.keyring.is_token(token.id().as_str(), token.secret(), &verifier);
        match stored {
            Some((stored, found)) if is_token && stored.is_live(now) => {
                self.uses.note(token.id(), now, found.last_used_at);
                Ok(Caller::with_key(grant(&stored, found)))
            }
            _ => Err(AuthenticateError::Refused),
        }
    }

    /// Writes down when keys were last used, as far as it was not done yet: not with every request, and not in its
    /// transaction. Whoever serves calls this now and then.
    ///
    /// # Errors
    /// [`Fault::Store`]; the next call tries again.
    pub async fn write_down_uses(&self) -> Result<(), Fault> {
        let uses = self.uses.take();
        if uses.is_empty() {
            return Ok(());
        }
        match self.store.note_key_uses(LEDGER, &uses).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.uses.put_back(uses);
                Err(error.into())
            }
        }
    }

    /// Begins a change on a caller's behalf: their key is looked at again on the connection that commits, so that a key
    /// that was revoked since the door releases and changes nothing. What is asked for a second time is not begun.
    pub(crate) async fn begin(&self, caller: &Caller, now: Timestamp) -> Result<Transaction<'_>, ReadError> {
        loop {
            let mut transaction = self.store.begin(LEDGER).await.map_err(Fault::from)?;
            if let Some(grant) = caller.grant() {
                let found = transaction.key(grant.id.as_str()).await.map_err(Fault::from)?;
                if !found.is_some_and(|found| still_holds(grant, &found, now)) {
                    return Err(Denied::Key.into());
                }
            }
            let Some(repeatable) = caller.repeatable() else { return Ok(transaction) };
            if self.is_new(&mut transaction, repeatable, now).await? {
                return Ok(transaction);
            }
            // It may have met one that waits to be committed, and that is settled when this lets go.
            drop(transaction);
            if self.is_known(repeatable).await? {
                return Err(Fault::Repeated.into());
            }
            // That one failed after all, so this one is the first.
        }
    }
}

fn grant(stored: &StoredKey, found: KeyFound) -> Grant {
    Grant {
        id: stored.id.clone(),
        can: stored.can,
        scope: stored.scope.clone(),
        expires_at: stored.expires_at,
        sealed: found.key.sealed,
        told: found.newest.map_or(0, |record| record.seq),
    }
}

/// Whether nothing about the key has changed since the door, and it has not expired since.
fn still_holds(grant: &Grant, found: &KeyFound, now: Timestamp) -> bool {
    found.key.sealed == grant.sealed
        && found.newest.as_ref().is_some_and(|record| record.seq == grant.told)
        && grant.expires_at.is_none_or(|end| now < end)
}
