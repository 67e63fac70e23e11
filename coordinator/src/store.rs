//! What the coordinator knows, durably: studies as they were submitted, and everything that happened to them.
//!
//! Events are appended, never changed; a study is restored by replaying them.

use sqlx::{Row, sqlite::SqliteRow};
use std::path::Path;
use wardround_plan::{Digest, Layout, LedgerHead, Plan, SiteId, StudyId, Timestamp};
use wardround_round::ModelRef;
use wardround_round::coordinator::{Event, Recorded, Submission};
use wardround_storage::{Database, DatabaseError};

const STUDIES: &str = "create table if not exists studies (
    study text primary key, plan blob not null, layout text not null,
    model_digest text not null, model_bytes integer not null, submitted_ms integer not null
) strict, without rowid";

const WITNESSED: &str = "create table if not exists witnessed (
    site text primary key, seq integer not null, hash text not null
) strict, without rowid";

/// The coordinator's database.
#[derive(Clone)]
pub struct Store {
    database: Database,
}

/// A study as it was submitted.
#[derive(Debug, Clone)]
pub struct StoredStudy {
    /// Plan, layout digest and initial model.
    pub submission: Submission,
    /// Names and shapes of the weights.
    pub layout: Layout,
    /// When it came.
    pub submitted_at: Timestamp,
}

/// A study was not stored.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The name is taken.
    #[error("there is a study named `{0}` already; give the new one another name")]
    Taken(StudyId),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Store {
    /// Opens or makes the database in `dir`.
    ///
    /// # Errors
    /// See [`Database::open`].
    pub async fn open(dir: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::open(&dir.join("coordinator.sqlite"), &[STUDIES, WITNESSED]).await? })
    }

    /// Stores a new study.
    ///
    /// # Errors
    /// [`SubmitError::Taken`] if the name is in use.
    pub async fn submit(&self, study: &StoredStudy) -> Result<(), SubmitError> {
        let name = &study.submission.plan.study.name;
        let layout = serde_json::to_string(&study.layout).map_err(|error| self.database.record("layout", error))?;
        let insert = sqlx::query("insert into studies values (?, ?, ?, ?, ?, ?)")
            .bind(name.as_str())
            .bind(study.submission.plan.to_canonical())
            .bind(layout)
            .bind(study.submission.model.digest.to_string())
            .bind(study.submission.model.bytes as i64)
            .bind(study.submitted_at.as_ms() as i64);
        match insert.execute(self.database.pool()).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(SubmitError::Taken(name.clone())),
            Err(error) => Err(self.database.sqlite(&error).into()),
        }
    }

    /// Appends an event of a study; durable when it returns.
    pub async fn append(&self, study: &StudyId, recorded: &Recorded) -> Result<(), DatabaseError> {
        self.database.append(study.as_str(), recorded.at, &recorded.event).await
    }

    /// All studies in the order of their submission.
    pub async fn studies(&self) -> Result<Vec<StoredStudy>, DatabaseError> {
        let query = sqlx::query("select * from studies order by submitted_ms, study");
        let rows = query.fetch_all(self.database.pool()).await.map_err(|error| self.database.sqlite(&error))?;
        rows.iter().map(|row| self.study(row)).collect()
    }

    /// Everything that happened to a study, in order.
    pub async fn events(&self, study: &StudyId) -> Result<Vec<Recorded>, DatabaseError> {
        let events: Vec<(Timestamp, Event)> = self.database.events(study.as_str()).await?;
        Ok(events.into_iter().map(|(at, event)| Recorded { at, event }).collect())
    }

    /// Stores the furthest ledger head of a site; durable when it returns.
    pub async fn witness(&self, site: &SiteId, head: LedgerHead) -> Result<(), DatabaseError> {
        let upsert = "insert into witnessed values (?1, ?2, ?3)
            on conflict (site) do update set seq = ?2, hash = ?3 where ?2 > seq";
        let query = sqlx::query(upsert).bind(site.as_str()).bind(head.seq as i64).bind(head.hash.to_string());
        query.execute(self.database.pool()).await.map(drop).map_err(|error| self.database.sqlite(&error))
    }

    /// The furthest ledger head of each site.
    pub async fn witnessed(&self) -> Result<Vec<(SiteId, LedgerHead)>, DatabaseError> {
        let query = sqlx::query_as("select site, seq, hash from witnessed");
        let rows: Result<Vec<(String, i64, String)>, _> = query.fetch_all(self.database.pool()).await;
        let unreadable = |error: &dyn std::fmt::Display| self.database.record("witnessed ledger", error);
        let read = |(site, seq, hash): (String, i64, String)| {
            let site = SiteId::new(site).map_err(|error| unreadable(&error))?;
            let hash = hash.parse().map_err(|error: wardround_plan::DigestError| unreadable(&error))?;
            Ok((site, LedgerHead { seq: seq as u64, hash }))
        };
        rows.map_err(|error| self.database.sqlite(&error))?.into_iter().map(read).collect()
    }

    /// Whether some study started from, or committed, the model with this digest.
    pub async fn is_model(&self, model: &Digest) -> Result<bool, DatabaseError> {
        let known = sqlx::query(
            "select 1 from studies where model_digest = ?1 union all
             select 1 from events where json_extract(event, '$.event') = 'round_committed'
             and json_extract(event, '$.model.digest') = ?1 limit 1",
        );
        let row = known.bind(model.to_string()).fetch_optional(self.database.pool()).await;
        row.map(|row| row.is_some()).map_err(|error| self.database.sqlite(&error))
    }

    fn study(&self, row: &SqliteRow) -> Result<StoredStudy, DatabaseError> {
        let sqlite = |error| self.database.sqlite(&error);
        let unreadable = |error: String| self.database.record("study", error);
        let plan: Vec<u8> = row.try_get("plan").map_err(sqlite)?;
        let layout: String = row.try_get("layout").map_err(sqlite)?;
        let digest: String = row.try_get("model_digest").map_err(sqlite)?;
        let bytes: i64 = row.try_get("model_bytes").map_err(sqlite)?;
        let submitted: i64 = row.try_get("submitted_ms").map_err(sqlite)?;
        let plan = Plan::from_canonical(&plan).map_err(|error| unreadable(error.to_string()))?;
        let layout: Layout = serde_json::from_str(&layout).map_err(|error| unreadable(error.to_string()))?;
        let digest: Digest =
            digest.parse().map_err(|error: wardround_plan::DigestError| unreadable(error.to_string()))?;
        let model = ModelRef { digest, bytes: bytes as u64 };
        let submission = Submission { plan, layout: layout.digest(), model };
        Ok(StoredStudy { submission, layout, submitted_at: Timestamp::from_ms(submitted as u64) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_furthest_ledger_head_of_a_site_survives_a_restart_and_never_goes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (north, south) = (SiteId::new("north").expect("a name"), SiteId::new("south").expect("a name"));
        let head = |seq: u64| LedgerHead { seq, hash: Digest::of(&seq.to_le_bytes()) };
        let store = Store::open(folder.path()).await.expect("opens");
        assert_eq!(store.witnessed().await.expect("readable"), []);
        for (site, seq) in [(&north, 3), (&south, 9), (&north, 5), (&north, 4)] {
            store.witness(site, head(seq)).await.expect("stored");
        }
        drop(store);
        let store = Store::open(folder.path()).await.expect("opens again");
        assert_eq!(store.witnessed().await.expect("readable"), [(north, head(5)), (south, head(9))]);
    }
}
