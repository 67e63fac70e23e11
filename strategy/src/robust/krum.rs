//! Krum and Multi-Krum: the updates nearest to their neighbours (Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017,
//! sections 3 and 5).
//!
//! The score of an update is the sum of its squared distances to the n - f - 2 nearest others. Krum gives the update with the
//! least score; Multi-Krum the mean of the m with the least. Needs n ≥ 2f + 3 and m ≤ n - f - 2. Two updates with one score
//! are taken in the order of their content.
//!
//! The promise is for f corrupt updates. It is false beyond: where one hospital is unlike the others, f + 1 colluders beside
//! it are chosen, as a test shows. Where the honest ones are alike, Krum bears colluders up to half of all, and Multi-Krum as
//! long as there are m honest ones too. An unusual hospital is never chosen.

use super::distances::Distances;
use super::{Influence, RobustRule, Updates};
use wardround_plan::{CorruptConfig, MultiKrumConfig, RuleError};

/// Krum.
#[derive(Debug, Clone, Copy)]
pub struct Krum {
    corrupt: usize,
}

/// Multi-Krum.
#[derive(Debug, Clone, Copy)]
pub struct MultiKrum {
    corrupt: usize,
    /// m; n - f - 2 where it is not given.
    selected: Option<usize>,
}

impl Krum {
    /// The rule that bears this many corrupt updates.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: CorruptConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { corrupt: config.corrupt as usize })
    }
}

impl MultiKrum {
    /// The rule that bears this many corrupt updates.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: MultiKrumConfig) -> Result<Self, RuleError> {
        config.check()?;
        Ok(Self { corrupt: config.corrupt as usize, selected: config.selected.map(|selected| selected as usize) })
    }
}

impl RobustRule for Krum {
    fn sites_min(&self) -> usize {
        2 * self.corrupt + 3
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        let best = ranked(&Distances::between(updates), &all(updates), self.corrupt)[0];
        mean_of_chosen(updates, &[best], mean)
    }
}

impl RobustRule for MultiKrum {
    fn sites_min(&self) -> usize {
        (2 * self.corrupt + 3).max(self.selected.unwrap_or(1) + self.corrupt + 2)
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        let selected = self.selected.unwrap_or(updates.len() - self.corrupt - 2);
        let mut best = ranked(&Distances::between(updates), &all(updates), self.corrupt);
        best.truncate(selected);
        best.sort_unstable();
        mean_of_chosen(updates, &best, mean)
    }
}

fn all(updates: &Updates<'_>) -> Vec<usize> {
    (0..updates.len()).collect()
}

