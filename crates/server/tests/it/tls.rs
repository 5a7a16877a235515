//! TLS as clients meet it: versions, certificates that change, and the private CA. Clients here verify as everybody does,
//! but at a time that the test chooses.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::get;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use strongroom_server::listen::{Limits, Listener};
use strongroom_server::stop::{Stop, Stopper};
use strongroom_server::tls::self_signed::{self, SelfSigned, SelfSignedError};
use strongroom_server::tls::{Tls, TlsError, TlsFiles};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::listen::send_signal;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// In the year 2027.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn keep(data: &Path) -> SelfSigned {
    self_signed::keep(data, "box", loopback(), now()).expect("a certificate")
}

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 7878).into()
}

/// TLS with a private CA in this folder, and the CA's certificate.
pub(crate) fn self_signed_tls(data: &Path) -> (Tls, String) {
    let kept = keep(data);
    (Tls::open(kept.files).expect("what was just made"), kept.ca_pem)
}

/// A client that trusts one CA and lives at one time.
pub(crate) struct Client {
    ca_pem: String,
    time: SystemTime,
    versions: Vec<&'static SupportedProtocolVersion>,
    protocols: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Clock(SystemTime);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.duration_since(SystemTime::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

impl Client {
    pub(crate) fn trusting(ca_pem: &str) -> Self {
        let versions = vec![&TLS13, &TLS12];
        Self { ca_pem: ca_pem.to_owned(), time: now(), versions, protocols: Vec::new() }
    }

    async fn connect(&self, address: SocketAddr, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        self.over(TcpStream::connect(address).await.expect("the server accepts"), name).await
    }

    pub(crate) async fn over(&self, stream: TcpStream, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).expect("PEM")).expect("a CA");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(Clock(self.time)))
            .with_protocol_versions(&self.versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = self.protocols.clone();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Whether the client takes the server for the one of this name.
    async fn accepts(&self, address: SocketAddr, name: &str) -> bool {
        match self.connect(address, name).await {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
                false
            }
        }
    }
}

async fn start(tls: Tls) -> (SocketAddr, Stopper) {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    let address = listener.address();
    let (stopper, stop) = Stop::by_hand();
    let router = Router::new().route("/", get(async || "fast"));
    tokio::spawn(listener.serve(router, Some(tls), Limits::default(), stop));
    (address, stopper)
}

#[tokio::test]
async fn both_versions_and_both_protocols_are_spoken() {
    let data = folder();
    let (tls, ca_pem) = self_signed_tls(data.path());
    let (address, _stopper) = start(tls).await;
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for protocol in [&b"h2"[..], b"http/1.1"] {
            let versions = vec![version];
            let client = Client { versions, protocols: vec![protocol.into()], ..Client::trusting(&ca_pem) };
            let stream = client.connect(address, "localhost").await.expect("a handshake");
            assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        }
        let client = Client { versions: vec![version], ..Client::trusting(&ca_pem) };
        let mut stream = client.connect(address, "localhost").await.expect("a handshake");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .expect("it is open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer that ends with a notice of TLS");
        assert!(answer.ends_with("fast"), "{answer}");
    }
    let client = Client { protocols: vec![b"h3".into()], ..Client::trusting(&ca_pem) };
    assert!(client.connect(address, "localhost").await.is_err(), "no protocol in common");
}

#[tokio::test]
async fn older_versions_are_refused() {
    let data = folder();
    let (address, _stopper) = start(self_signed_tls(data.path()).0).await;
    // An alert, fatal, protocol_version; for the third a greeting in return, so nothing else was wrong with the others.
    for (minor, expected) in [(1, [21, 2, 70]), (2, [21, 2, 70]), (3, [22, 2, 0])] {
        let extensions = [0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 23, 0, 0];
        let suite = [0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 20];
        let hello = [&[3, minor][..], &[7; 32], &suite, &extensions].concat();
        let length = u8::try_from(hello.len()).expect("short");
        let record = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
        let mut stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.write_all(&record).await.expect("it is open");
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!([answer[0], answer[5], answer[6]], expected, "3.{minor}");
    }
}

