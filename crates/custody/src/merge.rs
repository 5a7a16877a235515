//! How a change and the stored secrets become the new secrets. Pure: it decides, and touches neither rows nor keys.

use strongroom_secrets::{Change, Limits, Mask, Operation, Place, SecretValue, Secrets, ValueId, Written};

use crate::error::UpdateError;

/// What an update did to the secrets, by place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New ones.
    pub added: Vec<Place>,
    /// Those that were given a value.
    pub changed: Vec<Place>,
    /// Those that are gone.
    pub removed: Vec<Place>,
    /// Those that stayed as they were.
    pub kept: Vec<Place>,
}

/// Where the value of a secret of the new version comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// It stays: the value at this index of the stored version.
    Kept(usize),
    /// It is new.
    New(&'a SecretValue),
}

/// What a merge has to know of the stored version.
pub(crate) struct Stored<'a> {
    /// Places and value ids, in their order.
    pub(crate) secrets: &'a [(Place, ValueId)],
    /// Whether a mask was made by this strongroom for this collection and place, whatever value it stands for.
    pub(crate) genuine: &'a (dyn Fn(&Place, &Mask) -> bool + Sync),
}

/// Applies a change. All or nothing; the rules of sets are judged on the final state.
pub(crate) fn merge<'a>(
    stored: &Stored<'_>,
    change: &'a Change,
    limits: Limits,
) -> Result<Secrets<Source<'a>>, UpdateError> {
    let entries = match change {
        Change::Replace(list) => {
            list.iter().map(|(place, written)| stored.source(place, written)).collect::<Result<_, _>>()?
        }
        Change::Operations(operations) => stored.operate(operations)?,
    };
    Ok(Secrets::settle(entries, limits)?)
}

/// The stored secrets, all kept.
pub(crate) fn keep_all(stored: &Stored<'_>) -> Vec<(Place, Source<'static>)> {
    stored.secrets.iter().enumerate().map(|(i, (place, _))| (place.clone(), Source::Kept(i))).collect()
}

/// What a merge did, in the order of the new version, then what it removed.
pub(crate) fn changes(stored: &Stored<'_>, merged: &Secrets<Source<'_>>) -> Changes {
    let mut changes = Changes::default();
    for (place, source) in merged.entries() {
        match (source, stored.index(place)) {
            (Source::New(_), None) => changes.added.push(place.clone()),
            (Source::New(_), Some(_)) => changes.changed.push(place.clone()),
            (Source::Kept(_), _) => changes.kept.push(place.clone()),
        }
    }
    let stays = |place: &Place| merged.entries().iter().any(|(other, _)| other == place);
    changes.removed = stored.secrets.iter().map(|(place, _)| place).filter(|p| !stays(p)).cloned().collect();
    changes
}

