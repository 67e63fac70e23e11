//! The networks of the registry, from patients to the clipped sum.

use super::oracle::{ERROR_MAX, automatic, device, error, expected, flat, patients, values, with_values};
use crate::batch;
use crate::layers::Features;
use crate::private::{ClippedSum, PatientBatch, Recorder, Way, check_private, clipped_sum, recorded_sum};
use crate::registry::{Network, tests::model};
use burn::module::Module;
use ndarray::{Array2, Array3, Array4};
use std::cell::Cell;
use std::ops::Range;
use wardround_imaging::{BoxExample, BoxPx, ClassNames, Edges, Example, ImageExample, LabelledBox, VolumeExample};
use wardround_plan::{ModelKind, ModelSection};

/// An example as the network wants it, without sense.
pub(super) fn example(model: &ModelSection, salt: u64) -> Example {
    match model.kind {
        ModelKind::Unet2d => Example::Image(image(model, salt)),
        ModelKind::Unet3d => Example::Volume(volume(model, salt)),
        ModelKind::Centernet2d => Example::Boxes(boxes(model, salt)),
    }
}

pub(super) fn image(model: &ModelSection, salt: u64) -> ImageExample {
    let side = model.input_px as usize;
    let pixels = values(salt, model.channels as usize * side * side);
    let classes = values(salt + 1000, side * side);
    let class = |value: &f32| ((value + 1.0) / 2.0 * model.classes as f32) as u8;
    ImageExample {
        pixels: Array3::from_shape_vec((model.channels as usize, side, side), pixels).expect("as many values"),
        classes: Array2::from_shape_vec((side, side), classes.iter().map(class).collect()).expect("as many values"),
    }
}

fn volume(model: &ModelSection, salt: u64) -> VolumeExample {
    let slices = model.input_slices.expect("a volume's plan has slices") as usize;
    let side = model.input_px as usize;
    let image = image(&ModelSection { input_px: (side * slices) as u32, ..model.clone() }, salt);
    let (pixels, classes) = (image.pixels.into_iter(), image.classes.into_iter());
    let voxels = pixels.take(model.channels as usize * slices * side * side).collect();
    let classes = classes.take(slices * side * side).collect();
    VolumeExample {
        voxels: Array4::from_shape_vec((model.channels as usize, slices, side, side), voxels).expect("as many values"),
        classes: Array3::from_shape_vec((slices, side, side), classes).expect("as many values"),
    }
}

/// Some boxes; every other image is of a site that has not marked the first class.
fn boxes(model: &ModelSection, salt: u64) -> BoxExample {
    let side = model.input_px as f32;
    let names: Vec<String> = (1..model.classes).map(|class| format!("class {class}")).collect();
    let names = ClassNames::new(names).expect("different names");
    let labelled = match salt % 2 {
        0 => names.all(),
        _ => names.only(names.names()[1..].iter().map(String::as_str)).expect("names of these"),
    };
    let boxed = |of: u64| {
        let [x, y, width, height] = [0, 1, 2, 3].map(|value| (values(salt * 10 + of, 4)[value] + 1.0) / 2.0);
        let (left, top) = (x * 0.7 * side, y * 0.7 * side);
        let edges = Edges { left, top, right: left + width * 0.3 * side, bottom: top + height * 0.3 * side };
        LabelledBox { class: (of % u64::from(model.classes - 1)) as u8 + 1, bbox: BoxPx::new(edges).expect("a box") }
    };
    // What is left after the fourth is a region that counts neither way.
    let (boxes, ignored) = ((0..4).map(boxed).collect(), vec![boxed(4)]);
    BoxExample { pixels: image(model, salt).pixels, boxes, ignored, labelled }
}

fn batch_of(model: &ModelSection, images: &[usize]) -> PatientBatch {
    PatientBatch::of(patients(images).into_iter().map(|rows| rows.map(|row| example(model, row as u64)).collect()))
}

pub(super) fn network(model: &ModelSection) -> Network {
    with_values(Network::new(model, &device()))
}

/// The oracle's sum for a batch.
fn by_the_loop(network: &Network, batch: &PatientBatch, clip: &dyn Fn(f64) -> f64) -> Vec<f64> {
    let losses = |network: &Network, features: Features, images: Range<usize>| {
        batch::losses(network.forward(features.into_tensor()), &batch.examples()[images])
    };
    expected(network, &batch::pixels(batch.examples(), &device()), batch.rows(), losses, clip)
}

fn sum(network: &Network, batch: &PatientBatch, clip: &dyn Fn(f64) -> f64, way: Way) -> ClippedSum {
    recorded_sum(network, batch, &Recorder::new(batch.rows(), way), clip).expect("every layer has a rule")
}

