//! The table of rooms: who may depend on whom, and which heavy dependency lives where. Deliberately about manifests
//! only; what stands in the source is `sources`.

use crate::repository::{Package, Repository};

/// A crate below `crates/`, as the house plans it; it need not exist yet.
struct Room {
    name: &'static str,
    /// The rooms it may depend on.
    ours: &'static [&'static str],
    /// What no other room may depend on.
    heavy: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room { name: "secrets", ours: &[], heavy: &[] },
    Room { name: "seal", ours: &["secrets"], heavy: &["aws-lc-rs", "aws-lc-sys", "argon2"] },
    Room { name: "ledger", ours: &[], heavy: &["sha2", "ed25519-dalek"] },
    Room {
        name: "store",
        ours: &["secrets", "ledger"],
        heavy: &["rusqlite", "libsqlite3-sys", "tokio-postgres", "tokio-postgres-rustls", "deadpool"],
    },
    Room { name: "custody", ours: &["secrets", "seal", "ledger", "store"], heavy: &[] },
    Room {
        name: "server",
        ours: &["secrets", "custody"],
        heavy: &[
            "axum",
            "http-body-util",
            "hyper",
            "hyper-util",
            "rcgen",
            "tokio-rustls",
            "tower",
            "tower-http",
        ],
    },
    Room { name: "client", ours: &["secrets"], heavy: &["ureq", "rustls-platform-verifier"] },
    Room { name: "run", ours: &["secrets"], heavy: &["nix", "signal-hook", "landlock"] },
    Room {
        name: "cli",
        ours: &["secrets", "client", "run", "ledger", "server", "custody", "store", "seal"],
        heavy: &[
            "clap",
            "clap_complete",
            "anyhow",
            "rpassword",
            "comfy-table",
            "indicatif",
            "tracing-subscriber",
        ],
    },
];

/// Not rooms: they look at the house from outside, and nothing depends on them.
const OUTSIDE: &[(&str, &str)] = &[("strongroom-bench", "bench"), ("xtask", "xtask")];

const PREFIX: &str = "strongroom-";

pub(super) fn strangers(repository: &Repository) -> Vec<String> {
    let unknown = repository.packages.iter().filter(|package| {
        let is_outside = OUTSIDE.contains(&(package.name.as_str(), package.folder.as_str()));
        !is_outside && room_of(package).is_none_or(|room| package.folder != format!("crates/{}", room.name))
    });
    unknown
        .map(|package| {
            let Package { name, folder, .. } = package;
            format!("{folder}: {name} is no room; say what only it can do, then give it a row in the table")
        })
        .collect()
}

pub(super) fn forbidden_neighbours(repository: &Repository) -> Vec<String> {
    let ours: Vec<&str> = repository.packages.iter().map(|package| package.name.as_str()).collect();
    let mut breaches = Vec::new();
    for (package, room) in rooms(repository) {
        for name in package
            .dependencies
            .iter()
            .filter(|name| name.starts_with(PREFIX) || ours.contains(&name.as_str()))
        {
            if !name.strip_prefix(PREFIX).is_some_and(|name| room.ours.contains(&name)) {
                breaches
                    .push(format!("{}/Cargo.toml: {} may not depend on {name}", package.folder, room.name));
            }
        }
    }
    breaches
}

pub(super) fn misplaced_dependencies(repository: &Repository) -> Vec<String> {
    let mut breaches = Vec::new();
    for (package, room) in rooms(repository) {
        for owner in ROOMS.iter().filter(|owner| owner.name != room.name) {
            for heavy in owner.heavy.iter().filter(|heavy| package.dependencies.contains(**heavy)) {
                breaches
                    .push(format!("{}/Cargo.toml: {heavy} belongs to {} alone", package.folder, owner.name));
            }
        }
    }
    breaches
}

fn rooms(repository: &Repository) -> impl Iterator<Item = (&Package, &'static Room)> {
    repository.packages.iter().filter_map(|package| Some((package, room_of(package)?)))
}

