//! One hospital's scanner: its units, its slices, its noise.

use super::super::scanner::normal_pair;
use super::body::{Body, Place};
use crate::volume::{SpacingMm, VoxelType};
use ndarray::Array3;
use rand::RngExt as _;
use wardround_plan::Stream;

/// The shape that spacings below are for; with other shapes the field of view stays.
const SHAPE: [f64; 3] = [24.0, 32.0, 32.0];

/// A scanner with its settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VolumeScanner {
    /// Stored value of signal 1.
    gain: f32,
    /// How values are stored.
    pub(super) stored: VoxelType,
    /// Millimetres along z, y, x on a grid of [`SHAPE`].
    spacing: [f64; 3],
    /// Standard deviation of the noise in each of the two channels of the receiver.
    noise: f32,
    /// Share by which the signal falls from the front to the back.
    shading: f32,
}

impl VolumeScanner {
    /// The scanner of the site with this number. The first four differ as much as scanners do; those after vary them.
    pub(super) fn draw(site: usize, stream: &mut Stream) -> Self {
        let mut scanner = typical(site % 4);
        if site >= 4 {
            let mut vary = |by: f32| stream.random_range(1.0 - by..1.0 + by);
            scanner.gain *= vary(0.2);
            scanner.noise *= vary(0.4);
            scanner.shading *= vary(0.5);
            let zoom = f64::from(vary(0.05));
            scanner.spacing = scanner.spacing.map(|side| side * zoom);
        }
        scanner
    }

    /// Spacing on a grid of `shape`.
    pub(super) fn spacing(&self, shape: [usize; 3]) -> SpacingMm {
        let side = |axis: usize| self.spacing[axis] * SHAPE[axis] / shape[axis].max(1) as f64;
        SpacingMm::new([side(0), side(1), side(2)]).expect("positive numbers over numbers from 1")
    }

    /// The scan of `body` on a grid of `shape`, as stored.
    pub(super) fn voxels(&self, body: &Body, shape: [usize; 3], stream: &mut Stream) -> Array3<f32> {
        let grid = Middle { shape, spacing: self.spacing(shape) };
        let mut voxels = Array3::zeros(shape);
        for (at, stored) in voxels.indexed_iter_mut() {
            let (real, imaginary) = normal_pair(stream);
            let signal = grid.mean_of_slice(at, |place| body.signal(place)) * self.shade(grid.place(at, 0.0));
            // Magnitude of a complex signal with noise in both parts: noise in the dark is never negative (Rice).
            *stored = self.store((signal + self.noise * real).hypot(self.noise * imaginary));
        }
        voxels
    }

    /// What shall be found in that scan.
    pub(super) fn labels(&self, body: &Body, shape: [usize; 3]) -> Array3<u8> {
        let grid = Middle { shape, spacing: self.spacing(shape) };
        Array3::from_shape_fn(shape, |at| body.class(grid.place(at, 0.0)))
    }

    fn shade(&self, at: Place) -> f32 {
        let half = (self.spacing[1] * SHAPE[1] / 2.0) as f32;
        1.0 + self.shading * at.y / half
    }

    fn store(&self, received: f32) -> f32 {
        let value = self.gain * received;
        match self.stored {
            VoxelType::U8 => value.round().min(f32::from(u8::MAX)),
            VoxelType::I16 => value.round().min(f32::from(i16::MAX)),
            _ => value,
        }
    }
}

/// A grid about the middle of the picture.
struct Middle {
    shape: [usize; 3],
    spacing: SpacingMm,
}

impl Middle {
    /// The centre of a voxel, moved by a share of the slice's thickness.
    fn place(&self, (z, y, x): (usize, usize, usize), up: f64) -> Place {
        let [dz, dy, dx] = self.spacing.zyx();
        let [depth, height, width] = self.shape;
        let along = |at: usize, side: usize, mm: f64| (at as f64 + 0.5 - side as f64 / 2.0) * mm;
        Place {
            x: along(x, width, dx) as f32,
            y: along(y, height, dy) as f32,
            z: (along(z, depth, dz) + up * dz) as f32,
        }
    }

    /// The mean through the slice, which is what a thick slice shows, in steps of about a millimetre.
    fn mean_of_slice(&self, at: (usize, usize, usize), signal: impl Fn(Place) -> f32) -> f32 {
        let steps = self.spacing.zyx()[0].round().max(1.0) as usize;
        let up = |step: usize| (step as f64 + 0.5) / steps as f64 - 0.5;
        (0..steps).map(|step| signal(self.place(at, up(step)))).sum::<f32>() / steps as f32
    }
}

fn typical(kind: usize) -> VolumeScanner {
    let scanner = |gain, stored, spacing, noise, shading| VolumeScanner { gain, stored, spacing, noise, shading };
    match kind {
        0 => scanner(180.0, VoxelType::U8, [1.0, 1.0, 1.0], 0.03, 0.1),
        1 => scanner(3000.0, VoxelType::I16, [2.0, 1.0, 1.0], 0.05, 0.2),
        2 => scanner(400_000.0, VoxelType::F32, [1.0, 0.85, 0.85], 0.06, -0.15),
        _ => scanner(900.0, VoxelType::I16, [1.5, 1.2, 1.2], 0.08, 0.3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn the_first_four_scanners_differ_and_later_ones_vary_them() {
        let draw = |site| VolumeScanner::draw(site, &mut Stream::seed_from_u64(1));
        assert!((0..4).all(|a| (0..a).all(|b| draw(a) != draw(b))));
        assert_ne!(draw(4), draw(0));
        assert_eq!(draw(4).stored, VoxelType::U8);
    }

    #[test]
    fn the_field_of_view_does_not_depend_on_the_grid() {
        let scanner = VolumeScanner::draw(1, &mut Stream::seed_from_u64(1));
        assert_eq!(scanner.spacing([24, 32, 32]).zyx(), [2.0, 1.0, 1.0]);
        assert_eq!(scanner.spacing([48, 64, 16]).zyx(), [1.0, 0.5, 2.0]);
    }

    #[test]
    fn a_thick_slice_shows_the_mean_of_what_it_holds() {
        let grid = Middle { shape: [2, 2, 2], spacing: SpacingMm::new([4.0, 1.0, 1.0]).expect("lengths") };
        assert_eq!(grid.mean_of_slice((1, 0, 0), |place| place.z), 2.0);
        assert_eq!(grid.mean_of_slice((1, 0, 0), |place| f32::from(u8::from(place.z > 1.0))), 0.75);
    }
}
