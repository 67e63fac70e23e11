//! How many have to stay, and how many may be traitors.
//!
//! With 2t > n + c no coordinator can collect t signatures over each of two different survivor sets: honest sites sign
//! once, so it would need 2t ≤ n + c of them (specification, section 3).

use crate::wire::{Decode, DecodeError, Encode, Reader, Writer};

/// A sum of one honest site is that site's update.
pub(crate) const HONEST_MIN: u32 = 2;

/// The thresholds of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// t: sites that have to answer at every stage; shares that reveal a secret.
    pub threshold: u32,
    /// c: sites that may be in league with the coordinator.
    pub corrupt: u32,
    /// Honest inputs that the sum has to have.
    pub honest_min: u32,
}

impl Thresholds {
    /// What is used unless somebody decides: t = ⌊2n/3⌋ + 1 with the largest c that leaves two honest inputs. `None`
    /// below three participants, where no sum hides anything.
    pub fn recommended(participants: u32) -> Option<Self> {
        if participants < 3 {
            return None;
        }
        let threshold = recommended_threshold(participants);
        // t > n/2, so neither difference is below zero; 2t - n is written so that it cannot overflow.
        let corrupt = (threshold - (participants - threshold) - 1).min(threshold - HONEST_MIN);
        Some(Self { threshold, corrupt, honest_min: HONEST_MIN })
    }

    /// t - c: honest inputs in every sum that can come out.
    pub fn honest_inputs(&self) -> u32 {
        self.threshold.saturating_sub(self.corrupt)
    }

    /// Whether two different survivor sets cannot both be signed.
    pub fn forbid_two_sums(&self, participants: u32) -> bool {
        2 * u64::from(self.threshold) > u64::from(participants) + u64::from(self.corrupt)
    }

    /// The same with nobody in league with the coordinator.
    pub(crate) fn without_traitors(self) -> Self {
        Self { corrupt: 0, ..self }
    }

    /// n - t: sites that may vanish, at all stages together.
    pub fn dropouts_tolerated(&self, participants: u32) -> u32 {
        participants.saturating_sub(self.threshold)
    }
}

/// ⌊2n/3⌋ + 1
pub(crate) fn recommended_threshold(participants: u32) -> u32 {
    (2 * u64::from(participants) / 3) as u32 + 1
}

impl Encode for Thresholds {
    fn write(&self, out: &mut Writer) {
        out.u32(self.threshold);
        out.u32(self.corrupt);
        out.u32(self.honest_min);
    }
}

impl Decode for Thresholds {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { threshold: from.u32("t")?, corrupt: from.u32("c")?, honest_min: from.u32("min honest")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the specification, section 3.
    #[test]
    fn the_recommended_thresholds_are_those_of_the_table() {
        let table = [
            (3, 3, 1, 0, 2),
            (4, 3, 1, 1, 2),
            (5, 4, 2, 1, 2),
            (7, 5, 2, 2, 3),
            (10, 7, 3, 3, 4),
            (20, 14, 7, 6, 7),
            (50, 34, 17, 16, 17),
            (100, 67, 33, 33, 34),
        ];
        for (participants, threshold, corrupt, dropouts, honest) in table {
            let got = Thresholds::recommended(participants).expect("three or more");
            assert_eq!((got.threshold, got.corrupt), (threshold, corrupt), "n = {participants}");
            assert_eq!((got.dropouts_tolerated(participants), got.honest_inputs()), (dropouts, honest));
            assert!(got.forbid_two_sums(participants));
        }
        assert_eq!(Thresholds::recommended(2), None);
        let most = Thresholds::recommended(u32::MAX).expect("three or more");
        assert!(most.forbid_two_sums(u32::MAX) && most.honest_inputs() >= 2, "no arithmetic overflows");
    }

    #[test]
    fn one_less_would_allow_two_sums() {
        let at = |threshold, corrupt| Thresholds { threshold, corrupt, honest_min: 2 };
        assert!(at(6, 1).forbid_two_sums(10) && !at(6, 2).forbid_two_sums(10) && !at(5, 1).forbid_two_sums(10));
        assert!(!at(u32::MAX / 2, u32::MAX).forbid_two_sums(u32::MAX), "no arithmetic overflows");
    }
}
