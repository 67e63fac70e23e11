//! A list of charges as few different mechanisms, as the accountants compose them.

use super::AccountError;
use crate::{Adjacency, Charge, Mechanism, NoiseMultiplier};

/// The same charges, each mechanism once; all Gaussians of full batches as one use of a single Gaussian.
///
/// # Errors
/// [`AccountError::TooManyMechanisms`] and [`AccountError::TooManySteps`].
pub(super) fn merged(charges: &[Charge]) -> Result<Vec<Charge>, AccountError> {
    let mut merged: Vec<Charge> = Vec::new();
    let mut inverse_variance = 0.0;
    for charge in charges.iter().filter(|charge| charge.times > 0) {
        match plain(charge.mechanism) {
            Mechanism::Gaussian { noise_multiplier } => {
                inverse_variance += charge.times as f64 / noise_multiplier.get().powi(2);
            }
            mechanism => add(&mut merged, Charge { mechanism, times: charge.times })?,
        }
    }
    if inverse_variance > 0.0 {
        // Rounded down: less noise costs more.
        let sigma = inverse_variance.sqrt().recip() * (1.0 - 1e-15 * (charges.len() as f64 + 4.0));
        let noise_multiplier = NoiseMultiplier::new(sigma).map_err(|_| AccountError::OutOfRange {
            what: "sum of Gaussian charges",
            value: inverse_variance,
            range: "fewer steps or more noise",
        })?;
        merged.push(Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times: 1 });
    }
    within_limits(merged)
}

/// A mechanism whose sample is everyone is not sampled.
fn plain(mechanism: Mechanism) -> Mechanism {
    match mechanism {
        Mechanism::SampledGaussian { noise_multiplier, sampling_rate } if sampling_rate.get() == 1.0 => {
            Mechanism::Gaussian { noise_multiplier }
        }
        Mechanism::SampledLaplace { scale, sampling_rate } if sampling_rate.get() == 1.0 => {
            Mechanism::Laplace { scale }
        }
        other => other,
    }
}

fn add(merged: &mut Vec<Charge>, charge: Charge) -> Result<(), AccountError> {
    if let Some(known) = merged.iter_mut().find(|known| known.mechanism == charge.mechanism) {
        known.times = known.times.saturating_add(charge.times);
        return Ok(());
    }
    if merged.len() == MECHANISMS_MAX {
        return Err(AccountError::TooManyMechanisms { max: MECHANISMS_MAX });
    }
    merged.push(charge);
    Ok(())
}

fn within_limits(merged: Vec<Charge>) -> Result<Vec<Charge>, AccountError> {
    let steps: f64 = merged.iter().map(|charge| charge.times as f64).sum();
    if steps > STEPS_MAX { Err(AccountError::TooManySteps { given: steps, max: STEPS_MAX }) } else { Ok(merged) }
}

/// The one Gaussian that a merged list is, if it is nothing else: it has a closed form.
pub(super) fn only_gaussian(merged: &[Charge], adjacency: Adjacency) -> Option<f64> {
    let [Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times: 1 }] = merged else { return None };
    let moves = match adjacency {
        Adjacency::AddOrRemoveOne => 1.0,
        Adjacency::ReplaceOne => 2.0,
    };
    Some(noise_multiplier.get() / moves)
}

/// Whether both sides see the same losses.
pub(super) fn is_symmetric(mechanism: Mechanism, adjacency: Adjacency) -> bool {
    adjacency == Adjacency::ReplaceOne
        || !matches!(mechanism, Mechanism::SampledGaussian { .. } | Mechanism::SampledLaplace { .. })
}

/// Different mechanisms that are composed; each takes a transform of its own.
pub const MECHANISMS_MAX: usize = 512;

/// Uses of mechanisms, beyond which rounding errors could outgrow δ.
pub const STEPS_MAX: f64 = 1e10;
