//! TLS as the server speaks it: versions, protocols, and a certificate that can change while connections go on. Client
//! certificates are not asked for.

mod pair;
pub mod self_signed;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

use crate::stop::SignalError;
use pair::Stamp;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Where a certificate and its private key are, as PEM. Both may be in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those between it and the authority that clients trust.
    pub cert: PathBuf,
    /// The private key of the server's certificate.
    pub key: PathBuf,
}

/// TLS 1.3 and 1.2 with a certificate from files. Clones share it.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let certificate = Arc::new(Certificate::read(files)?);
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has cipher suites of both versions");
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&certificate) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), certificate })
    }

    /// Reads the files again; new handshakes get what is in them.
    ///
    /// # Errors
    /// [`TlsError`], and then the certificate stays the one it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.certificate.reload()
    }

    /// Reads the files again if they are not those that were read last. Answers whether they were read. A pair that was
    /// refused is not read a second time.
    ///
    /// # Errors
    /// [`TlsError`], and then the certificate stays the one it was.
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        self.certificate.reload_if_changed()
    }

    /// Never returns: looks at the files now and every 30 seconds, reads them again when they changed and at each SIGHUP,
    /// and says in the log what came of it. Calls `refresh` before each look: that is the place to renew what is in them.
    ///
    /// # Errors
    /// [`SignalError`].
    pub async fn follow(&self, refresh: impl Fn()) -> Result<(), SignalError> {
        let mut hang_ups = signal(SignalKind::hangup()).map_err(SignalError)?;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = select! {
                _ = hang_ups.recv() => true,
                _ = looks.tick() => false,
            };
            refresh();
            let read = if asked { self.reload().map(|()| true) } else { self.reload_if_changed() };
            match read {
                Ok(true) => tracing::info!("the TLS certificate was read again"),
                Ok(false) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the TLS certificate stays the one before");
                }
            }
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The one provider of this program, named here so that none needs to be installed for the whole process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The pair that handshakes get.
struct Certificate {
    files: TlsFiles,
    // Invariant: never a pair that was refused (`a_bad_pair_changes_nothing_and_is_refused_once`).
    current: RwLock<Arc<CertifiedKey>>,
    /// Of the files when they were read last, with or without success. Held while they are read.
    stamp: Mutex<Stamp>,
}

impl Certificate {
    fn read(files: TlsFiles) -> Result<Self, TlsError> {
        // Before the contents: what changes in between is then read twice rather than never.
        let stamp = Stamp::of(&files);
        let current = pair::read(&files)?;
        Ok(Self { files, current: RwLock::new(Arc::new(current)), stamp: Mutex::new(stamp) })
    }

    fn reload(&self) -> Result<(), TlsError> {
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        self.replace(&mut stamp, Stamp::of(&self.files))
    }

    fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Stamp::of(&self.files);
        if *stamp == now {
            return Ok(false);
        }
        self.replace(&mut stamp, now).map(|()| true)
    }

    fn replace(&self, stamp: &mut Stamp, now: Stamp) -> Result<(), TlsError> {
        *stamp = now;
        let read = Arc::new(pair::read(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Why a certificate and its key are not used. Never quotes a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Nothing in the file is a certificate.
    #[error("there is no certificate in {}; it must be PEM, with the server's own certificate first", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Nothing in the file is a private key that can be read.
    #[error("there is no private key in {}, or only one under a passphrase; it must be PEM, unencrypted", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The file begins as PEM and is damaged.
    #[error("{} is damaged PEM; put the original file back", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The certificate or the key is of a kind that is not known here.
    #[error("{} cannot be used for TLS; it must hold an RSA, ECDSA or Ed25519 key or its certificate", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the library says.
        source: rustls::Error,
    },
    /// Two files that do not belong together.
    #[error(
        "the key in {} does not belong to the certificate in {}; the server's own certificate must come first there",
        .key.display(), .cert.display()
    )]
    Mismatch {
        /// Where the certificate is.
        cert: PathBuf,
        /// Where the key is.
        key: PathBuf,
    },
    /// More users than the owner and a group that may read it have a right to the key.
    #[error("the private key {} is open to other users: chmod {proper} {}", .path.display(), shell_word(.path))]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// The mode that keeps as much as is allowed.
        proper: &'static str,
    },
    /// A folder, a pipe, a device.
    #[error("{} is not a regular file; name the PEM file itself", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{} cannot be read; check the name, and that this user may read it", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A path as one types it to a shell.
fn shell_word(path: &std::path::Path) -> String {
    let text = path.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    if text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
