//! A client of one strongroom: what stays the same from request to request. What it can ask for is said in the files of
//! the operations.

use std::fmt;
use std::time::Duration;

use backon::BlockingSleeper;
use bytes::Bytes;
use ureq::Agent;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use crate::connection::{self, Connection};
use crate::error::ClientError;
use crate::server_url::ServerUrl;

/// A client of one strongroom, to be shared between threads. Each request has a connection of its own.
pub struct Client {
    pub(crate) agent: Agent,
    pub(crate) url: ServerUrl,
    // Invariant: `Bearer ` and the token, sensitive, in a buffer that is wiped with its last reference
    // (`no_error_and_no_debug_shows_the_token`).
    pub(crate) bearer: HeaderValue,
    pub(crate) pause: Box<dyn Fn(Duration) + Send + Sync>,
}

impl Client {
    /// A client with this connection. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::CaCert`] when the certificates cannot be read.
    pub fn new(connection: Connection) -> Result<Self, ClientError> {
        let Connection { url, token, ca_cert, proxy } = connection;
        let agent = connection::agent(&url, ca_cert.as_deref(), proxy)?;
        let mut bearer = Zeroizing::new(Vec::with_capacity("Bearer ".len() + token.expose().len()));
        bearer.extend_from_slice(b"Bearer ");
        bearer.extend_from_slice(token.expose().as_bytes());
        let mut bearer = HeaderValue::from_maybe_shared(Bytes::from_owner(bearer))
            .expect("a token has letters, digits and _ only");
        bearer.set_sensitive(true);
        Ok(Self { agent, url, bearer, pause: Box::new(|time| backon::StdSleeper.sleep(time)) })
    }

    /// Waits by this between two tries, in place of sleeping.
    #[must_use]
    pub fn pausing_by(self, pause: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { pause: Box::new(pause), ..self }
    }

    /// Where its strongroom is served.
    #[must_use]
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// A text that came from outside, fit to be shown: one line, printable, cut to a length, and without the token even
    /// where a stranger sent it back.
    pub(crate) fn printable(&self, text: &str, longest: usize) -> String {
        let token = self.bearer.to_str().unwrap_or_default().trim_start_matches("Bearer ");
        let without = text.replace(token, "***");
        let printed = without.chars().map(|c| if is_shown(c) { c } else { ' ' });
        let mut printed: String = printed.take(longest).collect();
        printed.truncate(printed.trim_end().len());
        printed
    }
}

/// Control characters steer a terminal, and the marks of writing direction let a line read as another.
fn is_shown(c: char) -> bool {
    let steers =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !steers
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url.to_string()).finish_non_exhaustive()
    }
}
