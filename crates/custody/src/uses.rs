//! When API keys were last used, remembered until somebody writes it down: a request must not wait for that, and a minute
//! more or less is not told apart.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use strongroom_secrets::{ApiKeyId, Timestamp};

/// A use that is not later than the one written down by this much is not worth a write.
const RESOLUTION_MICROS: i64 = 60_000_000;

/// Uses that are not written down yet.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<BTreeMap<String, i64>>);

impl Uses {
    /// Notes a use, unless one of the same minute is written down.
    pub(crate) fn note(&self, id: &ApiKeyId, now: Timestamp, written: Option<i64>) {
        if written.is_some_and(|written| now.as_micros() < written + RESOLUTION_MICROS) {
            return;
        }
        self.put_back([(id.to_string(), now.as_micros())]);
    }

    /// Everything that is to be written down.
    pub(crate) fn take(&self) -> Vec<(String, i64)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }

    /// Notes these, where nothing later is noted.
    pub(crate) fn put_back(&self, uses: impl IntoIterator<Item = (String, i64)>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, at) in uses {
            let latest = noted.entry(id).or_insert(at);
            *latest = at.max(*latest);
        }
    }
}
