//! One connection, from its acceptance to its end: handshake, requests, and the moments at which patience is over. It
//! never says why to a peer that broke a limit, and nothing here can end the accept loop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::exchanges::{Exchanges, Marker};
use super::{Limits, PeerAddress};
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
    stopped: watch::Receiver<bool>,
}

impl Door {
    pub(super) fn new(
        router: Router,
        tls: Option<Tls>,
        limits: Limits,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self { router, tls, limits, protocol: protocol(&limits), stopped }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Serves one connection to its end.
    pub(super) async fn admit(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "answers may be delayed");
        }
        let Some(tls) = &self.tls else {
            return self.converse(stream, peer).await;
        };
        let mut stopped = self.stopped.clone();
        let shaken = select! {
            biased;
            // Nothing was asked yet, so nothing is lost.
            () = stop_requested(&mut stopped) => return,
            shaken = timeout(self.limits.handshake, tls.acceptor().accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.converse(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
            Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, peer: SocketAddr) {
        let mut exchanges = Exchanges::new();
        let marker = exchanges.marker();
        let service = service_fn(|request| answer(self.router.clone(), request, peer, &marker));
        let mut connection = pin!(self.protocol.serve_connection(TokioIo::new(stream), service));
        let mut stopped = self.stopped.clone();
        // The library's own time-out for heads begins only after the first bytes, and with HTTP/1 alone.
        let mut patience = self.limits.header;
        let mut asked_to_end = false;
        loop {
            select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "a connection broke off");
                    }
                    return;
                }
                () = stop_requested(&mut stopped), if !asked_to_end => {
                    asked_to_end = true;
                    // From here on the accept loop counts the time for all.
                    patience = self.limits.stop;
                    connection.as_mut().graceful_shutdown();
                }
                () = exchanges.changed() => {
                    if !asked_to_end {
                        patience = self.limits.quiet;
                    }
                }
                () = sleep(patience), if exchanges.none_running() => {
                    if asked_to_end {
                        return;
                    }
                    // A client that is about to ask learns that it must ask elsewhere.
                    asked_to_end = true;
                    patience = self.limits.header;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

fn protocol(limits: &Limits) -> Builder<TokioExecutor> {
    let mut protocol = Builder::new(TokioExecutor::new());
    // Without a timer none of the library's time-outs has any effect.
    protocol
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        // What does not fit into the buffer is no head.
        .max_buf_size(HEAD_BYTES);
    // The library's limit of 20 pending resets stays as it is.
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES as u32)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    protocol
}

async fn stop_requested(stopped: &mut watch::Receiver<bool>) {
    // An error means that the accept loop is gone without a word, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    marker: &Marker,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let exchange = marker.begin();
    request.extensions_mut().insert(PeerAddress(peer));
    async move {
        let answer = router.oneshot(request).await;
        drop(exchange);
        answer
    }
}
