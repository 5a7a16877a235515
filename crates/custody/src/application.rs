//! Applications: what collections belong to. An application is created, listed, looked at, changed, deleted and brought
//! back here; what is in it is `collection`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_ledger::record::Action;
use strongroom_seal::{ApplicationIdentity, OpenError};
use strongroom_secrets::{Application, ApplicationId, Timestamp};
use strongroom_store::{ApplicationRow, ChangeError};

use crate::access::{Access, Everywhere, List, Manage};
use crate::custodian::{Custodian, Entry, LEDGER, born};
use crate::error::{Absent, ApplicationError, Fault, ReadError};
use crate::fresh::Look;
use crate::page::Page;

/// An application to be created.
#[derive(Debug, Default)]
pub struct NewApplication {
    /// Its name; the id where absent.
    pub name: Option<String>,
    /// Its description.
    pub description: String,
}

/// What is sealed of an application.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApplicationFace {
    name: String,
    description: String,
    /// When it was created: the columns are held against this.
    created_at: i64,
    /// When it was changed or brought back last; absent while neither happened.
    #[serde(default)]
    updated_at: Option<i64>,
}

impl ApplicationFace {
    /// When it was sealed, which is the time of the record about that.
    fn sealed_at(&self) -> i64 {
        self.updated_at.unwrap_or(self.created_at)
    }
}

/// What is to change of an application. Absent parts stay.
#[derive(Debug, Default)]
pub struct ApplicationUpdate {
    /// A new name.
    pub name: Option<String>,
    /// A new description.
    pub description: Option<String>,
}

/// How many rows one statement reads.
const PAGE: u32 = 200;

