//! What a plan promises and how this program keeps it, in the words of a privacy statement.
//!
//! These sentences are claims about code. Whoever changes what they tell of (`privacy/src/{steps,sampling,clip}.rs`,
//! `privacy/src/noise/`, `models/src/trainer/`) changes them here.

use crate::budget::figures::charges::in_words;
use wardround_plan::{ClipKind, NoiseKind, PatientPrivacy, Plan, PrivacyMode, ShareLaw};
use wardround_privacy::{Adjacency, Charge, Mechanism, RoundAudit, StudyCost};
use wardround_report::{AuditBound, NoisyTraining, ProtectedUnit, Trust};

/// Whose images count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The manifest's patients.
    Patient,
    /// The site's policy says `images_are_patients = true`.
    Image,
}

/// Who is protected.
pub fn unit(plan: &Plan, unit: Unit, adjacency: Adjacency) -> ProtectedUnit {
    let words = match unit {
        Unit::Patient => "one patient of this site, with all her images under the one name she has in its manifest",
        Unit::Image => {
            "one image: this site’s policy counts every image as a patient. A person with several images is promised less: \
             ε for each of them, added up, and more δ"
        }
    };
    ProtectedUnit {
        unit: words.into(),
        images_per_patient_max: Some(plan.training.images_per_patient.unwrap_or(1)),
        adjacency: format!("data {}", in_words(adjacency)),
    }
}

/// What an attack achieved, in words.
pub fn audit(found: &RoundAudit) -> AuditBound {
    let RoundAudit { claimed, at_least, confidence, runs, steps } = found;
    let verdict = if *at_least > claimed.get() {
        "That is more than is claimed: something is wrong with this build or this machine. Stop the study and report it."
    } else {
        "That is within the claim."
    };
    AuditBound {
        epsilon_at_least: *at_least,
        confidence: confidence.get(),
        how: format!(
            "This program made {steps} steps of a round {runs} times with a canary patient whose gradient is as long as the \
             clip allows, and {runs} times without her, with its own coins, clipping and noise and no scan; the attacker \
             knew everything but coins and noise. The accountant claims at most ε = {:.3} for these steps. {verdict}",
            (claimed.get() * 1000.0).ceil() / 1000.0
        ),
    }
}

/// How noise is added, by the plan's terms and what the ledger paid for.
pub fn training(plan: &Plan, terms: &PatientPrivacy, cost: &StudyCost, debited: &[Charge]) -> NoisyTraining {
    let local_steps = u64::from(plan.training.local_steps);
    let (rounds, spare) = (u64::from(plan.study.rounds), u64::from(terms.spare_rounds));
    NoisyTraining {
        name: match terms.share {
            None => "DP-SGD (Abadi et al. 2016), noise added by this hospital to every step",
            Some(_) => "central DP-SGD (Abadi et al. 2016) over all hospitals, each adding a share of the noise before masking",
        }
        .into(),
        noise_multiplier: cost.noise_multiplier().get(),
        clip: terms.clip,
        clip_kind: clip_kind(terms.clip_kind).into(),
        sampling_rate: terms.sampling_rate,
        expected_batch_patients: plan.training.expected_batch_patients.unwrap_or(1),
        steps_planned: (rounds + spare) * local_steps,
        steps_spare: spare * local_steps,
        steps_charged: steps(debited),
        sampling_planned: "Poisson: each patient takes part in each step by a coin of her own".into(),
        sampling_executed: "Poisson: the only way to a noised step in this program is a draw of one secret coin for each \
                            patient, followed by exactly one draw of noise; nobody outside the site sees who was drawn"
            .into(),
        noise: terms.share.map_or_else(|| noise(terms.noise), share).into(),
        generator: "ChaCha20 with a key from the operating system, new for each round; no seed is stored, logged or sent".into(),
        arithmetic: "norms and sums in 64-bit floats, in a fixed order, over gradients in 32-bit floats; gradients that are \
                     not finite count as zero; the sum is rounded to a grid before noise is added in integers, and σ covers \
                     that rounding"
            .into(),
    }
}

/// Whom the patients of a site have to trust.
pub fn trust(plan: &Plan) -> Trust {
    match plan.secagg.threshold(plan.study.min_sites).filter(|_| plan.privacy.mode == PrivacyMode::Distributed) {
        Some((threshold, corrupt)) => shared_trust(threshold, corrupt),
        None => own_trust(plan),
    }
}

/// In mode "distributed", with the fewest sites that the plan allows.
fn shared_trust(threshold: u32, corrupt: u32) -> Trust {
    let honest = threshold - corrupt;
    Trust {
        sees_unnoised:
            "this hospital alone: its sum of gradients is stored without noise on its own machine, and gets its share \
                        of the noise with the masks"
                .into(),
        sees_updates: format!(
            "nobody sees this hospital's: the coordinator sees sums of at least {threshold} hospitals, with the noise of at least \
             {honest} honest ones"
        ),
        colluders: format!(
            "up to {corrupt} hospitals together with the coordinator, in the smallest cohort that the plan allows. With more, \
             what hides a patient is the noise of fewer than {honest} hospitals, and the promise is void"
        ),
        dropouts: format!(
            "are counted for: every sum has at least {threshold} hospitals in it, and noise for {honest}. A round that is tried again \
             is trained and charged again"
        ),
    }
}

/// In mode "site".
fn own_trust(plan: &Plan) -> Trust {
    let sees = if plan.secagg.enabled {
        "the coordinator sees the sum of all updates, with every site’s noise, and this site’s by itself only if more sites are in league \
         with it than the study assumes; of scores it sees the sum of all sites’ noised histograms"
    } else {
        "the coordinator, and with it whoever gets the model: updates with noise, and nothing else"
    };
    Trust {
        sees_unnoised: "this hospital alone: noise is added on its own machine, before anything is stored to be sent"
            .into(),
        sees_updates: sees.into(),
        colluders:
            "any number of sites, together with the coordinator: no noise is shared between sites, so theirs is not \
                    needed for this promise"
                .into(),
        dropouts: "change nothing: this site’s noise is whole by itself. A round that is tried again is charged again"
            .into(),
    }
}

/// How often a Gaussian step was paid for.
fn steps(charges: &[Charge]) -> u64 {
    let gaussian =
        |charge: &&Charge| matches!(charge.mechanism, Mechanism::Gaussian { .. } | Mechanism::SampledGaussian { .. });
    charges.iter().filter(gaussian).map(|charge| charge.times).sum()
}

fn clip_kind(kind: ClipKind) -> &'static str {
    match kind {
        ClipKind::Flat => "a patient’s whole gradient is shortened to C if it is longer",
        ClipKind::Automatic => "a patient’s whole gradient is always scaled to just below C (AUTO-S, Bu et al. 2023)",
    }
}

fn noise(kind: NoiseKind) -> &'static str {
    match kind {
        NoiseKind::Fast => {
            "fast: Gaussian numbers in 64-bit floats, rounded to the grid (post-processing of the Gaussian mechanism)"
        }
        NoiseKind::Exact => {
            "exact: discrete Gaussian (Canonne, Kamath and Steinke 2020), drawn with integer arithmetic alone"
        }
    }
}

fn share(law: ShareLaw) -> &'static str {
    match law {
        ShareLaw::Skellam => {
            "shares of Skellam noise (Agarwal, Kairouz and Liu 2021), added in integers before masking"
        }
        ShareLaw::DiscreteGaussian => {
            "shares of discrete Gaussian noise (Kairouz, Liu and Steinke 2021), drawn with integer arithmetic and added before masking"
        }
    }
}
