//! The key file: a slot's key as one line of text, in a file that only its owner reads and that does not lie with the
//! data it opens. Other sources of a slot's key are not files and do not come through here.
//!
//! ```text
//! strongroom-root-key 1 <key id, 32 hex digits> <key, 43 characters of base64url without padding>\n
//! ```
//!
//! The key id is the key's own (see `keys.rs`), so a damaged line is noticed. The final newline may be missing.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use crate::keys::{Key, KeyId, SlotKey};
use crate::random::{self, RandomError};

pub use crate::keypath::KeyPath;

const NAME: &[u8] = b"strongroom-root-key";
const VERSION: &[u8] = b"1";
/// More than a key file holds, so that one with something behind its line is noticed.
const LONGEST: usize = 256;

/// Makes a new key and its file, mode 0600, durable before this returns. Missing parent folders are made with mode
/// 0700. A file that exists is never overwritten. `data` is the data folder, which need not exist yet.
///
/// # Errors
/// [`CreateError`], and then there is no new file, or a whole one whose name may not be durable.
pub fn create(path: &Path, data: &Path) -> Result<SlotKey, CreateError> {
    let io_error = |source| CreateError::Io { path: path.into(), source };
    let (place, data) = (resolve(path).map_err(io_error)?, resolve(data).map_err(io_error)?);
    if place.starts_with(&data) {
        return Err(CreateError::Misplaced { path: path.into(), data });
    }
    let key = Key::random()?;
    let parent = place.parent().ok_or_else(|| io_error(io::ErrorKind::IsADirectory.into()))?;
    make_folders(parent).map_err(io_error)?;
    // Written beside its place, which it gets whole or not at all: another process that makes or reads the same
    // key file never meets half of one.
    let draft = parent.join(format!(".strongroom-key-{}", HEXLOWER.encode(&random::bytes::<16>()?)));
    let linked = write(&draft, &key).map_err(io_error).and_then(|()| {
        fs::hard_link(&draft, &place).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CreateError::Exists { path: path.into() },
            _ => io_error(error),
        })
    });
    let removed = fs::remove_file(&draft);
    // Why there is no key file is what the caller needs to hear, rather than what became of the draft.
    linked?;
    // From here on nothing takes it away again: another process may have read it, and sealed with it.
    removed.and_then(|()| sync_folder(parent)).map_err(io_error)?;
    Ok(SlotKey(key))
}

/// Reads a key file, and refuses one that others can read, that belongs to a user other than `uid` (the effective
/// user of this process), or that lies in the data folder `data`.
///
/// # Errors
/// [`ReadError`], which never quotes the file.
pub fn read(path: &Path, data: &Path, uid: u32) -> Result<SlotKey, ReadError> {
    let io_error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ReadError::Missing { path: path.into() },
        _ => ReadError::Io { path: path.into(), source },
    };
    let place = path.canonicalize().map_err(io_error)?;
    let data = resolve(data).map_err(|source| ReadError::Io { path: data.into(), source })?;
    if place.starts_with(&data) {
        return Err(ReadError::Misplaced { path: path.into(), data });
    }
    // Looked at before it is opened as well: opening a pipe would wait for somebody to write to it, and a file of
    // another user deserves a better sentence than that it does not open.
    check(path, &fs::metadata(&place).map_err(io_error)?, uid)?;
    let mut file = File::open(&place).map_err(io_error)?;
    check(path, &file.metadata().map_err(io_error)?, uid)?;
    let mut buffer = Zeroizing::new([0; LONGEST]);
    let length = read_up_to(&mut file, &mut buffer[..]).map_err(io_error)?;
    parse(&buffer[..length]).map_err(|flaw| ReadError::Flawed { path: path.into(), flaw })
}

fn check(path: &Path, metadata: &Metadata, uid: u32) -> Result<(), ReadError> {
    let path = path.into();
    if !metadata.is_file() {
        return Err(ReadError::NotAFile { path });
    }
    if metadata.uid() != uid {
        return Err(ReadError::OtherOwner { path, owner: metadata.uid(), uid });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(ReadError::TooOpen { path });
    }
    Ok(())
}

