//! Changes that share a commit: all of them land, or the one that failed does not; whoever goes away leaves
//! nothing open.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use strongroom_store::{CommitError, Committed, Store, Transaction};

use crate::ledger::{append, begin_ledger};
use crate::samples::application;
use crate::{block_on, each, each_pair, folder};

#[test]
fn who_is_alone_commits_once_for_each_change() {
    each(async |store| {
        for count in 1..=5 {
            let before = store.commits();
            let born = format!("a{count}");
            change(&store, &born).await.commit().await.expect("a commit");
            assert_eq!(store.commits(), before + 1);
        }
        let before = store.commits();
        drop(change(&store, "dropped").await);
        assert_eq!(store.commits(), before, "there was nothing to commit");
    });
}

#[test]
fn those_who_wait_share_a_commit() {
    const TASKS: u64 = 64;
    block_on(async {
        let data = folder();
        let store = Arc::new(Store::create(data.path()).await.expect("a store"));
        begin_ledger(&store).await;
        let before = store.commits();
        let tasks = (0..TASKS).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { append(&store, 1).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("a task that ends");
        }
        assert_eq!(store.commits(), before + 1);
        let head = store.head(1).await.expect("an answer").expect("a ledger");
        assert_eq!(head.frontier.size(), TASKS);
    });
}

#[test]
fn one_that_fails_is_dropped_alone_and_the_others_are_committed_with_it() {
    each_pair(async |store, other| {
        for fails in [false, true] {
            let (first, second, third) = (born(fails, 1), born(fails, 2), born(fails, 3));
            let mut leader = pin!(change(&store, &first).await.commit());
            assert!(poll(leader.as_mut()).is_pending());
            let mut follower = pin!(change(&store, &second).await.commit());
            assert!(poll(follower.as_mut()).is_pending());

            let mut failing = change(&store, &third).await;
            assert!(exists_inside(&mut failing, &first).await, "it stands on what the others did");
            if fails {
                failing.insert_application(&application(&first, "x")).await.expect_err("it exists");
                let refused = failing.commit().await.expect_err("an earlier step failed");
                assert!(matches!(refused, CommitError::Refused(_)), "{refused:?}");
            } else {
                drop(failing);
            }
            // Before anybody was polled: what it met is durable when it answers.
            assert_eq!(there(&other, &[&first, &second, &third]).await, [true, true, false]);
            leader.await.expect("committed");
            follower.await.expect("committed");
        }
    });

    fn born(fails: bool, number: u8) -> String {
        format!("{fails}-{number}")
    }
}

#[test]
fn a_group_that_is_full_is_committed_by_who_comes_next() {
    block_on(async {
        let store = Store::memory().await.expect("a store");
        let before = store.commits();
        let mut members: Vec<Waiting<'_>> = Vec::new();
        for number in 0..512 {
            members.push(Box::pin(change(&store, &format!("a{number}")).await.commit()));
            assert!(members.last_mut().is_some_and(|member| poll(member.as_mut()).is_pending()));
        }
        assert_eq!(store.commits(), before);
        let next = change(&store, "next").await;
        assert_eq!(store.commits(), before + 1);
        for member in members {
            member.await.expect("committed; it is told without a turn, which somebody else has");
        }
        next.commit().await.expect("committed");
        assert_eq!(store.commits(), before + 2);
    });
}

#[test]
fn a_member_that_goes_away_takes_nobody_along() {
    each(async |store| {
        let mut leader = pin!(change(&store, "a1").await.commit());
        assert!(poll(leader.as_mut()).is_pending());
        {
            let mut follower = pin!(change(&store, "a2").await.commit());
            assert!(poll(follower.as_mut()).is_pending());
        }
        leader.await.expect("committed");
        assert_eq!(there(&store, &["a1", "a2"]).await, [true, true]);
    });
}

#[test]
fn a_group_whose_leader_went_away_is_committed_at_once() {
    each_pair(async |store, other| {
        let mut follower: Waiting<'_>;
        {
            let mut leader = pin!(change(&store, "a1").await.commit());
            assert!(poll(leader.as_mut()).is_pending());
            follower = Box::pin(change(&store, "a2").await.commit());
            assert!(poll(follower.as_mut()).is_pending());
            assert_eq!(there(&other, &["a1", "a2"]).await, [false, false]);
        }
        assert_eq!(there(&other, &["a1", "a2"]).await, [true, true]);
        // Whoever writes elsewhere need not wait.
        change(&other, "a3").await.commit().await.expect("committed");
        follower.await.expect("committed");
    });
}

