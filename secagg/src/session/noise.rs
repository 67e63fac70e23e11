//! Noise that sites add before masking, so that the sum and nothing else carries all of it (specification, 5.9).
//!
//! Each site adds 1/m of the variance that is accounted for, where m = t - c is the number of honest sites whose noise
//! is in every sum that can come out: at least t vectors are in it and at most c of them lack theirs.

use crate::wire::{DecodeError, Reader, Writer, refused};

/// The distribution of a site's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoiseLaw {
    /// Discrete Gaussian (Kairouz, Liu and Steinke 2021): sums of it are only nearly so, which the accountant's τ covers.
    DiscreteGaussian,
    /// Skellam (Agarwal, Kairouz and Liu 2021): sums of it are again.
    Skellam,
}

/// Noise in the sum, in the squared units of the ring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistributedNoise {
    /// The distribution of each share.
    pub law: NoiseLaw,
    /// What the accountant is told: the variance in the sum of every coordinate (σ² or μ).
    pub total_variance: f64,
    /// m: the honest sites whose shares make up that variance.
    pub honest: u32,
}

impl DistributedNoise {
    /// What each site adds, rounded up.
    pub fn share_variance(&self) -> f64 {
        (self.total_variance / f64::from(self.honest)).next_up()
    }

    /// What is in the sum of `participants` sites that all add theirs, rounded up.
    pub(crate) fn largest_variance(&self, participants: usize) -> f64 {
        (self.share_variance() * participants as f64).next_up()
    }
}

/// The tag and the parameters; 0 is no noise.
pub(super) fn write(noise: Option<&DistributedNoise>, out: &mut Writer) {
    let Some(noise) = noise else {
        return out.u8(0);
    };
    out.u8(match noise.law {
        NoiseLaw::DiscreteGaussian => 1,
        NoiseLaw::Skellam => 2,
    });
    out.f64(noise.total_variance);
    out.u32(noise.honest);
}

pub(super) fn read(from: &mut Reader<'_>) -> Result<Option<DistributedNoise>, DecodeError> {
    let law = match from.u8("noise")? {
        0 => return Ok(None),
        1 => NoiseLaw::DiscreteGaussian,
        2 => NoiseLaw::Skellam,
        other => return Err(refused("noise", other, "0, 1 or 2")),
    };
    let total_variance = from.positive("total variance")?;
    let honest = from.u32("honest shares")?;
    match honest {
        0 => Err(refused("honest shares", honest, "at least 1")),
        _ => Ok(Some(DistributedNoise { law, total_variance, honest })),
    }
}
