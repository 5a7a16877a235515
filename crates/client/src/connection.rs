//! With what a client reaches its strongroom, and the ureq agent that this makes. Every setting that ureq would take
//! from elsewhere is given here: no proxy from the environment, no redirect, no wait without end.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use strongroom_secrets::Token;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::error::ClientError;
use crate::server_url::ServerUrl;
use crate::transport::{Names, Wires};

/// How long a connection may take, its name and its handshake included.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take in all, its answer included.
pub(crate) const WHOLE: Duration = Duration::from_secs(30);

const LARGEST_HEAD: usize = 32 * 1024;

/// With what to reach a strongroom.
pub struct Connection {
    /// Where it is served.
    pub url: ServerUrl,
    /// The API key.
    pub token: Token,
    /// PEM certificates, of which one must have signed the server's. They alone are trusted then; without them the
    /// system's are.
    pub ca_cert: Option<Vec<u8>>,
    /// The proxy to go through. A server on this machine is reached without it.
    pub proxy: Option<ProxyUrl>,
}

/// The address of an HTTP proxy that is asked to `CONNECT`: `http://[USER:PASSWORD@]HOST[:PORT]`.
pub struct ProxyUrl(ureq::Proxy);

impl ProxyUrl {
    /// Parses an address; user and password are percent-encoded.
    ///
    /// # Errors
    /// [`ProxyUrlError`], which repeats nothing: the address may hold a password.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        let is_http = text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let proxy = ureq::Proxy::new(text).ok().filter(|proxy| {
            let path = proxy.uri().path_and_query().map_or("/", |path| path.as_str());
            is_http && path == "/" && !proxy.host().is_empty()
        });
        proxy.map(Self).ok_or(ProxyUrlError)
    }
}

/// A text that is no address of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is written http://[USER:PASSWORD@]HOST[:PORT]")]
pub struct ProxyUrlError;

/// The agent that makes every request of one client.
pub(crate) fn agent(
    url: &ServerUrl,
    ca_cert: Option<&[u8]>,
    proxy: Option<ProxyUrl>,
) -> Result<Agent, ClientError> {
    // A proxy's loopback is not ours, and a plain token must not travel to it.
    let proxy = proxy.map(|proxy| proxy.0).filter(|_| !url.is_loopback());
    let config = Agent::config_builder()
        .proxy(proxy)
        .tls_config(tls(ca_cert)?)
        .https_only(url.is_https())
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(WHOLE))
        .max_response_header_size(LARGEST_HEAD)
        // One request a connection: none is found dead after a write was put on it, and its buffers are wiped at once.
        .max_idle_connections(0)
        .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
        .accept("application/json")
        .build();
    let this_machine_only = url.is_loopback() && !url.is_https();
    Ok(Agent::with_parts(config, Wires::default(), Names::new(this_machine_only)))
}

/// ureq builds the verifier at the first https connection, so a system without CA certificates matters only then.
fn tls(ca_cert: Option<&[u8]>) -> Result<TlsConfig, ClientError> {
    let roots = match ca_cert {
        Some(pem) => RootCerts::new_with_certs(&certificates(pem)?),
        None => RootCerts::PlatformVerifier,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(roots)
        .build())
}

/// Every certificate, each judged here: ureq would pass over one that it cannot read.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ClientError> {
    let refused = |reason: &str| ClientError::CaCert { reason: reason.to_owned() };
    let mut certificates = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem) {
        let der = der.map_err(|_| refused("a block of the PEM text is broken"))?;
        RootCertStore::empty().add(der.clone()).map_err(|_| refused("one of them cannot be read"))?;
        certificates.push(Certificate::from_der(&der).to_owned());
    }
    if certificates.is_empty() {
        return Err(refused("there is none in this text"));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_http_url_and_nothing_more() {
        for good in ["http://proxy.example:3128", "HTTP://me:p%40ss@10.0.0.1", "http://[::1]:3128/"] {
            assert!(ProxyUrl::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "proxy.example", "socks5://a", "https://a", "http://", "http://a/b", "http://a?b", "http:/a"]
        {
            assert!(ProxyUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
