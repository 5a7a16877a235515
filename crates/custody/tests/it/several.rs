//! Several at once on one folder, each with a connection and a runtime of its own, as processes have.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use strongroom_custody::{Absent, CreateError, ReadError, UpdateError, Updated};

use crate::strongroom::{Folder, WIDE, operate, pairs, rename};
use crate::{all, block_on};

type Written = Result<Updated, UpdateError>;

const UPDATES: u32 = 40;
/// So many versions before they begin that old ones are destroyed while they work.
const FIRST: u64 = 60;

#[test]
fn no_accepted_write_is_lost_and_no_reader_is_misled() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    block_on(async {
        room.create("app", "c", &[("env:ONE", "0"), ("env:TWO", "0")]).await.expect("created");
        for _ in 1..FIRST {
            room.update("app", "c", &rename("n")).await.expect("updated");
        }
        room.custodian.close().await;
    });
    let together = Barrier::new(4);
    let writing = AtomicUsize::new(2);
    let written: BTreeMap<u64, (&str, u32)> = thread::scope(|scope| {
        let writers = ["=env:ONE", "=env:TWO"].map(|place| {
            let (folder, together, writing) = (&folder, &together, &writing);
            scope.spawn(move || {
                let written = block_on(write(folder, together, place));
                writing.fetch_sub(1, Ordering::SeqCst);
                written
            })
        });
        let readers = [
            scope.spawn(|| block_on(read(&folder, &together, &writing))),
            scope.spawn(|| block_on(list_versions(&folder, &together, &writing))),
        ];
        let written = writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect();
        for reader in readers {
            reader.join().expect("a reader");
        }
        written
    });

    let last = FIRST + u64::from(2 * UPDATES);
    assert!(written.keys().copied().eq(FIRST + 1..=last), "one version for each write");
    block_on(async {
        let room = folder.open().await;
        let versions: Vec<u64> = (last - 99..=last).collect();
        assert_eq!(room.versions("app", "c").await.expect("versions"), versions);
        let mut expected = BTreeMap::from([("env:ONE", 0), ("env:TWO", 0)]);
        for (version, (place, n)) in written {
            expected.insert(place, n);
            let values = room.deliver("app", "c", Some(version)).await.expect("values");
            let values: BTreeMap<&str, u32> =
                values.iter().map(|(place, n)| (place.as_str(), n.parse().expect("a number"))).collect();
            assert_eq!(values, expected, "version {version}");
        }
        room.verify().await.expect("all in order");
    });
}

/// Counts a secret up, and says which version each write was told to be.
async fn write<'a>(folder: &Folder, together: &Barrier, operation: &'a str) -> Vec<(u64, (&'a str, u32))> {
    let room = folder.open().await;
    together.wait();
    let mut written = Vec::new();
    for n in 1..=UPDATES {
        let update = operate(&[(operation, &n.to_string())]);
        // A write that lost three races was refused and is asked again, as its sentence says.
        let updated = loop {
            match room.update("app", "c", &update).await {
                Err(UpdateError::Contended) => {}
                answer => break answer.expect("updated"),
            }
        };
        written.push((updated.version, (&operation[1..], n)));
    }
    written
}

async fn read(folder: &Folder, together: &Barrier, writing: &AtomicUsize) {
    let room = folder.open().await;
    together.wait();
    while writing.load(Ordering::SeqCst) > 0 {
        let (_, version) = room.show("app", "c", None).await.expect("a collection");
        room.show("app", "c", Some(version)).await.expect("a version stays");
        assert_eq!(room.list("app").await.expect("a list"), ["c"]);
        // The oldest of a hundred may be destroyed between being known and being asked for.
        match room.deliver("app", "c", Some(version.saturating_sub(99).max(1))).await {
            Ok(_) | Err(ReadError::Absent(Absent::Version { .. })) => {}
            Err(error) => panic!("a version before {version}: {error:?}"),
        }
        room.verify().await.expect("all in order at every moment");
    }
}

async fn list_versions(folder: &Folder, together: &Barrier, writing: &AtomicUsize) {
    let room = folder.open().await;
    together.wait();
    while writing.load(Ordering::SeqCst) > 0 {
        let versions = room.versions("app", "c").await.expect("versions");
        let (first, last) = (versions[0], versions[versions.len() - 1]);
        assert!(versions.iter().copied().eq(first..=last), "{versions:?}");
    }
}

#[test]
fn who_looked_too_early_merges_again_unless_they_named_a_version() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    block_on(async {
        room.create("app", "c", &[("env:A", "0"), ("env:B", "0"), ("env:C", "0")]).await.expect("created");
        room.custodian.close().await;
        // Reads see what is committed, so all but the first look at what is about to be written over.
        let room = folder.open_serving().await;
        let set = |place: &'static str, if_match| {
            let room = &room;
            Box::pin(async move { room.update_from("app", "c", if_match, &operate(&[(place, "1")])).await })
                as Pin<Box<dyn Future<Output = _>>>
        };
        let written: Vec<Written> =
            all(["=env:A", "=env:B", "=env:C"].map(|place| set(place, None)).into()).await;
        let written: Vec<u64> = written.into_iter().map(|made| made.expect("merged again").version).collect();
        assert_eq!(written, [2, 3, 4]);
        let expected = pairs(&[("env:A", "1"), ("env:B", "1"), ("env:C", "1")]);
        assert_eq!(room.deliver("app", "c", None).await.expect("values"), expected);

        let written: Vec<Written> =
            all(["=env:A", "=env:B", "=env:C"].map(|place| set(place, Some(4))).into()).await;
        let refused = |made: &Written| matches!(made, Err(UpdateError::NotAtVersion { current, .. }) if current.version == 5);
        assert!(written[0].is_ok() && refused(&written[1]) && refused(&written[2]), "{written:?}");
    });
}

#[test]
fn of_several_who_create_one_id_one_does() {
    let (folder, room) = block_on(Folder::founded(WIDE));
    block_on(room.custodian.close());
    let together = Barrier::new(3);
    let outcomes: Vec<Result<u64, CreateError>> = thread::scope(|scope| {
        let makers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    block_on(async {
                        let room = folder.open().await;
                        together.wait();
                        room.create("app", "c", &[("env:A", "1")]).await.map(|made| made.version)
                    })
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().expect("a maker")).collect()
    });
    let made: Vec<_> = outcomes.iter().filter(|outcome| outcome.is_ok()).collect();
    assert!(matches!(made.as_slice(), [Ok(1)]), "{outcomes:?}");
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(CreateError::Exists { .. })));
    assert_eq!(refused.count(), 2, "{outcomes:?}");
    block_on(async { folder.open().await.verify().await.map(drop) }).expect("all in order");
}
