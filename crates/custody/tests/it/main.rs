//! The promises of custody, each kept on a real store: in memory where one process is enough, in a folder where several
//! meet or where somebody writes to the database behind our back. Pure rules are tested beside them.

mod applications;
mod collections;
mod history;
mod keys;
mod ledger;
mod limits;
mod masks;
mod model;
mod repeated;
mod several;
mod strongroom;
mod tamper;
mod unlock;
mod updates;
mod values;
mod versions;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

/// Drives all of them, each a little at a time.
async fn all<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut outcomes: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, outcome) in futures.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                *outcome = Some(done);
            }
        }
        if outcomes.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}
