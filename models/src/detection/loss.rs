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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor(values: &[f32], dims: [usize; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), dims), &Device::flex())
    }

    /// One class and two cells, of which the first is a centre.
    fn targets(known: [f32; 2], objects: f32) -> Targets {
        Targets {
            hills: tensor(&[1.0, 0.5], [1, 1, 1, 2]),
            known: tensor(&known, [1, 1, 1, 2]),
            centres: tensor(&[1.0, 0.0], [1, 1, 1, 2]),
            places: tensor(&[0.5, 0.0, 0.25, 0.0, 1.0, 0.0, -1.0, 0.0], [1, 4, 1, 2]),
            objects: Tensor::from_data(TensorData::new(vec![objects], [1]), &Device::flex()),
        }
    }

    fn loss(logits: [f32; 2], places: [f32; 8], targets: Targets) -> f64 {
        let maps = [&logits[..], &places].concat();
        per_image(tensor(&maps, [1, 5, 1, 2]), targets).into_data().iter::<f32>().map(f64::from).sum()
    }

    const NOWHERE: [f32; 8] = [0.5, 9.0, 0.25, 9.0, 1.0, 9.0, -1.0, 9.0];

    #[test]
    fn it_agrees_with_a_computation_by_hand() {
        // Logits such that the probabilities are one half: ln 2 / 4 at the centre, (1 - .5)^4 ln 2 / 4 beside it.
        let logits = [-PRIOR_LOGIT as f32; 2];
        let places = [0.6, 0.0, 0.25, 0.0, 0.8, 0.0, -1.3, 0.0];
        let focal = 2f64.ln() / 4.0 * (1.0 + 0.5f64.powi(4));
        let expected = focal + PLACE_WEIGHT * (0.1 + 0.2 + 0.3);
        assert!((loss(logits, places, targets([1.0, 1.0], 1.0)) - expected).abs() < 1e-6);
        assert!((loss(logits, places, targets([1.0, 1.0], 2.0)) - expected / 2.0).abs() < 1e-6, "of each object");
    }

    #[test]
    fn what_nobody_knows_costs_nothing() {
        let logits = [-PRIOR_LOGIT as f32, 30.0];
        let centre = 2f64.ln() / 4.0;
        assert!((loss(logits, NOWHERE, targets([1.0, 0.0], 1.0)) - centre).abs() < 1e-6);
        assert!(loss(logits, NOWHERE, targets([1.0, 1.0], 1.0)) > centre + 1.0);
    }

    #[test]
    fn certainty_about_the_truth_costs_nothing_and_places_count_at_centres_only() {
        assert!(loss([40.0, -40.0], NOWHERE, targets([1.0, 1.0], 1.0)).abs() < 1e-6);
    }

    #[test]
    fn huge_logits_stay_finite() {
        assert!(loss([-1e30, 1e30], NOWHERE, targets([1.0, 1.0], 1.0)).is_finite());
    }
}
