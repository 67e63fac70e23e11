use super::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wardround_plan::SiteId;

fn authority() -> SigningKey {
    SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(99))
}

fn enrolment(number: u8) -> Enrolment {
    let name = SiteId::new(format!("site-{number}")).expect("a name");
    Enrolment {
        federation: FederationId([1; 16]),
        client: ClientId::of_site(&name),
        name,
        key: SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(number))).public(),
        tls_key_sha256: [number; 32],
        not_before: Timestamp::from_ms(10),
        not_after: Timestamp::from_ms(20),
        serial: u64::from(number),
    }
}

fn roster(enrolments: Vec<Enrolment>, revoked: &[u64]) -> Result<Roster, RosterError> {
    let certificates = enrolments.into_iter().map(|one| one.certify(&authority())).collect();
    Roster::new(FederationId([1; 16]), &authority().public(), certificates, revoked.iter().copied().collect())
}

#[test]
fn a_roster_opens_for_whom_pinned_it() {
    let roster = roster(vec![enrolment(1), enrolment(2), enrolment(3)], &[2]).expect("sound");
    let bytes = roster.to_bytes();
    assert_eq!(Roster::open(&bytes, roster.digest(), &authority().public()), Ok(roster.clone()));
    let pinned = RosterDigest(wardround_plan::Digest::of(b"another"));
    let refused = Roster::open(&bytes, pinned, &authority().public());
    assert!(matches!(refused, Err(RosterError::NotPinned { .. })), "{refused:?}");
    let other = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(5)).public();
    assert!(matches!(Roster::open(&bytes, roster.digest(), &other), Err(RosterError::NotIssued { .. })));
}

#[test]
fn enrolments_end_by_time_and_by_revocation() {
    let roster = roster(vec![enrolment(1), enrolment(2)], &[2]).expect("sound");
    let at = |number, millis| roster.current(enrolment(number).client, Timestamp::from_ms(millis)).is_some();
    assert!(at(1, 10) && at(1, 20));
    assert!(!at(1, 9) && !at(1, 21), "outside its time");
    assert!(!at(2, 15), "revoked");
    assert!(!at(3, 15), "never enrolled");
}

#[test]
fn doubles_and_strangers_are_refused() {
    let double = roster(vec![enrolment(1), enrolment(1)], &[]);
    assert_eq!(double, Err(RosterError::Decode(DecodeError::NotIncreasing { field: "certificates" })));
    let twin = Enrolment { key: enrolment(1).key, ..enrolment(2) };
    assert!(matches!(roster(vec![enrolment(1), twin], &[]), Err(RosterError::SharedKey { .. })));
    let stranger = Enrolment { federation: FederationId([2; 16]), ..enrolment(2) };
    assert!(matches!(roster(vec![enrolment(1), stranger], &[]), Err(RosterError::OtherFederation { .. })));
}

#[test]
fn a_changed_byte_is_another_roster_or_none() {
    let roster = roster(vec![enrolment(1), enrolment(2)], &[7]).expect("sound");
    let bytes = roster.to_bytes();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(Roster::open(&changed, roster.digest(), &authority().public()).is_err(), "byte {place}");
    }
}
