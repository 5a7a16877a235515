//! How a database gets the schema that this program expects: numbered files, one transaction each. It does
//! not decide when; who calls it is alone with the database.

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
}

const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, oldest_reader: 1, sql: include_str!("../migrations/0001.sql") }];

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
    let found = read_layout(session).await?;
    judge(found, newest(MIGRATIONS))
}

/// Brings a database, blank or behind, to the newest schema.
pub(crate) async fn run(session: &Session) -> Result<(), OpenError> {
    run_all(session, MIGRATIONS).await
}

async fn run_all(session: &Session, migrations: &[Migration]) -> Result<(), OpenError> {
    let found = read_layout(session).await?;
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
    session.commit().await.map_err(|error| match error {
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
async fn read_layout(session: &Session) -> Result<Option<(u64, u64)>, StoreError> {
    let mut count = session.query(session.dialect().count_layouts(), values![]).await?;
    if count.first_mut().ok_or_else(no_layout)?.count()? == 0 {
        return Ok(None);
    }
    let mut rows = session.query(statements::LAYOUT, values![0u32]).await?;
    let row = rows.first_mut().ok_or_else(no_layout)?;
    Ok(Some((row.count()?, row.count()?)))
}

fn no_layout() -> StoreError {
    StoreError::damaged("it does not say which schema it has")
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

    const FIRST: Migration =
        Migration { number: 1, oldest_reader: 1, sql: include_str!("../migrations/0001.sql") };
    const SECOND: Migration =
        Migration { number: 2, oldest_reader: 1, sql: "CREATE TABLE second (ledger BIGINT)" };
    const BROKEN: Migration = Migration {
        number: 3,
        oldest_reader: 3,
        sql: "CREATE TABLE third (ledger BIGINT); CREATE TABLE nonsense",
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
            assert_eq!(read_layout(&session).await.expect("a blank database"), None);

            run_all(&session, &[FIRST]).await.expect("the first schema");
            run_all(&session, &[FIRST, SECOND]).await.expect("the second schema on top");
            assert_eq!(read_layout(&session).await.expect("a layout"), Some((2, 1)));

            run_all(&session, &[FIRST, SECOND, BROKEN]).await.expect_err("nonsense");
            assert_eq!(read_layout(&session).await.expect("a layout"), Some((2, 1)));
            session
                .query("SELECT * FROM third", values![])
                .await
                .map(drop)
                .map_err(StoreError::from)
                .expect_err("the good half of a bad migration must not stay");
        });
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
    }
}
