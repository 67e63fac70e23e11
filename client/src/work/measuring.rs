//! A model on the validation patients: exact scores for the site, and what may be told of them.

use super::Desk;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use wardround_metrics::{PatientScore, Summary};
use wardround_models::Evaluator;
use wardround_plan::{Plan, PrivacyMode, RoundNumber, Weights};
use wardround_round::participant::{Evaluation, Measured};
use wardround_round::{ReportedScore, Score};

impl Desk {
    /// Fetches a model and measures it.
    pub(super) async fn scores(&self, plan: Arc<Plan>, evaluation: &Evaluation) -> Result<Measured, String> {
        let never = AtomicBool::new(false);
        let weights = self.model(&plan, evaluation.model, &never).await.map_err(|stopped| stopped.to_string())?;
        let of = plan.clone();
        let measuring = self.blocking(move |desk| desk.measure(&of, &weights));
        let each = measuring.await.map_err(|refusal| refusal.to_string())??;
        let summary = Summary::of(&each);
        let metric = plan.evaluation.metrics.first().copied();
        let score = |(metric, mean)| Score { metric, mean, patients: summary.n as u32 };
        let scores: Vec<Score> = metric.zip(summary.mean).map(score).into_iter().collect();
        let reported = match plan.privacy.mode {
            PrivacyMode::None => scores.iter().cloned().map(ReportedScore::Exact).collect(),
            PrivacyMode::Site | PrivacyMode::Distributed | PrivacyMode::Client => {
                self.noised(&plan, evaluation.round, &each).await
            }
        };
        Ok(Measured { scores, reported })
    }

    fn measure(&self, plan: &Plan, weights: &Weights) -> Result<Vec<PatientScore>, String> {
        let patients = self.folder.patients(plan).map_err(|refusal| refusal.text().to_owned())?;
        let evaluator = Evaluator::new(plan, weights, self.device).map_err(|error| error.to_string())?;
        evaluator.evaluate(&patients.validation).map_err(|error| error.to_string())
    }

    /// What may be told of private scores; nothing where the plan says so or the budget does.
    async fn noised(&self, plan: &Plan, round: RoundNumber, each: &[PatientScore]) -> Vec<ReportedScore> {
        let scores: Vec<f64> = each.iter().filter_map(|score| score.value()).collect();
        match self.payments.histogram(plan, round, &scores).await {
            Ok(reported) => reported.unwrap_or_default(),
            Err(reason) => {
                tracing::warn!(%reason, "scores stay here");
                Vec::new()
            }
        }
    }
}
