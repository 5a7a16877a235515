//! A connection that is read in sips: after a few of them others have their turn. One that always has more to read, such as a
//! flood of settings or pings, would otherwise be served from what has arrived until all of that is answered. It does not
//! look at what is read, and writing is as it was.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads in one turn.
const SIPS: u8 = 4;

pub(super) struct Sips<S> {
    stream: S,
    left: u8,
}

impl<S> Sips<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, left: SIPS }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sips<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            self.left = SIPS;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        // Whoever waits for more has let the others have their turn.
        self.left = if read.is_pending() { SIPS } else { self.left - 1 };
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sips<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::empty;

    use super::*;

    #[test]
    fn one_that_always_has_more_lets_others_have_their_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut sips = Sips::new(empty());
            let mut turns = Vec::new();
            for _ in 0..10 {
                let read = poll_fn(|context| {
                    Poll::Ready(Pin::new(&mut sips).poll_read(context, &mut ReadBuf::new(&mut [0])))
                });
                turns.push(read.await.is_ready());
            }
            assert_eq!(turns, [true, true, true, true, false, true, true, true, true, false]);
        });
    }
}