/// The place that a path means, links followed, even while its last parts do not exist.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    for ancestor in absolute.ancestors() {
        match ancestor.canonicalize() {
            Ok(mut place) => {
                place.extend(missing.iter().rev());
                return Ok(place);
            }
            // No name: a `..` below a folder that does not exist, which means nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(ancestor.file_name().ok_or(error)?);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Makes what is missing of a folder, whatever the umask, each part durable in the one above.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {
                fs::set_permissions(folder, Permissions::from_mode(0o700))?;
                sync_folder(parent)?;
            }
            // Somebody else was faster: then it is there, which is all that was wanted.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a new file with mode 0600, whatever the umask.
fn write(path: &Path, key: &Key) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(&line(key))?;
    file.sync_all()
}

pub(crate) fn line(key: &Key) -> Zeroizing<Vec<u8>> {
    let id = key.id().to_string();
    let parts = [NAME, b" ", VERSION, b" ", id.as_bytes(), b" "];
    let text = BASE64URL_NOPAD.encode_len(Key::LENGTH);
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + text + 1;
    let mut line = Zeroizing::new(Vec::with_capacity(length));
    parts.iter().for_each(|part| line.extend_from_slice(part));
    let start = line.len();
    line.resize(start + text, 0);
    BASE64URL_NOPAD.encode_mut(key.expose(), &mut line[start..]);
    line.push(b'\n');
    line
}

/// Reads straight into the caller's buffer: no buffer of ours in between would be wiped.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

pub(crate) fn parse(bytes: &[u8]) -> Result<SlotKey, Flaw> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if line.contains(&b'\n') {
        return Err(Flaw::NotOneLine);
    }
    let mut words = line.split(|byte| *byte == b' ');
    let mut word = || words.next().ok_or(Flaw::NotOneLine);
    if word()? != NAME {
        return Err(Flaw::NotOneLine);
    }
    if word()? != VERSION {
        return Err(Flaw::OtherVersion);
    }
    let (id, text) = (word()?, word()?);
    if words.next().is_some() {
        return Err(Flaw::NotOneLine);
    }
    let id = str::from_utf8(id).ok().and_then(KeyId::parse).ok_or(Flaw::NotOneLine)?;
    let mut bytes = Zeroizing::new([0; LONGEST]);
    let length = BASE64URL_NOPAD.decode_len(text.len()).map_err(|_| Flaw::NotBase64)?;
    BASE64URL_NOPAD.decode_mut(text, &mut bytes[..length]).map_err(|_| Flaw::NotBase64)?;
    let key = Key::parse(&bytes[..length]).ok_or(Flaw::Length { length })?;
    if key.expose().iter().all(|byte| *byte == 0) {
        return Err(Flaw::Zero);
    }
    if key.id() != id {
        return Err(Flaw::OtherId);
    }
    Ok(SlotKey(key))
}

