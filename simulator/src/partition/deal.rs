//! The rules from patients to sites.

use super::Partition;
use crate::draw::{shuffle, unit};
use rand_distr::{Distribution, Gamma};
use wardround_plan::Stream;

/// What the rules look at in a patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatientTraits {
    /// The folder she came from, from 0.
    pub folder: usize,
    /// What she is for; stays with her wherever she is dealt.
    pub role: Role,
    /// Share of foreground in her masks.
    pub foreground: f64,
    /// Mean intensity of her images.
    pub brightness: f64,
}

/// What a patient is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To train on.
    Train,
    /// To measure on.
    Validation,
}

/// A data set that cannot become so many sites.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// There are not enough patients for one each.
    #[error(
        "{patients} training patients cannot be dealt to {sites} sites: lower `population` in [simulation], or bring more data"
    )]
    TooFew {
        /// Training patients there are.
        patients: usize,
        /// Sites asked for.
        sites: usize,
    },
    /// The natural partition has another number of sites.
    #[error(
        "the data has {folders} site folders, [simulation] `population = {sites}`: write `population = {folders}`, or another [simulation.partition]"
    )]
    OtherNumber {
        /// Folders there are.
        folders: usize,
        /// Sites asked for.
        sites: usize,
    },
}

impl Partition {
    /// The numbers of the patients of each of `sites` sites, in order; every site gets at least one to train on where not
    /// the folders decide. Both roles are dealt by the same shares, so that a site is measured on what it is like.
    ///
    /// # Errors
    /// [`PartitionError`]
    pub(crate) fn deal(
        &self,
        patients: &[PatientTraits],
        sites: usize,
        stream: &mut Stream,
    ) -> Result<Vec<Vec<usize>>, PartitionError> {
        if let Self::Natural = self {
            return natural(patients, sites);
        }
        let trained_on = patients.iter().filter(|patient| patient.role == Role::Train).count();
        if trained_on < sites {
            return Err(PartitionError::TooFew { patients: trained_on, sites });
        }
        let mut all: Vec<usize> = (0..patients.len()).collect();
        shuffle(&mut all, stream);
        let mut dealt = match *self {
            Self::Natural | Self::Iid => evenly(&all, sites),
            Self::Quantity { alpha } => by_shares(&all, &dirichlet(alpha, sites, stream)),
            Self::DirichletLabel { alpha, classes } => by_label(all, patients, alpha, classes as usize, sites, stream),
            Self::FeatureShift { mixed } => by_brightness(&all, patients, mixed, sites, stream),
        };
        nobody_idle(&mut dealt, patients);
        dealt.iter_mut().for_each(|site| site.sort_unstable());
        Ok(dealt)
    }
}

fn natural(patients: &[PatientTraits], sites: usize) -> Result<Vec<Vec<usize>>, PartitionError> {
    let folders = patients.iter().map(|patient| patient.folder + 1).max().unwrap_or(0);
    if folders != sites {
        return Err(PartitionError::OtherNumber { folders, sites });
    }
    let mut dealt = vec![Vec::new(); sites];
    patients.iter().enumerate().for_each(|(number, patient)| dealt[patient.folder].push(number));
    Ok(dealt)
}

/// Cut into parts whose lengths differ by one at most.
fn evenly(all: &[usize], sites: usize) -> Vec<Vec<usize>> {
    let cut = |site: usize| all.len() * site / sites;
    (0..sites).map(|site| all[cut(site)..cut(site + 1)].to_vec()).collect()
}

/// Cut where the running sum of the shares, which add up to 1, says.
fn by_shares(all: &[usize], shares: &[f64]) -> Vec<Vec<usize>> {
    let ends = shares.iter().scan(0.0, |sum, share| {
        *sum += share;
        Some(((*sum * all.len() as f64).round() as usize).min(all.len()))
    });
    let mut ends: Vec<usize> = ends.collect();
    if let Some(last) = ends.last_mut() {
        *last = all.len();
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, end)| all[start..*end].to_vec()).collect()
}

