//! Every message: decode undoes encode, any bytes only err, and no second spelling is accepted.

use super::*;
use crate::refusal::AbortCode;
use crate::roster::Signature;
use crate::session::{
    DistributedNoise, Encoding, Graph, Lane, NoiseLaw, SUITE, SessionParams, Thresholds, VectorShape,
};
use proptest::prelude::*;
use wardround_plan::Digest;

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(r, s)| {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r);
        bytes[32..].copy_from_slice(&s);
        Signature(bytes)
    })
}

fn indices() -> impl Strategy<Value = Vec<Index>> {
    proptest::collection::btree_set(1_u32..500, 0..20).prop_map(|set| set.into_iter().filter_map(Index::new).collect())
}

fn index_set() -> impl Strategy<Value = IndexSet> {
    indices().prop_map(|indices| IndexSet::of(500, indices))
}

fn advert() -> impl Strategy<Value = KeyAdvert> {
    (any::<[[u8; 32]; 3]>(), signature()).prop_map(|([mask, share, seed], signature)| KeyAdvert {
        keys: AdvertKeys { mask: MaskPublicKey(mask), share: SharePublicKey(share), seed: SeedCommitment(seed) },
        signature,
    })
}

fn sealed() -> impl Strategy<Value = Vec<SealedShare>> {
    (indices(), any::<u8>()).prop_map(|(peers, byte)| {
        peers.into_iter().map(|peer| SealedShare { peer, ciphertext: Ciphertext([byte; 80]) }).collect()
    })
}

fn params() -> impl Strategy<Value = SessionParams> {
    let ids = proptest::collection::btree_set(any::<[u8; 16]>(), 1..12);
    let graph = prop_oneof![
        Just(Graph::Complete),
        (1_u32..9, any::<[u8; 32]>())
            .prop_map(|(half, seed)| Graph::HonestButCuriousRegular { degree: 2 * half, seed }),
    ];
    let noise = proptest::option::of((any::<bool>(), 1e-3..1e12_f64, 1_u32..99).prop_map(
        |(skellam, total_variance, honest)| DistributedNoise {
            law: if skellam { NoiseLaw::Skellam } else { NoiseLaw::DiscreteGaussian },
            total_variance,
            honest,
        },
    ));
    let shape = (0_usize..3, 1_u64..1 << 30, 1_u32..256)
        .prop_map(|(lane, d, blocks)| VectorShape::new(Lane::ALL[lane], d, blocks * 4096).expect("in range"));
    let encoding = (1e-6..1e9_f64, 1e-6..1e6_f64, 1e-6..1e6_f64, 1_u32..1000)
        .prop_map(|(scale, clip_linf, clip_l2, weight_max)| Encoding { scale, clip_linf, clip_l2, weight_max });
    (ids, graph, noise, shape, encoding, digest(), any::<(u64, u32, u32, u32, u32)>()).prop_map(
        |(ids, graph, noise, vector, encoding, digest, (round, attempt, threshold, corrupt, honest_min))| {
            SessionParams {
                suite: SUITE,
                federation: FederationId([1; 16]),
                study: StudyId([2; 16]),
                round: Round(round),
                attempt: Attempt(attempt),
                model: ModelDigest(digest),
                config: ConfigDigest(digest),
                roster: RosterDigest(digest),
                participants: ids.into_iter().map(ClientId).collect(),
                thresholds: Thresholds { threshold, corrupt, honest_min },
                graph,
                vector,
                encoding,
                noise,
            }
        },
    )
}

