//! Where the releases lie that the test command has put in place, and how one is started. Deliberately no download: a test
//! reaches nothing but its own machine.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::room::Room;

/// Set by the test command: a folder with `python`, an environment, and `nextmv-RELEASE` for each release.
const VARIABLE: &str = "STRONGROOM_TEST_CLIENTS";

/// What the unmodified package brings.
pub(super) struct Client {
    folder: PathBuf,
    release: String,
}

impl Client {
    pub(super) fn of(release: &str) -> Self {
        let folder = env::var_os(VARIABLE).unwrap_or_else(|| {
            panic!("{VARIABLE} is not set: `cargo xtask test` puts nextmv's releases in place and sets it")
        });
        let client = Self { folder: folder.into(), release: release.to_owned() };
        let package = client.package();
        assert!(package.is_dir(), "{} is missing: run `cargo xtask test`", package.display());
        client
    }

    /// The SDK, used by a script.
    pub(super) fn script(&self, room: &Room, script: &str) -> Command {
        let mut command = self.python(room);
        command.arg(script);
        command
    }

    /// The program `nextmv`, as it was installed.
    pub(super) fn program(&self, room: &Room) -> Command {
        let mut command = self.python(room);
        command.arg(self.package().join("bin/nextmv"));
        command
    }

    /// Nothing of the room's surroundings that would help: a user of nextmv has no variable of ours.
    fn python(&self, room: &Room) -> Command {
        let python = self.folder.join("python/bin/python");
        let mut command = room.command(python.to_str().expect("a path of ours"));
        for variable in ["STRONGROOM_DATA", "STRONGROOM_APP"] {
            command.env_remove(variable);
        }
        command.env("PYTHONPATH", self.package()).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
        command
    }

    fn package(&self) -> PathBuf {
        self.folder.join(format!("nextmv-{}", self.release))
    }
}
