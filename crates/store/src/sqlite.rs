//! SQLite: one connection, the settings that make it safe, and the system calls beside it. The only file that
//! names rusqlite and the only one here with `unsafe`. It knows none of our tables.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi;
use rusqlite::types::{ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{OpenFlags, params_from_iter};

use crate::folder::Folder;
use crate::lock::{Hold, Lock};
use crate::open::OpenError;
use crate::session::{Failure, StoreError, cause};
use crate::transaction::CommitError;
use crate::trial::Refusal;
use crate::value::{Row, Value};

/// Below this, two connections could lose committed writes (the WAL-reset race).
const OLDEST_LIBRARY: i32 = 3_051_003;
/// `application_id` of our files: "stro".
const APPLICATION: i64 = 0x7374_726f;
pub(crate) const MARK: &str = "PRAGMA application_id = 0x7374726f;";
const PATIENCE: Duration = Duration::from_secs(10);
/// More than we have statements: each is compiled once.
const STATEMENTS: usize = 80;
/// Pages in the log from which on it is written back when a store closes. Each process that opens the database reads the
/// whole log first, and takes all of it for not yet written back: it would never be begun anew.
const LARGE_LOG: i64 = 64;

/// What each connection is told.
const SETTINGS: &[(&str, &str)] = &[
    ("synchronous", "FULL"),
    ("foreign_keys", "ON"),
    ("secure_delete", "ON"),
    ("cell_size_check", "ON"),
    ("trusted_schema", "OFF"),
    ("mmap_size", "0"),
    ("temp_store", "MEMORY"),
    // For systems whose fsync does not reach the disk.
    ("fullfsync", "ON"),
    ("checkpoint_fullfsync", "ON"),
];

/// No trigger, view or double-quoted string is ours, so whatever there is was put there by somebody else. The
/// log is kept when a connection closes: deleting it would cost every short-lived process three fsyncs. A plan
/// never depends on what is bound: else statements are compiled anew whenever that changes, which is always.
const SWITCHES: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
];

/// An open database. Work is done where it is asked for, on the caller's own thread: a hop to another one would cost
/// more than most statements do.
pub(crate) struct Connection(
    // Locked for one call at a time, and never across a wait: a session is not asked twice at once.
    Mutex<Held>,
);

impl Connection {
    /// Locks the folder and opens its database, blank or ours.
    pub(crate) fn open(folder: &Folder, hold: Hold) -> Result<Self, OpenError> {
        Held::open(folder, hold).map(Self::from)
    }

    pub(crate) fn memory() -> Result<Self, OpenError> {
        Held::memory().map(Self::from)
    }

    pub(crate) fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        self.held().run(|connection| query(connection, sql, values))
    }

    pub(crate) fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        self.held().run(|connection| execute(connection, sql, values))
    }

    pub(crate) fn run_script(&self, sql: &str) -> Result<(), Failure> {
        self.held().run(|connection| connection.execute_batch(sql))
    }

    pub(crate) fn begin(&self) -> Result<(), StoreError> {
        self.held().begin()
    }

    /// Another connection to the same database, which only reads. It has no lock of its own: it is closed before
    /// this one, and stops when this one does.
    pub(crate) fn open_reader(&self, folder: &Folder) -> Result<Self, OpenError> {
        let disk = Arc::clone(&self.held().disk);
        Held::open_reader(folder, disk).map(Self::from)
    }

    /// Takes the place of the server, of whom there is one.
    pub(crate) fn serve(&self) -> Result<(), OpenError> {
        self.held().lock.as_ref().map_or(Ok(()), Lock::serve)
    }

    pub(crate) fn mark(&self) -> Result<(), StoreError> {
        self.held().tell("SAVEPOINT change")
    }

    pub(crate) fn keep(&self) -> Result<(), StoreError> {
        self.held().tell("RELEASE change")
    }

    pub(crate) fn undo(&self) -> Result<(), StoreError> {
        self.held().undo()
    }

    pub(crate) fn commit(&self) -> Result<(), CommitError> {
        self.held().commit()
    }

    pub(crate) fn roll_back(&self) {
        self.held().roll_back();
    }

    pub(crate) fn share(&self) -> Result<(), OpenError> {
        self.held().share()
    }

    pub(crate) fn schema_version(&self) -> Result<u64, StoreError> {
        let mut rows = self.query("PRAGMA schema_version", &[])?;
        rows.first_mut().ok_or_else(|| StoreError::damaged("its schema has no version"))?.count()
    }

    pub(crate) fn refusal(&self) -> Refusal {
        self.held().refusal.clone()
    }

    pub(crate) fn write_back(&self) {
        self.held().write_back();
    }

    pub(crate) fn tend(&self) {
        self.held().tend();
    }

    pub(crate) fn check_integrity(&self) -> Result<(), StoreError> {
        self.held().check_integrity()
    }

    pub(crate) fn close(self) {
        self.held().empty_large_log();
    }

    /// A call that panicked left whatever transaction there was open; what follows is refused by SQLite's own state.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Held> for Connection {
    fn from(held: Held) -> Self {
        Self(Mutex::new(held))
    }
}

