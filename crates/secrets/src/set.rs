//! The settled secrets of one collection: no two in one place, no two files on one path or one below another, and no
//! more than the limit. Whoever holds a [`Secrets`] need not check again.

use std::collections::BTreeMap;

use crate::limits::Limits;
use crate::location::Place;

/// An ordered set of secrets whose rules hold.
#[derive(Debug)]
pub struct Secrets<V> {
    // Invariant: the rules of `settle` hold (tests `two_files_may_not_meet`, `no_place_twice`).
    entries: Vec<(Place, V)>,
}

impl<V> Secrets<V> {
    /// Checks the rules of a whole set.
    ///
    /// # Errors
    /// [`SetError`], which names the places and the rule.
    pub fn settle(entries: Vec<(Place, V)>, limits: Limits) -> Result<Self, SetError> {
        let count = entries.len() as u64;
        if count > limits.secrets() {
            return Err(SetError::TooMany { count, limit: limits.secrets() });
        }
        let mut seen = BTreeMap::new();
        for (place, _) in &entries {
            if seen.insert(place, ()).is_some() {
                return Err(SetError::Twice { place: place.clone() });
            }
        }
        check_paths(&entries)?;
        Ok(Self { entries })
    }

    /// The secrets in their order.
    #[must_use]
    pub fn entries(&self) -> &[(Place, V)] {
        &self.entries
    }

    /// Gives the secrets out, in their order.
    #[must_use]
    pub fn into_entries(self) -> Vec<(Place, V)> {
        self.entries
    }
}

/// No two files may reach one path, and none may lie below another.
fn check_paths<V>(entries: &[(Place, V)]) -> Result<(), SetError> {
    let mut files: Vec<(&str, &Place)> = entries
        .iter()
        .filter_map(|(place, _)| match place {
            Place::File(location) => Some((location.path(), place)),
            Place::Env(_) => None,
        })
        .collect();
    // Compared part by part, a folder sorts directly before everything below it.
    files.sort_by(|a, b| a.0.split('/').cmp(b.0.split('/')));
    for pair in files.windows(2) {
        let [(path, place), (next, other)] = pair else { continue };
        if path == next {
            return Err(SetError::OnePath { first: (*place).clone(), second: (*other).clone() });
        }
        if next.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')) {
            return Err(SetError::Below { folder: (*place).clone(), file: (*other).clone() });
        }
    }
    Ok(())
}

/// Which rule a set of secrets breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's sentence is its documentation
pub enum SetError {
    #[error("the collection would have {count} secrets, and the limit is {limit}")]
    TooMany { count: u64, limit: u64 },
    #[error("{place} is given twice; a collection has one secret for each type and location")]
    Twice { place: Place },
    #[error("{first} and {second} reach one path; give one of them another location")]
    OnePath { first: Place, second: Place },
    #[error("{file} would lie below the file {folder}; give one of them another location")]
    Below { folder: Place, file: Place },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretType;

    fn places(list: &[&str]) -> Vec<(Place, ())> {
        list.iter()
            .map(|text| {
                let (kind, location) = text.split_once(':').expect("type:location");
                let kind = if kind == "env" { SecretType::Env } else { SecretType::File };
                (Place::parse(kind, location).expect("a legal location"), ())
            })
            .collect()
    }

    fn settle(list: &[&str]) -> Result<(), SetError> {
        Secrets::settle(places(list), Limits::DEFAULT).map(|_| ())
    }

    #[test]
    fn no_place_twice() {
        assert_eq!(settle(&["env:A", "file:A", "env:B"]), Ok(()));
        assert!(matches!(settle(&["env:A", "env:B", "env:A"]), Err(SetError::Twice { .. })));
    }

    #[test]
    fn two_files_may_not_meet() {
        assert_eq!(settle(&["file:a/b", "file:a/c", "file:ab", "file:a.b", "file:a-b/c"]), Ok(()));
        assert!(matches!(settle(&["file:/a", "file:a"]), Err(SetError::OnePath { .. })));
        assert!(matches!(settle(&["file:./x/y", "file:/x/y"]), Err(SetError::OnePath { .. })));
        assert!(matches!(settle(&["file:a/b/c", "file:a.b", "file:a"]), Err(SetError::Below { .. })));
        assert!(matches!(settle(&["file:a/b", "file:a/b-c", "file:/a/b/c"]), Err(SetError::Below { .. })));
    }

    #[test]
    fn the_count_is_checked_on_the_whole_set() {
        let many: Vec<String> = (0..21).map(|i| format!("env:A{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = Secrets::settle(places(&many), Limits::NEXTMV).map(|_| ());
        assert_eq!(error, Err(SetError::TooMany { count: 21, limit: 20 }));
    }
}
