//! What the authority does and refuses, over its real files and database.

use super::*;
use crate::testing::{Federation, NOW, after_h, signing_key, site};
use crate::{Certificate, EnrolmentCode, EnrolmentRequest, PeerId, Role, load_crl};
use std::os::unix::fs::PermissionsExt;
use wardround_plan::SiteId;

async fn enroll(
    federation: &Federation,
    name: &str,
    code: &EnrolmentCode,
    key: &PrivateKey,
    now: Timestamp,
) -> Result<Enrolment, IdentityError> {
    federation.authority.enroll(&site(name), code, &request(federation, name, key), now).await
}

/// With a signing key that goes with the TLS key.
fn request(federation: &Federation, name: &str, key: &PrivateKey) -> EnrolmentRequest {
    let signing = signing_key(&key.fingerprint().to_string());
    federation.request_with(name, &key.request_pem().expect("request"), &signing)
}

fn key() -> PrivateKey {
    PrivateKey::generate().expect("key")
}

fn issued(enrolment: Result<Enrolment, IdentityError>) -> Certificate {
    match enrolment.expect("accepted") {
        Enrolment::Issued(certificate) => *certificate,
        Enrolment::AwaitingApproval { .. } => panic!("expected a certificate"),
    }
}

fn refusal(enrolment: Result<Enrolment, IdentityError>) -> EnrolmentRefusal {
    match enrolment.expect_err("must be refused") {
        IdentityError::Enrolment(refusal) => refusal,
        other => panic!("expected a refused code, got: {other}"),
    }
}

async fn state(federation: &Federation, name: &str) -> MemberState {
    let roster = federation.authority.roster().await.expect("readable");
    roster.into_iter().find(|member| member.site == site(name)).expect("a member").state
}

#[tokio::test]
async fn a_second_authority_in_one_folder_is_refused() {
    let federation = Federation::new("lung").await;
    let again = Authority::init(&federation.folder(), federation.authority.federation(), NOW).await;
    assert!(matches!(again, Err(IdentityError::AuthorityExists(_))));
    let opened = Authority::open(&federation.folder()).await.expect("the first is whole");
    assert_eq!(opened.fingerprint(), federation.authority.fingerprint());
    assert_eq!(opened.federation().as_str(), "lung");
}