fn by_label(
    mut all: Vec<usize>,
    patients: &[PatientTraits],
    alpha: f64,
    classes: usize,
    sites: usize,
    stream: &mut Stream,
) -> Vec<Vec<usize>> {
    // Stable: patients alike stay in the shuffled order, so that ties are cut at random.
    all.sort_by(|a, b| patients[*a].foreground.total_cmp(&patients[*b].foreground));
    let mut dealt = vec![Vec::new(); sites];
    for mut class in evenly(&all, classes) {
        shuffle(&mut class, stream);
        let parts = by_shares(&class, &dirichlet(alpha, sites, stream));
        dealt.iter_mut().zip(parts).for_each(|(site, part)| site.extend(part));
    }
    dealt
}

fn by_brightness(
    all: &[usize],
    patients: &[PatientTraits],
    mixed: f64,
    sites: usize,
    stream: &mut Stream,
) -> Vec<Vec<usize>> {
    let (random, mut sorted): (Vec<usize>, Vec<usize>) = all.iter().partition(|_| unit(stream) < mixed);
    sorted.sort_by(|a, b| patients[*a].brightness.total_cmp(&patients[*b].brightness));
    let mut dealt = evenly(&sorted, sites);
    dealt.iter_mut().zip(evenly(&random, sites)).for_each(|(site, part)| site.extend(part));
    dealt
}

/// A draw from the symmetric Dirichlet distribution: gammas over their sum.
fn dirichlet(alpha: f64, sites: usize, stream: &mut Stream) -> Vec<f64> {
    let gamma = Gamma::new(alpha, 1.0).expect("alpha was checked to be positive and finite");
    let draws: Vec<f64> = (0..sites).map(|_| gamma.sample(stream)).collect();
    let sum: f64 = draws.iter().sum();
    // With a tiny alpha all gammas can underflow; then one site has it all.
    if sum > 0.0 { draws.iter().map(|draw| draw / sum).collect() } else { one_has_all(sites, stream) }
}

fn one_has_all(sites: usize, stream: &mut Stream) -> Vec<f64> {
    let lucky = (unit(stream) * sites as f64) as usize;
    (0..sites).map(|site| f64::from(u8::from(site == lucky))).collect()
}