/// Why no key file was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Something is at this path.
    #[error("{path} exists already, and a key file is never overwritten: choose another path")]
    Exists {
        /// The path.
        path: KeyPath,
    },
    /// The path lies in the data folder.
    #[error(
        "the key file {path} would lie in the data folder {}, where whoever copies one has both: choose a path outside",
        .data.display()
    )]
    Misplaced {
        /// The path.
        path: KeyPath,
        /// The data folder.
        data: PathBuf,
    },
    /// There are no random bytes for a key.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The operating system refused.
    #[error("the key file {path} cannot be written: choose a path that this user can write")]
    Io {
        /// The path.
        path: KeyPath,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing is at this path.
    #[error("there is no key file {path}: put it back there, or say where it is")]
    Missing {
        /// The path.
        path: KeyPath,
    },
    /// A folder, a pipe, a device.
    #[error("{path} is not a regular file: name the key file itself")]
    NotAFile {
        /// The path.
        path: KeyPath,
    },
    /// The file lies in the data folder.
    #[error(
        "the key file {path} lies in the data folder {}, where whoever copies one has both: move it outside",
        .data.display()
    )]
    Misplaced {
        /// The path.
        path: KeyPath,
        /// The data folder.
        data: PathBuf,
    },
    /// The file belongs to another user.
    #[error(
        "the key file {path} belongs to user {owner}, and this is user {uid}: run as its owner, or make a copy of your own"
    )]
    OtherOwner {
        /// The path.
        path: KeyPath,
        /// Whose it is.
        owner: u32,
        /// Who would read it.
        uid: u32,
    },
    /// Group or others have any right to it.
    #[error("the key file {path} is open to other users: chmod 600 {}", .path.shell_word())]
    TooOpen {
        /// The path.
        path: KeyPath,
    },
    /// The file is not what a key file is.
    #[error("the key file {path} {flaw}: put the original file back")]
    Flawed {
        /// The path.
        path: KeyPath,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The operating system refused.
    #[error("the key file {path} cannot be read: check that this user can reach it")]
    Io {
        /// The path.
        path: KeyPath,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What is wrong with the text of a key file, as the second half of a sentence. Never what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Not the one line that a key file is.
    #[error("is not one line `strongroom-root-key 1 <key id> <key>`")]
    NotOneLine,
    /// A key file of a later version.
    #[error("has a format version other than 1, the only one known here")]
    OtherVersion,
    /// The key is not base64url.
    #[error("holds a key that is not base64url without padding")]
    NotBase64,
    /// The key is too short or too long.
    #[error("holds a key of {length} bytes instead of 32")]
    Length {
        /// How many bytes it has.
        length: usize,
    },
    /// The key is all zero.
    #[error("holds a key that is all zero")]
    Zero,
    /// The key does not go by the key id beside it.
    #[error("holds a key that does not match its key id, so one of the two was altered")]
    OtherId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: Result<KeyId, Flaw>) {
        assert_eq!(parse(text).map(|key| key.id()), expected, "{}", String::from_utf8_lossy(text));
    }

    fn line_of(bytes: &[u8]) -> Vec<u8> {
        let id = Key::parse(bytes).map_or_else(|| "0".repeat(32), |key| key.id().to_string());
        format!("strongroom-root-key 1 {id} {}\n", BASE64URL_NOPAD.encode(bytes)).into_bytes()
    }

    #[test]
    fn a_line_is_read_exactly() {
        let key = Key::parse(&[7; 32]).expect("32 bytes");
        let good = line(&key);
        assert_eq!(good.capacity(), good.len());
        assert_eq!(*good, line_of(&[7; 32]));
        let text = String::from_utf8(good.to_vec()).expect("ASCII");
        check(text.as_bytes(), Ok(key.id()));
        check(text.trim_end().as_bytes(), Ok(key.id()));

        let changed = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
        check(b"", Err(Flaw::NotOneLine));
        check(b"\n", Err(Flaw::NotOneLine));
        check(b"hunter2\n", Err(Flaw::NotOneLine));
        check(&text.repeat(2).into_bytes(), Err(Flaw::NotOneLine));
        check(&changed("\n", "\n\n"), Err(Flaw::NotOneLine));
        check(&changed("\n", " more\n"), Err(Flaw::NotOneLine));
        check(&changed("\n", " \n"), Err(Flaw::NotOneLine));
        check(&changed(" 1 ", "  1 "), Err(Flaw::OtherVersion));
        check(&changed(" 1 ", " 2 "), Err(Flaw::OtherVersion));
        check(&changed(" 1 ", " 1 x"), Err(Flaw::NotOneLine));
        check(&changed("\n", "\r\n"), Err(Flaw::NotBase64));
        check(&changed("\n", "=\n"), Err(Flaw::NotBase64));
        check(&changed("BwcH", "Bw+H"), Err(Flaw::NotBase64));
        check(&changed("c\n", "d\n"), Err(Flaw::NotBase64));
        check(&changed("BwcH", "BwcI"), Err(Flaw::OtherId));
        check(&[text.as_bytes(), &[b'x'; LONGEST]].concat()[..LONGEST], Err(Flaw::NotOneLine));
    }

    #[test]
    fn keys_of_other_lengths_and_no_key_at_all_are_refused() {
        check(&line_of(&[7; 31]), Err(Flaw::Length { length: 31 }));
        check(&line_of(&[7; 33]), Err(Flaw::Length { length: 33 }));
        check(&line_of(&[]), Err(Flaw::Length { length: 0 }));
        check(&line_of(&[0; 32]), Err(Flaw::Zero));
    }
}