/// What is open. Fields are dropped in this order: the lock goes after the connection.
struct Held {
    // Invariant: none after the disk failed once, so that nothing is tried again on pages that the kernel may
    // have dropped (`after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_done`).
    connection: Option<rusqlite::Connection>,
    lock: Option<Lock>,
    // Invariant: true from BEGIN to COMMIT or ROLLBACK, as *we* said them; SQLite may end a transaction by
    // itself (`a_transaction_that_sqlite_gave_up_takes_no_more_statements`).
    in_transaction: bool,
    /// Why SQLite ended the transaction by itself, from then until we end it too.
    lost: Option<StoreError>,
    /// Shared by all connections of a store: whether the disk failed under one of them.
    disk: Arc<AtomicBool>,
    refusal: Refusal,
}

impl Held {
    fn open(folder: &Folder, hold: Hold) -> Result<Self, OpenError> {
        check_library(rusqlite::version_number())?;
        let lock = Lock::take(folder, hold)?;
        folder.check_log()?;
        if hold == (Hold::Alone { make: true }) {
            folder.make_database()?;
        }
        folder.check_files()?;
        let path = folder.database();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(&path, flags).map_err(store_error)?;
        connection.busy_timeout(PATIENCE).map_err(store_error)?;
        // Before anything is changed in a file that may be somebody else's.
        let blank = recognise(&connection, &path)?;
        harden(&connection).map_err(store_error)?;
        if blank {
            // The first schema is made without a log, so that one beside a blank database never comes from a
            // process that died while it made a store (`a_store_in_the_making_has_no_log`).
            folder.refuse_log()?;
        } else {
            keep_log(&connection)?;
        }
        Ok(Self::with(connection, Some(lock), Arc::default()))
    }

    fn open_reader(folder: &Folder, disk: Arc<AtomicBool>) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            rusqlite::Connection::open_with_flags(folder.database(), flags).map_err(store_error)?;
        connection.busy_timeout(PATIENCE).map_err(store_error)?;
        harden(&connection).map_err(store_error)?;
        connection.pragma_update(None, "query_only", "ON").map_err(store_error)?;
        Ok(Self::with(connection, None, disk))
    }

    fn memory() -> Result<Self, OpenError> {
        check_library(rusqlite::version_number())?;
        let connection = rusqlite::Connection::open_in_memory().map_err(store_error)?;
        harden(&connection).map_err(store_error)?;
        Ok(Self::with(connection, None, Arc::default()))
    }

    fn with(connection: rusqlite::Connection, lock: Option<Lock>, disk: Arc<AtomicBool>) -> Self {
        let connection = Some(connection);
        Self { connection, lock, in_transaction: false, lost: None, disk, refusal: Refusal::default() }
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        if self.disk.load(Ordering::SeqCst) {
            self.connection = None;
        }
        let connection = self.connection.as_ref().ok_or_else(|| Failure::Store(stopped()))?;
        if self.in_transaction && connection.is_autocommit() {
            // Some errors end a transaction; what came next would be committed statement by statement.
            return Err(Failure::Store(StoreError::Abandoned));
        }
        work(connection).map_err(|error| self.note(error))
    }

    /// Tells the database something about its transaction. Each word is compiled once.
    fn tell(&mut self, word: &str) -> Result<(), StoreError> {
        self.run(|connection| connection.prepare_cached(word)?.execute([]))?;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.tell("BEGIN IMMEDIATE")?;
        self.in_transaction = true;
        Ok(())
    }

    fn undo(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        self.tell("ROLLBACK TO change")?;
        self.tell("RELEASE change")
    }

    fn commit(&mut self) -> Result<(), CommitError> {
        match self.tell("COMMIT") {
            Ok(()) => {
                self.in_transaction = false;
                self.refusal.clear();
                Ok(())
            }
            // The log may hold all of it, and may be read again at the next start.
            Err(error @ StoreError::Broken(_)) => Err(CommitError::Unknown(error)),
            Err(error) => {
                self.roll_back();
                Err(CommitError::Refused(error))
            }
        }
    }

    fn roll_back(&mut self) {
        self.in_transaction = false;
        self.lost = None;
        let Some(connection) = self.connection.as_ref().filter(|connection| !connection.is_autocommit())
        else {
            return;
        };
        if let Err(error) = connection.execute_batch("ROLLBACK") {
            // Closing rolls back too; a connection that can do neither must not go on.
            self.stop(&error);
        }
    }

    fn share(&mut self) -> Result<(), OpenError> {
        let (Some(connection), Some(lock)) = (&self.connection, &self.lock) else { return Ok(()) };
        keep_log(connection)?;
        lock.share()
    }

    fn write_back(&mut self) {
        let Some(connection) = &self.connection else { return };
        let emptied = empty_log(connection);
        let outcome = connection.busy_timeout(PATIENCE).and(emptied);
        if let Err(error) = outcome {
            warn_of_log(&error);
            // For the disk failures among them: what failed once is not tried again.
            self.note(error);
        }
    }

    /// For a store that stays. Most of the work is done while others may write; what is left then is nothing but to
    /// cut the log off.
    fn tend(&mut self) {
        let Some(connection) = &self.connection else { return };
        let outcome = has_large_log(connection).and_then(|large| {
            if !large {
                return Ok(());
            }
            let sql = "PRAGMA wal_checkpoint(PASSIVE)";
            let left = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
            if connection.query_row(sql, [], left)? != 0 {
                return Ok(());
            }
            let emptied = empty_log(connection);
            connection.busy_timeout(PATIENCE).and(emptied)
        });
        if let Err(error) = outcome {
            warn_of_log(&error);
            self.note(error);
        }
    }

    /// The log is left to the last of those who use the database.
    fn empty_large_log(&self) {
        let Some(connection) = &self.connection else { return };
        let outcome =
            has_large_log(connection).and_then(|large| if large { empty_log(connection) } else { Ok(()) });
        if let Err(error) = outcome {
            warn_of_log(&error);
        }
    }

    fn check_integrity(&mut self) -> Result<(), StoreError> {
        // Not the quick one, which does not look for rows in their indexes.
        let sql = "PRAGMA integrity_check(1)";
        match self.run(|connection| connection.query_row(sql, [], |row| row.get::<_, String>(0)))?.as_str() {
            "ok" => Ok(()),
            found => Err(StoreError::Damaged {
                what: "its tables and indexes contradict each other".to_owned(),
                source: Some(cause(found)),
            }),
        }
    }

    fn note(&mut self, error: rusqlite::Error) -> Failure {
        if is_disk_failure(&error) {
            self.stop(&error);
        }
        let failure = classify(error);
        if let Failure::Store(error @ (StoreError::DiskFull(_) | StoreError::ReadOnly(_))) = &failure {
            self.refusal.note(error);
        }
        if let Failure::Store(error) = &failure
            && self.in_transaction
            && self.connection.as_ref().is_none_or(rusqlite::Connection::is_autocommit)
        {
            self.lost = Some(error.clone());
        }
        failure
    }

    /// Closes at once, without a checkpoint: other processes must not wait for a lock of ours.
    fn stop(&mut self, error: &rusqlite::Error) {
        tracing::error!(%error, "the database is closed because the disk failed");
        self.disk.store(true, Ordering::SeqCst);
        self.connection = None;
    }
}