#[tokio::test]
async fn a_changed_certificate_is_served_and_a_bad_pair_changes_nothing() {
    let (old, new, shown) = (folder(), folder(), folder());
    let (old, new) = (keep(old.path()), keep(new.path()));
    let file = |name| shown.path().join(name);
    let files = TlsFiles { cert: file("cert.pem"), key: file("key.pem") };
    let put = |from: &SelfSigned, to: &PathBuf| fs::copy(&from.files.cert, to).expect("a copy");
    put(&old, &files.cert);
    put(&old, &files.key);
    let tls = Tls::open(files.clone()).expect("a pair");
    let (address, _stopper) = start(tls.clone()).await;
    let (knows_old, knows_new) = (Client::trusting(&old.ca_pem), Client::trusting(&new.ca_pem));
    assert!(knows_old.accepts(address, "localhost").await);
    assert!(!knows_new.accepts(address, "localhost").await);
    assert!(!tls.reload_if_changed().expect("nothing changed"));

    put(&new, &files.cert);
    let error = tls.reload_if_changed().expect_err("half of the new pair");
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error:?}");
    assert!(!tls.reload_if_changed().expect("a refused pair is refused once"));
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })), "but as often as one asks");
    assert!(knows_old.accepts(address, "localhost").await);

    put(&new, &files.key);
    assert!(tls.reload_if_changed().expect("the whole new pair"));
    assert!(knows_new.accepts(address, "localhost").await);
    assert!(!knows_old.accepts(address, "localhost").await);

    fs::remove_file(&files.cert).expect("it was there");
    assert!(matches!(tls.reload_if_changed(), Err(TlsError::Io { .. })));
    assert!(knows_new.accepts(address, "localhost").await);
    put(&old, &files.cert);
    put(&old, &files.key);
    tls.reload().expect("the old pair again");
    assert!(knows_old.accepts(address, "localhost").await);
}

#[tokio::test]
async fn a_hang_up_signal_has_the_files_read_again() {
    let (old, new) = (folder(), folder());
    let (tls, _) = self_signed_tls(old.path());
    let (address, _stopper) = start(tls.clone()).await;
    let (looked, mut looks) = tokio::sync::mpsc::unbounded_channel();
    let (files, other) = (keep(old.path()).files, keep(new.path()));
    tokio::spawn(async move { tls.follow(|| looked.send(()).expect("the test listens")).await });
    looks.recv().await.expect("the first look, when signals are heard");
    fs::copy(&other.files.cert, &files.cert).expect("a copy");
    send_signal("HUP");
    looks.recv().await.expect("a look");
    assert!(Client::trusting(&other.ca_pem).accepts(address, "localhost").await);
}

#[test]
fn a_pair_that_cannot_serve_says_why() {
    let (ours, other, place) = (folder(), folder(), folder());
    let (ours, other) = (keep(ours.path()).files.cert, keep(other.path()).files.cert);
    let pair = fs::read_to_string(&ours).expect("PEM");
    let at = pair.find("-----BEGIN PRIVATE").expect("the key comes second");
    let (cert, key) = pair.split_at(at);
    let path = place.path().join("it's.pem");
    let check = |text: &str, mode, cert: &Path, key: &Path, expected: &str| {
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        let error = Tls::open(TlsFiles { cert: cert.into(), key: key.into() }).expect_err(expected);
        let shown = error.to_string().replace(&place.path().display().to_string(), "");
        assert!(shown.starts_with(expected), "{shown}");
    };
    check(key, 0o600, &path, &ours, "there is no certificate in /it's.pem; it must be PEM");
    check("", 0o600, &path, &ours, "there is no certificate in /it's.pem");
    check(cert, 0o600, &ours, &path, "there is no private key in /it's.pem, or only one under a passphrase");
    let locked = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    check(
        &locked,
        0o600,
        &ours,
        &path,
        "there is no private key in /it's.pem, or only one under a passphrase",
    );
    check(&cert[..at / 2], 0o600, &path, &ours, "/it's.pem is damaged PEM");
    check(&key.replace('M', "*"), 0o600, &ours, &path, "/it's.pem is damaged PEM");
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(nonsense, 0o600, &path, &ours, "/it's.pem cannot be used for TLS");
    check(&nonsense.replace("CERTIFICATE", "PRIVATE KEY"), 0o600, &ours, &path, "/it's.pem cannot be used");
    check(&pair, 0o600, &path, &other, "the key in ");
    check(
        &pair,
        0o644,
        &ours,
        &path,
        "the private key /it's.pem is open to other users: chmod 640 '/it'\\''s.pem'",
    );
    check(&pair, 0o602, &ours, &path, "the private key /it's.pem is open to other users: chmod 600 ");
    check(&"x".repeat(300_000), 0o600, &path, &ours, "/it's.pem cannot be read");
    check("", 0o600, place.path(), &ours, " is not a regular file");
    check("", 0o600, &place.path().join("none"), &ours, "/none cannot be read");
    fs::write(&path, cert).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("its mode");
    Tls::open(TlsFiles { cert: path, key: ours }).expect("everybody may read a certificate");
}

mod own_authority {
    use super::*;

