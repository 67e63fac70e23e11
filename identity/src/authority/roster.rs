//! Who belongs to the federation, and how far each has come.

use super::Authority;
use super::signing::{self, SigningProof};
use super::store::{digest, from_ms};
use crate::roster::SigningMember;
use crate::signing::{enrolment_fingerprint, signing_key_fingerprint};
use crate::{IdentityError, Role};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;
use wardround_plan::{Digest, SiteId, Timestamp};

/// How far a site has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It has a code and has not used it.
    Invited,
    /// It has used its code and waits for the manager; an older certificate of it stays valid meanwhile.
    AwaitingApproval,
    /// It has a certificate, valid until `not_after`.
    Enrolled,
    /// Its certificates or its invitation were taken back.
    Revoked,
}

/// One site of the federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub site: SiteId,
    /// How far it has come.
    pub state: MemberState,
    /// Of the keys that wait for approval, or SHA-256 of the TLS key that is certified.
    pub key_fingerprint: Option<Digest>,
    /// SHA-256 of the signing key. A member without one enrolled before there were any: it stays a member, and is in a
    /// roster only once it has enrolled again.
    pub signing_key: Option<Digest>,
    /// When the newest certificate that is not revoked expires.
    pub not_after: Option<Timestamp>,
}

impl Member {
    /// Whether it has a certificate that is not revoked, expired or not.
    pub(super) fn is_certified(&self) -> bool {
        self.not_after.is_some()
    }
}

impl Authority {
    /// Every site that was ever invited, by name.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn roster(&self) -> Result<Vec<Member>, IdentityError> {
        let mut read = self.store.read().await?;
        let keys = signing::current_keys(&mut read).await?;
        members(&mut read, &keys).await
    }
}

/// Every site that was ever invited, seen from its newest invitation.
pub(super) async fn members(
    read: &mut SqliteConnection,
    keys: &BTreeMap<SiteId, SigningMember>,
) -> Result<Vec<Member>, IdentityError> {
    let certificates = newest_certificates(read).await?;
    let mut members = BTreeMap::new();
    for row in sqlx::query("SELECT * FROM invitations ORDER BY id").fetch_all(read).await? {
        let member = member(&row, &certificates, keys)?;
        members.insert(member.site.clone(), member);
    }
    Ok(members.into_values().collect())
}

#[derive(Clone, Copy)]
struct Certified {
    key_fingerprint: Digest,
    not_after: Timestamp,
}

/// By SPIFFE path, the newest certificate of each that is not revoked.
async fn newest_certificates(read: &mut SqliteConnection) -> Result<BTreeMap<String, Certified>, IdentityError> {
    let rows = sqlx::query(
        "SELECT role, key_sha256, not_after_ms FROM certificates WHERE revoked_ms IS NULL ORDER BY not_after_ms, rowid",
    )
    .fetch_all(read)
    .await?;
    rows.iter()
        .map(|row| {
            let key_fingerprint = digest(row.try_get("key_sha256")?)?;
            Ok((row.try_get("role")?, Certified { key_fingerprint, not_after: from_ms(row.try_get("not_after_ms")?) }))
        })
        .collect()
}

fn member(
    invitation: &SqliteRow,
    certificates: &BTreeMap<String, Certified>,
    keys: &BTreeMap<SiteId, SigningMember>,
) -> Result<Member, IdentityError> {
    let site = SiteId::new(invitation.try_get::<String, _>("site")?)?;
    let certified = certificates.get(&Role::Site(site.clone()).path());
    let state = match (invitation.try_get("state")?, certified) {
        ("awaiting", _) => MemberState::AwaitingApproval,
        (_, Some(_)) => MemberState::Enrolled,
        ("open", None) => MemberState::Invited,
        _ => MemberState::Revoked,
    };
    let key_fingerprint = match state {
        MemberState::AwaitingApproval => Some(waiting_fingerprint(invitation)?),
        _ => certified.map(|certified| certified.key_fingerprint),
    };
    let signing_key = keys.get(&site).map(|member| signing_key_fingerprint(&member.key));
    Ok(Member { site, state, key_fingerprint, signing_key, not_after: certified.map(|certified| certified.not_after) })
}

fn waiting_fingerprint(invitation: &SqliteRow) -> Result<Digest, IdentityError> {
    let signing = SigningProof::read_optional(invitation)?;
    let tls = Digest::of(invitation.try_get("public_key")?);
    Ok(enrolment_fingerprint(tls, signing.as_ref().map(|proof| &proof.key)))
}
