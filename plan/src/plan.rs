//! A plan: parsed once, checked once, then frozen under a digest.

use crate::document::line_of_key;
use crate::privacy::PrivacySection;
use crate::sections::*;
use crate::{
    DetectionSection, Digest, DocumentError, Hasher, PlanAdjacency, RoundNumber, RuleError, SiteId, StrategySection,
    Weighting, parse_document, rules,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The frozen parameters of a study. Can only be made by a constructor that checked every rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// `[study]`
    pub study: StudySection,
    /// `[model]`
    pub model: ModelSection,
    /// `[imaging]`
    pub imaging: ImagingSection,
    /// `[training]`
    pub training: TrainingSection,
    /// `[privacy]`
    pub privacy: PrivacySection,
    /// `[secagg]`
    pub secagg: SecaggSection,
    /// `[strategy]`
    pub strategy: StrategySection,
    /// `[evaluation]`
    pub evaluation: EvaluationSection,
    /// `[detection]`, where the network detects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<DetectionSection>,
    #[serde(skip)]
    sealed: Sealed,
}

/// Keeps a plan from being made by naming its fields; cloned with it, equal to itself.
#[derive(Debug, Clone, PartialEq)]
struct Sealed;

/// A plan as written, before its rules were checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    pub(crate) study: StudySection,
    pub(crate) model: ModelSection,
    #[serde(default)]
    pub(crate) imaging: ImagingSection,
    pub(crate) training: TrainingSection,
    pub(crate) privacy: PrivacySection,
    pub(crate) secagg: SecaggSection,
    pub(crate) strategy: StrategySection,
    pub(crate) evaluation: EvaluationSection,
    #[serde(default)]
    pub(crate) detection: Option<DetectionSection>,
}

/// Digest of a plan's canonical form: what a site allows, and what every message of a study names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanDigest(pub Digest);

/// Why a plan was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The text is no plan.
    #[error("{0}")]
    Document(#[from] DocumentError),
    /// The plan breaks a rule; the line is that of the key at fault.
    #[error("{}{rule}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Rule {
        /// Where, from 1.
        line: Option<usize>,
        /// What, and what to write instead.
        rule: RuleError,
    },
    /// The canonical form is not what this version writes.
    #[error("the canonical plan cannot be read: {0}")]
    Canonical(String),
}

