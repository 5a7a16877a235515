//! Many at once, each with a connection of its own, as processes have.

use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;

use strongroom_ledger::tree::Frontier;
use strongroom_store::Store;

use crate::ledger::{append, begin_ledger};
use crate::samples::{application, record};
use crate::{block_on, folder};

const WRITERS: usize = 4;
const RECORDS: usize = 15;

#[test]
fn many_writers_make_one_ledger() {
    let data = folder();
    block_on(async { begin_ledger(&Store::create(data.path()).await.expect("a store")).await });
    let together = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (data, together) = (data.path(), &together);
            scope.spawn(move || {
                block_on(async {
                    let store = Store::open(data).await.expect("the same store");
                    together.wait();
                    append(&store, RECORDS).await;
                    let mut change = store.begin(1).await.expect("a change");
                    let row = application(&format!("of-{writer}"), &format!("born-{writer}"));
                    change.insert_application(&row).await.expect("a new one");
                    change.commit().await.expect("a commit");
                });
            });
        }
    });
    block_on(async {
        let store = Store::open(data.path()).await.expect("the same store");
        let mut expected = Frontier::new();
        for (place, (seq, leaf)) in (0..).zip(store.leaves(1, 0, 999).await.expect("all leaves")) {
            assert_eq!(seq, place);
            assert_eq!(leaf, record(seq, "", "").leaf);
            expected.append(leaf);
        }
        assert_eq!(expected.size(), (WRITERS * RECORDS) as u64);
        assert_eq!(store.head(1).await.expect("an answer").expect("a ledger").frontier, expected);
        assert_eq!(store.applications(1, None, 99).await.expect("an answer").len(), WRITERS);
    });
}

#[test]
fn many_who_make_one_store_make_one() {
    let data = folder();
    let together = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                together.wait();
                let inside = data.path().join("new");
                let store = block_on(Store::create(&inside)).expect("made or adopted");
                assert_eq!(block_on(store.head(1)).expect("an answer"), None);
            });
        }
    });
}

#[test]
fn many_threads_of_one_store_lose_nothing_when_some_go_away() {
    let data = folder();
    block_on(async {
        let store = Store::create(data.path()).await.expect("a store");
        begin_ledger(&store).await;
        store.close().await;
    });
    let store = block_on(Store::open_serving(data.path(), WRITERS)).expect("the server");
    let together = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, together) = (&store, &together);
            scope.spawn(move || {
                together.wait();
                for count in 0..10 * RECORDS {
                    let id = format!("{writer}-{count}");
                    block_on(async {
                        let mut change = store.begin(1).await.expect("a change");
                        change.insert_application(&application(&id, &id)).await.expect("a new one");
                        let mut waiting = pin!(change.commit());
                        // Some are asked once and then forgotten.
                        let asked = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                        if asked.is_pending() && count % 3 > 0 {
                            waiting.await.expect("a commit");
                        }
                    });
                }
            });
        }
    });
    block_on(async {
        let other = Store::open(data.path()).await.expect("the same store");
        append(&other, 1).await;
        let all = other.applications(1, None, 9_999).await.expect("an answer").len();
        assert_eq!(all, 10 * WRITERS * RECORDS, "also those who went away had joined");
    });
}

#[test]
fn many_tasks_of_one_store_take_turns() {
    block_on(async {
        let store = Arc::new(Store::memory().await.expect("a store"));
        begin_ledger(&store).await;
        // Each begins while the one before it is in the middle of its change.
        let tasks = (0..WRITERS).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { append(&store, RECORDS).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("a task that ends");
        }
        let head = store.head(1).await.expect("an answer").expect("a ledger");
        assert_eq!(head.frontier.size(), (WRITERS * RECORDS) as u64);
    });
}
