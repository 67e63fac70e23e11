//! Volume error: how much of the object there is, wherever it lies. A perfect volume may be in the wrong place.

use crate::case::{Axes, Case};
use crate::overlap::Counts;
use crate::score::Score;

/// Which error of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VolumeKind {
    /// `|Vp - Vt|` in cubic millimetres; volumes only.
    Absolute,
    /// `Vp - Vt` in cubic millimetres, above 0 where too much was predicted; volumes only.
    Signed,
    /// `|Vp - Vt| / Vt`; the object must be in the truth.
    Relative,
    /// `(Vp - Vt) / Vt`; the object must be in the truth.
    RelativeSigned,
}

/// The error of the predicted volume. Without the object on either side there is nothing to measure.
pub(crate) fn score(case: &Case<'_>, counts: &Counts, kind: VolumeKind) -> Score {
    let more = counts.prediction as f64 - counts.truth as f64;
    let voxel_mm3 = case.grid.steps_mm.iter().product::<f64>();
    match (kind, case.grid.axes) {
        (VolumeKind::Absolute | VolumeKind::Signed, Axes::Two) => Score::NotApplicable,
        _ if counts.prediction == 0 && counts.truth == 0 => Score::BothEmpty,
        (VolumeKind::Absolute, Axes::Three) => Score::Value(more.abs() * voxel_mm3),
        (VolumeKind::Signed, Axes::Three) => Score::Value(more * voxel_mm3),
        _ if counts.truth == 0 => Score::TruthEmpty,
        (VolumeKind::Relative, _) => Score::Value(more.abs() / counts.truth as f64),
        (VolumeKind::RelativeSigned, _) => Score::Value(more / counts.truth as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Maps;
    use crate::spacing::Spacing;
    use ndarray::ArrayD;

    const KINDS: [VolumeKind; 4] =
        [VolumeKind::Absolute, VolumeKind::Signed, VolumeKind::Relative, VolumeKind::RelativeSigned];

    fn scores(spacing: Spacing, prediction: u64, truth: u64) -> [Score; 4] {
        let none = ArrayD::zeros(vec![0; spacing.axes()]);
        let maps = Maps { prediction: none.view(), truth: none.view() };
        let case = Case::new(maps, spacing).expect("same shape");
        KINDS.map(|kind| score(&case, &Counts { both: 0, prediction, truth }, kind))
    }

    #[test]
    fn a_volume_counts_voxels_times_their_size() {
        let spacing = Spacing::volume([2.0, 0.5, 3.0]).expect("positive");
        let values = [6.0, -6.0, 0.25, -0.25].map(Score::Value);
        assert_eq!(scores(spacing, 6, 8), values);
        assert_eq!(scores(spacing, 0, 8)[2..], [Score::Value(1.0), Score::Value(-1.0)], "missed whole");
    }

    #[test]
    fn empty_objects_are_named_not_divided_by() {
        let spacing = Spacing::volume([1.0; 3]).expect("positive");
        assert_eq!(scores(spacing, 0, 0), [Score::BothEmpty; 4]);
        assert_eq!(scores(spacing, 5, 0), [Score::Value(5.0), Score::Value(5.0), Score::TruthEmpty, Score::TruthEmpty]);
    }

    #[test]
    fn an_image_has_no_cubic_millimetres() {
        let spacing = Spacing::plane([2.0, 2.0]).expect("positive");
        let (none, values) = (Score::NotApplicable, [0.5, 0.5].map(Score::Value));
        assert_eq!(scores(spacing, 3, 2), [none, none, values[0], values[1]]);
    }
}
