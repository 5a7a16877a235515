//! Long random sequences of operations against a plain model of what should be there: lists and maps, no keys, no rows.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::block_on;
use crate::strongroom::{Strongroom, operate, pairs, rename, replace};

const APPLICATIONS: [&str; 2] = ["app", "other"];
const COLLECTIONS: [&str; 2] = ["c", "d"];
const PLACES: [&str; 3] = ["env:A", "env:B", "file:f"];

type Spot = (&'static str, &'static str);

#[derive(Debug, Clone)]
enum Step {
    CreateApplication(&'static str),
    DeleteApplication(&'static str),
    Create(Spot, BTreeMap<&'static str, u8>),
    /// By place: create, update or delete.
    Operate(Spot, BTreeMap<&'static str, (char, u8)>),
    /// By place: a value, or what was shown.
    Replace(Spot, BTreeMap<&'static str, Option<u8>>),
    Rename(Spot, Option<u64>),
    Delete(Spot),
    Deliver(Spot, Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    use prop::collection::btree_map;
    let application = || prop::sample::select(&APPLICATIONS[..]);
    let spot = || (application(), prop::sample::select(&COLLECTIONS[..]));
    let place = || prop::sample::select(&PLACES[..]);
    let sign = prop::sample::select(vec!['+', '=', '-']);
    prop_oneof![
        2 => application().prop_map(Step::CreateApplication),
        1 => application().prop_map(Step::DeleteApplication),
        6 => (spot(), btree_map(place(), any::<u8>(), 1..3)).prop_map(|(s, m)| Step::Create(s, m)),
        6 => (spot(), btree_map(place(), (sign, any::<u8>()), 1..3)).prop_map(|(s, m)| Step::Operate(s, m)),
        6 => (spot(), btree_map(place(), any::<Option<u8>>(), 1..3)).prop_map(|(s, m)| Step::Replace(s, m)),
        3 => (spot(), prop::option::of(1..6_u64)).prop_map(|(s, v)| Step::Rename(s, v)),
        2 => spot().prop_map(Step::Delete),
        4 => (spot(), prop::option::of(1..9_u64)).prop_map(|(s, v)| Step::Deliver(s, v)),
    ]
}

type Secrets = Vec<(String, String)>;

/// What should be there.
#[derive(Default)]
struct Model {
    /// Of each live application, its live collections: versions with their secrets.
    applications: BTreeMap<&'static str, BTreeMap<&'static str, BTreeMap<u64, Secrets>>>,
    counters: BTreeMap<Spot, u64>,
    records: Vec<(&'static str, &'static str, Option<&'static str>, Option<u64>)>,
}

impl Model {
    fn versions(&self, spot: Spot) -> Option<&BTreeMap<u64, Secrets>> {
        self.applications.get(spot.0)?.get(spot.1)
    }

    fn current(&self, spot: Spot) -> Option<(u64, &Secrets)> {
        self.versions(spot)?.last_key_value().map(|(version, secrets)| (*version, secrets))
    }

    /// Writes the next version.
    fn write(&mut self, spot: Spot, action: &'static str, secrets: Secrets) {
        let version = self.counters.entry(spot).or_default();
        *version += 1;
        let application = self.applications.get_mut(spot.0).expect("a live application");
        application.entry(spot.1).or_default().insert(*version, secrets);
        self.records.push((action, spot.0, Some(spot.1), Some(*version)));
    }

    /// What operations make of the current secrets; none where one of them is refused.
    fn operate(&self, spot: Spot, operations: &BTreeMap<&str, (char, u8)>) -> Option<Secrets> {
        let mut secrets = self.current(spot)?.1.clone();
        for (place, (sign, value)) in operations {
            let at = secrets.iter().position(|(name, _)| name == place);
            match (sign, at) {
                ('+', None) => secrets.push(((*place).to_owned(), value.to_string())),
                ('=', Some(at)) => secrets[at].1 = value.to_string(),
                ('-', Some(at)) => drop(secrets.remove(at)),
                ('-', None) => {}
                _ => return None,
            }
        }
        Some(secrets)
    }

    /// What a replacement makes of the current secrets; none where something is kept that is not there.
    fn replace(&self, spot: Spot, list: &BTreeMap<&str, Option<u8>>) -> Option<Secrets> {
        let current = self.current(spot)?.1;
        let kept =
            |place: &str| current.iter().find(|(name, _)| name == place).map(|(_, value)| value.clone());
        list.iter()
            .map(|(place, value)| {
                Some(((*place).to_owned(), value.map_or_else(|| kept(place), |v| Some(v.to_string()))?))
            })
            .collect()
    }
}

/// Takes a step in the strongroom and in the model, and holds their outcomes against each other.
async fn take(room: &Strongroom, model: &mut Model, step: &Step) {
    let accepted = match step {
        Step::CreateApplication(id) => {
            let free = !model.applications.contains_key(id);
            if free {
                model.applications.insert(id, BTreeMap::new());
                model.records.push(("application.create", id, None, None));
            }
            (room.create_application(id).await.is_ok(), free)
        }
        Step::DeleteApplication(id) => {
            let there = model.applications.remove(id).is_some();
            if there {
                model.records.push(("application.delete", id, None, None));
            }
            (room.delete_application(id).await.is_ok(), there)
        }
        Step::Create(spot, secrets) => {
            let free = model.applications.get(spot.0).is_some_and(|all| !all.contains_key(spot.1));
            let texts: Vec<(&str, String)> = secrets.iter().map(|(p, v)| (*p, v.to_string())).collect();
            let list: Vec<(&str, &str)> = texts.iter().map(|(p, v)| (*p, v.as_str())).collect();
            if free {
                model.write(*spot, "collection.create", pairs(&list));
            }
            (room.create(spot.0, spot.1, &list).await.is_ok(), free)
        }
        Step::Operate(spot, operations) => {
            let texts: Vec<(String, String)> =
                operations.iter().map(|(p, (sign, v))| (format!("{sign}{p}"), v.to_string())).collect();
            let list: Vec<(&str, &str)> = texts.iter().map(|(p, v)| (p.as_str(), v.as_str())).collect();
            let expected = model.operate(*spot, operations);
            let there = expected.is_some();
            if let Some(secrets) = expected {
                model.write(*spot, "collection.update", secrets);
            }
            (room.update(spot.0, spot.1, &operate(&list)).await.is_ok(), there)
        }
        Step::Replace(spot, list) => {
            let shown: BTreeMap<String, String> =
                room.masks(spot.0, spot.1).await.unwrap_or_default().into_iter().collect();
            // What is not there has no mask to send back.
            let sent = |place: &&str, value: Option<u8>| {
                value.map(|v| v.to_string()).or_else(|| shown.get(*place).cloned())
            };
            let texts: Option<Vec<(&str, String)>> =
                list.iter().map(|(place, value)| Some((*place, sent(place, *value)?))).collect();
            let Some(texts) = texts else { return };
            let all: Vec<(&str, &str)> = texts.iter().map(|(p, v)| (*p, v.as_str())).collect();
            let expected = model.replace(*spot, list);
            let there = expected.is_some();
            if let Some(secrets) = expected {
                model.write(*spot, "collection.update", secrets);
            }
            (room.update(spot.0, spot.1, &replace(&all)).await.is_ok(), there)
        }
        Step::Rename(spot, if_match) => {
            let current = model.current(*spot).map(|(version, secrets)| (version, secrets.clone()));
            let meets = current.filter(|(version, _)| if_match.is_none_or(|expected| expected == *version));
            let there = meets.is_some();
            if let Some((_, secrets)) = meets {
                model.write(*spot, "collection.update", secrets);
            }
            (room.update_from(spot.0, spot.1, *if_match, &rename("n")).await.is_ok(), there)
        }
        Step::Delete(spot) => {
            let version = model.current(*spot).map(|(version, _)| version);
            if version.is_some() {
                model.records.push(("collection.delete", spot.0, Some(spot.1), version));
                model.applications.get_mut(spot.0).expect("a live application").remove(spot.1);
            }
            (room.delete(spot.0, spot.1).await.is_ok(), version.is_some())
        }
        Step::Deliver(spot, version) => {
            let number = version.or_else(|| model.current(*spot).map(|(version, _)| version));
            let secrets = number.and_then(|n| model.versions(*spot)?.get(&n)).cloned();
            if secrets.is_some() {
                model.records.push(("collection.deliver", spot.0, Some(spot.1), number));
            }
            let delivered = room.deliver(spot.0, spot.1, *version).await.ok();
            assert_eq!(delivered, secrets);
            return;
        }
    };
    assert_eq!(accepted.0, accepted.1, "accepted, and should be: {step:?}");
}

/// Holds everything that can be seen against the model.
async fn compare(room: &Strongroom, model: &Model) {
    let applications: Vec<&str> = model.applications.keys().copied().collect();
    assert_eq!(room.applications().await.expect("a list"), applications);
    let records = room.records().await.expect("records");
    let said = records.iter().map(|record| {
        let application = record.application_id.as_deref().unwrap_or_default();
        (record.action.as_str(), application, record.collection_id.as_deref(), record.version)
    });
    assert_eq!(said.skip(1).collect::<Vec<_>>(), model.records);
    for (application, collections) in &model.applications {
        let mut listed = room.list(application).await.expect("a list");
        listed.sort();
        assert_eq!(listed, collections.keys().copied().collect::<Vec<_>>());
        for (id, versions) in collections {
            let kept: Vec<u64> = versions.keys().copied().collect();
            assert_eq!(room.versions(application, id).await.expect("versions"), kept);
            for (version, secrets) in versions {
                let delivered = room.deliver(application, id, Some(*version)).await.expect("values");
                assert_eq!(&delivered, secrets);
            }
        }
    }
    let verified = room.verify().await.expect("all in order");
    assert_eq!(verified.opened, verified.records);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn whatever_is_done_what_should_be_there_is_there(steps in prop::collection::vec(step(), 1..80)) {
        block_on(async {
            let room = Strongroom::memory().await;
            let mut model = Model::default();
            model.applications.insert("app", BTreeMap::new());
            model.records.push(("application.create", "app", None, None));
            for step in &steps {
                take(&room, &mut model, step).await;
            }
            compare(&room, &model).await;
        });
    }
}
