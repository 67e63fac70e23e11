//! The signing keys of sites: one per site, each of one site alone, and none that ended ever again.

use super::Authority;
use super::roster::{Member, members};
use super::store::{digest, to_ms};
use crate::roster::{SigningKeys, SigningMember};
use crate::signing::{EnrolmentRequest, is_possession};
use crate::{EnrolmentRefusal, IdentityError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::roster::{PublicKey, Signature};

/// A signing key with its owner's signature over the enrolment.
pub(super) struct SigningProof {
    pub(super) key: PublicKey,
    pub(super) possession: Signature,
}

impl SigningProof {
    /// The proof in a request, checked.
    pub(super) fn of(
        request: &EnrolmentRequest,
        site: &SiteId,
        tls_key_sha256: Digest,
        ca_sha256: Digest,
    ) -> Result<Self, EnrolmentRefusal> {
        let proof = Self { key: request.signing_key(), possession: *request.possession() };
        match is_possession(&proof.key, &proof.possession, ca_sha256, site, tls_key_sha256) {
            true => Ok(proof),
            false => Err(EnrolmentRefusal::NoSigningProof { site: site.clone() }),
        }
    }

    /// The proof of an invitation that was used; `None` where that was before there were signing keys.
    pub(super) fn read_optional(invitation: &SqliteRow) -> Result<Option<Self>, IdentityError> {
        let key: Option<&[u8]> = invitation.try_get("signing_key")?;
        key.map(|key| Ok(Self { key: public_key(key)?, possession: signature(invitation.try_get("possession")?)? }))
            .transpose()
    }
}

impl Authority {
    /// The signing keys of all members: what a [`RosterAuthority`](crate::RosterAuthority) certifies.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub async fn signing_keys(&self) -> Result<SigningKeys, IdentityError> {
        let mut read = self.store.read().await?;
        let mut keys = current_keys(&mut read).await?;
        let enrolled = members(&mut read, &keys).await?.into_iter().filter(Member::is_certified);
        let mut all = SigningKeys::none(self.federation.clone(), self.fingerprint());
        for member in enrolled {
            match keys.remove(&member.site) {
                Some(key) => all.members.push(key),
                None => all.without_key.push(member.site),
            }
        }
        Ok(all)
    }
}

/// Makes the key that of `site` from now on. The key it had before ends.
pub(super) async fn register(
    change: &mut SqliteConnection,
    site: &SiteId,
    proof: &SigningProof,
    tls_key_sha256: Digest,
    now: Timestamp,
) -> Result<(), IdentityError> {
    check_free(change, site, proof).await?;
    sqlx::query("UPDATE signing_keys SET ended_ms = ? WHERE site = ? AND ended_ms IS NULL AND public_key != ?")
        .bind(to_ms(now))
        .bind(site.as_str())
        .bind(proof.key.0.to_vec())
        .execute(&mut *change)
        .await?;
    // A site that enrols again with its key has a new TLS key, and signed for that.
    sqlx::query("INSERT OR REPLACE INTO signing_keys (public_key, site, tls_key_sha256, possession) VALUES (?, ?, ?, ?)")
        .bind(proof.key.0.to_vec())
        .bind(site.as_str())
        .bind(tls_key_sha256.as_bytes().to_vec())
        .bind(proof.possession.0.to_vec())
        .execute(change)
        .await?;
    Ok(())
}

/// Refuses a key that is another site's, was another site's, or has ended: a key that was stolen, or left with a revoked
/// site, must not come back.
pub(super) async fn check_free(
    change: &mut SqliteConnection,
    site: &SiteId,
    proof: &SigningProof,
) -> Result<(), IdentityError> {
    let known = sqlx::query("SELECT site, ended_ms FROM signing_keys WHERE public_key = ?")
        .bind(proof.key.0.to_vec())
        .fetch_optional(change)
        .await?;
    let Some(row) = known else { return Ok(()) };
    let holder = SiteId::new(row.try_get::<String, _>("site")?)?;
    if holder != *site {
        return Err(EnrolmentRefusal::SigningKeyTaken { site: site.clone(), holder }.into());
    }
    match row.try_get::<Option<i64>, _>("ended_ms")? {
        None => Ok(()),
        Some(_) => Err(EnrolmentRefusal::SigningKeyEnded { site: site.clone() }.into()),
    }
}

/// Ends the key of a revoked site.
pub(super) async fn end(change: &mut SqliteConnection, site: &SiteId, now: Timestamp) -> Result<(), IdentityError> {
    sqlx::query("UPDATE signing_keys SET ended_ms = ? WHERE site = ? AND ended_ms IS NULL")
        .bind(to_ms(now))
        .bind(site.as_str())
        .execute(change)
        .await?;
    Ok(())
}

/// The key of every site that has one.
pub(super) async fn current_keys(
    read: &mut SqliteConnection,
) -> Result<BTreeMap<SiteId, SigningMember>, IdentityError> {
    let rows = sqlx::query("SELECT * FROM signing_keys WHERE ended_ms IS NULL").fetch_all(read).await?;
    rows.iter()
        .map(|row| {
            let member = SigningMember {
                site: SiteId::new(row.try_get::<String, _>("site")?)?,
                key: public_key(row.try_get("public_key")?)?,
                tls_key_sha256: digest(row.try_get("tls_key_sha256")?)?,
                possession: signature(row.try_get("possession")?)?,
            };
            Ok((member.site.clone(), member))
        })
        .collect()
}

fn public_key(bytes: &[u8]) -> Result<PublicKey, IdentityError> {
    bytes.try_into().map(PublicKey).map_err(|_| IdentityError::DatabaseContent("signing key"))
}

fn signature(bytes: &[u8]) -> Result<Signature, IdentityError> {
    bytes.try_into().map(Signature).map_err(|_| IdentityError::DatabaseContent("signature"))
}