impl Stored<'_> {
    fn index(&self, place: &Place) -> Option<usize> {
        self.secrets.iter().position(|(stored, _)| stored == place)
    }

    fn source<'a>(&self, place: &Place, written: &'a Written) -> Result<(Place, Source<'a>), UpdateError> {
        match written {
            Written::Value(value) => Ok((place.clone(), Source::New(value))),
            Written::Mask(mask) => Ok((place.clone(), Source::Kept(self.kept(place, mask)?))),
        }
    }

    /// A mask keeps the stored value only if it is the current mask of that very secret.
    fn kept(&self, place: &Place, mask: &Mask) -> Result<usize, UpdateError> {
        if !(self.genuine)(place, mask) {
            return Err(UpdateError::ForeignMask(place.clone()));
        }
        match self.index(place) {
            Some(i) if self.secrets[i].1 == *mask.value_id() => Ok(i),
            _ => Err(UpdateError::StaleMask(place.clone())),
        }
    }

    fn operate<'a>(&self, operations: &'a [Operation]) -> Result<Vec<(Place, Source<'a>)>, UpdateError> {
        let mut entries: Vec<(Place, Source<'a>)> = keep_all(self);
        for operation in operations {
            let at = entries.iter().position(|(place, _)| place == operation.place());
            match (operation, at) {
                (Operation::Create(place, value), None) => entries.push((place.clone(), Source::New(value))),
                (Operation::Create(place, _), Some(_)) => {
                    return Err(UpdateError::AlreadyThere(place.clone()));
                }
                (Operation::Update(place, written), Some(at)) => entries[at] = self.source(place, written)?,
                (Operation::Update(place, written), None) => return Err(self.missing(place, written)),
                (Operation::Delete(_), Some(at)) => drop(entries.remove(at)),
                (Operation::Delete(_), None) => {}
            }
        }
        Ok(entries)
    }

    /// An update of a secret that is not there: with a mask, the mask says more about why.
    fn missing(&self, place: &Place, written: &Written) -> UpdateError {
        match written {
            Written::Mask(mask) if !(self.genuine)(place, mask) => UpdateError::ForeignMask(place.clone()),
            Written::Mask(_) => UpdateError::StaleMask(place.clone()),
            Written::Value(_) => UpdateError::NotThere(place.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::SecretType;
    use zeroize::Zeroizing;

    use super::*;

    fn place(name: &str) -> Place {
        Place::parse(SecretType::Env, name).expect("a name")
    }

    fn value_id(n: u8) -> ValueId {
        ValueId::from_random([n; 10])
    }

    fn value() -> SecretValue {
        SecretValue::from(Zeroizing::new("v".to_owned()))
    }

    /// A mask of the value `n`; the tests' own masks have a MAC of ones where they are genuine.
    fn mask(n: u8, genuine: bool) -> Written {
        Written::Mask(Mask::from_parts(value_id(n), [u8::from(genuine); 16]))
    }

    /// Merges into `A` (value 1) and `B` (value 2) and says the outcome as text.
    fn check(change: Change, expected: &str) {
        let secrets = [(place("A"), value_id(1)), (place("B"), value_id(2))];
        let stored = Stored { secrets: &secrets, genuine: &|_, mask| mask.mac() == &[1; 16] };
        let said = match merge(&stored, &change, Limits::NEXTMV) {
            Ok(merged) => merged
                .entries()
                .iter()
                .map(|(place, source)| match source {
                    Source::Kept(i) => format!("{}={i}", place.location()),
                    Source::New(_) => format!("{}=new", place.location()),
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("{error:?}").split('(').next().unwrap_or_default().to_owned(),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn a_sent_back_mask_keeps_the_value_and_no_other_mask_does() {
        use Change::Replace;
        check(Replace(vec![(place("B"), mask(2, true)), (place("A"), mask(1, true))]), "B=1 A=0");
        check(Replace(vec![(place("A"), mask(1, true)), (place("C"), Written::Value(value()))]), "A=0 C=new");
        check(Replace(vec![(place("A"), mask(1, false))]), "ForeignMask");
        check(Replace(vec![(place("A"), mask(2, true))]), "StaleMask");
        check(Replace(vec![(place("A"), mask(9, true))]), "StaleMask");
        check(Replace(vec![(place("C"), mask(1, true))]), "StaleMask");
        check(Replace(vec![(place("A"), mask(1, true)), (place("A"), mask(1, true))]), "Set");
    }

    #[test]
    fn operations_are_judged_on_the_final_state() {
        use Operation::{Create, Delete, Update};
        let operations = |list| Change::operations(list).expect("no place twice");
        check(operations(vec![Create(place("C"), value()), Delete(place("A"))]), "B=1 C=new");
        check(operations(vec![Update(place("A"), Written::Value(value()))]), "A=new B=1");
        check(operations(vec![Update(place("A"), mask(1, true))]), "A=0 B=1");
        check(operations(vec![Delete(place("A")), Delete(place("B"))]), "");
        check(operations(vec![Delete(place("Z"))]), "A=0 B=1");
        check(operations(vec![Create(place("A"), value())]), "AlreadyThere");
        check(operations(vec![Update(place("Z"), Written::Value(value()))]), "NotThere");
        check(operations(vec![Update(place("A"), mask(2, true))]), "StaleMask");
        check(operations(vec![Update(place("Z"), mask(2, true))]), "StaleMask");
        check(operations(vec![Update(place("Z"), mask(2, false))]), "ForeignMask");
        let swap = (0..20)
            .map(|i| Create(place(&format!("N{i}")), value()))
            .chain([Delete(place("A")), Delete(place("B"))])
            .collect();
        let expected: Vec<String> = (0..20).map(|i| format!("N{i}=new")).collect();
        check(operations(swap), &expected.join(" "));
        let many = (0..19).map(|i| Create(place(&format!("N{i}")), value())).collect();
        check(operations(many), "Set");
    }
}
