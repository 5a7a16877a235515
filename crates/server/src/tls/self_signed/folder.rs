//! `DATA/tls/` as the file system sees it: a private folder whose files are whole or not there at all. It knows names and
//! modes, and nothing of what is in the files.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::SelfSignedError;

pub(super) const CA: &str = "ca.pem";
pub(super) const CA_KEY: &str = "ca.key";
pub(super) const LEAF: &str = "leaf.pem";

pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder below `data`, made where it is missing.
    pub(super) fn make(data: &Path) -> Result<Self, SelfSignedError> {
        let path = data.join("tls");
        let made = match DirBuilder::new().mode(0o700).create(&path) {
            // Whatever the umask took away.
            Ok(()) => fs::set_permissions(&path, Permissions::from_mode(0o700)).and_then(|()| sync(data)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        };
        match made {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(SelfSignedError::Io { path, source }),
        }
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Whether something has this name, and be it a link that leads nowhere.
    pub(super) fn has(&self, name: &str) -> Result<bool, SelfSignedError> {
        let path = self.join(name);
        match fs::symlink_metadata(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(SelfSignedError::Io { path, source }),
        }
    }

    /// Writes a file beside its place, which it gets when it is whole and durable.
    pub(super) fn put(&self, name: &str, mode: u32, text: &[u8]) -> Result<(), SelfSignedError> {
        let draft = self.join(&format!(".{name}.draft"));
        let written = self.write(&draft, mode, text).and_then(|()| {
            fs::rename(&draft, self.join(name))?;
            sync(&self.0)
        });
        written.map_err(|source| SelfSignedError::Io { path: self.join(name), source })
    }

    fn write(&self, draft: &Path, mode: u32, text: &[u8]) -> io::Result<()> {
        match fs::remove_file(draft) {
            // Of a process that was killed here.
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(draft)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text)?;
        file.sync_all()
    }
}

/// Makes the names in a folder as durable as what they name.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
