//! Reading the audit records as a served strongroom shows them. What proves them is verified elsewhere.

use strongroom_secrets::{ApplicationId, AuditEntry, CollectionId};

use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// Lists the audit records, of one application or of one collection where they are named.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn records(
        &self,
        application: Option<&ApplicationId>,
        collection: Option<&CollectionId>,
    ) -> Result<Vec<AuditEntry>, ClientError> {
        let application = application.map(|id| ("application_id", id.as_str()));
        let collection = collection.map(|id| ("collection_id", id.as_str()));
        let query: Vec<_> = application.into_iter().chain(collection).collect();
        self.pages("/v1/audit", &query)
    }
}
