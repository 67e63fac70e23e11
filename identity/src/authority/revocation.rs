//! Taking certificates back, and the list that says so.
//!
//! The list is signed and stored in the same transaction as the revocation; `crl.pem` is a copy of it. The copy is made
//! under the database's write lock, so that an older list never overwrites a newer one, and [`Authority::open`] makes it
//! again where a crash came between.

use super::signing;
use super::store::{from_ms, to_ms};
use super::{Authority, CRL_FILE};
use crate::files::{self, Readers};
use crate::{AdminName, IdentityError, Role, Serial, calendar};
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber};
use sqlx::{Row, SqliteConnection};
use wardround_plan::{Duration, SiteId, Timestamp};

/// After this time the list is signed anew, although nothing changed.
pub const CRL_REFRESH: Duration = Duration::from_s(12 * 60 * 60);
/// By then the next list should be there; four chances to sign it.
const CRL_VALID: Duration = Duration::from_s(48 * 60 * 60);

/// What [`Authority::refresh_crl`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlRefresh {
    /// The list was signed anew.
    Signed,
    /// The list is younger than [`CRL_REFRESH`].
    StillFresh,
}

impl Authority {
    /// Revokes every certificate of `site`, ends its signing key and voids its invitations. To return it must be invited
    /// again, with fresh keys. Connections that are open already are for the coordinator to close.
    ///
    /// # Errors
    /// [`IdentityError::Unknown`] for a site that was never invited; a database or file that cannot be written, where
    /// doing it again is safe.
    pub async fn revoke(&self, site: &SiteId, now: Timestamp) -> Result<(), IdentityError> {
        let mut change = self.store.begin().await?;
        let invited = void_invitations(&mut change, site).await?;
        let role = Role::Site(site.clone());
        let certified = revoke_role(&mut change, &role, now).await?;
        if !invited && !certified {
            return Err(IdentityError::Unknown(role));
        }
        signing::end(&mut change, site, now).await?;
        self.sign_crl(&mut change, now).await?;
        change.commit().await?;
        self.publish().await
    }

    /// Revokes every certificate of an administrator.
    ///
    /// # Errors
    /// As [`Authority::revoke`].
    pub async fn revoke_admin(&self, name: &AdminName, now: Timestamp) -> Result<(), IdentityError> {
        let role = Role::Admin(name.clone());
        let mut change = self.store.begin().await?;
        if !revoke_role(&mut change, &role, now).await? {
            return Err(IdentityError::Unknown(role));
        }
        self.sign_crl(&mut change, now).await?;
        change.commit().await?;
        self.publish().await
    }

    /// Signs the list anew once it is 12 hours old. A coordinator does this on start and every hour or so.
    ///
    /// # Errors
    /// A database or file that cannot be written.
    pub async fn refresh_crl(&self, now: Timestamp) -> Result<CrlRefresh, IdentityError> {
        let mut change = self.store.begin().await?;
        let signed = sqlx::query("SELECT this_update_ms FROM revocation_list").fetch_optional(&mut *change).await?;
        if let Some(row) = signed {
            let this_update = from_ms(row.try_get("this_update_ms")?);
            if now.since(this_update) < CRL_REFRESH {
                return Ok(CrlRefresh::StillFresh);
            }
        }
        self.sign_crl(&mut change, now).await?;
        change.commit().await?;
        self.publish().await?;
        Ok(CrlRefresh::Signed)
    }

    /// Writes `crl.pem` again where it is not what the database holds.
    pub(super) async fn publish_if_changed(&self) -> Result<(), IdentityError> {
        let mut read = self.store.read().await?;
        let stored = stored_pem(&mut read).await?;
        drop(read);
        let written = std::fs::read(self.folder.join(CRL_FILE)).ok();
        match stored {
            Some(pem) if written.as_deref() != Some(pem.as_bytes()) => self.publish().await,
            _ => Ok(()),
        }
    }

    async fn publish(&self) -> Result<(), IdentityError> {
        let mut lock = self.store.begin().await?;
        if let Some(pem) = stored_pem(&mut lock).await? {
            files::replace(&self.folder.join(CRL_FILE), pem.as_bytes(), Readers::Everyone)?;
        }
        lock.rollback().await?;
        Ok(())
    }

    async fn sign_crl(&self, change: &mut SqliteConnection, now: Timestamp) -> Result<(), IdentityError> {
        let number = next_number(change).await?;
        let list = CertificateRevocationListParams {
            this_update: calendar::date_time(now),
            next_update: calendar::date_time(now + CRL_VALID),
            crl_number: SerialNumber::from(number.unsigned_abs()),
            issuing_distribution_point: None,
            revoked_certs: revoked(change, now).await?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        sqlx::query("INSERT OR REPLACE INTO revocation_list (id, number, this_update_ms, pem) VALUES (1, ?, ?, ?)")
            .bind(number)
            .bind(to_ms(now))
            .bind(list.signed_by(&self.issuer)?.pem()?)
            .execute(change)
            .await?;
        Ok(())
    }
}

/// Voids every invitation of `site`, so that no code of the past answers any more; true if there ever was one.
async fn void_invitations(change: &mut SqliteConnection, site: &SiteId) -> Result<bool, IdentityError> {
    let voided =
        sqlx::query("UPDATE invitations SET state = 'void' WHERE site = ?").bind(site.as_str()).execute(change).await?;
    Ok(voided.rows_affected() > 0)
}

/// Marks every certificate of `role`; true if it ever had one.
async fn revoke_role(change: &mut SqliteConnection, role: &Role, now: Timestamp) -> Result<bool, IdentityError> {
    // Those revoked before keep the time at which they were.
    let marked = sqlx::query("UPDATE certificates SET revoked_ms = coalesce(revoked_ms, ?) WHERE role = ?")
        .bind(to_ms(now))
        .bind(role.path())
        .execute(change)
        .await?;
    Ok(marked.rows_affected() > 0)
}

/// Expired certificates are refused for that reason, and need no place in the list.
async fn revoked(change: &mut SqliteConnection, now: Timestamp) -> Result<Vec<RevokedCertParams>, IdentityError> {
    let rows = sqlx::query(
        "SELECT serial, revoked_ms FROM certificates WHERE revoked_ms IS NOT NULL AND not_after_ms > ? ORDER BY serial",
    )
    .bind(to_ms(now))
    .fetch_all(change)
    .await?;
    rows.iter()
        .map(|row| {
            let serial = Serial::from_bytes(row.try_get("serial")?);
            let serial = serial.ok_or(IdentityError::DatabaseContent("serial number"))?;
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial.as_bytes()),
                revocation_time: calendar::date_time(from_ms(row.try_get("revoked_ms")?)),
                reason_code: Some(RevocationReason::PrivilegeWithdrawn),
                invalidity_date: None,
            })
        })
        .collect()
}

async fn next_number(change: &mut SqliteConnection) -> Result<i64, IdentityError> {
    let row = sqlx::query("SELECT number FROM revocation_list").fetch_optional(change).await?;
    Ok(row.map(|row| row.try_get::<i64, _>("number")).transpose()?.unwrap_or(0) + 1)
}

async fn stored_pem(read: &mut SqliteConnection) -> Result<Option<String>, IdentityError> {
    let row = sqlx::query("SELECT pem FROM revocation_list").fetch_optional(read).await?;
    Ok(row.map(|row| row.try_get("pem")).transpose()?)
}
