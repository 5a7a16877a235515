//! A request's body: bounded, counted as it arrives, and kept in memory that is wiped. What it says is for
//! `strongroom_secrets` to read; here it is bytes.

use std::collections::VecDeque;

use axum::body::Body as Stream;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use strongroom_secrets::{Document, JsonError};
use zeroize::Zeroizing;

use crate::budget::{Share, Spent};
use crate::listen::Cut;
use crate::refusal::Refusal;

/// The largest piece of memory that a body is in while it comes: it has at most so much more than what was received.
const PIECE: usize = 256 * 1024;

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
        share: Share,
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
        let mut received = Received::nothing(share);
        while let Some(frame) = stream.frame().await {
            let frame = frame.map_err(ended_early)?;
            let Ok(data) = frame.into_data() else { continue };
            if (received.length + data.len()) as u64 > limit {
                return Err(Refusal::too_large(limit));
            }
            received.append(&data)?;
        }
        if announced.is_some_and(|announced| announced != received.length as u64) {
            return Err(Refusal::invalid("the body has another length than its Content-Length says"));
        }
        Ok(received.join())
    }

    /// As it was sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
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

/// What has come of a body: pieces in their order, so that what is there need not move when more comes. All memory that it
/// takes is counted, not only what is used of it.
struct Received {
    pieces: VecDeque<Zeroizing<Vec<u8>>>,
    length: usize,
    share: Share,
}

impl Received {
    fn nothing(share: Share) -> Self {
        Self { pieces: VecDeque::new(), length: 0, share }
    }

    fn append(&mut self, mut data: &[u8]) -> Result<(), Spent> {
        while !data.is_empty() {
            let mut last = self.pieces.pop_back().unwrap_or_default();
            if last.len() == PIECE {
                self.pieces.push_back(std::mem::take(&mut last));
            }
            let (now, later) = data.split_at(data.len().min(PIECE - last.len()));
            self.make_room(&mut last, now.len())?;
            last.extend_from_slice(now);
            self.length += now.len();
            self.pieces.push_back(last);
            data = later;
        }
        Ok(())
    }

    /// Moves a piece to a larger one where it must, and leaves nothing behind.
    fn make_room(&mut self, piece: &mut Zeroizing<Vec<u8>>, more: usize) -> Result<(), Spent> {
        let length = piece.len() + more;
        if length > piece.capacity() {
            let capacity = length.max(2 * piece.capacity()).min(PIECE);
            self.share.grow((capacity - piece.capacity()) as u64)?;
            let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
            larger.extend_from_slice(piece);
            *piece = larger;
        }
        Ok(())
    }

    /// All of it in one piece. Each of the others goes as soon as it was copied, so that there is never twice as much.
    fn join(mut self) -> Body {
        let bytes = match self.pieces.pop_front() {
            Some(only) if self.pieces.is_empty() => only,
            first => {
                let mut bytes = Zeroizing::new(Vec::with_capacity(self.length));
                for piece in first.into_iter().chain(self.pieces) {
                    bytes.extend_from_slice(&piece);
                }
                bytes
            }
        };
        self.share.note(bytes.capacity() as u64);
        Body { bytes, _share: self.share }
    }
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
    use std::time::Duration;

    use super::*;
    use crate::budget::Budget;

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

    /// Receives pieces of some length until there are `length` bytes.
    fn receive(budget: &Budget, length: usize, step: usize) -> Result<Received, Spent> {
        let mut received = Received::nothing(budget.share_from(None));
        let all: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        for data in all.chunks(step) {
            received.append(data)?;
            let memory: usize = received.pieces.iter().map(|piece| piece.capacity()).sum();
            assert_eq!(budget.taken(), memory as u64, "what is in memory is counted");
            assert!(memory <= received.length + PIECE, "{memory} for {}", received.length);
            assert!(memory <= 2 * received.length, "{memory} for {}", received.length);
        }
        Ok(received)
    }

    #[test]
    fn all_memory_of_a_body_is_counted_and_there_is_hardly_more_of_it_than_was_received() {
        for (length, step) in [(1, 1), (1000, 1), (PIECE, 7), (PIECE + 1, 16_384), (3_000_000, 100_000)] {
            let budget = Budget::new(4_000_000, Duration::ZERO);
            let body = receive(&budget, length, step).expect("there is room").join();
            assert!(body.bytes().iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
            assert_eq!((body.bytes().len(), budget.taken()), (length, body.bytes.capacity() as u64));
            assert!(budget.taken() <= 2 * length as u64);
            drop(body);
            assert_eq!(budget.taken(), 0);
        }
    }

    #[test]
    fn a_body_beyond_the_room_gives_back_all() {
        let budget = Budget::new(4 * PIECE as u64, Duration::ZERO);
        assert!(receive(&budget, 4 * PIECE, 16_384).is_ok());
        assert!(receive(&budget, 4 * PIECE + 1, 16_384).is_err());
        assert_eq!(budget.taken(), 0);
    }
}
