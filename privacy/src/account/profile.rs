//! The whole privacy profile of a list of charges: δ for every ε, and ε for every δ.

use super::charges::{merged, only_gaussian};
use super::pld::Composition;
use super::side::SideLosses;
use super::{AccountError, gaussian};
use crate::{Adjacency, Charge, Delta, Epsilon};

/// Composed privacy loss of a list of charges, from both sides; every answer is an upper bound.
#[derive(Debug, Clone)]
pub struct Profile {
    losses: Losses,
}

#[derive(Debug, Clone)]
enum Losses {
    None,
    Gaussian { mu: f64 },
    Composed { sides: Vec<SideLosses> },
}

impl Profile {
    /// Composes on a grid that is fine for δ from 1e-3 to 1e-12; elsewhere the answers are bounds, only less tight.
    ///
    /// # Errors
    /// [`AccountError`] where the charges cannot be composed.
    pub fn compose(charges: &[Charge], adjacency: Adjacency) -> Result<Self, AccountError> {
        let charges = merged(charges)?;
        let losses = match only_gaussian(&charges, adjacency) {
            _ if charges.is_empty() => Losses::None,
            Some(sigma) => Losses::Gaussian { mu: sigma.recip() },
            None => {
                let composition = Composition::of(&charges, adjacency, CUT)?;
                Losses::Composed { sides: composition.on_fine_grids(&GRID_DELTAS) }
            }
        };
        Ok(Self { losses })
    }

    /// δ(ε), never below the truth; at ε = 0 it bounds the total variation.
    pub fn delta(&self, epsilon: Epsilon) -> f64 {
        match &self.losses {
            Losses::None => 0.0,
            Losses::Gaussian { mu } => gaussian::delta(*mu, epsilon.get()) * (1.0 + 1e-11),
            Losses::Composed { sides } => {
                sides.iter().map(|side| side.delta(epsilon.get())).fold(0.0, f64::max) * (1.0 + 1e-12)
            }
        }
        .min(1.0)
    }

    /// ε(δ), never below the truth.
    ///
    /// # Errors
    /// [`AccountError::DeltaTooSmall`] if tails that cannot be bounded weigh more than δ.
    pub fn epsilon(&self, delta: Delta) -> Result<Epsilon, AccountError> {
        let epsilon = match &self.losses {
            Losses::None => 0.0,
            Losses::Gaussian { mu } => gaussian::epsilon(*mu, delta.get()),
            Losses::Composed { sides } => sides.iter().map(|side| side.epsilon(delta.get())).fold(0.0, f64::max),
        };
        let too_small = AccountError::DeltaTooSmall { delta: delta.get(), tails: CUT };
        Epsilon::new(epsilon * (1.0 + 1e-12)).map_err(|_| too_small)
    }

    /// ε for a whole list of δ.
    ///
    /// # Errors
    /// As [`Profile::epsilon`], at the first δ that has none.
    pub fn epsilon_curve(&self, deltas: &[Delta]) -> Result<Vec<Epsilon>, AccountError> {
        deltas.iter().map(|delta| self.epsilon(*delta)).collect()
    }

    /// δ for a whole list of ε.
    pub fn delta_curve(&self, epsilons: &[Epsilon]) -> Vec<f64> {
        epsilons.iter().map(|epsilon| self.delta(*epsilon)).collect()
    }
}

/// All that is cut from the tails of all uses, at most: far below any δ of use.
const CUT: f64 = 1e-24;

/// δ for which the grid is made.
const GRID_DELTAS: [f64; 3] = [1e-3, 1e-6, 1e-12];
