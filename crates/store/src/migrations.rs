//! How a database gets the schema that this program expects: numbered files, one transaction each; and whether
//! it has just that. It does not decide when; who migrates is alone with the database.

use crate::open::OpenError;
use crate::session::{Failure, Session, StoreError};
use crate::statements;
use crate::transaction::CommitError;
use crate::value::values;

/// One step to a newer schema.
struct Migration {
    number: u64,
    /// The oldest schema number whose programs may use a database after this step.
    oldest_reader: u64,
    sql: &'static str,
    // Invariant: all that a database lists after this step, byte for byte
    // (`the_schema_on_file_is_what_the_migrations_make`). On file, so that opening need not make it to compare.
    schema: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        oldest_reader: 1,
        sql: include_str!("../migrations/0001.sql"),
        schema: include_str!("../migrations/0001.sqlite-schema.txt"),
    },
    Migration {
        number: 2,
        oldest_reader: 2,
        sql: include_str!("../migrations/0002.sql"),
        schema: include_str!("../migrations/0002.sqlite-schema.txt"),
    },
    Migration {
        number: 3,
        oldest_reader: 3,
        sql: include_str!("../migrations/0003.sql"),
        schema: include_str!("../migrations/0003.sqlite-schema.txt"),
    },
];

/// Below this number a database comes from before the formats were settled, and nothing leads on from it.
const OLDEST: u64 = 1;

/// What schema a database has, seen from this program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// None: nothing of ours is in it.
    Blank,
    /// An older one, from which this program leads on.
    Behind,
    /// One that this program may use.
    Current,
}

/// Looks, and changes nothing.
pub(crate) async fn look(session: &Session) -> Result<Standing, OpenError> {
    let found = read_layout(session, MIGRATIONS).await?;
    judge(found, newest(MIGRATIONS))
}

/// Whether an open database still has the schema it was opened with.
pub(crate) async fn check(session: &Session) -> Result<(), StoreError> {
    match look(session).await {
        Ok(Standing::Current) => Ok(()),
        Err(OpenError::Store(error)) => Err(error),
        _ => Err(StoreError::damaged("its tables are no longer those that strongroom makes")),
    }
}

/// Brings a database, blank or behind, to the newest schema.
pub(crate) async fn run(session: &Session) -> Result<(), OpenError> {
    run_all(session, MIGRATIONS).await
}

async fn run_all(session: &Session, migrations: &[Migration]) -> Result<(), OpenError> {
    let found = read_layout(session, migrations).await?;
    if judge(found, newest(migrations))? == Standing::Current {
        return Ok(());
    }
    let present = found.map_or(0, |(number, _)| number);
    for migration in migrations.iter().filter(|migration| migration.number > present) {
        run_one(session, migration).await?;
        tracing::info!(schema = migration.number, "the database has a new schema");
    }
    Ok(())
}

async fn run_one(session: &Session, migration: &Migration) -> Result<(), OpenError> {
    session.begin().await?;
    if let Err(failure) = write(session, migration).await {
        session.roll_back();
        return Err(StoreError::from(failure).into());
    }
    session.commit().map_err(|error| match error {
        CommitError::Refused(error) | CommitError::Unknown(error) => error.into(),
    })
}

async fn write(session: &Session, migration: &Migration) -> Result<(), Failure> {
    session.run_script(session.dialect().mark()).await?;
    session.run_script(migration.sql).await?;
    session.execute(statements::SET_LAYOUT, values![0u32, migration.number, migration.oldest_reader]).await?;
    Ok(())
}

/// The number of the schema and the oldest reader it allows; none in a blank database.
///
/// Only from a database that has all of that schema and nothing else: who can write the file could leave out a
/// constraint or add an index, and both reads and verification would believe what they find.
async fn read_layout(session: &Session, migrations: &[Migration]) -> Result<Option<(u64, u64)>, OpenError> {
    let schema = read_schema(session).await?;
    if schema.is_empty() {
        return Ok(None);
    }
    let (number, oldest_reader) = read_number(session).await?;
    // A newer database that we may use is one whose tables are still ours.
    let known = migrations.iter().rfind(|migration| migration.number <= number);
    if known.is_some_and(|migration| migration.schema != schema) {
        let known = newest(migrations);
        return Err(if number > known {
            OpenError::NewerSchema { found: number, known }
        } else {
            OpenError::Altered
        });
    }
    Ok(Some((number, oldest_reader)))
}

/// Everything that there is besides rows, as one text.
async fn read_schema(session: &Session) -> Result<String, StoreError> {
    let mut schema = String::new();
    for row in &mut session.query(session.dialect().list_schema(), values![]).await? {
        schema.push_str(&row.text()?);
        schema.push('\n');
    }
    Ok(schema)
}

/// Both numbers, whatever they are kept in: the schema is not compared yet.
async fn read_number(session: &Session) -> Result<(u64, u64), OpenError> {
    let rows = session.query(statements::LAYOUT, values![0u32]).await.map_err(StoreError::from);
    let mut rows = rows.map_err(|error| match error {
        // The one statement that may meet a table of another shape, or none.
        StoreError::Unexpected(_) => OpenError::Altered,
        other => other.into(),
    })?;
    let row = rows.first_mut().ok_or_else(|| StoreError::damaged("it does not say which schema it has"))?;
    Ok((row.count()?, row.count()?))
}

