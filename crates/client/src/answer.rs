//! An answer that is not a refusal: its body, read whole into a buffer that is wiped, and the readers that turn it into
//! a value or say that it is not as documented. What it held is never repeated.

use std::fmt::Display;
use std::io::Read;

use serde::de::DeserializeOwned;
use strongroom_secrets::{Document, Items, JsonError, Limits};
use ureq::Body;
use ureq::http::HeaderMap;
use ureq::http::header::ETAG;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::ClientError;
use crate::exchange::Ask;

/// The largest answer: every legal collection, each character of it written as an escape, and its names.
const LARGEST: u64 = 6 * Limits::LARGEST + 1024 * 1024;

/// So many pages are asked for; a list that has more does not end.
const MOST_PAGES: usize = 10_000;

/// A successful answer.
pub(crate) struct Answer<'a> {
    client: &'a Client,
    version: Option<u64>,
    body: Zeroizing<Vec<u8>>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(client: &'a Client, headers: &HeaderMap, body: Zeroizing<Vec<u8>>) -> Self {
        Self { client, version: version(headers), body }
    }

    /// The version that it is about, as its header says.
    pub(crate) fn version(&self) -> Result<u64, ClientError> {
        self.version.ok_or_else(|| self.client.not_strongroom("no version where one belongs"))
    }

    /// Reads the body with a reader of the shared model, whose errors carry places and no values.
    pub(crate) fn read<T, E: From<JsonError> + Display>(
        &self,
        read: impl FnOnce(&Document<'_>) -> Result<T, E>,
    ) -> Result<T, ClientError> {
        let read = Document::parse(&self.body).map_err(E::from).and_then(|document| read(&document));
        read.map_err(|error| self.client.not_strongroom(&format!("JSON that is not as documented ({error})")))
    }

    /// Reads the body as one of our own shapes, none of which holds a plaintext.
    pub(crate) fn shape<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        // serde's own message is thrown away: it quotes what it read.
        serde_json::from_slice(&self.body)
            .map_err(|_| self.client.not_strongroom("JSON that is not as documented"))
    }
}

impl Client {
    /// Reads a list to its end.
    pub(crate) fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ClientError> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = query.iter().copied().chain(token.as_deref().map(|token| ("pagetoken", token)));
            let page = form_urlencoded::Serializer::new(String::new()).extend_pairs(page).finish();
            let separator = if page.is_empty() { "" } else { "?" };
            let answer = self.ask(&Ask::read(format!("{path}{separator}{page}")))?;
            let Items { items, next_page_token } = answer.shape::<Items<T>>()?;
            all.extend(items);
            let next = next_page_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
            if next == token {
                break;
            }
            token = next;
        }
        Err(self.not_strongroom("a list that does not end"))
    }

    /// The error that says what came in place of the documented answer.
    pub(crate) fn not_strongroom(&self, what: &str) -> ClientError {
        ClientError::NotStrongroom { server: self.url.authority(), what: self.printable(what, 300) }
    }
}

/// The version that an answer is about: `"7"` or, after a restore, `"7.2"` as ETag; `7` in our own header.
fn version(headers: &HeaderMap) -> Option<u64> {
    if let Some(version) = headers.get("Strongroom-Version") {
        return version.to_str().ok()?.parse().ok();
    }
    let tag = headers.get(ETAG)?.to_str().ok()?;
    let tag = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    tag.split('.').next()?.parse().ok()
}

/// What the server's log names the request by.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("Strongroom-Request-Id")?.to_str().ok()?;
    let shaped = (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    shaped.then(|| id.to_owned())
}

/// Why a body could not be read to its end.
pub(crate) enum Unread {
    TooLarge,
    Lost(ureq::Error),
}

/// Reads a body to its end. Where it must grow, it moves to a larger buffer and the smaller one is wiped.
pub(crate) fn read_whole(mut body: Body) -> Result<Zeroizing<Vec<u8>>, Unread> {
    const UNSAID: u64 = 16 * 1024;
    let length = body.content_length().unwrap_or(UNSAID);
    if length > LARGEST {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(length).map_err(|_| Unread::TooLarge)? + 1]);
    let mut filled = 0;
    let mut reader = body.as_reader();
    loop {
        if filled as u64 > LARGEST {
            return Err(Unread::TooLarge);
        }
        if filled == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * bytes.len()]);
            larger[..filled].copy_from_slice(&bytes);
            bytes = larger;
        }
        match reader.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) => return Err(Unread::Lost(error.into())),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
