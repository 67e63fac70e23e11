//! Where the updates of a round go, from many workers and in no order.
//!
//! Three ways, and none of them depends on who was first: [`ExactSum`] adds integers, one sum a worker; [`InOrder`] lets
//! workers through one at a time in the order of the cohort, for sums in floating point; [`Kept`] keeps every update, for
//! rules that have to see them.

mod exact_sum;
mod in_order;
mod kept;

pub(crate) use exact_sum::ExactSum;
pub(crate) use in_order::InOrder;
pub(crate) use kept::Kept;

/// What one worker keeps until the round is over.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) sum: Vec<i64>,
}

/// An update, and how much it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) update: &'a [f32],
    pub(crate) weight: u32,
}

/// Why an update is in no sum; its site is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotTaken(pub(crate) String);

/// Takes updates in. Called exactly once for every place of a round's jobs, from any worker.
pub(crate) trait Gather: Sync {
    /// What came from the site at `place`; `None` if nothing did.
    ///
    /// # Errors
    /// [`NotTaken`]; the update left no trace.
    fn take(&self, part: &mut Part, place: usize, arrival: Option<Arrival<'_>>) -> Result<(), NotTaken>;
}
