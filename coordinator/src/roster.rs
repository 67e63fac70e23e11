//! The roster of signing keys that sites ask for: the newest that this coordinator was given.
//!
//! It only passes the roster on. Sites check who signed it and pin it for themselves, so a coordinator that keeps a newer
//! one back or offers another gains nothing but refusals.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use wardround_identity::{IdentityError, SignedRoster};
use wardround_secagg::roster::Roster;

/// The newest roster, shared with everyone who asks.
#[derive(Clone, Default)]
pub struct RosterShelf {
    newest: Arc<RwLock<Option<Arc<SignedRoster>>>>,
}

/// Notices a new roster file.
pub struct RosterWatch {
    path: PathBuf,
    shelf: RosterShelf,
    refused: Option<String>,
}

impl RosterShelf {
    /// The newest roster, if there is one.
    pub fn newest(&self) -> Option<Arc<SignedRoster>> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its certificates, for sessions of the secure aggregation.
    pub fn signing(&self) -> Option<Arc<Roster>> {
        self.newest().map(|newest| Arc::new(newest.roster().clone()))
    }

    /// Takes a roster, unless the one there is as new; true if it did.
    fn put(&self, roster: SignedRoster) -> bool {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let is_newer = newest.as_ref().is_none_or(|newest| follows(&roster, newest));
        if is_newer {
            *newest = Some(Arc::new(roster));
        }
        is_newer
    }
}

/// A federation with a new roster key begins to count anew.
fn follows(roster: &SignedRoster, newest: &SignedRoster) -> bool {
    roster.authority() != newest.authority() || roster.serial() > newest.serial()
}

impl RosterWatch {
    /// Looks at the file at `path` and puts what is there on `shelf`.
    pub fn new(path: &Path, shelf: RosterShelf) -> Self {
        let mut watch = Self { path: path.to_owned(), shelf, refused: None };
        watch.look();
        watch
    }

    /// Looks at the file again; gives the roster's certificates if it is a new one. What is wrong with it is logged once, and
    /// the roster from before stays.
    pub fn poll(&mut self) -> Option<Arc<Roster>> {
        let before = self.shelf.newest();
        self.look();
        self.shelf.signing().filter(|_| self.shelf.newest() != before)
    }

    fn look(&mut self) {
        match SignedRoster::load(&self.path) {
            Ok(roster) => self.take(roster),
            Err(IdentityError::File(error)) if error.is_absent() => self.refused = None,
            Err(error) => self.refuse(error.to_string()),
        }
    }

    fn take(&mut self, roster: SignedRoster) {
        let (serial, digest) = (roster.serial(), roster.digest());
        if self.shelf.newest().is_some_and(|newest| *newest == roster) {
            self.refused = None;
        } else if self.shelf.put(roster) {
            self.refused = None;
            tracing::info!(%serial, %digest, "roster taken up");
        } else {
            self.refuse(format!("{}: roster {serial} is not newer than the last one", self.path.display()));
        }
    }

