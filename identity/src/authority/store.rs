//! The authority's database: SQLite, durable at every commit, open in several processes at once.

use crate::IdentityError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use wardround_plan::{Digest, Timestamp};

/// How long one process waits for another's transaction, which takes milliseconds.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
const CONNECTIONS_MAX: u32 = 4;
const SCHEMA_VERSION: i64 = 1;

/// Times are milliseconds since 1970; digests, serials and keys are raw bytes; roles are SPIFFE paths.
const SCHEMA: &str = "
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
        match found {
            SCHEMA_VERSION => return Ok(()),
            0 => sqlx::raw_sql(SCHEMA).execute(&mut *change).await?,
            _ => return Err(IdentityError::Schema { path: path.to_owned(), found }),
        };
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
