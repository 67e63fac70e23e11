//! What training a detector makes small, for each image by itself.
//!
//! Focal loss with fewer penalties near a centre (CornerNet, Law and Deng 2018, 1808.01244, equation 1), and the distance of offset
//! and logarithmic size at centres. Both are divided by the objects of the same image, never by those of the batch: so a
//! bound on a patient's gradient bounds her influence.

use super::Targets;
use burn::tensor::{Tensor, activation};

/// A logit that says one in ten, added to every map of centres: at first almost nothing is a centre.
pub(crate) const PRIOR_LOGIT: f64 = -2.197_224_577_336_219_4;
/// Weight of offset and size against that of the centres.
const PLACE_WEIGHT: f64 = 0.5;

/// Loss of each image, `[images]`, from maps as [`crate::centernet`] gives them.
pub(crate) fn per_image(maps: Tensor<4>, targets: Targets) -> Tensor<1> {
    let classes = targets.hills.dims()[1];
    let places = maps.dims()[1] - classes;
    let objects = targets.objects.clone();
    let at_centres = (maps.clone().narrow(1, classes, places) - targets.places).abs() * targets.centres;
    let centres = focal(maps.narrow(1, 0, classes) + PRIOR_LOGIT, targets.hills) * targets.known;
    (over_image(centres) + over_image(at_centres).mul_scalar(PLACE_WEIGHT)) / objects
}

/// At a centre `(1 - p)² ln p`, elsewhere `(1 - hill)⁴ p² ln(1 - p)`, negative.
fn focal(logits: Tensor<4>, hills: Tensor<4>) -> Tensor<4> {
    let centre = hills.clone().equal_elem(1.0).float();
    let (yes, no) = (activation::log_sigmoid(logits.clone()), activation::log_sigmoid(logits.neg()));
    let (p, not_p) = (yes.clone().exp(), no.clone().exp());
    let far = (hills.neg() + 1.0).square().square();
    let of_centre = centre.clone() * not_p.square() * yes;
    let elsewhere = (centre.neg() + 1.0) * far * p.square() * no;
    (of_centre + elsewhere).neg()
}

fn over_image(maps: Tensor<4>) -> Tensor<1> {
    let [images, channels, rows, columns] = maps.dims();
    maps.reshape([images, channels * rows * columns]).sum_dim(1).reshape([images])
}
