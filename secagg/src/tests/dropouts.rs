//! Whoever drops out when: the sum over U3 is exact, or there is none and nobody unmasked anything.

use super::fixture::{Federation, rng};
use super::network::{Delivery, Drop, Network};
use crate::client::Policy;
use crate::server::Failure;
use crate::session::{Lane, SessionParams, VectorShape};
use crate::wire::{Index, IndexSet, MessageType};
use proptest::prelude::*;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

fn updates(params: &SessionParams, seed: u64) -> Vec<Vec<i64>> {
    let most = params.encoding.word_max().expect("in range").min(1 << 40) as i64;
    let mut rng = rng(seed);
    let mut word = move || (rng.next_u64() as i64).rem_euclid(2 * most + 1) - most;
    let one = |_| (0..params.vector.coordinates()).map(|_| word()).collect();
    params.participants.iter().map(one).collect()
}

fn network(federation: &Federation, params: SessionParams, drops: Vec<Drop>) -> Network<'_> {
    let updates = updates(&params, 5);
    Network { federation, params, policy: Policy::default(), updates, drops, delivery: Delivery::InOrder, seed: 6 }
}

/// The sum is that of those who uploaded, or too few were left at some stage and no share left any site.
fn check(network: &Network<'_>) {
    let transcript = network.run();
    let drops = &network.drops;
    let reached = |stage: Drop| drops.iter().filter(|drop| **drop > stage).count();
    let threshold = network.params.thresholds.threshold as usize;
    let enough = Drop::ALL[..5].iter().all(|stage| reached(*stage) >= threshold);
    let places =
        drops.iter().enumerate().filter(|(_, drop)| **drop > Drop::Upload).map(|(place, _)| Index::of_place(place));
    let survivors = IndexSet::of(drops.len(), places);
    match transcript.result {
        Ok(sum) => {
            assert!(enough, "a sum of too few: {drops:?}");
            assert_eq!(sum, network.expected(&survivors), "{drops:?}");
        }
        Err(Failure::TooFew { .. }) => assert!(!enough, "no sum though enough were left: {drops:?}"),
        Err(other) => panic!("{drops:?}: {other}"),
    }
    let unmasked = transcript.sent.iter().filter(|(_, message)| MessageType::of(message) == Ok(MessageType::Unmask));
    let agreed = reached(Drop::Consistency) >= threshold && reached(Drop::Upload) >= threshold;
    assert!(agreed || unmasked.count() == 0, "shares left a site before t had signed: {drops:?}");
}

fn patterns(sites: u32) -> impl ParallelIterator<Item = Vec<Drop>> {
    let pattern =
        move |number: usize| (0..sites).map(|site| Drop::ALL[number / 6_usize.pow(site) % 6]).collect::<Vec<_>>();
    (0..6_usize.pow(sites)).into_par_iter().map(pattern)
}

#[test]
fn every_pattern_of_three_and_four_sites() {
    for sites in [3, 4] {
        let federation = Federation::of(sites as usize);
        patterns(sites).for_each(|drops| check(&network(&federation, federation.params(|_| {}), drops)));
    }
}

#[test]
fn every_pattern_of_five_sites() {
    let federation = Federation::of(5);
    patterns(5).for_each(|drops| check(&network(&federation, federation.params(|_| {}), drops)));
}

#[test]
fn the_thresholds_are_reached_by_one_and_missed_by_one() {
    let federation = Federation::of(7);
    for stage in Drop::ALL {
        for (dropped, works) in [(2, true), (3, stage == Drop::Never)] {
            let mut drops = vec![Drop::Never; 7];
            drops[..dropped].fill(stage);
            let transcript = network(&federation, federation.params(|_| {}), drops).run();
            assert_eq!(transcript.result.is_ok(), works, "{dropped} of 7 at {stage:?}");
        }
    }
}

fn drop_stage() -> impl Strategy<Value = Drop> {
    prop_oneof![6 => Just(Drop::Never), 1 => (0_usize..5).prop_map(|place| Drop::ALL[place])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sums_are_exact_for_any_size_and_ring(
        drops in proptest::collection::vec(drop_stage(), 3..=12),
        d in prop_oneof![1_u64..9000, Just(4091), Just(4092), Just(4093), Just(4096), Just(8188), Just(8192)],
        lane in 0_usize..3,
        delivery in 0_usize..3,
    ) {
        let federation = Federation::of(drops.len());
        let params = federation.params(|params| {
            params.vector = VectorShape::new(Lane::ALL[lane], d, 4096).expect("sound");
            params.encoding.scale = [100.0, 1e6, 1e12][lane];
        });
        let delivery = [Delivery::InOrder, Delivery::TwiceAndReversed, Delivery::WithRestarts][delivery];
        check(&Network { delivery, ..network(&federation, params, drops) });
    }
}

#[test]
fn a_restart_at_every_message_gives_the_same_sum() {
    let federation = Federation::of(5);
    let mut drops = vec![Drop::Never; 5];
    for stage in Drop::ALL {
        drops[2] = stage;
        let once = network(&federation, federation.params(|_| {}), drops.clone());
        let restarted = Network {
            delivery: Delivery::WithRestarts,
            ..network(&federation, federation.params(|_| {}), drops.clone())
        };
        assert_eq!(once.run().result, restarted.run().result, "{stage:?}");
    }
}
