//! What one may do with applications.

use serde::Serialize;
use strongroom_secrets::{Application, ApplicationId};
use ureq::http::Method;

use crate::client::Client;
use crate::deliveries::json;
use crate::error::ClientError;
use crate::exchange::Ask;

/// What is said of an application; what is absent is not said.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

impl Client {
    /// Creates an application; its name is its id where none is given.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may exist.
    pub fn create_application(
        &self,
        id: &ApplicationId,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Application, ClientError> {
        let said = Said { id: Some(id.as_str()), name, description };
        let ask = Ask::write(Method::POST, APPLICATIONS.to_owned()).with(json(&said));
        self.application(&ask, id)
    }

    /// Lists the applications by id.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn list_applications(&self) -> Result<Vec<Application>, ClientError> {
        self.pages(APPLICATIONS, &[("pagereturn", "true")])
    }

    /// Reads an application.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get_application(&self, id: &ApplicationId) -> Result<Application, ClientError> {
        self.application(&Ask::read(application_path(id)), id)
    }

    /// Changes the name or the description of an application; what is not given stays.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may have changed.
    pub fn update_application(
        &self,
        id: &ApplicationId,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<Application, ClientError> {
        let said = Said { id: None, name, description };
        self.application(&Ask::write(Method::PUT, application_path(id)).with(json(&said)), id)
    }

    /// Deletes an application with its collections; [`Client::restore_application`] undoes it.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may be gone.
    pub fn delete_application(&self, id: &ApplicationId) -> Result<(), ClientError> {
        self.ask(&Ask::write(Method::DELETE, application_path(id))).map(|_| ())
    }

    /// Brings a deleted application back.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may be back.
    pub fn restore_application(&self, id: &ApplicationId) -> Result<Application, ClientError> {
        let path = format!("{}/restore", application_path(id));
        self.application(&Ask::write(Method::POST, path), id)
    }

    fn application(&self, ask: &Ask, id: &ApplicationId) -> Result<Application, ClientError> {
        let application: Application = self.ask(ask)?.shape()?;
        if application.id != id.as_str() {
            return Err(self.not_strongroom("another application than was asked about"));
        }
        Ok(application)
    }
}

const APPLICATIONS: &str = "/v1/applications";

pub(crate) fn application_path(id: &ApplicationId) -> String {
    format!("{APPLICATIONS}/{id}")
}
