//! The accept loop: who may connect, how many at once, for how long, and how it ends. It knows connections and their
//! limits, and nothing of what is asked over them.

mod connection;
mod exchanges;
mod lent;
mod seldom;
mod sending;
mod sips;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket};
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::stop::Stop;
use crate::tls::Tls;
use connection::Door;
pub(crate) use lent::Cut;
use seldom::Seldom;

/// What is not worth more than one line of the log in this time, however often it happens.
const SELDOM: Duration = Duration::from_secs(60);
/// How many connections may wait to be accepted. Of more that come at once some would be tried again by their clients only
/// after a second or three.
const BACKLOG: u32 = 1024;
/// How long the loop waits after the system refused it a connection, mostly for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// For a last word to leave when patience is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who sends a request, as this machine sees it: the other end of the connection, a proxy if there is one. Every request
/// carries it in its extensions. An IPv4 address is one, also where it came in over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// How much patience there is with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many connections there may be at once, and a quarter as many from one address block while more than half are
    /// taken. One more is closed when it is accepted.
    pub connections: usize,
    /// Whose connections are those of many clients, and count for no address block.
    pub trusted_proxies: &'static [IpNet],
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For the first request of a connection to arrive, and over HTTP/1 for the head of every other one too. That counts
    /// from the answer before, so that it is also how long such a connection is kept without use.
    pub header: Duration,
    /// For a request's body to arrive, from its head on.
    pub body: Duration,
    /// For what nobody wants of a body to arrive before it is answered all the same: its client may read only then.
    pub rest: Duration,
    /// How many such rests are thrown away at once. One more is not waited for, and its connection closed.
    pub rests: usize,
    /// For a peer to take the next piece of an answer, however long the whole takes.
    pub answer: Duration,
    /// How many bytes of an answer a peer must take in a second, on an average that counts from [`Limits::answer`] on.
    pub answer_rate: u32,
    /// How long a connection over HTTP/2 is kept after its last answer has left.
    pub quiet: Duration,
    /// For requests to finish after a stop was requested.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            trusted_proxies: &[],
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(5),
            body: Duration::from_secs(30),
            rest: Duration::from_secs(5),
            rests: 64,
            answer: Duration::from_secs(30),
            answer_rate: 32 * 1024,
            quiet: Duration::from_secs(120),
            stop: Duration::from_secs(10),
        }
    }
}

/// How far the end of a server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// What is under way may finish.
    Stopping,
    /// Patience is over: what does not come now is refused.
    Over,
}

impl Stage {
    async fn reached(watched: &mut watch::Receiver<Self>, stage: Self) {
        // An error means that the accept loop is gone without a word, which is a stop as well.
        let _ = watched.wait_for(|reached| *reached >= stage).await;
    }
}

/// What became of the connections that were open when the stop was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// They answered what they had been asked, or had nothing to answer.
    pub finished: usize,
    /// They were cut with something unfinished.
    pub cut: usize,
}

/// Whether HTTP without TLS may be spoken at an address: where nobody else can listen in, or where somebody typed the
/// flag that names the risk.
#[must_use]
pub fn may_be_plain(address: &SocketAddr, allowed_by_flag: bool) -> bool {
    allowed_by_flag || address.ip().to_canonical().is_loopback()
}

