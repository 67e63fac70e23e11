//! What the site remembers, durably: the events of its machine and a secret of its own.

use std::path::Path;
use wardround_plan::{StreamKey, Timestamp};
use wardround_round::participant::Event;
use wardround_secagg::client::{History, JournalRecord};
use wardround_secagg::wire::{Decode, Encode};
use wardround_storage::{Database, DatabaseError};

const STREAM: &str = "site";
const SECRET: &str =
    "create table if not exists secret (one integer primary key check (one = 1), bytes blob not null) strict";

const SECAGG: &str =
    "create table if not exists secagg (one integer primary key autoincrement, record blob not null) strict";

/// The site's database.
#[derive(Clone)]
pub struct Journal {
    database: Database,
}

impl Journal {
    /// Opens or makes the database in `dir`.
    ///
    /// # Errors
    /// See [`Database::open`].
    pub async fn open(dir: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::open(&dir.join("site.sqlite"), &[SECRET, SECAGG]).await? })
    }

    /// Stores an event; durable when it returns.
    pub async fn append(&self, at: Timestamp, event: &Event) -> Result<(), DatabaseError> {
        self.database.append(STREAM, at, event).await
    }

    /// Everything that happened here, in order.
    pub async fn events(&self) -> Result<Vec<(Timestamp, Event)>, DatabaseError> {
        self.database.events(STREAM).await
    }

    /// Stores how far this site has come in a session of the secure aggregation; durable when it returns.
    pub async fn append_secagg(&self, record: &JournalRecord) -> Result<(), DatabaseError> {
        let insert = sqlx::query("insert into secagg (record) values (?)").bind(record.to_bytes());
        insert.execute(self.database.pool()).await.map_err(|error| self.database.sqlite(&error))?;
        Ok(())
    }

    /// In which sessions this site took part, and which it signed.
    pub async fn secagg_history(&self) -> Result<History, DatabaseError> {
        let rows = sqlx::query_as("select record from secagg order by one").fetch_all(self.database.pool()).await;
        let rows: Vec<(Vec<u8>,)> = rows.map_err(|error| self.database.sqlite(&error))?;
        let records = rows.iter().map(|(record,)| JournalRecord::from_bytes(record));
        let records: Result<Vec<_>, _> = records.collect();
        records.map(History::new).map_err(|error| self.database.record("secagg", error))
    }

    /// The key of this site's own random streams: drawn from the operating system once, known to nobody else, and the same
    /// after a restart, so that a round that is trained again gives the same update.
    pub async fn stream_key(&self) -> Result<StreamKey, DatabaseError> {
        let mut fresh = [0u8; 32];
        rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut fresh)
            .map_err(|error| self.database.record("secret", error))?;
        let failed = |error| self.database.sqlite(&error);
        let insert = sqlx::query("insert or ignore into secret values (1, ?)").bind(fresh.to_vec());
        insert.execute(self.database.pool()).await.map_err(failed)?;
        let row = sqlx::query_as("select bytes from secret").fetch_one(self.database.pool()).await;
        let (bytes,): (Vec<u8>,) = row.map_err(failed)?;
        let secret = bytes.try_into().map_err(|_| self.database.record("secret", "it has not 32 bytes"))?;
        Ok(StreamKey::from_site_secret(secret))
    }
}
