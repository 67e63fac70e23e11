//! How much an attacker finds: a lower bound on ε from an attack's scores with and without one patient.
//!
//! An (ε, δ) mechanism lets no test be right about her with P[hit | she is in] > e^ε P[hit | she is not] + δ, nor the other
//! way round (Kairouz, Oh and Viswanath 2015). So a test's rates, counted over many runs and each moved to the safe end of
//! its Clopper-Pearson interval, bound ε from below (Jagielski, Ullman and Oprea 2020, section 3; Nasr et al. 2021). The
//! test (threshold, side, direction) is chosen on one half of the runs and counted on the other, so choosing costs no
//! confidence.
//!
//! **An audit can refute a claim and never certify one**: a bound above the claimed ε shows a fault, one below shows that
//! this attack found none.

use crate::{Confidence, Delta};

/// Scores of an attack, one for each run; runs must be independent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttackScores {
    /// Of runs over data with the patient.
    pub with: Vec<f64>,
    /// Of runs over the same data without her.
    pub without: Vec<f64>,
}

/// Too little to say anything: no runs on one side, or a score that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit needs at least two runs with the patient and two without, and scores that are numbers")]
pub struct NoScores;

/// Thresholds tried are the scores at ranks that grow by this factor: fine enough, and few.
const RANK_GROWTH: f64 = 1.3;
/// Halvings of an interval of probabilities: beyond what f64 resolves.
const HALVINGS: u32 = 60;

/// The largest ε' that the scores refute with this confidence: the true ε is above it. Zero if they show nothing.
///
/// # Errors
/// [`NoScores`].
pub fn epsilon_lower_bound(scores: &AttackScores, delta: Delta, confidence: Confidence) -> Result<f64, NoScores> {
    let (choosing, counting) = scores.halves()?;
    let level = Level { delta, tail: (1.0 - confidence.get()) / 2.0 };
    let candidates = DIRECTIONS.iter().flat_map(|direction| direction.tests(&choosing));
    let tried = candidates.map(|test| (test.bound(&choosing, &level), test));
    let best = tried.max_by(|one, other| one.0.total_cmp(&other.0)).ok_or(NoScores)?.1;
    Ok(best.bound(&counting, &level).max(0.0))
}

/// Whether hits are to be likely with her or without her, and above or below the threshold.
#[derive(Debug, Clone, Copy)]
struct Direction {
    likely_with: Presence,
    side: Side,
}

#[derive(Debug, Clone, Copy)]
enum Presence {
    With,
    Without,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Above,
    Below,
}

const DIRECTIONS: [Direction; 4] = [
    Direction { likely_with: Presence::With, side: Side::Above },
    Direction { likely_with: Presence::With, side: Side::Below },
    Direction { likely_with: Presence::Without, side: Side::Above },
    Direction { likely_with: Presence::Without, side: Side::Below },
];

struct Test {
    direction: Direction,
    threshold: f64,
}

struct Level {
    delta: Delta,
    /// Probability that one of the two intervals misses on its one side.
    tail: f64,
}

impl AttackScores {
    /// Every other run to choose a test, the rest to count its hits.
    fn halves(&self) -> Result<(Self, Self), NoScores> {
        let fits = |scores: &[f64]| scores.len() >= 2 && !scores.iter().any(|score| score.is_nan());
        if !fits(&self.with) || !fits(&self.without) {
            return Err(NoScores);
        }
        let every_other = |scores: &[f64], first| scores.iter().skip(first).step_by(2).copied().collect();
        let half = |first| Self { with: every_other(&self.with, first), without: every_other(&self.without, first) };
        Ok((half(0), half(1)))
    }
}

impl Direction {
    /// Likely and unlikely scores.
    fn of(self, scores: &AttackScores) -> (&[f64], &[f64]) {
        match self.likely_with {
            Presence::With => (&scores.with, &scores.without),
            Presence::Without => (&scores.without, &scores.with),
        }
    }

    /// Tests that nearly none, few, some ... half of the unlikely scores hit.
    fn tests(self, scores: &AttackScores) -> Vec<Test> {
        let mut unlikely = self.of(scores).1.to_vec();
        unlikely.sort_by(f64::total_cmp);
        if matches!(self.side, Side::Above) {
            unlikely.reverse();
        }
        let ranks =
            std::iter::successors(Some(0_usize), |rank| Some(rank + 1 + (*rank as f64 * (RANK_GROWTH - 1.0)) as usize));
        let ranks = ranks.take_while(|rank| *rank <= unlikely.len() / 2);
        ranks
            .filter_map(|rank| unlikely.get(rank))
            .map(|threshold| Test { direction: self, threshold: *threshold })
            .collect()
    }
}

impl Test {
    /// ln((lower(hit rate) - δ) / upper(false hit rate)).
    fn bound(&self, scores: &AttackScores, level: &Level) -> f64 {
        let (likely, unlikely) = self.direction.of(scores);
        let least = lower_rate(self.hits(likely), likely.len(), level.tail) - level.delta.get();
        let most = upper_rate(self.hits(unlikely), unlikely.len(), level.tail);
        if least > 0.0 { (least / most).ln() } else { f64::NEG_INFINITY }
    }

    fn hits(&self, scores: &[f64]) -> usize {
        let hit = |score: &&f64| match self.direction.side {
            Side::Above => **score > self.threshold,
            Side::Below => **score < self.threshold,
        };
        scores.iter().filter(hit).count()
    }
}

/// Clopper-Pearson: the largest p with P[Bin(n, p) ≤ hits] ≥ tail.
fn upper_rate(hits: usize, runs: usize, tail: f64) -> f64 {
    if hits >= runs {
        return 1.0;
    }
    let (mut low, mut high) = (hits as f64 / runs as f64, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if at_most(hits, runs, middle) >= tail { low = middle } else { high = middle }
    }
    high
}

