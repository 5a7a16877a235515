//! Durable commits in a database of the same kind: SQLite, log kept, synchronous FULL. One table with one index, because
//! a ceiling does no more than it must.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::place::runtime;
use crate::rounds::Task;

/// A record's hash.
const LEAF: [u8; 32] = [7; 32];
/// A sealed record is about this long.
const SEALED: [u8; 400] = [7; 400];

/// Each time one row, on a connection that stays open.
pub(crate) fn commit_one<'a>(path: &Path) -> Result<Task<'a>> {
    let connection = begin(path)?;
    Ok(Task::new("commit-one", move || insert(&connection)))
}

/// So many who wait at once, each for a row of its own to be durable before it asks for the next one; `times` rows in each
/// act. One thread writes, on one connection: all that wait share a commit.
pub(crate) fn commit_group<'a>(path: &Path, waiting: u32, times: u32) -> Result<Task<'a>> {
    let connection = begin(path)?;
    let (line, asked) = unbounded_channel();
    // It ends when the task is dropped. Its error is of no use there: whoever waits hears that it has gone.
    std::thread::spawn(move || write_groups(&connection, asked));
    let runtime = runtime()?;
    Ok(Task::many("commit-group", times, move || {
        runtime.block_on(async {
            let mut asking = JoinSet::new();
            for _ in 0..waiting {
                asking.spawn(ask(line.clone(), times / waiting));
            }
            while let Some(asked) = asking.join_next().await {
                asked.context("wait for a writer")??;
            }
            Ok(())
        })
    }))
}

async fn ask(line: UnboundedSender<oneshot::Sender<()>>, times: u32) -> Result<()> {
    for _ in 0..times {
        let (durable, heard) = oneshot::channel();
        line.send(durable).map_err(|_| anyhow!("the writer has gone"))?;
        heard.await.context("wait for a commit")?;
    }
    Ok(())
}

fn write_groups(connection: &Connection, mut asked: UnboundedReceiver<oneshot::Sender<()>>) -> Result<()> {
    while let Some(first) = asked.blocking_recv() {
        let mut group = vec![first];
        connection.execute_batch("BEGIN IMMEDIATE")?;
        insert(connection)?;
        // Also those who come while it writes.
        while let Ok(next) = asked.try_recv() {
            insert(connection)?;
            group.push(next);
        }
        connection.execute_batch("COMMIT")?;
        // Who went away does not want to know.
        for durable in group {
            let _ = durable.send(());
        }
    }
    Ok(())
}

/// Each time the database is opened as the store opens it, and one row.
pub(crate) fn open_commit_one(path: &Path) -> Result<Task<'_>> {
    begin(path)?;
    Ok(Task::new("open-commit-one", move || {
        let connection = open(path)?;
        insert(&connection)?;
        empty_large_log(&connection)
    }))
}

/// Each time the database is opened as the store opens it, and one row is read.
pub(crate) fn open_one(path: &Path) -> Result<Task<'_>> {
    insert(&begin(path)?)?;
    Ok(Task::new("open-one", move || {
        let count: i64 = open(path)?.query_row("SELECT COUNT(*) FROM records", [], |row| row.get(0))?;
        ensure!(count == 1, "the row is gone");
        Ok(())
    }))
}

fn begin(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    let table = "CREATE TABLE records (seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, sealed BLOB NOT NULL)";
    connection.execute_batch(table).with_context(|| format!("make a table in {}", path.display()))?;
    Ok(connection)
}

/// The settings that cost something are those of the store: as durable, the log kept, and wiping what is deleted.
fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).with_context(|| format!("open {}", path.display()))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    for (name, value) in [("synchronous", "FULL"), ("secure_delete", "ON"), ("cell_size_check", "ON")] {
        connection.pragma_update(None, name, value)?;
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    ensure!(mode == "wal", "{} has no log: another disk is needed", path.display());
    Ok(connection)
}

/// As the store does when it closes: else each time would read a longer log than the one before.
fn empty_large_log(connection: &Connection) -> Result<()> {
    let pages: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    if pages >= 64 {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}

/// Durable when it returns: without a transaction around it, a statement commits.
fn insert(connection: &Connection) -> Result<()> {
    let mut statement = connection.prepare_cached("INSERT INTO records (leaf, sealed) VALUES (?1, ?2)")?;
    statement.execute((LEAF, SEALED))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_does_not_slow_down_by_itself() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let path = folder.path().join("ceiling.db");
        let mut task = open_commit_one(&path).expect("a database");
        for _ in 0..100 {
            task.act().expect("a row");
        }
        let log = std::fs::metadata(path.with_extension("db-wal")).expect("the log is kept");
        assert!(log.len() < 70 * 4200, "{}", log.len());
    }

    #[test]
    fn all_who_wait_have_a_row_each() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let path = folder.path().join("ceiling.db");
        let mut task = commit_group(&path, 8, 64).expect("a database");
        task.act().expect("rows");
        let rows: i64 = open(&path)
            .and_then(|same| Ok(same.query_row("SELECT COUNT(*) FROM records", [], |row| row.get(0))?))
            .expect("a count");
        assert_eq!(rows, 64);
    }

    #[test]
    fn a_ceiling_is_as_durable_as_its_subject() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let path = folder.path().join("ceiling.db");
        insert(&begin(&path).expect("a database")).expect("a row");
        assert!(folder.path().join("ceiling.db-wal").exists(), "the log is deleted when it is closed");
        let connection = open(&path).expect("the same database");
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).expect("a setting");
        assert_eq!(synchronous, 2);
        let rows: i64 =
            connection.query_row("SELECT COUNT(*) FROM records", [], |row| row.get(0)).expect("a count");
        assert_eq!(rows, 1);
    }
}
