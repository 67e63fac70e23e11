use super::*;
use crate::shamir::SecretScalar;
use crate::wire::{Ciphertext, FirstSetDigest, Index, MaskPublicKey, SessionId, SharePublicKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use wardround_plan::Digest;
use zeroize::Zeroizing;

fn index(number: u32) -> Index {
    Index::new(number).expect("from 1")
}

fn session(name: &[u8]) -> SessionId {
    SessionId(Digest::of(name))
}

fn bytes(text: &str) -> [u8; 32] {
    hex::decode(text).expect("hex").try_into().expect("32 bytes")
}

/// RFC 7748, sections 5.2 and 6.1.
#[test]
fn agreement_is_that_of_rfc_7748() {
    let secret = |text| AgreementSecret::new(Zeroizing::new(bytes(text)));
    let one = secret("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    let agreed = one.agree(&bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"));
    let expected = bytes("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    assert_eq!(*agreed.expect("a sound key"), expected);
    let bob = secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    assert_eq!(bob.public(), bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
}

#[test]
fn keys_of_small_order_agree_with_nobody() {
    let secret = AgreementSecret::new(Zeroizing::new([9; 32]));
    let one = "0100000000000000000000000000000000000000000000000000000000000000";
    for small in [[0; 32], bytes(one), bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")] {
        assert!(secret.agree(&small).is_none(), "{small:?}");
    }
}

#[test]
fn keys_differ_by_session_purpose_and_site() {
    let scalar = SecretScalar::random(&mut ChaCha20Rng::seed_from_u64(1));
    let [one, two] = [KeySchedule::new(session(b"1")), KeySchedule::new(session(b"2"))];
    let masks = [one.self_mask(index(1), &scalar), one.self_mask(index(2), &scalar), two.self_mask(index(1), &scalar)];
    let secrets = [
        one.mask_secret(index(1), &scalar).public(),
        one.mask_secret(index(2), &scalar).public(),
        two.mask_secret(index(1), &scalar).public(),
    ];
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert_ne!(*masks[a].0, *masks[b].0);
        assert_ne!(secrets[a], secrets[b]);
    }
    assert_ne!(one.seed_commitment(index(1), &scalar), one.seed_commitment(index(2), &scalar));
    assert_ne!(one.seed_commitment(index(1), &scalar), two.seed_commitment(index(1), &scalar));
}

#[test]
fn a_pair_has_one_mask_whoever_asks() {
    let schedule = KeySchedule::new(session(b"1"));
    let (a, b) = ((index(2), MaskPublicKey([2; 32])), (index(7), MaskPublicKey([7; 32])));
    let mask = |ends: PairEnds| schedule.pair_mask(&[5; 32], &ends);
    assert_eq!(*mask(PairEnds::new(a, b)).0, *mask(PairEnds::new(b, a)).0);
    let other = (index(7), MaskPublicKey([8; 32]));
    assert_ne!(*mask(PairEnds::new(a, b)).0, *mask(PairEnds::new(a, other)).0);
}

struct Ends {
    secrets: [AgreementSecret; 2],
    names: [(Index, SharePublicKey); 2],
}

fn ends() -> Ends {
    let secrets = [[1; 32], [2; 32]].map(|bytes| AgreementSecret::new(Zeroizing::new(bytes)));
    let names = [0, 1].map(|end| (index(end as u32 + 1), SharePublicKey(secrets[end].public())));
    Ends { secrets, names }
}

impl Ends {
    /// The key of a message from the first to the second, as `end` has it.
    fn key(&self, end: usize, session: SessionId, first_set: FirstSetDigest) -> ShareKey {
        let other = &self.names[1 - end].1;
        ShareKey::between(session, first_set, &self.secrets[end], other, self.names[0], self.names[1])
            .expect("sound keys")
    }
}

#[test]
fn shares_open_for_their_receiver_in_their_session_alone() {
    let ends = ends();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let pair = SharePair { mask: SecretScalar::random(&mut rng), seed: SecretScalar::random(&mut rng) };
    let (here, set) = (session(b"here"), FirstSetDigest(Digest::of(b"u1")));
    let sealed = ends.key(0, here, set).seal(&pair);
    let opened = ends.key(1, here, set).open(&sealed).and_then(|opened| opened.scalars().ok()).expect("theirs");
    assert_eq!(*opened.mask.to_bytes(), *pair.mask.to_bytes());
    assert_eq!(*opened.seed.to_bytes(), *pair.seed.to_bytes());
    assert!(ends.key(1, session(b"there"), set).open(&sealed).is_none());
    assert!(ends.key(1, here, FirstSetDigest(Digest::of(b"other"))).open(&sealed).is_none());
    for place in 0..sealed.0.len() {
        let mut changed = sealed.0;
        changed[place] ^= 1;
        assert!(ends.key(1, here, set).open(&Ciphertext(changed)).is_none(), "byte {place}");
    }
}

#[test]
fn a_message_to_one_is_not_one_from_them() {
    let ends = ends();
    let (here, set) = (session(b"here"), FirstSetDigest(Digest::of(b"u1")));
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let pair = SharePair { mask: SecretScalar::random(&mut rng), seed: SecretScalar::random(&mut rng) };
    let sealed = ends.key(0, here, set).seal(&pair);
    let back = ShareKey::between(here, set, &ends.secrets[0], &ends.names[1].1, ends.names[1], ends.names[0]);
    assert!(back.expect("sound keys").open(&sealed).is_none(), "reflected to its sender");
}
