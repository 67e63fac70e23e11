//! What is drawn anew: patients, sites with all their patients, or patients within their groups.

use super::{StatisticsError, StatisticsSeed};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::ops::Range;

/// One unit does not vary.
const UNITS_MIN: usize = 2;

/// A site, by its number in the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteIndex(pub u32);

/// Whether patients of one site are taken for alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clustering {
    /// Each patient by herself: how far the number would move with other patients of these sites.
    Patients,
    /// Sites with all their patients: how far it would move with other sites. Wide, and rough below ten sites or so.
    Sites,
}

/// Patients, and how they are drawn. Patients are numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    /// Drawn from separately.
    strata: Vec<Vec<Range<usize>>>,
    /// Patients, so that each unit is a range of this list.
    patients: Vec<usize>,
    clustering: Clustering,
}

impl Units {
    /// Each of `patients` patients by herself.
    ///
    /// # Errors
    /// [`StatisticsError::TooFew`] below two.
    pub fn patients(patients: usize) -> Result<Self, StatisticsError> {
        Self::within(&[patients])
    }

    /// Patients by their site, one entry a patient.
    ///
    /// # Errors
    /// [`StatisticsError::TooFew`] below two sites.
    pub fn sites(site_of: &[SiteIndex]) -> Result<Self, StatisticsError> {
        let mut sites: BTreeMap<SiteIndex, Vec<usize>> = BTreeMap::new();
        for (patient, site) in site_of.iter().enumerate() {
            sites.entry(*site).or_default().push(patient);
        }
        enough("sites", sites.len())?;
        let mut patients = Vec::with_capacity(site_of.len());
        let ranges = sites.values().map(|of_site| {
            patients.extend(of_site);
            patients.len() - of_site.len()..patients.len()
        });
        let strata = vec![ranges.collect()];
        Ok(Self { strata, patients, clustering: Clustering::Sites })
    }

    /// Patients or sites, as asked.
    ///
    /// # Errors
    /// [`StatisticsError::TooFew`] below two of them.
    pub fn clustered(site_of: &[SiteIndex], clustering: Clustering) -> Result<Self, StatisticsError> {
        match clustering {
            Clustering::Patients => Self::patients(site_of.len()),
            Clustering::Sites => Self::sites(site_of),
        }
    }

    /// Patients of groups that each keep their size, numbered group after group.
    pub(crate) fn within(sizes: &[usize]) -> Result<Self, StatisticsError> {
        let (mut strata, mut first) = (Vec::new(), 0);
        for &size in sizes {
            enough("patients", size)?;
            strata.push((first..first + size).map(|patient| patient..patient + 1).collect());
            first += size;
        }
        Ok(Self { strata, patients: (0..first).collect(), clustering: Clustering::Patients })
    }

    /// How many patients there are.
    pub fn patient_count(&self) -> usize {
        self.patients.len()
    }

    /// How many units are drawn: sites, or patients.
    pub fn unit_count(&self) -> usize {
        self.strata.iter().map(Vec::len).sum()
    }

    /// Whether units are patients or sites.
    pub fn clustering(&self) -> Clustering {
        self.clustering
    }

    /// All patients, in their order.
    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.patients.len()).collect()
    }

    /// As many units as there are, with replacement.
    pub(crate) fn drawn(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(self.patients.len());
        for stratum in &self.strata {
            for _ in 0..stratum.len() {
                let unit = &stratum[below(rng, stratum.len())];
                drawn.extend(&self.patients[unit.clone()]);
            }
        }
        drawn
    }

    /// For each stratum: the statistic without each of its units.
    pub(crate) fn leave_one_out(&self, statistic: impl Fn(&[usize]) -> Option<f64>) -> Option<Vec<Vec<f64>>> {
        let without = |unit: &Range<usize>| {
            let rest = [&self.patients[..unit.start], &self.patients[unit.end..]].concat();
            statistic(&rest)
        };
        self.strata.iter().map(|stratum| stratum.iter().map(without).collect()).collect()
    }
}

/// The generator of one resample: another stream of the seed for each, so that the order of work does not matter.
pub(crate) fn generator(seed: StatisticsSeed, resample: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.0);
    rng.set_stream(u64::from(resample));
    rng
}

/// Uniform below `end`, which is not 0, without bias (Lemire 2019).
fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    let end = end as u64;
    let biased = end.wrapping_neg() % end;
    loop {
        let wide = u128::from(rng.next_u64()) * u128::from(end);
        if wide as u64 >= biased {
            return (wide >> 64) as usize;
        }
    }
}

fn enough(what: &'static str, given: usize) -> Result<(), StatisticsError> {
    if given < UNITS_MIN { Err(StatisticsError::TooFew { what, given, least: UNITS_MIN }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: StatisticsSeed = StatisticsSeed(3);

    #[test]
    fn a_drawn_site_brings_all_its_patients() {
        let units = Units::sites(&[7, 2, 7, 7, 2].map(SiteIndex)).expect("two sites");
        assert_eq!((units.patient_count(), units.unit_count()), (5, 2));
        for resample in 0..50 {
            let mut drawn = units.drawn(&mut generator(SEED, resample));
            drawn.sort_unstable();
            let possible = [vec![0, 0, 2, 2, 3, 3], vec![0, 1, 2, 3, 4], vec![1, 1, 4, 4]];
            assert!(possible.contains(&drawn), "seed {SEED:?}: {drawn:?}");
        }
    }

    #[test]
    fn groups_keep_their_size() {
        let units = Units::within(&[3, 5]).expect("enough");
        for resample in 0..50 {
            let drawn = units.drawn(&mut generator(SEED, resample));
            assert_eq!(drawn.iter().filter(|patient| **patient < 3).count(), 3, "seed {SEED:?}");
            assert_eq!(drawn.len(), 8);
        }
    }

    #[test]
    fn draws_are_uniform() {
        let mut rng = generator(SEED, 0);
        let mut counts = [0u32; 3];
        for _ in 0..30_000 {
            counts[below(&mut rng, 3)] += 1;
        }
        // Six standard deviations: one seed in half a thousand million fails.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 490), "seed {SEED:?}: {counts:?}");
    }

    #[test]
    fn leaving_one_out_leaves_each_out_once() {
        let units = Units::sites(&[1, 2, 1].map(SiteIndex)).expect("two sites");
        let sums = units.leave_one_out(|patients| Some(patients.iter().sum::<usize>() as f64));
        assert_eq!(sums, Some(vec![vec![1.0, 2.0]]));
    }

    #[test]
    fn one_unit_is_refused() {
        assert!(Units::patients(1).is_err() && Units::patients(0).is_err());
        let error = Units::sites(&[SiteIndex(4); 9]).expect_err("one site");
        assert_eq!(error.to_string(), "1 sites are too few: at least 2 are needed");
    }
}
