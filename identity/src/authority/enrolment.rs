//! A hospital uses its code: at most one pair of keys per code, and the same pair may ask again until it has its
//! certificate.
//!
//! ```text
//! invite ──► open ──use, automatic──────────────► issued
//!              └────use, manual──► awaiting ──approve──┘
//! ```
//! A newer invitation or a revocation makes an older code void. The peer should see one answer for every refusal here, so
//! that a thief of half a code learns nothing; the variants are for the log.

use super::Authority;
use super::invitation::{self, Approval, State, StoredInvitation, StoredKeys};
use super::issue::{self, Subject};
use super::signing::{self, SigningProof};
use crate::request::ProvenKey;
use crate::signing::{EnrolmentRequest, enrolment_fingerprint};
use crate::{Certificate, EnrolmentCode, IdentityError, Role, Serial, calendar};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use wardround_plan::{Digest, SiteId, Timestamp};

/// How an enrolment stands.
#[derive(Debug)]
pub enum Enrolment {
    /// The certificate, valid from now on.
    Issued(Box<Certificate>),
    /// The manager has yet to approve; ask again with the same code and keys.
    AwaitingApproval {
        /// Of both keys: what the hospital reads out to the manager.
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
    /// The request carries no proof that the site holds the signing key.
    #[error(
        "{site} did not show that it holds the signing key it asks with: it is another's, or the request was changed"
    )]
    NoSigningProof {
        /// Who asked.
        site: SiteId,
    },
    /// Another site signs with this key.
    #[error(
        "{site} came with the signing key of {holder}: somebody copied a credentials folder; enrol {site} in an empty one"
    )]
    SigningKeyTaken {
        /// Who asked.
        site: SiteId,
        /// Whose key it is.
        holder: SiteId,
    },
    /// The key was replaced, or revoked with its site.
    #[error("{site} came with a signing key that was replaced or revoked; enrol it in an empty credentials folder")]
    SigningKeyEnded {
        /// Who asked.
        site: SiteId,
    },
}

/// A site that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Who waits.
    pub site: SiteId,
    /// Of both its keys, to be compared with what the hospital reads out.
    pub key_fingerprint: Digest,
}

/// Who asks for a certificate, having shown that it holds its keys.
struct Applicant {
    site: SiteId,
    tls: ProvenKey,
    /// Absent where the code was used before sites had signing keys.
    signing: Option<SigningProof>,
}

impl Authority {
    /// Enrols `site` with its code. Asked again with the same code and keys, it answers how things stand now.
    ///
    /// # Errors
    /// [`IdentityError::Enrolment`] for every refused code and signing key, a request that is not signed by its P-256
    /// key, a key that was certified before.
    pub async fn enroll(
        &self,
        site: &SiteId,
        code: &EnrolmentCode,
        request: &EnrolmentRequest,
        now: Timestamp,
    ) -> Result<Enrolment, IdentityError> {
        let applicant = Applicant::prove(site, request, self.fingerprint())?;
        let mut change = self.store.begin().await?;
        let invitation = invitation::find(&mut change, code)
            .await?
            .ok_or_else(|| EnrolmentRefusal::UnknownCode { site: site.clone() })?;
        let waiting = Enrolment::AwaitingApproval { key_fingerprint: applicant.fingerprint() };
        let enrolment = match invitation.next(&applicant, now)? {
            Next::Fetch { serial } => issue::stored(&mut change, serial).await?.into(),
            Next::Issue => self.issue_invited(&mut change, invitation.id, &applicant, now).await?.into(),
            Next::Hold => {
                applicant.hold(&mut change, invitation.id).await?;
                waiting
            }
            Next::Wait => waiting,
        };
        change.commit().await?;
        Ok(enrolment)
    }

    /// Issues the certificate for which `site` waits. The site fetches it when it next asks.
    ///
    /// # Errors
    /// [`IdentityError::NothingToApprove`], keys that another site enrolled with meanwhile, and a database that cannot be
    /// written.
    pub async fn approve(&self, site: &SiteId, now: Timestamp) -> Result<Certificate, IdentityError> {
        let mut change = self.store.begin().await?;
        let waiting = sqlx::query("SELECT * FROM invitations WHERE site = ? AND state = 'awaiting'")
            .bind(site.as_str())
            .fetch_optional(&mut *change)
            .await?
            .ok_or_else(|| IdentityError::NothingToApprove(site.clone()))?;
        let applicant = Applicant::read(&waiting)?;
        let certificate = self.issue_invited(&mut change, waiting.try_get("id")?, &applicant, now).await?;
        change.commit().await?;
        Ok(certificate)
    }

