//! What a site pays for: a study's whole cost before a scan is read, a round before its coins are thrown, a histogram before
//! its noise is drawn. Where nothing was paid, nothing is made; what is not on record does not leave.

use crate::ledger::{SiteLedger, SiteLedgerError};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use wardround_plan::{DataSetName, Digest, Hasher, Plan, PlanDigest, RoundNumber, Timestamp};
use wardround_privacy::{Paid, PaidSteps, Purpose, Released, ReservationId, StudyCost};
use wardround_round::{HISTOGRAM_BINS, NoisedHistogram, Refusal, RefusalReason, ReportedScore, RoundId};

/// The ledger as the site's jobs use it, for one data set. Clones share it.
#[derive(Clone)]
pub struct Payments {
    ledger: SiteLedger,
    data_set: DataSetName,
    clock: fn() -> Timestamp,
    /// Deriving the noise takes a while, and every round of a study needs it.
    last_cost: Arc<Mutex<Option<PlanCost>>>,
}

/// What a plan costs.
#[derive(Clone)]
struct PlanCost {
    plan: PlanDigest,
    cost: Arc<StudyCost>,
}

impl Payments {
    /// Payments for the patients of `data_set`.
    pub fn new(ledger: SiteLedger, data_set: DataSetName, clock: fn() -> Timestamp) -> Self {
        Self { ledger, data_set, clock, last_cost: Arc::default() }
    }

    /// Sets a private study's whole cost aside; asking again changes nothing.
    ///
    /// # Errors
    /// A budget that does not cover it, in the ledger's words.
    pub async fn reserve(&self, plan: &Plan) -> Result<(), Refusal> {
        self.reservation(plan).await.map(drop)
    }

    /// Pays for one attempt at a round. What it gives back is the right to make the round's private steps.
    ///
    /// # Errors
    /// Nothing left of the study's reservation, or a ledger that cannot be written.
    pub async fn round(&self, plan: &Plan, id: &RoundId) -> Result<PaidSteps, Refusal> {
        let cost = self.cost(plan).await?;
        let reservation = self.reservation(plan).await?;
        let attempt = NonZeroU32::new(id.attempt.get()).unwrap_or(NonZeroU32::MIN);
        let purpose = Purpose::Training { round: id.round, attempt };
        let debit = self.ledger.debit((self.clock)(), reservation, purpose, vec![cost.round()]);
        let receipt = debit.await.map_err(|error| refusal(&error))?;
        PaidSteps::new(plan, &cost, receipt).map_err(|error| internal(&error))
    }

    /// Pays for the histogram of some patients' scores and makes it; `None` where the plan lets no score leave.
    ///
    /// # Errors
    /// As [`Payments::round`].
    pub async fn histogram(
        &self,
        plan: &Plan,
        round: RoundNumber,
        scores: &[f64],
    ) -> Result<Option<Vec<ReportedScore>>, Refusal> {
        let cost = self.cost(plan).await?;
        let Some(charge) = cost.evaluation() else { return Ok(None) };
        let reservation = self.reservation(plan).await?;
        let purpose = Purpose::Evaluation { round: Some(round) };
        let debit = self.ledger.debit((self.clock)(), reservation, purpose, vec![charge]);
        let receipt = debit.await.map_err(|error| refusal(&error))?;
        let noisy = Paid::histogram(&counts(scores), receipt).map_err(|error| internal(&error))?;
        let scale = cost.evaluation_scale();
        let counts = noisy.value().clone();
        let histogram = NoisedHistogram::new(counts, scale).map_err(|error| internal(&error))?;
        let noised = |metric| ReportedScore::Noised { metric, histogram: histogram.clone() };
        let reported: Vec<ReportedScore> = plan.evaluation.metrics.iter().copied().map(noised).collect();
        let content = content_of(&reported);
        let released = self.record(noisy.map(|_| reported), content).await?;
        Ok(Some(released.into_value()))
    }

    /// Puts on record what was made, by the digest of its bytes, and lets it go.
    ///
    /// # Errors
    /// A ledger that cannot be written: then it stays here.
    pub async fn record<T: Send + 'static>(&self, paid: Paid<T>, content: Digest) -> Result<Released<T>, Refusal> {
        self.ledger.record((self.clock)(), paid, content).await.map_err(|error| refusal(&error))
    }

    /// Lets go again what is on record.
    ///
    /// # Errors
    /// Content that is not.
    pub async fn released<T: Send + 'static>(&self, value: T, content: Digest) -> Result<Released<T>, Refusal> {
        self.ledger.released(value, content).await.map_err(|error| refusal(&error))
    }

    /// The same for scores.
    ///
    /// # Errors
    /// Scores that are not on record.
    pub async fn released_scores(&self, scores: Vec<ReportedScore>) -> Result<Released<Vec<ReportedScore>>, Refusal> {
        let content = content_of(&scores);
        self.released(scores, content).await
    }

    /// The study is over: nothing more is debited for it.
    pub async fn settle(&self, plan: &Plan) {
        if plan.privacy.patients().is_none() {
            return;
        }
        let settled = match self.reservation(plan).await {
            Ok(reservation) => self.ledger.settle((self.clock)(), reservation).await.map_err(|error| refusal(&error)),
            Err(refusal) => Err(refusal),
        };
        if let Err(reason) = settled {
            // It counts whole until then: too much, never too little.
            tracing::warn!(study = %plan.study.name, %reason, "the study was not settled in the ledger");
        }
    }

    async fn reservation(&self, plan: &Plan) -> Result<ReservationId, Refusal> {
        let charges = self.cost(plan).await?.reservation();
        let (study, digest) = (plan.study.name.clone(), plan.digest());
        let reserve = self.ledger.reserve((self.clock)(), self.data_set.clone(), study, digest, charges);
        reserve.await.map_err(|error| refusal(&error))
    }

    /// What a private plan costs each patient; derived once.
    ///
    /// # Errors
    /// A plan that is not private, or whose promise cannot be kept.
    pub async fn cost(&self, plan: &Plan) -> Result<Arc<StudyCost>, Refusal> {
        let digest = plan.digest();
        let known = self.last_cost.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.plan == digest) {
            return Ok(known.cost);
        }
        let plan = plan.clone();
        let derived = tokio::task::spawn_blocking(move || StudyCost::of(&plan)).await;
        let cost = derived.map_err(|error| internal(&error))?;
        let cost = cost.map_err(|error| Refusal::new(RefusalReason::PrivacyRequired, error.to_string()))?;
        let cost = Arc::new(cost);
        *self.last_cost.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(PlanCost { plan: digest, cost: cost.clone() });
        Ok(cost)
    }
}

/// How many patients scored in each bin.
fn counts(scores: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; HISTOGRAM_BINS];
    scores.iter().for_each(|score| counts[NoisedHistogram::bin(*score)] += 1);
    counts
}

/// Digest of what came from patients in scores: the counts. A scale is the plan's, and would not survive as text bit by bit.
fn content_of(scores: &[ReportedScore]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(b"wardround/released-scores/v1\0");
    for score in scores {
        match score {
            ReportedScore::Exact(exact) => hasher.update(&exact.mean.to_le_bytes()),
            ReportedScore::Noised { histogram, .. } => {
                histogram.counts().iter().for_each(|count| hasher.update(&count.to_le_bytes()));
            }
        }
    }
    hasher.finish()
}

fn refusal(error: &SiteLedgerError) -> Refusal {
    tracing::error!(%error, "the ledger said no");
    error.refusal()
}

fn internal(error: &impl std::fmt::Display) -> Refusal {
    Refusal::new(RefusalReason::Internal, error.to_string())
}
