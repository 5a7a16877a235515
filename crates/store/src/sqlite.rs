//! SQLite: one connection, the settings that make it safe, and the system calls beside it. The only file that
//! names rusqlite and the only one here with `unsafe`. It knows none of our tables.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi;
use rusqlite::types::{ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{OpenFlags, params_from_iter};

use crate::folder::Folder;
use crate::open::OpenError;
use crate::session::{Failure, StoreError};
use crate::transaction::CommitError;
use crate::value::{Row, Value};

/// Below this, two connections could lose committed writes (the WAL-reset race).
const OLDEST_LIBRARY: i32 = 3_051_003;
/// `application_id` of our files: "stro".
const APPLICATION: i64 = 0x7374_726f;
pub(crate) const MARK: &str = "PRAGMA application_id = 0x7374726f;";
const PATIENCE: Duration = Duration::from_secs(10);
/// More than we have statements: each is compiled once.
const STATEMENTS: usize = 64;
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
/// log is kept when a connection closes: deleting it would cost every short-lived process three fsyncs.
const SWITCHES: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
];

/// An open database. Work is done where it is asked for, on the caller's own thread: a hop to another one would cost
/// more than most statements do.
pub(crate) struct Connection(
    // Locked for one call at a time, and never across a wait: a session is not asked twice at once.
    Mutex<Held>,
);

/// How the lock is held while a connection is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Beside others. Waits for whoever is alone.
    Shared,
    /// Without others, or not at all. With `make`, the database file is made where it is missing.
    Alone { make: bool },
}

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

    pub(crate) fn commit(&self) -> Result<(), CommitError> {
        self.held().commit()
    }

    pub(crate) fn roll_back(&self) {
        self.held().roll_back();
    }

    pub(crate) fn share(&self) -> Result<(), OpenError> {
        self.held().share()
    }

    pub(crate) fn write_back(&self) {
        self.held().write_back();
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

/// What is open. Fields are dropped in this order: the lock goes last.
struct Held {
    // Invariant: none after the disk failed once, so that nothing is tried again on pages that the kernel may
    // have dropped (`after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_done`).
    connection: Option<rusqlite::Connection>,
    lock: Option<File>,
    // Invariant: true from BEGIN to COMMIT or ROLLBACK, as *we* said them; SQLite may end a transaction by
    // itself (`a_transaction_that_sqlite_gave_up_takes_no_more_statements`).
    in_transaction: bool,
}

impl Held {
    fn open(folder: &Folder, hold: Hold) -> Result<Self, OpenError> {
        check_library(rusqlite::version_number())?;
        let lock = take_lock(folder, hold)?;
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
        Ok(Self { connection: Some(connection), lock: Some(lock), in_transaction: false })
    }

    fn memory() -> Result<Self, OpenError> {
        check_library(rusqlite::version_number())?;
        let connection = rusqlite::Connection::open_in_memory().map_err(store_error)?;
        harden(&connection).map_err(store_error)?;
        Ok(Self { connection: Some(connection), lock: None, in_transaction: false })
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let connection = self.connection.as_ref().ok_or_else(|| Failure::Store(stopped()))?;
        if self.in_transaction && connection.is_autocommit() {
            // Some errors end a transaction; what came next would be committed statement by statement.
            return Err(Failure::Store(StoreError::Abandoned));
        }
        work(connection).map_err(|error| self.note(error))
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.run(|connection| connection.execute_batch("BEGIN IMMEDIATE"))?;
        self.in_transaction = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), CommitError> {
        match self.run(|connection| connection.execute_batch("COMMIT")).map_err(StoreError::from) {
            Ok(()) => {
                self.in_transaction = false;
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
        set_lock(lock, libc::F_OFD_SETLK, libc::F_RDLCK)
            .map_err(|error| StoreError::Unexpected(error.into()).into())
    }

    fn write_back(&mut self) {
        let Some(connection) = &self.connection else { return };
        let outcome = empty_log(connection).and_then(|()| connection.busy_timeout(PATIENCE));
        if let Err(error) = outcome {
            warn_of_log(&error);
            // For the disk failures among them: what failed once is not tried again.
            self.note(error);
        }
    }

    /// The log is left to the last of those who use the database.
    fn empty_large_log(&self) {
        let Some(connection) = &self.connection else { return };
        let sql = "PRAGMA wal_checkpoint(NOOP)";
        let pages = connection.query_row(sql, [], |row| row.get::<_, i64>(1));
        let outcome = pages.and_then(|pages| if pages < LARGE_LOG { Ok(()) } else { empty_log(connection) });
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
                source: Some(found.into()),
            }),
        }
    }

    fn note(&mut self, error: rusqlite::Error) -> Failure {
        let broken = is_disk_failure(&error);
        if broken {
            self.stop(&error);
        }
        classify(error)
    }

    /// Closes at once, without a checkpoint: other processes must not wait for a lock of ours.
    fn stop(&mut self, error: &rusqlite::Error) {
        tracing::error!(%error, "the database is closed because the disk failed");
        self.connection = None;
    }
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
    StoreError::Broken("the database was closed when the disk failed".into())
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
            Err(StoreError::Unexpected("the file system has no shared memory for SQLite's log".into()).into())
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
            return Failure::Duplicate(error.into());
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return Failure::Orphan(error.into()),
        _ => {}
    }
    let unreadable = matches!(error, rusqlite::Error::Utf8Error(..) | rusqlite::Error::InvalidColumnType(..));
    Failure::Store(match extended & 0xff {
        _ if unreadable => unreadable_error(error),
        _ if is_disk_failure(&error) => StoreError::Broken(error.into()),
        // What is left of the I/O errors: no room for the log's index.
        ffi::SQLITE_FULL | ffi::SQLITE_IOERR => StoreError::DiskFull(error.into()),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Busy(error.into()),
        ffi::SQLITE_READONLY => StoreError::ReadOnly(error.into()),
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => unreadable_error(error),
        _ => StoreError::Unexpected(error.into()),
    })
}

