//! The released clients that the tests drive, from PyPI: one Python environment, and beside it in a folder of its own each
//! release, and the program that holds a server against its OpenAPI document. Kept between runs. Deliberately not in the
//! tests: they reach nothing but their own machine.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// How the tests learn where the clients are.
pub(crate) const VARIABLE: &str = "STRONGROOM_TEST_CLIENTS";

/// Where the repository says which releases, and what they import.
const LISTS: &str = "crates/cli/tests/clients";

/// Every file with its length: written last, so that its presence means that all came before it.
const CONTENTS: &str = "contents";

/// Puts the clients in place, or finds them there, and says where. Nothing where a repository has no such tests.
pub(crate) fn put_in_place(root: &Path) -> Result<Option<PathBuf>> {
    if !root.join(LISTS).is_dir() {
        return Ok(None);
    }
    let cache = find_cache(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))?;
    Wanted::read(&root.join(LISTS), "python3".into())?.put_below(&cache).map(Some)
}

/// The user's own cache: a fresh clone then needs no network.
fn find_cache(cache: Option<OsString>, home: Option<OsString>) -> Result<PathBuf> {
    let below_home = home.map(|home| Path::new(&home).join(".cache"));
    let found = [cache.map(PathBuf::from), below_home].into_iter().flatten().find(|path| path.is_absolute());
    Ok(found.context("set HOME or XDG_CACHE_HOME: the tests keep the clients they drive there")?.join(FOLDER))
}

const FOLDER: &str = "strongroom-tests";

struct Wanted {
    python: OsString,
    /// Files for pip: what the releases import, and the program with what it imports.
    requirements: PathBuf,
    schemathesis: PathBuf,
    releases: Vec<String>,
    /// Names all that decides what is built: another list or another Python, another folder.
    name: String,
}

impl Wanted {
    fn read(lists: &Path, python: OsString) -> Result<Self> {
        let read = |name: &str| {
            let path = lists.join(name);
            fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
        };
        let (listed, required) = (read("releases.txt")?, read("requirements.txt")?);
        let beside = read("schemathesis.txt")?;
        let releases =
            listed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let asked = "import platform, sys; print(platform.python_version(), sys.base_prefix)";
        let answer = ask(Command::new(&python).args(["-c", asked]))?;
        let mut hasher = DefaultHasher::new();
        (&listed, &required, &beside, &answer).hash(&mut hasher);
        let version = answer.split_whitespace().next().unwrap_or_default();
        Ok(Self {
            python,
            requirements: lists.join("requirements.txt"),
            schemathesis: lists.join("schemathesis.txt"),
            releases: releases.map(str::to_owned).collect(),
            name: format!("nextmv-{version}-{:016x}", hasher.finish()),
        })
    }

    /// One at a time below one folder, whoever asks: the others wait and adopt what the first has made.
    fn put_below(&self, cache: &Path) -> Result<PathBuf> {
        fs::create_dir_all(cache).with_context(|| format!("make {}", cache.display()))?;
        let lock = cache.join("lock");
        let lock = File::create(&lock).with_context(|| format!("open {}", lock.display()))?;
        lock.lock().context("wait for another run that puts clients in place")?;
        let folder = cache.join(&self.name);
        if is_whole(&folder) {
            return Ok(folder);
        }
        // Beside it and then renamed: whoever kills us leaves nothing that looks complete.
        let building = cache.join("building");
        remove(&folder)?;
        remove(&building)?;
        self.build(&building)?;
        fs::rename(&building, &folder).with_context(|| format!("put {} in place", folder.display()))?;
        Ok(folder)
    }

    fn build(&self, folder: &Path) -> Result<()> {
        eprintln!("making a Python environment for the clients that the tests drive");
        let environment = folder.join("python");
        let mut make = Command::new(&self.python);
        run(make.args(["-m", "venv"]).arg(&environment), "make a Python environment")?;
        let python = environment.join("bin/python");
        let required = [OsStr::new("--requirement"), self.requirements.as_os_str()];
        install(&python, &required, "what nextmv imports")?;
        install_apart(
            &python,
            folder,
            "schemathesis",
            &[OsStr::new("--requirement"), self.schemathesis.as_os_str()],
        )?;
        for (number, release) in (1..).zip(&self.releases) {
            let what = format!("nextmv=={release}");
            eprintln!("installing {what} ({number} of {})", self.releases.len());
            install_apart(&python, folder, &format!("nextmv-{release}"), &[OsStr::new(&what)])?;
        }
        fs::write(folder.join(CONTENTS), list(folder)?).context("write down what was installed")
    }
}

