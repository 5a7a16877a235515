//! The connection below a request: ureq's own connectors, wrapped so that the buffers through which tokens and values
//! pass are wiped, and so that a failure to connect can be told from a failure afterwards. No TLS and no HTTP is made
//! here.
//!
//! This leans on ureq's `unversioned` part, which may change in a minor release; the tests of the outcome of a write
//! would show it.

use std::fmt;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use zeroize::Zeroize;

/// An error from before the first byte of a request was sent.
#[derive(Debug)]
pub(crate) struct NotConnected(pub(crate) Error);

impl NotConnected {
    /// Marks an error. One that came through a proxy's own connection is marked already.
    fn mark(error: Error) -> Error {
        match error {
            Error::Other(inner) if inner.is::<Self>() => Error::Other(inner),
            error => Error::Other(Box::new(Self(error))),
        }
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection: {}", self.0)
    }
}

impl std::error::Error for NotConnected {}

/// `localhost` leads somewhere else.
#[derive(Debug, thiserror::Error)]
#[error("the name localhost leads to another machine")]
pub(crate) struct NotThisMachine;

/// Looks names up as the system does.
#[derive(Debug)]
pub(crate) struct Names {
    inner: DefaultResolver,
    /// Whether plain HTTP was accepted because the server is this machine: its name must then lead here.
    this_machine_only: bool,
}

impl Names {
    pub(crate) fn new(this_machine_only: bool) -> Self {
        Self { inner: DefaultResolver::default(), this_machine_only }
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.inner.resolve(uri, config, timeout).map_err(|error| match error {
            // What the system's name service says, in words that differ from system to system.
            Error::Io(_) => NotConnected::mark(Error::HostNotFound),
            error => NotConnected::mark(error),
        })?;
        if self.this_machine_only && !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(NotConnected::mark(Error::Other(Box::new(NotThisMachine))));
        }
        Ok(addresses)
    }
}

/// Connects as ureq does by default.
#[derive(Debug, Default)]
pub(crate) struct Wires(DefaultConnector);

impl Connector<()> for Wires {
    type Out = Wire;

    fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<Wire>, Error> {
        let transport = self.0.connect(details, chained).map_err(NotConnected::mark)?;
        Ok(transport.map(Wire))
    }
}

/// A connection whose buffers are wiped when it closes.
#[derive(Debug)]
pub(crate) struct Wire(Box<dyn Transport>);

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let buffers = self.0.buffers();
        // Once all is consumed, the free part of the input is the whole of it.
        buffers.input_consume(buffers.input().len());
        buffers.input_append_buf().zeroize();
        buffers.output().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ureq::unversioned::transport::{LazyBuffers, time};
    use ureq::{Agent, Timeout};

    use super::*;

    /// A transport that leaves behind what its buffers held when it was dropped.
    #[derive(Debug)]
    struct Leaving {
        buffers: LazyBuffers,
        left: Arc<Mutex<Vec<u8>>>,
    }

    impl Transport for Leaving {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            Ok(false)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    impl Drop for Leaving {
        fn drop(&mut self) {
            let mut left = self.left.lock().expect("one thread");
            self.buffers.input_consume(self.buffers.input().len());
            left.extend_from_slice(self.buffers.input_append_buf());
            left.extend_from_slice(self.buffers.output());
        }
    }

    #[test]
    fn what_went_through_a_connection_is_wiped_when_it_closes() {
        let left = Arc::new(Mutex::new(Vec::new()));
        let buffers = LazyBuffers::new(64, 64);
        let mut wire = Wire(Box::new(Leaving { buffers, left: Arc::clone(&left) }));
        let buffers = wire.buffers();
        buffers.output()[..6].copy_from_slice(b"secret");
        buffers.input_append_buf()[..11].copy_from_slice(b"read unread");
        buffers.input_appended(11);
        buffers.input_consume(5);
        drop(wire);
        assert_eq!(*left.lock().expect("one thread"), [0; 128]);
    }

    #[test]
    fn what_is_taken_for_this_machine_must_be_this_machine() {
        let is_refused = |names: Names, uri: &'static str| {
            let timeout = NextTimeout {
                after: time::Duration::NotHappening,
                reason: Timeout::Resolve,
                ..NextTimeout::default()
            };
            let config = Agent::config_builder().build();
            names.resolve(&Uri::from_static(uri), &config, timeout).is_err()
        };
        assert!(is_refused(Names::new(true), "http://10.0.0.1:80"));
        assert!(!is_refused(Names::new(false), "http://10.0.0.1:80"));
        assert!(!is_refused(Names::new(true), "http://127.0.0.1:80"));
        assert!(!is_refused(Names::new(true), "http://[::1]:80"));
    }
}
