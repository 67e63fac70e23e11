//! Charges from plain numbers.

use wardround_privacy::{Charge, Delta, Epsilon, LaplaceScale, Mechanism, NoiseMultiplier, SamplingRate};

pub fn noise(value: f64) -> NoiseMultiplier {
    NoiseMultiplier::new(value).expect("a noise multiplier")
}

pub fn rate(value: f64) -> SamplingRate {
    SamplingRate::new(value).expect("a sampling rate")
}

pub fn delta(value: f64) -> Delta {
    Delta::new(value).expect("a delta")
}

pub fn epsilon(value: f64) -> Epsilon {
    Epsilon::new(value).expect("an epsilon")
}

pub fn scale(value: f64) -> LaplaceScale {
    LaplaceScale::new(value).expect("a Laplace scale")
}

pub fn sampled_gaussian(sigma: f64, sampling_rate: f64, times: u64) -> Charge {
    let mechanism = Mechanism::SampledGaussian { noise_multiplier: noise(sigma), sampling_rate: rate(sampling_rate) };
    Charge { mechanism, times }
}

pub fn gaussian(sigma: f64, times: u64) -> Charge {
    Charge { mechanism: Mechanism::Gaussian { noise_multiplier: noise(sigma) }, times }
}

pub fn laplace(b: f64, times: u64) -> Charge {
    Charge { mechanism: Mechanism::Laplace { scale: scale(b) }, times }
}
