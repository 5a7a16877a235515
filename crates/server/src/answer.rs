//! What a request is answered with when it succeeds. What every answer carries, whatever it says, is `envelope`.

use std::fmt;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use strongroom_secrets::{ApiKey, SecretsCollectionSummary, Token, VersionTag};
use zeroize::Zeroizing;

use crate::budget::Share;
use crate::metrics;
use crate::refusal::Refusal;

/// The version that a write made. A validator would be wrong there: what is answered is not what was written.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("strongroom-version");

/// What becomes of a request.
pub(crate) type Answered = Result<Answer, Refusal>;

/// An answer to be sent.
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Something that may be shown.
    pub(crate) fn json(shown: &impl Serialize) -> Self {
        // Strings, numbers and lists of them: none of our shapes has a map with other keys, or a Serialize that fails.
        let body = serde_json::to_vec(shown).expect("our shapes are JSON");
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }
    }

    /// JSON that is there already, and the same for everybody.
    pub(crate) fn document(json: Bytes) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: json }
    }

    /// Counts, which are not JSON.
    pub(crate) fn metrics(text: String) -> Self {
        let media_type = HeaderValue::from_static(metrics::MEDIA_TYPE);
        Self::document(text.into()).with(header::CONTENT_TYPE, media_type)
    }

    /// Nothing more to say.
    pub(crate) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The summary of a collection that was written, and the version that this made.
    pub(crate) fn written(summary: &SecretsCollectionSummary, version: u64) -> Self {
        Self::json(summary).with(VERSION, number(version))
    }

    /// Something that has a version, to be named in a later `If-Match`.
    pub(crate) fn at_version(shown: &impl Serialize, tag: VersionTag) -> Self {
        let tag = HeaderValue::try_from(format!("\"{tag}\"")).expect("digits and quotes are visible ASCII");
        Self::json(shown).with(header::ETAG, tag)
    }

    /// Nothing but the version, for whoever has that already.
    pub(crate) fn unless(self, has_already: impl FnOnce(&HeaderValue) -> bool) -> Self {
        match self.headers.get(header::ETAG) {
            Some(tag) if has_already(tag) => {
                Self { status: StatusCode::NOT_MODIFIED, body: Bytes::new(), ..self }
            }
            _ => self,
        }
    }

    /// JSON with plaintext in it, wiped once it is sent.
    pub(crate) fn plaintext(json: Zeroizing<String>, mut share: Share) -> Self {
        share.note(json.len() as u64);
        let body = Bytes::from_owner(Wiped { json, _share: share });
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body }
    }

    /// A key and, this once, its token.
    pub(crate) fn token(key: &ApiKey, token: &Token, share: Share) -> Self {
        let shown = serde_json::to_string(key).expect("our shapes are JSON");
        let fields = shown.trim_end_matches('}');
        let (name, end) = (",\"token\":\"", "\"}");
        // A token needs no escaping: it has letters, digits and `_`.
        let size = fields.len() + name.len() + token.expose().len() + end.len();
        let mut json = Zeroizing::new(String::with_capacity(size));
        for piece in [fields, name, token.expose(), end] {
            json.push_str(piece);
        }
        Self::plaintext(json, share)
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}

/// Never its body, which may be plaintext.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Plaintext on its way out, and the room it takes until it is gone.
struct Wiped {
    json: Zeroizing<String>,
    _share: Share,
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::budget::Budget;

    #[test]
    fn l_2_an_answer_with_plaintext_never_prints_it() {
        let share = Budget::new(100, Duration::ZERO).share_of(None);
        let answer = Answer::plaintext(Zeroizing::new("hunter2".to_owned()), share);
        assert_eq!(format!("{answer:?}"), "Answer(200 OK, 7 bytes)");
    }
}
