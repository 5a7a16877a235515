//! A strongroom that a server keeps: every operation is a request. What the server says of a refusal is said here as an
//! embedded strongroom would say it, with the ids that an answer must not repeat.

use std::fmt;

use anyhow::Result;
use strongroom_client::{Client, ClientError, Connection};
use strongroom_secrets::{
    ApiKey, ApiKeyId, Application, ApplicationId, AuditEntry, CollectionId, Delivered, Diff, Mask,
    NewCollection, NewKey, Outline, RunClaimText, SecretsCollection, SecretsCollectionSummary, Token, Update,
    VersionSummary,
};

use crate::strongroom::Written;

/// A served strongroom, and the key to speak to it with.
pub(crate) struct Served(Client);

impl Served {
    /// Nothing is sent yet.
    pub(crate) fn open(connection: Connection) -> Result<Self> {
        Ok(Self(Client::new(connection)?))
    }

    pub(crate) fn create(&self, app: &ApplicationId, new: NewCollection) -> Result<Written> {
        let id = new.id.clone();
        let written =
            self.0.create(app, &new).map_err(|error| Asked { id: id.as_ref(), ..of(app) }.refused(error))?;
        Ok(Written { summary: written.summary, version: written.version, changes: None })
    }

    pub(crate) fn list(&self, app: &ApplicationId) -> Result<Vec<SecretsCollectionSummary>> {
        self.0.list(app).map_err(|error| of(app).refused(error))
    }

    pub(crate) fn get(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<(SecretsCollection<Mask>, u64)> {
        self.0.get(app, id, version).map_err(|error| about(app, id, version).refused(error))
    }

    pub(crate) fn update(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        update: &Update,
        if_match: Option<u64>,
    ) -> Result<Written> {
        let written = self.0.update(app, id, update, if_match);
        self.with_changes(app, id, written.map_err(|error| about(app, id, None).refused(error))?)
    }

    pub(crate) fn delete(&self, app: &ApplicationId, id: &CollectionId, if_match: Option<u64>) -> Result<()> {
        self.0.delete(app, id, if_match).map_err(|error| about(app, id, None).refused(error))
    }

    pub(crate) fn restore(&self, app: &ApplicationId, id: &CollectionId) -> Result<Written> {
        let written = self.0.restore(app, id).map_err(|error| about(app, id, None).refused(error))?;
        Ok(Written { summary: written.summary, version: written.version, changes: None })
    }

    pub(crate) fn versions(&self, app: &ApplicationId, id: &CollectionId) -> Result<Vec<VersionSummary>> {
        self.0.versions(app, id).map_err(|error| about(app, id, None).refused(error))
    }

    pub(crate) fn diff(&self, app: &ApplicationId, id: &CollectionId, from: u64, to: u64) -> Result<Diff> {
        self.0.diff(app, id, from, to).map_err(|error| about(app, id, None).refused(error))
    }

    pub(crate) fn rollback(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        to: u64,
        if_match: Option<u64>,
    ) -> Result<Written> {
        let written = self.0.rollback(app, id, to, if_match);
        self.with_changes(app, id, written.map_err(|error| about(app, id, Some(to)).refused(error))?)
    }

    /// The write is done: that its changes cannot be looked up, for want of the right or of a connection, is no failure.
    fn with_changes(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        written: strongroom_client::Written,
    ) -> Result<Written> {
        let strongroom_client::Written { summary, version } = written;
        let changes = self.0.diff(app, id, version.saturating_sub(1), version).ok();
        Ok(Written { summary, version, changes })
    }

    pub(crate) fn outline(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Outline> {
        self.0.outline(app, id, version).map_err(|error| about(app, id, version).refused(error))
    }

    pub(crate) fn deliver(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: u64,
        run: RunClaimText,
    ) -> Result<Delivered> {
        let delivered = self.0.deliver(app, id, Some(version), Some(run));
        delivered.map_err(|error| about(app, id, Some(version)).refused(error))
    }

    pub(crate) fn reveal(
        &self,
        app: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Delivered> {
        self.0.reveal(app, id, version).map_err(|error| about(app, id, version).refused(error))
    }

    pub(crate) fn create_application(
        &self,
        id: &ApplicationId,
        name: Option<String>,
        description: Option<String>,
    ) -> Result<Application> {
        let made = self.0.create_application(id, name.as_deref(), description.as_deref());
        made.map_err(|error| of(id).refused(error))
    }

    pub(crate) fn list_applications(&self) -> Result<Vec<Application>> {
        self.0.list_applications().map_err(|error| Asked::default().refused(error))
    }

    pub(crate) fn get_application(&self, id: &ApplicationId) -> Result<Application> {
        self.0.get_application(id).map_err(|error| of(id).refused(error))
    }

    pub(crate) fn update_application(
        &self,
        id: &ApplicationId,
        name: Option<String>,
        description: Option<String>,
    ) -> Result<Application> {
        let updated = self.0.update_application(id, name.as_deref(), description.as_deref());
        updated.map_err(|error| of(id).refused(error))
    }

    pub(crate) fn delete_application(&self, id: &ApplicationId) -> Result<()> {
        self.0.delete_application(id).map_err(|error| of(id).refused(error))
    }

    pub(crate) fn restore_application(&self, id: &ApplicationId) -> Result<Application> {
        self.0.restore_application(id).map_err(|error| of(id).refused(error))
    }

    pub(crate) fn create_key(&self, new: NewKey) -> Result<(ApiKey, Token)> {
        let NewKey { application_id, collection_id, .. } = &new;
        let asked = Asked { app: application_id.as_ref(), id: collection_id.as_ref(), version: None };
        self.0.create_key(&new).map_err(|error| asked.refused(error))
    }

    pub(crate) fn list_keys(&self) -> Result<Vec<ApiKey>> {
        self.0.list_keys().map_err(|error| Asked::default().refused(error))
    }

    pub(crate) fn revoke_key(&self, id: &ApiKeyId) -> Result<()> {
        self.0.revoke_key(id).map_err(|error| Asked::default().refused(error))
    }

    pub(crate) fn records(
        &self,
        app: Option<&ApplicationId>,
        id: Option<&CollectionId>,
    ) -> Result<Vec<AuditEntry>> {
        self.0.records(app, id).map_err(|error| Asked { app, id, version: None }.refused(error))
    }
}

/// What a request was about.
#[derive(Default)]
struct Asked<'a> {
    app: Option<&'a ApplicationId>,
    id: Option<&'a CollectionId>,
    version: Option<u64>,
}

fn of(app: &ApplicationId) -> Asked<'_> {
    Asked { app: Some(app), ..Asked::default() }
}

fn about<'a>(app: &'a ApplicationId, id: &'a CollectionId, version: Option<u64>) -> Asked<'a> {
    Asked { app: Some(app), id: Some(id), version }
}

impl Asked<'_> {
    /// What is said of an error. A server's own failure keeps the words and the request id that its log is searched by.
    fn refused(&self, error: ClientError) -> anyhow::Error {
        let ClientError::Refused { status: ..500, code, message, request_id } = error else {
            return error.into();
        };
        tracing::info!(code, request_id, "the server refused");
        let sentence = match (code.as_str(), self.app, self.id, self.version) {
            (NO_APPLICATION, Some(app), ..) => {
                format!("there is no application {app}; make it with: strongroom apps create {app}")
            }
            (NO_COLLECTION, Some(app), Some(id), _) => {
                format!("application {app} has no secrets collection {id}")
            }
            (NO_VERSION, _, Some(id), Some(version)) => {
                format!(
                    "secrets collection {id} has no version {version}; versions lists those that are kept"
                )
            }
            ("key_not_found", ..) => "there is no such API key; keys list shows those that are".to_owned(),
            ("unauthenticated", ..) => {
                "the API key is not valid: it is unknown, has expired or was revoked; set another in \
                STRONGROOM_API_KEY or give --api-key-file FILE"
                    .to_owned()
            }
            _ => message,
        };
        Refused { code, sentence }.into()
    }
}

