//! Examples as tensors.

use burn::tensor::{Device, Tensor, TensorData};
use wardround_imaging::Example;

/// The pixels of examples of one size, `[images, channels, size, size]`.
pub(crate) fn pixels(examples: &[Example], device: &Device) -> Tensor<4> {
    let (channels, height, width) = examples.first().map_or((0, 0, 0), |example| example.pixels.dim());
    let values: Vec<f32> = examples.iter().flat_map(|example| example.pixels.iter().copied()).collect();
    Tensor::from_data(TensorData::new(values, [examples.len(), channels, height, width]), device)
}

/// Their true classes as ones and zeros, `[images, classes, size, size]`.
pub(crate) fn truth(examples: &[Example], classes: usize, device: &Device) -> Tensor<4> {
    let (height, width) = examples.first().map_or((0, 0), |example| example.classes.dim());
    let plane = height * width;
    let mut values = vec![0f32; examples.len() * classes * plane];
    for (image, example) in examples.iter().enumerate() {
        for (pixel, class) in example.classes.iter().enumerate() {
            // The loader refuses masks with classes outside the plan; a class that got past it counts as the last.
            let class = usize::from(*class).min(classes - 1);
            values[(image * classes + class) * plane + pixel] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(values, [examples.len(), classes, height, width]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    #[test]
    fn every_pixel_is_one_in_its_class_and_zero_in_the_others() {
        let example = Example { pixels: Array3::zeros((1, 2, 2)), classes: array![[0, 1], [2, 0]] };
        let truth = truth(&[example], 3, &Device::flex()).into_data().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(truth, [1., 0., 0., 1., 0., 1., 0., 0., 0., 0., 1., 0.]);
    }

    #[test]
    fn pixels_keep_their_order() {
        let pixels = Array3::from_shape_fn((2, 1, 2), |(c, _, x)| (2 * c + x) as f32);
        let example = |add: f32| Example { pixels: &pixels + add, classes: array![[0, 0]] };
        let tensor = super::pixels(&[example(0.0), example(10.0)], &Device::flex());
        assert_eq!(tensor.dims(), [2, 2, 1, 2]);
        let values = tensor.into_data().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(values, [0., 1., 2., 3., 10., 11., 12., 13.]);
    }
}