#[test]
fn a_group_whose_leader_went_away_is_committed_by_whoever_lets_go_of_the_line() {
    each_pair(async |store, other| {
        let mut leader: Waiting<'_> = Box::pin(change(&store, "a1").await.commit());
        assert!(poll(leader.as_mut()).is_pending());
        let holder = change(&store, "a2").await;
        let mut queued = Box::pin(store.begin(1));
        assert!(poll(queued.as_mut()).is_pending());
        drop(leader);
        let mut follower = pin!(holder.commit());
        assert!(poll(follower.as_mut()).is_pending());
        assert_eq!(there(&other, &["a1", "a2"]).await, [false, false], "the turn is given to who is in line");
        // Given the turn, and gone before it knew.
        drop(queued);
        assert_eq!(there(&other, &["a1", "a2"]).await, [true, true]);
        follower.await.expect("committed");

        let mut leader: Waiting<'_> = Box::pin(change(&store, "b1").await.commit());
        assert!(poll(leader.as_mut()).is_pending());
        let holder = change(&store, "b2").await;
        drop(leader);
        holder.commit().await.expect("committed");
        assert_eq!(there(&other, &["b1", "b2"]).await, [true, true]);
    });
}

#[test]
fn a_leader_that_waits_in_line_and_goes_away_leaves_nothing_open() {
    each_pair(async |store, other| {
        let mut leader: Waiting<'_> = Box::pin(change(&store, "a1").await.commit());
        assert!(poll(leader.as_mut()).is_pending());
        let holder = change(&store, "a2").await;
        assert!(poll(leader.as_mut()).is_pending(), "it is in line now");
        let mut follower = pin!(holder.commit());
        assert!(poll(follower.as_mut()).is_pending());
        assert_eq!(there(&other, &["a1", "a2"]).await, [false, false], "the leader was given the turn");
        drop(leader);
        assert_eq!(there(&other, &["a1", "a2"]).await, [true, true]);
        follower.await.expect("committed");
    });
}

#[test]
fn a_change_that_is_dropped_alone_leaves_nothing_open() {
    each_pair(async |store, other| {
        drop(change(&store, "a1").await);
        change(&other, "a2").await.commit().await.expect("nobody is in the way");
        assert_eq!(there(&store, &["a1", "a2"]).await, [false, true]);
    });
}

#[test]
fn who_reads_on_the_one_session_sees_what_is_durable() {
    block_on(async {
        let store = Store::memory().await.expect("a store");
        let before = store.commits();
        let mut waiting = pin!(change(&store, "a1").await.commit());
        assert!(poll(waiting.as_mut()).is_pending());
        assert_eq!(there(&store, &["a1"]).await, [true]);
        assert_eq!(store.commits(), before + 1);
        waiting.await.expect("committed");
        assert_eq!(store.commits(), before + 1);
    });
}

#[test]
fn readers_beside_wait_for_nobody_and_see_what_was_committed() {
    block_on(async {
        let data = folder();
        Store::create(data.path()).await.expect("a store").close().await;
        let store = Store::open_serving(data.path(), 2).await.expect("the server");
        let mut held = change(&store, "a1").await;
        let look = || {
            let mut look = pin!(store.application(1, "a1"));
            match poll(look.as_mut()) {
                Poll::Ready(found) => found.expect("an answer").is_some(),
                Poll::Pending => panic!("it waits for a writer"),
            }
        };
        assert!(!look());
        assert!(exists_inside(&mut held, "a1").await);
        let mut waiting = pin!(held.commit());
        assert!(poll(waiting.as_mut()).is_pending());
        assert!(!look(), "what waits for its commit is not there yet");
        waiting.await.expect("committed");
        assert!(look());
    });
}

#[test]
fn every_reader_comes_back() {
    block_on(async {
        let data = folder();
        Store::create(data.path()).await.expect("a store").close().await;
        let store = Store::open_serving(data.path(), 1).await.expect("the server");
        for _ in 0..3 {
            assert_eq!(there(&store, &["a1", "a2"]).await, [false, false]);
        }
    });
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Committed, CommitError>> + Send + 'a>>;

/// A change that has made an application, whose id is its born id.
async fn change<'a>(store: &'a Store, born: &str) -> Transaction<'a> {
    let mut change = store.begin(1).await.expect("a change");
    change.insert_application(&application(born, born)).await.expect("a new one");
    change
}

async fn exists_inside(change: &mut Transaction<'_>, id: &str) -> bool {
    change.application(id).await.expect("an answer").is_some()
}

async fn there<const N: usize>(store: &Store, ids: &[&str; N]) -> [bool; N] {
    let mut found = [false; N];
    for (found, id) in found.iter_mut().zip(ids) {
        *found = store.application(1, id).await.expect("an answer").is_some();
    }
    found
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
