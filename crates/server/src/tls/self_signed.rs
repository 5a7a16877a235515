//! Certificates without an authority of this world: a private CA of this strongroom's own, which clients are told to
//! trust once, and below it a leaf that is made anew whenever names or time ask for it. It is no replacement for an
//! authority that other people trust. All of it lies in `DATA/tls/`:
//!
//! ```text
//! ca.pem    the CA's certificate, the one file to hand out
//! ca.key    its private key
//! leaf.pem  the server's certificate and its private key, in one file, so that they change together
//! ```
//!
//! The CA never expires, and may vouch for any address but for no names save `localhost` and that of the machine where it
//! was made. So a server may move to another address under it, and yet a stolen `ca.key` passes for no site of the
//! internet with those who trust `ca.pem`.

mod authority;
mod folder;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, ServerName};

use super::{TlsError, TlsFiles, pair};
use authority::{Authority, Signer};
use folder::Folder;

const LOCALHOST: &str = "localhost";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a leaf is good. Some clients refuse those that are good for longer than 398 days.
const LIFE: Duration = DAY.saturating_mul(397);
/// What a leaf must have left of it, or it is renewed.
const MARGIN: Duration = DAY.saturating_mul(30);

/// What a server needs, and what its clients need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// For [`Tls::open`](super::Tls::open).
    pub files: TlsFiles,
    /// Where the CA's certificate is.
    pub ca: PathBuf,
    /// The CA's certificate, as it is there.
    pub ca_pem: String,
    /// Whether the leaf is new.
    pub renewed: bool,
    /// What the leaf is not for, though it was asked for: a host name that can stand in no certificate, or another than
    /// the machine had when the CA was made. Clients are served under all the other names.
    pub left_out: Vec<String>,
}

/// Makes what is missing in `DATA/tls/`, and renews the leaf if it lacks a name or ends within 30 days. Whatever else is
/// there is kept. `host` is the machine's name, `listen` the server's address: the leaf is for both, for localhost and for
/// the loopback addresses. `data` exists, and no other process does the same there at the same time.
///
/// # Errors
/// [`SelfSignedError`]. What was made until then is whole, and used the next time.
pub fn keep(
    data: &Path,
    host: &str,
    listen: SocketAddr,
    now: SystemTime,
) -> Result<SelfSigned, SelfSignedError> {
    let folder = Folder::make(data)?;
    let host_name = host_name(host);
    let (authority, ca_pem) = take_authority(&folder, host_name.as_deref())?;
    let leaf = take_leaf(&folder, &authority, now)?;
    let wanted = names(host_name.as_deref(), listen);
    let is_good = |name: &String| {
        let vouched = |time| leaf.as_ref().is_some_and(|leaf| authority.vouches(leaf, name, time));
        vouched(now) && vouched(now + MARGIN)
    };
    let lacking: Vec<&String> = wanted.iter().filter(|name| !is_good(name)).collect();
    let mut renewal = Renewal { renewed: false, left_out: Vec::new() };
    if !lacking.is_empty() {
        renewal = renew(&folder, &authority, &wanted, &lacking, now)?;
    }
    let Renewal { renewed, mut left_out } = renewal;
    if host_name.is_none() {
        left_out.push(host.to_owned());
    }
    let leaf = folder.join(folder::LEAF);
    let files = TlsFiles { cert: leaf.clone(), key: leaf };
    Ok(SelfSigned { files, ca: folder.join(folder::CA), ca_pem, renewed, left_out })
}

/// A host name as a certificate says it, if it is one.
fn host_name(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    matches!(ServerName::try_from(host.as_str()), Ok(ServerName::DnsName(_))).then_some(host)
}

/// What clients may call the server. An unspecified address is every address and so the name of none.
fn names(host_name: Option<&str>, listen: SocketAddr) -> Vec<String> {
    let mut names: Vec<String> = [LOCALHOST, "127.0.0.1", "::1"].map(str::to_owned).into();
    let address = listen.ip().to_canonical();
    let address = (!address.is_unspecified()).then(|| address.to_string());
    for name in host_name.map(str::to_owned).into_iter().chain(address) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The CA that is there, or a new one, and the text of its certificate. Its key comes first: a certificate without one
/// could never be used, while from a key the same CA is made again.
fn take_authority(folder: &Folder, host_name: Option<&str>) -> Result<(Authority, String), SelfSignedError> {
    if !folder.has(folder::CA)? {
        let signer = match folder.has(folder::CA_KEY)? {
            true => read_signer(folder)?,
            false => {
                let signer = Signer::random()?;
                folder.put(folder::CA_KEY, 0o600, signer.key_pem().as_bytes())?;
                signer
            }
        };
        folder.put(folder::CA, 0o644, signer.authority_pem(host_name)?.as_bytes())?;
    }
    let path = folder.join(folder::CA);
    let read = || {
        let text = pair::read_public(&path)?;
        let chain = pair::parse_chain(&path, text.as_bytes())?;
        let [certificate] = chain.as_slice() else {
            return Err(TlsError::Damaged { path: path.clone() });
        };
        let authority = Authority::parse(certificate);
        let authority = authority.map_err(|source| TlsError::Unusable { path: path.clone(), source })?;
        Ok((authority, text))
    };
    read().map_err(|error| damaged(error, |source| SelfSignedError::Authority { path: path.clone(), source }))
}

fn take_leaf(
    folder: &Folder,
    authority: &Authority,
    now: SystemTime,
) -> Result<Option<CertificateDer<'static>>, SelfSignedError> {
    if !folder.has(folder::LEAF)? {
        return Ok(None);
    }
    let path = folder.join(folder::LEAF);
    let pair = pair::read(&TlsFiles { cert: path.clone(), key: path.clone() });
    let pair =
        pair.map_err(|error| damaged(error, |source| SelfSignedError::Leaf { path: path.clone(), source }))?;
    let leaf = pair.cert.into_iter().next().expect("a pair has a certificate");
    if authority.signed(&leaf, now) { Ok(Some(leaf)) } else { Err(SelfSignedError::ForeignLeaf { path }) }
}