fn unreadable_error(error: rusqlite::Error) -> StoreError {
    StoreError::Damaged { what: "SQLite cannot read it".to_owned(), source: Some(error.into()) }
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

fn take_lock(folder: &Folder, hold: Hold) -> Result<File, OpenError> {
    let file = folder.open_lock()?;
    let kind = if hold == Hold::Shared { libc::F_RDLCK } else { libc::F_WRLCK };
    let taken = match set_lock(&file, libc::F_OFD_SETLK, kind) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => match hold {
            Hold::Alone { .. } => return Err(OpenError::Held { folder: folder.path().to_owned() }),
            Hold::Shared => {
                tracing::info!("waiting for a restore or a change of the schema");
                set_lock(&file, libc::F_OFD_SETLKW, kind)
            }
        },
        taken => taken,
    };
    taken.map_err(|source| OpenError::Io { path: folder.path().to_owned(), source })?;
    Ok(file)
}

/// Locks byte 0 of the lock file, or changes how it is locked. The lock belongs to this open file, not to the
/// process: it ends with `file`, and no other descriptor of the same file can drop it.
#[allow(unsafe_code)]
fn set_lock(file: &File, command: libc::c_int, kind: libc::c_int) -> io::Result<()> {
    let range = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
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
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use strongroom_ledger::generation::Generation;
    use strongroom_ledger::tree::Frontier;
    use tempfile::TempDir;

    use super::*;
    use crate::dialect::Dialect;
    use crate::statements;
    use crate::value::values;
    use crate::{ChangeError, Head, Store};

    #[test]
    fn every_setting_reads_back() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        let connection = held.connection.as_ref().expect("an open one");
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
    fn every_question_goes_by_an_index() {
        let (_data, folder) = made();
        let held = Held::open(&folder, Hold::Shared).expect("our own store");
        let connection = held.connection.as_ref().expect("an open one");
        for (name, sql) in statements::ALL.iter().filter(|(_, sql)| sql.starts_with("SELECT")) {
            let explain = format!("EXPLAIN QUERY PLAN {}", Dialect::Sqlite.write(sql));
            let mut statement = connection.prepare(&explain).expect(name);
            let count = statement.parameter_count();
            let steps = statement.query_map(params_from_iter((0..count).map(|_| 1i64)), |row| row.get(3));
            for step in steps.expect(name) {
                let step: String = step.expect(name);
                assert!(!step.contains("SCAN") && !step.contains("TEMP B-TREE"), "{name}: {step}");
                // Backwards through all records would be an index too.
                assert!(*name != "NEWEST_RECORD" || step.contains("records_by_subject"), "{step}");
            }
        }
    }

    #[test]
    fn the_lock_is_shared_by_all_or_held_by_one() {
        let (_data, folder) = made();
        let alone = Hold::Alone { make: false };
        let one = take_lock(&folder, Hold::Shared).expect("nobody is alone");
        let other = take_lock(&folder, Hold::Shared).expect("beside the first");
        drop(one);
        assert!(
            matches!(take_lock(&folder, alone), Err(OpenError::Held { .. })),
            "the second still holds it"
        );
        drop(other);

        let holder = take_lock(&folder, alone).expect("all have let go");
        assert!(matches!(take_lock(&folder, alone), Err(OpenError::Held { .. })));
        let released = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                take_lock(&folder, Hold::Shared).expect("it waits");
                assert!(released.load(Ordering::SeqCst), "it came in beside one who is alone");
            });
            released.store(true, Ordering::SeqCst);
            drop(holder);
        });

        let holder = take_lock(&folder, alone).expect("all have let go");
        set_lock(&holder, libc::F_OFD_SETLK, libc::F_RDLCK).expect("it may always be shared");
        take_lock(&folder, Hold::Shared).expect("beside one who shares it");
    }

    #[test]
    fn an_open_store_holds_the_lock_until_it_is_closed() {
        let (data, folder) = made();
        let alone = Hold::Alone { make: false };
        block_on(async {
            let store = Store::open(data.path()).await.expect("our own store");
            assert!(matches!(take_lock(&folder, alone), Err(OpenError::Held { .. })));
            store.close().await;
            take_lock(&folder, alone).expect("closed is closed");
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