/// A bound socket. Connections queue there until [`Listener::serve`] is called.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds the address. Port 0 is any free port.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            io::ErrorKind::AddrNotAvailable => BindError::NotHere { address },
            io::ErrorKind::PermissionDenied => BindError::Forbidden { address },
            _ => BindError::Io { address, source },
        };
        let socket = listen(address).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Self { socket, address })
    }

    /// The address with its true port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a stop is requested, then lets what is under way finish, until `limits.stop` has passed or a second
    /// stop is requested. No connection's error or panic ends it.
    pub async fn serve(self, router: Router, tls: Option<Tls>, limits: Limits, mut stop: Stop) -> Report {
        let (stage, watched) = watch::channel(Stage::Serving);
        let door = Arc::new(Door::new(router, tls, limits, watched));
        let mut connections = JoinSet::new();
        self.accept(&door, &mut connections, &mut stop).await;
        // Whoever comes now is refused by the operating system, and may try another node.
        drop(self.socket);
        stage.send_replace(Stage::Stopping);
        let report = finish(connections, limits.stop, &stage, &mut stop).await;
        tracing::info!(report.finished, report.cut, "stopped");
        report
    }

    async fn accept(&self, door: &Arc<Door>, connections: &mut JoinSet<()>, stop: &mut Stop) {
        let (mut full, mut failed) = (Seldom::new(SELDOM), Seldom::new(SELDOM));
        loop {
            let accepted = select! {
                biased;
                () = stop.requested() => return,
                Some(ended) = connections.join_next() => {
                    note_panic(ended);
                    continue;
                }
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = door.place_for(peer) {
                        connections.spawn(Arc::clone(door).admit(stream, peer, place));
                        continue;
                    }
                    drop(stream);
                    door.connections().refuse();
                    if let Some(times) = full.count(Instant::now()) {
                        let limit = door.limits().connections;
                        tracing::warn!(
                            times,
                            limit,
                            "connections were closed: there are as many as there may be, or as one address block may have"
                        );
                    }
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    if let Some(times) = failed.count(Instant::now()) {
                        tracing::error!(times, %error, "connections were not accepted");
                    }
                    // The same error would come back at once, and for ever.
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// As the library does it, but for how many may wait.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether an accept failed because the peer had gone again, so that the next one is worth a try at once.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn finish(
    mut connections: JoinSet<()>,
    patience: Duration,
    stage: &watch::Sender<Stage>,
    stop: &mut Stop,
) -> Report {
    let open = connections.len();
    tracing::info!(open, "stopping: what is under way may finish");
    {
        let mut over = pin!(async {
            select! {
                () = sleep(patience) => {
                    stage.send_replace(Stage::Over);
                    sleep(FAREWELL).await;
                }
                () = stop.requested() => {}
            }
        });
        loop {
            select! {
                biased;
                ended = connections.join_next() => match ended {
                    Some(ended) => note_panic(ended),
                    None => break,
                },
                () = &mut over => break,
            }
        }
    }
    let cut = connections.len();
    connections.shutdown().await;
    Report { finished: open - cut, cut }
}

/// The panic hook has said where it was; what it said there may be anything, and is not repeated.
fn note_panic(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection ended in a panic; the others go on");
    }
}

/// Why no address was bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{address} is in use already; stop who listens there, or choose another port")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    #[error("this machine has no address {}; choose one of its own, or 127.0.0.1", .address.ip())]
    NotHere {
        /// The address.
        address: SocketAddr,
    },
    /// The port is not for this user.
    #[error("this user may not listen on {address}; choose a port from 1024 up")]
    Forbidden {
        /// The address.
        address: SocketAddr,
    },
    /// The operating system refused.
    #[error("{address} cannot be listened on")]
    Io {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine_unless_somebody_typed_the_risk() {
        let check = |address: &str, flag, expected| {
            let address: SocketAddr = address.parse().expect("an address");
            assert_eq!(may_be_plain(&address, flag), expected, "{address}");
        };
        check("127.0.0.1:7878", false, true);
        check("127.9.9.9:1", false, true);
        check("[::1]:7878", false, true);
        check("[::ffff:127.0.0.1]:7878", false, true);
        check("0.0.0.0:7878", false, false);
        check("[::]:7878", false, false);
        check("10.0.0.1:7878", false, false);
        check("128.0.0.1:7878", false, false);
        check("[::2]:7878", false, false);
        check("[::ffff:10.0.0.1]:7878", false, false);
        check("[fe80::1]:7878", false, false);
        check("0.0.0.0:7878", true, true);
        check("10.0.0.1:7878", true, true);
        check("127.0.0.1:7878", true, true);
    }

    #[test]
    fn only_what_a_peer_did_is_tried_again_at_once() {
        let check = |code, expected| {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(is_of_the_peer(&error), expected, "{error}");
        };
        check(103, true); // ECONNABORTED
        check(104, true); // ECONNRESET
        check(4, true); // EINTR
        check(24, false); // EMFILE
        check(23, false); // ENFILE
        check(12, false); // ENOMEM
        check(105, false); // ENOBUFS
    }
}
