//! An organ as a physician drew it and as a model found it: an ellipsoid with a lobe, and the same somewhat off.

use crate::Outcome;
use ndarray::{Array3, ArrayD};
use wardround_metrics::{Case, Maps, Spacing};

/// Voxels of the volume.
pub const SHAPE: [usize; 3] = [256, 256, 128];
/// Millimetres between them.
pub const SPACING_MM: [f64; 3] = [0.8, 0.8, 2.0];

/// Both masks of an organ.
pub struct Organ {
    /// What it is the size of.
    pub name: &'static str,
    /// What the model found.
    pub prediction: ArrayD<u8>,
    /// What the physician drew.
    pub truth: ArrayD<u8>,
    spacing: Spacing,
}

/// Centre and radii in voxels.
struct Ellipsoid([i64; 3], [i64; 3]);

impl Organ {
    /// About 64 x 48 x 112 mm.
    pub fn kidney() -> Outcome<Self> {
        let truth = [Ellipsoid([120, 130, 60], [40, 30, 28]), Ellipsoid([140, 140, 75], [16, 16, 8])];
        let prediction = [Ellipsoid([122, 129, 61], [39, 31, 27]), Ellipsoid([140, 144, 72], [15, 15, 9])];
        Self::drawn("kidney", &prediction, &truth)
    }

    /// About 144 x 112 x 148 mm.
    pub fn liver() -> Outcome<Self> {
        let truth = [Ellipsoid([120, 130, 60], [90, 70, 37]), Ellipsoid([170, 170, 70], [50, 40, 20])];
        let prediction = [Ellipsoid([124, 128, 61], [88, 71, 36]), Ellipsoid([172, 174, 68], [48, 38, 22])];
        Self::drawn("liver", &prediction, &truth)
    }

    fn drawn(name: &'static str, prediction: &[Ellipsoid], truth: &[Ellipsoid]) -> Outcome<Self> {
        let map = |parts: &[Ellipsoid]| {
            let inside = |at: (usize, usize, usize)| parts.iter().any(|part| part.contains([at.0, at.1, at.2]));
            Array3::from_shape_fn(SHAPE, |at| u8::from(inside(at))).into_dyn()
        };
        Ok(Self { name, prediction: map(prediction), truth: map(truth), spacing: Spacing::volume(SPACING_MM)? })
    }

    /// Both masks, to be scored.
    pub fn case(&self) -> Outcome<Case<'_>> {
        Ok(Case::new(Maps { prediction: self.prediction.view(), truth: self.truth.view() }, self.spacing)?)
    }
}

impl Ellipsoid {
    fn contains(&self, at: [usize; 3]) -> bool {
        let whole: i64 = self.1.iter().map(|radius| radius * radius).product();
        let part = |axis: usize| (at[axis] as i64 - self.0[axis]).pow(2) * (whole / self.1[axis].pow(2));
        (0..3).map(part).sum::<i64>() <= whole
    }
}
