//! Looking at what a process has stored, while it runs.

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::path::Path;
use tokio::runtime::Runtime;

/// A reader of the events in a process's database.
pub struct Events {
    runtime: Runtime,
    pool: SqlitePool,
}

impl Events {
    /// Opens a database that exists.
    pub fn of(database: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = SqliteConnectOptions::new().filename(database).read_only(true);
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = runtime.block_on(pool.connect_with(options)).expect("its process made it");
        Self { runtime, pool }
    }

    /// How many are stored.
    pub fn count(&self) -> usize {
        let count = sqlx::query_scalar::<_, i64>("select count(*) from events").fetch_one(&self.pool);
        self.runtime.block_on(count).expect("readable") as usize
    }

    /// All, in order.
    pub fn all(&self) -> Vec<Value> {
        let events = sqlx::query_scalar::<_, String>("select event from events order by stream, seq");
        let events = self.runtime.block_on(events.fetch_all(&self.pool)).expect("readable");
        events.iter().map(|event| serde_json::from_str(event).expect("written as JSON")).collect()
    }

    /// All of one study of a coordinator, in order.
    pub fn of_study(&self, study: &str) -> Vec<Value> {
        let events = sqlx::query_scalar::<_, String>("select event from events where stream = ? order by seq");
        let events = self.runtime.block_on(events.bind(study).fetch_all(&self.pool)).expect("readable");
        events.iter().map(|event| serde_json::from_str(event).expect("written as JSON")).collect()
    }

    /// How many there are of one kind.
    pub fn count_of(&self, kind: &str) -> usize {
        self.all().iter().filter(|event| event["event"] == kind).count()
    }
}
