//! Phantoms in three dimensions: cut-outs of an invented brain with a body of two parts, front and back, as
//! `.nii.gz` with spacing.

mod body;
mod scanner;

use crate::error::ImagingError;
use crate::volume::{Grid, Volume, VoxelType};
use body::Body;
use ndarray::Array3;
use scanner::VolumeScanner;
use std::path::Path;
use wardround_plan::{Stream, StreamKey};

/// One patient's volume with its labels.
pub(super) struct VolumePhantom {
    voxels: Array3<f32>,
    labels: Array3<u8>,
    grid: Grid,
    stored: VoxelType,
}

impl VolumePhantom {
    /// The patient of `person` at the site with number `site` and key `key`; `shape` is `[z, y, x]`.
    pub(super) fn draw(site: usize, key: &StreamKey, person: &mut Stream, shape: [usize; 3]) -> Self {
        let scanner = VolumeScanner::draw(site, &mut super::stream(&key.derive("volume-scanner"), 0));
        let body = Body::draw(person);
        Self {
            voxels: scanner.voxels(&body, shape, person),
            labels: scanner.labels(&body, shape),
            grid: Grid::upright(shape, scanner.spacing(shape)),
            stored: scanner.stored,
        }
    }

    /// Voxels that are not background.
    pub(super) fn foreground(&self) -> usize {
        self.labels.iter().filter(|class| **class > 0).count()
    }

    /// Writes the scan at `image` and what shall be found in it at `labels`.
    pub(super) fn save(self, image: &Path, labels: &Path) -> Result<(), ImagingError> {
        let found = Volume::of_labels(&self.labels, self.grid.clone());
        Volume { voxels: self.voxels, grid: self.grid }.write(image, self.stored)?;
        found.write(labels, VoxelType::U8)
    }
}

#[cfg(test)]
mod tests {
    use crate::{PatientGrouping, SiteFolder, SiteVolumes, SynthPlan, VolumeCase, synth};
    use std::collections::BTreeSet;

    fn sites(plan: &SynthPlan) -> (tempfile::TempDir, Vec<SiteVolumes>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let written = synth(dir.path(), plan).expect("written");
        let load = |folder| SiteFolder::open(folder, PatientGrouping::ByManifest).and_then(|site| site.load_volumes(3));
        let sites = written.iter().map(|site| load(&site.folder).expect("phantoms are good")).collect();
        (dir, sites)
    }

    fn cases(site: &SiteVolumes) -> impl Iterator<Item = &VolumeCase> {
        site.train.iter().chain(&site.validation).flat_map(|patient| &patient.cases)
    }

    #[test]
    fn four_sites_of_eight_to_twelve_patients_have_both_parts_and_differ_as_scanners_do() {
        let (_dir, sites) = sites(&SynthPlan::volumes());
        assert_eq!(sites.len(), 4);
        let mut spacings = BTreeSet::new();
        let mut brightest = Vec::new();
        for site in &sites {
            assert!((8..=12).contains(&(site.train.len() + site.validation.len())));
            for case in cases(site) {
                assert_eq!(case.voxels.shape(), [24, 32, 32]);
                let count = |class: u8| case.labels.iter().filter(|found| **found == class).count();
                assert!(count(1) > 40 && count(2) > 40 && count(1) + count(2) < 3000, "{} {}", count(1), count(2));
                let edge = |axis| [0, case.labels.len_of(ndarray::Axis(axis)) - 1];
                let cut = (0..3).any(|axis| {
                    edge(axis).iter().any(|at| case.labels.index_axis(ndarray::Axis(axis), *at).iter().any(|c| *c > 0))
                });
                assert!(!cut, "the target lies within the field of view");
            }
            spacings.extend(cases(site).map(|case| format!("{:.2?}", case.spacing.zyx())));
            brightest.push(cases(site).flat_map(|case| case.voxels.iter().copied()).fold(0.0, f32::max));
        }
        assert_eq!(spacings.len(), 4, "{spacings:?}");
        println!("{spacings:?} {brightest:?}");
        let (least, most) =
            (brightest.iter().copied().fold(f32::MAX, f32::min), brightest.iter().copied().fold(0.0, f32::max));
        assert!(most / least > 1000.0, "{brightest:?}");
    }

    #[test]
    fn a_finer_grid_shows_the_same_bodies() {
        let (_a, coarse) = sites(&SynthPlan::volumes());
        let (_b, fine) = sites(&SynthPlan { size_px: 48, slices_per_patient: 36, ..SynthPlan::volumes() });
        let foreground = |case: &VolumeCase| {
            case.labels.iter().filter(|class| **class > 0).count() as f64 * case.spacing.voxel_mm3()
        };
        for (coarse, fine) in coarse.iter().zip(&fine) {
            let ratio = |(coarse, fine): (&VolumeCase, &VolumeCase)| foreground(coarse) / foreground(fine);
            let ratios: Vec<f64> = cases(coarse).zip(cases(fine)).map(ratio).collect();
            // A body is two to six slices high: counting voxels gives each volume with an error, and not their mean.
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            assert!((0.95..1.05).contains(&mean) && ratios.iter().all(|one| (0.8..1.25).contains(one)), "{ratios:?}");
        }
    }

    /// Dice of the best pair of thresholds for each single volume: what brightness alone could reach at most.
    #[test]
    fn brightness_alone_does_not_find_the_target() {
        let (_dir, sites) = sites(&SynthPlan::volumes());
        for site in &sites {
            let scores: Vec<f64> = cases(site).map(best_by_brightness).collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            println!("best Dice by brightness {mean:.3}");
            assert!(mean < 0.6, "{mean}");
        }
    }

    fn best_by_brightness(case: &VolumeCase) -> f64 {
        let highest = case.voxels.iter().copied().fold(0.0, f32::max);
        let bin = |value: &f32| (value.max(0.0) / highest * 31.0).round() as usize;
        let (mut target, mut all) = ([0usize; 32], [0usize; 32]);
        for (value, class) in case.voxels.iter().zip(&case.labels) {
            all[bin(value)] += 1;
            target[bin(value)] += usize::from(*class > 0);
        }
        let size: usize = target.iter().sum();
        let dice = |from: usize, to: usize| {
            let (hit, marked): (usize, usize) = (target[from..=to].iter().sum(), all[from..=to].iter().sum());
            2.0 * hit as f64 / (marked + size) as f64
        };
        (0..32).flat_map(|from| (from..32).map(move |to| (from, to))).map(|(a, b)| dice(a, b)).fold(0.0, f64::max)
    }
}
