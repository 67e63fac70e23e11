//! Each kind of layer by itself, as the first of a network and behind another.

use super::oracle::{check, device, patients, tensor, with_values};
use crate::layers::{Conv2d, Features, GroupNorm, Linear, UpConv2d};
use crate::parameters;
use crate::private::recorder::PatientGradients;
use crate::private::{Recorder, Way};
use burn::module::Module;
use burn::tensor::Tensor;
use std::ops::Range;

/// A loss in which every output of every image matters differently.
fn weighted(output: Tensor<4>, images: Range<usize>) -> Tensor<1> {
    let [count, channels, height, width] = output.dims();
    let weights = tensor(77, [16, channels, height, width]).slice([images]);
    // Squared, so that the gradient depends on the output.
    (output.square() * weights).reshape([count, channels * height * width]).sum_dim(1).reshape([count])
}

fn convolution(inputs: usize, outputs: usize, kernel_px: usize, bias: bool, size_px: usize) {
    let layer = Conv2d::new(inputs, outputs, kernel_px, &device());
    let layer = with_values(if bias { layer.with_bias() } else { layer });
    let what = format!("convolution {inputs} to {outputs}, {kernel_px} px, bias {bias}, on {size_px} px");
    check(&what, &layer, &tensor(1, [6, inputs, size_px, size_px]), |layer, input, images| {
        weighted(layer.forward(input).into_tensor(), images)
    });
}

#[test]
fn a_convolution_agrees_with_the_oracle() {
    for (inputs, outputs) in [(1, 4), (3, 8), (12, 5), (9, 16)] {
        for kernel_px in [1, 3, 5] {
            convolution(inputs, outputs, kernel_px, false, 9);
            convolution(inputs, outputs, kernel_px, true, 7);
        }
    }
}

#[test]
fn a_deep_convolution_agrees_with_the_oracle() {
    // So few positions that the ghost norm is taken for one image a patient, and the other way for six.
    for size_px in [1, 2] {
        convolution(32, 24, 3, false, size_px);
        convolution(32, 24, 1, true, size_px);
    }
}

/// How the weights of a convolution of 32 to 24 channels were recorded, for one image of each patient.
fn is_ghost(layer: &Conv2d, size_px: usize, way: Way) -> Vec<bool> {
    let recorder = Recorder::new(&patients(&[1, 1, 1]), way);
    let images = Features::recorded(tensor(1, [3, 32, size_px, size_px]), &recorder);
    let output = weighted(layer.forward(images).into_tensor(), 0..3);
    recorder.read_taps(&mut output.sum().backward());
    let parameters = parameters::of(layer).into_iter().filter(|parameter| parameter.spec.name == "weight");
    let gradients = parameters.map(|parameter| recorder.take(parameter.id).expect("recorded"));
    gradients.map(|gradient| matches!(gradient, PatientGradients::Ghost(_))).collect()
}

#[test]
fn each_layer_takes_the_cheaper_way_on_every_device() {
    for layer in [Conv2d::new(32, 24, 3, &device()), Conv2d::new(32, 24, 1, &device()).with_bias()] {
        let layer = with_values(layer);
        for way in [Way::Kernels, Way::Taps] {
            assert_eq!(is_ghost(&layer, 1, way), [true], "{way:?}: one position");
            assert_eq!(is_ghost(&layer, 2, way), [true], "{way:?}: four positions");
            assert_eq!(is_ghost(&layer, 8, way), [false], "{way:?}: sixty-four positions");
        }
    }
}

#[test]
fn a_transposed_convolution_agrees_with_the_oracle() {
    for (inputs, outputs, size_px) in [(1, 1, 4), (6, 3, 5), (16, 8, 2)] {
        let layer = with_values(UpConv2d::new(inputs, outputs, &device()));
        let images = tensor(2, [6, inputs, size_px, size_px]);
        let what = format!("transposed convolution {inputs} to {outputs} on {size_px} px");
        check(&what, &layer, &images, |layer, input, images| weighted(layer.forward(input).into_tensor(), images));
    }
}

#[test]
fn a_normalisation_agrees_with_the_oracle() {
    for (channels, size_px) in [(4, 6), (8, 5), (6, 4)] {
        let layer = with_values(GroupNorm::new(channels, &device()));
        let images = tensor(3, [6, channels, size_px, size_px]);
        check(&format!("normalisation {channels} on {size_px} px"), &layer, &images, |layer, input, images| {
            weighted(layer.rectified(input).into_tensor(), images)
        });
    }
}

#[test]
fn a_linear_layer_agrees_with_the_oracle() {
    for (channels, size_px, outputs) in [(1, 1, 1), (5, 1, 3), (2, 3, 7), (64, 1, 32)] {
        let layer = with_values(Linear::new(channels * size_px * size_px, outputs, &device()));
        let images = tensor(4, [6, channels, size_px, size_px]);
        check(&format!("linear {channels} x {size_px} px to {outputs}"), &layer, &images, |layer, input, images| {
            weighted(layer.forward(input).into_tensor(), images)
        });
    }
}

/// A classifier: layers of every kind in a row.
#[derive(Module, Debug)]
struct Classifier {
    stem: Conv2d,
    norm: GroupNorm,
    up: UpConv2d,
    conv: Conv2d,
    hidden: Linear,
    last: Linear,
}

#[test]
fn layers_behind_each_other_agree_with_the_oracle() {
    let device = device();
    let network = with_values(Classifier {
        stem: Conv2d::new(2, 8, 3, &device),
        norm: GroupNorm::new(8, &device),
        up: UpConv2d::new(8, 4, &device),
        conv: Conv2d::new(4, 4, 3, &device).with_bias(),
        hidden: Linear::new(4 * 4 * 4, 12, &device),
        last: Linear::new(12, 3, &device),
    });
    check("a classifier", &network, &tensor(5, [6, 2, 4, 4]), |network: &Classifier, input: Features, images| {
        let features = network.norm.rectified(network.stem.forward(input)).halved();
        let features = network.conv.forward(network.up.forward(features));
        weighted(network.last.forward(network.hidden.forward(features)).into_tensor(), images)
    });
}
