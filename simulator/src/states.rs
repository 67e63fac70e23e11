//! What sites keep from round to round, for strategies that ask for it: control variates, personal models, local layers.
//!
//! Only sites that were in a sum have anything; the others are as they started. Memory is what the strategy asks: nothing for
//! most, a model for each site that took part for some.

use crate::SiteNumber;
use std::collections::BTreeMap;
use wardround_strategy::LocalRule;

/// The sites' vectors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SiteStates {
    start: Vec<f32>,
    kept: BTreeMap<SiteNumber, Vec<f32>>,
}

impl SiteStates {
    /// Before the first round of a study that starts from `initial`.
    pub(crate) fn new(rule: &dyn LocalRule, initial: &[f32]) -> Self {
        let mut start = vec![0.0; rule.site_state_len(initial.len())];
        rule.start(initial, &mut start);
        Self { start, kept: BTreeMap::new() }
    }

    /// What `site` has.
    pub(crate) fn of(&self, site: SiteNumber) -> &[f32] {
        self.kept.get(&site).unwrap_or(&self.start)
    }

    /// Numbers that each site keeps.
    pub(crate) fn len(&self) -> usize {
        self.start.len()
    }

    /// Takes over what sites moved in a round that counted.
    pub(crate) fn move_on(&mut self, moved: impl IntoIterator<Item = (SiteNumber, Vec<f32>)>) {
        self.kept.extend(moved);
    }

    /// Every site that has moved, in order, with its vector.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (SiteNumber, &[f32])> {
        self.kept.iter().map(|(site, vector)| (*site, vector.as_slice()))
    }
}
