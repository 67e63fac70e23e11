use super::contribution::sum_of_squares;
use super::quantise::Units;
use super::*;
use crate::session::{DistributedNoise, Encoding, Lane, NoiseLaw};
use crate::tests::fixture::params_of;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn params(coordinates: u64, encoding: Encoding) -> crate::session::SessionParams {
    params_of(4, |params| {
        params.vector = crate::session::VectorShape::new(Lane::Bits32, coordinates, 4096).expect("sound");
        params.encoding = encoding;
    })
}

fn encoding() -> Encoding {
    Encoding { scale: 1000.0, clip_linf: 2.0, clip_l2: 5.0, weight_max: 1 }
}

fn integers(contribution: &Contribution, update: Update<'_>) -> Vec<i64> {
    let mut integers = vec![0; update.len()];
    contribution.fill(update, 0, &mut integers);
    integers
}

fn prepared(params: &crate::session::SessionParams, update: &[f32], rounding: Rounding) -> Vec<i64> {
    let update = Update::Reals(update);
    let contribution = Contribution::prepare(params, update, Weight::ONE, rounding, &mut rng(1)).expect("sound");
    integers(&contribution, update)
}

#[test]
fn words_are_two_s_complement_in_their_lane() {
    for (lane, most) in [(Lane::Bits16, 32_767), (Lane::Bits32, 2_147_483_647), (Lane::Bits64, i64::MAX)] {
        let given = [0, 1, -1, most, -most - 1];
        let (mut bytes, mut back) = (vec![0; 5 * lane.bytes()], [9; 5]);
        store_words(lane, &given, &mut bytes);
        load_words(lane, &bytes, &mut back);
        assert_eq!(back, given);
        assert_eq!(bytes[lane.bytes()], 1);
    }
}

#[test]
fn nearest_is_nearest_with_ties_to_even() {
    let units = Units { scale: 1.0, limit: 1e12, weight: 1.0 };
    let mut got = [0; 8];
    units.nearest(&[0.5, 1.5, -0.5, -1.5, 2.49, -2.51, 1e9, -0.0], &mut got);
    assert_eq!(got, [0, 2, 0, -2, 2, -3, 1_000_000_000, 0]);
}

#[test]
fn long_updates_are_shortened_and_short_ones_left_alone() {
    // ‖(3, 4)‖ = 5 is within the bound; (6, 8) is halved; then every coordinate is cut to ±2.
    let wide = Encoding { clip_linf: 10.0, ..encoding() };
    assert_eq!(prepared(&params(2, wide), &[3.0, -4.0], Rounding::Nearest), [3000, -4000]);
    assert_eq!(prepared(&params(2, wide), &[6.0, -8.0], Rounding::Nearest), [3000, -4000]);
    assert_eq!(prepared(&params(2, encoding()), &[6.0, -8.0], Rounding::Nearest), [2000, -2000]);
}

#[test]
fn a_weight_scales_within_the_same_range() {
    let params = params(2, Encoding { weight_max: 4, ..encoding() });
    let update = Update::Reals(&[1.0, -2.0]);
    let weight = Weight::new(3).expect("not 0");
    let contribution = Contribution::prepare(&params, update, weight, Rounding::Nearest, &mut rng(1)).expect("sound");
    assert_eq!(integers(&contribution, update), [750, -1500]);
    let weight = Weight::new(5).expect("not 0");
    assert!(Contribution::prepare(&params, update, weight, Rounding::Nearest, &mut rng(1)).is_err());
}

/// Six standard errors of 10^6 draws: by chance once in 10^9.
#[test]
fn stochastic_rounding_is_right_in_the_mean() {
    const DRAWS: usize = 1_000_000;
    for value in [0.1_f32, 0.5, -0.3, 7.75, -1999.999] {
        let params = params(DRAWS as u64, Encoding { scale: 1.0, clip_linf: 1e4, clip_l2: 1e9, weight_max: 1 });
        let got = prepared(&params, &vec![value; DRAWS], Rounding::Stochastic);
        let mean = got.iter().sum::<i64>() as f64 / DRAWS as f64;
        let part = f64::from(value) - f64::from(value).floor();
        let error = 6.0 * (part * (1.0 - part) / DRAWS as f64).sqrt();
        assert!((mean - f64::from(value)).abs() <= error + 1e-9, "{value}: {mean}");
        let (low, high) = (f64::from(value).floor() as i64, f64::from(value).ceil() as i64);
        assert!(got.iter().all(|integer| [low, high].contains(integer)), "only the two integers around {value}");
    }
}

