//! A metric of any kind by its name.

use std::fmt;
use wardround_metrics::calibration::CalibrationMetric;
use wardround_metrics::detection::DetectionMetric;
use wardround_metrics::segmentation::MetricNameError;
use wardround_metrics::{Direction, SegmentationMetric, UnknownMetric};
use wardround_plan::Task;

/// A metric of any kind; `to_string` gives its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Of label maps.
    Segmentation(SegmentationMetric),
    /// Of the probabilities behind label maps, around the objects.
    Calibration(CalibrationMetric),
    /// Of boxes.
    Detection(DetectionMetric),
}

/// A name that no metric of the task has.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeasureError {
    /// The network segments.
    #[error("{0}")]
    Segmentation(MetricNameError),
    /// It begins like the name of a calibration metric and is none.
    #[error(transparent)]
    Calibration(UnknownMetric),
    /// The network detects.
    #[error(transparent)]
    Detection(UnknownMetric),
}

impl Measure {
    /// The metric `name` for networks of this task.
    ///
    /// # Errors
    /// [`MeasureError`] with the names there are.
    pub fn of_task(name: &str, task: Task) -> Result<Self, MeasureError> {
        let calibration = name.starts_with("ece.") || name.starts_with("brier.");
        match task {
            Task::Detect => name.parse().map(Self::Detection).map_err(MeasureError::Detection),
            Task::Segment if calibration => name.parse().map(Self::Calibration).map_err(MeasureError::Calibration),
            Task::Segment => name.parse().map(Self::Segmentation).map_err(MeasureError::Segmentation),
        }
    }

    /// What it means, for people.
    pub fn definition(&self) -> String {
        match self {
            Self::Segmentation(metric) => metric.definition().to_owned(),
            Self::Calibration(metric) => {
                format!("{}; over the pixels in and around the objects of one patient", metric.definition())
            }
            Self::Detection(metric) => metric.definition(),
        }
    }

    /// Which way it is better.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Segmentation(metric) => metric.direction(),
            Self::Calibration(metric) => metric.direction(),
            Self::Detection(metric) => metric.direction(),
        }
    }

    /// Every metric with the task it is for; those with a parameter with their usual one.
    pub fn known() -> Vec<(Task, Self)> {
        let segment = SegmentationMetric::all().map(Self::Segmentation);
        let calibration = CalibrationMetric::ALL.into_iter().map(Self::Calibration);
        let detect = DetectionMetric::known().iter().filter_map(|name| Self::of_task(name, Task::Detect).ok());
        let of = |task: Task| move |measure: Self| (task, measure);
        segment.chain(calibration).map(of(Task::Segment)).chain(detect.map(of(Task::Detect))).collect()
    }

    /// What is measured of a network of this task if nobody asks for anything else.
    pub fn usual(task: Task) -> &'static [&'static str] {
        match task {
            Task::Segment => &["dice.foreground", "iou.foreground", "volume.relative"],
            Task::Detect => &["ap@0.50", "ap.coco", "ap@0.10", "cpm"],
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segmentation(metric) => metric.fmt(f),
            Self::Calibration(metric) => f.write_str(metric.name()),
            Self::Detection(metric) => metric.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_come_back() {
        for name in ["dice.foreground", "hd95.voxel_maxdirected", "nsd.subvoxel@2mm", "ece.toplabel"] {
            assert_eq!(Measure::of_task(name, Task::Segment).expect("a name").to_string(), name);
        }
        assert_eq!(Measure::of_task("ap@0.50", Task::Detect).expect("a name").to_string(), "ap@0.50");
        for task in [Task::Segment, Task::Detect] {
            assert!(Measure::usual(task).iter().all(|name| Measure::of_task(name, task).is_ok()));
        }
    }

    #[test]
    fn a_metric_of_another_task_is_refused_with_the_names_there_are() {
        let error = Measure::of_task("dice.foreground", Task::Detect).expect_err("boxes have no Dice");
        assert!(error.to_string().contains("ap.coco"), "{error}");
        let error = Measure::of_task("ap.coco", Task::Segment).expect_err("masks have no AP");
        assert!(error.to_string().contains("dice"), "{error}");
        let error = Measure::of_task("ece.topable", Task::Segment).expect_err("a slip");
        assert!(error.to_string().contains("ece.toplabel"), "{error}");
    }
}
