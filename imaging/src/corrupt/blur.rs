//! Lost sharpness. Every kernel is symmetric about its pixel, so that nothing moves off its mask: ImageNet-C's motion
//! and zoom blur, which pull to one side, are centred here. Beyond the edge the edge is repeated.

use ndarray::{Array2, ArrayView2, Axis};
use rand::RngExt as _;
use std::f32::consts::FRAC_PI_4;
use wardround_plan::Stream;

/// Reach of a Gaussian in standard deviations, as scipy cuts it.
const TRUNCATE: f32 = 4.0;
/// Pictures that a zoom blur is the mean of.
const ZOOM_STEPS: u8 = 11;

/// A pixel of a kernel: how far it is, and what it counts.
pub(super) struct Tap {
    dy: isize,
    dx: isize,
    weight: f32,
}

/// A disk with a soft edge of one pixel; its weights add up to one.
pub(super) fn disk(radius: f32) -> Vec<Tap> {
    let reach = (radius + 0.5).ceil() as isize;
    let weight = |dy: isize, dx: isize| (radius + 0.5 - (dy as f32).hypot(dx as f32)).clamp(0.0, 1.0);
    let places = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)));
    let sum: f32 = places.clone().map(|(dy, dx)| weight(dy, dx)).sum();
    let taps = places.map(|(dy, dx)| Tap { dy, dx, weight: weight(dy, dx) / sum });
    taps.filter(|tap| tap.weight > 0.0).collect()
}

pub(super) fn convolved(plane: ArrayView2<'_, f32>, taps: &[Tap]) -> Array2<f32> {
    let (height, width) = plane.dim();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let tap = |tap: &Tap| tap.weight * plane[[moved(y, tap.dy, height), moved(x, tap.dx, width)]];
        taps.iter().map(tap).sum()
    })
}

/// Gaussian, rows then columns, as `scipy.ndimage.gaussian_filter` with `mode="nearest"`.
pub(super) fn gaussian(plane: ArrayView2<'_, f32>, sigma: f32) -> Array2<f32> {
    let reach = (TRUNCATE * sigma + 0.5) as isize;
    let weights: Vec<f32> = (-reach..=reach).map(|d| bell(d as f32, sigma)).collect();
    let sum: f32 = weights.iter().sum();
    let taps = || (-reach..=reach).zip(weights.iter().map(|weight| weight / sum));
    let rows: Vec<Tap> = taps().map(|(dy, weight)| Tap { dy, dx: 0, weight }).collect();
    let columns: Vec<Tap> = taps().map(|(dx, weight)| Tap { dy: 0, dx, weight }).collect();
    convolved(convolved(plane, &rows).view(), &columns)
}

/// The straight way that a point was smeared along.
pub(super) struct Trace {
    /// Offset and weight; weights add up to one.
    steps: Vec<(f32, f32, f32)>,
}

impl Trace {
    /// `radius` to both sides, weighted by a Gaussian, at an angle of up to 45 degrees from the horizontal.
    pub(super) fn draw(radius: f32, sigma: f32, stream: &mut Stream) -> Self {
        let angle = stream.random_range(-FRAC_PI_4..=FRAC_PI_4);
        let count = radius.ceil().max(1.0);
        let reach = count as isize;
        let far = |step: isize| step as f32 * radius / count;
        let sum: f32 = (-reach..=reach).map(|step| bell(far(step), sigma)).sum();
        let step = |step: isize| {
            let distance = far(step);
            (distance * angle.sin(), distance * angle.cos(), bell(distance, sigma) / sum)
        };
        Self { steps: (-reach..=reach).map(step).collect() }
    }

    pub(super) fn smeared(&self, plane: ArrayView2<'_, f32>) -> Array2<f32> {
        Array2::from_shape_fn(plane.dim(), |(y, x)| {
            let step = |(dy, dx, weight): &(f32, f32, f32)| weight * between(&plane, y as f32 + dy, x as f32 + dx);
            self.steps.iter().map(step).sum()
        })
    }
}

