//! The coordinator's side of a study.
//!
//! ```text
//! Gathering ──enough sites──► Collecting ──all in, or time is up──► Applying ──► Gathering (next round) … Ended
//!     ▲                            └── fewer than min_sites: the round is abandoned and tried again ──┘
//! ```
//! Threats met here: a site that is late, sends twice, replays an old update, answers for a round it was not
//! invited to, vanishes, or comes back. The machine believes only what its shell verified about *who* speaks.

mod collecting;
mod effect;
mod event;
mod gathering;
mod input;
mod presence;
mod rejection;
mod scores;
mod secure;
mod study;
mod view;
mod witness;

#[cfg(test)]
mod secure_tests;
#[cfg(test)]
mod tests;

pub use effect::{Effect, Fold, Summed};
pub use event::{Event, Progress, Recorded, Sealed};
pub use input::{Admission, Input, Submission};
pub use rejection::Rejection;
pub use study::Study;
pub use view::{Phase, SitePhase, SiteView, View};
pub use witness::Witness;