impl Plan {
    /// Reads a plan as people write it.
    ///
    /// # Errors
    /// Unknown keys, wrong types and broken rules, each with its line and what to write instead.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        let draft: Draft = parse_document(text)?;
        Self::checked(draft).map_err(|rule| PlanError::Rule { line: line_of_key(text, rule.section, rule.key), rule })
    }

    /// Reads the canonical form, as it crosses the wire.
    ///
    /// # Errors
    /// As [`Plan::from_toml`], and bytes that are not exactly the canonical form of the plan they hold.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, PlanError> {
        let draft: Draft = serde_json::from_slice(bytes).map_err(|error| PlanError::Canonical(error.to_string()))?;
        let plan = Self::checked(draft).map_err(|rule| PlanError::Rule { line: None, rule })?;
        if plan.to_canonical() != bytes {
            return Err(PlanError::Canonical("the bytes are not in canonical order and form".into()));
        }
        Ok(plan)
    }

    /// The canonical form: JSON with sorted keys, no white space, defaults written out.
    pub fn to_canonical(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("a checked plan has only finite numbers and text keys");
        serde_json::to_vec(&sorted(value)).expect("a JSON value can be written")
    }

    /// SHA-256 of the canonical form behind a domain tag.
    pub fn digest(&self) -> PlanDigest {
        let mut hasher = Hasher::new();
        hasher.update(b"wardround/plan/v1\0");
        hasher.update(&self.to_canonical());
        PlanDigest(hasher.finish())
    }

    /// How much `site` counts; `None` where weights are public and the plan has none for it.
    pub fn weight_of(&self, site: &SiteId) -> Option<u32> {
        match self.strategy.weighting {
            Weighting::Equal => Some(1),
            Weighting::Public => self.strategy.weights.get(site).copied(),
        }
    }

    /// The largest weight of any site.
    pub fn weight_max(&self) -> u32 {
        match self.strategy.weighting {
            Weighting::Equal => 1,
            Weighting::Public => self.strategy.weights.values().copied().max().unwrap_or(1),
        }
    }

    /// Whether the model of this round is measured: every so many rounds, and after the last.
    pub fn measures(&self, round: RoundNumber) -> bool {
        round.get().is_multiple_of(self.evaluation.every) || round.get() >= self.study.rounds
    }

    /// Measurements that private sites pay for, with those that crashes may cost.
    pub fn evaluations(&self) -> u64 {
        let spare = self.privacy.patients().map_or(0, |terms| terms.spare_rounds);
        u64::from(self.study.rounds.div_ceil(self.evaluation.every)) + u64::from(spare)
    }

    /// Scale of the discrete Laplace noise in each bin of a site's histogram of scores, in patients: every measurement gets an
    /// equal part of `evaluation.epsilon_share`. `None` where no such histogram leaves a site.
    pub fn histogram_scale(&self) -> Option<f64> {
        let (terms, share) = (self.privacy.patients()?, self.evaluation.epsilon_share.filter(|share| *share > 0.0)?);
        // A patient who is exchanged for another leaves one bin and enters another, and the accountant counts both.
        let contribution = match terms.adjacency {
            PlanAdjacency::AddOrRemoveOne => 1.0,
            PlanAdjacency::ReplaceOne => 2.0,
        };
        Some(contribution * self.evaluations() as f64 / (share * terms.epsilon))
    }

    /// Step size of local step `step` (from 0) of `round`, within the whole study.
    pub fn learning_rate(&self, round: RoundNumber, step: u32) -> f64 {
        let local_steps = u64::from(self.training.local_steps);
        let before = u64::from(round.get() - 1) * local_steps + u64::from(step);
        match self.training.schedule {
            Schedule::Constant => self.training.learning_rate,
            Schedule::Cosine => {
                let done = (before as f64 / (u64::from(self.study.rounds) * local_steps) as f64).min(1.0);
                self.training.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }

    fn checked(draft: Draft) -> Result<Self, RuleError> {
        rules::check(&draft)?;
        let Draft { study, model, imaging, training, privacy, secagg, strategy, evaluation, detection } = draft;
        Ok(Self { study, model, imaging, training, privacy, secagg, strategy, evaluation, detection, sealed: Sealed })
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for PlanDigest {
    type Err = crate::DigestError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Sorts object keys whatever map serde_json was built with.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::PLAN;

    #[test]
    fn the_canonical_form_comes_back_as_the_same_plan() {
        let plan = Plan::from_toml(PLAN).expect("a good plan");
        assert_eq!(Plan::from_canonical(&plan.to_canonical()), Ok(plan));
    }

    #[test]
    fn comments_order_and_written_defaults_do_not_change_the_digest() {
        let digest = |text: &str| Plan::from_toml(text).expect("a good plan").digest();
        let written_out = PLAN.replace("[study]", "# a comment\n[study]\nseed = 0");
        assert_eq!(digest(PLAN), digest(&written_out));
    }

    #[test]
    fn any_change_of_a_number_changes_the_digest() {
        let digest = |text: &str| Plan::from_toml(text).expect("a good plan").digest();
        assert_ne!(digest(PLAN), digest(&PLAN.replace("rounds = 3", "rounds = 4")));
    }

    #[test]
    fn canonical_bytes_in_another_form_are_refused() {
        let plan = Plan::from_toml(PLAN).expect("a good plan");
        let mut spaced = plan.to_canonical();
        spaced.push(b' ');
        assert!(matches!(Plan::from_canonical(&spaced), Err(PlanError::Canonical(_))));
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_suggestion() {
        let error = Plan::from_toml(&PLAN.replace("learning_rate", "learnig_rate")).expect_err("a typing error");
        let text = error.to_string();
        assert!(text.contains("line ") && text.contains("did you mean `learning_rate`?"), "{text}");
    }

    #[test]
    fn cosine_falls_from_the_plans_rate_to_zero_over_all_rounds() {
        let text = PLAN.replace("learning_rate = 0.001", "learning_rate = 0.001\nschedule = \"cosine\"");
        let plan = Plan::from_toml(&text).expect("good");
        let at = |round: u32, step| plan.learning_rate(RoundNumber::new(round).expect("not 0"), step);
        let (rounds, steps) = (plan.study.rounds, plan.training.local_steps);
        assert_eq!(at(1, 0), plan.training.learning_rate);
        assert!(at(1, steps - 1) > at(2, 0), "the rounds are one course");
        assert!(at(rounds, steps - 1) < 0.1 * plan.training.learning_rate && at(rounds, steps - 1) > 0.0);
        assert!(at(rounds + 1, 0).abs() < 1e-12, "a round beyond the plan does not climb again");
    }

    #[test]
    fn a_constant_rate_is_constant() {
        let plan = Plan::from_toml(PLAN).expect("good");
        assert_eq!(plan.learning_rate(RoundNumber::FIRST.next(), 1), plan.training.learning_rate);
    }
}
