//! From a scan at its own resolution to the network's input, and from the network's output back onto the scan.

use crate::normalise::normalise;
use crate::resample::{AxisMap, Stretch, inside, resample};
use crate::{ImageCase, ImageExample};
use ndarray::{Array2, Array3, Axis, Zip};
use wardround_plan::Plan;

/// What a study's network wants to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// Channels of the input.
    pub channels: u32,
    /// Side of the square input.
    pub size_px: u32,
    /// Side of the centred square that is kept, as a share of the shorter image side. At 1 the whole image is kept,
    /// and the shorter side is padded.
    pub field_of_view: f64,
    /// Classes with the background.
    pub classes: u32,
}

impl Preparation {
    /// As `plan` says.
    pub fn of(plan: &Plan) -> Self {
        Self {
            channels: plan.model.channels,
            size_px: plan.model.input_px,
            field_of_view: plan.imaging.field_of_view,
            classes: plan.model.classes,
        }
    }

    /// The input for `case`: cropped or padded to a square, resized, normalised. Padding is 0, the mean, and
    /// background. A case with other channels gives those it has in turn.
    pub fn example(&self, case: &ImageCase) -> ImageExample {
        let (height, width) = case.mask.dim();
        let (rows, columns) = self.axes(height, width);
        ImageExample { pixels: self.pixels(&case.pixels, &rows, &columns), classes: vote(&case.mask, &rows, &columns) }
    }

    /// The classes of `case` at its own resolution and place, from `probabilities` `[classes, size, size]` for
    /// its [`Preparation::example`]. Outside the field of view all is background. Of equal classes the lower wins.
    pub fn restore(&self, probabilities: &Array3<f32>, case: &ImageCase) -> Array2<u8> {
        let (height, width) = case.mask.dim();
        let (_, size_y, size_x) = probabilities.dim();
        let window = self.window(height, width);
        let rows = AxisMap::new(size_y, window.rows(size_y).back(), height);
        let columns = AxisMap::new(size_x, window.columns(size_x).back(), width);
        let mut best = Array2::from_elem((height, width), f32::NEG_INFINITY);
        let mut classes = Array2::zeros((height, width));
        for (class, plane) in (0..=u8::MAX).zip(probabilities.axis_iter(Axis(0))) {
            let here = resample(plane, &rows, &columns);
            take_larger(&mut best, &mut classes, &here, class);
        }
        let mut restored = Array2::zeros((height, width));
        restored.slice_each_axis_mut(inside(&rows, &columns)).assign(&classes.slice_each_axis(inside(&rows, &columns)));
        restored
    }

    /// How the rows and columns of the input draw on those of an image.
    pub(crate) fn axes(&self, height: usize, width: usize) -> (AxisMap, AxisMap) {
        let size = self.size_px as usize;
        let window = self.window(height, width);
        (AxisMap::new(height, window.rows(size), size), AxisMap::new(width, window.columns(size), size))
    }

    pub(crate) fn window(&self, height: usize, width: usize) -> Window {
        let whole = self.field_of_view >= 1.0;
        let side = if whole { height.max(width) as f64 } else { height.min(width) as f64 * self.field_of_view };
        // Whole pixels, so that nothing is blurred where nothing is resized.
        let side = side.round().max(1.0);
        let begin = |extent: usize| ((extent as f64 - side) / 2.0).floor();
        Window { top: begin(height), left: begin(width), side }
    }

    /// The channels of `image`, in turn, resampled and normalised; 0 where it has none or another size.
    pub(crate) fn pixels(&self, image: &Array3<f32>, rows: &AxisMap, columns: &AxisMap) -> Array3<f32> {
        let size = self.size_px as usize;
        let mut pixels = Array3::zeros((self.channels as usize, size, size));
        let stored = image.dim().0;
        if stored == 0 || image.dim() != (stored, rows.extent(), columns.extent()) {
            return pixels;
        }
        for (channel, mut target) in pixels.axis_iter_mut(Axis(0)).enumerate() {
            target.assign(&resample(image.index_axis(Axis(0), channel % stored), rows, columns));
            // Padding takes no part, or a wide image would look darker than a square one.
            normalise(target.slice_each_axis_mut(inside(rows, columns)));
        }
        pixels
    }
}

/// The square of an image that the network sees, in pixels of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) top: f64,
    pub(crate) left: f64,
    pub(crate) side: f64,
}

impl Window {
    fn rows(self, cells: usize) -> Stretch {
        Stretch { begin: self.top, step: self.side / cells.max(1) as f64 }
    }

