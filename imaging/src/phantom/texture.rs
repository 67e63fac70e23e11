//! Value noise: the grain and the clouds that tissue shows on a scan.

use rand::RngExt as _;
use wardround_plan::Stream;

/// Side of the lattice; it repeats beyond.
const LATTICE: usize = 64;
/// Octaves of a cloud: each doubles the frequency and halves the weight.
const OCTAVES: i32 = 3;

/// A random surface with values in -1..=1.
#[derive(Debug)]
pub(crate) struct Texture(Vec<f32>);

impl Texture {
    pub(crate) fn draw(stream: &mut Stream) -> Self {
        Self((0..LATTICE * LATTICE).map(|_| stream.random_range(-1.0..=1.0)).collect())
    }

    /// Smooth noise; neighbouring lattice points are 1 apart.
    pub(crate) fn grain(&self, x: f32, y: f32) -> f32 {
        let (column, right) = (x.floor(), smooth(x - x.floor()));
        let (row, below) = (y.floor(), smooth(y - y.floor()));
        let at = |dy: isize, dx: isize| {
            let wrap = |place: f32, by: isize| (place as isize + by).rem_euclid(LATTICE as isize) as usize;
            self.0[wrap(row, dy) * LATTICE + wrap(column, dx)]
        };
        let upper = at(0, 0) * (1.0 - right) + at(0, 1) * right;
        let lower = at(1, 0) * (1.0 - right) + at(1, 1) * right;
        upper * (1.0 - below) + lower * below
    }

    /// Noise at several scales.
    pub(crate) fn cloud(&self, x: f32, y: f32) -> f32 {
        let octave = |power: i32| {
            let scale = 2f32.powi(power);
            self.grain(x * scale + 17.0 * power as f32, y * scale) / scale
        };
        (0..OCTAVES).map(octave).sum::<f32>() / (2.0 - 0.5f32.powi(OCTAVES - 1))
    }
}

fn smooth(share: f32) -> f32 {
    share * share * (3.0 - 2.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn noise_is_bounded_continuous_and_not_flat() {
        let texture = Texture::draw(&mut Stream::seed_from_u64(1));
        let values: Vec<f32> = (0..4000).map(|i| texture.cloud(i as f32 * 0.01 - 20.0, i as f32 * 0.003)).collect();
        assert!(values.iter().all(|value| value.abs() <= 1.0));
        assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.12));
        assert!(values.iter().any(|value| *value > 0.2) && values.iter().any(|value| *value < -0.2));
    }
}