/// `candidates`, which are in the order of content, by their scores among each other; at equal scores in that order.
pub(super) fn ranked(distances: &Distances, candidates: &[usize], corrupt: usize) -> Vec<usize> {
    let neighbours = candidates.len().saturating_sub(corrupt + 2);
    let score = |candidate: usize| {
        let others = candidates.iter().filter(|other| **other != candidate);
        let mut squares: Vec<f64> = others.map(|other| distances.get(candidate, *other)).collect();
        squares.sort_unstable_by(f64::total_cmp);
        squares.iter().take(neighbours).sum::<f64>()
    };
    let mut scored: Vec<(f64, usize)> = candidates.iter().map(|candidate| (score(*candidate), *candidate)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    scored.into_iter().map(|(_, candidate)| candidate).collect()
}

fn mean_of_chosen(updates: &Updates<'_>, chosen: &[usize], mean: &mut [f64]) -> Influence {
    mean.fill(0.0);
    for number in chosen {
        mean.iter_mut().zip(updates.update(*number)).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    mean.iter_mut().for_each(|sum| *sum /= chosen.len() as f64);
    let mut sites: Vec<usize> = chosen.iter().map(|number| updates.site(*number)).collect();
    sites.sort_unstable();
    Influence::Chosen(sites)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::combine;
    use crate::robust::testing::{check_rule, of};
    use proptest::prelude::*;

    fn krum(corrupt: u32) -> Krum {
        Krum::new(CorruptConfig { corrupt }).expect("in range")
    }

    fn multi(corrupt: u32, selected: Option<u32>) -> MultiKrum {
        MultiKrum::new(MultiKrumConfig { corrupt, selected }).expect("in range")
    }

    fn chosen(rule: &dyn RobustRule, list: &[&[f32]]) -> Vec<usize> {
        let updates = Updates::new(list).expect("of one length");
        match combine(rule, &updates, &mut vec![0.0; updates.weights()]).expect("enough") {
            Influence::Chosen(sites) => sites,
            other => panic!("{other:?}"),
        }
    }

    /// The definition, with the score of each update as the least sum over all subsets of n - f - 2 others.
    fn by_definition(list: &[Vec<f32>], corrupt: usize) -> Vec<f64> {
        let (n, size) = (list.len(), list.len() - corrupt - 2);
        let square = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        let score = |site: usize| {
            let subsets = (0u32..1 << n).filter(|set| set.count_ones() as usize == size && set & (1 << site) == 0);
            let sum = |set: u32| (0..n).filter(|j| set & (1 << j) != 0).map(|j| square(&list[site], &list[j])).sum();
            subsets.map(sum).fold(f64::INFINITY, f64::min)
        };
        (0..n).map(score).collect()
    }

    proptest! {
        // Whole numbers, so that both ways of adding up are exact.
        #[test]
        fn the_choice_is_that_of_the_definition(
            list in proptest::collection::vec(proptest::collection::vec(-50i16..50, 3), 5..8), corrupt in 0u32..=1,
        ) {
            let list: Vec<Vec<f32>> = list.iter().map(|update| update.iter().map(|v| f32::from(*v)).collect()).collect();
            let scores = by_definition(&list, corrupt as usize);
            let refs: Vec<&[f32]> = list.iter().map(Vec::as_slice).collect();
            let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert_eq!(scores[chosen(&krum(corrupt), &refs)[0]], least);
            let (several, mut sorted) = (chosen(&multi(corrupt, None), &refs), scores.clone());
            sorted.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(several.len(), list.len() - corrupt as usize - 2);
            let mut got: Vec<f64> = several.iter().map(|site| scores[*site]).collect();
            got.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(&got[..], &sorted[..got.len()]);
        }
    }

    #[test]
    fn multi_krum_is_the_mean_of_its_choice() {
        let list: [&[f32]; 6] = [&[1.0], &[2.0], &[3.0], &[2.5], &[90.0], &[1.5]];
        assert_eq!(chosen(&multi(1, None), &list), [1, 3, 5]);
        assert_eq!(of(&multi(1, None), &list), [2.0]);
        assert_eq!(of(&multi(1, Some(1)), &list), of(&krum(1), &list));
    }

    #[test]
    fn gross_errors_of_fewer_than_half_are_never_chosen() {
        check_rule(&krum(2), 7).holds_with(2).holds_with(3).breaks_with(4);
        check_rule(&krum(1), 5).holds_with(1).holds_with(2).breaks_with(3);
        check_rule(&krum(1), 9).holds_with(4).breaks_with(5);
    }

    #[test]
    fn a_mean_of_more_than_the_honest_ones_cannot_hold() {
        check_rule(&multi(1, None), 9).holds_with(1).holds_with(3).breaks_with(4);
        check_rule(&multi(1, Some(4)), 9).holds_with(4).breaks_with(5);
        check_rule(&multi(2, None), 7).holds_with(2).holds_with(3).breaks_with(4);
    }

    /// f + 2 hospitals agree on 0 and one sits at R. Colluders beyond it, at 1.9 R, are each other's neighbours.
    #[test]
    fn beside_an_unusual_hospital_f_colluders_fail_and_one_more_succeeds() {
        let list = |corrupt: usize, colluders: usize, far: f32| {
            let mut list = vec![vec![0.0]; 2 * corrupt + 3];
            list[0] = vec![far];
            list.iter_mut().rev().take(colluders).for_each(|update| *update = vec![1.9 * far]);
            list
        };
        for corrupt in 1..4 {
            for far in [1.0, 500.0] {
                let given = |rule: &dyn RobustRule, colluders| {
                    let list = list(corrupt, colluders, far);
                    of(rule, &list.iter().map(Vec::as_slice).collect::<Vec<_>>())[0]
                };
                let (krum, multi) = (krum(corrupt as u32), multi(corrupt as u32, None));
                assert_eq!((given(&krum, corrupt), given(&multi, corrupt)), (0.0, 0.0), "the promise for f");
                let broken = f64::from(1.9 * far);
                assert_eq!((given(&krum, corrupt + 1), given(&multi, corrupt + 1)), (broken, broken), "f + 1");
            }
        }
    }

    #[test]
    fn too_few_updates_are_refused() {
        check_rule(&krum(1), 4).is_refused();
        check_rule(&multi(1, Some(3)), 5).is_refused();
        check_rule(&multi(1, Some(3)), 6).holds_with(1);
        assert!(MultiKrum::new(MultiKrumConfig { corrupt: 1, selected: Some(0) }).is_err());
    }

    #[test]
    fn ties_go_to_the_same_update_in_any_order() {
        let list: [&[f32]; 3] = [&[1.0], &[-1.0], &[0.0]];
        let turned: [&[f32]; 3] = [&[0.0], &[1.0], &[-1.0]];
        assert_eq!(of(&krum(0), &list), of(&krum(0), &turned));
        assert_eq!(of(&krum(0), &list), [-1.0], "one neighbour each at distance 1: the first by content");
    }
}
