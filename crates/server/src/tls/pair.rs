//! A certificate and its private key, read from PEM files and held against each other. Whether clients trust the
//! certificate is not asked here.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::{TlsError, TlsFiles, provider};

/// More than any chain of certificates is long.
const LONGEST: usize = 256 * 1024;

/// Reads both files.
pub(super) fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain = parse_chain(&files.cert, &read_file(&files.cert, |_| Ok(()))?)?;
    let key = read_key(&files.key)?;
    let unusable = |path: &Path, source| TlsError::Unusable { path: path.to_owned(), source };
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { cert: files.cert.clone(), key: files.key.clone() }
        }
        rustls::Error::InvalidCertificate(_) => unusable(&files.cert, error),
        error => unusable(&files.key, error),
    })
}

/// All certificates of a file, at least one.
pub(super) fn parse_chain(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate { path: path.to_owned() }),
        Ok(chain) => Ok(chain),
        // Its source would quote the file.
        Err(_) => Err(TlsError::Damaged { path: path.to_owned() }),
    }
}

/// The text of a file that everybody may read.
pub(super) fn read_public(path: &Path) -> Result<String, TlsError> {
    let text = read_file(path, |_| Ok(()))?;
    str::from_utf8(&text).map(str::to_owned).map_err(|_| TlsError::Damaged { path: path.to_owned() })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read_private(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        _ => TlsError::Damaged { path: path.to_owned() },
    })
}

/// The text of a file that holds a private key, which others can neither read nor change. A group may read it: that is how
/// keys are handed to services that are not root.
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    read_file(path, |metadata| match proper_mode(metadata.mode()) {
        None => Ok(()),
        Some(proper) => Err(TlsError::TooOpen { path: path.to_owned(), proper }),
    })
}

/// The mode that a private key with this one should have, where it has too much.
fn proper_mode(mode: u32) -> Option<&'static str> {
    match (mode & 0o027, mode & 0o040) {
        (0, _) => None,
        (_, 0) => Some("600"),
        (_, _) => Some("640"),
    }
}

fn read_file(
    path: &Path,
    check: impl Fn(&Metadata) -> Result<(), TlsError>,
) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let io_error = |source| TlsError::Io { path: path.to_owned(), source };
    let check = |metadata: Metadata| {
        if !metadata.is_file() {
            return Err(TlsError::NotAFile { path: path.to_owned() });
        }
        check(&metadata)
    };
    // Before it is opened, for a pipe would wait to be written to; and after, for that is the file that is read.
    check(fs::metadata(path).map_err(io_error)?)?;
    let file = File::open(path).map_err(io_error)?;
    check(file.metadata().map_err(io_error)?)?;
    // Never grows, so nothing of a key stays behind in a buffer that was too small.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    file.take(LONGEST as u64).read_to_end(&mut text).map_err(io_error)?;
    if text.len() == LONGEST {
        return Err(io_error(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

/// What tells files from those they were before, without reading them. Differs after each write, rename, change of mode
/// or change of a link on the way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<FileStamp>; 2]);

#[derive(Debug, PartialEq, Eq)]
struct FileStamp {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(files: &TlsFiles) -> Self {
        Self([&files.cert, &files.key].map(|path| {
            fs::metadata(path).ok().map(|found| FileStamp {
                place: (found.dev(), found.ino()),
                size: found.size(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_may_read_a_key_and_nobody_else_may_do_anything() {
        let check = |mode, expected| assert_eq!(proper_mode(mode), expected, "{mode:o}");
        check(0o100_600, None);
        check(0o100_400, None);
        check(0o100_640, None);
        check(0o100_440, None);
        check(0o100_700, None);
        check(0o100_644, Some("640"));
        check(0o100_604, Some("600"));
        check(0o100_660, Some("640"));
        check(0o100_620, Some("600"));
        check(0o100_602, Some("600"));
        check(0o100_666, Some("640"));
        check(0o100_777, Some("640"));
    }
}
