//! Signing certificates. The authority chooses every field; of a request only the key is used, and every key once.

use super::store::{from_ms, to_ms};
use super::{Authority, DAY_S, backdated, uri};
use crate::request::ProvenKey;
use crate::{AdminName, Certificate, IdentityError, PeerId, Role, Serial, SpiffeId, calendar};
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use sqlx::{Row, SqliteConnection};
use std::net::IpAddr;
use wardround_plan::{Digest, Duration, Timestamp};

/// How long a certificate is valid. Short, so that a stolen key is of little use even where a revocation does not reach.
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_s(7 * DAY_S);

/// Why a renewal was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenewalRefusal {
    /// This authority did not issue the old certificate.
    #[error("{role} came with certificate {serial}, which this authority did not issue to it")]
    NotIssued {
        /// Who asked.
        role: Role,
        /// The old certificate.
        serial: Serial,
    },
    /// The old certificate is revoked.
    #[error("the certificate of {role} is revoked; to return it must be invited again")]
    Revoked {
        /// Who asked.
        role: Role,
    },
    /// The old certificate is no longer valid.
    #[error("the certificate of {role} expired on {}; it must enrol again", calendar::in_words(*.at))]
    Expired {
        /// Who asked.
        role: Role,
        /// When it expired.
        at: Timestamp,
    },
    /// A coordinator's addresses are chosen anew each time.
    #[error("a coordinator is not renewed but issued a new certificate, with its addresses")]
    Coordinator,
}

/// The names under which a coordinator is dialled. Sites check its role instead; these are for other programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerNames {
    /// Host names.
    pub dns: Vec<String>,
    /// Addresses.
    pub ips: Vec<IpAddr>,
}

/// For whom a certificate is.
pub(super) struct Subject {
    role: Role,
    names: ServerNames,
}

impl Subject {
    /// One who only dials.
    pub(super) fn client(role: Role) -> Self {
        Self { role, names: ServerNames::default() }
    }
}

impl Authority {
    /// Issues the next certificate of a peer that showed its current one. Its name stays.
    ///
    /// # Errors
    /// [`IdentityError::Renewal`], [`IdentityError::KeyReused`] for any key that was certified before, a request that is
    /// not signed by its P-256 key.
    pub async fn renew(&self, peer: &PeerId, csr_pem: &str, now: Timestamp) -> Result<Certificate, IdentityError> {
        let key = ProvenKey::from_request_pem(csr_pem)?;
        if peer.role == Role::Coordinator {
            return Err(RenewalRefusal::Coordinator.into());
        }
        let mut change = self.store.begin().await?;
        check_renewable(&mut change, peer, now).await?;
        let certificate = self.issue(&mut change, Subject::client(peer.role.clone()), &key, now).await?;
        change.commit().await?;
        Ok(certificate)
    }

    /// Issues a coordinator's certificate, with which it serves sites and dials nobody else's.
    ///
    /// # Errors
    /// As [`Authority::renew`], and a host name that is not ASCII.
    pub async fn issue_coordinator(
        &self,
        csr_pem: &str,
        names: &ServerNames,
        now: Timestamp,
    ) -> Result<Certificate, IdentityError> {
        self.issue_requested(Subject { role: Role::Coordinator, names: names.clone() }, csr_pem, now).await
    }

    /// Issues an administrator's certificate.
    ///
    /// # Errors
    /// As [`Authority::renew`].
    pub async fn issue_admin(
        &self,
        name: &AdminName,
        csr_pem: &str,
        now: Timestamp,
    ) -> Result<Certificate, IdentityError> {
        self.issue_requested(Subject::client(Role::Admin(name.clone())), csr_pem, now).await
    }

    async fn issue_requested(
        &self,
        subject: Subject,
        csr_pem: &str,
        now: Timestamp,
    ) -> Result<Certificate, IdentityError> {
        let key = ProvenKey::from_request_pem(csr_pem)?;
        let mut change = self.store.begin().await?;
        let certificate = self.issue(&mut change, subject, &key, now).await?;
        change.commit().await?;
        Ok(certificate)
    }

