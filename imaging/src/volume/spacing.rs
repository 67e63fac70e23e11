//! Distances between voxels.

/// Millimetres between the centres of neighbouring voxels along z, y and x; finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpacingMm {
    z: f64,
    y: f64,
    x: f64,
}

impl SpacingMm {
    /// One millimetre each way.
    pub const ISOTROPIC_1: Self = Self { z: 1.0, y: 1.0, x: 1.0 };

    /// From `[z, y, x]`; `None` where one is not finite or not above 0.
    pub fn new(zyx: [f64; 3]) -> Option<Self> {
        let [z, y, x] = zyx;
        zyx.iter().all(|side| side.is_finite() && *side > 0.0).then_some(Self { z, y, x })
    }

    /// `[z, y, x]`, in the order of an array's axes.
    pub fn zyx(self) -> [f64; 3] {
        [self.z, self.y, self.x]
    }

    /// Volume of one voxel in cubic millimetres.
    pub fn voxel_mm3(self) -> f64 {
        self.z * self.y * self.x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lengths_are_spacings() {
        let spacing = SpacingMm::new([3.0, 0.5, 0.25]).expect("lengths");
        assert_eq!((spacing.zyx(), spacing.voxel_mm3()), ([3.0, 0.5, 0.25], 0.375));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(SpacingMm::new([1.0, bad, 1.0]), None, "{bad}");
        }
    }
}
