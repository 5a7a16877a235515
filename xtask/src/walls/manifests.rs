//! Where versions live, and that no file carries a trace of the machine it was written on. Deliberately not which
//! crates: that is `rooms` and `builds`.

use crate::repository::{Repository, TextFile};

pub(super) fn versions(repository: &Repository) -> Vec<String> {
    let manifests = repository.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    // fuzz/ stands outside the workspace and has to name its own.
    manifests.filter(|file| !file.path.starts_with("fuzz/")).flat_map(own_versions).collect()
}

/// The dependencies of one manifest that do not come from the workspace.
fn own_versions(manifest: &TextFile) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut in_dependencies = false;
    for (number, line) in (1..).zip(manifest.text.lines().map(str::trim)) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies");
            if section.contains("dependencies.") {
                breaches.push(format!("{}:{number}: write this dependency as one line", manifest.path));
            }
        } else if in_dependencies && !line.is_empty() && !line.starts_with('#') && !is_inherited(line) {
            breaches.push(format!(
                "{}:{number}: say `workspace = true`; the version stands at the root",
                manifest.path
            ));
        }
    }
    breaches
}

fn is_inherited(line: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else { return false };
    name.trim().ends_with(".workspace") && value.trim() == "true" || value.contains("workspace = true")
}

/// What betrays a machine, where no word runs on before it: somebody's own folder (`/srv/root/` is nobody's), and the very
/// folder that this was built in.
const PATHS: &[&str] = &["/root/", "/Users/", env!("CARGO_MANIFEST_DIR").split_at(HERE).0];

/// The checkout is the folder above this one.
const HERE: usize = env!("CARGO_MANIFEST_DIR").len() - "xtask".len();

/// What would send cargo or pip elsewhere than to the public index.
const REGISTRIES: &[&str] =
    &["replace-with", "[source.", "[registries", " registry =", "index-url", "extra-index"];

/// The only source that Cargo.lock may name.
const PUBLIC_INDEX: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

pub(super) fn traces(repository: &Repository) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in repository.files.iter().filter(|file| !file.path.starts_with("xtask/src/walls/")) {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(path) = PATHS.iter().find(|path| begins_a_path(line, path)) {
                breaches.push(format!("{}:{number}: {path} is a path of one machine", file.path));
            }
            if let Some(word) = names_another_registry(file, line) {
                breaches.push(format!("{}:{number}: {word} leads away from the public index", file.path));
            }
        }
    }
    breaches
}

fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_.-/}".contains(before))
    })
}

fn names_another_registry(file: &TextFile, line: &str) -> Option<&'static str> {
    if file.path.ends_with("Cargo.lock") {
        return (line.starts_with("source = ") && line != PUBLIC_INDEX).then_some("this source");
    }
    let is_setting =
        [".toml", ".cfg", ".ini", ".txt", ".sh", ".yml", ".yaml"].iter().any(|end| file.path.ends_with(end));
    let line = format!(" {}", line.split('#').next().unwrap_or_default());
    let word = REGISTRIES.iter().find(|word| line.contains(**word))?;
    (is_setting || file.path.starts_with(".c")).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walls::tests::planted;

    #[test]
    fn a_version_outside_the_workspace_is_seen() {
        let check = |text: &str, lines: &[usize]| {
            let breaches = versions(&planted("crates/seal/Cargo.toml", text));
            assert_eq!(breaches.len(), lines.len(), "{text}: {breaches:?}");
            for (breach, line) in breaches.iter().zip(lines) {
                assert!(breach.starts_with(&format!("crates/seal/Cargo.toml:{line}: ")), "{breach}");
            }
        };
        check("[package]\nversion.workspace = true\n[dependencies]\nserde = { workspace = true }\n", &[]);
        check(
            "[dependencies]\n# why\nserde = { workspace = true, optional = true }\nzeroize.workspace = true\n",
            &[],
        );
        check("[dependencies]\nserde = \"1\"\n", &[2]);
        check("[dev-dependencies]\nserde = { version = \"1\" }\n", &[2]);
        check("[target.'cfg(unix)'.dependencies]\nlibc = { path = \"../libc\" }\n", &[2]);
        check("[dependencies.serde]\nversion = \"1\"\n", &[1]);
        check("[features]\nserve = [\"dep:axum\"]\n", &[]);
    }

    #[test]
    fn a_trace_of_a_machine_is_seen() {
        let check = |path: &str, line: &str, expected: usize| {
            assert_eq!(traces(&planted(path, line)).len(), expected, "{path}: {line}");
        };
        check("README.md", "cd /Users/jo/strongroom", 1);
        check("README.md", concat!("see ", env!("CARGO_MANIFEST_DIR")), 1);
        check("README.md", "see `/root/.cargo`", 1);
        check("README.md", "the folder $HOME/root/ and /srv/root/data are anybody's", 0);
        check("README.md", "an own registry = a choice", 0);
        check("deny.toml", "unknown-registry = \"deny\"", 0);
        check(".cargo/config.toml", "registry = \"mirror\"", 1);
        check(".cargo/config.toml", "replace-with = \"mirror\"", 1);
        check(".ci/run", "pip install --index-url http://mirror nextmv", 1);
        check("python/pip.ini", "extra-index-url = http://mirror", 1);
        check("Cargo.lock", PUBLIC_INDEX, 0);
        check("Cargo.lock", "source = \"registry+https://mirror/index\"", 1);
        check("Cargo.lock", "source = \"git+https://github.com/somebody/something\"", 1);
    }
}
