//! Versions: every write makes one, the newest hundred stay, and one that is not kept is absent.

use strongroom_custody::{Absent, List, ReadError};

use crate::block_on;
use crate::strongroom::{Strongroom, at, collection, operate, pairs, rename, replace};

#[test]
fn every_write_makes_a_version_that_stays_as_it_was() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1"), ("env:B", "b")]).await.expect("created");
        room.update("app", "c", &operate(&[("=env:A", "2")])).await.expect("updated");
        room.update("app", "c", &rename("Renamed")).await.expect("updated");
        room.update("app", "c", &replace(&[("file:f", "4")])).await.expect("updated");
        let expected: [(&str, &[(&str, &str)]); 4] = [
            ("c", &[("env:A", "1"), ("env:B", "b")]),
            ("c", &[("env:A", "2"), ("env:B", "b")]),
            ("Renamed", &[("env:A", "2"), ("env:B", "b")]),
            ("Renamed", &[("file:f", "4")]),
        ];
        for (version, (name, secrets)) in (1..).zip(expected) {
            let (shown, number) = room.show("app", "c", Some(version)).await.expect("a version");
            assert_eq!((number, shown.summary.name.as_str()), (version, name));
            let delivered = room.deliver("app", "c", Some(version)).await.expect("values");
            assert_eq!(delivered, pairs(secrets), "version {version}");
        }
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), pairs(expected[3].1));
    });
}

#[test]
fn versions_say_when_by_whom_and_how_many() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1"), ("env:B", "2")]).await.expect("created");
        room.update("app", "c", &operate(&[("-env:B", "")])).await.expect("updated");
        let versions = room.custodian.versions(&room.access::<List>("app"), &collection("c")).await;
        let versions = versions.expect("versions");
        let said: Vec<_> =
            versions.iter().map(|v| (v.version, v.created_at, v.created_by.as_str(), v.secrets)).collect();
        assert_eq!(said, [(1, at(3), "uid:1000", 2), (2, at(4), "uid:1000", 1)]);
    });
}

#[test]
fn a_version_that_never_was_is_absent() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        for version in [0, 2, u64::from(u32::MAX), i64::MAX as u64] {
            let error = room.show("app", "c", Some(version)).await.map(drop).expect_err("never was");
            let absent = Absent::Version { id: collection("c"), version };
            assert!(matches!(&error, ReadError::Absent(found) if *found == absent), "{error:?}");
            let error = room.deliver("app", "c", Some(version)).await.expect_err("never was");
            assert!(matches!(&error, ReadError::Absent(found) if *found == absent), "{error:?}");
        }
    });
}

#[test]
fn the_hundred_newest_versions_are_kept() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "1")]).await.expect("created");
        for version in 2..=105 {
            let update = operate(&[("=env:A", &version.to_string())]);
            assert_eq!(room.update("app", "c", &update).await.expect("updated").version, version);
        }
        let kept: Vec<u64> = (6..=105).collect();
        assert_eq!(room.versions("app", "c").await.expect("versions"), kept);
        for version in [6, 50, 105] {
            let values = room.deliver("app", "c", Some(version)).await.expect("kept");
            assert_eq!(values, pairs(&[("env:A", &version.to_string())]));
        }
        for version in [1, 5] {
            let error = room.deliver("app", "c", Some(version)).await.expect_err("not kept");
            let absent = Absent::Version { id: collection("c"), version };
            assert!(matches!(&error, ReadError::Absent(found) if *found == absent), "{error:?}");
        }
        room.verify().await.expect("all in order");
        room.delete("app", "c").await.expect("deleted");
        room.verify().await.expect("a tombstone keeps its versions in order");
    });
}
