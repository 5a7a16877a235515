//! The walls: claims about this repository that are checked without understanding its code. Deliberately no style:
//! rustfmt and clippy hold that.

mod builds;
mod holes;
mod manifests;
pub(crate) mod rooms;
mod source;
mod sources;

use crate::repository::Repository;

/// A claim, and what speaks against it: one sentence per breach, naming the place and what to do.
pub(crate) struct Wall {
    pub(crate) claim: &'static str,
    pub(crate) breaches: fn(&Repository) -> Vec<String>,
}

/// Every wall. To break one on purpose is the way to learn what it holds: see CONTRIBUTING.md.
pub(crate) const WALLS: &[Wall] = &[
    Wall { claim: "the rooms are the nine of the house, beside bench and xtask", breaches: rooms::strangers },
    Wall {
        claim: "a room depends on those of ours that the table names",
        breaches: rooms::forbidden_neighbours,
    },
    Wall { claim: "a heavy dependency has one room", breaches: rooms::misplaced_dependencies },
    Wall {
        claim: "secrets and ledger reach nothing outside themselves",
        breaches: sources::reach_of_pure_rooms,
    },
    Wall { claim: "unsafe stands in three files", breaches: sources::unsafe_code },
    Wall { claim: "only run starts processes", breaches: sources::started_processes },
    Wall { claim: "only the program prints", breaches: sources::printing },
    Wall { claim: "only an edge reads clock and environment", breaches: sources::excuses },
    Wall {
        claim: "nothing changes its own environment or leaves by exit",
        breaches: sources::forbidden_everywhere,
    },
    Wall { claim: "nothing is unfinished or skipped", breaches: sources::unfinished },
    Wall { claim: "every test that docs/past-holes.md names is there", breaches: holes::unfounded },
    Wall { claim: "every file says first what it is", breaches: sources::opening_comments },
    Wall { claim: "a file is at most 600 lines long without its tests", breaches: sources::long_files },
    Wall { claim: "each version lives once, in the workspace's manifest", breaches: manifests::versions },
    Wall { claim: "no file knows this machine or another registry", breaches: manifests::traces },
    Wall {
        claim: "one provider for ciphers and TLS, and no crate we have turned away",
        breaches: builds::turned_away,
    },
    Wall { claim: "no cipher or TLS crate comes twice", breaches: builds::doubles },
    Wall { claim: "the program is built from at most 250 crates", breaches: builds::size },
    Wall { claim: "the slim program is built from at most 115 crates", breaches: builds::size_of_slim },
    Wall {
        claim: "the slim program holds no database, server, cipher of ours or async runtime",
        breaches: builds::strangers_in_slim,
    },
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::repository::TextFile;

    /// A repository of one file, to plant a breach in.
    pub(crate) fn planted(path: &str, text: &str) -> Repository {
        let file = TextFile { path: path.to_owned(), text: text.to_owned() };
        Repository { files: vec![file], ..Repository::default() }
    }

    #[test]
    fn the_repository_keeps_every_wall() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let repository = Repository::read(&root).expect("git and cargo know this repository");
        let broken: Vec<String> = WALLS
            .iter()
            .flat_map(|wall| {
                (wall.breaches)(&repository).into_iter().map(|breach| format!("{}: {breach}", wall.claim))
            })
            .collect();
        assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    }

    #[test]
    fn an_empty_repository_breaks_nothing() {
        for wall in WALLS {
            assert_eq!((wall.breaches)(&Repository::default()), Vec::<String>::new(), "{}", wall.claim);
        }
    }
}
