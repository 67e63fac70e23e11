//! The site's side: decide, train, send, measure.
//!
//! ```text
//! offer ──► decide ──yes──► invitation ──► train ──► upload ──► closed ──► evaluate ──► next invitation … ended
//!              └──no──► refusal with a reason            (kept durably until the round is over)
//! ```
//! Threat met here: a coordinator that asks for something else than it offered. A site trains only for a study that
//! its own policy has accepted on this connection, one job at a time, and sends one update for each round.

mod effect;
mod event;
mod input;
mod job;
mod part;
mod site;

#[cfg(test)]
mod tests;

pub use effect::Effect;
pub use event::Event;
pub use input::{Evaluation, Input, Measured, Terms, UploadFailure};
pub use site::Site;
