//! Opening, making and removing below a folder that is held open, never through a link, never out of it, never onto
//! another file system. It knows neither homes nor runs.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, chmodat, fchmod, openat2, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

const STAY: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Opens a folder to reach what lies in it, which needs no right to list it.
pub(crate) fn folder(base: impl AsFd, path: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(base, path, flags, Mode::empty(), STAY)
}

/// Opens a folder to list or lock it.
pub(crate) fn listed_folder(base: impl AsFd, path: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat2(base, path, flags, Mode::empty(), STAY)
}

/// Makes a file that was not there, for its owner only whatever the umask, before it has content.
pub(crate) fn new_file(base: impl AsFd, path: impl Arg) -> Result<File, Errno> {
    let owner_only = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat2(base, path, flags, owner_only, STAY)?;
    fchmod(&file, owner_only)?;
    Ok(File::from(file))
}

/// Opens a file that should be there.
pub(crate) fn old_file(base: impl AsFd, path: impl Arg) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    openat2(base, path, flags, Mode::empty(), STAY).map(File::from)
}

/// The last part of a path, and the folder that holds it: `("a/b", "c")` for `a/b/c`, `(".", "c")` for `c`.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or((".", path))
}

/// Removes a folder with all that lies in it, whatever a child made of it.
pub(crate) fn remove_tree(base: impl AsFd, name: &CStr) -> io::Result<()> {
    let base = base.as_fd();
    let folder = match listed_folder(base, name) {
        Err(Errno::ACCESS) => {
            chmodat(base, name, Mode::RWXU, AtFlags::empty())?;
            listed_folder(base, name)?
        }
        Err(Errno::NOENT) => return Ok(()),
        folder => folder?,
    };
    fchmod(&folder, Mode::RWXU)?;
    for name in names(&folder)? {
        match unlinkat(&folder, &*name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => remove_tree(&folder, &name)?,
            Err(error) => return Err(error.into()),
        }
    }
    match unlinkat(base, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What lies in a folder. Read to the end first: removing while reading may skip names.
pub(crate) fn names(folder: impl AsFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    Ok(names)
}
