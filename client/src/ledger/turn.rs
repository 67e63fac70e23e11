//! One turn at the ledger's file: locked, read to its end, and appended to at most once.
//!
//! The site and the officers' commands are several processes with one ledger. Each takes turns: an exclusive lock on a file
//! beside the ledger, and within it one SQLite transaction that was begun for writing (`BEGIN IMMEDIATE`). The file is opened
//! anew in every turn, so that one that was deleted or exchanged under a running site is noticed and not written on unseen.

use super::{Anchor, Anchoring, SiteLedgerError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use wardround_identity::files::FileError;
use wardround_plan::{Digest, LedgerHead};
use wardround_privacy::{LedgerError, Link, LinkError, Log};
use wardround_storage::DatabaseError;

const LEDGER: &str = "ledger.sqlite";
const LOCK: &str = "ledger.lock";
/// How long to wait for another process's turn; one takes milliseconds, an officer's report a second.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often to look whether the turn has come.
const WAIT_STEP: Duration = Duration::from_millis(10);

/// Links are appended and never changed; SQLite itself refuses the rest.
const SCHEMA: [&str; 3] = [
    "create table if not exists links (seq integer primary key, link text not null, hash text not null) strict",
    "create trigger if not exists links_stay before delete on links
     begin select raise(abort, 'links of the ledger are never deleted'); end",
    "create trigger if not exists links_stay_as_they_are before update on links
     begin select raise(abort, 'links of the ledger are never changed'); end",
];

/// Where a site's ledger is, and whose turn it is.
#[derive(Debug)]
pub(super) struct LedgerFile {
    handle: Handle,
    anchoring: Anchoring,
    ledger: PathBuf,
    lock: PathBuf,
    anchor: Anchor,
    turn: Option<Turn>,
}

#[derive(Debug)]
struct Turn {
    connection: SqliteConnection,
    /// Dropped last: the lock ends with the file.
    _lock: File,
}

/// A link was not appended, or its anchor not written. Either way nothing may be released for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// The link.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The anchor.
    #[error(transparent)]
    Anchor(#[from] FileError),
    /// Nobody has begun a turn, or it ended with an error.
    #[error("the ledger is written only in turns")]
    NoTurn,
}

impl LedgerFile {
    pub(super) fn new(handle: Handle, state: &Path, credentials: &Path, anchoring: Anchoring) -> Self {
        let (ledger, lock, anchor) = (state.join(LEDGER), state.join(LOCK), Anchor::in_folder(credentials));
        Self { handle, anchoring, ledger, lock, anchor, turn: None }
    }

    /// Waits for a turn and takes it. A ledger that is missing is made only where no anchor says that there was one.
    pub(super) fn begin(&mut self) -> Result<(), SiteLedgerError> {
        let lock = self.wait()?;
        if !self.ledger.exists() && self.anchor()?.is_some() {
            return Err(self.no_ledger());
        }
        let connection = self.handle.block_on(connect(&self.ledger)).map_err(|error| self.database(&error))?;
        self.turn = Some(Turn { connection, _lock: lock });
        Ok(())
    }

    /// Ends the turn; what was not committed is rolled back.
    pub(super) fn end(&mut self) {
        if let Some(turn) = self.turn.take() {
            // What was committed is durable already. Closing also moves it from the write-ahead log into the main file.
            let _ = self.handle.block_on(turn.connection.close());
        }
    }

    /// The links from number `first` on.
    pub(super) fn links(&mut self, first: u64) -> Result<Vec<Link>, SiteLedgerError> {
        let turn = self.turn.as_mut().ok_or(SiteLedgerError::Ending)?;
        let query = sqlx::query("select seq, link, hash from links where seq >= ? order by seq").bind(first as i64);
        let rows = self.handle.block_on(query.fetch_all(&mut turn.connection));
        let rows = rows.map_err(|error| self.database(&error))?;
        rows.iter().map(|row| self.link(row)).collect()
    }

    /// The head that the ledger must contain, if it must.
    pub(super) fn anchor(&self) -> Result<Option<LedgerHead>, SiteLedgerError> {
        match self.anchoring {
            Anchoring::Required => self.anchor.head(),
            Anchoring::Forgone => Ok(None),
        }
    }

    pub(super) fn needs_anchor(&self) -> bool {
        self.anchoring == Anchoring::Required
    }

    pub(super) fn no_anchor(&self, links: u64) -> SiteLedgerError {
        SiteLedgerError::NoAnchor { path: self.anchor.path().to_owned(), links }
    }

    pub(super) fn path(&self) -> &Path {
        &self.ledger
    }

    pub(super) fn no_ledger(&self) -> SiteLedgerError {
        SiteLedgerError::NoLedger { ledger: self.ledger.clone(), anchor: self.anchor.path().to_owned() }
    }

    fn link(&self, row: &sqlx::sqlite::SqliteRow) -> Result<Link, SiteLedgerError> {
        let read = |error: sqlx::Error| self.database(&error);
        let seq: i64 = row.try_get("seq").map_err(read)?;
        let text: &str = row.try_get("link").map_err(read)?;
        let hash: &str = row.try_get("hash").map_err(read)?;
        let broken = |problem| LedgerError::Link { seq: seq as u64, problem };
        let digest: Digest = hash.parse().map_err(|_| broken(LinkError::WrongHash))?;
        let link = Link::from_canonical(text, digest).map_err(broken)?;
        let in_place = link.head().seq == seq as u64 && digest.to_string() == hash;
        if in_place { Ok(link) } else { Err(broken(LinkError::NotCanonical).into()) }
    }

    fn wait(&self) -> Result<File, SiteLedgerError> {
        let io = |source| FileError::Io { doing: "lock", path: self.lock.clone(), source };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.lock).map_err(io)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(io(source).into()),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= WAIT_MAX => {
                    return Err(SiteLedgerError::Busy { path: self.lock.clone(), seconds: WAIT_MAX.as_secs() });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(WAIT_STEP),
            }
        }
    }

    fn database(&self, error: &sqlx::Error) -> SiteLedgerError {
        DatabaseError::of(&self.ledger, error).into()
    }
}

impl Log for LedgerFile {
    type Error = AppendError;

    /// The link is committed, then the anchor is put in its place. At most one link a turn.
    fn append(&mut self, link: &Link) -> Result<(), AppendError> {
        let mut turn = self.turn.take().ok_or(AppendError::NoTurn)?;
        // Written before the link: a disk that has no room for it must not let a link be paid and then fail.
        let anchor = self.anchor.draft(link.head())?;
        self.handle
            .block_on(store(&mut turn.connection, link))
            .map_err(|error| DatabaseError::of(&self.ledger, &error))?;
        let put = anchor.put();
        // The turn is over but for the lock: the transaction is committed.
        let _ = self.handle.block_on(turn.connection.close());
        Ok(put?)
    }
}

/// Commits with `synchronous=FULL`: it is on the disk when this returns.
async fn store(connection: &mut SqliteConnection, link: &Link) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("insert into links values (?, ?, ?)").bind(link.head().seq as i64);
    insert.bind(link.to_canonical()).bind(link.head().hash.to_string()).execute(&mut *connection).await?;
    sqlx::query("commit").execute(&mut *connection).await.map(drop)
}

/// Opens the file and begins a transaction that can write.
async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WAIT_MAX);
    let mut connection = options.connect().await?;
    for statement in SCHEMA {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    sqlx::query("begin immediate").execute(&mut connection).await?;
    Ok(connection)
}