#[tokio::test]
async fn an_authority_key_open_to_others_is_refused() {
    let federation = Federation::new("lung").await;
    let path = federation.folder().join(KEY_FILE);
    assert_eq!(std::fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("own file");
    let error = Authority::open(&federation.folder()).await.expect_err("open to others").to_string();
    assert!(error.contains("authority.key") && error.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn cut_files_are_refused_with_their_names() {
    let federation = Federation::new("lung").await;
    for name in [KEY_FILE, CERTIFICATE_FILE] {
        let path = federation.folder().join(name);
        let whole = std::fs::read(&path).expect("readable");
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
        let error = Authority::open(&federation.folder()).await.expect_err("cut").to_string();
        assert!(error.contains(name), "{error}");
        std::fs::write(&path, whole).expect("writable");
    }
    assert!(Authority::open(&federation.folder()).await.is_ok());
}

#[tokio::test]
async fn an_authority_without_its_database_does_not_forget_who_is_revoked() {
    let federation = Federation::new("lung").await;
    for name in [DATABASE_FILE, CERTIFICATE_FILE] {
        std::fs::remove_file(federation.folder().join(name)).expect("removable");
        let error = Authority::open(&federation.folder()).await.expect_err("incomplete").to_string();
        assert!(error.contains(name) && error.contains("backup"), "{error}");
    }
    let again = Authority::init(&federation.folder(), federation.authority.federation(), NOW).await;
    assert!(matches!(again, Err(IdentityError::AuthorityExists(_))));
}

#[tokio::test]
async fn work_of_the_authority_can_move_between_threads() {
    fn movable(_: &impl Send) {}
    let federation = Federation::new("lung").await;
    let (authority, name, code) = (&federation.authority, site("st-anna"), EnrolmentCode::draw().expect("randomness"));
    movable(&authority.invite(&name, INVITATION_VALID, Approval::Manual, NOW));
    let request = federation.request("st-anna", &key().request_pem().expect("request"));
    movable(&authority.enroll(&name, &code, &request, NOW));
    movable(&authority.signing_keys());
    movable(&authority.approve(&name, NOW));
    movable(&authority.revoke(&name, NOW));
    movable(&authority.refresh_crl(NOW));
    movable(&authority.roster());
    movable(&authority.pending());
}

#[tokio::test]
async fn the_key_of_another_authority_is_refused() {
    let (one, two) = (Federation::new("lung").await, Federation::new("lung").await);
    std::fs::copy(two.folder().join(KEY_FILE), one.folder().join(KEY_FILE)).expect("copied");
    assert!(matches!(Authority::open(&one.folder()).await, Err(IdentityError::AuthorityTorn(_))));
}

#[tokio::test]
async fn the_authority_chooses_every_name() {
    let federation = Federation::new("lung").await;
    let other_name = || SanType::URI("spiffe://lung/coordinator".try_into().expect("ASCII"));
    let mut asked = CertificateParams::default();
    asked.subject_alt_names = vec![other_name(), SanType::DnsName("coordinator".try_into().expect("ASCII"))];
    asked.distinguished_name.push(DnType::CommonName, "coordinator");
    asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    asked.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    asked.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let request = asked.serialize_request(&key()).expect("request").pem().expect("PEM");

    let certificate = federation.certify("st-anna", &request).await;
    assert_eq!(certificate.peer().spiffe_id().to_string(), "spiffe://lung/site/st-anna");
    let read = x509::certificate(certificate.leaf()).expect("readable");
    assert!(!read.is_ca());
    assert_eq!(read.subject().iter().count(), 0);
    let usage = read.extended_key_usage().expect("readable").expect("present");
    assert!(usage.value.client_auth && !usage.value.server_auth);
    assert_eq!(read.subject_alternative_name().expect("readable").expect("present").value.general_names.len(), 1);
    assert_eq!(certificate.not_after(), after_h(7 * 24));
    assert_eq!(NOW.since(certificate.not_before()), Duration::from_s(300));
}

#[tokio::test]
async fn a_coordinator_gets_its_addresses_and_may_serve() {
    let federation = Federation::new("lung").await;
    let names = ServerNames { dns: vec!["fl.example".into()], ips: vec!["10.0.0.7".parse().expect("address")] };
    let request = key().request_pem().expect("request");
    let certificate = federation.authority.issue_coordinator(&request, &names, NOW).await.expect("issued");
    assert_eq!(certificate.peer().role, Role::Coordinator);
    let read = x509::certificate(certificate.leaf()).expect("readable");
    assert!(read.extended_key_usage().expect("readable").expect("present").value.server_auth);
    assert_eq!(read.subject_alternative_name().expect("readable").expect("present").value.general_names.len(), 3);
}

#[tokio::test]
async fn a_code_works_once_and_again_only_for_the_same_key() {
    let federation = Federation::new("lung").await;
    let code = federation.code("st-anna", Approval::Automatic).await;
    let (mine, other) = (key(), key());
    let first = issued(enroll(&federation, "st-anna", &code, &mine, NOW).await);
    let again = issued(enroll(&federation, "st-anna", &code, &mine, after_h(1)).await);
    assert_eq!(first.peer(), again.peer());
    let stolen = refusal(enroll(&federation, "st-anna", &code, &other, NOW).await);
    assert_eq!(stolen, EnrolmentRefusal::UsedByAnotherKey { site: site("st-anna") });
}

#[tokio::test]
async fn a_hospital_polls_until_it_is_approved() {
    let federation = Federation::new("lung").await;
    let code = federation.code("st-anna", Approval::Manual).await;
    let mine = key();
    let fingerprint = request(&federation, "st-anna", &mine).fingerprint().expect("a request of ours");
    for now in [NOW, after_h(1), after_h(100)] {
        match enroll(&federation, "st-anna", &code, &mine, now).await.expect("accepted") {
            Enrolment::AwaitingApproval { key_fingerprint } => assert_eq!(key_fingerprint, fingerprint),
            Enrolment::Issued(_) => panic!("nobody approved"),
        }
    }
    let stolen = refusal(enroll(&federation, "st-anna", &code, &key(), NOW).await);
    assert_eq!(stolen, EnrolmentRefusal::UsedByAnotherKey { site: site("st-anna") });
    let waiting = Pending { site: site("st-anna"), key_fingerprint: fingerprint };
    assert_eq!(federation.authority.pending().await.expect("readable"), [waiting]);
    assert_eq!(state(&federation, "st-anna").await, MemberState::AwaitingApproval);

    let approved = federation.authority.approve(&site("st-anna"), after_h(101)).await.expect("approved");
    let fetched = issued(enroll(&federation, "st-anna", &code, &mine, after_h(102)).await);
    assert_eq!(fetched.peer(), approved.peer());
    assert_eq!(fetched.key_fingerprint(), mine.fingerprint());
    let twice = federation.authority.approve(&site("st-anna"), after_h(102)).await;
    assert!(matches!(twice, Err(IdentityError::NothingToApprove(_))));
}

#[tokio::test]
async fn unknown_expired_foreign_and_replaced_codes_are_refused() {
    let federation = Federation::new("lung").await;
    let anna = || site("st-anna");
    let unknown = EnrolmentCode::draw().expect("randomness");
    let answer = refusal(enroll(&federation, "st-anna", &unknown, &key(), NOW).await);
    assert_eq!(answer, EnrolmentRefusal::UnknownCode { site: anna() });

    let code = federation.code("st-anna", Approval::Automatic).await;
    let answer = refusal(enroll(&federation, "st-anna", &code, &key(), after_h(72)).await);
    assert_eq!(answer, EnrolmentRefusal::Expired { site: anna(), at: after_h(72) });
    let answer = refusal(enroll(&federation, "st-berta", &code, &key(), NOW).await);
    assert_eq!(answer, EnrolmentRefusal::OtherSite { site: site("st-berta"), invited: "st-anna".into() });

    let newer = federation.code("st-anna", Approval::Automatic).await;
    let answer = refusal(enroll(&federation, "st-anna", &code, &key(), NOW).await);
    assert_eq!(answer, EnrolmentRefusal::Void { site: anna() });
    let last_moment = Timestamp::from_ms(after_h(72).as_ms() - 1);
    issued(enroll(&federation, "st-anna", &newer, &key(), last_moment).await);
}

#[tokio::test]
async fn a_code_is_stored_only_as_a_hash() {
    let federation = Federation::new("lung").await;
    let code = federation.code("st-anna", Approval::Manual).await;
    let shown = code.reveal().replace('-', "");
    for entry in std::fs::read_dir(federation.folder()).expect("folder") {
        let content = std::fs::read(entry.expect("entry").path()).expect("readable");
        assert!(!String::from_utf8_lossy(&content).replace('-', "").contains(&shown));
    }
}

#[tokio::test]
async fn an_invitation_can_be_open_for_thirty_days_at_most() {
    let federation = Federation::new("lung").await;
    let invite = |s| federation.authority.invite(&SITE_A, Duration::from_s(s), Approval::Manual, NOW);
    assert!(invite(30 * DAY_S).await.is_ok());
    assert!(matches!(invite(30 * DAY_S + 1).await, Err(IdentityError::InvitationTooLong { max_h: 720 })));
}

static SITE_A: std::sync::LazyLock<SiteId> = std::sync::LazyLock::new(|| site("st-anna"));

#[tokio::test]
async fn renewal_keeps_the_name_and_wants_a_fresh_key() {
    let federation = Federation::new("lung").await;
    let (old, certificate) = federation.certified("st-anna").await;
    let renew = async |peer: &PeerId, key: &PrivateKey, now| {
        federation.authority.renew(peer, &key.request_pem().expect("request"), now).await
    };
    assert!(matches!(renew(certificate.peer(), &old, NOW).await, Err(IdentityError::KeyReused)));
    let fresh = key();
    let renewed = renew(certificate.peer(), &fresh, after_h(100)).await.expect("renewed");
    assert_eq!(renewed.peer().role, certificate.peer().role);
    assert_eq!(renewed.not_after(), after_h(100 + 7 * 24));
    // The first key stays used up, also for the second renewal.
    assert!(matches!(renew(renewed.peer(), &old, after_h(101)).await, Err(IdentityError::KeyReused)));
    let late = renew(renewed.peer(), &key(), after_h(100 + 7 * 24)).await.expect_err("expired");
    assert!(matches!(late, IdentityError::Renewal(RenewalRefusal::Expired { .. })), "{late}");
}

#[tokio::test]
async fn renewal_is_refused_to_the_revoked_the_unknown_and_coordinators() {
    let federation = Federation::new("lung").await;
    let (_, certificate) = federation.certified("st-anna").await;
    federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    let renew =
        async |peer: &PeerId| match federation.authority.renew(peer, &key().request_pem().expect("request"), NOW).await
        {
            Err(IdentityError::Renewal(refusal)) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        };
    assert!(matches!(renew(certificate.peer()).await, RenewalRefusal::Revoked { .. }));
    let (_, foreign) = Federation::new("lung").await.certified("st-anna").await;
    assert!(matches!(renew(foreign.peer()).await, RenewalRefusal::NotIssued { .. }));
    let promoted = PeerId { role: Role::Coordinator, ..foreign.peer().clone() };
    assert_eq!(renew(&promoted).await, RenewalRefusal::Coordinator);
}

#[tokio::test]
async fn a_revoked_site_returns_only_by_a_new_invitation_and_key() {
    let federation = Federation::new("lung").await;
    let code = federation.code("st-anna", Approval::Automatic).await;
    assert_eq!(state(&federation, "st-anna").await, MemberState::Invited);
    let mine = key();
    let certificate = issued(enroll(&federation, "st-anna", &code, &mine, NOW).await);
    assert_eq!(state(&federation, "st-anna").await, MemberState::Enrolled);

    federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    assert_eq!(state(&federation, "st-anna").await, MemberState::Revoked);
    assert!(load_crl(&federation.folder()).expect("readable").revokes(&certificate.peer().serial));
    let answer = refusal(enroll(&federation, "st-anna", &code, &mine, NOW).await);
    assert_eq!(answer, EnrolmentRefusal::Void { site: site("st-anna") });

    let code = federation.code("st-anna", Approval::Automatic).await;
    assert_eq!(state(&federation, "st-anna").await, MemberState::Invited);
    let again = enroll(&federation, "st-anna", &code, &mine, NOW).await;
    assert!(matches!(again, Err(IdentityError::KeyReused)));
    let certificate = issued(enroll(&federation, "st-anna", &code, &key(), NOW).await);
    assert_eq!(state(&federation, "st-anna").await, MemberState::Enrolled);
    assert!(!load_crl(&federation.folder()).expect("readable").revokes(&certificate.peer().serial));
}

#[tokio::test]
async fn revoking_takes_every_certificate_and_the_list_forgets_expired_ones() {
    let federation = Federation::new("lung").await;
    let (_, first) = federation.certified("st-anna").await;
    let request = key().request_pem().expect("request");
    let second = federation.authority.renew(first.peer(), &request, after_h(24)).await.expect("renewed");
    federation.authority.revoke(&site("st-anna"), after_h(25)).await.expect("revoked");
    let list = load_crl(&federation.folder()).expect("readable");
    assert!(list.revokes(&first.peer().serial) && list.revokes(&second.peer().serial));

    let later = after_h(7 * 24);
    assert_eq!(federation.authority.refresh_crl(later).await.expect("signed"), CrlRefresh::Signed);
    let list = load_crl(&federation.folder()).expect("readable");
    assert!(!list.revokes(&first.peer().serial) && list.revokes(&second.peer().serial));
}

#[tokio::test]
async fn revoking_nobody_is_refused_and_revoking_twice_is_not() {
    let federation = Federation::new("lung").await;
    let nobody = federation.authority.revoke(&site("st-anna"), NOW).await;
    assert!(matches!(nobody, Err(IdentityError::Unknown(Role::Site(_)))));
    federation.code("st-anna", Approval::Manual).await;
    for _ in 0..2 {
        federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    }
    assert_eq!(state(&federation, "st-anna").await, MemberState::Revoked);
}

#[tokio::test]
async fn the_list_is_signed_anew_every_twelve_hours() {
    let federation = Federation::new("lung").await;
    let first = load_crl(&federation.folder()).expect("readable");
    assert_eq!(federation.authority.refresh_crl(after_h(11)).await.expect("fresh"), CrlRefresh::StillFresh);
    assert_eq!(federation.authority.refresh_crl(after_h(12)).await.expect("signed"), CrlRefresh::Signed);
    let second = load_crl(&federation.folder()).expect("readable");
    assert_eq!((second.number, second.this_update), (first.number + 1, after_h(12)));
}

#[tokio::test]
async fn a_list_lost_in_a_crash_is_written_again_on_opening() {
    let federation = Federation::new("lung").await;
    let (_, certificate) = federation.certified("st-anna").await;
    let path = federation.folder().join(CRL_FILE);
    let old = std::fs::read(&path).expect("readable");
    federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    for lost in [Some(old), None] {
        match lost {
            Some(old) => std::fs::write(&path, old).expect("writable"),
            None => std::fs::remove_file(&path).expect("removable"),
        }
        Authority::open(&federation.folder()).await.expect("opened");
        assert!(load_crl(&federation.folder()).expect("readable").revokes(&certificate.peer().serial));
    }
}

#[tokio::test]
async fn two_processes_lose_nothing_to_each_other() {
    const EACH: usize = 12;
    let federation = Federation::new("lung").await;
    let folder = federation.folder();
    let invite = async |first: usize| {
        let authority = Authority::open(&folder).await.expect("opened");
        for index in first..first + EACH {
            let name = site(&format!("site-{index}"));
            authority.invite(&name, INVITATION_VALID, Approval::Manual, NOW).await.expect("invited");
        }
    };
    tokio::join!(invite(0), invite(EACH), async {
        for index in 0..EACH {
            federation.certified(&format!("other-{index}")).await;
            federation.authority.revoke(&site(&format!("other-{index}")), NOW).await.expect("revoked");
        }
    });
    let roster = federation.authority.roster().await.expect("readable");
    let count = |state| roster.iter().filter(|member| member.state == state).count();
    assert_eq!((count(MemberState::Invited), count(MemberState::Revoked)), (2 * EACH, EACH));
    assert_eq!(load_crl(&folder).expect("readable").serials.len(), EACH);
}

#[tokio::test]
async fn one_code_used_at_once_by_two_keys_certifies_one() {
    let federation = Federation::new("lung").await;
    let other = Authority::open(&federation.folder()).await.expect("opened");
    let code = federation.code("st-anna", Approval::Automatic).await;
    let request = || federation.request("st-anna", &key().request_pem().expect("request"));
    let (name, one, two) = (site("st-anna"), request(), request());
    let (one, two) =
        tokio::join!(federation.authority.enroll(&name, &code, &one, NOW), other.enroll(&name, &code, &two, NOW));
    assert_eq!([&one, &two].iter().filter(|answer| answer.is_ok()).count(), 1, "{one:?} {two:?}");
}
