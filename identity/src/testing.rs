//! A federation for tests: an authority in a temporary folder, at a time that stands still.

use crate::{
    Approval, Authority, Certificate, Credentials, Enrolment, EnrolmentCode, EnrolmentRequest, FederationName,
    INVITATION_VALID, PrivateKey, ServerNames, SigningIdentity, SiteKeys,
};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wardround_plan::{Digest, Duration, SiteId, Timestamp};
use wardround_secagg::roster::SigningKey;
use zeroize::Zeroizing;

/// 2026-11-21 14:05 UTC.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_795_269_900_000);

pub(crate) fn after_h(hours: u64) -> Timestamp {
    NOW + Duration::from_s(hours * 3600)
}

pub(crate) fn site(name: &str) -> SiteId {
    SiteId::new(name).expect("a name")
}

/// A site's signing key, the same every time.
pub(crate) fn signing_key(name: &str) -> SigningKey {
    SigningKey::from_secret(&Zeroizing::new(*Digest::of(name.as_bytes()).as_bytes()))
}

pub(crate) struct Federation {
    folder: TempDir,
    pub(crate) authority: Authority,
}

impl Federation {
    pub(crate) async fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = FederationName::new(name).expect("a name");
        let authority = Authority::init(&folder.path().join("authority"), &name, NOW).await.expect("a new authority");
        Self { folder, authority }
    }

    /// The authority's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("authority")
    }

    pub(crate) async fn code(&self, name: &str, approval: Approval) -> EnrolmentCode {
        self.authority.invite(&site(name), INVITATION_VALID, approval, NOW).await.expect("invited").code
    }

    /// A request with this TLS key, and the signing key that goes with the site's name.
    pub(crate) fn request(&self, name: &str, csr_pem: &str) -> EnrolmentRequest {
        self.request_with(name, csr_pem, &signing_key(name))
    }

    pub(crate) fn request_with(&self, name: &str, csr_pem: &str, key: &SigningKey) -> EnrolmentRequest {
        let ca_sha256 = self.authority.fingerprint();
        EnrolmentRequest::new(csr_pem.to_owned(), key, &site(name), ca_sha256).expect("a request of ours")
    }

    /// Certifies a request for a site, invited and approved automatically.
    pub(crate) async fn certify(&self, name: &str, csr_pem: &str) -> Certificate {
        self.certify_at(name, &self.request(name, csr_pem), NOW).await
    }

    pub(crate) async fn certify_at(&self, name: &str, request: &EnrolmentRequest, now: Timestamp) -> Certificate {
        let invited = self.authority.invite(&site(name), INVITATION_VALID, Approval::Automatic, now).await;
        let code = invited.expect("invited").code;
        match self.authority.enroll(&site(name), &code, request, now).await.expect("enrolled") {
            Enrolment::Issued(certificate) => *certificate,
            Enrolment::AwaitingApproval { .. } => panic!("approval is automatic"),
        }
    }

    /// A site's key and certificate, stored nowhere.
    pub(crate) async fn certified(&self, name: &str) -> (PrivateKey, Certificate) {
        let key = PrivateKey::generate().expect("key");
        let certificate = self.certify(name, &key.request_pem().expect("request")).await;
        (key, certificate)
    }

    /// A site's credentials.
    pub(crate) async fn enrolled(&self, name: &str) -> Credentials {
        self.enrolled_at(name, NOW).await
    }

    pub(crate) async fn enrolled_at(&self, name: &str, now: Timestamp) -> Credentials {
        let keys = self.keys(name);
        let signing = SigningIdentity::open_or_generate(&self.path(name)).expect("signing key");
        let request = self.request_with(name, &keys.csr_pem().expect("request"), signing.key());
        let certificate = self.certify_at(name, &request, now).await;
        keys.install(&certificate, self.authority.fingerprint(), now).expect("installed")
    }

    pub(crate) async fn coordinator(&self) -> Credentials {
        let keys = self.keys("the-coordinator");
        let request = keys.csr_pem().expect("request");
        let certificate =
            self.authority.issue_coordinator(&request, &ServerNames::default(), NOW).await.expect("issued");
        keys.install(&certificate, self.authority.fingerprint(), NOW).expect("installed")
    }

    fn keys(&self, name: &str) -> SiteKeys {
        SiteKeys::open_or_generate(&self.path(name)).expect("keys")
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}