fn room_of(package: &Package) -> Option<&'static Room> {
    let name = package.name.strip_prefix(PREFIX)?;
    ROOMS.iter().find(|room| room.name == name)
}

/// A room's place in the story, for whoever wants to tell it in order: the pure ones first.
pub(crate) fn order(package: &str) -> usize {
    let name = package.strip_prefix(PREFIX).unwrap_or(package);
    ROOMS.iter().position(|room| room.name == name).unwrap_or(ROOMS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(packages: &[(&str, &str, &[&str])]) -> Repository {
        let packages = packages.iter().map(|(name, folder, dependencies)| Package {
            name: (*name).to_owned(),
            folder: (*folder).to_owned(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        });
        Repository { packages: packages.collect(), ..Repository::default() }
    }

    fn check(wall: fn(&Repository) -> Vec<String>, package: (&str, &str, &[&str]), expected: &[&str]) {
        assert_eq!(wall(&house(&[package])), expected, "{package:?}");
    }

    #[test]
    fn a_tenth_room_and_a_misnamed_one_are_seen() {
        check(strangers, ("strongroom-seal", "crates/seal", &[]), &[]);
        check(strangers, ("strongroom-bench", "bench", &[]), &[]);
        check(strangers, ("xtask", "xtask", &[]), &[]);
        let advice = "is no room; say what only it can do, then give it a row in the table";
        let tenth = format!("crates/vault: strongroom-vault {advice}");
        check(strangers, ("strongroom-vault", "crates/vault", &[]), &[&tenth]);
        let misnamed = format!("crates/sealing: strongroom-seal {advice}");
        check(strangers, ("strongroom-seal", "crates/sealing", &[]), &[&misnamed]);
        let bare = format!("crates/seal: seal {advice}");
        check(strangers, ("seal", "crates/seal", &[]), &[&bare]);
        let hidden = format!("crates/xtask: xtask {advice}");
        check(strangers, ("xtask", "crates/xtask", &[]), &[&hidden]);
    }

    #[test]
    fn a_store_that_could_open_a_value_is_seen() {
        check(
            forbidden_neighbours,
            ("strongroom-store", "crates/store", &["strongroom-ledger", "serde"]),
            &[],
        );
        check(
            forbidden_neighbours,
            ("strongroom-store", "crates/store", &["strongroom-seal"]),
            &["crates/store/Cargo.toml: store may not depend on strongroom-seal"],
        );
        check(
            forbidden_neighbours,
            ("strongroom-secrets", "crates/secrets", &["strongroom-bench"]),
            &["crates/secrets/Cargo.toml: secrets may not depend on strongroom-bench"],
        );
    }

    #[test]
    fn every_pair_outside_the_table_is_seen() {
        for room in ROOMS {
            for other in ROOMS.iter().filter(|other| other.name != room.name) {
                let neighbour = format!("{PREFIX}{}", other.name);
                let house = house(&[(&format!("{PREFIX}{}", room.name), "crates/x", &[&neighbour])]);
                let allowed = room.ours.contains(&other.name);
                assert_eq!(
                    forbidden_neighbours(&house).is_empty(),
                    allowed,
                    "{} on {}",
                    room.name,
                    other.name
                );
            }
        }
    }

    #[test]
    fn a_heavy_dependency_in_another_room_is_seen() {
        check(misplaced_dependencies, ("strongroom-store", "crates/store", &["rusqlite"]), &[]);
        check(misplaced_dependencies, ("strongroom-bench", "bench", &["rusqlite"]), &[]);
        check(
            misplaced_dependencies,
            ("strongroom-custody", "crates/custody", &["rusqlite", "aws-lc-rs", "serde"]),
            &[
                "crates/custody/Cargo.toml: aws-lc-rs belongs to seal alone",
                "crates/custody/Cargo.toml: rusqlite belongs to store alone",
            ],
        );
    }

    #[test]
    fn the_pure_rooms_come_first() {
        assert!(order("strongroom-secrets") < order("strongroom-store"));
        assert!(order("strongroom-store") < order("strongroom-cli"));
        assert!(order("strongroom-cli") < order("strongroom-bench"));
    }
}
