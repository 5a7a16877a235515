//! What the builds bring along: which crates, how often, how many. Deliberately about what is built, not about what
//! Cargo.lock lists: it also names optional crates that nobody compiles.

use std::collections::BTreeSet;

use crate::repository::{Built, Repository};

/// Crates we have turned away, and why.
const TURNED_AWAY: &[(&str, &str)] = &[
    ("openssl", "aws-lc-rs is the one provider"),
    ("openssl-sys", "aws-lc-rs is the one provider"),
    ("native-tls", "aws-lc-rs is the one provider"),
    ("ring", "aws-lc-rs is the one provider"),
    ("boring", "aws-lc-rs is the one provider"),
    ("webpki-roots", "the machine's own certificates count"),
    ("chrono", "jiff"),
    ("serde_yaml", "unmaintained"),
];

/// Where a second version means two implementations of one secret's arithmetic.
const ONCE: &[&str] = &[
    "aes",
    "aes-gcm",
    "argon2",
    "aws-lc-rs",
    "aws-lc-sys",
    "blake2",
    "chacha20poly1305",
    "curve25519-dalek",
    "digest",
    "ed25519-dalek",
    "getrandom",
    "hkdf",
    "hmac",
    "rustls",
    "rustls-webpki",
    "sha2",
    "subtle",
    "zeroize",
];

/// What the program without the feature `serve` has no part of. Its one cipher crate is TLS's.
const NOT_IN_SLIM: &[&str] = &[
    "argon2",
    "axum",
    "hyper",
    "libsqlite3-sys",
    "rcgen",
    "rusqlite",
    "strongroom-custody",
    "strongroom-seal",
    "strongroom-server",
    "strongroom-store",
    "tokio",
    "tokio-rustls",
    "tower",
];

const MOST_CRATES: usize = 250;
const MOST_CRATES_IN_SLIM: usize = 115;

pub(super) fn turned_away(repository: &Repository) -> Vec<String> {
    let names: BTreeSet<&str> = repository.built.iter().map(|built| built.name.as_str()).collect();
    let found = TURNED_AWAY.iter().filter(|(name, _)| names.contains(name));
    found
        .map(|(name, instead)| format!("{name} is built ({instead}); `cargo tree -i {name}` says for whom"))
        .collect()
}

pub(super) fn doubles(repository: &Repository) -> Vec<String> {
    let mut breaches = Vec::new();
    for name in ONCE {
        let versions: Vec<&str> = versions_of(&repository.shipped, name).collect();
        if versions.len() > 1 {
            breaches.push(format!("{name} is built as {}", versions.join(" and ")));
        }
    }
    breaches
}

fn versions_of<'a>(tree: &'a BTreeSet<Built>, name: &str) -> impl Iterator<Item = &'a str> {
    tree.iter().filter(move |built| built.name == name).map(|built| built.version.as_str())
}

pub(super) fn size(repository: &Repository) -> Vec<String> {
    at_most(MOST_CRATES, &repository.shipped, "strongroom-cli")
}

pub(super) fn size_of_slim(repository: &Repository) -> Vec<String> {
    at_most(MOST_CRATES_IN_SLIM, &repository.slim, "strongroom-cli --no-default-features")
}

fn at_most(most: usize, tree: &BTreeSet<Built>, what: &str) -> Vec<String> {
    let count = tree.len();
    if count <= most {
        return Vec::new();
    }
    vec![format!("{what} is built from {count} crates: turn default features off, or a crate away")]
}

pub(super) fn strangers_in_slim(repository: &Repository) -> Vec<String> {
    let found = NOT_IN_SLIM.iter().filter(|name| versions_of(&repository.slim, name).next().is_some());
    let asked = "cargo tree -p strongroom-cli --no-default-features -e normal -i";
    found.map(|name| format!("{name} is in the slim program; `{asked} {name}` says for whom")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(crates: &[(&str, &str)]) -> BTreeSet<Built> {
        let crates = crates.iter();
        crates
            .map(|(name, version)| Built { name: (*name).to_owned(), version: (*version).to_owned() })
            .collect()
    }

    #[test]
    fn a_crate_we_have_turned_away_is_seen() {
        let check = |name: &str, expected: &[&str]| {
            let repository = Repository { built: tree(&[(name, "1.0.0")]), ..Repository::default() };
            assert_eq!(turned_away(&repository), expected, "{name}");
        };
        check("aws-lc-rs", &[]);
        check("ring", &["ring is built (aws-lc-rs is the one provider); `cargo tree -i ring` says for whom"]);
        check("chrono", &["chrono is built (jiff); `cargo tree -i chrono` says for whom"]);
    }

    #[test]
    fn a_second_version_of_a_cipher_is_seen() {
        let shipped = tree(&[("sha2", "0.10.9"), ("sha2", "0.11.1"), ("syn", "2.0.0"), ("syn", "3.0.0")]);
        let repository = Repository { shipped, ..Repository::default() };
        assert_eq!(doubles(&repository), ["sha2 is built as 0.10.9 and 0.11.1"]);
    }

    #[test]
    fn one_crate_too_many_is_seen() {
        let crates = |count: usize| -> BTreeSet<Built> {
            let numbered = |number| Built { name: format!("c{number}"), version: "1.0.0".to_owned() };
            (0..count).map(numbered).collect()
        };
        let check = |count: usize, expected: (usize, usize)| {
            let repository =
                Repository { shipped: crates(count), slim: crates(count), ..Repository::default() };
            assert_eq!((size(&repository).len(), size_of_slim(&repository).len()), expected, "{count}");
        };
        check(MOST_CRATES_IN_SLIM, (0, 0));
        check(MOST_CRATES_IN_SLIM + 1, (0, 1));
        check(MOST_CRATES, (0, 1));
        check(MOST_CRATES + 1, (1, 1));
    }

    #[test]
    fn what_the_slim_program_has_no_part_of_is_seen() {
        let check = |name: &str, expected: usize| {
            let repository = Repository { slim: tree(&[(name, "1.0.0")]), ..Repository::default() };
            assert_eq!(strangers_in_slim(&repository).len(), expected, "{name}");
        };
        check("strongroom-client", 0);
        check("aws-lc-rs", 0);
        check("strongroom-seal", 1);
        check("tokio", 1);
        check("rusqlite", 1);
    }
}