struct Renewal {
    renewed: bool,
    left_out: Vec<String>,
}

/// A leaf for all the names that the CA may vouch for, unless the one that is there lacks none of those.
fn renew(
    folder: &Folder,
    authority: &Authority,
    wanted: &[String],
    lacking: &[&String],
    now: SystemTime,
) -> Result<Renewal, SelfSignedError> {
    if !folder.has(folder::CA_KEY)? {
        return Err(SelfSignedError::NoKey { path: folder.join(folder::CA_KEY) });
    }
    let signer = read_signer(folder)?;
    // Tried rather than read from the CA's certificate, because that is what clients do.
    let may_vouch = |name: &String| -> Result<bool, SelfSignedError> {
        let tried = signer.issue(std::slice::from_ref(name), now)?;
        Ok(authority.vouches(&tried.certificate, name, now))
    };
    if !may_vouch(&LOCALHOST.to_owned())? {
        return Err(SelfSignedError::OtherKey { path: folder.join(folder::CA_KEY) });
    }
    let (mut covered, mut left_out) = (Vec::new(), Vec::new());
    for name in wanted {
        if may_vouch(name)? { covered.push(name.clone()) } else { left_out.push(name.clone()) }
    }
    let renewed = lacking.iter().any(|name| covered.contains(name));
    if renewed {
        folder.put(folder::LEAF, 0o600, signer.issue(&covered, now)?.pem.as_bytes())?;
    }
    Ok(Renewal { renewed, left_out })
}

fn read_signer(folder: &Folder) -> Result<Signer, SelfSignedError> {
    let path = folder.join(folder::CA_KEY);
    let text = pair::read_private(&path)?;
    Signer::parse(&text).ok_or_else(|| {
        let source = TlsError::Damaged { path: path.clone() };
        SelfSignedError::Authority { path, source }
    })
}

/// Errors that name their own remedy stay what they are; a file that is not what we wrote gets ours.
fn damaged(source: TlsError, ours: impl FnOnce(TlsError) -> SelfSignedError) -> SelfSignedError {
    match source {
        TlsError::TooOpen { .. } | TlsError::NotAFile { .. } | TlsError::Io { .. } => source.into(),
        TlsError::NoCertificate { .. }
        | TlsError::NoKey { .. }
        | TlsError::Damaged { .. }
        | TlsError::Unusable { .. }
        | TlsError::Mismatch { .. } => ours(source),
    }
}

/// Why there is no certificate of our own.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    /// A file is open to others, or cannot be read.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The CA's certificate or its key is not what was written there.
    #[error(
        "{} is damaged; put it back from a backup, or remove its folder and give clients the new ca.pem",
        .path.display()
    )]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TlsError,
    },
    /// The leaf is not what was written there.
    #[error("{} is damaged; remove it, and a new one is made", .path.display())]
    Leaf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TlsError,
    },
    /// The leaf is of another authority.
    #[error("{} was not signed by the ca.pem beside it; remove it, and a new one is made", .path.display())]
    ForeignLeaf {
        /// The file.
        path: PathBuf,
    },
    /// A new leaf is needed, and there is nothing to sign it with.
    #[error(
        "the server needs a new certificate, and {} is gone; put it back, or remove its folder and give clients the new ca.pem",
        .path.display()
    )]
    NoKey {
        /// Where the CA's key should be.
        path: PathBuf,
    },
    /// What the key signs, clients that trust the CA refuse.
    #[error(
        "{} is not the key of the ca.pem beside it; put it back, or remove its folder and give clients the new ca.pem",
        .path.display()
    )]
    OtherKey {
        /// Where the key is.
        path: PathBuf,
    },
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Make(#[source] rcgen::Error),
    /// The operating system refused.
    #[error("{} cannot be written; check that this user may, and that the disk has room", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl From<rcgen::Error> for SelfSignedError {
    fn from(source: rcgen::Error) -> Self {
        Self::Make(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_names_what_clients_can_type() {
        let check = |host: &str, listen: &str, more: &[&str]| {
            let listen = listen.parse().expect("an address");
            let expected: Vec<&str> = ["localhost", "127.0.0.1", "::1"].iter().chain(more).copied().collect();
            assert_eq!(names(host_name(host).as_deref(), listen), expected, "{host} {listen}");
        };
        check("box", "127.0.0.1:7878", &["box"]);
        check("box", "127.0.0.2:7878", &["box", "127.0.0.2"]);
        check("Box.Example.", "[::1]:0", &["box.example"]);
        check("localhost", "[::1]:0", &[]);
        check("my_box", "10.0.0.1:1", &["my_box", "10.0.0.1"]);
        check("box", "0.0.0.0:7878", &["box"]);
        check("box", "[::]:7878", &["box"]);
        check("box", "[::ffff:10.0.0.1]:7878", &["box", "10.0.0.1"]);
        check("box", "[::ffff:0.0.0.0]:7878", &["box"]);
        check("box", "[fe80::1]:7878", &["box", "fe80::1"]);
        // None of these is a name.
        check("", "127.0.0.1:1", &[]);
        check("10.9.8.7", "127.0.0.1:1", &[]);
        check("a b", "127.0.0.1:1", &[]);
        check("*.example", "127.0.0.1:1", &[]);
        check("bücher", "127.0.0.1:1", &[]);
    }
}
