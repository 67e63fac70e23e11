//! Examples as tensors.

use crate::detection::{self, Targets};
use crate::loss;
use burn::tensor::{Device, Tensor, TensorData};
use wardround_imaging::{BoxExample, Example};

/// The network's input for examples of one size, `[images, channels, rows, size]`; a volume's slices are one below the other.
pub(crate) fn pixels(examples: &[Example], device: &Device) -> Tensor<4> {
    let dims = examples.first().map_or([0; 3], input_dims);
    let values: Vec<f32> = examples.iter().flat_map(values).collect();
    Tensor::from_data(TensorData::new(values, [examples.len(), dims[0], dims[1], dims[2]]), device)
}

/// Loss of each example, `[images]`, from what the network made of them.
pub(crate) fn losses(output: Tensor<4>, examples: &[Example]) -> Tensor<1> {
    let boxes: Vec<&BoxExample> = examples.iter().filter_map(Example::boxes).collect();
    if boxes.len() == examples.len() {
        let targets = Targets::of(&boxes, output.dims(), &output.device());
        return detection::per_image(output, targets);
    }
    let truth = truth(examples, output.dims()[1], &output.device());
    loss::per_image(output, truth)
}

fn input_dims(example: &Example) -> [usize; 3] {
    let (channels, rows, columns) = match example {
        Example::Image(image) => image.pixels.dim(),
        Example::Boxes(boxes) => boxes.pixels.dim(),
        Example::Volume(volume) => {
            let (channels, slices, height, width) = volume.voxels.dim();
            (channels, slices * height, width)
        }
    };
    [channels, rows, columns]
}

fn values(example: &Example) -> Box<dyn Iterator<Item = f32> + '_> {
    match example {
        Example::Image(image) => Box::new(image.pixels.iter().copied()),
        Example::Boxes(boxes) => Box::new(boxes.pixels.iter().copied()),
        Example::Volume(volume) => Box::new(volume.voxels.iter().copied()),
    }
}

/// The class of every pixel, in row-major order.
pub(crate) fn classes(example: &Example) -> Box<dyn Iterator<Item = u8> + '_> {
    match example {
        Example::Image(image) => Box::new(image.classes.iter().copied()),
        Example::Volume(volume) => Box::new(volume.classes.iter().copied()),
        Example::Boxes(_) => Box::new(std::iter::empty()),
    }
}

/// The true classes as ones and zeros, `[images, classes, rows, size]`.
pub(crate) fn truth(examples: &[Example], count: usize, device: &Device) -> Tensor<4> {
    let [_, rows, columns] = examples.first().map_or([0; 3], input_dims);
    let plane = rows * columns;
    let mut values = vec![0f32; examples.len() * count * plane];
    for (image, example) in examples.iter().enumerate() {
        for (pixel, class) in classes(example).enumerate() {
            // The loader refuses masks with classes outside the plan; a class that got past it counts as the last.
            let class = usize::from(class).min(count - 1);
            values[(image * count + class) * plane + pixel] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(values, [examples.len(), count, rows, columns]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};
    use wardround_imaging::ImageExample;

    #[test]
    fn every_pixel_is_one_in_its_class_and_zero_in_the_others() {
        let example =
            Example::Image(ImageExample { pixels: Array3::zeros((1, 2, 2)), classes: array![[0, 1], [2, 0]] });
        let truth = truth(&[example], 3, &Device::flex()).into_data().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(truth, [1., 0., 0., 1., 0., 1., 0., 0., 0., 0., 1., 0.]);
    }

    #[test]
    fn pixels_keep_their_order() {
        let pixels = Array3::from_shape_fn((2, 1, 2), |(c, _, x)| (2 * c + x) as f32);
        let example = |add: f32| Example::Image(ImageExample { pixels: &pixels + add, classes: array![[0, 0]] });
        let tensor = super::pixels(&[example(0.0), example(10.0)], &Device::flex());
        assert_eq!(tensor.dims(), [2, 2, 1, 2]);
        let values = tensor.into_data().iter::<f32>().collect::<Vec<_>>();
        assert_eq!(values, [0., 1., 2., 3., 10., 11., 12., 13.]);
    }
}