#[test]
fn roundings_of_neighbours_are_independent() {
    const DRAWS: usize = 400_000;
    let params = params(DRAWS as u64, Encoding { scale: 1.0, clip_linf: 10.0, clip_l2: 1e9, weight_max: 1 });
    let got = prepared(&params, &vec![0.5; DRAWS], Rounding::Stochastic);
    for lag in [1, 2, 4, 8, 4096] {
        let same = got.iter().zip(&got[lag..]).filter(|(a, b)| a == b).count() as f64;
        let pairs = (DRAWS - lag) as f64;
        assert!((same - pairs / 2.0).abs() < 6.0 * (pairs / 4.0).sqrt(), "lag {lag}: {same} of {pairs}");
    }
}

#[test]
fn with_noise_the_rounded_norm_is_within_the_sensitivity() {
    // clip = 20 units and √d = 64: rounding is what dominates, so many roundings are refused.
    let encoding = Encoding { scale: 10.0, clip_linf: 2.0, clip_l2: 2.0, weight_max: 1 };
    let mut params = params(4096, encoding);
    params.noise = Some(DistributedNoise { law: NoiseLaw::Skellam, total_variance: 100.0, honest: 2 });
    let bound = encoding.rounded_l2_max(4096);
    let values: Vec<f32> = (0..4096).map(|place| if place % 2 == 0 { 0.05 } else { -0.03 }).collect();
    for seed in 0..40 {
        let update = Update::Reals(&values);
        let contribution =
            Contribution::prepare(&params, update, Weight::ONE, Rounding::Nearest, &mut rng(seed)).expect("sound");
        let square = sum_of_squares(&integers(&contribution, update));
        assert!(square as f64 <= bound * bound && contribution.square() == Some(square));
    }
    let long = Update::Integers(&[20; 4096]);
    let refused = Contribution::prepare(&params, long, Weight::ONE, Rounding::Nearest, &mut rng(1));
    assert!(matches!(refused, Err(crate::Refusal::Update { .. })), "integers beyond the sensitivity");
}

#[test]
fn what_cannot_be_summed_is_refused() {
    let params = params(3, encoding());
    let refused = |update| {
        let result = Contribution::prepare(&params, update, Weight::ONE, Rounding::Nearest, &mut rng(1));
        assert!(matches!(result, Err(crate::Refusal::Update { .. })));
    };
    refused(Update::Reals(&[1.0, 2.0]));
    refused(Update::Reals(&[1.0, f32::NAN, 0.0]));
    refused(Update::Reals(&[1.0, 0.0, f32::INFINITY]));
    refused(Update::Integers(&[0, 0, 2002]));
    refused(Update::Integers(&[0, i64::MIN, 0]));
    let fits = Contribution::prepare(
        &params,
        Update::Integers(&[0, -2001, 2001]),
        Weight::ONE,
        Rounding::Nearest,
        &mut rng(1),
    );
    assert!(fits.is_ok(), "the largest word");
}

#[test]
fn a_tail_that_is_not_that_of_the_sites_is_no_sum() {
    let params = params_of(4, |params| params.encoding.weight_max = 3);
    let read = |words: [i64; 4], sites| {
        let mut tail = [0; 16];
        store_words(Lane::Bits32, &words, &mut tail);
        TotalWeight::read(&params, sites, &tail).map(TotalWeight::get)
    };
    assert_eq!(read([4, 9, 0, 0], 4), Ok(9));
    assert_eq!(read([5, 9, 0, 0], 4), Err(SumError::Canary { place: 0, found: 5, expected: 4 }));
    assert_eq!(read([4, 9, 1, 0], 4), Err(SumError::Canary { place: 2, found: 1, expected: 0 }));
    assert_eq!(read([4, 9, 0, -1], 4), Err(SumError::Canary { place: 3, found: -1, expected: 0 }));
    for weight in [-1, 0, 3, 13] {
        let refused = Err(SumError::Weight { found: weight, sites: 4, weight_max: 3 });
        assert_eq!(read([4, weight, 0, 0], 4), refused);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_an_update_are_the_same_as_the_whole(seed in any::<u64>(), length in 1_usize..9000, first in 0_usize..9000) {
        let mut source = rng(seed);
        let values: Vec<f32> = (0..length).map(|_| (source.next_u32() as f32 / 2e9) - 1.0).collect();
        let params = params(length as u64, encoding());
        let update = Update::Reals(&values);
        let contribution = Contribution::prepare(&params, update, Weight::ONE, Rounding::Stochastic, &mut source)
            .expect("sound");
        let whole = integers(&contribution, update);
        let first = first % length;
        let mut piece = vec![0; (length - first).min(700)];
        contribution.fill(update, first, &mut piece);
        prop_assert_eq!(&whole[first..first + piece.len()], &piece[..]);
        let most = params.encoding.word_max().expect("in range");
        prop_assert!(whole.iter().all(|integer| integer.unsigned_abs() <= most));
    }
}
