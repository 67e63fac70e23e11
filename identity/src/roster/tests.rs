//! What a roster authority signs, and what a site takes from a coordinator that would rather it took something else.

use super::signed::{Content, federation_id};
use super::*;
use crate::signing::{Purpose, signing_key_fingerprint};
use crate::testing::{Federation, NOW, after_h, signing_key, site};
use crate::{Credentials, FederationName, IdentityError, PrivateKey, SigningIdentity};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use wardround_plan::{Digest, Timestamp};
use wardround_secagg::roster::{Enrolment, EnrolmentCertificate, PublicKey, Roster, RosterError, SigningKey};
use wardround_secagg::wire::{ClientId, Encode, FederationId};
use zeroize::Zeroizing;

const HOURS_OF_LIFE: u64 = 366 * 24;

/// A federation of three sites, a roster authority, and what each test looks at: the site st-anna.
struct Scene {
    federation: Federation,
    authority: RosterAuthority,
    anna: Credentials,
}

impl Scene {
    async fn new() -> Self {
        let federation = Federation::new("lung").await;
        let anna = federation.enrolled("st-anna").await;
        for name in ["st-berta", "st-clara"] {
            federation.enrolled(name).await;
        }
        Self { federation, authority: roster_authority(1), anna }
    }

    async fn keys(&self) -> SigningKeys {
        self.federation.authority.signing_keys().await.expect("readable")
    }

    async fn sign(&self, previous: Option<&SignedRoster>) -> SignedRoster {
        self.authority.sign(&self.keys().await, previous, NOW).expect("signed")
    }

    fn own_key(&self) -> SigningIdentity {
        SigningIdentity::open(self.anna.folder()).expect("made at enrolment")
    }

    fn review_at(&self, bytes: &[u8], now: Timestamp) -> Result<RosterReview, IdentityError> {
        RosterReview::new(&self.anna, &self.own_key(), bytes, now)
    }

    fn refusal(&self, bytes: &[u8]) -> RosterRefusal {
        refusal(self.review_at(bytes, NOW))
    }

    fn pin(&self, roster: &SignedRoster) -> PinnedRoster {
        let review = self.review_at(&roster.to_bytes(), NOW).expect("sound");
        review.approve(roster.digest().0).expect("approved")
    }

    fn pinned(&self) -> Option<PinnedRoster> {
        PinnedRoster::load(self.anna.folder()).expect("readable")
    }

    /// A member with this key and a proof by it.
    fn member(&self, name: &str, key: &SigningKey) -> SigningMember {
        let tls = PrivateKey::generate().expect("key");
        let request = self.federation.request_with(name, &tls.request_pem().expect("request"), key);
        let (key, possession) = (request.signing_key(), *request.possession());
        SigningMember { site: site(name), key, tls_key_sha256: tls.fingerprint(), possession }
    }

