use super::*;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use subtle::ConstantTimeEq;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn points(indices: impl IntoIterator<Item = u32>) -> Vec<Index> {
    indices.into_iter().map(|index| Index::new(index).expect("from 1")).collect()
}

fn recovered(shares: &[SecretScalar], chosen: &[Index]) -> SecretScalar {
    let chosen_shares: Vec<_> = chosen.iter().map(|point| &shares[point.place()]).collect();
    Interpolation::new(chosen).expect("distinct").to_secret().combine(&chosen_shares).expect("as many")
}

/// The integers modulo 251.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Toy(u32);

const TOY: u32 = 251;

impl Zeroize for Toy {
    fn zeroize(&mut self) {
        self.0 = 0;
    }
}

impl Field for Toy {
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);

    fn from_index(index: u32) -> Self {
        Self(index % TOY)
    }
    fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0) % TOY)
    }
    fn minus(self, other: Self) -> Self {
        Self((self.0 + TOY - other.0) % TOY)
    }
    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 % TOY)
    }
    fn inverse(self) -> Self {
        (1..TOY).map(Toy).find(|candidate| candidate.times(self).0 == 1).expect("not zero")
    }
}

/// Every way to choose `count` of 1..=n.
fn choices(n: u32, count: u32) -> Vec<Vec<Index>> {
    let chosen = |mask: u32| points((1..=n).filter(move |index| mask >> (index - 1) & 1 == 1));
    (0..1_u32 << n).filter(|mask| mask.count_ones() == count).map(chosen).collect()
}

#[test]
fn every_t_of_n_agree() {
    for (n, threshold) in [(1, 1), (3, 2), (5, 4), (7, 5), (8, 3)] {
        let secret = SecretScalar::random(&mut rng(1));
        let shares = split(&secret, threshold, points(1..=n).into_iter(), &mut rng(2));
        for chosen in choices(n, threshold) {
            assert!(bool::from(recovered(&shares, &chosen).ct_eq(&secret)), "{threshold} of {n}: {chosen:?}");
        }
        for chosen in choices(n, threshold - 1).into_iter().filter(|chosen| !chosen.is_empty()) {
            assert!(!bool::from(recovered(&shares, &chosen).ct_eq(&secret)), "fewer than {threshold}: {chosen:?}");
        }
    }
}

#[test]
fn values_at_other_points_follow_from_any_t() {
    let secret = SecretScalar::random(&mut rng(3));
    let shares = split(&secret, 3, points(1..=6).into_iter(), &mut rng(4));
    let chosen = points([2, 5, 6]);
    let given: Vec<_> = chosen.iter().map(|point| &shares[point.place()]).collect();
    for target in points(1..=6) {
        let value = Interpolation::new(&chosen).expect("distinct").to_point(target).combine(&given).expect("three");
        assert!(bool::from(value.ct_eq(&shares[target.place()])), "at {target}");
    }
}

/// In the small field every value can be looked at.
#[test]
fn interpolation_is_that_of_lagrange() {
    let polynomial = Polynomial(vec![Toy(17), Toy(200), Toy(3)]);
    let xs = [2, 7, 100].map(Toy::from_index);
    let values = [2, 7, 100].map(|x| polynomial.at(Index::new(x).expect("from 1")));
    for target in 0..TOY {
        let coefficients = interpolation::coefficients(&xs, &interpolation::weights(&xs), Toy(target));
        let terms = coefficients.iter().zip(values).map(|(coefficient, value)| coefficient.times(value));
        let expected = Toy(17).plus(Toy(200).times(Toy(target))).plus(Toy(3).times(Toy(target)).times(Toy(target)));
        assert_eq!(terms.fold(Toy(0), Toy::plus), expected, "at {target}");
    }
}

/// Two of three shares over every secret: each of the 251² values has to be as likely whatever the secret is.
/// Chi-square with 250 degrees of freedom; beyond 400 by chance once in 10^8.
#[test]
fn fewer_shares_than_needed_are_uniform() {
    let mut source = rng(5);
    let mut toy = || Toy((source.next_u64() % u64::from(TOY)) as u32);
    for secret in [0, 1, 77] {
        let (mut first, mut mixed) = ([0_u32; TOY as usize], [0_u32; TOY as usize]);
        let draws = 251 * 400;
        for _ in 0..draws {
            let polynomial = Polynomial::random(Toy(secret), 3, |coefficient| *coefficient = toy());
            let [one, two] = [1, 2].map(|point| polynomial.at(Index::new(point).expect("from 1")));
            first[one.0 as usize] += 1;
            mixed[one.times(Toy(100)).plus(two).0 as usize] += 1;
        }
        for counts in [first, mixed] {
            let expected = f64::from(draws) / f64::from(TOY);
            let statistic: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
            assert!(statistic < 400.0, "secret {secret}: {statistic}");
        }
    }
}

/// The fault of `sharks` (RUSTSEC-2024-0398): leading coefficients that are never zero tell t - 1 holders something.
#[test]
fn coefficients_may_be_zero() {
    let mut source = rng(6);
    let mut zeros = 0;
    for _ in 0..251 * 40 {
        let draw = |coefficient: &mut Toy| *coefficient = Toy((source.next_u64() % u64::from(TOY)) as u32);
        let polynomial = Polynomial::random(Toy(9), 2, draw);
        zeros += u32::from(polynomial.0[1] == Toy(0));
    }
    assert!((10..=90).contains(&zeros), "40 are expected, with a deviation of 6: {zeros}");
}

#[test]
fn a_threshold_of_one_shares_the_secret_itself() {
    let secret = SecretScalar::random(&mut rng(7));
    let shares = split(&secret, 1, points(1..=3).into_iter(), &mut rng(8));
    assert!(shares.iter().all(|share| bool::from(share.ct_eq(&secret))));
}

#[test]
fn what_is_no_scalar_or_no_point_is_refused() {
    // The group's order itself: the second spelling of zero.
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    assert_eq!(SecretScalar::from_canonical(&order).err(), Some(ShareError));
    assert_eq!(SecretScalar::from_canonical(&[0xff; 32]).err(), Some(ShareError));
    assert!(SecretScalar::from_canonical(&[0; 32]).is_ok());
    assert_eq!(Index::new(0), None, "at which the polynomial is the secret");
    assert_eq!(Interpolation::new(&[]), Err(InterpolationError::NoPoints));
    let repeated = Interpolation::new(&points([3, 1, 3]));
    assert_eq!(repeated, Err(InterpolationError::Repeated { point: points([3])[0] }));
    let two = Interpolation::new(&points([1, 2])).expect("distinct").to_secret();
    let one = SecretScalar::random(&mut rng(9));
    assert_eq!(two.combine(&[&one]).err(), Some(InterpolationError::Count { expected: 2, got: 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn shares_of_any_secret_come_back(seed in any::<u64>(), n in 1_u32..40, part in 0.0..1.0_f64) {
        let threshold = 1 + (f64::from(n - 1) * part) as u32;
        let mut rng = rng(seed);
        let secret = SecretScalar::random(&mut rng);
        let shares = split(&secret, threshold, points(1..=n).into_iter(), &mut rng);
        let chosen = points(n - threshold + 1..=n);
        prop_assert!(bool::from(recovered(&shares, &chosen).ct_eq(&secret)));
    }
}