#[test]
fn every_network_agrees_with_the_oracle() {
    let volume = ModelSection { kind: ModelKind::Unet3d, input_px: 8, input_slices: Some(4), ..model() };
    let detector = ModelSection { kind: ModelKind::Centernet2d, classes: 3, ..model() };
    let models = [
        ModelSection { width: 4, depth: 1, input_px: 12, ..model() },
        ModelSection { width: 8, depth: 2, channels: 3, classes: 4, ..model() },
        ModelSection { width: 6, depth: 3, classes: 3, ..model() },
        ModelSection { width: 16, depth: 4, input_px: 32, ..model() },
        // So deep that the lowest level is one pixel and takes the ghost norm.
        ModelSection { width: 4, depth: 5, channels: 3, ..model() },
        volume.clone(),
        ModelSection { depth: 3, channels: 2, classes: 3, ..volume.clone() },
        ModelSection { depth: 1, input_slices: Some(1), ..volume },
        detector.clone(),
        ModelSection { width: 8, depth: 3, channels: 3, classes: 4, input_px: 32, ..detector },
    ];
    for model in models {
        let network = network(&model);
        let what = format!("{:?}, width {}, depth {}", model.kind, model.width, model.depth);
        for images in [&[1usize, 1, 1, 1][..], &[3, 2, 1]] {
            let batch = batch_of(&model, images);
            let clips: [(&str, &dyn Fn(f64) -> f64); 3] =
                [("flat", &flat(0.5)), ("low", &flat(0.01)), ("automatic", &automatic(1.0))];
            for (kind, clip) in clips {
                let expected = by_the_loop(&network, &batch, clip);
                for way in [Way::Kernels, Way::Taps] {
                    let error = error(&network, &sum(&network, &batch, clip, way).sum, &expected);
                    println!("{what}, {images:?}, {kind}, {way:?}: {error:.1e}");
                    assert!(error < ERROR_MAX, "{what}, {images:?}, {kind}, {way:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn all_images_of_a_patient_are_clipped_as_one() {
    let (model, clip) = (model(), flat(0.01));
    let network = network(&model);
    let norm = |sum: &ClippedSum| sum.sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    let together = sum(&network, &batch_of(&model, &[6]), &clip, Way::Kernels);
    let apart = sum(&network, &batch_of(&model, &[1; 6]), &clip, Way::Kernels);
    assert!(norm(&together) <= 0.01 * (1.0 + 1e-6), "one patient moves the sum by the clip: {}", norm(&together));
    assert!(norm(&apart) > 0.02, "six patients may move it further: {}", norm(&apart));
}

#[test]
fn a_copy_of_every_image_changes_nothing() {
    // As with views that augmentation left alone: the mean over a patient's rows is taken before the clip.
    let (model, clip) = (model(), flat(0.05));
    let network = network(&model);
    let once = sum(&network, &batch_of(&model, &[2, 1]), &clip, Way::Kernels);
    let twice = PatientBatch::of([
        vec![example(&model, 0), example(&model, 0), example(&model, 1), example(&model, 1)],
        vec![example(&model, 2), example(&model, 2)],
    ]);
    let twice = sum(&network, &twice, &clip, Way::Kernels);
    assert!(error(&network, &twice.sum, &once.sum) < ERROR_MAX);
    assert!((twice.loss - once.loss).abs() < 1e-5 * once.loss);
}

#[test]
fn a_patient_whose_gradient_is_not_finite_counts_as_zero() {
    let (model, clip) = (model(), flat(0.05));
    let network = network(&model);
    let (first, last) = (vec![example(&model, 0), example(&model, 1)], vec![example(&model, 2)]);
    for (bad, way) in
        [(f32::NAN, Way::Kernels), (f32::NAN, Way::Taps), (f32::INFINITY, Way::Kernels), (f32::NEG_INFINITY, Way::Taps)]
    {
        let mut broken = image(&model, 3);
        broken.pixels[[0, 3, 5]] = bad;
        let broken = Example::Image(broken);
        let without = sum(&network, &PatientBatch::of([first.clone(), last.clone()]), &clip, way);
        let with = PatientBatch::of([first.clone(), vec![example(&model, 4), broken], last.clone()]);
        let with = sum(&network, &with, &clip, way);
        assert_eq!(with.not_finite, 1, "{bad} {way:?}");
        assert_eq!(with.sum, without.sum, "{bad} {way:?}: her good image counts as little as the bad one");
        assert!(with.loss.is_finite());
    }
}

#[test]
fn who_else_is_in_the_batch_changes_no_bit_of_a_gradient() {
    // Otherwise the rounding of the others' gradients would tell of a patient, and no clip bounds that.
    for model in [model(), ModelSection { width: 4, depth: 5, channels: 3, ..model() }] {
        let network = network(&model);
        let hers = vec![example(&model, 0), example(&model, 1)];
        let (other, third) = (vec![example(&model, 2)], (3..8).map(|salt| example(&model, salt)).collect::<Vec<_>>());
        for way in [Way::Kernels, Way::Taps] {
            let norm = Cell::new(0.0);
            let alone = PatientBatch::of([hers.clone()]);
            let unclipped = |squared| {
                norm.set(squared);
                1.0
            };
            let alone = sum(&network, &alone, &unclipped, way);
            let only_hers = |squared: f64| if squared == norm.get() { 1.0 } else { 0.0 };
            for among in [vec![hers.clone(), other.clone()], vec![third.clone(), hers.clone(), other.clone()]] {
                let among = sum(&network, &PatientBatch::of(among), &only_hers, way);
                assert!(among.sum == alone.sum, "{way:?}, depth {}", model.depth);
            }
        }
    }
}

#[test]
fn parts_of_a_batch_add_up_to_the_batch() {
    let (model, clip) = (model(), automatic(1.0));
    let network = network(&model);
    let image = |salt| example(&model, salt);
    let patients = [vec![image(0), image(1)], vec![image(2)], vec![image(3), image(4), image(5)]];
    let whole = clipped_sum(&network, &PatientBatch::of(patients.clone()), &clip).expect("private");
    let parts = patients.map(|patient| clipped_sum(&network, &PatientBatch::of([patient]), &clip).expect("private"));
    let mut added = vec![0.0; whole.sum.len()];
    for part in &parts {
        added.iter_mut().zip(&part.sum).for_each(|(sum, value)| *sum += value);
    }
    assert!(error(&network, &added, &whole.sum) < 1e-6);
    assert!((parts.iter().map(|part| part.loss).sum::<f64>() - whole.loss).abs() < 1e-5 * whole.loss);
}

#[test]
fn a_batch_without_a_patient_is_a_sum_of_zeros() {
    let model = model();
    let network = network(&model);
    let empty = clipped_sum(&network, &PatientBatch::of([]), &|_| panic!("nobody to clip")).expect("private");
    assert_eq!(empty, ClippedSum { sum: vec![0.0; network.num_params()], loss: 0.0, not_finite: 0 });
}

#[test]
fn a_factor_that_is_no_number_counts_as_zero() {
    let model = model();
    let (network, batch) = (network(&model), batch_of(&model, &[1, 1]));
    for bad in [f64::NAN, f64::INFINITY] {
        let sum = sum(&network, &batch, &|_| bad, Way::Kernels);
        assert!(sum.sum.iter().all(|value| *value == 0.0), "{bad}");
    }
}

#[test]
fn without_a_clip_it_is_the_ordinary_gradient() {
    let model = ModelSection { classes: 3, ..model() };
    let (network, batch) = (network(&model), batch_of(&model, &[1; 5]));
    let scores = network.forward(batch::pixels(batch.examples(), &device()));
    let ordinary = batch::losses(scores, batch.examples()).sum();
    let total: f32 = ordinary.clone().into_scalar();
    let ordinary = super::oracle::flat_gradient(&network, &ordinary.backward());
    let ours = sum(&network, &batch, &|_| 1.0, Way::Kernels);
    assert!(error(&network, &ours.sum, &ordinary) < ERROR_MAX);
    assert!((ours.loss - f64::from(total)).abs() < 1e-5 * f64::from(total));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let model = ModelSection { width: 8, depth: 4, input_px: 32, ..model() };
    let (network, batch) = (network(&model), batch_of(&model, &[3, 2, 1]));
    for way in [Way::Kernels, Way::Taps] {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be made");
            pool.install(|| sum(&network, &batch, &flat(0.1), way))
        };
        let one = with(1);
        assert_eq!(one, with(2), "{way:?}");
        assert_eq!(one, with(5), "{way:?}");
    }
}

#[test]
fn a_private_pass_leaves_no_gradient_for_autodiff() {
    // Of the weights: otherwise it would have cost the time of both.
    let model = model();
    let (network, batch) = (network(&model), batch_of(&model, &[1, 1]));
    let recorder = Recorder::new(batch.rows(), Way::Kernels);
    let scores = network.forward_recorded(batch::pixels(batch.examples(), &device()), &recorder);
    let gradients = scores.sum().backward();
    assert!(burn::optim::GradientsParams::from_grads(gradients, &network).is_empty());
}

#[test]
fn every_network_of_the_registry_can_be_trained_privately() {
    for (depth, channels) in [(1, 1), (2, 3), (5, 1)] {
        assert_eq!(check_private(&network(&ModelSection { depth, channels, ..model() })), Ok(()));
    }
    for depth in [2, 4] {
        let detector = ModelSection { kind: ModelKind::Centernet2d, depth, ..model() };
        assert_eq!(check_private(&network(&detector)), Ok(()));
        let volume = ModelSection { kind: ModelKind::Unet3d, input_slices: Some(8), depth, ..model() };
        assert_eq!(check_private(&network(&volume)), Ok(()));
    }
}