    /// Who waits for approval, by name.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn pending(&self) -> Result<Vec<Pending>, IdentityError> {
        let mut read = self.store.read().await?;
        let rows = sqlx::query("SELECT * FROM invitations WHERE state = 'awaiting' ORDER BY site")
            .fetch_all(&mut *read)
            .await?;
        rows.iter()
            .map(|row| {
                let waiting = Applicant::read(row)?;
                Ok(Pending { key_fingerprint: waiting.fingerprint(), site: waiting.site })
            })
            .collect()
    }

    async fn issue_invited(
        &self,
        change: &mut SqliteConnection,
        invitation: i64,
        applicant: &Applicant,
        now: Timestamp,
    ) -> Result<Certificate, IdentityError> {
        let Applicant { site, tls, signing } = applicant;
        let certificate = self.issue(change, Subject::client(Role::Site(site.clone())), tls, now).await?;
        if let Some(proof) = signing {
            signing::register(change, site, proof, tls.fingerprint(), now).await?;
        }
        applicant.record(change, invitation, Some(&certificate.peer().serial)).await?;
        Ok(certificate)
    }
}

impl Applicant {
    fn prove(site: &SiteId, request: &EnrolmentRequest, ca_sha256: Digest) -> Result<Self, IdentityError> {
        let tls = ProvenKey::from_request_pem(request.csr_pem())?;
        let signing = SigningProof::of(request, site, tls.fingerprint(), ca_sha256)?;
        Ok(Self { site: site.clone(), tls, signing: Some(signing) })
    }

    /// Keys that were proven before and stored since.
    fn read(invitation: &SqliteRow) -> Result<Self, IdentityError> {
        Ok(Self {
            site: SiteId::new(invitation.try_get::<String, _>("site")?)?,
            tls: ProvenKey::from_der(invitation.try_get("public_key")?)?,
            signing: SigningProof::read_optional(invitation)?,
        })
    }

    /// Takes the code for these keys until the manager has decided.
    async fn hold(&self, change: &mut SqliteConnection, invitation: i64) -> Result<(), IdentityError> {
        issue::check_fresh(change, &self.tls).await?;
        if let Some(proof) = &self.signing {
            signing::check_free(change, &self.site, proof).await?;
        }
        self.record(change, invitation, None).await
    }

    /// Writes down who used the code, and the certificate if there is one.
    async fn record(
        &self,
        change: &mut SqliteConnection,
        invitation: i64,
        issued: Option<&Serial>,
    ) -> Result<(), IdentityError> {
        let signing = self.signing.as_ref();
        sqlx::query(
            "UPDATE invitations SET state = ?, public_key = ?, signing_key = ?, possession = ?, serial = ? WHERE id = ?",
        )
        .bind(if issued.is_some() { "issued" } else { "awaiting" })
        .bind(self.tls.to_der())
        .bind(signing.map(|proof| proof.key.0.to_vec()))
        .bind(signing.map(|proof| proof.possession.0.to_vec()))
        .bind(issued.map(|serial| serial.as_bytes().to_vec()))
        .bind(invitation)
        .execute(change)
        .await?;
        Ok(())
    }

    fn fingerprint(&self) -> Digest {
        enrolment_fingerprint(self.tls.fingerprint(), self.signing.as_ref().map(|proof| &proof.key))
    }

    fn keys(&self) -> StoredKeys {
        StoredKeys { tls: self.tls.to_der(), signing: self.signing.as_ref().map(|proof| proof.key.0.to_vec()) }
    }
}

/// What a code that was accepted leads to.
enum Next<'a> {
    /// The certificate is there.
    Fetch { serial: &'a [u8] },
    /// The certificate is made now.
    Issue,
    /// The code is taken by these keys, and the manager asked.
    Hold,
    /// The manager was asked before.
    Wait,
}

impl StoredInvitation {
    /// Whether the applicant may use this code at `now`, and what follows. A code in use stays good for its keys after it
    /// expires, since the manager may take longer than the hospital.
    fn next(&self, applicant: &Applicant, now: Timestamp) -> Result<Next<'_>, EnrolmentRefusal> {
        let site = applicant.site.clone();
        if self.site != site.as_str() {
            return Err(EnrolmentRefusal::OtherSite { site, invited: self.site.clone() });
        }
        match &self.state {
            State::Void => Err(EnrolmentRefusal::Void { site }),
            State::Awaiting { keys } | State::Issued { keys, .. } if *keys != applicant.keys() => {
                Err(EnrolmentRefusal::UsedByAnotherKey { site })
            }
            State::Awaiting { .. } => Ok(Next::Wait),
            State::Issued { serial, .. } => Ok(Next::Fetch { serial }),
            State::Open if now >= self.expires => Err(EnrolmentRefusal::Expired { site, at: self.expires }),
            State::Open => Ok(if self.approval == Approval::Automatic { Next::Issue } else { Next::Hold }),
        }
    }
}

impl From<Certificate> for Enrolment {
    fn from(certificate: Certificate) -> Self {
        Self::Issued(Box::new(certificate))
    }
}
