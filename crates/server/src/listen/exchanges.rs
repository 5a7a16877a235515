//! How many requests of one connection are being answered, and word of each beginning and end. It measures no time.

use tokio::sync::watch;

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Exchanges {
    running: watch::Sender<usize>,
    // Its own sender lives as long, so that waiting never fails.
    changes: watch::Receiver<usize>,
}

/// Marks where requests begin.
#[derive(Debug, Clone)]
pub(super) struct Marker(watch::Sender<usize>);

/// One request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Exchange(watch::Sender<usize>);

impl Exchanges {
    pub(super) fn new() -> Self {
        let (running, changes) = watch::channel(0);
        Self { running, changes }
    }

    pub(super) fn marker(&self) -> Marker {
        Marker(self.running.clone())
    }

    pub(super) fn none_running(&self) -> bool {
        *self.running.borrow() == 0
    }

    /// Returns when a request began or ended since the last time.
    pub(super) async fn changed(&mut self) {
        self.changes.changed().await.expect("the sender is in the same value");
    }
}

impl Marker {
    pub(super) fn begin(&self) -> Exchange {
        self.0.send_modify(|running| *running += 1);
        Exchange(self.0.clone())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}
