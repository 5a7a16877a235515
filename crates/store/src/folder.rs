//! DATA as the file system sees it: one private folder with a database and a lock file. It never opens the
//! database file once that has contents: closing any descriptor of it would drop SQLite's locks.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::open::OpenError;
use crate::session::{StoreError, cause};
use crate::sqlite;

const DATABASE: &str = "strongroom.db";
const LOG: &str = "strongroom.db-wal";
/// What SQLite keeps beside it.
const COMPANIONS: [&str; 2] = [LOG, "strongroom.db-shm"];
const LOCK: &str = "lock";

/// A folder that is ours, private, and on a local disk.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    // Invariant: absolute, so that no database takes it for a URI (`a_path_that_is_not_absolute_is_refused`).
    path: PathBuf,
}

impl Folder {
    /// The folder, with a database in it.
    pub(crate) fn find(path: &Path) -> Result<Self, OpenError> {
        let folder = Self::at(path)?;
        if !folder.exists()? {
            return Err(OpenError::Missing { folder: folder.path });
        }
        folder.check()?;
        folder.check_log()?;
        folder.check_database()?;
        Ok(folder)
    }

    /// The folder, made where it is missing.
    pub(crate) fn make(path: &Path) -> Result<Self, OpenError> {
        let folder = Self::at(path)?;
        if !folder.exists()? {
            let made = make_private(&folder.path);
            made.and_then(|()| folder.path.parent().map_or(Ok(()), sync)).map_err(io_error(&folder.path))?;
        }
        folder.check().map_err(|error| match error {
            OpenError::OtherOwner { path, owner } if is_mount_point(&path) => {
                let below = path.join("strongroom");
                OpenError::MountPoint { path, owner, below }
            }
            other => other,
        })?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Opens the lock file, and makes it where it is missing.
    pub(crate) fn open_lock(&self) -> Result<File, OpenError> {
        let path = self.path.join(LOCK);
        let lock = match create_private(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&path)
            }
            made => made.and_then(|lock| sync(&self.path).map(|()| lock)),
        };
        lock.map_err(io_error(&path))
    }

    /// A log is written beside a database that has contents, never beside one that has none. Without them it
    /// is all that is left, and SQLite would delete it.
    pub(crate) fn check_log(&self) -> Result<(), OpenError> {
        if self.size(DATABASE)? == 0 { self.refuse_log() } else { Ok(()) }
    }

    /// For a database without contents: no log lies beside it.
    pub(crate) fn refuse_log(&self) -> Result<(), OpenError> {
        match self.size(LOG)? {
            0 => Ok(()),
            _ => Err(StoreError::damaged("its file is blank, but its log is not").into()),
        }
    }

    /// Makes an empty database file where there is none. SQLite would make it with the umask's mode. The
    /// caller is alone in the folder; a file that is new is one that SQLite has no locks on, so closing it
    /// here drops none.
    pub(crate) fn make_database(&self) -> Result<(), OpenError> {
        let path = self.database();
        match create_private(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.and_then(|_| sync(&self.path)).map_err(io_error(&path)),
        }
    }

    /// Every file of ours is a plain file, ours and private; the database is there.
    pub(crate) fn check_files(&self) -> Result<(), OpenError> {
        self.check_database()?;
        let names = [DATABASE, LOCK].into_iter().chain(COMPANIONS);
        names.map(|name| self.path.join(name)).try_for_each(|path| match fs::symlink_metadata(&path) {
            Ok(metadata) if !metadata.is_file() => Err(OpenError::OtherKind { path, wanted: "plain file" }),
            Ok(metadata) => check_private(&path, &metadata, "600"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error(&path)(error)),
        })
    }

    fn at(path: &Path) -> Result<Self, OpenError> {
        if !path.is_absolute() {
            return Err(OpenError::Relative { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned() })
    }

    /// A folder that we may not look for is no missing one.
    fn exists(&self) -> Result<bool, OpenError> {
        self.path.try_exists().map_err(io_error(&self.path))
    }

    /// How long a file is, or the link in its place; a missing one is empty.
    fn size(&self, name: &str) -> Result<u64, OpenError> {
        let path = self.path.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    /// Whether there is a database, or a link in its place; [`Folder::check_files`] says what it must be.
    fn check_database(&self) -> Result<(), OpenError> {
        let path = self.database();
        match fs::symlink_metadata(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(OpenError::Missing { folder: self.path.clone() })
            }
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    fn check(&self) -> Result<(), OpenError> {
        let path = &self.path;
        let metadata = fs::metadata(path).map_err(io_error(path))?;
        if !metadata.is_dir() {
            return Err(OpenError::OtherKind { path: path.clone(), wanted: "folder" });
        }
        check_private(path, &metadata, "700")?;
        match network_name(sqlite::file_system(path).map_err(io_error(path))?) {
            Some(kind) => Err(OpenError::Network { path: path.clone(), kind }),
            None => Ok(()),
        }
    }
}

/// Root is asked too: files that root makes in somebody's folder would lock their owner out.
fn check_private(path: &Path, metadata: &fs::Metadata, proper: &'static str) -> Result<(), OpenError> {
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != sqlite::effective_user() {
        return Err(OpenError::OtherOwner { path: path.to_owned(), owner });
    }
    if mode & 0o077 != 0 {
        return Err(OpenError::TooOpen { path: path.to_owned(), mode, proper });
    }
    Ok(())
}

/// A new empty file with mode 0600, whatever the umask.
fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Makes the names in a folder as durable as what they name.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    path.parent().is_some_and(|parent| device(parent) != device(path))
}

/// The names of file systems whose locks travel over a network, by their magic number (statfs(2)).
fn network_name(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("nfs"),
        0xff53_4d42 => Some("cifs"),
        0xfe53_4d42 => Some("smb2"),
        0x517b => Some("smb"),
        0x0102_1997 => Some("9p"),
        0x00c3_6400 => Some("ceph"),
        _ => None,
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::DiskFull(cause(source)).into()
        }
        io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(cause(source)).into(),
        _ => OpenError::Io { path, source },
    }
}

