//! Names to metrics and back. A name that is not understood is refused with the nearest one that is.

use super::catalogue::{CATALOGUE, Entry, Kind};
use super::{Measure, Scope, SegmentationMetric};
use crate::lesion::{IouAbove, Matching};
use crate::overlap::Empties;
use crate::region::{Class, Region};
use crate::surface::Tolerance;
use std::fmt;
use std::str::FromStr;

/// Names of the policies for empty objects.
const POLICIES: [(&str, Empties); 5] = [
    ("empty_default", Empties::NanBothZeroFp),
    ("empty_monai", Empties::Monai),
    ("empty_nnunet", Empties::NnUnet),
    ("empty_flamby", Empties::Flamby),
    ("empty_brats", Empties::Brats),
];

/// Name of the mean over classes.
const MEAN: &str = "mean";
/// Name of everything that is not background.
const FOREGROUND: &str = "foreground";

/// A metric that is not known as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricNameError {
    /// No metric begins like this.
    #[error("no metric is named {given}; the nearest is {nearest}. There are {known}")]
    Unknown {
        /// What was written.
        given: String,
        /// The known name most like it.
        nearest: String,
        /// All of them.
        known: String,
    },
    /// The metric is known, a part of its name is not.
    #[error("{given}: {wrong} is not understood here; write {instead}")]
    Part {
        /// What was written.
        given: String,
        /// The part of it.
        wrong: String,
        /// What could stand there.
        instead: &'static str,
    },
}

impl FromStr for SegmentationMetric {
    type Err = MetricNameError;

    fn from_str(given: &str) -> Result<Self, MetricNameError> {
        let (head, parameter) = given.split_once('@').map_or((given, None), |(head, after)| (head, Some(after)));
        let (entry, words) = entry_of(head).ok_or_else(|| unknown(given))?;
        let measure = measure(entry.kind, words).and_then(|measure| with_parameter(measure, parameter));
        let measure = measure.map_err(|Wrong { word, instead }| MetricNameError::Part {
            given: given.to_owned(),
            wrong: word.map_or_else(|| "the end of the name".to_owned(), str::to_owned),
            instead,
        })?;
        Ok(Self { entry, measure })
    }
}

/// A word that has no place where it stands, or one that is missing.
struct Wrong<'a> {
    word: Option<&'a str>,
    instead: &'static str,
}

/// The measure that the words after the stem ask for: a region, then a policy.
fn measure<'a>(kind: Kind, words: impl Iterator<Item = &'a str>) -> Result<Measure, Wrong<'a>> {
    let mut words = words.peekable();
    let wrong = |word| Wrong { word, instead: kind.words() };
    let scope = words.next_if(|word| scope(word).is_some_and(|scope| kind.has(scope))).and_then(scope);
    let mut measure = match (scope, kind) {
        (None, Kind::Overlap(_)) => return Err(wrong(words.next())),
        (scope, kind) => kind.on(scope.unwrap_or(Scope::One(Region::Foreground))),
    };
    if let Measure::Overlap { empties, .. } = &mut measure {
        *empties = words.next_if(|word| policy(word).is_some()).and_then(policy).unwrap_or(*empties);
    }
    words.next().map_or(Ok(measure), |word| Err(wrong(Some(word))))
}

/// The measure with what stands after the `@`.
fn with_parameter(measure: Measure, parameter: Option<&str>) -> Result<Measure, Wrong<'_>> {
    let wrong = |instead| Wrong { word: parameter, instead };
    match (measure, parameter) {
        (Measure::SurfaceDice { surface, of, .. }, _) => {
            let mm = parameter.and_then(|parameter| parameter.strip_suffix("mm")?.parse().ok());
            let tolerance = mm.and_then(|mm| Tolerance::mm(mm).ok()).ok_or_else(|| wrong(TOLERANCE))?;
            Ok(Measure::SurfaceDice { surface, of, tolerance })
        }
        (Measure::Lesion { kind, of, .. }, Some(parameter)) => {
            let bound = parameter.strip_prefix("iou").and_then(|bound| bound.parse().ok());
            let bound = bound.and_then(|bound| IouAbove::new(bound).ok()).ok_or_else(|| wrong(IOU))?;
            Ok(Measure::Lesion { kind, of, matching: Matching::Iou(bound) })
        }
        (measure, None) => Ok(measure),
        (_, Some(_)) => Err(wrong("nothing after the @, this metric has no parameter")),
    }
}

