//! The programs under test: built through cargo, or found beside this one. Never one from PATH: its figures would be
//! about another version.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cost;
use crate::rounds::{Counter, Task};

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds them as this program was built, where cargo started it; otherwise they must be there.
    pub(crate) fn provide() -> Result<Self> {
        let folder = folder()?;
        if let (Some(cargo), Some(package)) =
            (std::env::var_os("CARGO"), std::env::var_os("CARGO_MANIFEST_DIR"))
        {
            let profile = folder.file_name().context("find the profile of this program")?;
            // One call each: cargo would build what both share with the features of both.
            for selection in [["strongroom-cli", "strongroom"], ["strongroom-bench", "strongroom-bench-wrap"]]
            {
                let mut build = Command::new(&cargo);
                build.args(["build", "--quiet", "-p", selection[0], "--bin", selection[1], "--profile"]);
                let built = build.arg(profile).current_dir(&package).status().context("start cargo")?;
                ensure!(built.success(), "cargo could not build {}: its own message is above", selection[1]);
            }
        }
        let programs = Self { folder };
        for program in [programs.strongroom(), programs.bench(), programs.wrap()] {
            ensure!(
                program.exists(),
                "{} is not there: type `cargo run --release -p strongroom-bench`, which builds it",
                program.display()
            );
        }
        Ok(programs)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn strongroom(&self) -> PathBuf {
        self.folder.join("strongroom")
    }

    /// This program.
    pub(crate) fn bench(&self) -> PathBuf {
        self.folder.join("strongroom-bench")
    }

    /// The bare wrapper.
    pub(crate) fn wrap(&self) -> PathBuf {
        self.folder.join("strongroom-bench-wrap")
    }
}

/// The folder of this program, which lies on the disk under test.
pub(crate) fn folder() -> Result<PathBuf> {
    let this = std::env::current_exe().context("find this program")?;
    Ok(this.parent().context("find the folder of this program")?.to_owned())
}

/// A program with nothing inherited but a PATH; `runtime` is a private folder in memory.
pub(crate) fn command(program: impl AsRef<Path>, runtime: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("XDG_RUNTIME_DIR", runtime);
    // Standard error stays ours: a subject that has something to say is not doing the work in silence.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// A task that runs a program to its end.
pub(crate) fn task<'a>(name: &'static str, mut program: Command) -> Task<'a> {
    Task::new(name, move || {
        let status =
            program.status().with_context(|| format!("start {}", program.get_program().display()))?;
        ensure!(status.success(), "{} ended with {status}", program.get_program().display());
        Ok(())
    })
}

/// Counts the fsyncs of a program's one run.
pub(crate) fn counter<'a>(program: Command) -> Counter<'a> {
    Box::new(move || Ok(cost::count_fsyncs(&program)?.map(|calls| calls as f64)))
}
