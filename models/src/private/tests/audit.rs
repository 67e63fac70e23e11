//! The statistical audit: does one whole step (coins, clipped gradients, sum, noise) hide one patient as well as the
//! accountant claims? With and without her, many times, and what an attacker finds who sees everything but coins and noise.
//!
//! The network does not change within a step, so each patient's clipped gradient is taken once from the code that trains,
//! and that a sample's sum is the sum of them is checked; coins and noise are drawn anew in every run. The attacker knows all
//! images, the network, q and σ. From the inner products of the noisy sum with the patients' clipped gradients it takes the
//! likelihood ratio of "she is there", over all samples that may have been drawn, which no attack beats. The same audit is run over builds that are wrong on
//! purpose, with half the noise and with each image clipped by itself, and has to find them out.
//!
//! Streams are seeded, so a run is repeated exactly. Over seeds, a right build would be refuted for one in 10^4 at most.

use super::network::{image, network};
use crate::private::{PatientBatch, clipped_sum};
use crate::registry::{Network, tests::model};
use rayon::prelude::*;
use std::sync::LazyLock;
use wardround_imaging::{Example, ImageExample};
use wardround_plan::{ClipKind, ModelSection, NoiseKind, StreamKey};
use wardround_privacy::{
    Adjacency, AttackScores, Charge, Clip, ClipNorm, Confidence, Delta, Mechanism, NoiseMultiplier, PoissonSample,
    SamplingRate, SimulatedNoise, SumNoise, epsilon_lower_bound, epsilon_pld,
};

/// Runs with the canary, and as many without.
const BLOCKS: usize = 64;
const RUNS_OF_A_BLOCK: usize = 3000;
/// What is claimed: one step with this noise and rate costs what the accountant says at this δ.
const NOISE_MULTIPLIER: f64 = 1.0;
const SAMPLING_RATE: f64 = 0.8;
const DELTA: f64 = 1e-5;
const CLIP_NORM: f64 = 0.02;
const CONFIDENCE: f64 = 1.0 - 1e-4;

/// Images of each patient; the last patient is the canary.
const IMAGES: [usize; 4] = [1, 3, 2, 4];
const CANARY: usize = 3;

/// A build of the step, right or wrong.
#[derive(Debug, Clone, Copy)]
struct Build {
    clipped_as_one: ClippedAsOne,
    noise: NoiseKind,
    /// Of the noise that is claimed.
    noise_share: f64,
    clip_kind: ClipKind,
}

#[derive(Debug, Clone, Copy)]
enum ClippedAsOne {
    Patient,
    Image,
}

const RIGHT: Build = Build {
    clipped_as_one: ClippedAsOne::Patient,
    noise: NoiseKind::Fast,
    noise_share: 1.0,
    clip_kind: ClipKind::Flat,
};

fn tiny() -> ModelSection {
    ModelSection { width: 2, depth: 1, input_px: 8, ..model() }
}

fn patients() -> Vec<Vec<Example>> {
    let rows = super::oracle::patients(&IMAGES);
    // Slices of one scan resemble each other: those of a patient share their truth.
    let slice = |first: usize, row: usize| {
        let classes = image(&tiny(), first as u64).classes;
        Example::Image(ImageExample { classes, ..image(&tiny(), row as u64) })
    };
    rows.into_iter().map(|rows| rows.clone().map(|row| slice(rows.start, row)).collect()).collect()
}

fn clip(kind: ClipKind) -> Clip {
    Clip { norm: ClipNorm::new(CLIP_NORM).expect("positive"), kind }
}

impl Build {
    /// What some patients add to a step, by the code that trains.
    fn sum(&self, network: &Network, patients: &[Vec<Example>]) -> Vec<f64> {
        let units: Vec<Vec<Example>> = match self.clipped_as_one {
            ClippedAsOne::Patient => patients.to_vec(),
            ClippedAsOne::Image => patients.iter().flatten().map(|image| vec![image.clone()]).collect(),
        };
        let clip = clip(self.clip_kind);
        clipped_sum(network, &PatientBatch::of(units), &|squared| clip.factor(squared)).expect("private").sum
    }