/// What a tolerance looks like.
const TOLERANCE: &str = "the tolerance in millimetres, such as nsd.subvoxel@2mm";
/// What a bound of the overlap of lesions looks like.
const IOU: &str = "the least IoU from 0.5 to below 1, such as lesion.f1@iou0.5";

/// The metric with the longest stem that `head` begins with, and the words after it.
fn entry_of(head: &str) -> Option<(&'static Entry, impl Iterator<Item = &str>)> {
    let after = |entry: &'static Entry| {
        let rest = head.strip_prefix(entry.stem)?;
        (rest.is_empty() || rest.starts_with('.')).then_some((entry, rest))
    };
    let (entry, rest) = CATALOGUE.iter().filter_map(after).max_by_key(|(entry, _)| entry.stem.len())?;
    Some((entry, rest.split('.').skip(1)))
}

fn scope(word: &str) -> Option<Scope> {
    match word {
        FOREGROUND => Some(Scope::One(Region::Foreground)),
        MEAN => Some(Scope::MeanOfClasses),
        _ => {
            let label = word.strip_prefix("class")?.parse().ok()?;
            // `class01` and `class+1` would be other names of the same metric.
            let class = Class::new(label).filter(|class| class.to_string() == word)?;
            Some(Scope::One(Region::Class(class)))
        }
    }
}

fn policy(word: &str) -> Option<Empties> {
    POLICIES.iter().find(|(name, _)| *name == word).map(|(_, empties)| *empties)
}

impl Kind {
    fn has(self, scope: Scope) -> bool {
        matches!(self, Self::Overlap(_)) || scope != Scope::MeanOfClasses
    }

    /// What may stand after the stem.
    fn words(self) -> &'static str {
        match self {
            Self::Overlap(_) => {
                "a region (foreground, class1 to class255, mean) and, if empty objects count otherwise, empty_default, empty_monai, empty_nnunet, empty_flamby or empty_brats, such as dice.foreground or dice.class2.empty_brats"
            }
            _ => "a region (foreground, class1 to class255) or nothing",
        }
    }
}

fn unknown(given: &str) -> MetricNameError {
    let names: Vec<String> = SegmentationMetric::all().map(|metric| metric.to_string()).collect();
    let nearest = names.iter().min_by_key(|name| strsim::damerau_levenshtein(given, name));
    MetricNameError::Unknown {
        given: given.to_owned(),
        nearest: nearest.cloned().unwrap_or_default(),
        known: names.join(", "),
    }
}

impl fmt::Display for SegmentationMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.entry.stem)?;
        match self.measure {
            Measure::Overlap { of, empties, .. } => write_overlap(f, of, empties),
            Measure::SurfaceDice { of, tolerance, .. } => {
                write_region(f, of)?;
                write!(f, "@{tolerance}")
            }
            Measure::Lesion { of, matching: Matching::Iou(bound), .. } => {
                write_region(f, of)?;
                write!(f, "@iou{bound}")
            }
            Measure::SpecificityOfHealthy(of)
            | Measure::Distance { of, .. }
            | Measure::Volume { of, .. }
            | Measure::Lesion { of, matching: Matching::AnyOverlap, .. }
            | Measure::Brats23 { of, .. } => write_region(f, of),
        }
    }
}

fn write_overlap(f: &mut fmt::Formatter<'_>, of: Scope, empties: Empties) -> fmt::Result {
    match of {
        Scope::MeanOfClasses => write!(f, ".{MEAN}")?,
        Scope::One(Region::Foreground) => write!(f, ".{FOREGROUND}")?,
        Scope::One(region) => write_region(f, region)?,
    }
    let named = POLICIES.iter().find(|(_, policy)| *policy == empties && empties != Empties::NanBothZeroFp);
    named.map_or(Ok(()), |(name, _)| write!(f, ".{name}"))
}

