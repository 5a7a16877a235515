//! Connections that only read, so that no read waits for whoever writes. They see what was committed, and
//! nothing else.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::session::Session;

/// Some sessions, each lent to one at a time.
pub(crate) struct Readers {
    sessions: Vec<Session>,
    // Invariant: as many places as there are permits to take (`every_reader_comes_back`).
    idle: Mutex<Vec<usize>>,
    permits: Semaphore,
}

impl Readers {
    pub(crate) fn new(sessions: Vec<Session>) -> Self {
        let idle = Mutex::new((0..sessions.len()).collect());
        Self { permits: Semaphore::new(sessions.len()), sessions, idle }
    }

    /// Waits until one is free; none when there are none at all.
    pub(crate) async fn lend(&self) -> Option<Reader<'_>> {
        if self.sessions.is_empty() {
            return None;
        }
        let permit = self.permits.acquire().await.ok()?;
        // The one that was given back last: what it needs is still in its cache.
        let at = self.idle().pop()?;
        Some(Reader { readers: self, at, _permit: permit })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<usize>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session on loan.
pub(crate) struct Reader<'a> {
    readers: &'a Readers,
    at: usize,
    // Dropped after the place was given back: who gets it next finds one.
    _permit: SemaphorePermit<'a>,
}

impl Deref for Reader<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.readers.sessions[self.at]
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.readers.idle().push(self.at);
    }
}
