//! A hospital uses its code: at most one key per code, and the same key may ask again until it has its certificate.
//!
//! ```text
//! invite ──► open ──use, automatic──────────────► issued
//!              └────use, manual──► awaiting ──approve──┘
//! ```
//! A newer invitation or a revocation makes an older code void. The peer should see one answer for every refusal here, so
//! that a thief of half a code learns nothing; the variants are for the log.

use super::Authority;
use super::invitation::{self, Approval, State, StoredInvitation};
use super::issue::{self, Subject};
use crate::request::ProvenKey;
use crate::{Certificate, EnrolmentCode, IdentityError, Role, calendar};
use serde::Serialize;
use sqlx::{Row, SqliteConnection};
use wardround_plan::{Digest, SiteId, Timestamp};

/// How an enrolment stands.
#[derive(Debug)]
pub enum Enrolment {
    /// The certificate, valid from now on.
    Issued(Box<Certificate>),
    /// The manager has yet to approve; ask again with the same code and key.
    AwaitingApproval {
        /// SHA-256 of the public key: what the hospital reads out to the manager.
        key_fingerprint: Digest,
    },
}

/// Why a code was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentRefusal {
    /// The authority never made this code.
    #[error("{site} came with a code that this authority never made")]
    UnknownCode {
        /// Who asked.
        site: SiteId,
    },
    /// The code invites another site.
    #[error("{site} came with a code that invites {invited}")]
    OtherSite {
        /// Who asked.
        site: SiteId,
        /// Whom the code invites.
        invited: String,
    },
    /// The code was not used in time.
    #[error("the code of {site} expired on {}; invite it again", calendar::in_words(*.at))]
    Expired {
        /// Who asked.
        site: SiteId,
        /// When it expired.
        at: Timestamp,
    },
    /// Someone else used the code before.
    #[error(
        "the code of {site} was used before with another key; if that was not the hospital, the code was stolen: \
             revoke the site and invite it again by a safer way"
    )]
    UsedByAnotherKey {
        /// Who asked.
        site: SiteId,
    },
    /// A newer invitation replaced this one, or it was taken back.
    #[error("the code of {site} is void: the site was invited again or revoked since")]
    Void {
        /// Who asked.
        site: SiteId,
    },
}

/// A site that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Who waits.
    pub site: SiteId,
    /// SHA-256 of its public key, to be compared with what the hospital reads out.
    pub key_fingerprint: Digest,
}

impl Authority {
    /// Enrols `site` with its code. Asked again with the same code and key, it answers how things stand now.
    ///
    /// # Errors
    /// [`IdentityError::Enrolment`] for every refused code, a request that is not signed by its P-256 key, a key that
    /// was certified before.
    pub async fn enroll(
        &self,
        site: &SiteId,
        code: &EnrolmentCode,
        csr_pem: &str,
        now: Timestamp,
    ) -> Result<Enrolment, IdentityError> {
        let key = ProvenKey::from_request_pem(csr_pem)?;
        let mut change = self.store.begin().await?;
        let invitation = invitation::find(&mut change, code)
            .await?
            .ok_or_else(|| EnrolmentRefusal::UnknownCode { site: site.clone() })?;
        let enrolment = match invitation.next(site, &key, now)? {
            Next::Fetch { serial } => issue::stored(&mut change, serial).await?.into(),
            Next::Issue => self.issue_invited(&mut change, invitation.id, site, &key, now).await?.into(),
            Next::Hold => {
                hold(&mut change, invitation.id, &key).await?;
                Enrolment::AwaitingApproval { key_fingerprint: key.fingerprint() }
            }
            Next::Wait => Enrolment::AwaitingApproval { key_fingerprint: key.fingerprint() },
        };
        change.commit().await?;
        Ok(enrolment)
    }