    fn refuse(&mut self, reason: String) {
        if self.refused.as_ref() != Some(&reason) {
            tracing::error!(%reason, "the roster file was not taken up");
            self.refused = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Coordinator, CoordinatorConfig, Limits};
    use hyper_util::rt::TokioIo;
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;
    use tokio::net::TcpStream;
    use tonic::transport::{Channel, Endpoint, Uri};
    use wardround_identity::tls::{ClientTls, Clock};
    use wardround_identity::{
        Approval, Authority, Certificate, Credentials, EnrolmentRequest, FederationName, INVITATION_VALID,
        PinnedRoster, RosterAuthority, RosterReview, ServerNames, SigningIdentity, SigningKeys, SigningMember,
        SiteKeys,
    };
    use wardround_plan::{Digest, SiteId, Timestamp};
    use wardround_proto::{CallRefusal, v1};

    const NOW: Timestamp = Timestamp::from_ms(1_795_269_900_000);

    fn folder() -> TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn site(name: &str) -> SiteId {
        SiteId::new(name).expect("a name")
    }

    /// A roster of these sites, after `previous`.
    fn roster(authority: &RosterAuthority, sites: &[&str], previous: Option<&SignedRoster>) -> SignedRoster {
        let federation = FederationName::new("lung").expect("a name");
        let ca_sha256 = Digest::of(b"authority");
        let members = sites.iter().map(|name| member(&site(name), ca_sha256)).collect();
        let keys = SigningKeys { federation, ca_sha256, members, without_key: Vec::new() };
        authority.sign(&keys, previous, NOW).expect("signed")
    }

    fn member(site: &SiteId, ca_sha256: Digest) -> SigningMember {
        let folder = folder();
        let (tls, signing) = both_keys(folder.path());
        let request = EnrolmentRequest::new(tls.csr_pem().expect("request"), signing.key(), site, ca_sha256);
        let possession = *request.expect("a request of ours").possession();
        SigningMember { site: site.clone(), key: signing.public(), tls_key_sha256: tls.fingerprint(), possession }
    }

    fn both_keys(folder: &Path) -> (SiteKeys, SigningIdentity) {
        (SiteKeys::open_or_generate(folder).expect("keys"), SigningIdentity::open_or_generate(folder).expect("key"))
    }

    #[test]
    fn a_newer_roster_is_taken_up_and_an_older_or_damaged_one_is_not() {
        let folder = folder();
        let path = folder.path().join("federation.roster");
        let authority = RosterAuthority::generate(&folder.path().join("roster.key")).expect("made");
        let shelf = RosterShelf::default();
        let mut watch = RosterWatch::new(&path, shelf.clone());
        assert_eq!(shelf.newest(), None);

        let first = roster(&authority, &["st-anna"], None);
        let second = roster(&authority, &["st-anna", "st-berta"], Some(&first));
        for (written, served) in [(&first, &first), (&second, &second), (&first, &second)] {
            written.store(&path).expect("writable");
            watch.poll();
            assert_eq!(shelf.newest().as_deref(), Some(served));
        }
        assert!(watch.refused.is_some(), "the older one is told of");
        std::fs::write(&path, b"half a roster").expect("writable");
        watch.poll();
        std::fs::remove_file(&path).expect("removable");
        watch.poll();
        assert_eq!(shelf.newest().as_deref(), Some(&second));

        let anew = RosterAuthority::generate(&folder.path().join("new.key")).expect("made");
        let other = roster(&anew, &["st-anna"], None);
        other.store(&path).expect("writable");
        watch.poll();
        assert_eq!(shelf.newest().as_deref(), Some(&other), "a new roster key begins to count anew");
    }

    /// A coordinator with its authority, at the real time: TLS looks at the system's clock.
    struct Place {
        folder: TempDir,
        authority: Authority,
    }

    fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        Timestamp::from_ms(u64::try_from(since.as_millis()).expect("before the year 500 million"))
    }

