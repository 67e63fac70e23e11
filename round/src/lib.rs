//! One round as data in, data out, for both sides: who may say what, when, and what to do next.
//!
//! Two machines, [`coordinator::Study`] and [`participant::Site`]. Each is fed (`handle`, `tick`) and then drained
//! (`poll_effect`); `deadline` says when it wants to be ticked. They hold no clock, socket, file or randomness.
//! What must survive a crash leaves them as an event in a `Persist` effect, before the effect that promises it;
//! replaying the events gives the machine back.

pub mod coordinator;
pub mod masking;
mod messages;
pub mod participant;
mod refusal;
mod round_id;
mod score;
pub mod tally;

pub use messages::{Closing, Ending, FromSite, Invitation, Offer, StudyOutcome, ToSite};
pub use refusal::{Refusal, RefusalReason};
pub use round_id::{Attempt, ModelRef, RoundId, Summand, UpdateRef};
pub use score::{HISTOGRAM_BINS, HistogramError, NoisedHistogram, ReportedScore, Score};
