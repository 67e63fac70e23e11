//! Sums by the real machines of secure aggregation, in memory.
//!
//! A round's updates are kept (cohort times model), then one session runs among the sites that arrived: keys, shares, masked
//! uploads, signed survivors, unmasking. Its sum has the same bits as the exact sum without masks. Keys and masks follow from
//! the seed, as everything in a simulation, and hide nothing from whoever knows it.

mod federation;
mod session;

use crate::crew::{Crew, Ended};
use crate::gather::Kept;
use crate::rule::Training;
use crate::run::RunError;
use crate::{LocalWork, SiteNumber};
use federation::Federation;
use session::Session;
use wardround_strategy::{FoldError, fold};

/// One site's update on its way into a session.
struct Member {
    site: SiteNumber,
    weight: u32,
    update: Vec<f32>,
}

impl Member {
    /// The update in fixed point, weighted, as an unmasked sum would take it.
    fn integers(&self) -> Result<Vec<i64>, FoldError> {
        let mut units = vec![0; self.update.len()];
        fold(&mut units, &self.update, self.weight)?;
        Ok(units)
    }
}

/// As [`Crew::train_and_sum`], masked. The sum is empty where fewer than the plan's `min_sites` arrived: then no session begins.
///
/// # Errors
/// [`RunError::Secagg`] where the session has no sum, and [`RunError::Worker`].
pub(crate) fn train_and_sum<W: LocalWork>(
    crew: &mut Crew<'_, W>,
    training: &Training<'_>,
) -> Result<(Vec<Ended>, Vec<i64>), RunError> {
    let kept = Kept::new(training.jobs.len());
    let ended = crew.train(training.jobs, training.work, &kept)?;
    let member = |(place, update): (usize, Vec<f32>)| {
        let job = &training.jobs[place];
        Member { site: job.site, weight: job.weight, update }
    };
    let members: Vec<Member> = kept.into_updates().into_iter().map(member).collect();
    if members.len() < training.plan.study.min_sites as usize {
        return Ok((ended, Vec::new()));
    }
    let failed = |reason: String| RunError::Secagg { round: training.work.round, reason };
    let federation = Federation::of(members.iter().map(|member| member.site)).map_err(failed)?;
    let sum = Session::open(&federation, training, &members).and_then(Session::sum).map_err(failed)?;
    Ok((ended, sum))
}
