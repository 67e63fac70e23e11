//! Every update of a round, for rules that have to see them: memory is cohort times model.

use super::{Arrival, Gather, NotTaken, Part};
use std::sync::OnceLock;
use wardround_strategy::check;

/// A place for each update of a round.
#[derive(Debug)]
pub(crate) struct Kept(Vec<OnceLock<Vec<f32>>>);

impl Kept {
    /// Room for the updates of so many jobs.
    pub(crate) fn new(jobs: usize) -> Self {
        Self((0..jobs).map(|_| OnceLock::new()).collect())
    }

    /// The updates that came, each with its place, in the order of the cohort.
    pub(crate) fn into_updates(self) -> Vec<(usize, Vec<f32>)> {
        let kept = self.0.into_iter().map(OnceLock::into_inner).enumerate();
        kept.filter_map(|(place, update)| Some((place, update?))).collect()
    }
}

impl Gather for Kept {
    fn take(&self, _: &mut Part, place: usize, arrival: Option<Arrival<'_>>) -> Result<(), NotTaken> {
        let Some(Arrival { update, .. }) = arrival else { return Ok(()) };
        // What no sum would take no rule gets to see.
        check(update).map_err(|error| NotTaken(error.to_string()))?;
        let _ = self.0[place].set(update.to_vec());
        Ok(())
    }
}
