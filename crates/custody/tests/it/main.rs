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
mod several;
mod strongroom;
mod tamper;
mod unlock;
mod updates;
mod values;
mod versions;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}
