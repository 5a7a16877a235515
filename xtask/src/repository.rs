//! What the walls look at: our files, our packages and the crates that get built, read once. Deliberately no
//! judgement: what is allowed stands in `walls`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The repository as the walls see it; a test plants its own.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) files: Vec<TextFile>,
    pub(crate) packages: Vec<Package>,
    /// What the program is built from: normal and build dependencies, on this machine.
    pub(crate) shipped: BTreeSet<Built>,
    /// What the slim program is built from: the one that lives beside other people's code.
    pub(crate) slim: BTreeSet<Built>,
    /// What anything here is built from: tests too, on this machine.
    pub(crate) built: BTreeSet<Built>,
}

/// A text file of ours, path relative to the root.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root: `crates/seal`.
    pub(crate) folder: String,
    /// What it is built from directly. Without what only its tests use.
    pub(crate) dependencies: BTreeSet<String>,
}

/// One version of one crate in a build.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Repository {
    /// Reads everything. Files are what git knows and what it would add, so that a new file is seen before its commit.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let shipped = ["-p", "strongroom-cli", "--edges", "normal,build"];
        let slim = ["-p", "strongroom-cli", "--no-default-features", "--edges", "normal"];
        let built = ["--workspace", "--edges", "normal,build,dev"];
        Ok(Self {
            files: read_files(root)?,
            packages: read_packages(root)?,
            shipped: read_tree(root, &shipped)?,
            slim: read_tree(root, &slim)?,
            built: read_tree(root, &built)?,
        })
    }
}

fn read_files(root: &Path) -> Result<Vec<TextFile>> {
    // safe.directory: a checkout that belongs to somebody else is normal where robots test.
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed =
        ask(git.current_dir(root)).context("list our files (the walls need a clone, not an archive)")?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // Removed but not yet committed, a link to nowhere, or no text: nothing to read.
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            files.push(TextFile { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

/// The workspace's packages, by cargo's own account.
pub(crate) fn read_packages(root: &Path) -> Result<Vec<Package>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value =
        serde_json::from_str(&ask(cargo.current_dir(root))?).context("read cargo's metadata")?;
    let root = text(&metadata["workspace_root"])?;
    list(&metadata["packages"])?.iter().map(|package| parse_package(root, package)).collect()
}

fn parse_package(root: &str, package: &Value) -> Result<Package> {
    let manifest = text(&package["manifest_path"])?;
    let folder = manifest.strip_prefix(root).and_then(|path| path.strip_suffix("/Cargo.toml"));
    let built_from = list(&package["dependencies"])?.iter().filter(|dependency| dependency["kind"] != "dev");
    Ok(Package {
        name: text(&package["name"])?.to_owned(),
        folder: folder.unwrap_or_default().trim_start_matches('/').to_owned(),
        dependencies: built_from
            .map(|dependency| text(&dependency["name"]).map(str::to_owned))
            .collect::<Result<_>>()?,
    })
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo's metadata has another shape than this tool knows")
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("cargo's metadata has another shape than this tool knows")
}

fn read_tree(root: &Path, selection: &[&str]) -> Result<BTreeSet<Built>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["tree", "--prefix", "none", "--format", "{p}"]).args(selection).current_dir(root);
    Ok(parse_tree(&ask(&mut cargo)?))
}

fn parse_tree(printed: &str) -> BTreeSet<Built> {
    let words = printed.lines().map(str::split_whitespace);
    words
        .filter_map(|mut words| {
            let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
            Some(Built { name: name.to_owned(), version: version.to_owned() })
        })
        .collect()
}

fn ask(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("start {program}"))?;
    if !output.status.success() {
        bail!("{program} says: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what {program} says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_names_each_crate_once() {
        let tree =
            parse_tree("a v1.0.0 (/somewhere/a)\nb v2.1.0\nb v2.1.0 (*)\nb v3.0.0\n[dev-dependencies]\n\n");
        let named: Vec<String> =
            tree.iter().map(|built| format!("{} {}", built.name, built.version)).collect();
        assert_eq!(named, ["a 1.0.0", "b 2.1.0", "b 3.0.0"]);
    }

    #[test]
    fn a_dependency_of_tests_only_is_no_dependency() {
        let package = serde_json::json!({
            "name": "strongroom-seal", "manifest_path": "/r/crates/seal/Cargo.toml",
            "dependencies": [
                {"name": "strongroom-secrets", "kind": null},
                {"name": "tempfile", "kind": "dev"},
                {"name": "cc", "kind": "build"},
            ],
        });
        let package = parse_package("/r", &package).expect("the shape cargo documents");
        assert_eq!(package.folder, "crates/seal");
        assert_eq!(package.dependencies.iter().collect::<Vec<_>>(), ["cc", "strongroom-secrets"]);
    }
}
