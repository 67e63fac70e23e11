//! What a plan may not say about its strategy: each rule refuses one false comfort.

use super::Weighting;
use crate::plan::Draft;
use crate::rules::Place;
use crate::{RuleError, StrategySection, StudySection};

/// Largest sum of public weights: with updates bounded by 2^10 and 2^-32 steps, 2^20 keeps every sum below 2^62.
const WEIGHT_SUM_MAX: u64 = 1 << 20;

pub(crate) fn check(plan: &Draft) -> Result<(), RuleError> {
    plan.strategy.config.check()?;
    weights(&plan.strategy, &plan.study)
}

fn at(key: &'static str) -> Place {
    Place("strategy", key)
}

fn weights(strategy: &StrategySection, study: &StudySection) -> Result<(), RuleError> {
    if strategy.weighting == Weighting::Equal {
        return at("weights").require(
            strategy.weights.is_empty(),
            "are given, but weighting is \"equal\"",
            "remove them or write `weighting = \"public\"`",
        );
    }
    let named = strategy.weights.len() as u64;
    at("weights").require(
        named >= u64::from(study.min_sites),
        &format!("name {named} sites, but min_sites is {}", study.min_sites),
        "give every site of the study its weight",
    )?;
    at("weights").require(strategy.weights.values().all(|weight| *weight > 0), "hold a zero", "leave that site out")?;
    let sum: u64 = strategy.weights.values().map(|weight| u64::from(*weight)).sum();
    at("weights").require(
        sum <= WEIGHT_SUM_MAX,
        &format!("add up to {sum}, above {WEIGHT_SUM_MAX}"),
        "scale them down; only their ratios count",
    )
}
