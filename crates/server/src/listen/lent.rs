//! A request's body on its way to whoever answers: lent with patience that ends, and what was not read of it given back.
//! A client that sends all before it reads would lose an answer that comes earlier, with the connection, so that rest is
//! read and thrown away. It keeps nothing of a body and does not know what is answered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Stage;

/// How much of a rest is thrown away: the largest body that may be read at all (18 MiB), and 32 MiB beyond it.
const REST_BYTES: u64 = 50 * 1024 * 1024;

/// Why a body ends before its end, when that is our doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// It did not come in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The server ends, and cannot wait for it.
    #[error("the server is stopping")]
    Stopping,
}

/// The body, for as long as somebody reads it.
pub(super) struct Lent {
    /// None from its end on.
    body: Option<Incoming>,
    over: Pin<Box<dyn Future<Output = Cut> + Send>>,
    left: Arc<Mutex<Left>>,
}

/// What comes back of it.
#[derive(Debug)]
pub(super) struct Rest {
    left: Arc<Mutex<Left>>,
    stage: watch::Receiver<Stage>,
}

#[derive(Debug, Default)]
enum Left {
    #[default]
    Nothing,
    Unread(Incoming),
    Cut,
}

/// Lends a body that must have arrived `patience` from now, and before the server's end.
pub(super) fn lend(body: Incoming, patience: Duration, stage: watch::Receiver<Stage>) -> (Lent, Rest) {
    let left = Arc::<Mutex<Left>>::default();
    let body = Some(body).filter(|body| !body.is_end_stream());
    let over = Box::pin(over(Instant::now() + patience, stage.clone()));
    (Lent { body, over, left: Arc::clone(&left) }, Rest { left, stage })
}

async fn over(deadline: Instant, mut stage: watch::Receiver<Stage>) -> Cut {
    select! {
        () = sleep_until(deadline) => Cut::TooSlow,
        () = Stage::reached(&mut stage, Stage::Over) => Cut::Stopping,
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            if !matches!(frame, Some(Ok(_))) {
                self.body = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let cut = ready!(self.over.as_mut().poll(context));
        self.body = None;
        put(&self.left, Left::Cut);
        Poll::Ready(Some(Err(cut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            put(&self.left, Left::Unread(body));
        }
    }
}

impl Rest {
    /// Reads what is left and keeps none of it, for `patience` at most, not beyond the server's end, and only where
    /// there is a place for it.
    pub(super) async fn discard<P>(mut self, place: impl FnOnce() -> Option<P>, patience: Duration) -> Ended {
        let mut body = match self.take() {
            Left::Nothing => return Ended::Whole,
            Left::Unread(body) => body,
            Left::Cut => return Ended::Early(None),
        };
        let Some(_place) = place() else { return Ended::Early(Some(body)) };
        let whole = select! {
            biased;
            whole = discard(&mut body, REST_BYTES, patience) => whole,
            () = Stage::reached(&mut self.stage, Stage::Over) => false,
        };
        if whole { Ended::Whole } else { Ended::Early(Some(body)) }
    }

    /// Asks for nothing of what is left.
    pub(super) fn leave(self) -> Ended {
        match self.take() {
            Left::Nothing => Ended::Whole,
            Left::Unread(body) => Ended::Early(Some(body)),
            Left::Cut => Ended::Early(None),
        }
    }

    fn take(&self) -> Left {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What became of a body.
pub(super) enum Ended {
    Whole,
    /// With what nobody read of it.
    Early(Option<Incoming>),
}

fn put(place: &Mutex<Left>, left: Left) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = left;
}

/// One that is announced as too long is not begun: its client would not come to read either.
async fn discard(body: &mut (impl Body + Unpin), most: u64, patience: Duration) -> bool {
    if body.size_hint().lower() > most {
        return false;
    }
    let to_its_end = async {
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
            if bytes > most {
                return false;
            }
        }
        true
    };
    timeout(patience, to_its_end).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(work)
    }

    /// Of nobody knows how many bytes.
    struct Unannounced(Full<Bytes>);

    impl Body for Unannounced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Pin::new(&mut self.0).poll_frame(context)
        }
    }

    #[test]
    fn a_rest_is_thrown_away_up_to_a_size() {
        block_on(async {
            for (bytes, whole) in [(0, true), (10, true), (11, false)] {
                let body = || Full::new(Bytes::from(vec![b' '; bytes]));
                assert_eq!(discard(&mut body(), 10, HOUR).await, whole, "{bytes}, announced");
                assert_eq!(
                    discard(&mut Unannounced(body()), 10, HOUR).await,
                    whole,
                    "{bytes}, not announced"
                );
            }
        });
    }

    #[test]
    fn a_rest_that_does_not_come_is_not_waited_for() {
        struct Never;
        impl Body for Never {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                Poll::Pending
            }
        }
        assert!(!block_on(async { discard(&mut Never, 10, Duration::ZERO).await }));
    }
}
