//! Applications: what collections belong to. An application is created, listed, looked at and deleted here; what is in
//! it is `collection`.

use serde::{Deserialize, Serialize};
use strongroom_ledger::record::Action;
use strongroom_seal::{ApplicationIdentity, OpenError};
use strongroom_secrets::{ApplicationId, Timestamp};
use strongroom_store::{ApplicationRow, ChangeError};
use zeroize::Zeroizing;

use crate::access::{Access, Everywhere, List, Manage};
use crate::custodian::{Custodian, Entry, LEDGER, born};
use crate::error::{Absent, ApplicationError, Fault, ReadError};

/// An application, in the documented shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Application {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An application to be created.
#[derive(Debug, Default)]
pub struct NewApplication {
    /// Its name; the id where absent.
    pub name: Option<String>,
    /// Its description.
    pub description: String,
}

/// What is sealed of an application.
#[derive(Debug, Serialize, Deserialize)]
struct ApplicationFace {
    name: String,
    description: String,
    /// When it was created: the columns are held against this.
    created_at: i64,
}

/// How many rows one statement reads where all are wanted.
const PAGE: u32 = 200;

impl Custodian {
    /// Creates an application.
    ///
    /// # Errors
    /// [`ApplicationError::Exists`] when the id is in use.
    pub async fn create_application(
        &self,
        access: &Access<Manage>,
        new: NewApplication,
        now: Timestamp,
    ) -> Result<Application, ApplicationError> {
        let id = access.application();
        let born = born()?;
        let face = ApplicationFace {
            name: new.name.unwrap_or_else(|| id.to_string()),
            description: new.description,
            created_at: now.as_micros(),
        };
        let plain = serde_json::to_vec(&face).expect("strings are JSON");
        let identity = ApplicationIdentity { born: &born, id: id.as_str(), live: true };
        let sealed = self.keyring.seal_application_face(&identity, &plain).map_err(Fault::from)?;
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
        let mut transaction = self.store.begin(LEDGER).await.map_err(Fault::from)?;
        match transaction.insert_application(&row).await {
            Err(ChangeError::Exists) => return Err(ApplicationError::Exists(id.clone())),
            other => other.map_err(Fault::from)?,
        }
        let entry = Entry { application: Some((id.as_str(), &born)), ..Entry::of(Action::ApplicationCreate) };
        self.record(&mut transaction, access.actor(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(application(&row, face))
    }

    /// All applications, by id.
    ///
    /// # Errors
    /// [`ReadError::Fault`].
    pub async fn list_applications(&self, _access: &Everywhere<List>) -> Result<Vec<Application>, ReadError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.applications(LEDGER, after.as_deref(), PAGE).await.map_err(Fault::from)?;
            let more = page.len() == PAGE as usize;
            after = page.last().map(|row| row.id.clone());
            for row in &page {
                let id = ApplicationId::parse(&row.id).map_err(|_| altered(row, None))?;
                if let Some(row) = self.live_application(&id).await? {
                    found.push(self.open_application(&row)?);
                }
            }
            if !more {
                return Ok(found);
            }
        }
    }

    /// One application.
    ///
    /// # Errors
    /// [`Absent::Application`].
    pub async fn get_application(&self, access: &Access<List>) -> Result<Application, ReadError> {
        let row = self.application_row(access.application()).await?;
        Ok(self.open_application(&row)?)
    }

    /// Deletes an application with its collections: a tombstone stays, and the id is free at once.
    ///
    /// # Errors
    /// [`Absent::Application`].
    pub async fn delete_application(&self, access: &Access<Manage>, now: Timestamp) -> Result<(), ReadError> {
        let id = access.application();
        let row = self.application_row(id).await?;
        let face = self.open_application_face(&row)?;
        let tombstone = ApplicationIdentity { live: false, ..identity(&row) };
        let buried = self.keyring.seal_application_face(&tombstone, &face).map_err(Fault::from)?;
        let mut transaction = self.store.begin(LEDGER).await.map_err(Fault::from)?;
        match transaction.bury_application(id.as_str(), &row.born, now.as_micros(), &buried).await {
            Err(ChangeError::Gone) => return Err(Absent::Application(id.clone()).into()),
            other => other.map_err(Fault::from)?,
        }
        let entry =
            Entry { application: Some((id.as_str(), &row.born)), ..Entry::of(Action::ApplicationDelete) };
        self.record(&mut transaction, access.actor(), entry, now).await?;
        transaction.commit().await.map_err(Fault::from)?;
        Ok(())
    }

    /// The live application of an id, once its row has proved to be that of a living application with that id.
    pub(crate) async fn application_row(&self, id: &ApplicationId) -> Result<ApplicationRow, ReadError> {
        let row = self.live_application(id).await?;
        row.ok_or_else(|| Absent::Application(id.clone()).into())
    }

    /// What may be shown of a row, if it is that of this application, living or not as its columns say.
    pub(crate) fn open_application(&self, row: &ApplicationRow) -> Result<Application, Fault> {
        let bytes = self.open_application_face(row)?;
        let face: ApplicationFace = serde_json::from_slice(&bytes).map_err(|_| altered(row, None))?;
        // Nothing changes an application yet, so both times are the one it was sealed with.
        if [row.created_at, row.updated_at] != [face.created_at; 2] {
            return Err(altered(row, None));
        }
        Ok(application(row, face))
    }

    fn open_application_face(&self, row: &ApplicationRow) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let opened = self.keyring.open_application_face(&identity(row), &row.face);
        opened.map_err(|source| altered(row, Some(source)))
    }
}

/// Which application a row is, and whether it lives by the column that look-ups use.
fn identity(row: &ApplicationRow) -> ApplicationIdentity<'_> {
    ApplicationIdentity { born: &row.born, id: &row.id, live: row.tombstone.is_empty() }
}

fn altered(row: &ApplicationRow, source: Option<OpenError>) -> Fault {
    Fault::Integrity { what: format!("application {} (born {})", row.id, row.born), source }
}

fn application(row: &ApplicationRow, face: ApplicationFace) -> Application {
    Application {
        id: row.id.clone(),
        name: face.name,
        description: face.description,
        created_at: Timestamp::from_micros(row.created_at),
        updated_at: Timestamp::from_micros(row.updated_at),
    }
}