fn round_trip<T: Body + PartialEq + std::fmt::Debug>(body: T) -> Result<(), TestCaseError> {
    let session = SessionId(Digest::of(b"session"));
    let message = Envelope { session, sender: Sender::Server, body };
    let bytes = message.to_bytes();
    prop_assert_eq!(MessageType::of(&bytes), Ok(T::TYPE));
    prop_assert_eq!(Envelope::<T>::from_bytes(&bytes), Ok(message));
    prop_assert!(Envelope::<T>::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    let longer = [bytes, vec![0]].concat();
    prop_assert!(Envelope::<T>::from_bytes(&longer).is_err());
    Ok(())
}

/// Whatever decodes is the one encoding of what it says.
fn canonical<T: Decode + Encode>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(value) = T::from_bytes(bytes) {
        prop_assert_eq!(value.to_bytes(), bytes);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decode_undoes_encode(
        advert in advert(), others in indices(), sealed in sealed(), set in index_set(), signature in signature(),
        (one, two, three) in (digest(), digest(), digest()), bytes in proptest::collection::vec(any::<u8>(), 0..99),
    ) {
        round_trip(advert)?;
        round_trip(KeySet { adverts: others.iter().map(|index| Advert { index: *index, advert }).collect() })?;
        round_trip(EncryptedShares { first_set: FirstSetDigest(one), shares: sealed.clone() })?;
        round_trip(ShareSet { second_set: set.clone(), shares: sealed })?;
        let header = MaskedHeader { first_set: FirstSetDigest(one), second_set: SecondSetDigest(two), chunks: 7 };
        round_trip(header)?;
        round_trip(Chunk { number: 3, bytes })?;
        round_trip(MaskedTrailer { digest: VectorDigest(one), signature })?;
        round_trip(Survivors { third_set: set.clone() })?;
        let sets = SetDigests {
            first: FirstSetDigest(one), second: SecondSetDigest(two), third: ThirdSetDigest(three),
        };
        round_trip(Consistency { sets, signature })?;
        let signatures = others.iter().map(|signer| Countersignature { signer: *signer, signature }).collect();
        round_trip(SignatureSet { signatures })?;
        let shares = others.iter().map(|owner| RevealedShare { owner: *owner, share: [9; 32] }).collect();
        round_trip(Unmask { shares })?;
        round_trip(Abort { code: AbortCode::Decrypt, detail: DetailDigest(one) })?;
        round_trip(Outcome { aggregate: VectorDigest(one), third_set: set, signature })?;
    }

    #[test]
    fn parameters_have_one_encoding(params in params(), place in any::<proptest::sample::Index>(), bit in 0_u8..8) {
        let bytes = params.to_bytes();
        prop_assert_eq!(SessionParams::from_bytes(&bytes), Ok(params.clone()));
        let mut changed = bytes.clone();
        changed[place.index(bytes.len())] ^= 1 << bit;
        canonical::<SessionParams>(&changed)?;
        if let Ok(other) = SessionParams::from_bytes(&changed) {
            prop_assert_ne!(other.session_id(), params.session_id());
        }
    }

    #[test]
    fn any_bytes_only_err(kind in 0_u8..16, rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [vec![5; 32], vec![kind], rest].concat();
        canonical::<Envelope<KeyAdvert>>(&bytes)?;
        canonical::<Envelope<KeySet>>(&bytes)?;
        canonical::<Envelope<EncryptedShares>>(&bytes)?;
        canonical::<Envelope<ShareSet>>(&bytes)?;
        canonical::<Envelope<MaskedHeader>>(&bytes)?;
        canonical::<Envelope<Chunk>>(&bytes)?;
        canonical::<Envelope<MaskedTrailer>>(&bytes)?;
        canonical::<Envelope<Survivors>>(&bytes)?;
        canonical::<Envelope<Consistency>>(&bytes)?;
        canonical::<Envelope<SignatureSet>>(&bytes)?;
        canonical::<Envelope<Unmask>>(&bytes)?;
        canonical::<Envelope<Abort>>(&bytes)?;
        canonical::<Envelope<Outcome>>(&bytes)?;
        canonical::<SessionParams>(&bytes)?;
    }
}

#[test]
fn a_message_of_another_type_is_refused() {
    let session = SessionId(Digest::of(b"session"));
    let body = Survivors { third_set: IndexSet::empty(3) };
    let bytes = Envelope { session, sender: Sender::Server, body }.to_bytes();
    assert!(matches!(Envelope::<SignatureSet>::from_bytes(&bytes), Err(DecodeError::Value { .. })));
}

#[test]
fn an_entry_given_twice_is_refused() {
    let twice = |index| RevealedShare { owner: Index::new(index).expect("from 1"), share: [1; 32] };
    for shares in [vec![twice(2), twice(2)], vec![twice(3), twice(2)]] {
        let bytes = Unmask { shares }.to_bytes();
        assert_eq!(Unmask::from_bytes(&bytes), Err(DecodeError::NotIncreasing { field: "shares" }));
    }
}

#[test]
fn an_outcome_is_signed_for_its_session_sum_and_sites() {
    use crate::roster::SigningKey;
    let key = SigningKey::from_secret(&zeroize::Zeroizing::new([5; 32]));
    let other = SigningKey::from_secret(&zeroize::Zeroizing::new([6; 32]));
    let [one, two] = [b"1", b"2"].map(|bytes| Digest::of(bytes));
    let third_set = IndexSet::of(3, Index::new(2));
    let outcome = Outcome::sign(SessionId(one), VectorDigest(one), third_set, &key);
    assert!(outcome.is_signed_by(SessionId(one), &key.public()));
    assert!(!outcome.is_signed_by(SessionId(two), &key.public()));
    assert!(!outcome.is_signed_by(SessionId(one), &other.public()));
    let changed = Outcome { aggregate: VectorDigest(two), ..outcome.clone() };
    assert!(!changed.is_signed_by(SessionId(one), &key.public()));
    let changed = Outcome { third_set: IndexSet::empty(3), ..outcome };
    assert!(!changed.is_signed_by(SessionId(one), &key.public()));
}
