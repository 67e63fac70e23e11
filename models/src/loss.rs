//! What training makes small: cross entropy plus soft Dice, for each image by itself.
//!
//! The loss of a batch is a sum of terms that each depend on one image, never a ratio over the whole batch: otherwise
//! no bound on one patient's gradient would bound her influence.

use burn::tensor::{Tensor, activation};

/// Added to both sides of the Dice ratio: an image without foreground rewards a prediction without foreground.
const SMOOTHING: f64 = 1.0;

/// Loss of each image, `[images]`, from scores before softmax and the true classes as ones and zeros, both
/// `[images, classes, height, width]`: mean cross entropy over pixels, plus one minus the soft Dice averaged over the
/// classes that are not background.
pub(crate) fn per_image(scores: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let [images, classes, height, width] = scores.dims();
    let log_probabilities = activation::log_softmax(scores, 1);
    let pixels = (height * width) as f64;
    let cross_entropy = (log_probabilities.clone() * truth.clone()).reshape([images, classes * height * width]);
    let cross_entropy = cross_entropy.sum_dim(1).div_scalar(-pixels).reshape([images]);

    let flat = |maps: Tensor<4>| maps.narrow(1, 1, classes - 1).reshape([images, classes - 1, height * width]);
    let (probabilities, truth) = (flat(log_probabilities.exp()), flat(truth));
    let both = (probabilities.clone() * truth.clone()).sum_dim(2);
    let either = probabilities.sum_dim(2) + truth.sum_dim(2);
    let dice = (both * 2.0 + SMOOTHING) / (either + SMOOTHING);
    let dice = dice.reshape([images, classes - 1]).mean_dim(1).reshape([images]);
    cross_entropy + (dice.neg() + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn tensor(values: &[f32], shape: [usize; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn losses(scores: &[f32], truth: &[f32], shape: [usize; 4]) -> Vec<f32> {
        per_image(tensor(scores, shape), tensor(truth, shape)).into_data().iter::<f32>().collect()
    }

    #[test]
    fn even_odds_agree_with_a_computation_by_hand() {
        // Two pixels, one foreground; probability one half everywhere: ln 2 + 1 - (2*0.5 + 1) / (1 + 1 + 1).
        let loss = losses(&[0.0; 4], &[1.0, 0.0, 0.0, 1.0], [1, 2, 1, 2])[0];
        assert!((f64::from(loss) - (2f64.ln() + 1.0 - 2.0 / 3.0)).abs() < 1e-6, "{loss}");
    }

    #[test]
    fn certainty_about_the_truth_costs_nothing() {
        let loss = losses(&[30.0, -30.0, -30.0, 30.0], &[1.0, 0.0, 0.0, 1.0], [1, 2, 1, 2])[0];
        assert!(loss.abs() < 1e-6, "{loss}");
    }

    #[test]
    fn an_image_costs_the_same_whatever_stands_beside_it() {
        let (a, b) = ([0.3, -1.0, 2.0, 0.1], [5.0, 1.0, -2.0, 0.0]);
        let (truth_a, truth_b) = ([1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]);
        let alone = losses(&a, &truth_a, [1, 2, 1, 2])[0];
        let together = losses(&[a, b].concat(), &[truth_a, truth_b].concat(), [2, 2, 1, 2]);
        assert_eq!(together.len(), 2);
        assert!((together[0] - alone).abs() < 1e-7, "{together:?} {alone}");
    }

    #[test]
    fn huge_scores_stay_finite() {
        let loss = losses(&[1e30, -1e30, -1e30, 1e30], &[1.0, 0.0, 0.0, 1.0], [1, 2, 1, 2])[0];
        assert!(loss.is_finite(), "{loss}");
    }
}