/// The site with the most training patients gives its last one to each that has none.
fn nobody_idle(dealt: &mut [Vec<usize>], patients: &[PatientTraits]) {
    let to_train = |patient: &usize| patients[*patient].role == Role::Train;
    let count = |site: &Vec<usize>| site.iter().filter(|patient| to_train(patient)).count();
    while let Some(idle) = dealt.iter().position(|site| count(site) == 0) {
        let richest = (0..dealt.len()).max_by_key(|site| (count(&dealt[*site]), usize::MAX - site));
        let place = richest.and_then(|site| Some((site, dealt[site].iter().rposition(to_train)?)));
        let Some((site, place)) = place else { return };
        let patient = dealt[site].remove(place);
        dealt[idle].push(patient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::Seeds;

    /// Patients of three folders whose brightness and foreground grow with their number.
    fn patients(count: usize) -> Vec<PatientTraits> {
        let patient = |number: usize| PatientTraits {
            folder: number % 3,
            role: if number % 5 == 4 { Role::Validation } else { Role::Train },
            foreground: number as f64 / count as f64,
            brightness: number as f64,
        };
        (0..count).map(patient).collect()
    }

    fn dealt(partition: Partition, count: usize, sites: usize, seed: u64) -> Vec<Vec<usize>> {
        partition.deal(&patients(count), sites, &mut Seeds::new(seed).partition()).expect("enough patients")
    }

    fn sizes(dealt: &[Vec<usize>]) -> Vec<usize> {
        dealt.iter().map(Vec::len).collect()
    }

    const ALL: [Partition; 5] = [
        Partition::Iid,
        Partition::DirichletLabel { alpha: 0.01, classes: 4 },
        Partition::Quantity { alpha: 0.01 },
        Partition::Quantity { alpha: 1000.0 },
        Partition::FeatureShift { mixed: 0.3 },
    ];

    #[test]
    fn every_patient_is_at_one_site_and_every_site_trains() {
        for partition in ALL {
            for (count, sites) in [(60, 7), (7, 6), (1, 1), (300, 40)] {
                let dealt = dealt(partition, count, sites, 1);
                let mut everyone: Vec<usize> = dealt.iter().flatten().copied().collect();
                everyone.sort_unstable();
                assert_eq!(everyone, (0..count).collect::<Vec<_>>(), "{partition:?}");
                let trains = |site: &Vec<usize>| site.iter().any(|patient| patient % 5 != 4);
                assert!(dealt.len() == sites && dealt.iter().all(trains), "{partition:?}");
            }
        }
    }

    #[test]
    fn the_seed_alone_decides() {
        for partition in ALL {
            assert_eq!(dealt(partition, 100, 9, 5), dealt(partition, 100, 9, 5));
            assert_ne!(dealt(partition, 100, 9, 5), dealt(partition, 100, 9, 6), "{partition:?}");
        }
    }

    #[test]
    fn a_small_alpha_is_unequal_and_a_large_one_is_not() {
        let spread = |alpha| {
            let sizes = sizes(&dealt(Partition::Quantity { alpha }, 1000, 10, 2));
            sizes.iter().max().zip(sizes.iter().min()).map(|(most, least)| most - least).expect("sites")
        };
        assert!(spread(0.1) > 300 && spread(10_000.0) < 20, "{} {}", spread(0.1), spread(10_000.0));
        assert_eq!(sizes(&dealt(Partition::Iid, 1001, 10, 2)).iter().max(), Some(&101));
    }

    #[test]
    fn labels_gather_at_sites_with_a_small_alpha() {
        let patients = patients(1000);
        let mean = |site: &Vec<usize>| {
            site.iter().map(|patient| patients[*patient].foreground).sum::<f64>() / site.len() as f64
        };
        let spread = |alpha| {
            let dealt = dealt(Partition::DirichletLabel { alpha, classes: 10 }, 1000, 10, 3);
            let means: Vec<f64> = dealt.iter().map(mean).collect();
            means.iter().copied().fold(0.0, f64::max) - means.iter().copied().fold(1.0, f64::min)
        };
        assert!(spread(0.1) > 0.3 && spread(10_000.0) < 0.1, "{} {}", spread(0.1), spread(10_000.0));
    }

    #[test]
    fn a_feature_shift_sorts_sites_by_brightness_and_mixing_undoes_it() {
        let sorted = dealt(Partition::FeatureShift { mixed: 0.0 }, 90, 3, 1);
        assert_eq!(sorted, [(0..30).collect::<Vec<_>>(), (30..60).collect(), (60..90).collect()]);
        let mixed = dealt(Partition::FeatureShift { mixed: 1.0 }, 90, 3, 1);
        assert!(mixed.iter().all(|site| site.iter().any(|patient| *patient < 30)), "{mixed:?}");
    }

    #[test]
    fn natural_sites_are_the_folders_and_other_numbers_are_refused() {
        assert_eq!(dealt(Partition::Natural, 6, 3, 1), [[0, 3], [1, 4], [2, 5]]);
        let refused = Partition::Natural.deal(&patients(6), 4, &mut Seeds::new(1).partition());
        assert_eq!(refused, Err(PartitionError::OtherNumber { folders: 3, sites: 4 }));
        let refused = Partition::Iid.deal(&patients(6), 7, &mut Seeds::new(1).partition());
        assert_eq!(refused, Err(PartitionError::TooFew { patients: 5, sites: 7 }));
    }
}
