//! Whom a client trusts: the CA that it was given and nobody else, and a sentence for everything that goes wrong.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use strongroom_client::{Client, ClientError, PlainHttp, ServerUrl};

use crate::connection::{again, asked_to};
use crate::scripted::{Asked, Server, connection, read_head};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"items\":[]}";

/// A CA as PEM, and a TLS server whose certificate it signed for this name. It serves one connection.
struct Secure {
    ca: String,
    port: u16,
    thread: JoinHandle<Option<Asked>>,
}

impl Secure {
    fn start(name: &str) -> Self {
        let (ca, config) = signed(name);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            answer(stream, config)
        });
        Self { ca, port, thread }
    }

    fn client(&self, host: &str, ca: Option<&str>) -> Client {
        client(&format!("https://{host}:{}", self.port), ca).expect("certificates")
    }

    /// What it was asked, if a request came.
    fn finish(self) -> Option<Asked> {
        self.thread.join().expect("it ends with its connection")
    }
}

fn signed(name: &str) -> (String, Arc<ServerConfig>) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let ca = params.self_signed(&key).expect("a CA").pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new([name.to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &issuer).expect("a leaf");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("the key of the leaf");
    (ca, Arc::new(config))
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> Option<Asked> {
    let connection = ServerConnection::new(config).expect("a configuration");
    let mut stream = StreamOwned::new(connection, stream);
    let (asked, _) = read_head(&mut stream)?;
    std::io::Write::write_all(&mut stream, ANSWER).expect("the client listens");
    stream.conn.send_close_notify();
    std::io::Write::flush(&mut stream).expect("the client listens");
    Some(asked)
}

fn client(url: &str, ca: Option<&str>) -> Result<Client, ClientError> {
    let mut connection = connection("http://127.0.0.1:1");
    connection.url = ServerUrl::parse(url, PlainHttp::OnLoopbackOnly).expect("a server");
    connection.ca_cert = ca.map(|ca| ca.as_bytes().to_vec());
    Client::new(connection)
}

fn reason(error: &ClientError) -> &str {
    let ClientError::Tls { reason, .. } = error else { panic!("{error:?}") };
    reason
}

#[test]
fn the_ca_that_was_given_is_trusted() {
    let server = Secure::start("localhost");
    let client = server.client("localhost", Some(&server.ca));
    assert!(client.list_keys().expect("trusted").is_empty());
    assert_eq!(server.finish().map(|asked| asked.line), Some("GET /v1/keys".to_owned()));
}

#[test]
fn another_ca_is_not_trusted_and_no_request_is_sent() {
    let server = Secure::start("localhost");
    let (other, _) = signed("localhost");
    let error = server.client("localhost", Some(&other)).list_keys().expect_err("not trusted");
    assert!(reason(&error).contains("no CA that is trusted here signed its certificate"), "{error}");
    assert!(error.to_string().contains("--ca-cert"), "{error}");
    assert_eq!(server.finish(), None);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let server = Secure::start("strongroom.example");
    let client = server.client("localhost", Some(&server.ca));
    let error = client.list_keys().expect_err("another name");
    assert_eq!(reason(&error), "its certificate is for another name");
    assert_eq!(server.finish(), None);
}

#[test]
fn a_server_without_tls_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("it is bound"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("it listens");
    });
    let (ca, _) = signed("localhost");
    let error = client(&url, Some(&ca)).expect("a client").list_keys().expect_err("no TLS");
    thread.join().expect("it ends");
    assert_eq!(reason(&error), "it does not speak TLS; is it served by http://?");
}

#[test]
fn where_no_system_has_certificates_the_given_ones_suffice() {
    if asked_to("without-certificates") {
        let server = Secure::start("localhost");
        server.client("localhost", Some(&server.ca)).list_keys().expect("the given CA suffices");
        server.finish().expect("a request");
        let plain = Server::start(vec![crate::scripted::ok(r#"{"items":[]}"#)]);
        plain.client().list_keys().expect("plain HTTP asks for no certificate");
        plain.finish();
        let server = Secure::start("localhost");
        let error = server.client("localhost", None).list_keys().expect_err("nothing to trust");
        assert_eq!(
            reason(&error),
            "this system has no CA certificates; name the CA's certificate with --ca-cert"
        );
        assert_eq!(server.finish(), None);
        return;
    }
    let nowhere =
        [("SSL_CERT_FILE", "/nonexistent/ca.pem".to_owned()), ("SSL_CERT_DIR", "/nonexistent".to_owned())];
    again("tls::where_no_system_has_certificates_the_given_ones_suffice", "without-certificates", &nowhere);
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    let (ca, _) = signed("localhost");
    let url = "https://localhost:1";
    assert!(client(url, Some(&ca)).is_ok());
    assert!(client(url, Some(&format!("{ca}\n{ca}"))).is_ok());
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let broken = ca.replace("-----END CERTIFICATE-----", "");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, part) in [
        ("", "there is none"),
        (key.as_str(), "there is none"),
        (broken.as_str(), "is broken"),
        (empty, "cannot be read"),
        (&format!("{ca}\n{empty}"), "cannot be read"),
    ] {
        let error = client(url, Some(pem)).expect_err(part);
        assert!(matches!(error, ClientError::CaCert { .. }), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
