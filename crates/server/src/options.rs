//! What a server is given once and every request reaches: the custodian, the clock, randomness, how much is done at once
//! and how often, and the room that is left for bodies. Deliberately no settings: whoever starts the server has read those.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use strongroom_custody::Custodian;
use strongroom_secrets::{Limits, Timestamp};

use crate::admission::Admission;
use crate::budget::Budget;
use crate::metrics::Metrics;

/// How a server behaves, beside what its custodian decides.
#[derive(Clone, Copy)]
pub struct Options {
    /// What time it is.
    pub clock: fn() -> Timestamp,
    /// How long it is since some beginning: evenly, whatever happens to the time of day.
    pub steady: fn() -> Duration,
    /// Random bytes from the operating system: for ids of requests, and of applications that come without one.
    pub random: fn() -> [u8; 16],
    /// Whether `POST /v1/applications` makes applications: the documented command line makes one of every typing error.
    pub app_creation: bool,
    /// How many bytes of bodies may be in memory at once, in and out.
    pub bodies: u64,
    /// For a release to find room among those bytes, and for a stranger to come up.
    pub patience: Duration,
    /// How many requests are worked on at once whose key is proven.
    pub at_work: usize,
    /// And how many of those are waited for whose body still comes.
    pub sending: usize,
    /// And how many of others are worked on.
    pub strangers: usize,
    /// How many requests of one API key are answered in a second; five times as many at once. 0 is no limit.
    pub key_rate: u32,
    /// How many requests without a valid key are answered to one address block in a second; ten times as many at once. 0
    /// is no limit.
    pub address_rate: u32,
    /// How long after its beginning a request is answered whose key is refused, whatever is wrong with it.
    pub refusal: Duration,
    /// Whose `X-Forwarded-For` is believed: the same as long as the process lives.
    pub trusted_proxies: &'static [IpNet],
}

impl Options {
    /// 64 MiB for all bodies in flight.
    pub const BODIES: u64 = 64 * 1024 * 1024;
    /// Two seconds.
    pub const PATIENCE: Duration = Duration::from_secs(2);
    /// 256 requests.
    pub const AT_WORK: usize = 256;
    /// 1,024 requests.
    pub const SENDING: usize = 1024;
    /// 64 requests.
    pub const STRANGERS: usize = 64;
    /// 1,000 a second.
    pub const KEY_RATE: u32 = 1000;
    /// 20 a second.
    pub const ADDRESS_RATE: u32 = 20;
    /// Five milliseconds.
    pub const REFUSAL: Duration = Duration::from_millis(5);

    /// The limits as they are meant to be.
    #[must_use]
    pub const fn new(clock: fn() -> Timestamp, steady: fn() -> Duration, random: fn() -> [u8; 16]) -> Self {
        Self {
            clock,
            steady,
            random,
            app_creation: true,
            bodies: Self::BODIES,
            patience: Self::PATIENCE,
            at_work: Self::AT_WORK,
            sending: Self::SENDING,
            strangers: Self::STRANGERS,
            key_rate: Self::KEY_RATE,
            address_rate: Self::ADDRESS_RATE,
            refusal: Self::REFUSAL,
            trusted_proxies: &[],
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("app_creation", &self.app_creation)
            .field("bodies", &self.bodies)
            .field("key_rate", &self.key_rate)
            .field("address_rate", &self.address_rate)
            .field("trusted_proxies", &self.trusted_proxies)
            .finish_non_exhaustive()
    }
}

/// What every request may reach.
pub(crate) struct Desk {
    pub(crate) custodian: Arc<Custodian>,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) admission: Admission,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) options: Options,
}

impl Desk {
    pub(crate) fn new(custodian: Arc<Custodian>, options: Options) -> Self {
        Self {
            limits: custodian.limits(),
            budget: Arc::new(Budget::new(options.bodies, options.patience)),
            admission: Admission::new(&options),
            metrics: Arc::new(Metrics::new()),
            custodian,
            options,
        }
    }
}
