//! The smallest server: axum and SQLite, and nothing that strongroom is for: no key, no cipher, no record, no limit. It
//! answers one body from memory to whatever it is asked, and a row of its database at `/row`. A program of its own,
//! because how large it is and what it takes are ceilings too.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::routing::get;
use axum::serve::ListenerExt;
use rusqlite::Connection;
use tokio::net::TcpListener;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

fn main() -> ExitCode {
    let typed: Vec<_> = std::env::args_os().skip(1).collect();
    let [body, database] = typed.as_slice() else {
        eprintln!("usage: strongroom-bench-server BODY DATABASE");
        return ExitCode::from(2);
    };
    match serve(Path::new(body), Path::new(database)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strongroom-bench-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(body: &Path, database: &Path) -> Result<()> {
    let body = Bytes::from(std::fs::read(body).context("read the body")?);
    let router = router(furnish(database, &body)?, body);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        eprintln!("listening on http://{}", listener.local_addr().context("find the own address")?);
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await.context("serve")
    })
}

/// A database with the body in its one row.
fn furnish(database: &Path, body: &[u8]) -> Result<Connection> {
    let connection = Connection::open(database).context("open the database")?;
    let table = "PRAGMA journal_mode = WAL; CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL)";
    connection.execute_batch(table).context("make a table")?;
    connection.execute("INSERT INTO bodies (body) VALUES (?1)", [body]).context("keep the body")?;
    Ok(connection)
}

fn router(connection: Connection, body: Bytes) -> Router {
    let connection = Arc::new(Mutex::new(connection));
    let row = move || {
        let connection = Arc::clone(&connection);
        async move { read(&connection).map(|row| (JSON, row)).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR) }
    };
    // What was sent is read, as whoever answers it must.
    let same = move |_sent: Bytes| async move { (JSON, body) };
    Router::new().route("/row", get(row)).fallback(same)
}

fn read(connection: &Mutex<Connection>) -> rusqlite::Result<Vec<u8>> {
    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let mut statement = connection.prepare_cached("SELECT body FROM bodies WHERE id = 1")?;
    statement.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_the_body() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let connection = furnish(&folder.path().join("smallest.db"), b"{}").expect("a database");
        assert_eq!(read(&Mutex::new(connection)).expect("a row"), b"{}");
    }
}
