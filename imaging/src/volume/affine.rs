//! From voxel indices to millimetres in the patient: NIfTI's three ways to say it, and the order of axes in it.

/// Smallest volume of the parallelepiped that three axes of length 1 may span: below, two axes are one.
const INDEPENDENCE_MIN: f64 = 1e-3;
/// All orders of three axes; of equally good ones the first is taken.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Rows are x (right), y (front), z (head) in millimetres; columns are the file's axes i, j, k, and the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine([[f64; 4]; 3]);

/// Which file axis, read which way, runs along each axis of the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orientation {
    /// For x, y, z: the file's axis, 0 for i.
    pub(super) axis: [usize; 3],
    /// For x, y, z: true where that axis runs the other way.
    pub(super) reversed: [bool; 3],
}

/// NIfTI's method 2: a rotation as a quaternion, spacing, handedness, origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quaternion {
    pub(super) bcd: [f64; 3],
    pub(super) spacing: [f64; 3],
    /// -1 where the third axis is mirrored.
    pub(super) handedness: f64,
    pub(super) origin: [f64; 3],
}

impl Affine {
    /// NIfTI's method 3: the rows as stored.
    pub(super) fn rows(rows: [[f64; 4]; 3]) -> Option<Self> {
        Self(rows).checked()
    }

    /// NIfTI's method 1: spacing alone. The file does not say which way it lies; as nifti1.h has it, i is taken to
    /// run to the right, j to the front and k to the head, from a corner at 0.
    pub(super) fn diagonal(spacing: [f64; 3]) -> Option<Self> {
        let row = |axis: usize| {
            let mut row = [0.0; 4];
            row[axis] = spacing[axis];
            row
        };
        Self([row(0), row(1), row(2)]).checked()
    }

    /// Formula of nifti1.h, `nifti_quatern_to_mat44`.
    pub(super) fn quaternion(from: &Quaternion) -> Option<Self> {
        let [b, c, d] = from.bcd;
        let rest = 1.0 - (b * b + c * c + d * d);
        // A half turn has a = 0; rounding may leave the rest a little below, and the vector a little too long.
        let (a, [b, c, d]) = match rest > 1e-7 {
            true => (rest.sqrt(), from.bcd),
            false => (0.0, from.bcd.map(|part| part / (1.0 - rest).sqrt())),
        };
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ];
        let [i, j, k] = from.spacing;
        let row = |axis: usize| {
            let [x, y, z] = rotation[axis];
            [x * i, y * j, z * k * from.handedness, from.origin[axis]]
        };
        Self([row(0), row(1), row(2)]).checked()
    }

    /// In another unit of length.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self(self.0.map(|row| row.map(|value| value * factor)))
    }

    /// The stored rows.
    pub(super) fn to_rows(self) -> [[f64; 4]; 3] {
        self.0
    }

    /// Millimetres between voxels along the file's axes.
    pub(super) fn spacing(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.column(axis).iter().map(|part| part * part).sum::<f64>().sqrt())
    }

    /// The place of voxel `ijk`.
    pub(super) fn place(&self, ijk: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| row[3] + (0..3).map(|axis| row[axis] * ijk[axis]).sum::<f64>())
    }

    /// The order of axes that lies closest to the patient's: the largest product of cosines.
    pub(super) fn orientation(&self) -> Orientation {
        let spacing = self.spacing();
        let cosine = |world: usize, axis: usize| self.0[world][axis] / spacing[axis];
        let closeness = |order: &[usize; 3]| (0..3).map(|world| cosine(world, order[world]).abs()).product::<f64>();
        let mut best = ORDERS[0];
        for order in ORDERS {
            if closeness(&order) > closeness(&best) {
                best = order;
            }
        }
        Orientation { axis: best, reversed: [0, 1, 2].map(|world| cosine(world, best[world]) < 0.0) }
    }

    fn column(&self, axis: usize) -> [f64; 3] {
        self.0.map(|row| row[axis])
    }

    fn checked(self) -> Option<Self> {
        let finite = self.0.iter().flatten().all(|value| value.is_finite());
        let spacing = self.spacing();
        let [a, b, c] = [0, 1, 2].map(|axis| self.column(axis).map(|part| part / spacing[axis]));
        let spanned = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        let lengths = spacing.iter().all(|side| side.is_finite() && *side > 0.0);
        // A comparison with NaN is false, so an axis of length 0 is refused here too.
        (finite && lengths && spanned.abs() > INDEPENDENCE_MIN).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_about_z_exchanges_two_axes() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let turn = Quaternion { bcd: [0.0, 0.0, half], spacing: [2.0, 3.0, 4.0], handedness: -1.0, origin: [7.0; 3] };
        let affine = Affine::quaternion(&turn).expect("a rotation");
        let [x, y, z] = affine.place([1.0, 1.0, 1.0]);
        assert!((x - 4.0).abs() < 1e-9 && (y - 9.0).abs() < 1e-9 && (z - 3.0).abs() < 1e-9, "{x} {y} {z}");
        assert_eq!(affine.orientation(), Orientation { axis: [1, 0, 2], reversed: [true, false, true] });
    }

    #[test]
    fn a_half_turn_survives_rounding() {
        let turn = Quaternion { bcd: [0.0, 0.0, 1.000_000_1], spacing: [1.0; 3], handedness: 1.0, origin: [0.0; 3] };
        let [x, y, z] = Affine::quaternion(&turn).expect("a rotation").place([1.0, 2.0, 3.0]);
        assert!((x + 1.0).abs() < 1e-12 && (y + 2.0).abs() < 1e-12 && (z - 3.0).abs() < 1e-12, "{x} {y} {z}");
    }

    #[test]
    fn affines_without_volume_are_refused() {
        assert_eq!(Affine::diagonal([1.0, 0.0, 1.0]), None);
        assert_eq!(Affine::diagonal([1.0, f64::NAN, 1.0]), None);
        let flat = [[1.0, 1.0, 0.0, 0.0], [0.0, 1e-6, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        assert_eq!(Affine::rows(flat), None);
        assert!(Affine::rows([[0.0, 0.0, 2.0, 5.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]]).is_some());
    }
}
