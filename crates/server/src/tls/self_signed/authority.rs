//! The private CA: what it signs, and what clients that trust it take. Whatever it says about a certificate it learns by
//! verifying it as a client does; it reads and writes no file.

use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use zeroize::Zeroizing;

use super::{LIFE, LOCALHOST};
use crate::tls::provider;

/// How far a client's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(24 * 60 * 60);

/// A CA as its clients know it.
pub(super) struct Authority(RootCertStore);

/// A CA with its private key.
pub(super) struct Signer(KeyPair);

/// A server's certificate that was just signed.
pub(super) struct Issued {
    pub(super) certificate: CertificateDer<'static>,
    /// The certificate, then its private key.
    pub(super) pem: Zeroizing<String>,
}

impl Authority {
    pub(super) fn parse(certificate: &CertificateDer<'static>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        Ok(Self(roots))
    }

    /// Whether a client that calls the server by this name takes the certificate at this time.
    pub(super) fn vouches(&self, leaf: &CertificateDer<'_>, name: &str, now: SystemTime) -> bool {
        let is_for = |leaf: &ParsedCertificate<'_>| {
            ServerName::try_from(name).is_ok_and(|name| verify_server_name(leaf, &name).is_ok())
        };
        self.verify(leaf, now).is_ok() && ParsedCertificate::try_from(leaf).is_ok_and(|leaf| is_for(&leaf))
    }

    /// Whether the certificate is of this authority, good at this time or not. One that is out of date is taken for ours:
    /// nobody verifies the rest of it any more.
    pub(super) fn signed(&self, leaf: &CertificateDer<'_>, now: SystemTime) -> bool {
        use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
        match self.verify(leaf, now) {
            Ok(()) => true,
            Err(Error::InvalidCertificate(why)) => {
                matches!(why, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
            }
            Err(_) => false,
        }
    }

    fn verify(&self, leaf: &CertificateDer<'_>, now: SystemTime) -> Result<(), Error> {
        let leaf = ParsedCertificate::try_from(leaf)?;
        let now = UnixTime::since_unix_epoch(since_epoch(now));
        let algorithms = provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &self.0, &[], now, algorithms)
    }
}

impl Signer {
    pub(super) fn random() -> Result<Self, rcgen::Error> {
        KeyPair::generate().map(Self)
    }

    /// From what [`Signer::key_pem`] made.
    pub(super) fn parse(pem: &[u8]) -> Option<Self> {
        KeyPair::from_pem(str::from_utf8(pem).ok()?).ok().map(Self)
    }

    pub(super) fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// The CA's own certificate. It begins before anybody's clock, and has no end, as RFC 5280 (4.1.2.5) says it.
    pub(super) fn authority_pem(&self, host_name: Option<&str>) -> Result<String, rcgen::Error> {
        let mut params = self.params();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31) + Duration::from_secs(24 * 60 * 60 - 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let names =
            host_name.into_iter().chain([LOCALHOST]).map(|name| GeneralSubtree::DnsName(name.to_owned()));
        let addresses = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: names.chain(addresses.map(GeneralSubtree::IpAddress)).collect(),
            excluded_subtrees: Vec::new(),
        });
        Ok(params.self_signed(&self.0)?.pem())
    }

    /// A certificate for a server of these names, with a key of its own.
    pub(super) fn issue(&self, names: &[String], now: SystemTime) -> Result<Issued, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        let now = date_time_ymd(1970, 1, 1) + since_epoch(now);
        params.not_before = now - SKEW;
        params.not_after = now + LIFE;
        params.distinguished_name = common_name("strongroom");
        // Said rather than left out: strict clients want the key's id, which comes with it.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &Issuer::new(self.params(), &self.0))?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        let pem = Zeroizing::new([certificate.pem().as_str(), key_pem.as_str()].concat());
        Ok(Issued { certificate: certificate.into(), pem })
    }

    /// What identifies the CA. Its name is made from its key: two of them are never taken for each other, and one that is
    /// made again from its key is the same.
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        let id = HEXLOWER.encode(&params.key_identifier(&self.0)[..8]);
        params.distinguished_name = common_name(&format!("strongroom private CA {id}"));
        params
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// A clock before 1970 is taken for one that stands there.
fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
