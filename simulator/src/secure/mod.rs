//! Sums by the real machines of secure aggregation, in memory.
//!
//! A round's updates are kept (cohort times model), then one session runs among the sites that arrived: keys, shares, masked
//! uploads, signed survivors, unmasking. Its sum has the same bits as the exact sum without masks. Keys and masks follow from
//! the seed, as everything in a simulation, and hide nothing from whoever knows it.

mod federation;
mod session;

use crate::SiteNumber;
use crate::rule::Training;
use crate::run::RunError;
use federation::Federation;
use session::Session;
use wardround_strategy::{FoldError, fold};

/// One site's message on its way into a sum.
pub(crate) struct Member {
    pub(crate) site: SiteNumber,
    pub(crate) weight: u32,
    /// Its message.
    pub(crate) update: Vec<f32>,
}

impl Member {
    /// The update in fixed point, weighted, as an unmasked sum would take it.
    fn integers(&self) -> Result<Vec<i64>, FoldError> {
        let mut units = vec![0; self.update.len()];
        fold(&mut units, &self.update, self.weight)?;
        Ok(units)
    }
}

/// The sum of the members' messages in fixed point, by a session of the round that `training` is for.
///
/// # Errors
/// [`RunError::Secagg`] where the session has no sum.
pub(crate) fn sum(training: &Training<'_>, model: &[f32], members: &[Member]) -> Result<Vec<i64>, RunError> {
    let failed = |reason: String| RunError::Secagg { round: training.round, reason };
    let federation = Federation::of(members.iter().map(|member| member.site)).map_err(failed)?;
    Session::open(&federation, training, model, members).and_then(Session::sum).map_err(failed)
}
