//! Inviting a hospital: a code that works once, for one site, for a while.

use super::store::{from_ms, to_ms};
use super::{Authority, DAY_S};
use crate::{EnrolmentCode, IdentityError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use subtle::ConstantTimeEq;
use wardround_plan::{Digest, Duration, SiteId, Timestamp};

/// How long an invitation is open unless the manager says otherwise.
pub const INVITATION_VALID: Duration = Duration::from_s(3 * DAY_S);
/// Longest time for which an invitation can be open.
const INVITATION_VALID_MAX: Duration = Duration::from_s(30 * DAY_S);

/// What happens when the code is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The manager compares the key's fingerprint with the hospital, then approves.
    Manual,
    /// Who has the code gets the certificate.
    Automatic,
}

/// What the manager hands to a hospital, by a way that only the hospital can read.
#[derive(Debug)]
pub struct Invitation {
    /// The one-time code. Shown once: the authority keeps only a hash.
    pub code: EnrolmentCode,
    /// The fingerprint of the authority, which the site pins.
    pub ca_sha256: Digest,
    /// Until when the code can be used.
    pub expires: Timestamp,
}

/// An invitation as stored.
pub(super) struct StoredInvitation {
    pub(super) id: i64,
    pub(super) site: String,
    pub(super) approval: Approval,
    pub(super) expires: Timestamp,
    pub(super) state: State,
}

/// How far an invitation has come.
pub(super) enum State {
    /// The code has not been used.
    Open,
    /// Used by the owner of these keys, who waits for approval.
    Awaiting { keys: StoredKeys },
    /// Used by the owner of these keys, who has this certificate.
    Issued { keys: StoredKeys, serial: Vec<u8> },
    /// Replaced by a newer invitation, or taken back.
    Void,
}

/// The keys with which a code was used.
#[derive(PartialEq, Eq)]
pub(super) struct StoredKeys {
    /// The TLS key as X.509 writes it.
    pub(super) tls: Vec<u8>,
    /// Absent where the code was used before sites had signing keys.
    pub(super) signing: Option<Vec<u8>>,
}

impl Authority {
    /// Invites `site`. An older invitation of the same site that has not led to a certificate becomes void.
    ///
    /// # Errors
    /// [`IdentityError::InvitationTooLong`] above 30 days, and a database that cannot be written.
    pub async fn invite(
        &self,
        site: &SiteId,
        valid_for: Duration,
        approval: Approval,
        now: Timestamp,
    ) -> Result<Invitation, IdentityError> {
        if valid_for > INVITATION_VALID_MAX {
            return Err(IdentityError::InvitationTooLong { max_h: INVITATION_VALID_MAX.as_ms() / 3_600_000 });
        }
        let (code, expires) = (EnrolmentCode::draw()?, now + valid_for);
        let mut change = self.store.begin().await?;
        void_unfinished(&mut change, site).await?;
        sqlx::query(
            "INSERT INTO invitations (site, code_sha256, approval, expires_ms, state) VALUES (?, ?, ?, ?, 'open')",
        )
        .bind(site.as_str())
        .bind(code.digest().as_bytes().to_vec())
        .bind(approval.as_str())
        .bind(to_ms(expires))
        .execute(&mut *change)
        .await?;
        change.commit().await?;
        Ok(Invitation { code, ca_sha256: self.fingerprint(), expires })
    }
}

async fn void_unfinished(change: &mut SqliteConnection, site: &SiteId) -> Result<(), IdentityError> {
    sqlx::query("UPDATE invitations SET state = 'void' WHERE site = ? AND state IN ('open', 'awaiting')")
        .bind(site.as_str())
        .execute(change)
        .await?;
    Ok(())
}

/// The invitation with this code. Looks at every stored hash, each in constant time, so that the time taken tells nothing
/// about any of them.
pub(super) async fn find(
    change: &mut SqliteConnection,
    code: &EnrolmentCode,
) -> Result<Option<StoredInvitation>, IdentityError> {
    let digest = code.digest();
    let rows = sqlx::query("SELECT * FROM invitations").fetch_all(change).await?;
    let mut found = None;
    for row in &rows {
        let stored: &[u8] = row.try_get("code_sha256")?;
        if bool::from(stored.ct_eq(digest.as_bytes())) {
            found = Some(StoredInvitation::read(row)?);
        }
    }
    Ok(found)
}

impl StoredInvitation {
    fn read(row: &SqliteRow) -> Result<Self, IdentityError> {
        Ok(Self {
            id: row.try_get("id")?,
            site: row.try_get("site")?,
            approval: Approval::read(row.try_get("approval")?)?,
            expires: from_ms(row.try_get("expires_ms")?),
            state: State::read(row)?,
        })
    }
}

impl StoredKeys {
    fn read(row: &SqliteRow) -> Result<Self, IdentityError> {
        Ok(Self { tls: row.try_get("public_key")?, signing: row.try_get("signing_key")? })
    }
}

impl State {
    fn read(row: &SqliteRow) -> Result<Self, IdentityError> {
        Ok(match row.try_get("state")? {
            "open" => Self::Open,
            "awaiting" => Self::Awaiting { keys: StoredKeys::read(row)? },
            "issued" => Self::Issued { keys: StoredKeys::read(row)?, serial: row.try_get("serial")? },
            "void" => Self::Void,
            _ => return Err(IdentityError::DatabaseContent("state of an invitation")),
        })
    }
}

impl Approval {
    fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Automatic => "automatic",
        }
    }

    fn read(text: &str) -> Result<Self, IdentityError> {
        match text {
            "manual" => Ok(Self::Manual),
            "automatic" => Ok(Self::Automatic),
            _ => Err(IdentityError::DatabaseContent("approval")),
        }
    }
}
