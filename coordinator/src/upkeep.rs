//! What has to happen from time to time: revocations taken up, members and roster read, lists and certificates kept fresh.

use crate::driver::{DriverHandle, Request};
use crate::listener::Connections;
use crate::roster::RosterWatch;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wardround_identity::tls::ServerTls;
use wardround_identity::{Authority, Credentials, CrlWatch, IdentityError, MemberState, ServerNames, SiteKeys};
use wardround_plan::{SiteId, Timestamp};

/// How soon a revocation or a new member takes effect.
const EVERY: Duration = Duration::from_secs(1);

/// Everything that is kept up.
pub struct Upkeep {
    /// Who is enrolled, and the revocation list.
    pub authority: Arc<Authority>,
    /// Where this coordinator's key and certificate are.
    pub credentials_folder: PathBuf,
    /// The door.
    pub tls: Arc<ServerTls>,
    /// What came through it.
    pub connections: Connections,
    /// The roster of signing keys.
    pub roster: RosterWatch,
    /// Who must hear of a changed membership.
    pub driver: DriverHandle,
    /// The time.
    pub clock: fn() -> Timestamp,
}

impl Upkeep {
    /// Runs for ever. A failure is logged and tried again: what was in force stays in force.
    pub async fn run(mut self, mut crl: CrlWatch, mut credentials: Arc<Credentials>) {
        let mut members = BTreeSet::new();
        loop {
            if let Err(error) = self.take_up_revocations(&mut crl).await {
                tracing::error!(%error, "the revocation list was not taken up; the last one stays in force");
            }
            if let Some(roster) = self.roster.poll() {
                self.driver.send(Request::SigningRoster(roster)).await;
            }
            match self.read_members().await {
                Ok(now) if now != members => {
                    members = now;
                    self.driver.send(Request::Roster(members.clone())).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the members were not read"),
            }
            if credentials.renew_due((self.clock)()) {
                match self.renew(&credentials).await {
                    Ok(renewed) => credentials = renewed,
                    Err(error) => tracing::error!(%error, "the coordinator's certificate was not renewed"),
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn take_up_revocations(&self, crl: &mut CrlWatch) -> Result<(), IdentityError> {
        self.authority.refresh_crl((self.clock)()).await?;
        if let Some(list) = crl.poll()? {
            self.tls.reload(list.clone())?;
            self.connections.revoke(list);
            tracing::info!(revoked = list.serials.len(), "revocation list taken up");
        }
        Ok(())
    }

    async fn read_members(&self) -> Result<BTreeSet<SiteId>, IdentityError> {
        let members = self.authority.roster().await?;
        Ok(members
            .into_iter()
            .filter(|member| member.state == MemberState::Enrolled)
            .map(|member| member.site)
            .collect())
    }

    /// A fresh key and certificate under the same names.
    async fn renew(&self, current: &Credentials) -> Result<Arc<Credentials>, IdentityError> {
        let now = (self.clock)();
        let keys = SiteKeys::open_or_generate(&self.credentials_folder)?;
        let names = ServerNames::default();
        let certificate = self.authority.issue_coordinator(&keys.csr_pem()?, &names, now).await?;
        let renewed = Arc::new(keys.install(&certificate, current.authority_sha256(), now)?);
        self.tls.replace_credentials(renewed.clone())?;
        Ok(renewed)
    }
}
