//! Joining the federation with a code, and staying in it with a fresh certificate every few days.

use crate::dial::{Address, DialError, dial};
use crate::session::status_in_words;
use std::path::Path;
use std::time::Duration;
use wardround_identity::tls::{ClientTls, Clock};
use wardround_identity::{Certificate, Credentials, EnrolmentRequest, IdentityError, SigningIdentity, SiteKeys};
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_proto::v1;
use wardround_proto::v1::enrolment_client::EnrolmentClient;
use wardround_proto::v1::membership_client::MembershipClient;

/// How often a hospital asks whether it was approved.
const APPROVAL_POLL: Duration = Duration::from_secs(2);
/// How often the certificate's age is looked at.
const RENEWAL_POLL: Duration = Duration::from_secs(60);

/// What a hospital is handed to join with: `SITE/CODE`.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The name the federation gave this site.
    pub site: SiteId,
    /// The code, as text; a secret until it is used.
    pub code: String,
}

/// The site did not join.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The ticket cannot be read.
    #[error("this is no enrolment code: expected SITE/CODE as `wardround authority invite` printed it")]
    Ticket,
    /// The coordinator was not reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Key, certificate, pin.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The coordinator said no.
    #[error(
        "the coordinator did not take the code ({0}); it may be used, expired or for another site: ask for a new one"
    )]
    Refused(String),
    /// The coordinator has no roster to give.
    #[error("the coordinator gives no roster ({0}); its manager makes one with `wardround authority sign-roster`")]
    Roster(String),
    /// The coordinator's answer makes no sense.
    #[error("the coordinator's answer is not in order")]
    Answer,
}

impl std::str::FromStr for Ticket {
    type Err = EnrolError;
    fn from_str(text: &str) -> Result<Self, EnrolError> {
        let (site, code) = text.trim().split_once('/').ok_or(EnrolError::Ticket)?;
        Ok(Self { site: SiteId::new(site).map_err(|_| EnrolError::Ticket)?, code: code.to_owned() })
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ticket({})", self.site)
    }
}

/// Makes a TLS key in `folder`, and a signing key where none is, has them enrolled, and stores the certificate beside
/// them. The keys never leave the folder. `waiting` is told the fingerprint of both once if the federation's manager has to approve first.
///
/// # Errors
/// A coordinator whose authority is not the pinned one, a code that is not taken.
pub async fn enrol(
    folder: &Path,
    address: &Address,
    ticket: &Ticket,
    ca_sha256: Digest,
    clock: fn() -> Timestamp,
    mut waiting: impl FnMut(Digest),
) -> Result<Credentials, EnrolError> {
    let keys = SiteKeys::open_or_generate(folder)?;
    let signing = SigningIdentity::open_or_generate(folder)?;
    let asked = EnrolmentRequest::new(keys.csr_pem()?, signing.key(), &ticket.site, ca_sha256)?;
    let channel = dial(address, ClientTls::enrolment(ca_sha256, &Clock::system())?).await?;
    let mut client = EnrolmentClient::new(channel);
    let request = v1::EnrollRequest {
        site: ticket.site.to_string(),
        code: ticket.code.clone(),
        csr_pem: asked.csr_pem().to_owned(),
        signing_key: asked.signing_key().0.to_vec().into(),
        possession: asked.possession().0.to_vec().into(),
    };
    let mut told = false;
    loop {
        let answer = client.enroll(request.clone()).await;
        let answer = answer.map_err(|status| EnrolError::Refused(status_in_words(&status)))?.into_inner();
        match answer.outcome.ok_or(EnrolError::Answer)? {
            v1::enroll_response::Outcome::Issued(issued) => {
                let certificate = certificate(&issued)?;
                return Ok(keys.install(&certificate, ca_sha256, clock())?);
            }
            v1::enroll_response::Outcome::AwaitingApproval(_) => {
                if !std::mem::replace(&mut told, true) {
                    waiting(asked.fingerprint()?);
                }
                tokio::time::sleep(APPROVAL_POLL).await;
            }
        }
    }
}

/// The newest roster that the coordinator has, as its authority signed it. Nothing of it is believed here.
///
/// # Errors
/// A coordinator that is not reached, or has no roster.
pub async fn fetch_roster(credentials: &Credentials, address: &Address) -> Result<Vec<u8>, EnrolError> {
    let channel = dial(address, ClientTls::peer(credentials, &Clock::system())?).await?;
    let answer = MembershipClient::new(channel).roster(v1::RosterRequest {}).await;
    let answer = answer.map_err(|status| EnrolError::Roster(status_in_words(&status)))?;
    Ok(answer.into_inner().roster.to_vec())
}

/// Renews the certificate in `folder` when two thirds of its life are over, for ever. A failure is logged and tried again.
pub async fn keep_certificate(folder: &Path, address: &Address, clock: fn() -> Timestamp) {
    loop {
        if let Err(error) = renew_if_due(folder, address, clock).await {
            tracing::warn!(%error, "the certificate was not renewed; tried again in a minute");
        }
        tokio::time::sleep(RENEWAL_POLL).await;
    }
}

async fn renew_if_due(folder: &Path, address: &Address, clock: fn() -> Timestamp) -> Result<(), EnrolError> {
    let current = Credentials::load(folder, clock())?;
    if !current.renew_due(clock()) {
        return Ok(());
    }
    let keys = SiteKeys::open_or_generate(folder)?;
    let channel = dial(address, ClientTls::peer(&current, &Clock::system())?).await?;
    let answer = MembershipClient::new(channel).renew(v1::RenewRequest { csr_pem: keys.csr_pem()? }).await;
    let issued = answer.map_err(|status| EnrolError::Refused(status_in_words(&status)))?.into_inner();
    keys.install(&certificate(&issued)?, current.authority_sha256(), clock())?;
    tracing::info!("certificate renewed");
    Ok(())
}

fn certificate(issued: &v1::Issued) -> Result<Certificate, EnrolError> {
    Ok(Certificate::from_pem(&issued.certificate_chain_pem)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_names_its_site_and_prints_no_code() {
        let ticket: Ticket = "st-anna/ABCD-EFGH".parse().expect("a ticket");
        assert_eq!((ticket.site.as_str(), ticket.code.as_str()), ("st-anna", "ABCD-EFGH"));
        assert!(!format!("{ticket:?}").contains("ABCD"));
        assert!("ABCD-EFGH".parse::<Ticket>().is_err());
    }
}
