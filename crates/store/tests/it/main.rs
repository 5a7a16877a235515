//! The store suite: every promise of a store, kept on each database that we have. What only a folder with
//! SQLite can show is in `place`; `tamper` alone knows what the file looks like inside.

mod change;
mod group;
mod keys;
mod ledger;
mod many;
mod place;
mod read;
mod repeatables;
mod restore;
mod samples;
mod tamper;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use strongroom_store::Store;
use tempfile::TempDir;

/// Keeps a promise on a new store of each kind.
fn each(promise: impl AsyncFn(Store)) {
    block_on(async {
        promise(Store::memory().await.expect("a store in memory")).await;
        let data = folder();
        promise(Store::create(data.path()).await.expect("a store in a folder")).await;
        let data = folder();
        Store::create(data.path()).await.expect("a store in a folder").close().await;
        promise(Store::open_serving(data.path(), 2).await.expect("a store that serves")).await;
    });
}

/// Keeps a promise on two stores that share one database, as two processes do, of each kind that can be
/// shared.
fn each_pair(promise: impl AsyncFn(Store, Store)) {
    block_on(async {
        let data = folder();
        let one = Store::create(data.path()).await.expect("a store in a folder");
        let other = Store::open(data.path()).await.expect("the same once more");
        promise(one, other).await;
    });
}

/// A private folder, as a user has one.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("our own folder");
    folder
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}
