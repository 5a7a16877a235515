//! What one may do with API keys. A token is read once, when its key is created.

use strongroom_secrets::{ApiKey, ApiKeyId, Document, JsonError, NewKey, Token};
use ureq::http::Method;

use crate::client::Client;
use crate::deliveries::json;
use crate::error::ClientError;
use crate::exchange::Ask;

const KEYS: &str = "/v1/keys";

impl Client {
    /// Creates a key. Its token is in this answer and in no other.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] there may be a key whose token nobody has, to be revoked.
    pub fn create_key(&self, new: &NewKey) -> Result<(ApiKey, Token), ClientError> {
        let answer = self.ask(&Ask::write(Method::POST, KEYS.to_owned()).with(json(new)).once())?;
        let key: ApiKey = answer.shape()?;
        let token = |document: &Document<'_>| {
            Ok::<_, JsonError>(Token::parse(document.root().object()?.required("token")?.value()?.expose()))
        };
        match answer.read(token)? {
            Ok(token) if token.id().as_str() == key.id => Ok((key, token)),
            _ => Err(self.not_strongroom("a token that is none, or another key's")),
        }
    }

    /// Lists the keys, without their tokens.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn list_keys(&self) -> Result<Vec<ApiKey>, ClientError> {
        self.pages(KEYS, &[])
    }

    /// Revokes a key for good.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::OutcomeUnknown`] it may be revoked.
    pub fn revoke_key(&self, id: &ApiKeyId) -> Result<(), ClientError> {
        self.ask(&Ask::write(Method::DELETE, format!("{KEYS}/{id}")).once()).map(|_| ())
    }
}
