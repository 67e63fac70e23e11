//! The local steps of one round, paid for where the plan is private.

use super::{Desk, PROGRESS_EVERY, Stopped, failed, internal};
use crate::guard::StepGuard;
use crate::notice::Notice;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use wardround_models::{StepProgress, Trainer, TrainingError, TrainingSet};
use wardround_plan::{Plan, Weights};
use wardround_privacy::{Paid, PaidSteps};
use wardround_round::{FromSite, Invitation, RoundId, UpdateRef};

/// One attempt at a round, with everything its steps need.
struct LocalRound {
    plan: Arc<Plan>,
    id: RoundId,
    start: Weights,
    images: Arc<TrainingSet>,
    cancelled: Arc<AtomicBool>,
}

impl Desk {
    /// Fetches the model, trains, and stores what changed; a private update is on record in the ledger then.
    pub(super) async fn update(
        &self,
        plan: Arc<Plan>,
        invitation: Invitation,
        cancelled: Arc<AtomicBool>,
    ) -> Result<UpdateRef, Stopped> {
        let start = self.model(&plan, invitation.model, &cancelled).await?;
        let (of, id) = (plan.clone(), invitation.id);
        let images = self.blocking(move |desk| desk.folder.training_set(&of)).await??;
        let round = LocalRound { plan, id, start, images, cancelled };
        if round.plan.privacy.patients().is_none() {
            let update = self.blocking(move |desk| desk.steps(&round)).await??;
            return self.store(&update).await;
        }
        // From here on budget is spent, whatever becomes of the round.
        let paid = self.payments.round(&round.plan, &round.id).await?;
        let update = self.blocking(move |desk| desk.private_steps(&round, paid)).await??;
        let stored = self.store(update.value()).await?;
        let released = self.payments.record(update.map(|_| stored), stored.digest).await?;
        Ok(released.into_value())
    }

    async fn store(&self, update: &Weights) -> Result<UpdateRef, Stopped> {
        let stored = self.spool.blobs().put_bytes(update.to_le_bytes().into()).await;
        stored.map(|digest| UpdateRef { digest }).map_err(|error| internal(&error.to_string()))
    }

    /// The local steps of one round; what comes back is what they changed.
    fn steps(&self, round: &LocalRound) -> Result<Weights, Stopped> {
        let LocalRound { plan, id, start, images, .. } = round;
        let trainer = Trainer::new(plan, self.device).map_err(|error| internal(&error.to_string()))?;
        let keys = self.keys.derive(id.study.as_str());
        change(start, trainer.train(start, images, id.round, &keys, &mut self.observer(round)))
    }

    /// The same with coins, clip and noise.
    fn private_steps(&self, round: &LocalRound, mut paid: PaidSteps) -> Result<Paid<Weights>, Stopped> {
        let LocalRound { plan, id, start, images, .. } = round;
        let trainer = Trainer::new(plan, self.device).map_err(|error| internal(&error.to_string()))?;
        let keys = self.keys.derive(id.study.as_str());
        let mut guard = StepGuard(paid.steps());
        let trained = trainer.train_private(start, images, id.round, &keys, &mut guard, &mut self.observer(round));
        Ok(paid.finish(change(start, trained)?))
    }

    /// Tells of each step, and stops where the round is over.
    fn observer<'a>(&'a self, round: &'a LocalRound) -> impl FnMut(StepProgress) -> ControlFlow<()> + Send + 'a {
        let LocalRound { id, cancelled, .. } = round;
        let mut said = Instant::now();
        move |step| {
            let (study, round) = (id.study.clone(), id.round);
            let notice = Notice::Step { study, round, done: step.done, of: step.of, loss: step.loss };
            let _ = self.notices.try_send(notice);
            if said.elapsed() >= PROGRESS_EVERY || step.done == step.of {
                said = Instant::now();
                self.say(FromSite::Progress { id: id.clone(), steps_done: step.done, steps_total: step.of });
            }
            if cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
}

/// What training changed.
fn change(start: &Weights, trained: Result<Weights, TrainingError>) -> Result<Weights, Stopped> {
    match trained {
        Ok(trained) => trained.minus(start).map_err(|error| failed(&error.to_string())),
        Err(TrainingError::Stopped { .. }) => Err(Stopped::Cancelled),
        Err(error) => Err(failed(&error.to_string())),
    }
}