    fn noise(&self) -> SumNoise {
        SumNoise {
            clip: ClipNorm::new(CLIP_NORM).expect("positive"),
            noise_multiplier: NoiseMultiplier::new(NOISE_MULTIPLIER * self.noise_share).expect("positive"),
            kind: self.noise,
        }
    }
}

/// One hospital, how a build treats it, and what an attacker knows of that.
struct Hospital {
    build: Build,
    contributions: Vec<Vec<f64>>,
    samples: Vec<Sample>,
}

/// A sample that may have been drawn: who, how likely, and how long the sum of their contributions is.
struct Sample {
    patients: Vec<usize>,
    probability: f64,
    norm_squared: f64,
}

impl Hospital {
    fn new(build: Build) -> Self {
        let network = network(&tiny());
        let each = |patient: &Vec<Example>| build.sum(&network, std::slice::from_ref(patient));
        let mut hospital = Self { build, contributions: patients().iter().map(each).collect(), samples: Vec::new() };
        hospital.samples = (0..1_usize << IMAGES.len()).map(|drawn| hospital.sample(drawn)).collect();
        hospital
    }

    /// The sample of the patients whose bits are set in `drawn`.
    fn sample(&self, drawn: usize) -> Sample {
        let patients: Vec<usize> = (0..IMAGES.len()).filter(|patient| drawn >> patient & 1 == 1).collect();
        let absent = IMAGES.len() - patients.len();
        let probability = SAMPLING_RATE.powi(patients.len() as i32) * (1.0 - SAMPLING_RATE).powi(absent as i32);
        let sum = self.sum_of(&patients);
        Sample { probability, norm_squared: inner_product(&sum, &sum), patients }
    }

    /// The noisy sums of many steps over the first `patients`, each scored; and in how many the canary was drawn.
    fn scores(&self, patients: usize, label: &str) -> (Vec<f64>, usize) {
        let blocks = (0..BLOCKS).into_par_iter().map(|block| self.block(patients, &format!("{label} {block}")));
        let (scores, drawn): (Vec<_>, Vec<_>) = blocks.unzip();
        (scores.concat(), drawn.into_iter().sum())
    }

    fn block(&self, patients: usize, label: &str) -> (Vec<f64>, usize) {
        let mut streams = SimulatedNoise::new(&StreamKey::from_public_seed(1), label);
        let rate = SamplingRate::new(SAMPLING_RATE).expect("a rate");
        let mut drawn = 0;
        let mut run = || {
            let sample = PoissonSample::draw(patients, rate, &mut streams).expect("few patients");
            drawn += usize::from(sample.contains(&CANARY));
            self.score(&self.build.noise().add_to(&self.sum_of(&sample), &mut streams).expect("clipped"))
        };
        ((0..RUNS_OF_A_BLOCK).map(|_| run()).collect(), drawn)
    }

    /// Logarithm of how much likelier the noisy sum is with the canary among the patients than without.
    fn score(&self, noisy: &[f64]) -> f64 {
        let deviation = CLIP_NORM * NOISE_MULTIPLIER * self.build.noise_share;
        let products: Vec<f64> = self.contributions.iter().map(|one| inner_product(noisy, one)).collect();
        let (mut with, mut without) = (0.0_f64, 0.0_f64);
        for sample in &self.samples {
            let product: f64 = sample.patients.iter().map(|patient| products[*patient]).sum();
            let likelihood = ((product - sample.norm_squared / 2.0) / (deviation * deviation)).exp();
            with += sample.probability * likelihood;
            if !sample.patients.contains(&CANARY) {
                without += sample.probability * likelihood / (1.0 - SAMPLING_RATE);
            }
        }
        (with / without).ln()
    }

    fn sum_of(&self, sample: &[usize]) -> Vec<f64> {
        let mut sum = vec![0.0; self.contributions[0].len()];
        for patient in sample {
            sum.iter_mut().zip(&self.contributions[*patient]).for_each(|(sum, value)| *sum += value);
        }
        sum
    }
}

fn inner_product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn delta() -> Delta {
    Delta::new(DELTA).expect("inside")
}

