//! The folder of a quickstart: laid out so that nobody else's file in it is ever run, and removed by name. What is in
//! the strongroom there is not its business.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;

use crate::outcome::Usage;
use crate::settings::uid;

/// The examples, compiled in.
const EXAMPLES: [(&str, &str); 3] = [
    ("collection.json", include_str!("../../../../../examples/collection.json")),
    ("show.py", include_str!("../../../../../examples/show.py")),
    ("show.sh", include_str!("../../../../../examples/show.sh")),
];

/// What says that a quickstart made this folder: without it nothing in there is written, run or removed.
const MARKER: &str = ".strongroom-quickstart";
const MARKED: &str = "Made by strongroom quickstart. Its --clean removes what it made here.\n";
const VERSION: &str = "version: ";

/// What a strongroom keeps in its data folder.
const DATA_FILES: [&str; 4] = ["strongroom.db-wal", "strongroom.db-shm", "strongroom.db", "lock"];
pub(super) const KEY_FILE: &str = "root.key";

/// A folder for one quickstart.
pub(super) struct Folder {
    // Invariant: UTF-8, and no option to any command (`a_folder_that_no_command_line_can_name_is_refused`).
    path: PathBuf,
}

impl Folder {
    pub(super) fn parse(path: &Path) -> Result<Self, Usage> {
        let text = path.to_str().ok_or(Usage::from("the folder's name is not UTF-8; choose another"))?;
        if text.starts_with('-') {
            return Err(Usage::from(
                "a folder whose name begins with - looks like an option; write ./ before it",
            ));
        }
        Ok(Self { path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the folders and the examples. What is there already is kept, if it is an earlier quickstart's.
    pub(super) fn lay_out(&self) -> Result<()> {
        if let Some(parent) = self.path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        make_private(&self.path)?;
        if !self.is_marked()? {
            let mut inside = fs::read_dir(&self.path).with_context(|| unreadable(&self.path))?;
            if inside.next().is_some() {
                bail!(
                    "{} is not empty, and no quickstart made it; choose another folder",
                    self.path.display()
                );
            }
            lay(&self.join(MARKER), MARKED)?;
        }
        for folder in ["data", "key", "home"] {
            make_private(&self.join(folder))?;
        }
        EXAMPLES.iter().try_for_each(|(name, text)| lay(&self.join("home").join(name), text))
    }

    /// Refuses a folder that no quickstart made, or that is not ours alone to change.
    pub(super) fn check(&self) -> Result<()> {
        if !self.path.is_dir() || !self.is_marked()? {
            bail!("{} holds no quickstart; nothing was removed", self.path.display());
        }
        check_private(&self.path)?;
        for folder in ["data", "key", "home"].map(|name| self.join(name)) {
            if fs::symlink_metadata(&folder).is_ok() {
                check_private(&folder)?;
            }
        }
        Ok(())
    }

    /// Removes what a quickstart makes, by name, and never more: a folder that holds something else stays. The marker
    /// goes last, so that what was interrupted can be repeated.
    pub(super) fn remove(&self) -> Result<()> {
        let examples = EXAMPLES.map(|(name, _)| name);
        let folders: [(&str, &[&str]); 3] =
            [("data", &DATA_FILES), ("key", &[KEY_FILE]), ("home", &examples)];
        for (folder, files) in folders {
            let folder = self.join(folder);
            for file in files {
                remove(&folder.join(file), fs::remove_file)?;
            }
            remove(&folder, fs::remove_dir)?;
        }
        remove(&self.join(MARKER), fs::remove_file)?;
        remove(&self.path, fs::remove_dir)
    }

    /// Notes which version of the example's collection this quickstart wrote last: a newer one is somebody's own.
    pub(super) fn note(&self, version: u64) -> Result<()> {
        let marker = self.join(MARKER);
        let text = format!("{MARKED}{VERSION}{version}\n");
        let noted = OpenOptions::new().write(true).truncate(true).custom_flags(no_follow()).open(&marker);
        noted
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{} cannot be written", marker.display()))
    }

    /// The version that was noted.
    pub(super) fn noted(&self) -> Result<Option<u64>> {
        let marker = self.join(MARKER);
        let text = read(&marker).with_context(|| unreadable(&marker))?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().find_map(|line| line.strip_prefix(VERSION)?.parse().ok()))
    }

    /// The examples that are not as they came.
    pub(super) fn changed_examples(&self) -> Vec<String> {
        let changed = |(name, text): &(&str, &str)| {
            let path = self.join("home").join(name);
            read(&path).is_ok_and(|now| now != text.as_bytes()).then(|| path.display().to_string())
        };
        EXAMPLES.iter().filter_map(changed).collect()
    }

    fn is_marked(&self) -> Result<bool> {
        let marker = self.join(MARKER);
        match fs::symlink_metadata(&marker) {
            Ok(metadata) => Ok(metadata.is_file() && metadata.uid() == uid()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| unreadable(&marker)),
        }
    }
}

/// Makes a folder that only this user enters; one that is there must be such that no other user could change what is
/// in it, for it holds programs that are run.
fn make_private(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check_private(path),
        Err(error) => Err(error).with_context(|| format!("{} cannot be made", path.display())),
    }
}

fn check_private(path: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(path).with_context(|| unreadable(path))?;
    if !metadata.is_dir() || metadata.uid() != uid() || metadata.mode() & 0o022 != 0 {
        bail!(
            "{} is not a folder that this user alone can change (it is a link, another user's, or writable by others); \
             choose another",
            path.display()
        );
    }
    Ok(())
}

/// Lays a file that is not there yet. One that is there is kept, and one that differs is named.
fn lay(path: &Path, text: &str) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if read(path).with_context(|| unreadable(path))? != text.as_bytes() {
                eprintln!("strongroom: {} is not the example as it came, and is kept", path.display());
            }
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be made", path.display())),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    OpenOptions::new().read(true).custom_flags(no_follow()).open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn no_follow() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).expect("a flag of open(2) is an int")
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

fn remove(path: &Path, how: fn(PathBuf) -> std::io::Result<()>) -> Result<()> {
    match how(path.to_owned()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
            eprintln!("strongroom: {} holds something else and stays", path.display());
            Ok(())
        }
        other => other.with_context(|| format!("{} cannot be removed", path.display())),
    }
}
