//! Accountants: from what was run to ε and δ. Every figure is an upper bound on the truth.
//!
//! - [`epsilon_pld`], [`Profile`]: privacy loss distributions; tight, for charges that are fixed beforehand.
//! - [`epsilon_rdp`], [`rdp`]: Rényi differential privacy; looser, by an independent way.
//! - [`RdpFilter`]: a hard stop, and an odometer, for charges that may depend on earlier results.
//! - [`calibrate_noise`]: the noise for a budget. [`reading`]: what ε and δ mean for a person.
//! - [`gaussian_epsilon`], [`Zcdp`], [`FixedBatch`], [`TruncatedPoisson`], [`TreeAggregation`], [`Repetitions`],
//!   [`DistributedNoise`], [`clip_noise_split`]: mechanisms and conversions beside these.
//! - `shared`: what [`crate::SharedNoise`], added by sites in shares, may be charged as, and what that charge misses.
//!
//! A composition by PLD goes through these files: `charges` merges the list; `step` has the worst pair of outputs of each
//! mechanism (`pair`, `lattice`); `sketch` chooses a tilt and `grid` a grid from a few hundred exact losses; `losses` puts each
//! mechanism on the grid, rounded up (`cells`); `composition` composes by FFT; `side` picks the window; `refined` refines the grid.

mod calibrate;
mod cells;
mod charges;
mod clip_split;
mod composition;
mod conversion;
mod distributed;
mod error;
mod filter;
mod fixed_batch;
mod gaussian;
mod grid;
mod lattice;
mod losses;
mod pair;
mod pld;
mod profile;
mod quadrature;
mod rdp;
mod reading;
mod refined;
mod shared;
mod side;
mod sketch;
mod special;
mod step;
mod tree;
mod truncated;
mod tuning;
mod zcdp;

pub use calibrate::{Target, calibrate_noise};
pub use charges::{MECHANISMS_MAX, STEPS_MAX};
pub use clip_split::clip_noise_split;
pub use conversion::{RdpEpsilon, epsilon_rdp};
pub use distributed::DistributedNoise;
pub use error::AccountError;
pub use filter::{FilterRefused, RdpFilter};
pub use fixed_batch::FixedBatch;
pub use gaussian::{gaussian_delta, gaussian_epsilon, gaussian_noise};
pub use pld::{PldEpsilon, epsilon_pld};
pub use profile::Profile;
pub use rdp::rdp;
pub use reading::{Reading, reading};
pub use tree::TreeAggregation;
pub use truncated::TruncatedPoisson;
pub use tuning::Repetitions;
pub use zcdp::Zcdp;
