//! What a site's machine asks of its shell.

use super::{Evaluation, Event};
use crate::{FromSite, Invitation, ModelRef, Offer, ReportedScore, RoundId, UpdateRef};
use wardround_plan::{LedgerHead, Timestamp};

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Store this durably before performing any later effect.
    Persist(Timestamp, Event),
    /// Ask the policy, and answer with `Decided`.
    Decide(Offer),
    /// Compare with the privacy ledger: where it does not contain this head it was rolled back, and nothing may be trained
    /// until that is mended.
    CheckLedger(LedgerHead),
    /// Send; nothing in it comes from a patient.
    Say(FromSite),
    /// Send these scores, if they may leave the site.
    Report(Evaluation, Vec<ReportedScore>),
    /// Fetch the model, train, store the update, and answer with `Trained`.
    Train(Invitation),
    /// The round is over: training for it may stop early. It answers with `TrainingCancelled`, or
    /// with `Trained` if it was done already.
    CancelTraining(RoundId),
    /// Bring the stored update, and the model it started from, into the sum, masked if the plan says so, and answer with
    /// `Uploaded`.
    Upload(RoundId, ModelRef, UpdateRef),
    /// Bring these scores of that model into a masked sum, if they may leave the site, and answer with `Uploaded`.
    SumScores(RoundId, ModelRef, Vec<ReportedScore>),
    /// Hand a message to the secure aggregation of this round, if the site takes part in one.
    Secagg(RoundId, Vec<u8>),
    /// The round is over: its secure aggregation needs nothing more. It answers with `Uploaded` all the same.
    EndSecagg(RoundId),
    /// Fetch the model, measure it, and answer with `Evaluated`.
    Evaluate(Evaluation),
    /// A stored update is of no more use.
    Discard(UpdateRef),
}
