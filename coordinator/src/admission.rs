//! Which transfers are allowed: the rounds decide about updates, the roles about initial models.

use crate::driver::{DriverHandle, Request};
use crate::store::Store;
use tonic::async_trait;
use wardround_plan::{Digest, SiteId};
use wardround_proto::{CallRefusal, UploadPurpose, UploadRequest};
use wardround_round::coordinator::Rejection;
use wardround_round::{RoundId, UpdateRef};
use wardround_storage::Owner;

use crate::transfer::{Admission, Admitted};

/// How senders are named in the spool: a site by `site-NAME`, a study lead by `admin-NAME`.
const SITE: &str = "site-";
const ADMIN: &str = "admin-";

/// Asks the driver about updates.
pub struct RoundAdmission {
    driver: DriverHandle,
    store: Store,
    initial_model_bytes_max: u64,
}

impl RoundAdmission {
    /// Admission to the rounds of `driver`; initial models may have so many bytes.
    pub fn new(driver: DriverHandle, store: Store, initial_model_bytes_max: u64) -> Self {
        Self { driver, store, initial_model_bytes_max }
    }
}

/// The spool's name for a peer; `None` for one that transfers nothing.
pub fn owner(peer: &wardround_identity::PeerId) -> Option<Owner> {
    use wardround_identity::Role;
    match &peer.role {
        Role::Site(site) => Owner::new(format!("{SITE}{site}")).ok(),
        Role::Admin(admin) => Owner::new(format!("{ADMIN}{admin}")).ok(),
        Role::Coordinator => None,
    }
}

fn site(owner: &Owner) -> Result<SiteId, CallRefusal> {
    let name = owner.as_str().strip_prefix(SITE).ok_or(CallRefusal::Forbidden)?;
    SiteId::new(name).map_err(|_| CallRefusal::Forbidden)
}

#[async_trait]
impl Admission for RoundAdmission {
    async fn admit(&self, peer: &Owner, upload: &UploadRequest) -> Result<Admitted, CallRefusal> {
        let size_bytes = upload.object.size_bytes;
        match &upload.purpose {
            UploadPurpose::InitialModel if !peer.as_str().starts_with(ADMIN) => Err(CallRefusal::Forbidden),
            UploadPurpose::InitialModel if size_bytes > self.initial_model_bytes_max => Err(CallRefusal::TooLarge),
            UploadPurpose::InitialModel => Ok(Admitted { size_bytes }),
            UploadPurpose::Summand(_) => {
                let (site, id, update) = (site(peer)?, round_id(upload)?, UpdateRef { digest: upload.object.digest });
                let asked = self.driver.ask(|answer| Request::Admit(site, id, update, size_bytes, answer)).await;
                asked.ok_or(CallRefusal::Internal)?.map_err(|rejection| refusal(&rejection))?;
                Ok(Admitted { size_bytes })
            }
        }
    }

    async fn finished(&self, peer: &Owner, upload: &UploadRequest) -> Result<(), CallRefusal> {
        if upload.purpose == UploadPurpose::InitialModel {
            return Ok(());
        }
        let (site, id, update) = (site(peer)?, round_id(upload)?, UpdateRef { digest: upload.object.digest });
        let size_bytes = upload.object.size_bytes;
        let asked = self.driver.ask(|answer| Request::Uploaded(site, id, update, size_bytes, answer)).await;
        asked.ok_or(CallRefusal::Internal)?.map_err(|rejection| refusal(&rejection))
    }

    /// Models of running and ended studies, to every member. Sums and other sites' updates are never readable.
    async fn readable(&self, _peer: &Owner, digest: &Digest) -> Result<(), CallRefusal> {
        match self.store.is_model(digest).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CallRefusal::NotFound),
            Err(error) => {
                tracing::error!(%error, "a download was refused");
                Err(CallRefusal::Internal)
            }
        }
    }
}

fn round_id(upload: &UploadRequest) -> Result<RoundId, CallRefusal> {
    match &upload.purpose {
        UploadPurpose::Summand(id) => Ok(id.clone()),
        UploadPurpose::InitialModel => Err(CallRefusal::Malformed),
    }
}

fn refusal(rejection: &Rejection) -> CallRefusal {
    match rejection {
        Rejection::NotOpen(_) | Rejection::NotExpected(_) | Rejection::Duplicate(_) => CallRefusal::NotExpected,
        Rejection::Size { .. } => CallRefusal::WrongSize,
        Rejection::Content(_) => CallRefusal::Malformed,
    }
}