/// A path as one types it to a shell.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string_lossy();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
        if text.chars().all(plain) {
            return f.write_str(&text);
        }
        write!(f, "'{}'", text.replace('\'', r"'\''"))
    }
}

/// Makes a folder with its missing parents, which are private too, as for any folder of a user's own.
fn make_private(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.exists() => make_private(parent)?,
        _ => {}
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Whatever the umask took away.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o700)),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_with_locks_over_a_network_are_named() {
        let check = |magic, expected| assert_eq!(network_name(magic), expected);
        check(0x6969, Some("nfs"));
        check(0xff53_4d42, Some("cifs"));
        check(0xfe53_4d42, Some("smb2"));
        check(0x517b, Some("smb"));
        check(0x0102_1997, Some("9p"));
        check(0x00c3_6400, Some("ceph"));
        check(0xef53, None); // ext4
        check(0x0102_1994, None); // tmpfs
        check(0x6573_5546, None); // fuse: encfs and the like are local
    }

    #[test]
    fn the_kind_of_a_real_file_system_is_read() {
        assert_eq!(sqlite::file_system(Path::new("/proc")).expect("procfs"), 0x9fa0);
    }

    #[test]
    fn a_mount_point_is_told_from_a_folder() {
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/proc/self")));
        assert!(!is_mount_point(Path::new("/")));
    }

    #[test]
    fn what_the_system_refuses_is_named_by_what_one_can_do() {
        let error = |kind| io_error(Path::new("/data"))(io::Error::from(kind));
        let full = error(io::ErrorKind::StorageFull);
        assert!(matches!(full, OpenError::Store(StoreError::DiskFull(_))), "{full:?}");
        let fixed = error(io::ErrorKind::ReadOnlyFilesystem);
        assert!(matches!(fixed, OpenError::Store(StoreError::ReadOnly(_))), "{fixed:?}");
        let other = error(io::ErrorKind::PermissionDenied);
        assert!(matches!(other, OpenError::Io { .. }), "{other:?}");
    }

    #[test]
    fn a_path_can_be_typed_to_a_shell() {
        let check = |path: &str, typed: &str| assert_eq!(Shown(Path::new(path)).to_string(), typed);
        check("/var/lib/strongroom-1", "/var/lib/strongroom-1");
        check("/home/a b/$(x)", "'/home/a b/$(x)'");
        check("/it's", r"'/it'\''s'");
    }
}
