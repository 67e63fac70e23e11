//! SQLite as both shells use it: a write-ahead log and `synchronous=FULL`, so that a commit that returned survives a
//! power cut, and an append-only table of events from which everything else is replayed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wardround_plan::Timestamp;

/// How long a writer waits for another process that uses the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of one process.
const CONNECTIONS_MAX: u32 = 4;
/// The version of the tables made here and by the shells; written into the file.
const SCHEMA_VERSION: i64 = 1;

const EVENTS: &str = "create table if not exists events (
    stream text not null, seq integer not null, at_ms integer not null, event text not null,
    primary key (stream, seq)
) strict, without rowid";

/// A database file.
#[derive(Clone)]
pub struct Database {
    pool: SqlitePool,
    path: PathBuf,
}

/// The database could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite says no.
    #[error("the database {path}: {reason}{}", remedy(.reason))]
    Sqlite {
        /// The file.
        path: String,
        /// SQLite's words.
        reason: String,
    },
    /// A stored record is not what this version writes.
    #[error(
        "the database {path} holds a {what} that this version cannot read: {reason}; restore a backup, or use the version that wrote it"
    )]
    Record {
        /// The file.
        path: String,
        /// Which kind of record.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl DatabaseError {
    /// SQLite's refusal for the file `path`.
    pub fn of(path: &Path, error: &sqlx::Error) -> Self {
        Self::Sqlite { path: path.display().to_string(), reason: error.to_string() }
    }
}

fn remedy(reason: &str) -> &'static str {
    let full = reason.contains("full") || reason.contains("disk I/O error");
    if full { "; look for free space on this disk and start again: nothing that was promised is lost" } else { "" }
}

impl Database {
    /// Opens or makes the file `path` with the event table and the tables of `schema`.
    ///
    /// # Errors
    /// A file that is no database of this version, or a disk that does not answer.
    pub async fn open(path: &Path, schema: &[&'static str]) -> Result<Self, DatabaseError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let opened = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await;
        let pool = opened.map_err(|error| DatabaseError::of(path, &error))?;
        let database = Self { pool, path: path.into() };
        database.prepare(schema).await?;
        Ok(database)
    }

    /// The connections, for queries of a shell's own tables.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Appends one event to a stream; durable when it returns.
    ///
    /// # Errors
    /// The disk does not take it; then nothing is stored.
    pub async fn append(&self, stream: &str, at: Timestamp, event: &impl Serialize) -> Result<(), DatabaseError> {
        let event = serde_json::to_string(event).map_err(|error| self.record("event", error))?;
        let insert =
            "insert into events values (?1, (select coalesce(max(seq), 0) + 1 from events where stream = ?1), ?2, ?3)";
        let query = sqlx::query(insert).bind(stream).bind(at.as_ms() as i64).bind(event);
        query.execute(&self.pool).await.map(drop).map_err(|error| self.sqlite(&error))
    }

    /// The events of a stream in order.
    ///
    /// # Errors
    /// An event that is not what this version writes.
    pub async fn events<T: DeserializeOwned>(&self, stream: &str) -> Result<Vec<(Timestamp, T)>, DatabaseError> {
        let query = sqlx::query("select at_ms, event from events where stream = ? order by seq").bind(stream);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.sqlite(&error))?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let at: i64 = row.try_get("at_ms").map_err(|error| self.sqlite(&error))?;
            let event: String = row.try_get("event").map_err(|error| self.sqlite(&error))?;
            let event = serde_json::from_str(&event).map_err(|error| self.record("event", error))?;
            Ok((Timestamp::from_ms(at as u64), event))
        };
        rows.iter().map(read).collect()
    }

    /// SQLite's refusal, with the file's name.
    pub fn sqlite(&self, error: &sqlx::Error) -> DatabaseError {
        DatabaseError::of(&self.path, error)
    }

    /// A record that cannot be read or written, with the file's name.
    pub fn record(&self, what: &'static str, reason: impl std::fmt::Display) -> DatabaseError {
        DatabaseError::Record { path: self.path.display().to_string(), what, reason: reason.to_string() }
    }

    async fn prepare(&self, schema: &[&'static str]) -> Result<(), DatabaseError> {
        let row = sqlx::query("pragma user_version").fetch_one(&self.pool).await;
        let version: i64 = row.and_then(|row| row.try_get(0)).map_err(|error| self.sqlite(&error))?;
        if version > SCHEMA_VERSION {
            return Err(self.record("schema", format!("it has version {version}, known is {SCHEMA_VERSION}")));
        }
        for statement in [EVENTS, "pragma user_version = 1"].iter().chain(schema) {
            sqlx::query(*statement).execute(&self.pool).await.map_err(|error| self.sqlite(&error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_come_back_in_order_and_by_stream() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("test.sqlite");
        let database = Database::open(&path, &[]).await.expect("opens");
        for (stream, event) in [("a", 1), ("b", 2), ("a", 3)] {
            database.append(stream, Timestamp::from_ms(event), &event).await.expect("stored");
        }
        drop(database);
        let database = Database::open(&path, &[]).await.expect("opens again");
        let events: Vec<(Timestamp, u64)> = database.events("a").await.expect("read");
        assert_eq!(events, [(Timestamp::from_ms(1), 1), (Timestamp::from_ms(3), 3)]);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("test.sqlite");
        std::fs::write(&path, "this is no database, whatever its name says, and it is longer than a header")
            .expect("written");
        let Err(error) = Database::open(&path, &[]).await else { panic!("opened") };
        assert!(error.to_string().contains("test.sqlite"), "{error}");
    }

    #[tokio::test]
    async fn an_event_of_another_version_is_refused_and_not_guessed() {
        let dir = tempfile::tempdir().expect("a folder");
        let database = Database::open(&dir.path().join("test.sqlite"), &[]).await.expect("opens");
        database.append("a", Timestamp::from_ms(0), &"text").await.expect("stored");
        assert!(matches!(database.events::<u64>("a").await, Err(DatabaseError::Record { what: "event", .. })));
    }
}
