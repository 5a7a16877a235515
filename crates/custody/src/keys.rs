//! API keys: made, listed and revoked. A key gives nothing that its maker has not; what it is bound to is named by born
//! ids; and what it grants is sealed and fixed by the newest audit record about it, so that neither a wider grant nor a
//! revoked one that was put back is believed. Of its secret only a verifier is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_ledger::Record;
use strongroom_ledger::record::Action as Deed;
use strongroom_seal::{commitment_of, random};
use strongroom_secrets::{Actions, ApiKey, ApiKeyId, ApplicationId, CollectionId, Expiry, NewKey};
use strongroom_secrets::{Timestamp, Token};
use strongroom_store::{ChangeError, KeyFound, KeyRow};

use crate::access::{Access, Caller, Everywhere, Manage, Scope};
use crate::custodian::{Custodian, Entry, LEDGER, random_fault};
use crate::error::{Fault, KeyError, ReadError};
use crate::page::Page;

/// How long a key lives when nobody says: 90 days.
const LIFETIME_MICROS: i64 = 90 * 24 * 3_600_000_000;
const LONGEST_NAME: usize = 256;
/// A key's epochs: as it was made, and as it was revoked.
const MADE: u64 = 1;
const REVOKED: u64 = 2;
/// How many rows one statement reads.
const PAGE: u32 = 200;

/// A key as it is stored, opened and found to be what the ledger says.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    pub(crate) id: ApiKeyId,
    pub(crate) can: Actions,
    pub(crate) scope: Option<Scope>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) verifier: [u8; 32],
    name: String,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

/// The plain form of a grant.
#[derive(Debug, Serialize, Deserialize)]
struct PlainGrant {
    name: String,
    can: Actions,
    application: Option<Bound>,
    collection: Option<Bound>,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    verifier: [u8; 32],
}

#[derive(Debug, Serialize, Deserialize)]
struct Bound {
    id: String,
    born: String,
}

