//! When to stop: the first request means "finish what you have", the second "end at once". It says when, and does not
//! know what it is that stops.

use std::future;
use std::io;

use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Hears requests to stop, in their order.
#[derive(Debug)]
pub struct Stop(mpsc::UnboundedReceiver<()>);

/// Asks for a stop by hand.
#[derive(Debug, Clone)]
pub struct Stopper(mpsc::UnboundedSender<()>);

/// The operating system lets nobody listen to its signals.
#[derive(Debug, thiserror::Error)]
#[error("signals cannot be heard, so nothing could stop this process in order")]
pub struct SignalError(#[source] pub(crate) io::Error);

impl Stop {
    /// Each SIGTERM and each SIGINT is a request. From here on neither of them ends the process by itself, not even
    /// when this is gone.
    ///
    /// # Errors
    /// [`SignalError`].
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O.
    pub fn at_signals() -> Result<Self, SignalError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(SignalError)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(SignalError)?;
        let (stopper, stop) = Self::by_hand();
        tokio::spawn(async move {
            loop {
                select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = stopper.0.closed() => return,
                }
                stopper.stop();
            }
        });
        Ok(stop)
    }

    /// Requests come from the [`Stopper`]. When that is gone, none comes.
    #[must_use]
    pub fn by_hand() -> (Stopper, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Stopper(sender), Self(receiver))
    }

    /// Returns at the next request. Loses none when it is dropped before.
    pub async fn requested(&mut self) {
        match self.0.recv().await {
            Some(()) => {}
            None => future::pending().await,
        }
    }
}

impl Stopper {
    /// One request. Nothing happens where nobody listens any more.
    pub fn stop(&self) {
        let _ = self.0.send(());
    }
}
