//! Charges added up: how often each mechanism was, or may be, run.

use crate::Charge;

/// Most different mechanisms of one reservation or debit.
pub(super) const CHARGES_MAX: usize = 64;
/// Most runs of one mechanism; far beyond any study, and no sum of two overflows.
pub(super) const TIMES_MAX: u64 = 1 << 48;

/// How often each mechanism is run. Two mechanisms are the same only if every number of theirs is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    charges: Vec<Charge>,
}

impl Tally {
    /// Nothing.
    pub(super) const EMPTY: Self = Self { charges: Vec::new() };

    /// Adds up; a mechanism that is named twice is counted twice.
    pub(super) fn of<'a>(charges: impl IntoIterator<Item = &'a Charge>) -> Self {
        let mut tally = Self::default();
        charges.into_iter().for_each(|charge| tally.add(charge));
        tally
    }

    pub(super) fn add(&mut self, charge: &Charge) {
        match self.charges.iter_mut().find(|known| known.mechanism == charge.mechanism) {
            Some(known) => known.times = known.times.saturating_add(charge.times),
            None if charge.times > 0 => self.charges.push(*charge),
            None => {}
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        other.charges.iter().for_each(|charge| self.add(charge));
    }

    /// What is left after `spent`; the first charge that is not covered otherwise.
    pub(super) fn less(&self, spent: &Self) -> Result<Self, Charge> {
        let mut rest = self.clone();
        for charge in &spent.charges {
            let found = rest.charges.iter_mut().find(|known| known.mechanism == charge.mechanism);
            let known = found.filter(|known| known.times >= charge.times).ok_or(*charge)?;
            known.times -= charge.times;
        }
        rest.charges.retain(|charge| charge.times > 0);
        Ok(rest)
    }

    pub(super) fn times_of(&self, charge: &Charge) -> u64 {
        self.charges.iter().find(|known| known.mechanism == charge.mechanism).map_or(0, |known| known.times)
    }

    pub(super) fn charges(&self) -> &[Charge] {
        &self.charges
    }

    pub(super) fn is_empty(&self) -> bool {
        self.charges.is_empty()
    }

    /// False for a list that no plan needs and that could be used to overflow.
    pub(super) fn is_sane(charges: &[Charge]) -> bool {
        charges.len() <= CHARGES_MAX && charges.iter().all(|charge| charge.times <= TIMES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mechanism, NoiseMultiplier};

    fn charge(sigma: f64, times: u64) -> Charge {
        let noise_multiplier = NoiseMultiplier::new(sigma).expect("in range");
        Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times }
    }

    #[test]
    fn the_same_mechanism_is_counted_once_and_summed() {
        let tally = Tally::of(&[charge(1.0, 2), charge(2.0, 1), charge(1.0, 3)]);
        assert_eq!(tally.charges(), [charge(1.0, 5), charge(2.0, 1)]);
    }

    #[test]
    fn one_run_too_many_or_a_little_less_noise_is_not_covered() {
        let tally = Tally::of(&[charge(1.0, 5)]);
        assert_eq!(tally.less(&Tally::of(&[charge(1.0, 5)])), Ok(Tally::default()));
        assert_eq!(tally.less(&Tally::of(&[charge(1.0, 6)])), Err(charge(1.0, 6)));
        let quieter = charge(1.0_f64.next_down(), 1);
        assert_eq!(tally.less(&Tally::of(&[quieter])), Err(quieter));
    }

    #[test]
    fn an_absurd_list_is_told_apart() {
        assert!(Tally::is_sane(&[charge(1.0, TIMES_MAX)]) && !Tally::is_sane(&[charge(1.0, TIMES_MAX + 1)]));
        assert!(!Tally::is_sane(&vec![charge(1.0, 1); CHARGES_MAX + 1]));
    }
}