    impl Place {
        async fn new() -> Self {
            let folder = folder();
            let federation = FederationName::new("lung").expect("a name");
            let authority = Authority::init(&folder.path().join("authority"), &federation, now()).await.expect("made");
            let keys = SiteKeys::open_or_generate(&folder.path().join("coordinator")).expect("keys");
            let request = keys.csr_pem().expect("request");
            let issued = authority.issue_coordinator(&request, &ServerNames::default(), now()).await.expect("issued");
            keys.install(&issued, authority.fingerprint(), now()).expect("installed");
            Self { folder, authority }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        async fn serve(&self) -> (SocketAddr, tokio::task::JoinHandle<()>) {
            let config = CoordinatorConfig {
                listen: ([127, 0, 0, 1], 0).into(),
                state: self.path("state"),
                authority: self.path("authority"),
                credentials: self.path("coordinator"),
                roster: self.path("federation.roster"),
                limits: Limits::default(),
            };
            let coordinator = Coordinator::start(&config, now).await.expect("started");
            let address = coordinator.address();
            (address, tokio::spawn(async { coordinator.serve().await.expect("served until aborted") }))
        }

        /// Joins over the wire, as a hospital does.
        async fn enrol(&self, address: SocketAddr, name: &str) -> Credentials {
            let invited = self.authority.invite(&site(name), INVITATION_VALID, Approval::Automatic, now()).await;
            let (ca, (keys, signing)) = (self.authority.fingerprint(), both_keys(&self.path(name)));
            let asked = EnrolmentRequest::new(keys.csr_pem().expect("request"), signing.key(), &site(name), ca);
            let asked = asked.expect("a request of ours");
            let request = v1::EnrollRequest {
                site: name.into(),
                code: invited.expect("invited").code.reveal().to_string(),
                csr_pem: asked.csr_pem().into(),
                signing_key: asked.signing_key().0.to_vec().into(),
                possession: asked.possession().0.to_vec().into(),
            };
            let channel = dial(address, ClientTls::enrolment(ca, &Clock::system()).expect("settings")).await;
            let mut client = v1::enrolment_client::EnrolmentClient::new(channel);
            let without = v1::EnrollRequest { signing_key: Default::default(), ..request.clone() };
            let refused = client.enroll(without).await.expect_err("no signing key");
            assert_eq!(CallRefusal::of(&refused), Some(CallRefusal::Malformed));
            let answer = client.enroll(request).await.expect("enrolled").into_inner();
            let Some(v1::enroll_response::Outcome::Issued(issued)) = answer.outcome else { panic!("{answer:?}") };
            let certificate = Certificate::from_pem(&issued.certificate_chain_pem).expect("a certificate");
            keys.install(&certificate, ca, now()).expect("installed")
        }
    }

    async fn dial(address: SocketAddr, tls: ClientTls) -> Channel {
        let connector = tower::service_fn(move |_: Uri| {
            let tls = tls.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let stream = tls.connect("127.0.0.1", stream, Duration::from_secs(10)).await;
                stream.map(TokioIo::new).map_err(std::io::Error::other)
            }
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        endpoint.connect_with_connector(connector).await.expect("reached")
    }

    async fn fetch(address: SocketAddr, credentials: &Credentials) -> Result<Vec<u8>, Option<CallRefusal>> {
        let channel = dial(address, ClientTls::peer(credentials, &Clock::system()).expect("settings")).await;
        let answer = v1::membership_client::MembershipClient::new(channel).roster(v1::RosterRequest {}).await;
        answer.map(|answer| answer.into_inner().roster.to_vec()).map_err(|status| CallRefusal::of(&status))
    }

    #[tokio::test]
    async fn a_site_enrols_its_key_and_fetches_and_pins_the_roster_over_mutual_tls() {
        let place = Place::new().await;
        let (address, serving) = place.serve().await;
        let anna = place.enrol(address, "st-anna").await;
        place.enrol(address, "st-berta").await;
        assert_eq!(fetch(address, &anna).await, Err(Some(CallRefusal::NotFound)), "none was given yet");
        serving.abort();
        assert!(serving.await.expect_err("aborted").is_cancelled());

        let roster_authority = RosterAuthority::generate(&place.path("roster.key")).expect("made");
        let keys = place.authority.signing_keys().await.expect("readable");
        let signed = roster_authority.sign(&keys, None, now()).expect("signed");
        signed.store(&place.path("federation.roster")).expect("writable");
        let (address, serving) = place.serve().await;
        let fetched = fetch(address, &anna).await.expect("served");
        assert_eq!(fetched, signed.to_bytes(), "as it was given");

        let folder = place.path("st-anna");
        let signing = SigningIdentity::open(&folder).expect("made at enrolment");
        let review = RosterReview::new(&anna, &signing, &fetched, now()).expect("sound");
        assert_eq!(review.changes().len(), 2);
        review.approve(signed.digest().0).expect("approved");
        let pinned = PinnedRoster::load(&folder).expect("readable").expect("pinned");
        assert_eq!(pinned.signed(), &signed);
        serving.abort();
    }
}