fn newest(migrations: &[Migration]) -> u64 {
    migrations.last().map_or(0, |migration| migration.number)
}

fn judge(found: Option<(u64, u64)>, newest: u64) -> Result<Standing, OpenError> {
    match found {
        None => Ok(Standing::Blank),
        Some((number, _)) if number < OLDEST => Err(OpenError::OlderSchema { found: number }),
        Some((number, _)) if number < newest => Ok(Standing::Behind),
        Some((number, oldest_reader)) if oldest_reader > newest => {
            Err(OpenError::NewerSchema { found: number, known: newest })
        }
        Some(_) => Ok(Standing::Current),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite;

    const FIRST: Migration = Migration {
        number: 1,
        oldest_reader: 1,
        sql: include_str!("../migrations/0001.sql"),
        schema: include_str!("../migrations/0001.sqlite-schema.txt"),
    };
    const SECOND: Migration = Migration {
        number: 2,
        oldest_reader: 1,
        sql: "CREATE TABLE younger (ledger BIGINT)",
        schema: concat!(
            include_str!("../migrations/0001.sqlite-schema.txt"),
            "'table' 'younger' 'younger' 'CREATE TABLE younger (ledger BIGINT)'\n"
        ),
    };
    const BROKEN: Migration = Migration {
        number: 3,
        oldest_reader: 3,
        sql: "CREATE TABLE third (ledger BIGINT); CREATE TABLE nonsense",
        schema: "",
    };

    #[test]
    fn a_schema_is_judged_by_its_number_and_its_oldest_reader() {
        let check =
            |found, newest, expected| assert_eq!(judge(found, newest).expect("a schema to use"), expected);
        check(None, 1, Standing::Blank);
        check(Some((1, 1)), 1, Standing::Current);
        check(Some((1, 1)), 2, Standing::Behind);
        check(Some((3, 2)), 2, Standing::Current);
        assert!(matches!(judge(Some((3, 3)), 2), Err(OpenError::NewerSchema { found: 3, known: 2 })));
        assert!(matches!(judge(Some((0, 0)), 2), Err(OpenError::OlderSchema { found: 0 })));
    }

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        for (migration, number) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.number, number);
            assert!(migration.oldest_reader <= number);
        }
    }

    #[test]
    fn a_migration_goes_on_where_the_last_one_ended_and_lands_whole_or_not_at_all() {
        block_on(async {
            let session = Session::Sqlite(sqlite::Connection::memory().expect("memory"));
            let found = async || read_layout(&session, &[FIRST, SECOND]).await.expect("a layout");
            assert_eq!(found().await, None, "a blank database");

            run_all(&session, &[FIRST]).await.expect("the first schema");
            run_all(&session, &[FIRST, SECOND]).await.expect("the second schema on top");
            assert_eq!(found().await, Some((2, 1)));

            run_all(&session, &[FIRST, SECOND, BROKEN]).await.expect_err("nonsense");
            assert_eq!(found().await, Some((2, 1)));
            session
                .query("SELECT * FROM third", values![])
                .await
                .map(drop)
                .map_err(StoreError::from)
                .expect_err("the good half of a bad migration must not stay");
        });
    }

    #[test]
    fn the_schema_on_file_is_what_the_migrations_make() {
        block_on(async {
            let session = Session::Sqlite(sqlite::Connection::memory().expect("memory"));
            for (at, migration) in MIGRATIONS.iter().enumerate() {
                run_all(&session, &MIGRATIONS[..=at]).await.expect("the next schema");
                let made = read_schema(&session).await.expect("a schema");
                assert!(made == migration.schema, "schema {} is\n{made}", migration.number);
            }
        });
    }

    #[test]
    fn a_database_that_is_behind_is_led_on_only_from_the_schema_it_says_it_has() {
        block_on(async {
            let session = Session::Sqlite(sqlite::Connection::memory().expect("memory"));
            run_all(&session, &[FIRST]).await.expect("the first schema");
            session.run_script("CREATE INDEX planted ON records (ledger)").await.map_err(drop).expect("DDL");
            let before = read_schema(&session).await.expect("a schema");
            let outcome = run_all(&session, &[FIRST, SECOND]).await;
            assert!(matches!(outcome, Err(OpenError::Altered)), "{outcome:?}");
            assert_eq!(read_schema(&session).await.expect("a schema"), before);
        });
    }

    #[test]
    fn a_newer_schema_with_other_tables_is_newer_and_not_altered() {
        block_on(async {
            let session = Session::Sqlite(sqlite::Connection::memory().expect("memory"));
            run_all(&session, &[FIRST, SECOND]).await.expect("the second schema");
            let outcome = read_layout(&session, &[FIRST]).await;
            assert!(matches!(outcome, Err(OpenError::NewerSchema { found: 2, known: 1 })), "{outcome:?}");
        });
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
    }
}
