//! Random changes of a training volume, drawn from a stream; where voxels move, the labels move along.
//!
//! Only what needs no resampling in three dimensions: mirrors and intensities. Which axes may be mirrored is the
//! study's to say: a hippocampus has a front and a back part, and a left one looks like a right one in a mirror.

use super::VolumeExample;
use crate::augment::{GAMMA, bend, factor};
use ndarray::Axis;
use rand::RngExt as _;
use wardround_plan::Stream;

/// One kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeAugmentation {
    /// Mirror along this axis with probability one half.
    Flip(VolumeAxis),
    /// Multiply intensities by 0.8 to 1.25.
    Gain,
    /// Raise normalised intensities to a power of 0.7 to 1.5.
    Gamma,
    /// Exchange bright and dark with probability one half.
    Invert,
}

/// An axis of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeAxis {
    /// Foot to head, z.
    Depth,
    /// Back to front, y.
    Height,
    /// Left to right, x.
    Width,
}

/// A changed copy of `example`. The same stream gives the same copy; no changes give an exact copy.
pub fn augment_volume(example: &VolumeExample, changes: &[VolumeAugmentation], stream: &mut Stream) -> VolumeExample {
    let mut changed = example.clone();
    changes.iter().for_each(|change| change.apply(&mut changed, stream));
    VolumeExample {
        voxels: changed.voxels.as_standard_layout().into_owned(),
        classes: changed.classes.as_standard_layout().into_owned(),
    }
}

impl VolumeAugmentation {
    fn apply(self, example: &mut VolumeExample, stream: &mut Stream) {
        match self {
            Self::Flip(axis) => {
                if stream.random_bool(0.5) {
                    example.voxels.invert_axis(Axis(axis.index() + 1));
                    example.classes.invert_axis(Axis(axis.index()));
                }
            }
            Self::Gain => {
                let gain = factor(stream);
                example.voxels.mapv_inplace(|value| value * gain);
            }
            Self::Gamma => {
                let gamma = stream.random_range(GAMMA.0..=GAMMA.1);
                example.voxels.outer_iter_mut().for_each(|channel| bend(channel, gamma));
            }
            Self::Invert => {
                if stream.random_bool(0.5) {
                    example.voxels.mapv_inplace(|value| -value);
                }
            }
        }
    }
}

impl VolumeAxis {
    /// In an array `[z, y, x]`.
    fn index(self) -> usize {
        match self {
            Self::Depth => 0,
            Self::Height => 1,
            Self::Width => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Array4};
    use rand::SeedableRng as _;

    const FLIPS: [VolumeAugmentation; 3] = [
        VolumeAugmentation::Flip(VolumeAxis::Depth),
        VolumeAugmentation::Flip(VolumeAxis::Height),
        VolumeAugmentation::Flip(VolumeAxis::Width),
    ];
    const TONES: [VolumeAugmentation; 3] =
        [VolumeAugmentation::Gain, VolumeAugmentation::Gamma, VolumeAugmentation::Invert];

    /// Each voxel's intensity is its label, so that they can be held against each other after any flip.
    fn example() -> VolumeExample {
        let classes = Array3::from_shape_fn((3, 4, 5), |(z, y, x)| (z * 20 + y * 5 + x) as u8);
        let voxels = Array4::from_shape_fn((2, 3, 4, 5), |(_, z, y, x)| f32::from(classes[[z, y, x]]));
        VolumeExample { voxels, classes }
    }

    fn stream(seed: u64) -> Stream {
        Stream::seed_from_u64(seed)
    }

    #[test]
    fn labels_move_with_their_voxels_and_lie_in_memory_like_any_other() {
        for seed in 0..64 {
            let changed = augment_volume(&example(), &FLIPS, &mut stream(seed));
            assert!(changed.voxels.outer_iter().all(|channel| channel == changed.classes.mapv(f32::from)), "{seed}");
            assert!(changed.voxels.is_standard_layout() && changed.classes.is_standard_layout());
        }
    }

    #[test]
    fn only_the_allowed_axis_is_mirrored_and_about_half_the_time() {
        let mut mirrored = 0;
        for seed in 0..200 {
            let changed = augment_volume(&example(), &FLIPS[2..], &mut stream(seed));
            let first = changed.classes[[0, 0, 0]];
            assert!(first == 0 || first == 4, "only x may move, seed {seed}");
            mirrored += usize::from(first == 4);
        }
        assert!((65..=135).contains(&mirrored), "{mirrored} of 200: beyond 5 standard deviations");
    }

    #[test]
    fn tones_leave_labels_and_order_alone() {
        let example = example();
        for seed in 0..32 {
            let changed = augment_volume(&example, &TONES, &mut stream(seed));
            assert_eq!(changed.classes, example.classes);
            assert!(changed.voxels.iter().all(|value| value.is_finite()));
            let rising = changed.voxels[[0, 2, 3, 4]] > changed.voxels[[0, 0, 0, 0]];
            let steps = changed.voxels.index_axis(Axis(0), 0).iter().copied().collect::<Vec<_>>();
            assert!(steps.windows(2).all(|pair| (pair[1] > pair[0]) == rising), "seed {seed}");
        }
        assert_ne!(augment_volume(&example, &TONES, &mut stream(1)), example);
    }

    #[test]
    fn one_stream_gives_one_copy_and_no_changes_an_exact_one() {
        let all = [FLIPS, TONES].concat();
        let copy = |seed| augment_volume(&example(), &all, &mut stream(seed));
        assert_eq!(copy(5), copy(5));
        assert_eq!(augment_volume(&example(), &[], &mut stream(5)), example());
    }
}