    /// Every file below `DATA/tls`, with its mode.
    fn files(data: &Path) -> BTreeMap<String, (u32, String)> {
        let read = |path: PathBuf| {
            let mode = fs::metadata(&path).expect("a file").permissions().mode() & 0o7777;
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, (mode, fs::read_to_string(&path).expect("text")))
        };
        let folder = fs::read_dir(data.join("tls")).expect("a folder");
        folder.map(|entry| read(entry.expect("an entry").path())).collect()
    }

    fn changed(
        before: &BTreeMap<String, (u32, String)>,
        after: &BTreeMap<String, (u32, String)>,
    ) -> Vec<String> {
        after
            .iter()
            .filter(|(name, file)| before.get(*name) != Some(*file))
            .map(|(name, _)| name.clone())
            .collect()
    }

    #[tokio::test]
    async fn who_trusts_it_is_served_under_every_name() {
        let data = folder();
        let listen = ([192, 0, 2, 7], 7878).into();
        let kept = self_signed::keep(data.path(), "Box.example", listen, now()).expect("a certificate");
        assert!(kept.renewed && kept.left_out.is_empty());
        let (address, _stopper) = start(Tls::open(kept.files).expect("a pair")).await;
        let client = Client::trusting(&kept.ca_pem);
        for name in ["localhost", "127.0.0.1", "::1", "box.example", "192.0.2.7"] {
            assert!(client.accepts(address, name).await, "{name}");
        }
        assert!(!client.accepts(address, "example").await);
        assert!(!client.accepts(address, "192.0.2.8").await);
        let other = folder();
        assert!(!Client::trusting(&keep(other.path()).ca_pem).accepts(address, "localhost").await);
    }

    #[test]
    fn its_files_are_private_and_a_restart_changes_none() {
        let data = folder();
        let kept = keep(data.path());
        let before = files(data.path());
        let modes: Vec<_> = before.iter().map(|(name, (mode, _))| (name.as_str(), *mode)).collect();
        assert_eq!(modes, [("ca.key", 0o600), ("ca.pem", 0o644), ("leaf.pem", 0o600)]);
        let mode = fs::metadata(data.path().join("tls")).expect("a folder").permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        assert_eq!(before["ca.pem"].1, kept.ca_pem);
        assert_eq!(keep(data.path()), SelfSigned { renewed: false, ..kept });
        assert_eq!(files(data.path()), before);
    }

    #[tokio::test]
    async fn the_server_may_move_and_time_may_pass_and_clients_stay() {
        let data = folder();
        let client = Client::trusting(&keep(data.path()).ca_pem);
        let mut before = files(data.path());
        let later = [([192, 0, 2, 7], 0), ([192, 0, 2, 7], 368), ([198, 51, 100, 7], 7300)];
        for (address, days) in later {
            let time = now() + days * DAY;
            let listen = SocketAddr::from((address, 7878));
            let kept = self_signed::keep(data.path(), "box", listen, time).expect("a certificate");
            let after = files(data.path());
            assert!(kept.renewed);
            assert_eq!(changed(&before, &after), ["leaf.pem"]);
            before = after;
            let (at, _stopper) = start(Tls::open(kept.files).expect("a pair")).await;
            let client = Client { time: time + 30 * DAY, ..Client::trusting(&client.ca_pem) };
            for name in ["localhost", "box", &listen.ip().to_string()] {
                assert!(client.accepts(at, name).await, "{name} after {days} days");
            }
        }
    }

    #[test]
    fn a_leaf_is_renewed_in_its_last_30_days_and_when_the_clock_was_ahead() {
        let data = folder();
        keep(data.path());
        let check = |days: u32, renewed| {
            let time = now() + days * DAY;
            let kept = self_signed::keep(data.path(), "box", loopback(), time).expect("a certificate");
            assert_eq!(kept.renewed, renewed, "after {days} days");
        };
        check(0, false);
        check(366, false);
        check(368, true);
        check(368, false);
        // Not valid yet, though it will be in 30 days.
        check(348, true);
        check(0, true);
        check(0, false);
    }

    #[test]
    fn another_host_name_is_left_out_and_said() {
        let data = folder();
        keep(data.path());
        let before = files(data.path());
        let moved = self_signed::keep(data.path(), "pypi.org", loopback(), now()).expect("all other names");
        assert_eq!((moved.renewed, moved.left_out), (false, vec!["pypi.org".to_owned()]));
        assert_eq!(files(data.path()), before);
        let unnamed =
            self_signed::keep(data.path(), "not a name", loopback(), now()).expect("all other names");
        assert_eq!((unnamed.renewed, unnamed.left_out), (false, vec!["not a name".to_owned()]));
        let below = self_signed::keep(data.path(), "sub.box", loopback(), now()).expect("a name below it");
        assert_eq!((below.renewed, below.left_out), (true, vec![]));
    }

    #[tokio::test]
    async fn a_stolen_key_passes_for_no_other_site() {
        let (data, thief) = (folder(), folder());
        let client = Client::trusting(&keep(data.path()).ca_pem);
        fs::create_dir(thief.path().join("tls")).expect("a folder");
        fs::copy(data.path().join("tls/ca.key"), thief.path().join("tls/ca.key")).expect("a copy");
        let forged = self_signed::keep(thief.path(), "pypi.org", loopback(), now()).expect("a certificate");
        assert!(forged.renewed && forged.left_out.is_empty());
        let (address, _stopper) = start(Tls::open(forged.files).expect("a pair")).await;
        assert!(Client::trusting(&forged.ca_pem).accepts(address, "pypi.org").await);
        assert!(!client.accepts(address, "pypi.org").await);
        // Nor for this server any more, with a certificate that names both.
        assert!(!client.accepts(address, "localhost").await);
    }

    #[tokio::test]
    async fn a_lost_ca_certificate_is_made_again_and_is_the_same_ca() {
        let data = folder();
        let client = Client::trusting(&keep(data.path()).ca_pem);
        fs::remove_file(data.path().join("tls/ca.pem")).expect("it was there");
        fs::remove_file(data.path().join("tls/leaf.pem")).expect("it was there");
        let kept = keep(data.path());
        let (address, _stopper) = start(Tls::open(kept.files).expect("a pair")).await;
        assert!(client.accepts(address, "localhost").await);
    }

    #[test]
    fn the_ca_key_may_be_kept_elsewhere_until_it_is_needed() {
        let data = folder();
        let kept = keep(data.path());
        fs::remove_file(data.path().join("tls/ca.key")).expect("it was there");
        assert_eq!(keep(data.path()), SelfSigned { renewed: false, ..kept });
        let later = self_signed::keep(data.path(), "box", loopback(), now() + 380 * DAY);
        assert!(matches!(later, Err(SelfSignedError::NoKey { .. })), "{later:?}");
    }

    #[test]
    fn what_is_damaged_is_reported_and_left() {
        let other = folder();
        keep(other.path());
        let theirs = |name: &str| fs::read(other.path().join("tls").join(name)).expect("a file");
        let check = |name: &str, text: &[u8], mode, expected: &str| {
            let data = folder();
            keep(data.path());
            let path = data.path().join("tls").join(name);
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
            let before = files(data.path());
            // So that the CA's key is needed.
            let listen = ([192, 0, 2, 7], 1).into();
            let error = self_signed::keep(data.path(), "box", listen, now()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(files(data.path()), before);
        };
        check("leaf.pem", b"", 0o600, "leaf.pem is damaged; remove it");
        check("leaf.pem", &theirs("ca.pem"), 0o600, "leaf.pem is damaged; remove it");
        check(
            "leaf.pem",
            &theirs("leaf.pem"),
            0o600,
            "leaf.pem was not signed by the ca.pem beside it; remove it",
        );
        check("leaf.pem", &theirs("leaf.pem"), 0o644, "is open to other users: chmod 640");
        check("ca.pem", b"", 0o644, "ca.pem is damaged; put it back");
        check(
            "ca.pem",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            0o644,
            "ca.pem is damaged",
        );
        check("ca.pem", &theirs("ca.pem").repeat(2), 0o644, "ca.pem is damaged; put it back");
        check("ca.pem", &theirs("ca.pem"), 0o644, "leaf.pem was not signed by the ca.pem beside it");
        check("ca.key", b"", 0o600, "ca.key is damaged; put it back");
        check(
            "ca.key",
            &theirs("ca.key"),
            0o600,
            "ca.key is not the key of the ca.pem beside it; put it back",
        );
        check("ca.key", &theirs("ca.key"), 0o604, "ca.key is open to other users: chmod 600");
    }

    #[test]
    fn what_a_killed_process_left_is_no_hindrance() {
        let data = folder();
        fs::create_dir(data.path().join("tls")).expect("a folder");
        fs::write(data.path().join("tls/.ca.key.draft"), "half").expect("a file");
        assert!(keep(data.path()).renewed);
        assert_eq!(files(data.path()).len(), 3);
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_so() {
        let data = folder();
        let error =
            self_signed::keep(&data.path().join("none"), "box", loopback(), now()).expect_err("no DATA");
        assert!(error.to_string().contains("tls cannot be written"), "{error}");
    }
}