    /// Issues the certificate for which `site` waits. The site fetches it when it next asks.
    ///
    /// # Errors
    /// [`IdentityError::NothingToApprove`], and a database that cannot be written.
    pub async fn approve(&self, site: &SiteId, now: Timestamp) -> Result<Certificate, IdentityError> {
        let mut change = self.store.begin().await?;
        let waiting = sqlx::query("SELECT id, public_key FROM invitations WHERE site = ? AND state = 'awaiting'")
            .bind(site.as_str())
            .fetch_optional(&mut *change)
            .await?
            .ok_or_else(|| IdentityError::NothingToApprove(site.clone()))?;
        let key = ProvenKey::from_der(waiting.try_get("public_key")?)?;
        let certificate = self.issue_invited(&mut change, waiting.try_get("id")?, site, &key, now).await?;
        change.commit().await?;
        Ok(certificate)
    }

    /// Who waits for approval, by name.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn pending(&self) -> Result<Vec<Pending>, IdentityError> {
        let mut read = self.store.read().await?;
        let rows = sqlx::query("SELECT site, public_key FROM invitations WHERE state = 'awaiting' ORDER BY site")
            .fetch_all(&mut *read)
            .await?;
        rows.iter()
            .map(|row| {
                let site = SiteId::new(row.try_get::<String, _>("site")?)?;
                Ok(Pending { site, key_fingerprint: Digest::of(row.try_get("public_key")?) })
            })
            .collect()
    }

    async fn issue_invited(
        &self,
        change: &mut SqliteConnection,
        invitation: i64,
        site: &SiteId,
        key: &ProvenKey,
        now: Timestamp,
    ) -> Result<Certificate, IdentityError> {
        let certificate = self.issue(change, Subject::client(Role::Site(site.clone())), key, now).await?;
        sqlx::query("UPDATE invitations SET state = 'issued', public_key = ?, serial = ? WHERE id = ?")
            .bind(key.to_der())
            .bind(certificate.peer().serial.as_bytes().to_vec())
            .bind(invitation)
            .execute(change)
            .await?;
        Ok(certificate)
    }
}

/// What a code that was accepted leads to.
enum Next<'a> {
    /// The certificate is there.
    Fetch { serial: &'a [u8] },
    /// The certificate is made now.
    Issue,
    /// The code is taken by this key, and the manager asked.
    Hold,
    /// The manager was asked before.
    Wait,
}

impl StoredInvitation {
    /// Whether `key` of `site` may use this code at `now`, and what follows. A code in use stays good for its key after it
    /// expires, since the manager may take longer than the hospital.
    fn next(&self, site: &SiteId, key: &ProvenKey, now: Timestamp) -> Result<Next<'_>, EnrolmentRefusal> {
        let site = site.clone();
        if self.site != site.as_str() {
            return Err(EnrolmentRefusal::OtherSite { site, invited: self.site.clone() });
        }
        match &self.state {
            State::Void => Err(EnrolmentRefusal::Void { site }),
            State::Awaiting { public_key } | State::Issued { public_key, .. } if *public_key != key.to_der() => {
                Err(EnrolmentRefusal::UsedByAnotherKey { site })
            }
            State::Awaiting { .. } => Ok(Next::Wait),
            State::Issued { serial, .. } => Ok(Next::Fetch { serial }),
            State::Open if now >= self.expires => Err(EnrolmentRefusal::Expired { site, at: self.expires }),
            State::Open => Ok(if self.approval == Approval::Automatic { Next::Issue } else { Next::Hold }),
        }
    }
}

async fn hold(change: &mut SqliteConnection, id: i64, key: &ProvenKey) -> Result<(), IdentityError> {
    issue::check_fresh(change, key).await?;
    sqlx::query("UPDATE invitations SET state = 'awaiting', public_key = ? WHERE id = ?")
        .bind(key.to_der())
        .bind(id)
        .execute(change)
        .await?;
    Ok(())
}

impl From<Certificate> for Enrolment {
    fn from(certificate: Certificate) -> Self {
        Self::Issued(Box::new(certificate))
    }
}
