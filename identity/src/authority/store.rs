//! The authority's database: SQLite, durable at every commit, open in several processes at once.

use crate::IdentityError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use wardround_plan::{Digest, Timestamp};

/// How long one process waits for another's transaction, which takes milliseconds.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
const CONNECTIONS_MAX: u32 = 4;

/// Each step of the schema leads to the version that it writes; a database takes those it has not taken yet.
///
/// Times are milliseconds since 1970; digests, serials and keys are raw bytes; roles are SPIFFE paths.
const STEPS: [&str; 2] = [CERTIFICATES, SIGNING_KEYS];

const CERTIFICATES: &str = "
CREATE TABLE invitations (
    id INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    code_sha256 BLOB NOT NULL,
    approval TEXT NOT NULL CHECK (approval IN ('manual', 'automatic')),
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'awaiting', 'issued', 'void')),
    public_key BLOB,
    serial BLOB REFERENCES certificates (serial),
    CHECK (state NOT IN ('awaiting', 'issued') OR public_key IS NOT NULL),
    CHECK (state != 'issued' OR serial IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX one_live_invitation ON invitations (site) WHERE state IN ('open', 'awaiting');
CREATE TABLE certificates (
    serial BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    key_sha256 BLOB NOT NULL UNIQUE,
    pem TEXT NOT NULL,
    not_after_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX certificates_of_a_role ON certificates (role);
CREATE TABLE revocation_list (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    this_update_ms INTEGER NOT NULL,
    pem TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
";

/// A site has one signing key at a time. Those that ended, by a new key or a revocation, are kept: none may come back.
const SIGNING_KEYS: &str = "
ALTER TABLE invitations ADD COLUMN signing_key BLOB;
ALTER TABLE invitations ADD COLUMN possession BLOB;
CREATE TABLE signing_keys (
    public_key BLOB PRIMARY KEY CHECK (length(public_key) = 32),
    site TEXT NOT NULL,
    tls_key_sha256 BLOB NOT NULL CHECK (length(tls_key_sha256) = 32),
    possession BLOB NOT NULL CHECK (length(possession) = 64),
    ended_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX one_signing_key_of_a_site ON signing_keys (site) WHERE ended_ms IS NULL;
PRAGMA user_version = 2;
";

/// The database of one authority.
pub(super) struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Makes the database, where a crash has not left one.
    pub(super) async fn create(path: &Path) -> Result<Self, IdentityError> {
        Self::connect(path, true).await
    }

    /// Opens the database. It is never made here: an empty one would forget who is revoked.
    pub(super) async fn open(path: &Path) -> Result<Self, IdentityError> {
        Self::connect(path, false).await
    }

    async fn connect(path: &Path, create: bool) -> Result<Self, IdentityError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await?;
        let store = Self { pool };
        store.prepare(path).await?;
        Ok(store)
    }

    /// Begins a change. The write lock is taken at once: what is read in it stays true until it is committed.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, IdentityError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// For reading one consistent state without waiting for writers.
    pub(super) async fn read(&self) -> Result<Transaction<'static, Sqlite>, IdentityError> {
        Ok(self.pool.begin().await?)
    }

    async fn prepare(&self, path: &Path) -> Result<(), IdentityError> {
        let mut change = self.begin().await?;
        let found: i64 = sqlx::query("PRAGMA user_version").fetch_one(&mut *change).await?.try_get(0)?;
        let missing = usize::try_from(found).ok().and_then(|taken| STEPS.get(taken..));
        for step in missing.ok_or_else(|| IdentityError::Schema { path: path.to_owned(), found })? {
            sqlx::raw_sql(*step).execute(&mut *change).await?;
        }
        change.commit().await?;
        Ok(())
    }
}

/// As SQLite stores an instant.
pub(super) fn to_ms(at: Timestamp) -> i64 {
    i64::try_from(at.as_ms()).unwrap_or(i64::MAX)
}

pub(super) fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_ms(u64::try_from(ms).unwrap_or(0))
}

pub(super) fn digest(bytes: &[u8]) -> Result<Digest, IdentityError> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| IdentityError::DatabaseContent("digest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn database(folder: &Path, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(folder.join("a.sqlite")).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.expect("a new database");
        sqlx::raw_sql(sql).execute(&pool).await.expect("written");
        pool.close().await;
    }

    async fn version(store: &Store) -> i64 {
        let mut read = store.read().await.expect("readable");
        sqlx::query("PRAGMA user_version").fetch_one(&mut *read).await.expect("a row").try_get(0).expect("a number")
    }

    #[tokio::test]
    async fn an_older_database_takes_the_missing_steps_and_keeps_its_rows() {
        let folder = tempfile::tempdir().expect("folder");
        database(folder.path(), CERTIFICATES).await;
        let insert = "INSERT INTO certificates VALUES (x'01', 'site/a', x'02', 'pem', 3, NULL)";
        database(folder.path(), insert).await;
        for _ in 0..2 {
            let store = Store::open(&folder.path().join("a.sqlite")).await.expect("brought up to date");
            assert_eq!(version(&store).await, 2);
            let mut read = store.read().await.expect("readable");
            let row = sqlx::query("SELECT role FROM certificates").fetch_one(&mut *read).await.expect("kept");
            assert_eq!(row.try_get::<String, _>(0).expect("text"), "site/a");
        }
    }

    #[tokio::test]
    async fn a_later_database_is_refused() {
        for (name, sql) in [("later", "PRAGMA user_version = 3"), ("foreign", "PRAGMA user_version = -1")] {
            let folder = tempfile::tempdir().expect("folder");
            database(folder.path(), sql).await;
            let opened = Store::open(&folder.path().join("a.sqlite")).await;
            assert!(matches!(opened, Err(IdentityError::Schema { .. })), "{name}");
        }
    }
}
