//! Whether the tests that docs/past-holes.md names are there. Deliberately nothing about what they test: a reviewer reads
//! that.

use crate::repository::Repository;

const TABLE: &str = "docs/past-holes.md";

/// Every name in the table that no test in the named file has.
pub(super) fn unfounded(repository: &Repository) -> Vec<String> {
    let Some(table) = repository.files.iter().find(|file| file.path == TABLE) else { return Vec::new() };
    let named =
        table.text.lines().enumerate().flat_map(|(at, line)| named(line).map(move |test| (at + 1, test)));
    named.filter(|(_, (path, name))| !is_test(repository, path, name)).map(|(at, (path, name))| {
        format!("{TABLE}:{at}: {path} has no test {name}; name the one that shows this, or say why there is none")
    }).collect()
}

/// The tests that a line names: a file below `crates/` and a function, each between backquotes and one blank apart.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted: Vec<&str> = line.split('`').collect();
    (1..quoted.len().saturating_sub(2)).step_by(2).filter_map(move |at| {
        let is_file = quoted[at].ends_with(".rs") && quoted[at + 1] == " ";
        is_file.then(|| (quoted[at], quoted[at + 2]))
    })
}

fn is_test(repository: &Repository, path: &str, name: &str) -> bool {
    let file = repository.files.iter().find(|file| file.path.strip_prefix("crates/") == Some(path));
    // A macro that makes a test of each name in its list has them one a line.
    let makes_tests = |text: &str| text.contains("#[test]\n        fn $name()");
    if file.is_some_and(|file| makes_tests(&file.text) && file.text.lines().any(|line| line.trim() == name)) {
        return true;
    }
    let begins = format!("fn {name}(");
    // Its attributes, one of which says that it is a test, stand above it without an empty line.
    let is_test = |before: &str| {
        let above = before.rsplit_once('\n').map_or("", |(above, _)| above);
        let attributes = above.lines().rev().take_while(|line| !line.trim().is_empty());
        attributes.into_iter().any(|line| line.contains("test]"))
    };
    file.is_some_and(|file| file.text.match_indices(&begins).any(|(at, _)| is_test(&file.text[..at])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::TextFile;

    #[test]
    fn a_test_that_was_renamed_is_missed() {
        let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
        let table =
            "| C | `a/tests/it/x.rs` `it_holds`, `a/tests/it/x.rs`\n`lost` | `word` `a/src/y.rs` `helps` |";
        let tests = "#[test]\nfn it_holds() {}\n\n\n\n\n\nfn helps() {}\n";
        let found = |tests: &str| {
            let files = vec![
                file(TABLE, table),
                file("crates/a/tests/it/x.rs", tests),
                file("crates/a/src/y.rs", tests),
            ];
            unfounded(&Repository { files, ..Repository::default() })
        };
        let missing = |breaches: Vec<String>| {
            breaches.iter().map(|breach| breach.matches("no test it_holds").count()).sum::<usize>()
        };
        assert_eq!(
            found(tests),
            ["docs/past-holes.md:2: a/src/y.rs has no test helps; name the one that shows this, or \
                                   say why there is none"]
        );
        assert_eq!(missing(found(&tests.replace("it_holds", "it_held"))), 1);
        assert_eq!(missing(found(&tests.replace("#[test]", ""))), 1);
        assert_eq!(missing(found("")), 1);
    }
}
