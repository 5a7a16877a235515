//! Deliveries: the only operations here that bring plaintext, and what is said about a run afterwards. Putting it into a
//! process is done elsewhere.

use serde::Serialize;
use strongroom_secrets::{
    ApplicationId, CollectionId, Delivered, DeliveryRequest, End, Outline, Purpose, RunClaimText,
};
use ureq::http::Method;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::collections::collection_path;
use crate::error::ClientError;
use crate::exchange::Ask;

impl Client {
    /// Takes the values of a version for a run; the newest where none is named.
    ///
    /// # Errors
    /// [`ClientError`]. It is never asked for twice by itself, since each delivery is a record: after
    /// [`ClientError::OutcomeUnknown`] there may be one that nobody received.
    pub fn deliver(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
        run: Option<RunClaimText>,
    ) -> Result<Delivered, ClientError> {
        let request = DeliveryRequest { version, purpose: Purpose::Run, run };
        self.delivered(application, id, &request)
    }

    /// Takes the values of a version to look at them; the newest where none is named.
    ///
    /// # Errors
    /// As [`Client::deliver`].
    pub fn reveal(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Delivered, ClientError> {
        let request = DeliveryRequest { version, purpose: Purpose::Reveal, run: None };
        self.delivered(application, id, &request)
    }

    /// Says what a delivery would hold: types, locations and lengths. It leaves no record.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn outline(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        version: Option<u64>,
    ) -> Result<Outline, ClientError> {
        let request = DeliveryRequest { version, purpose: Purpose::Plan, run: None };
        let outline: Outline = self.ask(&delivery(application, id, &request).repeatable())?.shape()?;
        self.is_version(version, outline.version)?;
        Ok(outline)
    }

    /// Says how the run that took a delivery ended. The first to say it wins; to say it again changes nothing.
    ///
    /// # Errors
    /// [`ClientError::NotAReceipt`] for what is none, else as every operation.
    pub fn end_run(&self, receipt: &str, end: End) -> Result<(), ClientError> {
        if !is_receipt(receipt) {
            return Err(ClientError::NotAReceipt);
        }
        let path = format!("/v1/deliveries/{receipt}/end");
        let ask = Ask::write(Method::POST, path).with(json(&end)).repeatable();
        self.ask(&ask).map(|_| ())
    }

    fn delivered(
        &self,
        application: &ApplicationId,
        id: &CollectionId,
        request: &DeliveryRequest,
    ) -> Result<Delivered, ClientError> {
        let delivered = self.ask(&delivery(application, id, request).once())?.read(Delivered::read)?;
        self.is_about(&delivered.summary, application, Some(id))?;
        self.is_version(request.version, delivered.version)?;
        Ok(delivered)
    }

    fn is_version(&self, asked: Option<u64>, found: u64) -> Result<(), ClientError> {
        let same = asked.is_none_or(|asked| asked == found);
        if same { Ok(()) } else { Err(self.not_strongroom("another version than was asked for")) }
    }
}

fn delivery(application: &ApplicationId, id: &CollectionId, request: &DeliveryRequest) -> Ask {
    let path = format!("{}/deliveries", collection_path(application, id));
    Ask::write(Method::POST, path).with(json(request))
}

/// The JSON of a shape.
pub(crate) fn json(shape: &impl Serialize) -> Zeroizing<String> {
    Zeroizing::new(serde_json::to_string(shape).expect("our shapes are JSON"))
}

/// Whether a text may stand in a path as a receipt, `<generation>.<ledger>.<seq>`: no more than that is judged here.
fn is_receipt(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 80 && text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_receipt_becomes_part_of_a_path() {
        for good in ["1-abcdefgh.0.42", "12-a2b3c4d5.7.18446744073709551615"] {
            assert!(is_receipt(good), "{good}");
        }
        for bad in
            ["", "..", "a..b", "a.b", "a.b.c.d", "../../v1", "a.b.c/", "a.b.c?d", "a.b.%2e", "A.b.c", "ü.b.c"]
        {
            assert!(!is_receipt(bad), "{bad}");
        }
        assert!(!is_receipt(&format!("a.b.{}", "1".repeat(100))));
    }
}
