//! What a listener counts of its connections. It decides nothing about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::add_one;

#[derive(Debug, Default)]
pub(crate) struct Connections {
    accepted: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
    over: [AtomicU64; 3],
}

/// What a peer took too long for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Over {
    /// The TLS handshake.
    Handshake,
    /// To ask something: for the first time, or again.
    Request,
    /// To take an answer.
    Answer,
}

impl Connections {
    pub(super) const OVER: [&str; 3] = ["handshake", "request", "answer"];

    /// One that is open until this is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        add_one(&self.accepted);
        Open(Arc::clone(self))
    }

    /// One was closed as it came: there are as many as there may be.
    pub(crate) fn refuse(&self) {
        add_one(&self.refused);
    }

    pub(crate) fn is_over(&self, what: Over) {
        add_one(&self.over[what as usize]);
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn are_open(&self) -> u64 {
        let ended = self.ended.load(Ordering::Relaxed);
        self.accepted().saturating_sub(ended)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn over(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::OVER.into_iter().zip(self.over.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Open(Arc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        add_one(&self.0.ended);
    }
}
