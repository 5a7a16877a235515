//! One connection, from its acceptance to its end: handshake, requests, and the moments at which patience is over. It
//! never says why to a peer that broke a limit, and nothing here can end the accept loop.

use std::convert::Infallible;
use std::future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::ServiceExt;

use super::exchanges::{Exchange, Exchanges};
use super::lent::{Ended, lend};
use super::sending::Sending;
use super::sips::Sips;
use super::{FAREWELL, Limits, PeerAddress, Stage};
use crate::fair::{Held, Places};
use crate::head::CLOSE;
use crate::metrics::{Connections, Over};
use crate::source::{Block, is_trusted};
use crate::tls::Tls;

/// The head of a request: its line and all its headers.
const HEAD_BYTES: usize = 16 * 1024;
/// Requests at once on one connection over HTTP/2.
const STREAMS: u32 = 64;
/// What a peer may send ahead over HTTP/2, on all streams of a connection, before anybody decided whether to read it. The
/// library's megabyte would be a gigabyte over all connections; much less, and distant clients would upload slowly.
const WINDOW: u32 = 128 * 1024;

/// What all connections have in common.
pub(super) struct Door {
    router: Router,
    tls: Option<Tls>,
    limits: Limits,
    protocol: Builder<TokioExecutor>,
    stage: watch::Receiver<Stage>,
    places: Places<Block>,
    rests: Arc<Places<Block>>,
    connections: Arc<Connections>,
}

impl Door {
    pub(super) fn new(
        router: Router,
        tls: Option<Tls>,
        limits: Limits,
        stage: watch::Receiver<Stage>,
    ) -> Self {
        Self {
            router,
            tls,
            limits,
            protocol: protocol(),
            stage,
            places: Places::new(limits.connections),
            rests: Arc::new(Places::new(limits.rests)),
            connections: Arc::default(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// A place among all connections, if there is one for this peer.
    pub(super) fn place_for(&self, peer: SocketAddr) -> Option<Held<Block>> {
        self.places.take(self.block_of(peer))
    }

    /// Whose share it is that a peer takes; a proxy is many.
    fn block_of(&self, peer: SocketAddr) -> Option<Block> {
        (!is_trusted(peer.ip(), self.limits.trusted_proxies)).then(|| Block::of(peer.ip()))
    }

    /// Serves one connection to its end.
    pub(super) async fn admit(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _place: Held<Block>) {
        let _open = self.connections.open();
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "answers may be delayed");
        }
        let Some(tls) = &self.tls else {
            return self.converse(stream, peer).await;
        };
        let mut stage = self.stage.clone();
        let shaken = select! {
            biased;
            // Nothing was asked yet, so nothing is lost.
            () = Stage::reached(&mut stage, Stage::Stopping) => return,
            shaken = timeout(self.limits.handshake, tls.acceptor().accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.converse(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
            Err(_) => {
                self.connections.is_over(Over::Handshake);
                tracing::debug!(%peer, "the TLS handshake took too long");
            }
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: SocketAddr) {
        let mut exchanges = Exchanges::new();
        let marker = exchanges.marker();
        let service = service_fn(|request: Request<Incoming>| {
            let exchange = marker.begin(request.version());
            self.answer(request, peer, exchange)
        });
        let mut connection = pin!(self.protocol.serve_connection(TokioIo::new(Sips::new(stream)), service));
        let mut stage = self.stage.clone();
        let mut patience = self.limits.header;
        let mut asked_to_end = false;
        loop {
            let overdue = exchanges.overdue(&self.limits);
            select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "a connection broke off");
                    }
                    return;
                }
                () = Stage::reached(&mut stage, Stage::Stopping), if !asked_to_end => {
                    asked_to_end = true;
                    // From here on the accept loop counts the time for all.
                    patience = self.limits.stop;
                    connection.as_mut().graceful_shutdown();
                }
                () = exchanges.changed() => {
                    if !asked_to_end {
                        patience = if exchanges.are_one_by_one() { self.limits.header } else { self.limits.quiet };
                    }
                }
                () = wait_until(overdue) => {
                    // Some of it may have been taken meanwhile.
                    if exchanges.overdue(&self.limits).is_some_and(|overdue| overdue <= Instant::now()) {
                        self.connections.is_over(Over::Answer);
                        tracing::debug!(%peer, "an answer was not taken, or too slowly");
                        return;
                    }
                }
                () = sleep(patience), if exchanges.none_running() => {
                    if asked_to_end {
                        return;
                    }
                    self.connections.is_over(Over::Request);
                    // A client that is about to ask learns that it must ask elsewhere.
                    asked_to_end = true;
                    patience = FAREWELL.min(self.limits.header);
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        exchange: Exchange,
    ) -> impl Future<Output = Result<Response<Sending>, Infallible>> + use<> {
        let (mut parts, body) = request.into_parts();
        let (lent, rest) = lend(body, self.limits.body, self.stage.clone());
        // Whoever expects to be asked for the body has sent none, and reading would ask.
        let (expects, version) = (parts.headers.contains_key(header::EXPECT), parts.version);
        parts.extensions.insert(PeerAddress(peer));
        parts.extensions.insert(Arc::clone(&self.connections));
        let (router, rests, patience) = (self.router.clone(), Arc::clone(&self.rests), self.limits.rest);
        let block = self.block_of(peer);
        async move {
            let Ok(mut response) = router.oneshot(Request::from_parts(parts, lent)).await;
            let ended =
                if expects { rest.leave() } else { rest.discard(|| rests.take(block), patience).await };
            let unread = match ended {
                Ended::Whole => None,
                Ended::Early(unread) if version == Version::HTTP_2 => unread,
                Ended::Early(_) => {
                    response.headers_mut().insert(header::CONNECTION, CLOSE);
                    None
                }
            };
            Ok(response.map(|body| Sending::new(body, exchange, unread)))
        }
    }
}

fn protocol() -> Builder<TokioExecutor> {
    let mut protocol = Builder::new(TokioExecutor::new());
    protocol
        .http1()
        // The library's time-out for heads counts from before the last answer has left, and knows HTTP/1 alone.
        .header_read_timeout(None)
        // What does not fit into the buffer is no head.
        .max_buf_size(HEAD_BYTES);
    // The library's limit of 20 pending resets stays as it is. Without a timer none of its time-outs has any effect.
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES as u32)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    protocol
}

/// Never returns where there is nothing to wait for.
async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => future::pending().await,
    }
}