    /// The content of a roster as a thief of the roster key would write it: whatever certificates, all signed.
    fn content(&self, enrolments: Vec<Enrolment>) -> Content {
        let federation = FederationName::new("lung").expect("a name");
        let id = federation_id(&federation, &self.authority.public());
        content(&federation, id, RosterSerial::FIRST, enrolments, &key(1))
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_secret(&Zeroizing::new([seed; 32]))
}

/// The roster authority whose key is [`key`] of this seed, taken up from a file as always.
fn roster_authority(seed: u8) -> RosterAuthority {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("roster.key");
    crate::signing::create_key(&path, &key(seed)).expect("nothing there");
    RosterAuthority::open(&path).expect("an Ed25519 key")
}

fn content(
    federation: &FederationName,
    id: FederationId,
    serial: RosterSerial,
    enrolments: Vec<Enrolment>,
    key: &SigningKey,
) -> Content {
    let certificates: Vec<EnrolmentCertificate> = enrolments.into_iter().map(|one| one.certify(key)).collect();
    let roster = Roster::new(id, &key.public(), certificates, [].into()).expect("distinct keys of one federation");
    Content { federation: federation.clone(), authority: key.public(), serial, issued: NOW, roster }
}

fn signed(content: &Content, key: &SigningKey) -> Vec<u8> {
    let content = content.to_bytes();
    let signature = Purpose::Roster.sign(key, &content);
    [content, signature.0.to_vec()].concat()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, IdentityError>) -> RosterRefusal {
    match result.expect_err("must be refused") {
        IdentityError::Roster(refusal) => refusal,
        other => panic!("expected a refused roster, got: {other}"),
    }
}

fn enrolments(roster: &SignedRoster) -> Vec<Enrolment> {
    roster.roster().enrolments().cloned().collect()
}

fn fingerprint(name: &str, scene: &Scene) -> Digest {
    let folder = scene.anna.folder().parent().expect("in the federation's folder").join(name);
    SigningIdentity::open(&folder).expect("enrolled").fingerprint()
}

#[tokio::test]
async fn a_roster_is_signed_reviewed_approved_and_in_force() {
    let scene = Scene::new().await;
    assert_eq!(scene.pinned(), None);
    let roster = scene.sign(None).await;
    let review = scene.review_at(&roster.to_bytes(), NOW).expect("sound");
    let added: Vec<_> = ["st-anna", "st-berta", "st-clara"]
        .into_iter()
        .map(|name| RosterChange::Added { site: site(name), key: fingerprint(name, &scene) })
        .collect();
    assert_eq!(review.changes(), added);
    assert!(!review.is_pinned());
    assert_eq!(scene.pinned(), None, "looking pins nothing");

    let pinned = review.approve(roster.digest().0).expect("approved");
    assert_eq!(scene.pinned().as_ref(), Some(&pinned));
    assert_eq!((pinned.digest(), pinned.signed()), (roster.digest(), &roster));
    let opened = Roster::open(&pinned.roster().to_bytes(), pinned.digest(), &scene.authority.public());
    let own = opened.expect("what secure aggregation opens");
    let own = own.current(ClientId::of_site(&site("st-anna")), NOW).expect("in it");
    assert!(own.key == scene.own_key().public());

    let again = scene.review_at(&roster.to_bytes(), NOW).expect("the same");
    assert!(again.is_pinned() && again.changes().is_empty());
}

#[tokio::test]
async fn nothing_is_pinned_but_what_was_approved() {
    let scene = Scene::new().await;
    let roster = scene.sign(None).await;
    let review = scene.review_at(&roster.to_bytes(), NOW).expect("sound");
    let approved = Digest::of(b"another");
    let refused = refusal(review.approve(approved));
    assert_eq!(refused, RosterRefusal::NotApproved { found: roster.digest().0, approved });
    assert_eq!(scene.pinned(), None);
}

#[tokio::test]
async fn a_pin_that_changed_meanwhile_is_looked_at_again() {
    let scene = Scene::new().await;
    let roster = scene.sign(None).await;
    let review = scene.review_at(&roster.to_bytes(), NOW).expect("sound");
    scene.pin(&roster);
    assert_eq!(refusal(review.approve(roster.digest().0)), RosterRefusal::PinChanged);
}

#[tokio::test]
async fn an_old_roster_does_not_come_back() {
    let scene = Scene::new().await;
    let first = scene.sign(None).await;
    scene.federation.authority.revoke(&site("st-clara"), NOW).await.expect("revoked");
    let second = scene.sign(Some(&first)).await;
    scene.pin(&second);
    let (pinned, found) = (second.serial(), first.serial());
    assert_eq!(scene.refusal(&first.to_bytes()), RosterRefusal::Older { pinned, found });

    // The authority's key signed two different rosters of one number.
    scene.federation.enrolled("st-dora").await;
    let other = scene.sign(Some(&first)).await;
    assert_eq!(scene.refusal(&other.to_bytes()), RosterRefusal::Ambiguous { serial: pinned });
    assert_eq!(scene.pinned().expect("pinned").signed(), &second);
}

#[tokio::test]
async fn another_federation_and_another_roster_authority_are_refused() {
    let scene = Scene::new().await;
    let elsewhere = Federation::new("heart").await;
    elsewhere.enrolled("st-anna").await;
    let keys = elsewhere.authority.signing_keys().await.expect("readable");
    let heart = scene.authority.sign(&keys, None, NOW).expect("signed");
    let [expected, found] = ["lung", "heart"].map(|name| FederationName::new(name).expect("a name"));
    assert_eq!(scene.refusal(&heart.to_bytes()), RosterRefusal::OtherFederation { expected, found });

    let first = scene.sign(None).await;
    scene.pin(&first);
    let thief = roster_authority(2);
    let stolen = thief.sign(&scene.keys().await, None, NOW).expect("signed");
    let (expected, found) = (scene.authority.fingerprint(), thief.fingerprint());
    assert_eq!(scene.refusal(&stolen.to_bytes()), RosterRefusal::OtherAuthority { expected, found });
    assert_ne!(stolen.digest(), first.digest(), "before the first pin, the digest tells them apart");
}

#[tokio::test]
async fn certificates_out_of_their_time_are_refused() {
    let scene = Scene::new().await;
    let roster = scene.sign(None).await;
    let bytes = roster.to_bytes();
    let last = Timestamp::from_ms(after_h(HOURS_OF_LIFE).as_ms());
    assert!(scene.review_at(&bytes, last).is_ok());
    let late = refusal(scene.review_at(&bytes, Timestamp::from_ms(last.as_ms() + 1)));
    assert!(matches!(late, RosterRefusal::Expired { at, .. } if at == last), "{late}");
    let first = Timestamp::from_ms(NOW.as_ms() - 5 * 60 * 1000);
    assert!(scene.review_at(&bytes, first).is_ok());
    let early = refusal(scene.review_at(&bytes, Timestamp::from_ms(first.as_ms() - 1)));
    assert!(matches!(early, RosterRefusal::NotYetValid { at, .. } if at == first), "{early}");
}

#[tokio::test]
async fn a_roster_without_this_site_or_with_another_key_for_it_is_refused() {
    let scene = Scene::new().await;
    let anna = || site("st-anna");
    let whole = enrolments(&scene.sign(None).await);
    let others: Vec<_> = whole.iter().filter(|one| one.name != anna()).cloned().collect();
    let missing = signed(&scene.content(others.clone()), &key(1));
    assert_eq!(scene.refusal(&missing), RosterRefusal::SiteMissing { site: anna() });

    let exchanged = whole.iter().map(|one| match one.name == anna() {
        true => Enrolment { key: key(9).public(), ..one.clone() },
        false => one.clone(),
    });
    let exchanged = signed(&scene.content(exchanged.collect()), &key(1));
    let (expected, found) = (scene.own_key().fingerprint(), signing_key_fingerprint(&key(9).public()));
    assert_eq!(scene.refusal(&exchanged), RosterRefusal::OtherKey { site: anna(), expected, found });
}

#[tokio::test]
async fn a_revoked_site_does_not_pin_the_roster_that_says_so() {
    let scene = Scene::new().await;
    let first = scene.sign(None).await;
    scene.federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    let second = scene.sign(Some(&first)).await;
    assert_eq!(scene.refusal(&second.to_bytes()), RosterRefusal::SiteRevoked { site: site("st-anna") });
}

#[tokio::test]
async fn only_a_site_pins_a_roster() {
    let scene = Scene::new().await;
    let roster = scene.sign(None).await;
    let coordinator = scene.federation.coordinator().await;
    let review = RosterReview::new(&coordinator, &scene.own_key(), &roster.to_bytes(), NOW);
    assert_eq!(refusal(review), RosterRefusal::NotASite);
}

/// The coordinator has everything but the roster key, and wants to speak in st-berta's name.
#[tokio::test]
async fn a_coordinator_that_swaps_a_key_is_refused_however_it_goes_about_it() {
    let scene = Scene::new().await;
    let honest = scene.sign(None).await;
    let swapped = || {
        let swap = |one: Enrolment| match one.name == site("st-berta") {
            true => Enrolment { key: key(9).public(), ..one },
            false => one,
        };
        enrolments(&honest).into_iter().map(swap).collect::<Vec<_>>()
    };
    let lung = honest.federation().clone();
    let (mine, theirs) = (key(2), scene.authority.public());

    // Its own certificates and signature, in the authority's name.
    let mut forged = content(&lung, honest.roster().federation(), RosterSerial::FIRST, swapped(), &mine);
    forged.authority = theirs;
    assert_eq!(scene.refusal(&signed(&forged, &mine)), RosterRefusal::BadSignature);
    // In its own name, with the authority's id of the federation.
    forged.authority = mine.public();
    let wrong = scene.refusal(&signed(&forged, &mine));
    assert_eq!(wrong, RosterRefusal::WrongFederationId { federation: lung.clone() });
    // In its own name throughout, at a site that has pinned none: the digest is another than the federation's.
    let id = federation_id(&lung, &mine.public());
    let own = |one: Enrolment| Enrolment { federation: id, ..one };
    let all = content(&lung, id, RosterSerial::FIRST, swapped().into_iter().map(own).collect(), &mine);
    let review = scene.review_at(&signed(&all, &mine), NOW).expect("a roster like any other");
    assert!(matches!(refusal(review.approve(honest.digest().0)), RosterRefusal::NotApproved { .. }));
    // The same at a site that has.
    scene.pin(&honest);
    assert!(matches!(scene.refusal(&signed(&all, &mine)), RosterRefusal::OtherAuthority { .. }));
    // In the authority's database, before signing: nobody with that key signed for st-berta's enrolment.
    let mut keys = scene.keys().await;
    keys.members[1].key = key(9).public();
    let refused = scene.authority.sign(&keys, Some(&honest), NOW);
    assert_eq!(refused, Err(RosterRefusal::NotProven { site: site("st-berta") }));
    // There, with a proof of its own making. That looks as if st-berta had lost its key, and is signed, unless somebody
    // compares fingerprints first; st-berta refuses it, and all others are shown it.
    keys.members[1] = scene.member("st-berta", &key(9));
    let signed = scene.authority.sign(&keys, Some(&honest), NOW).expect("like enrolling again");
    let folder = scene.anna.folder().with_file_name("st-berta");
    let (berta, own) = (Credentials::load(&folder, NOW), SigningIdentity::open(&folder).expect("enrolled"));
    let refused = refusal(RosterReview::new(&berta.expect("enrolled"), &own, &signed.to_bytes(), NOW));
    assert!(matches!(refused, RosterRefusal::OtherKey { .. }), "{refused}");
    let review = scene.review_at(&signed.to_bytes(), NOW).expect("sound");
    let (before, after) = (own.fingerprint(), signing_key_fingerprint(&key(9).public()));
    assert_eq!(review.changes(), [RosterChange::KeyChanged { site: site("st-berta"), before, after }]);
    assert_eq!(scene.pinned().expect("pinned").signed(), &honest);
}

#[tokio::test]
async fn no_single_changed_byte_gets_through() {
    let scene = Scene::new().await;
    let bytes = scene.sign(None).await.to_bytes();
    assert!(SignedRoster::from_bytes(&bytes).is_ok());
    for place in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[place] ^= bit;
            assert!(SignedRoster::from_bytes(&changed).is_err(), "byte {place}");
        }
        assert!(SignedRoster::from_bytes(&bytes[..place]).is_err(), "cut at {place}");
    }
    assert!(SignedRoster::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

#[tokio::test]
async fn signed_contradictions_are_refused() {
    let scene = Scene::new().await;
    let whole = enrolments(&scene.sign(None).await);
    let read = |enrolments| SignedRoster::from_bytes(&signed(&scene.content(enrolments), &key(1)));
    assert!(read(whole.clone()).is_ok());

    // One site twice, under an id that is not its own.
    let double = Enrolment { client: ClientId([0; 16]), key: key(9).public(), serial: 77, ..whole[0].clone() };
    let refused = read([vec![double], whole.clone()].concat());
    assert_eq!(refused, Err(RosterRefusal::WrongId { site: whole[0].name.clone() }));

    let mut shared = whole.clone();
    shared[2].serial = shared[0].serial;
    assert_eq!(read(shared), Err(RosterRefusal::SharedSerial { site: whole[2].name.clone() }));
}

#[tokio::test]
async fn one_key_for_two_sites_is_not_certified() {
    let scene = Scene::new().await;
    let mut keys = scene.keys().await;
    let shared = signing_key("shared");
    for member in &mut keys.members[..2] {
        *member = scene.member(member.site.as_str(), &shared);
    }
    let refused = scene.authority.sign(&keys, None, NOW).expect_err("two votes for one");
    assert!(matches!(refused, RosterRefusal::Certificates(RosterError::SharedKey { .. })), "{refused}");
}

#[tokio::test]
async fn every_kind_of_change_is_shown_with_its_keys() {
    let scene = Scene::new().await;
    let first = scene.sign(None).await;
    scene.pin(&first);
    let [berta, clara] = ["st-berta", "st-clara"].map(|name| fingerprint(name, &scene));
    scene.federation.authority.revoke(&site("st-clara"), NOW).await.expect("revoked");
    scene.federation.enrolled("st-dora").await;
    // st-berta lost its folder, and enrols again.
    let (tls, fresh) = (PrivateKey::generate().expect("key"), signing_key("fresh"));
    let request = scene.federation.request_with("st-berta", &tls.request_pem().expect("request"), &fresh);
    scene.federation.certify_at("st-berta", &request, NOW).await;

    let second = scene.sign(Some(&first)).await;
    let review = scene.review_at(&second.to_bytes(), NOW).expect("sound");
    let after = signing_key_fingerprint(&fresh.public());
    let expected = [
        RosterChange::KeyChanged { site: site("st-berta"), before: berta, after },
        RosterChange::Removed { site: site("st-clara"), key: clara },
        RosterChange::Added { site: site("st-dora"), key: fingerprint("st-dora", &scene) },
    ];
    assert_eq!(review.changes(), expected);
    assert_eq!(scene.pinned().expect("pinned").signed(), &first, "until it is approved");
    review.approve(second.digest().0).expect("approved");
    assert_eq!(scene.pinned().expect("pinned").signed(), &second);
}

#[tokio::test]
async fn certificates_stay_for_half_their_life_and_are_then_made_anew() {
    let scene = Scene::new().await;
    let first = scene.sign(None).await;
    let keys = scene.keys().await;
    let sign = |now| scene.authority.sign(&keys, Some(&first), now);
    // Half of the life, which began five minutes before.
    let half = Timestamp::from_ms(after_h(HOURS_OF_LIFE / 2).as_ms() - 150_000);
    let unchanged = RosterRefusal::Unchanged { serial: first.serial(), digest: first.digest().0 };
    assert_eq!(sign(half), Err(unchanged));
    let later = Timestamp::from_ms(half.as_ms() + 1);
    let second = sign(later).expect("certified anew");
    assert_eq!(second.serial().get(), 2);
    let until = later + ROSTER_CERTIFICATE_LIFETIME;
    let changes = RosterChange::between(Some(&first), &second);
    assert!(
        changes.len() == 3
            && changes
                .iter()
                .all(|change| matches!(change, RosterChange::Recertified { until: at, .. } if *at == until)),
        "{changes:?}"
    );
    let serials = |roster: &SignedRoster| enrolments(roster).into_iter().map(|one| one.serial).collect::<Vec<_>>();
    assert!(serials(&second).iter().all(|serial| !serials(&first).contains(serial)));
}

#[tokio::test]
async fn a_site_that_left_stays_revoked_until_its_certificate_ends() {
    let scene = Scene::new().await;
    let first = scene.sign(None).await;
    scene.federation.authority.revoke(&site("st-clara"), NOW).await.expect("revoked");
    let second = scene.sign(Some(&first)).await;
    assert_eq!((enrolments(&second).len(), second.enrolled().count()), (3, 2));
    let clara = ClientId::of_site(&site("st-clara"));
    assert!(first.roster().current(clara, NOW).is_some() && second.roster().current(clara, NOW).is_none());

    // A revoked certificate that has ended keeps nobody from approving.
    let keys = scene.keys().await;
    let middle = after_h(HOURS_OF_LIFE * 3 / 4);
    let third = scene.authority.sign(&keys, Some(&second), middle).expect("certified anew");
    assert_eq!(enrolments(&third).len(), 3);
    let later = after_h(HOURS_OF_LIFE + 1);
    assert!(scene.review_at(&third.to_bytes(), later).is_ok());
    let last = scene.authority.sign(&keys, Some(&third), later).expect("the ended one is left out");
    assert_eq!((enrolments(&last).len(), last.enrolled().count()), (2, 2));
}

#[tokio::test]
async fn what_was_not_signed_for_or_does_not_follow_is_not_signed() {
    let scene = Scene::new().await;
    let first = scene.sign(None).await;
    let keys = scene.keys().await;
    let not_proven = Err(RosterRefusal::NotProven { site: site("st-anna") });
    let changes: [fn(&mut SigningKeys); 4] = [
        |keys| keys.ca_sha256 = Digest::of(b"another"),
        |keys| keys.members[0].tls_key_sha256 = Digest::of(b"another"),
        |keys| keys.members[0].possession = keys.members[1].possession,
        |keys| keys.members[0].key = keys.members[1].key,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = keys.clone();
        change(&mut changed);
        assert_eq!(scene.authority.sign(&changed, None, NOW), not_proven, "change {number}");
    }
    let mut renamed = keys.clone();
    renamed.members[0].site = site("st-zita");
    let refused = scene.authority.sign(&renamed, None, NOW);
    assert_eq!(refused, Err(RosterRefusal::NotProven { site: site("st-zita") }));

    let heart = SigningKeys { federation: FederationName::new("heart").expect("a name"), ..keys.clone() };
    let refused = scene.authority.sign(&heart, Some(&first), NOW);
    assert!(matches!(refused, Err(RosterRefusal::OtherFederation { .. })), "{refused:?}");
    let refused = roster_authority(2).sign(&keys, Some(&first), NOW);
    assert!(matches!(refused, Err(RosterRefusal::OtherAuthority { .. })), "{refused:?}");
    let refused = scene.authority.sign(&keys, Some(&first), Timestamp::from_ms(NOW.as_ms() - 1));
    assert_eq!(refused, Err(RosterRefusal::ClockBehind { at: NOW }));
}

#[tokio::test]
async fn keys_reach_a_machine_without_a_network_as_they_were() {
    let scene = Scene::new().await;
    let keys = scene.keys().await;
    let text = serde_json::to_string(&keys).expect("JSON");
    let read: SigningKeys = serde_json::from_str(&text).expect("its own text");
    assert_eq!(read, keys);
    assert!(scene.authority.sign(&read, None, NOW).is_ok());
    let text = text.replacen("\"key\":\"", "\"key\":\"0", 1);
    assert!(serde_json::from_str::<SigningKeys>(&text).is_err(), "a digit too many");
}

#[tokio::test]
async fn the_pin_is_its_owners_alone_and_a_changed_one_is_refused() {
    let scene = Scene::new().await;
    scene.pin(&scene.sign(None).await);
    let path = scene.anna.folder().join("pinned.roster");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let whole = std::fs::read(&path).expect("readable");
    for end in [0, 19, whole.len() / 2, whole.len() - 1] {
        crate::files::replace(&path, &whole[..end], crate::files::Readers::Owner).expect("writable");
        let error = PinnedRoster::load(scene.anna.folder()).expect_err("cut").to_string();
        assert!(error.contains("pinned.roster"), "{error}");
    }
    crate::files::replace(&path, &whole, crate::files::Readers::Owner).expect("writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o620)).expect("own file");
    assert!(PinnedRoster::load(scene.anna.folder()).is_err(), "others can write it");
}

#[tokio::test]
async fn a_roster_file_is_read_and_refused_by_name() {
    let scene = Scene::new().await;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("federation.roster");
    let roster = scene.sign(None).await;
    roster.store(&path).expect("writable");
    assert_eq!(SignedRoster::load(&path).expect("its own bytes"), roster);
    std::fs::write(&path, b"no roster").expect("writable");
    let error = SignedRoster::load(&path).expect_err("no roster").to_string();
    assert!(error.contains("federation.roster") && error.contains("no roster"), "{error}");
}

#[test]
fn the_key_of_rosters_is_made_once_and_is_its_owners() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("roster.key");
    let made = RosterAuthority::generate(&path).expect("made");
    assert!(RosterAuthority::generate(&path).is_err(), "never overwritten");
    assert_eq!(RosterAuthority::open(&path).expect("readable").fingerprint(), made.fingerprint());
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(format!("{made:?}"), "RosterAuthority(SigningKey)");
}

#[test]
fn a_byte_more_than_any_roster_has_is_not_looked_at() {
    let found = ROSTER_BYTES_MAX + 1;
    assert_eq!(SignedRoster::from_bytes(&vec![0; found]), Err(RosterRefusal::TooLarge { found }));
    let refused = SignedRoster::from_bytes(&vec![0; ROSTER_BYTES_MAX]);
    assert!(matches!(refused, Err(RosterRefusal::Decode(_))), "{refused:?}");
}

#[test]
fn a_roster_that_grew_too_large_is_not_signed() {
    let federation = FederationName::new("lung").expect("a name");
    let id = federation_id(&federation, &key(1).public());
    let enrolment = |number: u32| {
        let name = site(&format!("{number:063}"));
        let mut public = [0; 32];
        public[..4].copy_from_slice(&number.to_le_bytes());
        Enrolment {
            federation: id,
            client: ClientId::of_site(&name),
            name,
            key: PublicKey(public),
            tls_key_sha256: [0; 32],
            not_before: NOW,
            not_after: NOW,
            serial: u64::from(number),
        }
    };
    // 251 bytes each, and 164 around them.
    for (sites, fits) in [(4176, true), (4177, false)] {
        let enrolments: Vec<_> = (0..sites).map(enrolment).collect();
        let mut sorted = enrolments;
        sorted.sort_by_key(|one| one.client);
        let made = SignedRoster::sign(content(&federation, id, RosterSerial::FIRST, sorted, &key(1)), &key(1));
        assert_eq!(made.is_ok(), fits, "{sites} sites: {:?}", made.map(|made| made.to_bytes().len()));
    }
}

proptest! {
    #[test]
    fn any_bytes_only_err(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(SignedRoster::from_bytes(&bytes).is_err());
        let begun = [b"wardround-roster-v1\0\x04\0\0\0lung".as_slice(), &bytes].concat();
        prop_assert!(SignedRoster::from_bytes(&begun).is_err());
    }

    #[test]
    fn what_is_signed_comes_back_as_it_was(sites in 0usize..6, serial in 1u64..5, name in "[a-z]{1,20}") {
        let federation = FederationName::new(name).expect("a name");
        let id = federation_id(&federation, &key(1).public());
        let mut number = RosterSerial::FIRST;
        for _ in 1..serial {
            number = number.next().expect("far from the last");
        }
        let enrolments = (0..sites).map(|place| {
            let name = site(&format!("site-{place}"));
            Enrolment {
                federation: id,
                client: ClientId::of_site(&name),
                key: signing_key(name.as_str()).public(),
                name,
                tls_key_sha256: [place as u8; 32],
                not_before: NOW,
                not_after: NOW,
                serial: number.of_certificate(place),
            }
        });
        let made = content(&federation, id, number, enrolments.collect(), &key(1));
        let made = SignedRoster::sign(made, &key(1)).expect("sound");
        prop_assert_eq!(SignedRoster::from_bytes(&made.to_bytes()), Ok(made));
    }
}