/// Into a folder of its own, and without what it imports: that is pinned elsewhere.
fn install_apart(python: &Path, folder: &Path, name: &str, words: &[&OsStr]) -> Result<()> {
    let target = folder.join(name);
    let apart = [OsStr::new("--no-deps"), OsStr::new("--target"), target.as_os_str()];
    install(python, &[&apart, words].concat(), &name.replacen('-', "==", 1))
}

/// From whatever index pip is configured for, and nothing that it would have to build.
fn install(python: &Path, words: &[&OsStr], what: &str) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    pip.args(["--only-binary", ":all:"]).args(words);
    run(&mut pip, &format!("install {what} (this once needs PyPI: run it again when the network is there)"))
}

fn run(command: &mut Command, deed: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("start {program}"))?;
    if !status.success() {
        bail!("{program} could not {deed}: its own message is above");
    }
    Ok(())
}

fn ask(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("start {program}"))?;
    if !output.status.success() {
        bail!("{program} says: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what {program} says"))
}

/// Everything is there that was there when it was made, and its Python still runs.
fn is_whole(folder: &Path) -> bool {
    let Ok(contents) = fs::read_to_string(folder.join(CONTENTS)) else { return false };
    let is_there = |line: &str| {
        let Some((length, path)) = line.split_once(' ') else { return false };
        fs::symlink_metadata(folder.join(path)).is_ok_and(|found| found.len().to_string() == length)
    };
    // A look at the lengths, not at every byte: this guards against a cleaner or a full disk, not against malice.
    let mut start = Command::new(folder.join("python/bin/python"));
    contents.lines().all(is_there) && ask(start.args(["-c", "import pydantic, requests"])).is_ok()
}

/// One line for each file: its length and its path. Without what Python may write again by itself.
fn list(folder: &Path) -> Result<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("read {}", next.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.extend((entry.file_name() != "__pycache__").then(|| entry.path()));
            } else {
                let path = entry.path();
                let path = path.strip_prefix(folder)?.to_str().context("a name that is not UTF-8")?;
                lines.push(format!("{} {path}\n", entry.metadata()?.len()));
            }
        }
    }
    lines.sort();
    Ok(lines.concat())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Says its version, makes an environment that is itself, installs a file, and keeps a diary of what it installs.
    const PYTHON: &str = r#"#!/bin/sh
