//! Where the packages lie that the test command has put in place, and how one is started. Deliberately no download: a test
//! reaches nothing but its own machine.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::room::Room;

/// Set by the test command: a folder with `python`, an environment, `nextmv-RELEASE` for each release, and `schemathesis`.
const VARIABLE: &str = "STRONGROOM_TEST_CLIENTS";

/// What an unmodified package brings.
pub(crate) struct Client {
    folder: PathBuf,
    package: PathBuf,
}

impl Client {
    pub(super) fn of(release: &str) -> Self {
        Self::at(&format!("nextmv-{release}"))
    }

    /// What holds a server against its OpenAPI document.
    pub(crate) fn schemathesis() -> Self {
        Self::at("schemathesis")
    }

    fn at(name: &str) -> Self {
        let folder = env::var_os(VARIABLE).unwrap_or_else(|| {
            panic!("{VARIABLE} is not set: `cargo xtask test` puts the clients in place and sets it")
        });
        let folder = PathBuf::from(folder);
        let package = folder.join(name);
        assert!(package.is_dir(), "{} is missing: run `cargo xtask test`", package.display());
        Self { folder, package }
    }

    /// The SDK, used by a script.
    pub(super) fn script(&self, room: &Room, script: &str) -> Command {
        let mut command = self.python(room);
        command.arg(script);
        command
    }

    /// A program of the package, as it was installed.
    pub(crate) fn program(&self, room: &Room, name: &str) -> Command {
        let mut command = self.python(room);
        command.arg(self.package.join("bin").join(name));
        command
    }

    /// Nothing of the room's surroundings that would help: a user of nextmv has no variable of ours.
    fn python(&self, room: &Room) -> Command {
        let python = self.folder.join("python/bin/python");
        let mut command = room.command(python.to_str().expect("a path of ours"));
        for variable in ["STRONGROOM_DATA", "STRONGROOM_APP"] {
            command.env_remove(variable);
        }
        command.env("PYTHONPATH", &self.package).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
        command
    }
}