/// Clopper-Pearson: the smallest p with P[Bin(n, p) ≥ hits] ≥ tail.
fn lower_rate(hits: usize, runs: usize, tail: f64) -> f64 {
    1.0 - upper_rate(runs - hits, runs, tail)
}

/// P[Bin(n, p) ≤ hits], for p inside (0, 1): terms from `hits` downward, until they no longer count.
fn at_most(hits: usize, runs: usize, probability: f64) -> f64 {
    let (k, n) = (hits as f64, runs as f64);
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let mut term = (choose + k * probability.ln() + (n - k) * (-probability).ln_1p()).exp();
    let odds = (1.0 - probability) / probability;
    let mut sum = 0.0;
    let mut at = k;
    loop {
        sum += term;
        let beyond_the_mode = at <= n * probability;
        if at < 1.0 || (beyond_the_mode && term <= sum * f64::EPSILON) {
            return sum;
        }
        term *= at * odds / (n - at + 1.0);
        at -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoiseStreams, RoundedGaussian, SimulatedNoise};
    use wardround_plan::StreamKey;

    const RUNS: usize = 40_000;

    fn confidence(value: f64) -> Confidence {
        Confidence::new(value).expect("inside")
    }

    /// Scores of a Gaussian mechanism: standard normals, and the same moved by `shift`.
    fn gaussian(shift: f64) -> AttackScores {
        const FINE: f64 = 1e6;
        let mut streams = SimulatedNoise::new(&StreamKey::from_public_seed(1), "audit").take(2).expect("streams");
        let mut draw = |stream: usize, moved: f64| -> Vec<f64> {
            let mut places = vec![0; RUNS];
            RoundedGaussian::new(FINE).expect("in range").fill(&mut streams[stream], &mut places);
            places.iter().map(|place| *place as f64 / FINE + moved).collect()
        };
        AttackScores { without: draw(0, 0.0), with: draw(1, shift) }
    }

    /// δ(ε) of the Gaussian mechanism (Balle and Wang 2018, theorem 8), solved for ε.
    fn exact_epsilon(shift: f64, delta: f64) -> f64 {
        let phi = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
        let missed = |e: f64| phi(shift / 2.0 - e / shift) - e.exp() * phi(-shift / 2.0 - e / shift);
        let (mut low, mut high) = (0.0, 50.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if missed(middle) > delta { low = middle } else { high = middle }
        }
        low
    }

    #[test]
    fn rates_are_those_of_clopper_and_pearson() {
        // As R has them: binom.test(10, 100)$conf.int and binom.test(0, 20)$conf.int.
        assert!((lower_rate(10, 100, 0.025) - 0.049_004_69).abs() < 1e-8);
        assert!((upper_rate(10, 100, 0.025) - 0.176_222_60).abs() < 1e-8);
        assert!((upper_rate(0, 20, 0.025) - 0.168_433_5).abs() < 1e-7);
        assert_eq!(lower_rate(0, 20, 0.025), 0.0);
        assert_eq!(upper_rate(20, 20, 0.025), 1.0);
        // In closed form: P[no hit in n] = (1 - p)^n.
        assert!((upper_rate(0, 100_000, 1e-4) - (1.0 - 1e-4_f64.powf(1e-5))).abs() < 1e-15);
    }

    #[test]
    fn bound_is_below_the_exact_epsilon_and_not_far() {
        let delta = Delta::new(1e-5).expect("inside");
        for (shift, share) in [(0.5, 0.4), (1.0, 0.4), (2.0, 0.4)] {
            let exact = exact_epsilon(shift, 1e-5);
            let bound = epsilon_lower_bound(&gaussian(shift), delta, confidence(0.999)).expect("scores");
            assert!(bound <= exact && bound > share * exact, "shift {shift}: {bound} of {exact}");
        }
    }

    #[test]
    fn nothing_to_tell_apart_shows_nothing() {
        let bound = epsilon_lower_bound(&gaussian(0.0), Delta::new(1e-5).expect("inside"), confidence(0.999));
        assert!(bound.expect("scores") < 0.05);
    }

    #[test]
    fn both_sides_and_both_directions_are_tried() {
        let delta = Delta::new(1e-5).expect("inside");
        let bound = |scores: &AttackScores| epsilon_lower_bound(scores, delta, confidence(0.999)).expect("scores");
        let right = gaussian(2.0);
        let negated = |scores: &[f64]| scores.iter().map(|score| -score).collect();
        let left = AttackScores { with: negated(&right.with), without: negated(&right.without) };
        let swapped = AttackScores { with: right.without.clone(), without: right.with.clone() };
        assert_eq!(bound(&right), bound(&left));
        assert_eq!(bound(&right), bound(&swapped));
    }

    #[test]
    fn complete_separation_is_worth_what_the_number_of_runs_allows() {
        let scores = AttackScores { with: vec![1.0; 2000], without: vec![0.0; 2000] };
        let bound = epsilon_lower_bound(&scores, Delta::new(1e-6).expect("inside"), confidence(0.95)).expect("scores");
        // Both rates are bounded by 1 - 0.025^(1/1000) = 0.00368 away from 1 and 0.
        assert!((bound - (0.996_318_f64 / 0.003_682).ln()).abs() < 1e-3, "{bound}");
    }

    #[test]
    fn no_runs_and_no_numbers_are_refused() {
        let delta = Delta::new(1e-5).expect("inside");
        for without in [vec![], vec![1.0], vec![0.0, f64::NAN]] {
            let scores = AttackScores { with: vec![1.0, 2.0], without };
            assert_eq!(epsilon_lower_bound(&scores, delta, confidence(0.9)), Err(NoScores));
        }
    }
}
