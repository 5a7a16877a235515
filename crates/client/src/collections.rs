//! What one may do with secrets collections, their values apart: those are handed over by `deliveries` only.

use strongroom_secrets::{
    ApplicationId, CollectionId, Diff, Document, JsonError, Mask, NewCollection, Node, Secret,
    SecretsCollection, SecretsCollectionSummary, Update, Verb, VersionSummary,
};
use ureq::http::Method;
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::applications::application_path;
use crate::client::Client;
use crate::error::ClientError;
use crate::exchange::Ask;

/// What an accepted write made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The collection as it is now.
    pub summary: SecretsCollectionSummary,
    /// Its version.
    pub version: u64,
}

impl Client {
    /// Creates a collection.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may exist.
    pub fn create(&self, application: &ApplicationId, new: &NewCollection) -> Result<Written, ClientError> {
        let ask = Ask::write(Method::POST, collections_path(application)).with(new.to_json());
        self.written(&ask, application, new.id.as_ref())
    }

    /// Lists the collections of an application, by the time of their creation.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn list(&self, application: &ApplicationId) -> Result<Vec<SecretsCollectionSummary>, ClientError> {
        let path = collections_path(application);
        self.pages(&path, &[("pagereturn", "true")])
    }

    /// Reads a collection with masks in place of values, and its version: the newest where none is named.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<(SecretsCollection<Mask>, u64), ClientError> {
        let path = collection_path(application, id);
        let answer = self.ask(&Ask::read(match version {
            Some(version) => format!("{path}/versions/{version}"),
            None => path,
        }))?;
        let found = answer.version()?;
        let collection = self.masked(&answer)?;
        self.is_about(&collection.summary, application, Some(id))?;
        if version.is_some_and(|version| version != found) {
            return Err(self.not_strongroom("another version than was asked for"));
        }
        Ok((collection, found))
    }

    /// Changes a collection: what the update does not name stays.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may have changed.
    pub fn update(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        update: &Update,
        if_match: Option<u64>,
    ) -> Result<Written, ClientError> {
        let (verb, json) = update.to_json();
        let method = match verb {
            Verb::Put => Method::PUT,
            Verb::Patch => Method::PATCH,
        };
        let ask = Ask::write(method, collection_path(application, id)).with(json).at_version(if_match);
        self.written(&ask, application, Some(id))
    }

    /// Deletes a collection; [`Client::restore`] undoes it.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may be gone.
    pub fn delete(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        if_match: Option<u64>,
    ) -> Result<(), ClientError> {
        let ask = Ask::write(Method::DELETE, collection_path(application, id)).at_version(if_match);
        self.ask(&ask).map(|_| ())
    }

    /// Lists the versions of a collection.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn versions(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
    ) -> Result<Vec<VersionSummary>, ClientError> {
        let path = format!("{}/versions", collection_path(application, id));
        self.pages(&path, &[])
    }

    /// Says what differs between two versions: places, and no values.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn diff(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        from: u64,
        to: u64,
    ) -> Result<Diff, ClientError> {
        let path = collection_path(application, id);
        self.ask(&Ask::read(format!("{path}/diff?from={from}&to={to}")))?.shape()
    }

    /// Makes a new version with the contents of an older one.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may have happened.
    pub fn rollback(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        to: u64,
        if_match: Option<u64>,
    ) -> Result<Written, ClientError> {
        let path = format!("{}/rollback", collection_path(application, id));
        let ask = Ask::write(Method::POST, path).with(Zeroizing::new(format!("{{\"version\":{to}}}")));
        self.written(&ask.at_version(if_match), application, Some(id))
    }

    /// Brings the newest deleted collection of this id back.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may be back.
    pub fn restore(&self, application: &ApplicationId, id: &CollectionId) -> Result<Written, ClientError> {
        let path = format!("{}/restore", collection_path(application, id));
        self.written(&Ask::write(Method::POST, path), application, Some(id))
    }

    fn written(
        &self,
        ask: &Ask,
        application: &ApplicationId,
        id: Option<&CollectionId>,
    ) -> Result<Written, ClientError> {
        let answer = self.ask(ask)?;
        let summary: SecretsCollectionSummary = answer.shape()?;
        self.is_about(&summary, application, id)?;
        Ok(Written { summary, version: answer.version()? })
    }

    /// Reads a collection that must be masked. A value that is no mask is refused here, before anybody shows it.
    fn masked(&self, answer: &Answer<'_>) -> Result<SecretsCollection<Mask>, ClientError> {
        let read = |document: &Document<'_>| {
            let root = document.root();
            let secrets = root.object()?.required("secrets")?.list()?;
            let secrets = secrets.iter().map(read_masked).collect::<Result<Option<Vec<_>>, _>>()?;
            Ok::<_, JsonError>((SecretsCollectionSummary::read(&root)?, secrets))
        };
        let (summary, secrets) = answer.read(read)?;
        let secrets = secrets.ok_or_else(|| self.not_strongroom("a value where a mask belongs"))?;
        Ok(SecretsCollection { summary, secrets })
    }

    /// An answer about something else is a cache's or a stranger's.
    pub(crate) fn is_about(
        &self,
        summary: &SecretsCollectionSummary,
        application: &ApplicationId,
        id: Option<&CollectionId>,
    ) -> Result<(), ClientError> {
        let same =
            summary.application_id == application.as_str() && id.is_none_or(|id| summary.id == id.as_str());
        if same { Ok(()) } else { Err(self.not_strongroom("another collection than was asked about")) }
    }
}

/// A secret with its mask; `None` where the value is none.
fn read_masked(node: &Node<'_>) -> Result<Option<Secret<Mask>>, JsonError> {
    let Secret { secret_type, location, value } = Secret::read(node)?;
    Ok(Mask::parse(value.expose()).map(|value| Secret { secret_type, location, value }))
}

fn collections_path(application: &ApplicationId) -> String {
    format!("{}/secrets", application_path(application))
}

pub(crate) fn collection_path(application: &ApplicationId, id: &CollectionId) -> String {
    format!("{}/{id}", collections_path(application))
}