const NO_APPLICATION: &str = "application_not_found";
const NO_COLLECTION: &str = "collection_not_found";
const NO_VERSION: &str = "version_not_found";

/// A refusal of the server.
#[derive(Debug)]
struct Refused {
    code: String,
    sentence: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Refused {}

/// Whether an error says that something is not there.
pub(crate) fn is_absent(error: &anyhow::Error) -> bool {
    is_refused_as(error, &[NO_APPLICATION, NO_COLLECTION, NO_VERSION])
}

/// Whether an error says that the API key does not have the right.
pub(crate) fn is_forbidden(error: &anyhow::Error) -> bool {
    is_refused_as(error, &["forbidden"])
}

fn is_refused_as(error: &anyhow::Error, codes: &[&str]) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| codes.contains(&refused.code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_an_embedded_one_and_names_what_was_asked_for() {
        let app = ApplicationId::parse("routing").expect("an id");
        let id = CollectionId::parse("db").expect("an id");
        let check = |status, code: &str, expected: &str| {
            let error = ClientError::Refused {
                status,
                code: code.to_owned(),
                message: "the server's words".to_owned(),
                request_id: Some("r-1".to_owned()),
            };
            assert_eq!(about(&app, &id, Some(3)).refused(error).to_string(), expected, "{code}");
        };
        check(
            404,
            NO_APPLICATION,
            "there is no application routing; make it with: strongroom apps create routing",
        );
        check(404, NO_COLLECTION, "application routing has no secrets collection db");
        check(404, NO_VERSION, "secrets collection db has no version 3; versions lists those that are kept");
        check(409, "exists", "the server's words");
        check(403, "forbidden", "the server's words");
        check(500, "internal", "the server's words (internal, request r-1)");
        check(503, "busy", "the server's words (busy, request r-1)");
    }
}
