//! Releases × operations: what went well and what did not, one table once the last release has been driven. Deliberately not
//! the judgement: each test fails by itself, with its own sentences.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Mutex;

use super::{COMMAND_LINES, SDKS};

/// How one operation went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Kept,
    Broken,
    /// This release does not have it.
    Absent,
}

type Column = Vec<(String, Mark)>;

/// What all releases of one kind came to.
pub(super) struct Table {
    title: &'static str,
    releases: &'static [&'static str],
    columns: Mutex<BTreeMap<String, Column>>,
}

pub(super) static OF_SDKS: Table =
    Table { title: "nextmv SDK", releases: &SDKS, columns: Mutex::new(BTreeMap::new()) };
pub(super) static OF_COMMAND_LINES: Table =
    Table { title: "nextmv CLI", releases: &COMMAND_LINES, columns: Mutex::new(BTreeMap::new()) };

/// One release's operations; handed in at its end, however that comes.
pub(super) struct Report {
    table: &'static Table,
    release: String,
    column: Column,
    breaches: Vec<String>,
}

impl Report {
    pub(super) fn of(table: &'static Table, release: &str) -> Self {
        Self { table, release: release.to_owned(), column: Vec::new(), breaches: Vec::new() }
    }

    pub(super) fn absent(&mut self, operation: &str) {
        self.column.push((operation.to_owned(), Mark::Absent));
    }

    /// Goes on after a breach: the operations that follow say more about it.
    pub(super) fn add(&mut self, operation: &str, outcome: Result<(), String>) {
        let mark = if outcome.is_ok() { Mark::Kept } else { Mark::Broken };
        self.column.push((operation.to_owned(), mark));
        let Err(sentence) = outcome else { return };
        // What is broken stays broken: it is told once.
        if self.breaches.last().is_none_or(|breach| !breach.ends_with(&sentence)) {
            self.breaches.push(format!("{operation}: {sentence}"));
        }
    }

    /// The judgement over this release. `operations` is how many there are: a script that stops early has not passed.
    #[track_caller]
    pub(super) fn judge(self, operations: usize) {
        assert!(self.breaches.is_empty(), "nextmv {}:\n{}", self.release, self.breaches.join("\n"));
        assert_eq!(self.column.len(), operations, "nextmv {} stopped early", self.release);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let mut columns = self.table.columns.lock().expect("nobody panics while holding it");
        columns.insert(self.release.clone(), std::mem::take(&mut self.column));
        if columns.len() == self.table.releases.len() {
            let text = self.table.draw(&columns);
            // Past the capture of what passing tests print. If nobody listens, nothing is lost.
            let _ = io::stdout().write_all(text.as_bytes());
        }
    }
}

impl Table {
    fn draw(&self, columns: &BTreeMap<String, Column>) -> String {
        let mut text = format!("\n{:<12}", self.title);
        for release in self.releases {
            text.push_str(&format!(" {release:>7}"));
        }
        let longest = columns.values().max_by_key(|column| column.len());
        for (operation, _) in longest.into_iter().flatten() {
            text.push_str(&format!("\n{operation:<12}"));
            for release in self.releases {
                let found = columns[*release].iter().find(|(name, _)| name == operation);
                text.push_str(&format!(" {:>7}", found.map_or("?", |(_, mark)| mark.word())));
            }
        }
        text.push_str("\n\n");
        text
    }
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "ok",
            Self::Broken => "FAILED",
            Self::Absent => "-",
        }
    }
}
