//! An answer on its way out, piece by piece, so that its exchange ends when the last piece has left and it is seen whether
//! the peer takes any. It looks at nothing that it sends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body as Answer;
use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::exchanges::Exchange;

/// What a peer must take at once to count as one that takes its answer: a record of TLS, a frame of HTTP/2.
const PIECE: usize = 16 * 1024;

/// The body of an answer.
pub(super) struct Sending {
    answer: Answer,
    /// What was taken from the answer and not yet sent.
    ready: Bytes,
    exchange: Arc<Exchange>,
    /// Of the request, over HTTP/2: letting go of it before the answer has left would cancel the stream, answer and all.
    _unread: Option<Incoming>,
}

impl Sending {
    pub(super) fn new(answer: Answer, exchange: Exchange, unread: Option<Incoming>) -> Self {
        exchange.note_taken(0);
        Self { answer, ready: Bytes::new(), exchange: Arc::new(exchange), _unread: unread }
    }

    fn piece(&mut self) -> Bytes {
        let bytes = self.ready.split_to(PIECE.min(self.ready.remaining()));
        Bytes::from_owner(Piece { bytes, exchange: Arc::clone(&self.exchange) })
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ready.is_empty() {
            match ready!(Pin::new(&mut self.answer).poll_frame(context))
                .map(|frame| frame.map(Frame::into_data))
            {
                Some(Ok(Ok(data))) => self.ready = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (ready, answer) = (self.ready.len() as u64, self.answer.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(answer.lower() + ready);
        if let Some(upper) = answer.upper() {
            hint.set_upper(upper + ready);
        }
        hint
    }
}

/// Dropped when it was written.
struct Piece {
    bytes: Bytes,
    exchange: Arc<Exchange>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.exchange.note_taken(self.bytes.len() as u64);
    }
}
