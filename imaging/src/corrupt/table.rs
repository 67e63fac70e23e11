//! How strong each severity is, in one place. Intensities are shares of the image's own range.
//!
//! Sources, each by its published code: **M** MedMNIST-C, `medmnistc/corruptions/registry.py`, the row `dermamnist`
//! (the widest; gamma from `chestmnist`, pixelate from `bloodmnist`, JPEG from `organamnist`); **I** ImageNet-C,
//! `make_imagenet_c.py`; **T** within the ranges of TorchIO's `RandomBiasField`, `RandomGhosting` and `RandomSpike`
//! (Pérez-García et al., 2021), spread over five severities by us; **O** our own.

/// Side of the images that lengths in pixels were chosen for.
const SIDE_PX: f32 = 224.0;

/// Factor on lengths in pixels for an image of this size, so that a small image is not blurred to nothing.
pub(super) fn scale(height: usize, width: usize) -> f32 {
    height.min(width) as f32 / SIDE_PX
}

/// M: share of the pixels kept along each axis.
pub(super) const PIXELATE: [f64; 5] = [0.6, 0.5, 0.4, 0.3, 0.25];
/// M: quality of libjpeg.
pub(super) const JPEG: [u8; 5] = [50, 30, 15, 10, 7];
/// M: standard deviation.
pub(super) const GAUSSIAN_NOISE: [f32; 5] = [0.04, 0.08, 0.12, 0.18, 0.26];
/// M: standard deviation where the image is brightest.
pub(super) const SPECKLE_NOISE: [f32; 5] = [0.05, 0.15, 0.2, 0.35, 0.45];
/// M: share of pixels, half of them black and half white.
pub(super) const IMPULSE_NOISE: [f32; 5] = [0.01, 0.03, 0.06, 0.09, 0.17];
/// M: photons where the image is brightest.
pub(super) const SHOT_NOISE: [f32; 5] = [60.0, 25.0, 18.0, 10.0, 5.0];
/// M: radius of the disk in pixels.
pub(super) const DEFOCUS_BLUR: [f32; 5] = [4.0, 5.0, 6.0, 7.0, 8.0];
/// M: half the length of the trace, and its standard deviation, in pixels.
pub(super) const MOTION_BLUR: [(f32, f32); 5] = [(10.0, 5.0), (15.0, 5.0), (15.0, 8.0), (15.0, 12.0), (20.0, 15.0)];
/// M and I: ratio of the largest zoom to the smallest.
pub(super) const ZOOM_BLUR: [f32; 5] = [1.10, 1.15, 1.20, 1.24, 1.30];
/// I: standard deviation in pixels.
pub(super) const GAUSSIAN_BLUR: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 6.0];
/// M: factor on intensities.
pub(super) const BRIGHTNESS_UP: [f32; 5] = [1.1, 1.2, 1.3, 1.4, 1.5];
/// M: factor on intensities.
pub(super) const BRIGHTNESS_DOWN: [f32; 5] = [0.9, 0.8, 0.7, 0.6, 0.5];
/// M: factor on the distance from the mean.
pub(super) const CONTRAST_UP: [f32; 5] = [1.1, 1.2, 1.3, 1.4, 1.6];
/// M: factor on the distance from the mean.
pub(super) const CONTRAST_DOWN: [f32; 5] = [0.8, 0.7, 0.6, 0.5, 0.4];
/// M: exponent.
pub(super) const GAMMA_UP: [f32; 5] = [1.1, 1.2, 1.3, 1.4, 1.6];
/// M: exponent.
pub(super) const GAMMA_DOWN: [f32; 5] = [0.9, 0.8, 0.7, 0.6, 0.4];
/// T: largest coefficient of the polynomial, which is TorchIO's at severity 5.
pub(super) const BIAS_FIELD: [f32; 5] = [0.1, 0.2, 0.3, 0.4, 0.5];
/// T: share that is taken from every n-th line of k-space.
pub(super) const GHOSTING: [f32; 5] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// T: height of the spike, in units of the mean intensity.
pub(super) const SPIKE: [f32; 5] = [0.25, 0.5, 1.0, 2.0, 3.0];
/// O: photons where nothing is in their way.
pub(super) const LOW_DOSE_NOISE: [f32; 5] = [4000.0, 1500.0, 600.0, 250.0, 100.0];
/// O: share of the image's area.
pub(super) const OCCLUSION: [f32; 5] = [0.02, 0.05, 0.1, 0.15, 0.2];