    /// Signs and records a certificate, as part of a change.
    pub(super) async fn issue(
        &self,
        change: &mut SqliteConnection,
        subject: Subject,
        key: &ProvenKey,
        now: Timestamp,
    ) -> Result<Certificate, IdentityError> {
        check_fresh(change, key).await?;
        let certificate = self.sign(&subject, key, now)?;
        sqlx::query("INSERT INTO certificates (serial, role, key_sha256, pem, not_after_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(certificate.peer().serial.as_bytes().to_vec())
            .bind(subject.role.path())
            .bind(key.fingerprint().as_bytes().to_vec())
            .bind(certificate.to_pem().to_owned())
            .bind(to_ms(certificate.not_after()))
            .execute(change)
            .await?;
        Ok(certificate)
    }

    fn sign(&self, subject: &Subject, key: &ProvenKey, now: Timestamp) -> Result<Certificate, IdentityError> {
        let mut params = CertificateParams::default();
        // No common name at all: what is not there cannot be authorised by mistake.
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = self.alternative_names(subject)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if subject.role == Role::Coordinator {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(Serial::draw()?.as_bytes()));
        params.not_before = calendar::date_time(backdated(now));
        params.not_after = calendar::date_time(now + CERTIFICATE_LIFETIME);
        let leaf = params.signed_by(key.public_key(), &self.issuer)?.pem();
        Certificate::from_pem(&format!("{leaf}{}", self.certificate_pem))
    }

    fn alternative_names(&self, subject: &Subject) -> Result<Vec<SanType>, IdentityError> {
        let id = SpiffeId { federation: self.federation.clone(), role: subject.role.clone() };
        let mut names = vec![uri(id.to_string())?];
        for host in &subject.names.dns {
            names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        names.extend(subject.names.ips.iter().copied().map(SanType::IpAddress));
        Ok(names)
    }
}

/// Refuses a key that was ever certified: a key that was stolen, or left with a revoked site, must not come back.
pub(super) async fn check_fresh(change: &mut SqliteConnection, key: &ProvenKey) -> Result<(), IdentityError> {
    let known = sqlx::query("SELECT 1 FROM certificates WHERE key_sha256 = ?")
        .bind(key.fingerprint().as_bytes().to_vec())
        .fetch_optional(change)
        .await?;
    if known.is_some() { Err(IdentityError::KeyReused) } else { Ok(()) }
}

/// A certificate that was issued before.
pub(super) async fn stored(change: &mut SqliteConnection, serial: &[u8]) -> Result<Certificate, IdentityError> {
    let row = sqlx::query("SELECT pem FROM certificates WHERE serial = ?").bind(serial).fetch_one(change).await?;
    Certificate::from_pem(row.try_get("pem")?)
}

async fn check_renewable(change: &mut SqliteConnection, peer: &PeerId, now: Timestamp) -> Result<(), IdentityError> {
    let role = peer.role.clone();
    let row = sqlx::query("SELECT pem, not_after_ms, revoked_ms FROM certificates WHERE serial = ?")
        .bind(peer.serial.as_bytes())
        .fetch_optional(change)
        .await?
        .ok_or_else(|| RenewalRefusal::NotIssued { role: role.clone(), serial: peer.serial })?;
    // The whole certificate, not its serial alone: another authority may have written the same number.
    let issued: Digest = Certificate::from_pem(row.try_get("pem")?)?.peer().fingerprint;
    if issued != peer.fingerprint {
        return Err(RenewalRefusal::NotIssued { role, serial: peer.serial }.into());
    }
    if row.try_get::<Option<i64>, _>("revoked_ms")?.is_some() {
        return Err(RenewalRefusal::Revoked { role }.into());
    }
    let at = from_ms(row.try_get("not_after_ms")?);
    if now >= at { Err(RenewalRefusal::Expired { role, at }.into()) } else { Ok(()) }
}
