//! What a request is answered with when it succeeds. What every answer carries, whatever it says, is `envelope`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use strongroom_custody::Updated;
use strongroom_secrets::{ApiKey, Token};
use zeroize::Zeroizing;

use crate::budget::Share;
use crate::refusal::Refusal;

/// The version that a write made. A validator would be wrong there: what is answered is not what was written.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("strongroom-version");

/// What becomes of a request.
pub(crate) type Answered = Result<Answer, Refusal>;

/// An answer to be sent.
#[derive(Debug)]
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

    /// Nothing more to say.
    pub(crate) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The summary of a collection that was written, and the version that this made.
    pub(crate) fn written(updated: &Updated) -> Self {
        Self::json(&updated.summary).with(VERSION, number(updated.version))
    }

    /// Something that has a version, to be named in a later `If-Match`.
    pub(crate) fn at_version(shown: &impl Serialize, version: u64) -> Self {
        let tag =
            HeaderValue::try_from(format!("\"{version}\"")).expect("digits and quotes are visible ASCII");
        Self::json(shown).with(header::ETAG, tag)
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
