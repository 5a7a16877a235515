//! The programs under test: built through cargo, or found beside this one. Never one from PATH: its figures would be
//! about another version.

use std::ffi::OsString;
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
        if let Some(cargo) = Cargo::of_this(&folder) {
            // One call each: cargo would build what both share with the features of both.
            for [package, bin] in [
                ["strongroom-cli", "strongroom"],
                ["strongroom-bench", "strongroom-bench-wrap"],
                ["strongroom-bench", "strongroom-bench-server"],
            ] {
                cargo.build(&["-p", package, "--bin", bin])?;
            }
        }
        let programs = Self { folder };
        for program in [programs.strongroom(), programs.bench(), programs.wrap(), programs.smallest()] {
            check_there(&program)?;
        }
        Ok(programs)
    }

    /// The program without a strongroom of its own. It is built where nothing else is: what it shares with others would
    /// be built anew for each of them, with other features.
    pub(crate) fn provide_slim(&self) -> Result<PathBuf> {
        let target = self.folder.with_file_name("slim");
        if let Some(cargo) = Cargo::of_this(&self.folder) {
            let into = target.to_str().context("the folder of this program has no name in UTF-8")?;
            cargo.build(&["-p", "strongroom-cli", "--no-default-features", "--target-dir", into])?;
        }
        let profile = self.folder.file_name().context("find the profile of this program")?;
        let slim = target.join(profile).join("strongroom");
        check_there(&slim)?;
        Ok(slim)
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

    /// The smallest server.
    pub(crate) fn smallest(&self) -> PathBuf {
        self.folder.join("strongroom-bench-server")
    }
}

fn check_there(program: &Path) -> Result<()> {
    ensure!(
        program.exists(),
        "{} is not there: type `cargo run --release -p strongroom-bench`, which builds it",
        program.display()
    );
    Ok(())
}

/// The cargo that started this program: it builds the others as it built this one.
struct Cargo {
    program: OsString,
    package: OsString,
    profile: OsString,
}

impl Cargo {
    /// None where somebody else started it.
    fn of_this(folder: &Path) -> Option<Self> {
        let variable = |name| std::env::var_os(name);
        let (program, package) = (variable("CARGO")?, variable("CARGO_MANIFEST_DIR")?);
        Some(Self { program, package, profile: folder.file_name()?.to_owned() })
    }

    fn build(&self, what: &[&str]) -> Result<()> {
        let mut build = Command::new(&self.program);
        build.args(["build", "--quiet", "--profile"]).arg(&self.profile).args(what);
        let built = build.current_dir(&self.package).status().context("start cargo")?;
        ensure!(built.success(), "cargo could not build {}: its own message is above", what.join(" "));
        Ok(())
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
