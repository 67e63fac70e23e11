//! The local steps of one round, paid for where the plan is private.

use super::{Desk, PROGRESS_EVERY, Stopped, failed, internal};
use crate::guard::StepGuard;
use crate::notice::Notice;
use rand::TryRng;
use rand::rngs::SysRng;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use wardround_models::{StepProgress, Trainer, TrainingError, TrainingSet};
use wardround_plan::{Digest, Hasher, Plan, Weights};
use wardround_privacy::{Paid, PaidSteps, StudyCost, Unnoised};
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
            return self.store(update.to_le_bytes()).await;
        }
        let cost = self.payments.cost(&round.plan).await?;
        let shares = round.plan.privacy.patients().is_some_and(|terms| terms.share.is_some());
        // From here on budget is spent, whatever becomes of the round.
        let paid = self.payments.round(&round.plan, &round.id).await?;
        let (stored, paid) = if shares {
            let gradients = self.blocking(move |desk| desk.unnoised_gradients(&round, &cost, paid)).await??;
            let stored = self.store(salted(gradients.value().value())?).await?;
            (stored, gradients.map(|_| stored))
        } else {
            let update = self.blocking(move |desk| desk.private_steps(&round, paid)).await??;
            let stored = self.store(update.value().to_le_bytes()).await?;
            (stored, update.map(|_| stored))
        };
        let content = if shares { unnoised_content(stored) } else { stored.digest };
        Ok(self.payments.record(paid, content).await?.into_value())
    }

    async fn store(&self, bytes: Vec<u8>) -> Result<UpdateRef, Stopped> {
        let stored = self.spool.blobs().put_bytes(bytes.into()).await;
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

    /// One step's sum of clipped gradients on the plan's grid. It gets its share of the noise when it is masked.
    fn unnoised_gradients(
        &self,
        round: &LocalRound,
        cost: &StudyCost,
        mut paid: PaidSteps,
    ) -> Result<Paid<Unnoised<Vec<i64>>>, Stopped> {
        let LocalRound { plan, id, start, images, .. } = round;
        let grid = cost.shared_grid(plan, start.layout().len() as u64);
        let grid = grid.map_err(|error| failed(&error.to_string()))?;
        let trainer = Trainer::new(plan, self.device).map_err(|error| internal(&error.to_string()))?;
        let keys = self.keys.derive(id.study.as_str());
        let mut guard = StepGuard(paid.steps());
        let observer = &mut self.observer(round);
        let sum = trainer.clipped_gradients(start, images, id.round, &keys, &mut guard, observer).map_err(stopped)?;
        let unnoised = paid.steps().unnoised(&sum, &grid).map_err(|error| failed(&error.to_string()))?;
        Ok(paid.finish(unnoised))
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

/// Gradients without noise behind secret random bytes: their digest goes into the ledger, whose head others see, and must not
/// say whether they are what somebody guesses.
fn salted(words: &[i64]) -> Result<Vec<u8>, Stopped> {
    let mut bytes = vec![0; SALT_BYTES];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| internal(&error.to_string()))?;
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    Ok(bytes)
}

/// What the ledger records of gradients without noise: nothing that could be taken for an update with noise.
pub(super) fn unnoised_content(stored: UpdateRef) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(b"wardround/unnoised-gradients/v1\0");
    hasher.update(stored.digest.as_bytes());
    hasher.finish()
}

/// Random bytes in front of stored gradients.
pub(super) const SALT_BYTES: usize = 32;

/// What training changed.
fn change(start: &Weights, trained: Result<Weights, TrainingError>) -> Result<Weights, Stopped> {
    match trained {
        Ok(trained) => trained.minus(start).map_err(|error| failed(&error.to_string())),
        Err(error) => Err(stopped(error)),
    }
}

fn stopped(error: TrainingError) -> Stopped {
    match error {
        TrainingError::Stopped { .. } => Stopped::Cancelled,
        error => failed(&error.to_string()),
    }
}