impl Custodian {
    /// Makes a key. Its token is answered this once and kept nowhere.
    ///
    /// # Errors
    /// [`KeyError`]; nothing was made then.
    pub async fn create_key(
        &self,
        access: &Everywhere<Manage>,
        new: NewKey,
        now: Timestamp,
    ) -> Result<(ApiKey, Token), KeyError> {
        let caller = access.caller();
        if new.name.is_empty() || new.name.len() > LONGEST_NAME || new.name.chars().any(char::is_control) {
            return Err(KeyError::Name);
        }
        let scope = self.scope_of(caller, new.application_id.as_ref(), new.collection_id.as_ref()).await?;
        let expires_at = match new.expires_at {
            Expiry::Usual => Some(usual_end(caller, now)),
            Expiry::At(time) => Some(time),
            Expiry::Never => None,
        };
        if expires_at.is_some_and(|end| end <= now) {
            return Err(KeyError::Expired);
        }
        let token = Token::from_random(
            random::bytes().map_err(random_fault)?,
            random::bytes().map_err(random_fault)?,
        );
        let key = StoredKey {
            id: token.id().clone(),
            can: new.can,
            scope,
            expires_at,
            verifier: self.keyring.token_verifier(token.id().as_str(), token.secret()),
            name: new.name,
            created_at: now,
            revoked_at: None,
        };
        within(caller, &key)?;
        let row = self.seal_key(&key)?;
        let mut transaction = self.begin(caller, now).await?;
        transaction.insert_key(&row).await.map_err(Fault::from)?;
        self.record(&mut transaction, caller, about(Deed::KeyCreate, &key, &row)?, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok((key.shown(None), token))
    }

    /// The keys within the caller's reach, revoked ones included, by id.
    ///
    /// # Errors
    /// [`ReadError::Fault`].
    pub async fn list_keys(
        &self,
        access: &Everywhere<Manage>,
        after: Option<&ApiKeyId>,
        limit: Option<u32>,
    ) -> Result<Page<ApiKey, ApiKeyId>, ReadError> {
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let mut items = Vec::new();
        let mut after = after.map(ToString::to_string);
        loop {
            let page = self.store.keys(LEDGER, after.as_deref(), PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            for found in page {
                let key = self.open_key(&found)?;
                after = Some(found.key.id);
                if !reaches(access.caller(), key.scope.as_ref()) {
                    continue;
                }
                if items.len() == limit {
                    return Ok(Page::cut(items, |last: &ApiKey| ApiKeyId::parse(&last.id).ok()));
                }
                items.push(key.shown(found.last_used_at));
            }
            if !more {
                return Ok(Page { items, next: None });
            }
        }
    }

    /// Revokes a key: from the moment that this answers it opens nothing, on every connection and in every process. A key
    /// that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`KeyError`]; the key stays what it was then.
    pub async fn revoke_key(
        &self,
        access: &Everywhere<Manage>,
        id: &ApiKeyId,
        now: Timestamp,
    ) -> Result<ApiKey, KeyError> {
        let caller = access.caller();
        let mut transaction = self.begin(caller, now).await?;
        let found = transaction.key(id.as_str()).await.map_err(Fault::from)?.ok_or(KeyError::NoSuchKey)?;
        let mut key = StoredKey::clone(&*self.open_key(&found)?);
        if !reaches(caller, key.scope.as_ref()) {
            return Err(KeyError::NoSuchKey);
        }
        // Whoever holds a key may end it.
        if caller.key_id() != Some(id) {
            within(caller, &key).map_err(|beyond| match beyond {
                KeyError::Beyond(what) => KeyError::Above(what),
                other => other,
            })?;
        }
        if key.revoked_at.is_some() {
            return Ok(key.shown(found.last_used_at));
        }
        key.revoked_at = Some(now);
        let row = self.seal_key(&key)?;
        match transaction.revise_key(&row, MADE).await {
            Err(ChangeError::Gone | ChangeError::Moved) => return Err(KeyError::NoSuchKey),
            other => other.map_err(Fault::from)?,
        }
        self.record(&mut transaction, caller, about(Deed::KeyRevoke, &key, &row)?, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(key.shown(found.last_used_at))
    }

    /// A key's row in the clear, once it is the one that the newest record about it tells of.
    pub(crate) fn open_key(&self, found: &KeyFound) -> Result<Arc<StoredKey>, Fault> {
        let rows = (found.key.clone(), found.newest.clone());
        self.memos.keys.opened(found.key.id.clone(), rows, || self.open_key_anew(found))
    }

    fn open_key_anew(&self, found: &KeyFound) -> Result<StoredKey, Fault> {
        let KeyRow { id, epoch, sealed } = &found.key;
        let altered = || Fault::Integrity { what: format!("API key {id}"), source: None };
        let plain = self
            .keyring
            .open_grant(id, *epoch, sealed)
            .map_err(|source| Fault::Integrity { what: format!("API key {id}"), source: Some(source) })?;
        let told = self.told(found.newest.clone())?.ok_or_else(altered)?;
        if !is_told(&told, id, *epoch, sealed) {
            return Err(altered());
        }
        let plain: PlainGrant = serde_json::from_slice(&plain).map_err(|_| altered())?;
        let epoch_fits = (*epoch == REVOKED) == plain.revoked_at.is_some();
        StoredKey::of(id, plain).filter(|_| epoch_fits).ok_or_else(altered)
    }

    fn seal_key(&self, key: &StoredKey) -> Result<KeyRow, Fault> {
        let bound = |id: &str, born: &str| Bound { id: id.to_owned(), born: born.to_owned() };
        let plain = PlainGrant {
            name: key.name.clone(),
            can: key.can,
            application: key.scope.as_ref().map(|s| bound(s.application.as_str(), &s.application_born)),
            collection: key
                .scope
                .as_ref()
                .and_then(|s| s.collection.as_ref())
                .map(|(id, born)| bound(id.as_str(), born)),
            created_at: key.created_at.as_micros(),
            expires_at: key.expires_at.map(Timestamp::as_micros),
            revoked_at: key.revoked_at.map(Timestamp::as_micros),
            verifier: key.verifier,
        };
        let plain = serde_json::to_vec(&plain).expect("strings and numbers are JSON");
        let epoch = if key.revoked_at.is_some() { REVOKED } else { MADE };
        let sealed = self.keyring.seal_grant(key.id.as_str(), epoch, &plain)?;
        Ok(KeyRow { id: key.id.to_string(), epoch, sealed })
    }

    /// What a new key is bound to: it must be there, and within its maker's reach.
    async fn scope_of(
        &self,
        caller: &Caller,
        application: Option<&ApplicationId>,
        collection: Option<&CollectionId>,
    ) -> Result<Option<Scope>, KeyError> {
        let Some(id) = application else {
            // A collection's id means nothing without its application's.
            return if collection.is_some() { Err(KeyError::Beyond("scope")) } else { Ok(None) };
        };
        let access: Access<Manage> = caller.access(id)?;
        let born = self.application_row(&access).await?.born;
        let collection = match collection {
            Some(id) => {
                let (row, _) = self.newest(&access, &born, id).await?;
                Some((id.clone(), row.born))
            }
            None => None,
        };
        Ok(Some(Scope { application: id.clone(), application_born: born, collection }))
    }
}

impl StoredKey {
    fn of(id: &str, plain: PlainGrant) -> Option<Self> {
        let collection = match plain.collection {
            Some(bound) => Some((CollectionId::parse(&bound.id).ok()?, bound.born)),
            None => None,
        };
        let scope = match plain.application {
            Some(Bound { id, born }) => Some(Scope {
                application: ApplicationId::parse(&id).ok()?,
                application_born: born,
                collection,
            }),
            None => None,
        };
        Some(Self {
            id: ApiKeyId::parse(id).ok()?,
            can: plain.can,
            scope,
            expires_at: plain.expires_at.map(Timestamp::from_micros),
            verifier: plain.verifier,
            name: plain.name,
            created_at: Timestamp::from_micros(plain.created_at),
            revoked_at: plain.revoked_at.map(Timestamp::from_micros),
        })
    }

    /// Whether it opens anything at this moment.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    fn shown(&self, last_used_at: Option<i64>) -> ApiKey {
        let collection_id = self.scope.as_ref().and_then(|scope| scope.collection.as_ref());
        ApiKey {
            id: self.id.to_string(),
            name: self.name.clone(),
            can: self.can,
            collection_id: collection_id.map(|(id, _)| id.to_string()),
            application_id: self.scope.as_ref().map(|scope| scope.application.to_string()),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: last_used_at.map(Timestamp::from_micros),
            revoked_at: self.revoked_at,
        }
    }
}

/// Whether the newest record about a key tells of this very row.
pub(crate) fn is_told(told: &Record, id: &str, epoch: u64, sealed: &[u8]) -> bool {
    let deed = if epoch == REVOKED { Deed::KeyRevoke } else { Deed::KeyCreate };
    told.action == deed
        && told.key_id.as_deref() == Some(id)
        && told.grant_commitment.is_some()
        && told.grant_commitment == commitment_of(sealed)
}

fn about<'a>(action: Deed, key: &'a StoredKey, row: &KeyRow) -> Result<Entry<'a>, Fault> {
    let commitment = commitment_of(&row.sealed)
        .ok_or_else(|| Fault::Integrity { what: format!("API key {}", row.id), source: None })?;
    Ok(Entry { key: Some((key.id.as_str(), commitment)), ..Entry::of(action) })
}

/// A key without a wish for its end ends in 90 days, or with its maker.
fn usual_end(caller: &Caller, now: Timestamp) -> Timestamp {
    let end = Timestamp::from_micros(now.as_micros().saturating_add(LIFETIME_MICROS));
    caller.grant().and_then(|grant| grant.expires_at).map_or(end, |makers| makers.min(end))
}

fn reaches(caller: &Caller, scope: Option<&Scope>) -> bool {
    caller.scope().is_none_or(|own| own.reaches(scope))
}

/// A key may give, and take away, no more than it has.
fn within(caller: &Caller, key: &StoredKey) -> Result<(), KeyError> {
    let Some(grant) = caller.grant() else { return Ok(()) };
    if !reaches(caller, key.scope.as_ref()) {
        return Err(KeyError::Beyond("scope"));
    }
    if !key.can.is_within(&grant.can) {
        return Err(KeyError::Beyond("actions"));
    }
    let outlives = match (key.expires_at, grant.expires_at) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(end), Some(own)) => end > own,
    };
    if outlives { Err(KeyError::Beyond("expiry")) } else { Ok(()) }
}
