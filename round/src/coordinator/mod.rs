//! The coordinator's side of a study.
//!
//! ```text
//! Gathering ──enough sites──► Collecting ──all in, or time is up──► Applying ──► Gathering (next round) … Ended
//!     ▲                            └── fewer than min_sites: the round is abandoned and tried again ──┘
//! ```
//! Threats met here: a site that is late, sends twice, replays an old update, answers for a round it was not
//! invited to, vanishes, or comes back. The machine believes only what its shell verified about *who* speaks.

mod collecting;
mod event;
mod gathering;
mod presence;
mod rejection;
mod scores;
mod secure;
mod study;
mod witness;

#[cfg(test)]
mod secure_tests;
#[cfg(test)]
mod tests;

pub use event::{Event, Progress, Recorded, Sealed};
pub use rejection::Rejection;
pub use study::{Admission, Effect, Fold, Input, Phase, SitePhase, SiteView, Study, Submission, Summed, View};
pub use witness::Witness;
