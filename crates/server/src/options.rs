//! What a server is given once and every request reaches: the custodian, the clock, randomness, and the room
//! that is left for bodies. Deliberately no settings: whoever starts the server has read those.

use std::fmt;
use std::sync::Arc;

use strongroom_custody::Custodian;
use strongroom_secrets::{Limits, Timestamp};

use crate::budget::Budget;

/// How a server behaves, beside what its custodian decides.
#[derive(Clone, Copy)]
pub struct Options {
    /// What time it is.
    pub clock: fn() -> Timestamp,
    /// Random bytes from the operating system: for ids of requests, and of applications that come without one.
    pub random: fn() -> [u8; 16],
    /// Whether `POST /v1/applications` makes applications: the documented command line makes one of every typing error.
    pub app_creation: bool,
    /// How many bytes of bodies may be in memory at once, in and out.
    pub bodies: u64,
}

impl Options {
    /// 64 MiB for all bodies in flight.
    pub const BODIES: u64 = 64 * 1024 * 1024;
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app_creation, bodies, .. } = self;
        write!(f, "Options {{ app_creation: {app_creation}, bodies: {bodies} }}")
    }
}

/// What every request may reach.
pub(crate) struct Desk {
    pub(crate) custodian: Arc<Custodian>,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
}

impl Desk {
    pub(crate) fn new(custodian: Arc<Custodian>, options: Options) -> Self {
        let limits = custodian.limits();
        Self { custodian, options, limits, budget: Arc::new(Budget::new(options.bodies)) }
    }
}