set -e
case "$1 $2" in
"-c import platform"*) echo "3.99.0 /somewhere" ;;
"-c "*) ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    for word in "$@"; do last=$word; done
    case "$last" in *BROKEN) echo "no such release" >&2; exit 1 ;; esac
    while [ $# -gt 0 ]; do
        if [ "$1" = --target ]; then mkdir -p "$2/bin" && echo "$last" > "$2/bin/nextmv"; fi
        shift
    done
    echo "${last##*/}" >> DIARY ;;
esac
"#;

    /// A repository's lists, a Python of our own, and a cache.
    struct Desk(tempfile::TempDir);

    impl Desk {
        fn new(releases: &str) -> Self {
            let desk = Self(tempfile::tempdir().expect("a folder for tests"));
            fs::create_dir(desk.path("lists")).expect("our own folder");
            desk.write("lists/releases.txt", releases);
            desk.write("lists/requirements.txt", "requests==1\n");
            desk.write("lists/schemathesis.txt", "schemathesis==1\n");
            let script = PYTHON.replace("DIARY", &desk.path("diary").display().to_string());
            // By another process: a descriptor of ours that a neighbour's child inherits would make it a busy file.
            let mut write = Command::new("sh");
            write.args(["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"]);
            run(write.arg(desk.path("python3")).arg(script), "write a script").expect("a shell writes it");
            desk
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).expect("our own file");
        }

        fn put(&self) -> Result<PathBuf> {
            Wanted::read(&self.path("lists"), self.path("python3").into())?.put_below(&self.path("cache"))
        }

        /// What was installed since the last look.
        fn diary(&self) -> Vec<String> {
            let text = fs::read_to_string(self.path("diary")).unwrap_or_default();
            self.write("diary", "");
            text.lines().map(str::to_owned).collect()
        }
    }

    const ALL: [&str; 4] = ["requirements.txt", "schemathesis.txt", "nextmv==1.0.0", "nextmv==2.0.0"];
    const RELEASES: &str = "# why these\n1.0.0\n\n2.0.0\n";

    #[test]
    fn clients_are_installed_once() {
        let desk = Desk::new(RELEASES);
        let folder = desk.put().expect("it can be made");
        assert_eq!(desk.diary(), ALL);
        assert!(folder.join("nextmv-1.0.0/bin/nextmv").is_file());
        assert!(folder.join("nextmv-2.0.0/bin/nextmv").is_file());
        assert_eq!(desk.put().expect("it is there"), folder);
        assert_eq!(desk.diary(), [""; 0]);
    }

    #[test]
    fn what_is_damaged_is_made_again() {
        let desk = Desk::new(RELEASES);
        let folder = desk.put().expect("it can be made");
        let check = |damage: &dyn Fn(), remade: bool| {
            desk.diary();
            damage();
            assert_eq!(desk.put().expect("it can be made"), folder);
            assert_eq!(!desk.diary().is_empty(), remade);
        };
        check(&|| fs::remove_file(folder.join("nextmv-1.0.0/bin/nextmv")).expect("ours"), true);
        check(&|| fs::write(folder.join("nextmv-2.0.0/bin/nextmv"), "").expect("ours"), true);
        check(&|| fs::remove_file(folder.join(CONTENTS)).expect("ours"), true);
        check(&|| fs::remove_dir_all(&folder).expect("ours"), true);
        check(&|| fs::create_dir(folder.join("__pycache__")).expect("ours"), false);
    }

    #[test]
    fn what_was_left_half_made_is_never_adopted() {
        let desk = Desk::new("1.0.0\nBROKEN\n");
        let refused = desk.put().expect_err("there is no such release");
        assert!(refused.to_string().contains("install nextmv==BROKEN (this once needs PyPI"), "{refused}");
        desk.write("lists/releases.txt", "1.0.0\n");
        desk.diary();
        let folder = desk.put().expect("it can be made");
        assert_eq!(desk.diary(), ["requirements.txt", "schemathesis.txt", "nextmv==1.0.0"]);
        assert!(!desk.path("cache/building").exists() && folder.is_dir());
    }

    #[test]
    fn another_list_is_another_folder() {
        let desk = Desk::new(RELEASES);
        let folder = desk.put().expect("it can be made");
        for list in ["requirements.txt", "schemathesis.txt"] {
            desk.write(&format!("lists/{list}"), "another==2\n");
            let other = desk.put().expect("it can be made");
            assert_ne!(folder, other);
            assert!(folder.is_dir(), "another checkout may use it");
        }
    }

    #[test]
    fn of_several_that_ask_at_once_one_installs() {
        let desk = Desk::new(RELEASES);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| desk.put().expect("it can be made"));
            }
        });
        assert_eq!(desk.diary(), ALL);
    }

    #[test]
    fn the_cache_is_the_users() {
        let check = |cache: Option<&str>, home: Option<&str>, expected: Option<&str>| {
            let found = find_cache(cache.map(OsString::from), home.map(OsString::from));
            assert_eq!(found.ok().as_deref(), expected.map(Path::new), "{cache:?} {home:?}");
        };
        check(Some("/c"), Some("/h"), Some("/c/strongroom-tests"));
        check(None, Some("/h"), Some("/h/.cache/strongroom-tests"));
        check(Some("relative"), Some("/h"), Some("/h/.cache/strongroom-tests"));
        check(Some(""), None, None);
        check(None, None, None);
    }

    #[test]
    fn a_repository_without_such_tests_needs_no_clients() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        assert_eq!(put_in_place(folder.path()).expect("nothing to do"), None);
    }
}