    fn columns(self, cells: usize) -> Stretch {
        Stretch { begin: self.left, step: self.side / cells.max(1) as f64 }
    }
}

/// The class with the largest share of each cell's area; of equal shares the lower class.
fn vote(mask: &Array2<u8>, rows: &AxisMap, columns: &AxisMap) -> Array2<u8> {
    let mut present = [false; 256];
    mask.iter().for_each(|class| present[usize::from(*class)] = true);
    let mut best = Array2::zeros((rows.cells(), columns.cells()));
    let mut classes = Array2::zeros(best.dim());
    for class in (0..=u8::MAX).filter(|class| present[usize::from(*class)]) {
        let share = resample(mask.mapv(|value| f32::from(u8::from(value == class))).view(), rows, columns);
        take_larger(&mut best, &mut classes, &share, class);
    }
    classes
}

fn take_larger(best: &mut Array2<f32>, classes: &mut Array2<u8>, here: &Array2<f32>, class: u8) {
    Zip::from(best).and(classes).and(here).for_each(|best, winner, here| {
        if *here > *best {
            (*best, *winner) = (*here, class);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Case;
    use crate::samples::real_sites;
    use crate::{PatientGrouping, SiteFolder};
    use proptest::prelude::*;

    fn preparation(size_px: u32, field_of_view: f64) -> Preparation {
        Preparation { channels: 1, size_px, field_of_view, classes: 2 }
    }

    /// A bright disk on a slope, labelled.
    fn disk(height: usize, width: usize, radius: f32) -> ImageCase {
        let within = |y: usize, x: usize| {
            let (dy, dx) = (y as f32 - height as f32 * 0.45, x as f32 - width as f32 * 0.55);
            dy.hypot(dx) < radius
        };
        ImageCase {
            pixels: Array3::from_shape_fn((1, height, width), |(_, y, x)| {
                0.3 * f32::from(u8::from(within(y, x))) + 0.001 * (x + y) as f32
            }),
            mask: Array2::from_shape_fn((height, width), |(y, x)| u8::from(within(y, x))),
        }
    }

    fn one_hot(classes: &Array2<u8>, count: usize) -> Array3<f32> {
        let (height, width) = classes.dim();
        Array3::from_shape_fn((count, height, width), |(class, y, x)| {
            f32::from(u8::from(usize::from(classes[[y, x]]) == class))
        })
    }

    fn dice(a: &Array2<u8>, b: &Array2<u8>) -> f64 {
        let both = a.iter().zip(b).filter(|(a, b)| **a == 1 && **b == 1).count();
        let sum = a.iter().chain(b).filter(|class| **class == 1).count();
        if sum == 0 { 1.0 } else { 2.0 * both as f64 / sum as f64 }
    }

    fn round_trip(preparation: &Preparation, case: &ImageCase) -> f64 {
        let example = preparation.example(case);
        dice(&preparation.restore(&one_hot(&example.classes, 2), case), &case.mask)
    }

    #[test]
    fn a_mask_survives_the_way_there_and_back() {
        for (size, field) in [(64, 1.0), (96, 0.6), (200, 0.8), (128, 1.0)] {
            for case in [disk(128, 128, 20.0), disk(200, 120, 25.0), disk(90, 161, 19.0)] {
                let dice = round_trip(&preparation(size, field), &case);
                assert!(dice > 0.95, "{size} px, field {field}, {:?}: {dice}", case.mask.dim());
            }
        }
    }

    #[test]
    fn at_its_own_size_an_image_comes_back_exactly() {
        let case = disk(64, 64, 17.0);
        assert_eq!(preparation(64, 1.0).example(&case).classes, case.mask);
        assert_eq!(round_trip(&preparation(64, 1.0), &case), 1.0);
    }

    #[test]
    fn the_whole_of_a_wide_image_is_seen_and_padding_is_the_mean() {
        let example = preparation(40, 1.0).example(&disk(40, 80, 15.0));
        let plane = example.pixels.index_axis(Axis(0), 0);
        let (above, rest) = plane.split_at(Axis(0), 10);
        let (content, below) = rest.split_at(Axis(0), 20);
        assert!(above.iter().chain(&below).all(|value| *value == 0.0));
        let mean = content.sum() / content.len() as f32;
        let variance = content.mapv(|value| (value - mean).powi(2)).sum() / content.len() as f32;
        assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{mean} {variance}");
    }

    #[test]
    fn outside_the_field_of_view_is_background() {
        let case = disk(100, 100, 20.0);
        let everywhere = one_hot(&Array2::ones((32, 32)), 2);
        let restored = preparation(32, 0.5).restore(&everywhere, &case);
        assert_eq!(restored.sum_axis(Axis(0)).iter().filter(|count| **count > 0).count(), 50);
        assert_eq!(restored.iter().filter(|class| **class == 1).count(), 2500);
        assert_eq!((restored[[24, 50]], restored[[25, 50]], restored[[74, 74]], restored[[75, 50]]), (0, 1, 1, 0));
    }

    #[test]
    fn three_classes_are_voted_by_area() {
        let mask = ndarray::array![[0, 0, 1, 2], [0, 1, 2, 2], [2, 2, 1, 1], [2, 2, 1, 0]];
        let case = ImageCase { pixels: Array3::zeros((1, 4, 4)), mask };
        let preparation = Preparation { classes: 3, ..preparation(2, 1.0) };
        let example = preparation.example(&case);
        assert_eq!(example.classes, ndarray::array![[0, 2], [2, 1]]);
        assert_eq!(preparation.restore(&one_hot(&example.classes, 3), &case)[[3, 0]], 2);
    }

    #[test]
    fn other_channels_and_empty_images_do_not_panic() {
        let grey = disk(20, 20, 5.0);
        let colour = Preparation { channels: 3, ..preparation(16, 1.0) }.example(&grey);
        assert_eq!(colour.pixels.index_axis(Axis(0), 0), colour.pixels.index_axis(Axis(0), 2));
        let nothing = ImageCase { pixels: Array3::zeros((1, 0, 0)), mask: Array2::zeros((0, 0)) };
        assert_eq!(preparation(8, 1.0).example(&nothing).pixels, Array3::<f32>::zeros((1, 8, 8)));
        assert_eq!(preparation(8, 1.0).restore(&Array3::zeros((2, 8, 8)), &nothing).len(), 0);
        let torn = ImageCase { pixels: Array3::zeros((1, 3, 4)), mask: Array2::zeros((4, 4)) };
        assert_eq!(preparation(8, 1.0).example(&torn).pixels, Array3::<f32>::zeros((1, 8, 8)));
    }

    #[test]
    fn it_follows_the_plan() {
        let plan = Plan::from_toml(
            "[study]\nname = \"s\"\npurpose = \"p\"\nrounds = 1\nmin_sites = 1\ndeadline_s = 60\n\
             [model]\nkind = \"unet2d\"\nwidth = 8\ndepth = 3\nclasses = 3\nchannels = 1\ninput_px = 96\n\
             [imaging]\nfield_of_view = 0.6\n\
             [training]\noptimizer = \"adam\"\nlearning_rate = 0.001\nlocal_steps = 5\nbatch_images = 4\n\
             [privacy]\nmode = \"none\"\n[secagg]\nenabled = false\n\
             [strategy]\nkind = \"fedavg\"\nweighting = \"equal\"\n[evaluation]\nmetrics = [\"dice.foreground\"]\n",
        )
        .expect("a good plan");
        assert_eq!(Preparation::of(&plan), Preparation { classes: 3, ..preparation(96, 0.6) });
    }

    #[test]
    fn real_masks_survive_the_way_there_and_back() {
        for (set, preparation) in [("cardiac-mr", preparation(96, 0.6)), ("nuclei", preparation(128, 1.0))] {
            for dir in real_sites(set) {
                let folder = SiteFolder::open(&dir, PatientGrouping::ImagesArePatients).expect("a good set");
                let site = folder.load(2, 1).expect("a good set");
                let cases = site
                    .train
                    .iter()
                    .chain(&site.validation)
                    .flat_map(|patient| &patient.cases)
                    .filter_map(Case::image);
                let scores: Vec<f64> = cases.map(|case| round_trip(&preparation, case)).collect();
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                println!("{set} {:?}: mean Dice {mean:.4} over {} images", dir.file_name(), scores.len());
                assert!(mean > 0.9, "{set} {:?}: {mean}", dir.file_name());
            }
        }
    }

    proptest! {
        #[test]
        fn any_shape_gives_finite_input(
            height in 1usize..60, width in 1usize..60, size in 8u32..48, field in 0.05f64..=1.0,
        ) {
            let example = preparation(size, field).example(&disk(height, width, 9.0));
            prop_assert_eq!(example.pixels.dim(), (1, size as usize, size as usize));
            prop_assert!(example.pixels.iter().all(|value| value.is_finite()));
        }
    }
}