impl Custodian {
    /// Creates an application.
    ///
    /// # Errors
    /// [`ApplicationError::Exists`] when the id is in use.
    pub async fn create_application(
        &self,
        access: &Everywhere<Manage>,
        id: &ApplicationId,
        new: NewApplication,
        now: Timestamp,
    ) -> Result<Application, ApplicationError> {
        let caller = access.caller();
        access.unbound()?;
        let born = born()?;
        let face = ApplicationFace {
            name: new.name.unwrap_or_else(|| id.to_string()),
            description: new.description,
            created_at: now.as_micros(),
            updated_at: None,
        };
        let sealed =
            self.seal_face(&ApplicationIdentity { born: &born, id: id.as_str(), live: true }, &face)?;
        let row = ApplicationRow {
            id: id.to_string(),
            tombstone: String::new(),
            born: born.clone(),
            created_at: now.as_micros(),
            updated_at: now.as_micros(),
            deleted_at: None,
            face: sealed,
        };
        // A live one whose row was taken away must not be built over.
        self.live_application(id).await?;
        let mut transaction = self.begin(caller, now).await?;
        match transaction.insert_application(&row).await {
            Err(ChangeError::Exists) => return Err(ApplicationError::Exists(id.clone())),
            other => other.map_err(Fault::from)?,
        }
        let entry = Entry { application: Some((id.as_str(), &born)), ..Entry::of(Action::ApplicationCreate) };
        self.record(&mut transaction, caller, entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(application(&row, &face))
    }

    /// The applications within the caller's reach, by id: those after a mark, as many as the limit says; all of them
    /// without.
    ///
    /// # Errors
    /// [`ReadError::Fault`].
    pub async fn list_applications(
        &self,
        access: &Everywhere<List>,
        after: Option<&ApplicationId>,
        limit: Option<u32>,
    ) -> Result<Page<Application, ApplicationId>, ReadError> {
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let scope = access.caller().scope();
        let mut items = Vec::new();
        let mut after = after.map(ToString::to_string);
        loop {
            let page = self.store.applications(LEDGER, after.as_deref(), PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            after = page.last().map(|row| row.id.clone());
            for row in &page {
                if scope.is_some_and(|scope| scope.application_born != row.born) {
                    continue;
                }
                if items.len() == limit {
                    return Ok(Page::cut(items, |last: &Application| ApplicationId::parse(&last.id).ok()));
                }
                let id = ApplicationId::parse(&row.id).map_err(|_| altered(row, None))?;
                if let Some((row, face)) = self.live_application(&id).await? {
                    items.push(application(&row, &face));
                }
            }
            if !more {
                return Ok(Page { items, next: None });
            }
        }
    }

    /// One application.
    ///
    /// # Errors
    /// [`Absent::Application`].
    pub async fn get_application(&self, access: &Access<List>) -> Result<Application, ReadError> {
        let (row, face) = self.application_of(access).await?;
        Ok(application(&row, &face))
    }

    /// Changes an application's name or description.
    ///
    /// # Errors
    /// [`ApplicationError`]; nothing was changed then.
    pub async fn update_application(
        &self,
        access: &Access<Manage>,
        update: ApplicationUpdate,
        now: Timestamp,
    ) -> Result<Application, ApplicationError> {
        access.of_whole_application()?;
        let (mut row, before) = self.application_of(access).await?;
        let face = ApplicationFace {
            name: update.name.unwrap_or_else(|| before.name.clone()),
            description: update.description.unwrap_or_else(|| before.description.clone()),
            created_at: before.created_at,
            updated_at: Some(now.as_micros()),
        };
        row.updated_at = now.as_micros();
        row.face = self.seal_face(&identity(&row), &face)?;
        let mut transaction = self.begin(access.caller(), now).await?;
        match transaction.update_application(&row.id, &row.born, row.updated_at, &row.face).await {
            Err(ChangeError::Gone) => return Err(Absent::Application(access.application().clone()).into()),
            other => other.map_err(Fault::from)?,
        }
        let entry = Entry { application: Some((&row.id, &row.born)), ..Entry::of(Action::ApplicationUpdate) };
        self.record(&mut transaction, access.caller(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(application(&row, &face))
    }

    /// Brings back the application of an id that was deleted last, with its collections.
    ///
    /// # Errors
    /// [`ApplicationError::Exists`] when the id is in use; [`Absent::Application`] when there is no tombstone.
    pub async fn restore_application(
        &self,
        access: &Access<Manage>,
        now: Timestamp,
    ) -> Result<Application, ApplicationError> {
        access.of_whole_application()?;
        let id = access.application();
        if self.live_application(id).await?.is_some_and(|(row, _)| access.is_of(&row.born)) {
            return Err(ApplicationError::Exists(id.clone()));
        }
        let mut transaction = self.begin(access.caller(), now).await?;
        // The newest record about the id tells which one was deleted last, whatever the clock said then.
        let newest = transaction.newest_record(id.as_str(), "").await.map_err(Fault::from)?;
        let told = self.told(newest)?.filter(|told| told.action == Action::ApplicationDelete);
        let last = told.as_ref().and_then(|told| told.application_born.as_deref()).unwrap_or_default();
        let found = transaction.buried_application(id.as_str(), last).await.map_err(Fault::from)?;
        let found = found.filter(|row| access.is_of(&row.born));
        let mut row = found.ok_or_else(|| Absent::Application(id.clone()))?;
        let before = self.open_application(&row)?;
        let face = ApplicationFace { updated_at: Some(now.as_micros()), ..ApplicationFace::clone(&before) };
        row.tombstone = String::new();
        row.deleted_at = None;
        row.updated_at = now.as_micros();
        row.face = self.seal_face(&identity(&row), &face)?;
        match transaction.unbury_application(&row.id, &row.born, row.updated_at, &row.face).await {
            Err(ChangeError::Exists) => return Err(ApplicationError::Exists(id.clone())),
            other => other.map_err(Fault::from)?,
        }
        let entry =
            Entry { application: Some((&row.id, &row.born)), ..Entry::of(Action::ApplicationRestore) };
        self.record(&mut transaction, access.caller(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(application(&row, &face))
    }

    /// Deletes an application with its collections: a tombstone stays, and the id is free at once.
    ///
    /// # Errors
    /// [`Absent::Application`].
    pub async fn delete_application(
        &self,
        access: &Access<Manage>,
        now: Timestamp,
    ) -> Result<(), ApplicationError> {
        access.of_whole_application()?;
        let id = access.application();
        let (row, face) = self.application_of(access).await?;
        let buried = self.seal_face(&ApplicationIdentity { live: false, ..identity(&row) }, &face)?;
        let mut transaction = self.begin(access.caller(), now).await?;
        match transaction.bury_application(id.as_str(), &row.born, now.as_micros(), &buried).await {
            Err(ChangeError::Gone) => return Err(Absent::Application(id.clone()).into()),
            other => other.map_err(Fault::from)?,
        }
        let entry =
            Entry { application: Some((id.as_str(), &row.born)), ..Entry::of(Action::ApplicationDelete) };
        self.record(&mut transaction, access.caller(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(())
    }

    /// The live application that a caller names, if it is the one that they may see, once its row has proved to be that
    /// of a living application with that id.
    pub(crate) async fn application_row<A>(&self, access: &Access<A>) -> Result<ApplicationRow, ReadError> {
        self.application_of(access).await.map(|(row, _)| row)
    }

    async fn application_of<A>(
        &self,
        access: &Access<A>,
    ) -> Result<(ApplicationRow, Arc<ApplicationFace>), ReadError> {
        let id = access.application();
        let live = self.live_application(id).await?.filter(|(row, _)| access.is_of(&row.born));
        live.ok_or_else(|| Absent::Application(id.clone()).into())
    }

    /// The live application of an id, once its row is the newest and opens.
    pub(crate) async fn live_application(
        &self,
        id: &ApplicationId,
    ) -> Result<Option<(ApplicationRow, Arc<ApplicationFace>)>, ReadError> {
        let mut look = Look::default();
        loop {
            let row = self.store.application(LEDGER, id.as_str()).await.map_err(Fault::from)?;
            let told = self.store.newest_record(LEDGER, id.as_str(), "").await.map_err(Fault::from)?;
            let told = self.told(told)?;
            let lives = told.as_ref().is_some_and(|told| tells_of_life(&told.action));
            let opened = match &row {
                Some(row) => Some(self.open_application(row)?),
                None => None,
            };
            let agrees = match (&row, &opened, &told) {
                (Some(row), Some(face), Some(told)) => {
                    lives
                        && told.application_born.as_ref() == Some(&row.born)
                        && told.time == face.sealed_at()
                }
                (Some(_), _, _) => false,
                (None, _, _) => !lives,
            };
            let what = format!("application {id}");
            let seen = row.as_ref().map(|row| (row.born.as_str(), row.updated_at.cast_unsigned()));
            if look.stands(&what, seen, agrees)? {
                return Ok(row.zip(opened));
            }
        }
    }

    /// What is sealed of a row, if it is that of this application, living or not as its columns say.
    fn open_application(&self, row: &ApplicationRow) -> Result<Arc<ApplicationFace>, Fault> {
        self.memos.applications.opened(row.born.clone(), row.clone(), || self.open_application_anew(row))
    }

    fn open_application_anew(&self, row: &ApplicationRow) -> Result<ApplicationFace, Fault> {
        let opened = self.keyring.open_application_face(&identity(row), &row.face);
        let bytes = opened.map_err(|source| altered(row, Some(source)))?;
        let face: ApplicationFace = serde_json::from_slice(&bytes).map_err(|_| altered(row, None))?;
        if [row.created_at, row.updated_at] != [face.created_at, face.sealed_at()] {
            return Err(altered(row, None));
        }
        Ok(face)
    }

    /// Whether a row opens as what its columns say, for verification.
    pub(crate) fn is_sound(&self, row: &ApplicationRow) -> bool {
        self.open_application(row).is_ok()
    }

    fn seal_face(
        &self,
        identity: &ApplicationIdentity<'_>,
        face: &ApplicationFace,
    ) -> Result<Vec<u8>, Fault> {
        let plain = serde_json::to_vec(face).expect("strings and numbers are JSON");
        Ok(self.keyring.seal_application_face(identity, &plain)?)
    }
}

/// Whether an application lives after this.
pub(crate) fn tells_of_life(action: &Action) -> bool {
    matches!(action, Action::ApplicationCreate | Action::ApplicationUpdate | Action::ApplicationRestore)
}

/// Which application a row is, and whether it lives by the column that look-ups use.
fn identity(row: &ApplicationRow) -> ApplicationIdentity<'_> {
    ApplicationIdentity { born: &row.born, id: &row.id, live: row.tombstone.is_empty() }
}

fn altered(row: &ApplicationRow, source: Option<OpenError>) -> Fault {
    Fault::Integrity { what: format!("application {} (born {})", row.id, row.born), source }
}

pub(crate) fn application(row: &ApplicationRow, face: &ApplicationFace) -> Application {
    Application {
        id: row.id.clone(),
        name: face.name.clone(),
        description: face.description.clone(),
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
    }
}