/// What the accountant says one step costs.
static CLAIMED: LazyLock<f64> = LazyLock::new(|| {
    let noise_multiplier = NoiseMultiplier::new(NOISE_MULTIPLIER).expect("positive");
    let sampling_rate = SamplingRate::new(SAMPLING_RATE).expect("a rate");
    let step = Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times: 1 };
    epsilon_pld(&[step], delta(), Adjacency::AddOrRemoveOne).expect("a bound").epsilon.get()
});

/// The largest ε of one step that an attack on this build refutes.
fn audit(build: Build) -> f64 {
    let hospital = Hospital::new(build);
    let (with, _) = hospital.scores(IMAGES.len(), "with");
    let (without, never) = hospital.scores(CANARY, "without");
    assert_eq!(never, 0, "who is not there is not drawn");
    let confidence = Confidence::new(CONFIDENCE).expect("inside");
    let epsilon = epsilon_lower_bound(&AttackScores { with, without }, delta(), confidence).expect("scores");
    println!("{build:?}: at least {epsilon:.3}, claimed {:.3}", *CLAIMED);
    epsilon
}

#[test]
fn a_right_step_costs_no_more_than_is_claimed() {
    let builds = [RIGHT, Build { noise: NoiseKind::Exact, ..RIGHT }, Build { clip_kind: ClipKind::Automatic, ..RIGHT }];
    for build in builds {
        let found = audit(build);
        assert!(found < *CLAIMED, "{build:?}: {found} refutes {}", *CLAIMED);
        assert!(found > 0.4 * *CLAIMED, "{build:?}: an attack that finds {found} would find no fault, either");
    }
}

#[test]
fn half_the_noise_is_found_out() {
    let found = audit(Build { noise_share: 0.5, ..RIGHT });
    assert!(found > *CLAIMED, "{found} does not refute {}", *CLAIMED);
}

#[test]
fn clipping_each_image_by_itself_is_found_out() {
    let found = audit(Build { clipped_as_one: ClippedAsOne::Image, ..RIGHT });
    assert!(found > *CLAIMED, "{found} does not refute {}", *CLAIMED);
}

/// Six standard deviations of a binomial: wrong by chance for one seed in 5 · 10^8.
#[test]
fn canary_is_drawn_at_the_stated_rate() {
    let coins = (BLOCKS * RUNS_OF_A_BLOCK) as f64;
    let (_, drawn) = Hospital::new(RIGHT).scores(IMAGES.len(), "with");
    let deviations = (drawn as f64 - coins * SAMPLING_RATE) / (coins * SAMPLING_RATE * (1.0 - SAMPLING_RATE)).sqrt();
    assert!(deviations.abs() < 6.0, "{deviations} standard deviations");
}

#[test]
fn a_sample_adds_up_what_its_patients_add_alone() {
    let network = network(&tiny());
    let patients = patients();
    for clipped_as_one in [ClippedAsOne::Patient, ClippedAsOne::Image] {
        let hospital = Hospital::new(Build { clipped_as_one, ..RIGHT });
        for sample in [&[][..], &[3], &[0, 2], &[1, 2, 3], &[0, 1, 2, 3]] {
            let drawn: Vec<_> = sample.iter().map(|patient: &usize| patients[*patient].clone()).collect();
            let together = hospital.build.sum(&network, &drawn);
            for (one, other) in together.iter().zip(hospital.sum_of(sample)) {
                assert!((one - other).abs() <= 1e-6 * CLIP_NORM, "{clipped_as_one:?}, {sample:?}: {one} and {other}");
            }
        }
    }
}

#[test]
fn one_patient_adds_the_clip_norm_at_most_and_her_images_one_by_one_add_more() {
    let norm = |build| {
        let canary = Hospital::new(build).contributions.pop().expect("four patients");
        inner_product(&canary, &canary).sqrt()
    };
    let as_one = norm(RIGHT);
    assert!(as_one <= CLIP_NORM && as_one > 0.999 * CLIP_NORM, "the canary is worth her clip norm: {as_one}");
    let one_by_one = norm(Build { clipped_as_one: ClippedAsOne::Image, ..RIGHT });
    assert!(one_by_one > 2.0 * CLIP_NORM, "{one_by_one}");
}
