//! What leaves a site. Nothing that was computed from patients crosses the border except as a [`Released`] value,
//! and only this crate can make one: with a receipt of the ledger, or with the hospital's consent to no privacy at all.
//!
#![doc = include_str!("../TRAPS.md")]

mod account;
mod adaptive_clip;
mod audit;
mod budget;
mod charge;
mod client_level;
mod clip;
mod forecast;
mod noise;
mod opendp;
mod paid;
mod release;
mod round_audit;
mod sampling;
mod steps;
mod study_cost;
mod units;

pub use self::opendp::{
    Bounds, Noisy, SmallReleaseError, bits_charges, half_width, histogram_charges, mean_charges, noisy_bits,
    noisy_count, noisy_histogram, noisy_mean,
};
pub use account::*;
pub use adaptive_clip::{AdaptiveClip, Bits};
pub use audit::{AttackScores, NoScores, epsilon_lower_bound};
pub use budget::{
    AccountStanding, Budget, Composition, Decided, Decision, DecisionError, Entry, GAP_LINKS_MAX, LINK_BYTES_MAX,
    Ledger, LedgerError, LedgerId, Link, LinkError, Log, OFFICERS_MAX, OfficerKey, OfficerKeyError, OfficerSecret,
    OfficerSignature, Proposal, Purpose, Receipt, Refused, Reservation, ReservationId, ReservationState, Standing,
    StudyStanding,
};
pub use charge::{Adjacency, Charge, Mechanism};
pub use client_level::{ClientLevel, ClientLevelError, ClientRound, ClientStep};
pub use clip::{Clip, Reach};
pub use forecast::{NoisyRun, Outlook};
pub use noise::{
    CONTRIBUTIONS_MAX, DiscreteGaussian, EntropyError, Grid, LocalShare, NoiseError, NoiseStream, NoiseStreams,
    RoundedGaussian, SecretNoise, ShareBlock, SharedNoise, SimulatedNoise, Skellam, SumNoise,
    distance_to_rounded_gaussian,
};
pub use paid::{Paid, PaidHistogramError, PaidSteps, PaidStepsError};
pub use release::{Guarantee, PolicyStance, Released, Unnoised, Unprotected, UnprotectedRefused};
pub use round_audit::{RoundAudit, RoundAuditError};
pub use sampling::{PoissonSample, SampleError};
pub use steps::{PrivateSteps, StepError};
pub use study_cost::{StudyCost, StudyCostError};
pub use units::{
    ClipNorm, Confidence, Delta, Epsilon, LaplaceScale, NoiseMultiplier, Quantile, SamplingRate, UnitError,
};
