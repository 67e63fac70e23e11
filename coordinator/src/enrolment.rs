//! Joining the federation, and staying in it: enrolment with a code, renewal with a certificate.

use crate::rights::{Gate, Right};
use crate::roster::RosterShelf;
use std::sync::Arc;
use tonic::{Extensions, Request, Response, Status};
use wardround_identity::{
    Authority, Certificate, Enrolment as Outcome, EnrolmentCode, EnrolmentRequest, IdentityError, PeerId,
};
use wardround_plan::{SiteId, Timestamp};
use wardround_proto::{CallRefusal, v1};

/// The services behind `wardround.v1.Enrolment` and `wardround.v1.Membership`.
#[derive(Clone)]
pub struct Enrolment {
    authority: Arc<Authority>,
    roster: RosterShelf,
    gate: Gate,
    clock: fn() -> Timestamp,
}

impl Enrolment {
    /// Hands out certificates of `authority`, and passes on the roster.
    pub fn new(authority: Arc<Authority>, roster: RosterShelf, gate: Gate, clock: fn() -> Timestamp) -> Self {
        Self { authority, roster, gate, clock }
    }

    /// A site or a study lead.
    fn admit(&self, extensions: &Extensions) -> Result<PeerId, CallRefusal> {
        let site = self.gate.admit(extensions, Right::TakePart);
        site.or_else(|_| self.gate.admit(extensions, Right::LeadStudies))
    }

    fn issued(&self, certificate: &Certificate) -> v1::Issued {
        v1::Issued {
            certificate_chain_pem: certificate.to_pem().to_owned(),
            authority_pem: self.authority.certificate_pem().to_owned(),
        }
    }
}

#[tonic::async_trait]
impl v1::enrolment_server::Enrolment for Enrolment {
    /// Whoever asks learns whether it worked, not why not: the log says which code was used twice, or came too late.
    async fn enroll(&self, request: Request<v1::EnrollRequest>) -> Result<Response<v1::EnrollResponse>, Status> {
        use v1::enroll_response::Outcome as Answer;
        let request = request.into_inner();
        let site = SiteId::new(request.site).map_err(|_| CallRefusal::Malformed)?;
        let code: EnrolmentCode = request.code.parse().map_err(|_| CallRefusal::Forbidden)?;
        let proof = EnrolmentRequest::from_wire(request.csr_pem, &request.signing_key, &request.possession);
        let proof = proof.map_err(|_| CallRefusal::Malformed)?;
        let outcome = match self.authority.enroll(&site, &code, &proof, (self.clock)()).await {
            Ok(Outcome::Issued(certificate)) => {
                tracing::info!(%site, "enrolled");
                Answer::Issued(self.issued(&certificate))
            }
            Ok(Outcome::AwaitingApproval { key_fingerprint }) => {
                tracing::info!(%site, key = %key_fingerprint.short(), "waits for approval");
                Answer::AwaitingApproval(v1::AwaitingApproval { key_fingerprint: key_fingerprint.to_string() })
            }
            Err(error) => return Err(refused(&site.to_string(), &error)),
        };
        Ok(Response::new(v1::EnrollResponse { outcome: Some(outcome) }))
    }
}

#[tonic::async_trait]
impl v1::membership_server::Membership for Enrolment {
    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::Issued>, Status> {
        let peer = self.admit(request.extensions())?;
        match self.authority.renew(&peer, &request.into_inner().csr_pem, (self.clock)()).await {
            Ok(certificate) => {
                tracing::info!(peer = %peer.role, "certificate renewed");
                Ok(Response::new(self.issued(&certificate)))
            }
            Err(error) => Err(refused(&peer.role.to_string(), &error)),
        }
    }

    async fn roster(&self, request: Request<v1::RosterRequest>) -> Result<Response<v1::RosterResponse>, Status> {
        self.admit(request.extensions())?;
        let newest = self.roster.newest().ok_or(CallRefusal::NotFound)?;
        Ok(Response::new(v1::RosterResponse { roster: newest.to_bytes().into() }))
    }
}

fn refused(who: &str, error: &IdentityError) -> Status {
    tracing::warn!(who, %error, "no certificate");
    CallRefusal::Forbidden.into()
}
