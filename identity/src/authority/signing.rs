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
    sqlx::query(
        "INSERT OR REPLACE INTO signing_keys (public_key, site, tls_key_sha256, possession) VALUES (?, ?, ?, ?)",
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Federation, NOW, after_h, signing_key, site};
    use crate::{Approval, Enrolment, EnrolmentCode, PrivateKey, signing_key_fingerprint};
    use wardround_secagg::roster::SigningKey;

    fn csr() -> String {
        PrivateKey::generate().expect("key").request_pem().expect("request")
    }

    async fn enroll(
        federation: &Federation,
        name: &str,
        code: &EnrolmentCode,
        key: &SigningKey,
    ) -> Result<Enrolment, IdentityError> {
        let request = federation.request_with(name, &csr(), key);
        federation.authority.enroll(&site(name), code, &request, NOW).await
    }

    async fn join(federation: &Federation, name: &str, key: &SigningKey) -> Result<(), IdentityError> {
        let code = federation.code(name, Approval::Automatic).await;
        enroll(federation, name, &code, key).await.map(drop)
    }

    async fn listed(federation: &Federation) -> Vec<(String, PublicKey)> {
        let keys = federation.authority.signing_keys().await.expect("readable");
        keys.members.into_iter().map(|member| (member.site.into(), member.key)).collect()
    }

    fn refusal<T: std::fmt::Debug>(result: Result<T, IdentityError>) -> EnrolmentRefusal {
        match result.expect_err("must be refused") {
            IdentityError::Enrolment(refusal) => refusal,
            other => panic!("expected a refused key, got: {other}"),
        }
    }

    #[tokio::test]
    async fn a_member_s_key_is_listed_and_stays_through_renewals() {
        let federation = Federation::new("lung").await;
        let (_, certificate) = federation.certified("st-anna").await;
        let key = signing_key("st-anna").public();
        let (tls, other) = (certificate.key_fingerprint(), csr());
        federation.authority.renew(certificate.peer(), &other, after_h(100)).await.expect("renewed");
        let keys = federation.authority.signing_keys().await.expect("readable");
        assert_eq!((keys.members[0].key, keys.members[0].tls_key_sha256), (key, tls));
        assert_eq!((keys.members.len(), keys.without_key.len()), (1, 0));
        assert_eq!(keys.ca_sha256, federation.authority.fingerprint());
        let member = federation.authority.roster().await.expect("readable").remove(0);
        assert_eq!(member.signing_key, Some(signing_key_fingerprint(&key)));
    }

    #[tokio::test]
    async fn a_key_is_one_site_s_alone() {
        let federation = Federation::new("lung").await;
        let key = signing_key("shared");
        join(&federation, "st-anna", &key).await.expect("the first");
        let taken = EnrolmentRefusal::SigningKeyTaken { site: site("st-berta"), holder: site("st-anna") };
        assert_eq!(refusal(join(&federation, "st-berta", &key).await), taken);
        let code = federation.code("st-berta", Approval::Manual).await;
        assert_eq!(refusal(enroll(&federation, "st-berta", &code, &key).await), taken);
        assert_eq!(listed(&federation).await, [("st-anna".to_owned(), key.public())]);
    }

    #[tokio::test]
    async fn of_two_that_wait_with_one_key_one_is_approved() {
        let federation = Federation::new("lung").await;
        let key = signing_key("shared");
        for name in ["st-anna", "st-berta"] {
            let code = federation.code(name, Approval::Manual).await;
            enroll(&federation, name, &code, &key).await.expect("held");
        }
        assert_eq!(listed(&federation).await, [], "nobody approved");
        federation.authority.approve(&site("st-berta"), NOW).await.expect("the first");
        let taken = EnrolmentRefusal::SigningKeyTaken { site: site("st-anna"), holder: site("st-berta") };
        assert_eq!(refusal(federation.authority.approve(&site("st-anna"), NOW).await), taken);
        assert_eq!(listed(&federation).await, [("st-berta".to_owned(), key.public())]);
    }

    #[tokio::test]
    async fn a_key_without_its_owner_s_signature_is_refused() {
        let federation = Federation::new("lung").await;
        let code = federation.code("st-anna", Approval::Automatic).await;
        let honest = federation.request("st-anna", &csr());
        let no_proof = EnrolmentRefusal::NoSigningProof { site: site("st-anna") };
        let other = signing_key("other").public();
        let changed = [
            (honest.csr_pem().to_owned(), other.0, honest.possession().0),
            (csr(), honest.signing_key().0, honest.possession().0),
            (honest.csr_pem().to_owned(), honest.signing_key().0, [0; 64]),
        ];
        for (csr, key, possession) in changed {
            let request = EnrolmentRequest::from_wire(csr, &key, &possession).expect("32 and 64 bytes");
            let answer = federation.authority.enroll(&site("st-anna"), &code, &request, NOW).await;
            assert_eq!(refusal(answer), no_proof);
        }
        assert_eq!(listed(&federation).await, []);
        federation.authority.enroll(&site("st-anna"), &code, &honest, NOW).await.expect("the code is unused");
    }

    #[tokio::test]
    async fn a_used_code_answers_no_other_signing_key() {
        let federation = Federation::new("lung").await;
        for (name, approval) in [("st-anna", Approval::Automatic), ("st-berta", Approval::Manual)] {
            let (code, csr) = (federation.code(name, approval).await, csr());
            let first = federation.request(name, &csr);
            federation.authority.enroll(&site(name), &code, &first, NOW).await.expect("accepted");
            federation.authority.enroll(&site(name), &code, &first, NOW).await.expect("and again");
            let other = federation.request_with(name, &csr, &signing_key("other"));
            let answer = federation.authority.enroll(&site(name), &code, &other, NOW).await;
            assert_eq!(refusal(answer), EnrolmentRefusal::UsedByAnotherKey { site: site(name) });
        }
    }

    #[tokio::test]
    async fn the_manager_compares_both_keys() {
        let federation = Federation::new("lung").await;
        let code = federation.code("st-anna", Approval::Manual).await;
        let request = federation.request("st-anna", &csr());
        let answer = federation.authority.enroll(&site("st-anna"), &code, &request, NOW).await.expect("held");
        let fingerprint = request.fingerprint().expect("a request of ours");
        assert!(matches!(answer, Enrolment::AwaitingApproval { key_fingerprint } if key_fingerprint == fingerprint));
        assert_eq!(federation.authority.pending().await.expect("readable")[0].key_fingerprint, fingerprint);
        let member = federation.authority.roster().await.expect("readable").remove(0);
        assert_eq!((member.key_fingerprint, member.signing_key), (Some(fingerprint), None));
    }

    #[tokio::test]
    async fn a_site_that_enrols_again_keeps_its_key_or_brings_a_new_one() {
        let federation = Federation::new("lung").await;
        let [old, new] = ["old", "new"].map(signing_key);
        for key in [&old, &old, &new] {
            join(&federation, "st-anna", key).await.expect("accepted");
            assert_eq!(listed(&federation).await, [("st-anna".to_owned(), key.public())]);
        }
        let ended = EnrolmentRefusal::SigningKeyEnded { site: site("st-anna") };
        assert_eq!(refusal(join(&federation, "st-anna", &old).await), ended);
        assert_eq!(listed(&federation).await, [("st-anna".to_owned(), new.public())]);
    }

    #[tokio::test]
    async fn the_key_of_a_revoked_site_ends() {
        let federation = Federation::new("lung").await;
        let [old, new] = ["old", "new"].map(signing_key);
        join(&federation, "st-anna", &old).await.expect("accepted");
        federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
        assert_eq!(listed(&federation).await, []);
        let ended = EnrolmentRefusal::SigningKeyEnded { site: site("st-anna") };
        assert_eq!(refusal(join(&federation, "st-anna", &old).await), ended);
        join(&federation, "st-anna", &new).await.expect("a new invitation and key");
        assert_eq!(listed(&federation).await, [("st-anna".to_owned(), new.public())]);
    }

    /// As the database is after the step to version 2.
    async fn forget_signing_keys(federation: &Federation) {
        let mut change = federation.authority.store.begin().await.expect("writable");
        let sql = "DELETE FROM signing_keys; UPDATE invitations SET signing_key = NULL, possession = NULL";
        sqlx::raw_sql(sql).execute(&mut *change).await.expect("written");
        change.commit().await.expect("written");
    }

    #[tokio::test]
    async fn members_from_before_stay_members_without_a_key() {
        let federation = Federation::new("lung").await;
        let (_, certificate) = federation.certified("st-anna").await;
        let (code, waiting) = (federation.code("st-berta", Approval::Manual).await, csr());
        let waiting = federation.request("st-berta", &waiting);
        federation.authority.enroll(&site("st-berta"), &code, &waiting, NOW).await.expect("held");
        forget_signing_keys(&federation).await;

        federation.authority.approve(&site("st-berta"), NOW).await.expect("approved");
        federation.authority.renew(certificate.peer(), &csr(), NOW).await.expect("still a member");
        let keys = federation.authority.signing_keys().await.expect("readable");
        assert_eq!((keys.members.len(), keys.without_key), (0, vec![site("st-anna"), site("st-berta")]));
        let roster = federation.authority.roster().await.expect("readable");
        assert!(roster.iter().all(|member| member.signing_key.is_none()));

        join(&federation, "st-anna", &signing_key("st-anna")).await.expect("invited again");
        let keys = federation.authority.signing_keys().await.expect("readable");
        assert_eq!((keys.members.len(), keys.without_key), (1, vec![site("st-berta")]));
    }
}
