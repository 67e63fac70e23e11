//! The updates of a round, screened and put in an order of their own.

use super::RobustError;
use crate::fixed::{FoldError, TotalWeight, check};
use std::cmp::Ordering;
use std::ops::Range;

/// Updates of one length, each of which could be added to a sum.
///
/// They lie in the order of their content, first weight first, so that sums of floats and ties between updates come out
/// alike in whatever order the updates arrived.
#[derive(Debug, Clone)]
pub struct Updates<'a> {
    members: Vec<(usize, &'a [f32])>,
    excluded: Vec<Excluded>,
}

/// An update that was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Excluded {
    /// Its place in the list.
    pub site: usize,
    /// NaN, infinite or out of range.
    pub reason: FoldError,
}

impl<'a> Updates<'a> {
    /// The updates of `list` that are sound; the others are excluded by name, as a sum would refuse them.
    ///
    /// An excluded update does not count towards a rule's number of sites, and lowers nobody's number of corrupt ones.
    ///
    /// # Errors
    /// [`RobustError::Length`] where two have different lengths.
    pub fn new(list: &[&'a [f32]]) -> Result<Self, RobustError> {
        let expected = list.first().map_or(0, |first| first.len());
        if let Some(other) = list.iter().find(|update| update.len() != expected) {
            return Err(RobustError::Length { expected, got: other.len() });
        }
        let (mut members, mut excluded) = (Vec::with_capacity(list.len()), Vec::new());
        for (site, update) in list.iter().enumerate() {
            match check(update) {
                Ok(()) => members.push((site, *update)),
                Err(reason) => excluded.push(Excluded { site, reason }),
            }
        }
        members.sort_by(|a, b| by_content(a.1, b.1));
        Ok(Self { members, excluded })
    }

    /// Number of sound updates: n.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True where no update is sound.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Numbers in each update.
    pub fn weights(&self) -> usize {
        self.members.first().map_or(0, |(_, update)| update.len())
    }

    /// The updates that were left out.
    pub fn excluded(&self) -> &[Excluded] {
        &self.excluded
    }

    /// Update `number` in the order of content, from 0 below [`Self::len`].
    pub fn update(&self, number: usize) -> &'a [f32] {
        self.members[number].1
    }

    /// The place of update `number` in the list.
    pub fn site(&self, number: usize) -> usize {
        self.members[number].0
    }

    /// The updates with these numbers, which are in ascending order.
    pub(super) fn only(&self, numbers: &[usize]) -> Self {
        Self { members: numbers.iter().map(|number| self.members[*number]).collect(), excluded: Vec::new() }
    }

    /// All updates in the order of content.
    pub fn iter(&self) -> impl Iterator<Item = &'a [f32]> + '_ {
        self.members.iter().map(|(_, update)| *update)
    }
}

/// A total order: equal content compares equal, and 0 equals -0 only in value.
fn by_content(a: &[f32], b: &[f32]) -> Ordering {
    let differing = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
    differing.unwrap_or(Ordering::Equal)
}

/// Cuts `sites` sites, in an order that was drawn at random for the round, into as many groups of at least `size` as there
/// can be; the first groups have one more where it does not come out even. No group for fewer sites than `size`.
///
/// The order must be drawn after the sites are known and must not be theirs to choose: who picks the groups can sit with a
/// victim.
pub fn group_ranges(sites: usize, size: usize) -> Vec<Range<usize>> {
    let groups = sites.checked_div(size).unwrap_or(0);
    let (each, more) = (sites.checked_div(groups).unwrap_or(0), sites.checked_rem(groups).unwrap_or(0));
    let start = |group: usize| group * each + group.min(more);
    (0..groups).map(|group| start(group)..start(group + 1)).collect()
}

/// The mean of each group from its sum, as `f32`, to be given to a robust rule as the group's update.
pub fn group_means(sums: &[(&[i64], TotalWeight)]) -> Vec<Vec<f32>> {
    let mean = |(sum, total): &(&[i64], TotalWeight)| {
        let mut mean = vec![0.0; sum.len()];
        total.mean(sum, &mut mean);
        mean.into_iter().map(|value| value as f32).collect()
    };
    sums.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold;

    #[test]
    fn unsound_updates_are_excluded_by_name() {
        let list: [&[f32]; 4] = [&[1.0, f32::NAN], &[2.0, 0.0], &[f32::INFINITY, 0.0], &[0.0, 2000.0]];
        let updates = Updates::new(&list).expect("of one length");
        assert_eq!((updates.len(), updates.update(0), updates.site(0)), (1, list[1], 1));
        let reasons: Vec<_> = updates.excluded().iter().map(|out| (out.site, out.reason.clone())).collect();
        assert_eq!(
            reasons,
            [
                (0, FoldError::NotFinite { index: 1 }),
                (2, FoldError::NotFinite { index: 0 }),
                (3, FoldError::OutOfRange { index: 1, value: 2000.0 }),
            ]
        );
    }

    #[test]
    fn different_lengths_are_refused_and_nothing_is_something() {
        let list: [&[f32]; 2] = [&[1.0, 2.0], &[2.0]];
        assert_eq!(Updates::new(&list).err(), Some(RobustError::Length { expected: 2, got: 1 }));
        let none = Updates::new(&[]).expect("nothing has one length");
        assert!(none.is_empty() && none.weights() == 0);
    }

    #[test]
    fn the_order_of_arrival_is_forgotten() {
        let (a, b, c): ([f32; 2], [f32; 2], [f32; 2]) = ([1.0, -2.0], [1.0, 3.0], [-5.0, 9.0]);
        let there = Updates::new(&[&a, &b, &c]).expect("good");
        let back = Updates::new(&[&c, &b, &a]).expect("good");
        assert!(there.iter().eq(back.iter()) && there.iter().eq([c.as_slice(), &a, &b]));
        assert_eq!((there.site(0), back.site(0)), (2, 0));
    }

    #[test]
    fn groups_are_large_enough_and_leave_nobody_out() {
        for size in 1..6 {
            for sites in 0..40 {
                let groups = group_ranges(sites, size);
                assert_eq!(groups.len(), sites / size, "as many as there can be");
                assert!(groups.iter().all(|group| (size..2 * size).contains(&group.len())), "{sites} by {size}");
                let covered: Vec<usize> = groups.iter().cloned().flatten().collect();
                assert!(covered.into_iter().eq(0..if groups.is_empty() { 0 } else { sites }));
            }
        }
        assert!(group_ranges(5, 0).is_empty());
    }

    #[test]
    fn a_groups_mean_is_that_of_its_sites() {
        let mut sum = [0; 2];
        fold(&mut sum, &[1.0, 2.0], 1).expect("sound");
        fold(&mut sum, &[4.0, -1.0], 3).expect("sound");
        let total = TotalWeight::of([1, 3]).expect("not zero");
        assert_eq!(group_means(&[(&sum, total)]), [[13.0 / 4.0, -0.25]]);
    }
}
