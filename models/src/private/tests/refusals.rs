//! What is summed before the norm, and what is refused.

use super::oracle::{check, device, patients, tensor, with_values};
use crate::TrainingError;
use crate::layers::{Conv2d, Features, Linear};
use crate::private::clipped::clipped;
use crate::private::{Recorder, UnsupportedLayer, Way};
use burn::module::{Module, Param};
use burn::tensor::Tensor;

/// Squares of the outputs of each image, added up.
fn squares(output: Tensor<4>) -> Tensor<1> {
    let [images, channels, height, width] = output.dims();
    output.square().reshape([images, channels * height * width]).sum_dim(1).reshape([images])
}

#[test]
fn a_layer_used_twice_has_one_gradient_and_one_norm() {
    let layer = with_values(Conv2d::new(4, 4, 3, &device()));
    for size_px in [1, 2, 6] {
        check("one convolution twice", &layer, &tensor(1, [6, 4, size_px, size_px]), |layer, input, _| {
            squares(layer.forward(layer.forward(input)).into_tensor())
        });
    }
}

#[test]
fn a_product_that_was_never_made_is_made_when_its_layer_is_used_again() {
    let layer = with_values(Linear::new(32, 32, &device()));
    check("one linear layer twice", &layer, &tensor(2, [6, 32, 1, 1]), |layer, input, _| {
        squares(layer.forward(layer.forward(input)).into_tensor())
    });
}

/// A layer of ours and one of burn's, which knows nothing of recorders.
#[derive(Module, Debug)]
struct Foreign {
    ours: Conv2d,
    theirs: burn::nn::conv::Conv2d,
}

#[test]
fn a_layer_without_a_rule_is_refused_by_name() {
    let theirs = burn::nn::conv::Conv2dConfig::new([2, 2], [1, 1]).init(&device());
    let network = Foreign { ours: with_values(Conv2d::new(1, 2, 3, &device())), theirs };
    let recorder = Recorder::new(&patients(&[1, 1]), Way::Kernels);
    let images = tensor(3, [2, 1, 4, 4]);
    let pass = |recorder: &Recorder| {
        let features = network.ours.forward(Features::recorded(images, recorder)).into_tensor();
        squares(network.theirs.forward(features))
    };
    let refused = clipped(&network, &recorder, pass, &|_| 1.0).expect_err("burn's layer has no rule");
    let expected = UnsupportedLayer { parameter: "theirs.weight".into(), layer: "Conv2d".into() };
    assert_eq!(refused, TrainingError::UnsupportedLayer(expected));
    assert!(refused.to_string().contains("`theirs.weight`"), "{refused}");
}

/// Two layers; the second may share the weight of the first.
#[derive(Module, Debug)]
struct Pair {
    first: Conv2d,
    second: Conv2d,
}

#[test]
fn a_parameter_in_two_places_of_the_layout_is_refused() {
    let first = with_values(Conv2d::new(2, 2, 3, &device()));
    let network = Pair { second: first.clone(), first };
    let recorder = Recorder::new(&patients(&[1, 1]), Way::Kernels);
    let pass = |recorder: &Recorder| {
        let features = Features::recorded(tensor(4, [2, 2, 4, 4]), recorder);
        squares(network.second.forward(network.first.forward(features)).into_tensor())
    };
    let refused = clipped(&network, &recorder, pass, &|_| 1.0).expect_err("one parameter, two names");
    assert!(
        matches!(&refused, TrainingError::UnsupportedLayer(UnsupportedLayer { parameter, .. }) if parameter == "second.weight")
    );
}

#[test]
fn a_gradient_that_the_backward_pass_lost_is_an_error_and_no_zero() {
    let network = with_values(Pair { first: Conv2d::new(2, 2, 3, &device()), second: Conv2d::new(2, 2, 1, &device()) });
    // The layer is used, but its output has no part in the loss: no gradient comes back, as when autodiff drops a step.
    let lost = |dropped: fn(&Pair) -> &Conv2d, used: fn(&Pair) -> &Conv2d| {
        let recorder = Recorder::new(&patients(&[2]), Way::Kernels);
        let pass = |recorder: &Recorder| {
            let features = Features::recorded(tensor(5, [2, 2, 4, 4]), recorder);
            dropped(&network).forward(features.clone());
            squares(used(&network).forward(features).into_tensor())
        };
        clipped(&network, &recorder, pass, &|_| 1.0).expect_err("a gradient is missing")
    };
    let name = |parameter: &str| TrainingError::LostPrivateGradient { parameter: parameter.into() };
    assert_eq!(lost(|pair| &pair.first, |pair| &pair.second), name("first.weight"));
    assert_eq!(lost(|pair| &pair.second, |pair| &pair.first), name("second.weight"));
}

#[test]
fn one_lost_use_of_two_is_found() {
    let layer = with_values(Conv2d::new(2, 2, 3, &device()));
    let recorder = Recorder::new(&patients(&[1, 1]), Way::Kernels);
    let pass = |recorder: &Recorder| {
        let features = Features::recorded(tensor(6, [2, 2, 4, 4]), recorder);
        layer.forward(features.clone());
        squares(layer.forward(features).into_tensor())
    };
    let refused = clipped(&layer, &recorder, pass, &|_| 1.0).expect_err("half of the gradient is missing");
    assert_eq!(refused, TrainingError::LostPrivateGradient { parameter: "weight".into() });
}

#[test]
fn parameters_are_known_by_more_than_their_values() {
    // Two layers with equal weights are two parameters: their gradients are not added.
    let first = with_values(Conv2d::new(2, 2, 3, &device()));
    let second = with_values(Conv2d::new(2, 2, 3, &device()));
    let same = |layer: &Conv2d| burn::module::list_param_ids(layer);
    assert_ne!(same(&first), same(&second));
    let network = Pair { first, second };
    check("two equal layers", &network, &tensor(7, [6, 2, 4, 4]), |network: &Pair, input, _| {
        squares(network.second.forward(network.first.forward(input)).into_tensor())
    });
}

#[test]
fn no_gradient_is_printed() {
    let recorder = Recorder::new(&patients(&[1]), Way::Kernels);
    let slot = recorder.slot(&Param::from_tensor(tensor::<1>(8, [1])));
    slot.add(vec![1234.5]);
    assert!(!format!("{recorder:?} {slot:?}").contains("1234"));
}