fn has_large_log(connection: &rusqlite::Connection) -> rusqlite::Result<bool> {
    let sql = "PRAGMA wal_checkpoint(NOOP)";
    connection.query_row(sql, [], |row| row.get::<_, i64>(1)).map(|pages| pages >= LARGE_LOG)
}

/// Waits for nobody, and leaves the connection without patience.
fn empty_log(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// No more than that: what the log holds is as durable there.
fn warn_of_log(error: &rusqlite::Error) {
    tracing::warn!(%error, "the log of the database was not written back");
}

fn stopped() -> StoreError {
    StoreError::Broken(cause("the database was closed when the disk failed"))
}

fn query(connection: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = (0..columns).map(|at| read_column(at, row.get_ref(at)?));
        answer.push(Row::from(columns.collect::<rusqlite::Result<Vec<_>>>()?));
    }
    Ok(answer)
}

fn execute(connection: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<u64> {
    let rows = connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
    Ok(rows as u64)
}

fn read_column(at: usize, column: ValueRef<'_>) -> rusqlite::Result<Value> {
    match column {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::from(text)),
            Err(error) => Err(rusqlite::Error::Utf8Error(at, error)),
        },
        ValueRef::Blob(bytes) => Ok(Value::from(bytes)),
        ValueRef::Real(_) => Err(rusqlite::Error::InvalidColumnType(at, String::new(), Type::Real)),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn check_library(number: i32) -> Result<(), OpenError> {
    if number < OLDEST_LIBRARY {
        return Err(OpenError::Library { found: rusqlite::version() });
    }
    Ok(())
}

/// Ours by its mark, or blank: answers whether it is. Everything else belongs to another program.
fn recognise(connection: &rusqlite::Connection, path: &Path) -> Result<bool, OpenError> {
    // Statistics that `ANALYZE` left are nothing.
    let sql = "SELECT (SELECT application_id FROM pragma_application_id), \
        (SELECT COUNT(*) FROM sqlite_schema WHERE name NOT IN ('sqlite_stat1', 'sqlite_stat4'))";
    let found = connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    match found {
        Ok((0, 0)) => Ok(true),
        // The mark and the tables were made in one transaction.
        Ok((APPLICATION, 0)) => Err(OpenError::Altered),
        Ok((APPLICATION, _)) => Ok(false),
        Ok(_) => Err(OpenError::Foreign { path: path.to_owned() }),
        Err(error) if code(&error) == ffi::SQLITE_NOTADB => Err(OpenError::Foreign { path: path.to_owned() }),
        Err(error) => Err(store_error(error)),
    }
}

fn harden(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    for (switch, on) in SWITCHES {
        connection.set_db_config(*switch, *on)?;
    }
    for (name, value) in SETTINGS {
        connection.pragma_update(None, name, value)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Readers beside a writer, and one fsync per commit. SQLite answers with the mode it could get.
fn keep_log(connection: &rusqlite::Connection) -> Result<(), OpenError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(store_error)?;
    match mode.as_str() {
        "wal" => Ok(()),
        _ => {
            Err(StoreError::Unexpected(cause("the file system has no shared memory for SQLite's log")).into())
        }
    }
}

fn store_error(error: rusqlite::Error) -> OpenError {
    StoreError::from(classify(error)).into()
}

/// By code, never by text. Codes: sqlite.org/rescode.html.
fn classify(error: rusqlite::Error) -> Failure {
    let extended = code(&error);
    match extended {
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE => {
            return Failure::Duplicate(cause(error));
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return Failure::Orphan(cause(error)),
        _ => {}
    }
    let unreadable = matches!(error, rusqlite::Error::Utf8Error(..) | rusqlite::Error::InvalidColumnType(..));
    Failure::Store(match extended & 0xff {
        _ if unreadable => unreadable_error(error),
        _ if is_disk_failure(&error) => StoreError::Broken(cause(error)),
        // What is left of the I/O errors: no room for the log's index.
        ffi::SQLITE_FULL | ffi::SQLITE_IOERR => StoreError::DiskFull(cause(error)),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Busy(cause(error)),
        ffi::SQLITE_READONLY => StoreError::ReadOnly(cause(error)),
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => unreadable_error(error),
        _ => StoreError::Unexpected(cause(error)),
    })
}

fn unreadable_error(error: rusqlite::Error) -> StoreError {
    StoreError::Damaged { what: "SQLite cannot read it".to_owned(), source: Some(cause(error)) }
}

/// An I/O error after which the state of the disk is unknown. The log's index (`-shm`) is rebuilt whenever it
/// is missing, so that it could not grow is only a want of room.
fn is_disk_failure(error: &rusqlite::Error) -> bool {
    let extended = code(error);
    extended & 0xff == ffi::SQLITE_IOERR && extended != ffi::SQLITE_IOERR_SHMSIZE
}

fn code(error: &rusqlite::Error) -> i32 {
    error.sqlite_error().map_or(ffi::SQLITE_OK, |error| error.extended_code)
}

/// Locks a byte of the lock file, or changes how it is locked. The lock belongs to this open file, not to the
/// process: it ends with `file`, and no other descriptor of the same file can drop it.
#[allow(unsafe_code)]
pub(crate) fn set_lock(
    file: &File,
    command: libc::c_int,
    kind: libc::c_int,
    byte: libc::off_t,
) -> io::Result<()> {
    let range = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    loop {
        // SAFETY: the descriptor is open for as long as `file` is borrowed; these commands read one `flock`,
        // which lives until the call returns, and write nothing.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, &raw const range) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Who this process acts as.
#[allow(unsafe_code)]
pub(crate) fn effective_user() -> u32 {
    // SAFETY: takes nothing, touches no memory of ours, cannot fail.
    unsafe { libc::geteuid() }
}

/// The magic number of the file system below a path.
#[allow(unsafe_code)]
pub(crate) fn file_system(path: &Path) -> io::Result<u32> {
    use std::os::unix::ffi::OsStrExt;

    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let mut answer = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `path` ends with NUL and lives until the call returns; `answer` has room for one `statfs`.
    if unsafe { libc::statfs(path.as_ptr(), answer.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel has filled it.
    let answer = unsafe { answer.assume_init() };
    // Magic numbers have 32 bits; the field's width differs between systems.
    Ok(answer.f_type as u32)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::os::fd::RawFd;
    use std::os::unix::fs::PermissionsExt;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use strongroom_ledger::generation::Generation;
    use strongroom_ledger::tree::Frontier;
    use tempfile::TempDir;

    use super::*;
    use crate::dialect::Dialect;
    use crate::group::Line;
    use crate::session::Session;
    use crate::statements;
    use crate::value::values;
    use crate::{ChangeError, Head, KeyRow, Store, Transaction};

    #[test]
    fn every_setting_reads_back() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        check_settings(held.connection.as_ref().expect("an open one"));
    }

    fn check_settings(connection: &rusqlite::Connection) {
        let check = |name: &str, expected: i64| {
            let found = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            assert_eq!(found.expect(name), expected, "{name}");
        };
        check("synchronous", 2);
        check("foreign_keys", 1);
        check("secure_delete", 1);
        check("cell_size_check", 1);
        check("trusted_schema", 0);
        check("mmap_size", 0);
        check("temp_store", 2);
        check("fullfsync", 1);
        check("checkpoint_fullfsync", 1);
        check("busy_timeout", 10_000);
        check("application_id", APPLICATION);
        assert_eq!(SETTINGS.len(), 9, "a setting without a check above");
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        assert_eq!(mode.expect("a mode"), "wal");
        for (switch, on) in SWITCHES {
            assert_eq!(connection.db_config(*switch).expect("a switch"), *on, "{switch:?}");
        }
    }

    #[test]
    fn the_library_is_built_as_we_think() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        let connection = held.connection.as_ref().expect("an open one");
        let mut statement =
            connection.prepare("SELECT compile_options FROM pragma_compile_options").expect("a pragma");
        let options = statement.query_map([], |row| row.get::<_, String>(0)).expect("a pragma");
        let options: Vec<String> = options.collect::<rusqlite::Result<_>>().expect("words");
        assert!(
            options.iter().any(|option| option == "THREADSAFE=1" || option == "THREADSAFE=2"),
            "{options:?}"
        );
        // Each would take away something that the settings above ask for.
        for lost in
            ["OMIT_WAL", "OMIT_FOREIGN_KEY", "OMIT_TRIGGER", "OMIT_AUTOINIT", "DISABLE_DIRSYNC", "NO_SYNC"]
        {
            assert!(!options.iter().any(|option| option.starts_with(lost)), "{lost}");
        }
        let load = connection.query_row("SELECT load_extension('/nowhere')", [], |_| Ok(()));
        let refusal = load.expect_err("an extension must not be loaded").to_string();
        assert!(refusal.contains("not authorized") || refusal.contains("no such function"), "{refusal}");
    }

    #[test]
    fn a_library_below_the_floor_is_refused() {
        let found = |number| matches!(check_library(number), Err(OpenError::Library { .. }));
        assert!(found(3_040_001));
        assert!(found(3_051_002));
        assert!(!found(3_051_003));
        assert!(!found(rusqlite::version_number()));
    }

    #[test]
    fn parameters_are_bound_by_number_in_every_statement() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        let connection = held.connection.as_ref().expect("an open one");
        for (name, sql) in statements::ALL {
            let statement = connection.prepare(&Dialect::Sqlite.write(sql)).expect(name);
            for number in 1..=statement.parameter_count() {
                assert_eq!(statement.parameter_name(number), Some(format!("?{number}").as_str()), "{name}");
            }
        }
        let swapped = Dialect::Sqlite.write("SELECT $2, $1");
        let mut rows = query(connection, &swapped, &Vec::from(["one", "two"].map(Value::from)))
            .map_err(drop)
            .expect("two words");
        assert_eq!(rows[0].text().expect("a word"), "two");
    }

    #[test]
    fn every_statement_is_compiled_once() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        let connection = held.connection.as_ref().expect("an open one");
        connection.execute_batch("BEGIN; PRAGMA foreign_keys = OFF").expect("a transaction");
        assert!(statements::ALL.len() + 10 < STATEMENTS, "{}", statements::ALL.len());
        for (name, sql) in statements::ALL {
            let mut statement = connection.prepare(&Dialect::Sqlite.write(sql)).expect(name);
            let count = statement.parameter_count();
            for round in 0..3i64 {
                for number in 1..=count {
                    statement.raw_bind_parameter(number, round * 100 + number as i64).expect(name);
                }
                let mut rows = statement.raw_query();
                while let Ok(Some(_)) = rows.next() {}
            }
            assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0, "{name}");
        }
    }

    #[test]
    fn every_question_goes_by_an_index() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        let connection = held.connection.as_ref().expect("an open one");
        for (name, sql) in statements::ALL.iter().filter(|(_, sql)| sql.starts_with("SELECT")) {
            let explain = format!("EXPLAIN QUERY PLAN {}", Dialect::Sqlite.write(sql));
            let mut statement = connection.prepare(&explain).expect(name);
            let count = statement.parameter_count();
            let steps = statement.query_map(params_from_iter((0..count).map(|_| 1i64)), |row| row.get(3));
            let steps: Vec<String> = steps.and_then(Iterator::collect).expect(name);
            assert!(
                !steps.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE")),
                "{steps:?}"
            );
            // Backwards through all rows of a ledger would be an index too.
            let index = match *name {
                "NEWEST_RECORD" => "records_by_subject",
                "KEY" | "KEYS" => "records_by_key",
                _ => "",
            };
            assert!(steps.iter().any(|step| step.contains(index)), "{name}: {steps:?}");
        }
    }

    #[test]
    fn an_open_store_holds_the_lock_until_it_is_closed() {
        let (data, folder) = made();
        let alone = Hold::Alone { make: false };
        block_on(async {
            let store = Store::open(data.path()).await.expect("our own store");
            assert!(matches!(Lock::take(&folder, alone), Err(OpenError::Held { .. })));
            store.close().await;
            Lock::take(&folder, alone).expect("closed is closed");
        });
        assert!(data.path().join("strongroom.db-wal").exists(), "the log is kept");
    }

    #[test]
    fn the_log_does_not_grow_with_every_process() {
        let (data, folder) = made();
        let log = data.path().join("strongroom.db-wal");
        let mut largest = 0;
        for _ in 0..100 {
            let connection = Connection::open(&folder, Hold::Shared).expect("our own store");
            assert!(connection.execute("UPDATE layout SET number = number + 1", &[]).is_ok());
            connection.close();
            largest = largest.max(fs::metadata(&log).expect("the log is kept").len());
        }
        assert!(largest < (LARGE_LOG as u64 + 8) * 4200, "{largest}");
    }

    #[test]
    fn a_large_log_waits_for_nobody() {
        let (data, folder) = made();
        let mut held = Held::open(&folder, Hold::Shared).expect("our own store");
        for _ in 0..LARGE_LOG {
            let change = "UPDATE layout SET number = number + 1";
            assert!(held.run(|connection| connection.execute_batch(change)).is_ok());
        }
        let reader = Held::open(&folder, Hold::Shared).expect("our own store");
        let reading = "BEGIN; SELECT * FROM layout";
        reader.connection.as_ref().expect("an open one").execute_batch(reading).expect("a reader");
        let patience = |held: &Held| {
            let connection = held.connection.as_ref().expect("an open one");
            let found = connection.pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0));
            found.expect("a setting")
        };
        held.empty_large_log();
        assert_eq!(patience(&held), 0);
        held.write_back();
        assert_eq!(patience(&held), 10_000, "it goes on, unlike one that was closed");
        drop(held);
        let log = fs::metadata(data.path().join("strongroom.db-wal")).expect("the log is kept");
        assert!(log.len() > LARGE_LOG as u64 * 4096, "{}", log.len());
    }

    #[test]
    fn a_store_in_the_making_has_no_log() {
        let (data, folder) = empty();
        let connection = Connection::open(&folder, Hold::Alone { make: true }).expect("a blank database");
        connection.begin().expect("a transaction");
        assert!(connection.run_script("CREATE TABLE first (one BIGINT)").is_ok());
        connection.commit().expect("a commit");
        let log = data.path().join("strongroom.db-wal");
        assert!(!log.exists(), "whoever dies here leaves a log beside a blank database");
        connection.share().expect("nobody else is here");
        let mode =
            connection.query("PRAGMA journal_mode", &[]).map_err(drop).expect("a pragma").remove(0).text();
        assert_eq!(mode.expect("a mode"), "wal", "from then on it has one");
    }

    #[test]
    fn a_reader_only_reads_and_is_as_hardened() {
        let (_data, folder) = made();
        let writer = Connection::open(&folder, Hold::Shared).expect("our own store");
        let reader = writer.open_reader(&folder).expect("beside it");
        let held = reader.held();
        let connection = held.connection.as_ref().expect("an open one");
        check_settings(connection);
        let only = connection.pragma_query_value(None, "query_only", |row| row.get::<_, i64>(0));
        assert_eq!(only.expect("a setting"), 1);
        connection.pragma_update(None, "query_only", "OFF").expect("a setting");
        let error = connection.execute_batch("DELETE FROM layout").expect_err("it only reads");
        assert!(matches!(classify(error), Failure::Store(StoreError::ReadOnly(_))));
    }

    #[test]
    fn when_the_disk_failed_under_one_connection_the_others_stop_too() {
        let (_data, folder) = made();
        let writer = Connection::open(&folder, Hold::Shared).expect("our own store");
        let reader = writer.open_reader(&folder).expect("beside it");
        assert!(reader.schema_version().is_ok());
        let error = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
        writer.held().note(rusqlite::Error::SqliteFailure(error, None));
        for connection in [&reader, &writer] {
            assert!(matches!(connection.schema_version(), Err(StoreError::Broken(_))));
        }
    }

    #[test]
    fn another_writer_makes_it_busy() {
        let (_data, folder) = made();
        let mut one = Held::open(&folder, Hold::Shared).expect("our own store");
        let mut other = Held::open(&folder, Hold::Shared).expect("our own store");
        other.connection.as_ref().expect("an open one").busy_timeout(Duration::ZERO).expect("no patience");
        one.begin().expect("the first writer");
        assert!(matches!(other.begin(), Err(StoreError::Busy(_))));
        one.roll_back();
        other.begin().expect("it is free again");
    }

    #[test]
    fn a_transaction_that_sqlite_gave_up_takes_no_more_statements() {
        let mut held = Held::memory().map_err(drop).expect("memory");
        held.begin().expect("a transaction");
        // As SQLite does by itself after some errors.
        held.connection
            .as_ref()
            .expect("an open one")
            .execute_batch("ROLLBACK")
            .expect("an open transaction");
        let refused = held.run(|connection| connection.execute_batch("CREATE TABLE half (one BIGINT)"));
        assert!(matches!(refused, Err(Failure::Store(StoreError::Abandoned))));
        assert!(matches!(held.commit(), Err(CommitError::Refused(StoreError::Abandoned))));
        held.run(|connection| connection.execute_batch("CREATE TABLE whole (one BIGINT)"))
            .map_err(drop)
            .expect("after it");
    }

    #[test]
    fn after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_done() {
        let (data, _folder) = made();
        block_on(async {
            let store = Store::open(data.path()).await.expect("our own store");
            let mut change = store.begin(1).await.expect("a change");
            change.insert_head(&head()).await.expect("a head");
            // It takes every write and refuses to sync.
            replace_log(&data, "/dev/null");
            let outcome = change.commit().await;
            assert!(matches!(outcome, Err(CommitError::Unknown(StoreError::Broken(_)))), "{outcome:?}");
            assert!(matches!(store.head(1).await, Err(StoreError::Broken(_))));
            assert!(matches!(store.begin(1).await.map(drop), Err(StoreError::Broken(_))));

            // Nobody waits for locks of a session that has stopped.
            let next = Store::open(data.path()).await.expect("opened anew");
            let mut change = next.begin(2).await.expect("a change");
            change.insert_head(&head()).await.expect("a head");
            change.commit().await.expect("a disk that works");
        });
    }

    #[test]
    fn a_full_disk_changes_nothing_and_is_forgotten_when_there_is_room() {
        let (data, _folder) = made();
        block_on(async {
            let store = Store::open(data.path()).await.expect("our own store");
            let mut change = store.begin(1).await.expect("a change");
            change.insert_head(&head()).await.expect("a head");
            let (at, log) = replace_log(&data, "/dev/full");
            let outcome = change.commit().await;
            assert!(matches!(outcome, Err(CommitError::Refused(StoreError::DiskFull(_)))), "{outcome:?}");

            put(log.as_raw_fd(), at);
            assert_eq!(store.head(1).await.expect("it still answers"), None);
            let mut change = store.begin(1).await.expect("a change");
            change.insert_head(&head()).await.expect("a head");
            change.commit().await.expect("there is room again");
            assert_eq!(store.head(1).await.expect("it still answers"), Some(head()));
        });
    }

    #[test]
    fn a_store_that_took_nothing_says_so_until_a_trial_succeeds() {
        let (data, _folder) = made();
        block_on(async {
            let store = Store::open(data.path()).await.expect("our own store");
            let written = async |ledger| {
                let mut change = store.begin(ledger).await.expect("a change");
                change.insert_head(&head()).await.expect("a head");
                change.commit().await.is_ok()
            };
            let second = |second: i64| second * 1_000_000;
            assert!(written(1).await);
            let commits = store.commits();
            store.takes_writes(second(1)).await.expect("all is well");
            assert_eq!(store.commits(), commits, "nothing is written to find that out");

            let (at, log) = replace_log(&data, "/dev/full");
            store.takes_writes(second(2)).await.expect("nobody has noticed yet");
            assert!(!written(2).await);
            let full = async |now, tried: u64| {
                let commits = store.commits();
                let answer = store.takes_writes(now).await;
                assert!(matches!(answer, Err(StoreError::DiskFull(_))), "{answer:?}");
                assert_eq!(store.commits() - commits, tried, "at {now}");
            };
            full(second(3), 1).await;
            for now in [second(3), second(3) + 999_999] {
                full(now, 0).await;
            }
            full(second(4), 1).await;
            put(log.as_raw_fd(), at);
            full(second(4) + 1, 0).await;
            store.takes_writes(second(5)).await.expect("there is room again, and it was tried");
            let commits = store.commits();
            store.takes_writes(second(5)).await.expect("all is well");
            assert_eq!(store.commits(), commits);
        });
    }

    #[test]
    fn of_a_group_whose_commit_fails_nobody_is_told_success() {
        let check = |device: &str, expected: fn(&CommitError) -> bool| {
            let (data, _folder) = made();
            block_on(async {
                let store = Store::open(data.path()).await.expect("our own store");
                let mut first = store.begin(1).await.expect("a change");
                first.insert_head(&head()).await.expect("a head");
                let mut first = pin!(first.commit());
                assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                let mut second = store.begin(2).await.expect("a change");
                second.insert_head(&head()).await.expect("a head");
                let mut second = pin!(second.commit());
                assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());

                let (at, log) = replace_log(&data, device);
                for outcome in [first.await, second.await] {
                    assert!(outcome.as_ref().is_err_and(expected), "{device}: {outcome:?}");
                }
                put(log.as_raw_fd(), at);
                let next = Store::open(data.path()).await.expect("opened anew");
                let mut change = next.begin(3).await.expect("nothing was left open");
                change.insert_head(&head()).await.expect("a head");
                change.commit().await.expect("a disk that works");
                assert_eq!(next.head(1).await.expect("an answer"), None);
            });
        };
        check("/dev/full", |error| matches!(error, CommitError::Refused(StoreError::DiskFull(_))));
        check("/dev/null", |error| matches!(error, CommitError::Unknown(StoreError::Broken(_))));
    }

    #[test]
    fn a_step_for_which_there_is_no_room_takes_the_whole_group_along() {
        let (data, _folder) = made();
        block_on(async {
            let line = Line::new(Session::Sqlite(
                Connection::open(&Folder::find(data.path()).expect("ours"), Hold::Shared).expect("ours"),
            ));
            let begin = async |ledger| Transaction::begin(line.turn().await, ledger).await.expect("a change");
            let mut first = begin(1).await;
            first.insert_head(&head()).await.expect("a head");
            let first = first.commit();
            let mut first = pin!(first);
            assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());

            let mut second = begin(2).await;
            second.insert_head(&head()).await.expect("a head");
            let large = KeyRow { id: "large".to_owned(), epoch: 1, sealed: vec![7; 1 << 20] };
            let pages = |count: u32| format!("PRAGMA max_page_count = {count}");
            second.session().run_script(&pages(1)).await.map_err(drop).expect("a pragma");
            let outcome = second.insert_key(&large).await;
            assert!(matches!(outcome, Err(ChangeError::Store(StoreError::DiskFull(_)))), "{outcome:?}");
            let outcome = second.commit().await;
            assert!(matches!(outcome, Err(CommitError::Refused(StoreError::Abandoned))), "{outcome:?}");
            let outcome = first.await;
            assert!(matches!(outcome, Err(CommitError::Refused(StoreError::DiskFull(_)))), "{outcome:?}");

            line.turn().await.session().run_script(&pages(1 << 20)).await.map_err(drop).expect("a pragma");
            let mut third = begin(3).await;
            assert_eq!(third.head().await.expect("an answer"), None);
            third.insert_head(&head()).await.expect("a head");
            third.commit().await.expect("there is room again");
            let turn = line.turn().await;
            for (ledger, expected) in [(1, None), (2, None), (3, Some(head()))] {
                assert_eq!(turn.session().head(ledger).await.expect("an answer"), expected, "{ledger}");
            }
        });
    }

    #[test]
    fn a_change_that_needs_more_than_there_is_room_for_is_lost_whole() {
        let (data, _folder) = made();
        let mut held = Held::open(&Folder::find(data.path()).expect("ours"), Hold::Shared).expect("ours");
        held.connection
            .as_ref()
            .expect("an open one")
            .pragma_update(None, "max_page_count", 1)
            .expect("a pragma");
        held.begin().expect("a transaction");
        let values = values![1u32, 0u64, "1-aaaaaaaa", vec![7u8; 1 << 20]];
        let sql = Dialect::Sqlite.write(statements::INSERT_HEAD);
        let error = held.run(|connection| execute(connection, &sql, &values)).expect_err("no room");
        assert!(matches!(ChangeError::from(error), ChangeError::Store(StoreError::DiskFull(_))));
    }

    #[test]
    fn what_sqlite_says_is_understood_by_its_code() {
        let check = |code: i32, expected: fn(&StoreError) -> bool| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert!(expected(&StoreError::from(classify(error))), "{code}");
        };
        check(ffi::SQLITE_BUSY_SNAPSHOT, |error| matches!(error, StoreError::Busy(_)));
        check(ffi::SQLITE_FULL, |error| matches!(error, StoreError::DiskFull(_)));
        check(ffi::SQLITE_IOERR_SHMSIZE, |error| matches!(error, StoreError::DiskFull(_)));
        check(ffi::SQLITE_IOERR_FSYNC, |error| matches!(error, StoreError::Broken(_)));
        check(ffi::SQLITE_IOERR_READ, |error| matches!(error, StoreError::Broken(_)));
        check(ffi::SQLITE_READONLY_DBMOVED, |error| matches!(error, StoreError::ReadOnly(_)));
        check(ffi::SQLITE_CORRUPT_INDEX, |error| matches!(error, StoreError::Damaged { .. }));
        check(ffi::SQLITE_NOTADB, |error| matches!(error, StoreError::Damaged { .. }));
        check(ffi::SQLITE_MISUSE, |error| matches!(error, StoreError::Unexpected(_)));
    }

    /// A folder with a new store in it, closed again.
    fn made() -> (TempDir, Folder) {
        let (data, _folder) = empty();
        block_on(async { Store::create(data.path()).await.expect("a new store").close().await });
        let folder = Folder::find(data.path()).expect("our own store");
        (data, folder)
    }

    fn empty() -> (TempDir, Folder) {
        let data = tempfile::tempdir().expect("a folder");
        fs::set_permissions(data.path(), fs::Permissions::from_mode(0o700)).expect("our own folder");
        let folder = Folder::make(data.path()).expect("our own folder");
        (data, folder)
    }

    fn head() -> Head {
        Head { generation: Generation::first([7; 5]), frontier: Frontier::new() }
    }

    /// Puts a device where this process has the log of this store open. Answers where that is, and the log.
    fn replace_log(data: &TempDir, device: &str) -> (RawFd, File) {
        let log = data.path().join("strongroom.db-wal");
        let open = fs::read_dir("/proc/self/fd").expect("procfs").filter_map(Result::ok);
        let mut open = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|path| path == log));
        let at = open.next().expect("the log is open").file_name();
        let at = at.to_string_lossy().parse().expect("a descriptor");
        assert!(open.next().is_none(), "two connections have the log open");
        let log = OpenOptions::new().read(true).write(true).open(log).expect("our own file");
        put(OpenOptions::new().read(true).write(true).open(device).expect("a device").as_raw_fd(), at);
        (at, log)
    }

    #[allow(unsafe_code)]
    fn put(file: RawFd, at: RawFd) {
        // SAFETY: both descriptors are open. SQLite owns `at` and goes on owning what is put there: it closes
        // it.
        assert_eq!(unsafe { libc::dup2(file, at) }, at);
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
    }
}
