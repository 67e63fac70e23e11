//! The deployment's sum: fixed point in 64 bits, so that order and number of workers change no bit.

use super::{Arrival, Gather, NotTaken, Part};
use wardround_strategy::fold;

/// Adds each update to the sum of the worker that made it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExactSum;

impl Gather for ExactSum {
    fn take(&self, part: &mut Part, _: usize, arrival: Option<Arrival<'_>>) -> Result<(), NotTaken> {
        let Some(Arrival { update, weight }) = arrival else { return Ok(()) };
        fold(&mut part.sum, update, weight).map_err(|error| NotTaken(error.to_string()))
    }
}

impl ExactSum {
    /// The sum of all workers' sums, in the first of them. Sums of updates in range cannot overflow, see
    /// [`wardround_strategy::fold`]; the plan bounds their weights.
    pub(crate) fn total<'a>(mut parts: impl Iterator<Item = &'a mut Part>) -> &'a [i64] {
        let Some(first) = parts.next() else { return &[] };
        for part in parts {
            first.sum.iter_mut().zip(&part.sum).for_each(|(sum, part)| *sum = sum.wrapping_add(*part));
        }
        &first.sum
    }
}