/// The mean of pictures zoomed about the middle, from the root of `ratio` smaller to the root of it larger.
pub(super) fn zoomed(plane: ArrayView2<'_, f32>, ratio: f32) -> Array2<f32> {
    let middle = |axis: usize| (plane.len_of(Axis(axis)) as f32 - 1.0) / 2.0;
    let (middle_y, middle_x) = (middle(0), middle(1));
    let factor = |step: u8| ratio.powf(f32::from(step) / f32::from(ZOOM_STEPS - 1) - 0.5);
    let factors: Vec<f32> = (0..ZOOM_STEPS).map(factor).collect();
    Array2::from_shape_fn(plane.dim(), |(y, x)| {
        let (dy, dx) = (y as f32 - middle_y, x as f32 - middle_x);
        let zoomed = |factor: &f32| between(&plane, middle_y + dy / factor, middle_x + dx / factor);
        factors.iter().map(zoomed).sum::<f32>() / factors.len() as f32
    })
}

fn bell(distance: f32, sigma: f32) -> f32 {
    (-0.5 * (distance / sigma).powi(2)).exp()
}

fn moved(place: usize, by: isize, extent: usize) -> usize {
    place.saturating_add_signed(by).min(extent - 1)
}

/// Bilinear between pixels.
fn between(plane: &ArrayView2<'_, f32>, y: f32, x: f32) -> f32 {
    let (height, width) = plane.dim();
    let (y, x) = (y.clamp(0.0, height as f32 - 1.0), x.clamp(0.0, width as f32 - 1.0));
    let (top, left) = (y as usize, x as usize);
    let (below, right) = ((top + 1).min(height - 1), (left + 1).min(width - 1));
    let (down, along) = (y - top as f32, x - left as f32);
    let row = |y: usize| plane[[y, left]] * (1.0 - along) + plane[[y, right]] * along;
    row(top) * (1.0 - down) + row(below) * down
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn point() -> Array2<f32> {
        let mut plane = Array2::zeros((41, 41));
        plane[[20, 20]] = 1.0;
        plane
    }

    /// Centre of mass; a blurred point must stay where its mask is.
    fn centre(plane: &Array2<f32>) -> (f32, f32) {
        let sum = plane.sum();
        let along = |place: fn((usize, usize)) -> usize| {
            plane.indexed_iter().map(|(at, value)| place(at) as f32 * value).sum::<f32>() / sum
        };
        (along(|(y, _)| y), along(|(_, x)| x))
    }

    #[test]
    fn no_blur_moves_a_point_or_loses_light() {
        let traces =
            (0..20).map(|seed| Trace::draw(12.0, 7.0, &mut Stream::seed_from_u64(seed)).smeared(point().view()));
        // A zoom reads between pixels, which only a spot wider than a pixel survives.
        let spot = gaussian(point().view(), 3.0);
        let others = [convolved(point().view(), &disk(6.3)), zoomed(spot.view(), 1.3), spot];
        for plane in traces.chain(others) {
            let (y, x) = centre(&plane);
            assert!((y - 20.0).abs() < 1e-3 && (x - 20.0).abs() < 1e-3, "{y} {x}");
            assert!((plane.sum() - 1.0).abs() < 0.05, "{}", plane.sum());
        }
    }

    #[test]
    fn motion_smears_along_one_line_of_its_length() {
        for seed in 0..20 {
            let smeared = Trace::draw(10.0, 100.0, &mut Stream::seed_from_u64(seed)).smeared(point().view());
            let far = |(y, x): (usize, usize)| (y as f32 - 20.0).hypot(x as f32 - 20.0);
            let lit = || smeared.indexed_iter().filter(|(_, value)| **value > 1e-4);
            let reach = lit().map(|(at, _)| far(at)).fold(0.0, f32::max);
            assert!((9.0..=11.5).contains(&reach), "seed {seed}: {reach}");
            assert!(lit().count() <= 4 * 21, "seed {seed}: 21 steps between four pixels each");
        }
    }

    #[test]
    fn a_blur_of_nearly_nothing_changes_nearly_nothing() {
        for blurred in [gaussian(point().view(), 0.01), convolved(point().view(), &disk(0.01))] {
            assert!((&blurred - &point()).iter().all(|apart| apart.abs() < 1e-3));
        }
    }
}