/// The region, which is not named where it is the foreground.
fn write_region(f: &mut fmt::Formatter<'_>, region: Region) -> fmt::Result {
    match region {
        Region::Foreground => Ok(()),
        Region::Class(class) => write!(f, ".{class}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str) -> Result<String, MetricNameError> {
        name.parse::<SegmentationMetric>().map(|metric| metric.to_string())
    }

    #[test]
    fn every_metric_of_the_catalogue_is_found_by_its_own_name() {
        for metric in SegmentationMetric::all() {
            let name = metric.to_string();
            assert_eq!(name.parse::<SegmentationMetric>(), Ok(metric));
            assert!(metric.definition().ends_with('.'), "{name}");
        }
        assert_eq!(SegmentationMetric::all().count(), CATALOGUE.len());
    }

    #[test]
    fn names_with_regions_policies_and_parameters_come_back_as_written() {
        for name in [
            "dice.foreground",
            "dice.class1",
            "dice.mean.empty_monai",
            "iou.class255.empty_brats",
            "hd95.voxel_maxdirected",
            "hd95.voxel_maxdirected.class3",
            "nsd.subvoxel@2mm",
            "nsd.voxel.class2@0.5mm",
            "volume.relative_signed.class2",
            "lesion.f1@iou0.5",
            "lesion.sensitivity.class1@iou0.75",
            "lesion.brats23.hd95.class3",
            "specificity.healthy.class2",
        ] {
            assert_eq!(parsed(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn two_spellings_of_a_metric_are_one_metric() {
        assert_eq!(parsed("hd.voxel.foreground").as_deref(), Ok("hd.voxel"));
        assert_eq!(parsed("dice.mean.empty_default").as_deref(), Ok("dice.mean"));
        assert_eq!(parsed("nsd.subvoxel@2.0mm").as_deref(), Ok("nsd.subvoxel@2mm"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_all() {
        let error = parsed("hd95.voxel").expect_err("not a name").to_string();
        assert!(error.contains("the nearest is hd95.pooled") || error.contains("the nearest is hd.voxel"), "{error}");
        assert!(SegmentationMetric::all().all(|metric| error.contains(&metric.to_string())), "{error}");
        let nearest = parsed("dicee.foreground").expect_err("not a name").to_string();
        assert!(nearest.contains("the nearest is dice.foreground"), "{nearest}");
    }

    #[test]
    fn a_wrong_part_is_named_with_what_could_stand_there() {
        for (name, wrong, instead) in [
            ("dice", "the end of the name", "dice.foreground"),
            ("dice.empty_monai", "empty_monai", "dice.foreground"),
            ("dice.mean.empty_monai.empty_brats", "empty_brats", "dice.foreground"),
            ("dice.class0", "class0", "class1 to class255"),
            ("dice.class01", "class01", "class1 to class255"),
            ("dice.class256", "class256", "class1 to class255"),
            ("dice.foreground.class1", "class1", "empty_monai"),
            ("hd.voxel.mean", "mean", "foreground"),
            ("hd.voxel.empty_monai", "empty_monai", "foreground"),
            ("nsd.subvoxel", "the end of the name", "nsd.subvoxel@2mm"),
            ("nsd.subvoxel@2", "2", "nsd.subvoxel@2mm"),
            ("nsd.subvoxel@-1mm", "-1mm", "nsd.subvoxel@2mm"),
            ("lesion.f1@iou0.4", "iou0.4", "lesion.f1@iou0.5"),
            ("hd.voxel@2mm", "2mm", "no parameter"),
        ] {
            let error = parsed(name).expect_err(name).to_string();
            assert!(error.contains(&format!("{wrong} is not understood")) && error.contains(instead), "{error}");
        }
    }
}
