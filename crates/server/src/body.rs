//! A request's body: bounded, counted as it arrives, and kept in a buffer that is wiped. What it says is for
//! `strongroom_secrets` to read; here it is bytes.

use axum::body::Body as Stream;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use strongroom_secrets::{Document, JsonError};
use zeroize::Zeroizing;

use crate::budget::Share;
use crate::listen::Cut;
use crate::refusal::Refusal;

/// A body that was read to its end.
pub(crate) struct Body {
    bytes: Zeroizing<Vec<u8>>,
    /// Given back when the request is done with.
    _share: Share,
}

impl Body {
    /// For requests that need none: what comes with them is not read.
    pub(crate) fn none(share: Share) -> Self {
        Self { bytes: Zeroizing::default(), _share: share }
    }

    /// Reads a body of at most `limit` bytes. Nothing of one that is announced as larger, or as something other than
    /// JSON, is read.
    pub(crate) async fn read(
        headers: &HeaderMap,
        mut stream: Stream,
        limit: u64,
        mut share: Share,
    ) -> Result<Self, Refusal> {
        if stream.is_end_stream() {
            return Ok(Self::none(share));
        }
        if !is_json(headers) {
            return Err(Refusal::unsupported_media_type());
        }
        let announced = announced(headers)?;
        if announced.is_some_and(|bytes| bytes > limit) {
            return Err(Refusal::too_large(limit));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(frame) = stream.frame().await {
            let frame = frame.map_err(ended_early)?;
            let Ok(data) = frame.into_data() else { continue };
            if (bytes.len() + data.len()) as u64 > limit {
                return Err(Refusal::too_large(limit));
            }
            share.grow(data.len() as u64)?;
            append(&mut bytes, &data);
        }
        if announced.is_some_and(|announced| announced != bytes.len() as u64) {
            return Err(Refusal::invalid("the body has another length than its Content-Length says"));
        }
        Ok(Self { bytes, _share: share })
    }

    /// The body as JSON.
    pub(crate) fn document(&self) -> Result<Document<'_>, JsonError> {
        Document::parse(&self.bytes)
    }

    /// The body as a shape of ours that holds no value; none if it is not that.
    pub(crate) fn read_as<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.bytes).ok()
    }

    /// The body as JSON where all that it could say may be left out, and with it the body.
    pub(crate) fn document_if_any(&self) -> Result<Document<'_>, JsonError> {
        Document::parse(if self.bytes.is_empty() { b"{}" } else { &self.bytes })
    }
}

fn ended_early(error: axum::Error) -> Refusal {
    match error.into_inner().downcast_ref() {
        Some(Cut::TooSlow) => Refusal::too_slow(),
        Some(Cut::Stopping) => Refusal::stopping(),
        None => Refusal::invalid("the body ended before its end"),
    }
}

/// Appends to a buffer, which moves to a larger one where it must and leaves nothing behind.
fn append(bytes: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    let length = bytes.len() + data.len();
    if length > bytes.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(bytes.capacity() * 2)));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(data);
}

fn announced(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let bytes = value.to_str().ok().and_then(|text| text.parse().ok());
    bytes.map(Some).ok_or_else(|| Refusal::invalid("Content-Length is not a number"))
}

/// `application/json`, in UTF-8 where a charset is named, and not compressed: a small body may not become a large one.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    !headers.contains_key(header::CONTENT_ENCODING) && only.to_str().is_ok_and(is_json_type)
}

fn is_json_type(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|parameter| {
            let charset = parameter.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
            charset.is_some_and(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_in_utf_8() {
        for text in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert!(is_json_type(text), "{text}");
        }
        for text in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json; boundary=x",
            "application/jsonp",
            "text/json",
            "multipart/form-data; application/json",
        ] {
            assert!(!is_json_type(text), "{text}");
        }
    }

    #[test]
    fn a_buffer_that_grows_keeps_what_it_has() {
        let mut bytes = Zeroizing::new(Vec::new());
        for _ in 0..100 {
            append(&mut bytes, b"0123456789");
        }
        assert_eq!(*bytes, b"0123456789".repeat(100));
    }
}
