//! `[detection]`: what a detector finds, and which of it each site has marked.

use crate::rules::{Place, RuleError};
use crate::{ModelSection, SiteId, Task};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Points of a FROC curve at most.
const FROC_POINTS_MAX: usize = 64;
/// Longest name of a class.
const NAME_BYTES_MAX: usize = 64;

/// `[detection]`: the classes of a detector by name.
///
/// A site that has not marked a class has its objects all the same. What looks like background there may be one of them, so the
/// site neither trains nor measures that class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionSection {
    /// Names as in the sites' annotations; the first is class 1.
    pub classes: Vec<String>,
    /// Classes that a site has not marked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unlabelled: BTreeMap<SiteId, Vec<String>>,
    /// False alarms an image at which sensitivity is read for FROC and CPM, rising; 1/8, 1/4 ... 8 (LUNA16) if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub froc_points: Option<Vec<f64>>,
}

impl DetectionSection {
    /// Whether `site` has marked each class, in their order.
    pub fn labelled_at(&self, site: &SiteId) -> Vec<bool> {
        let missing = self.unlabelled.get(site).map_or(&[][..], Vec::as_slice);
        self.classes.iter().map(|class| !missing.contains(class)).collect()
    }
}

/// The section is there where the network detects, and nowhere else.
pub(crate) fn check(section: Option<&DetectionSection>, model: &ModelSection) -> Result<(), RuleError> {
    let at = Place("detection", "classes");
    match (section, model.kind.task()) {
        (None, Task::Segment) => Ok(()),
        (None, Task::Detect) => {
            at.require(false, "is missing", "name what is to be found: `classes = [\"lesion\"]` in [detection]")
        }
        (Some(_), Task::Segment) => {
            at.require(false, "is for detectors", "leave [detection] out, or write `kind = \"centernet2d\"` in [model]")
        }
        (Some(section), Task::Detect) => {
            names(section, model)?;
            unlabelled(section)?;
            froc_points(section)
        }
    }
}

fn names(section: &DetectionSection, model: &ModelSection) -> Result<(), RuleError> {
    let at = Place("detection", "classes");
    let expected = model.classes as usize - 1;
    at.require(
        section.classes.len() == expected,
        &format!("has {} names where [model] has {expected} classes beside the background", section.classes.len()),
        "write as many names as `classes` in [model] less one",
    )?;
    let good = |name: &String| !name.is_empty() && name.trim() == name && name.len() <= NAME_BYTES_MAX;
    at.require(
        section.classes.iter().all(good),
        "has an empty or very long name, or one with spaces around it",
        "write 1 to 64 bytes for each",
    )?;
    // `White cell` and `white_cell` would be one class to people and two to a network.
    let folded = |name: &String| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let different: BTreeSet<String> = section.classes.iter().map(folded).collect();
    at.require(different.len() == expected, "names a class twice", "name each once")
}

fn unlabelled(section: &DetectionSection) -> Result<(), RuleError> {
    let at = Place("detection", "unlabelled");
    for (site, missing) in &section.unlabelled {
        if let Some(name) = missing.iter().find(|name| !section.classes.contains(name)) {
            at.require(false, &format!("names `{name}` for {site}, which is no class"), "write names from `classes`")?;
        }
        at.require(
            section.labelled_at(site).contains(&true),
            &format!("leaves {site} nothing that it has marked"),
            "leave at least one class, or leave the site out of the study",
        )?;
    }
    Ok(())
}

fn froc_points(section: &DetectionSection) -> Result<(), RuleError> {
    let Some(points) = &section.froc_points else { return Ok(()) };
    let good = (1..=FROC_POINTS_MAX).contains(&points.len())
        && points.iter().all(|point| *point > 0.0 && point.is_finite())
        && points.is_sorted_by(|a, b| a < b);
    Place("detection", "froc_points").require(
        good,
        "are not 1 to 64 rising numbers above 0",
        "write false alarms an image, for example `froc_points = [0.125, 0.25, 0.5, 1, 2, 4, 8]`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::PLAN;
    use crate::{Plan, PlanError};

    fn detector(detection: &str) -> String {
        let plan = PLAN.replace("unet2d", "centernet2d").replace("classes = 2", "classes = 3");
        format!("{}\n{detection}", plan.replace("dice.foreground", "ap@0.50.patient"))
    }

    const GOOD: &str = "[detection]\nclasses = [\"cell\", \"speck\"]\nunlabelled = { site-b = [\"speck\"] }";

    fn refused(text: &str, section: &str, key: &str) {
        match Plan::from_toml(text) {
            Err(PlanError::Rule { rule, .. }) => assert_eq!((rule.section, rule.key), (section, key), "{rule}"),
            other => panic!("expected a broken rule, got {other:?}"),
        }
    }

    #[test]
    fn a_site_says_which_classes_it_has_not_marked() {
        let plan = Plan::from_toml(&detector(GOOD)).expect("good");
        let detection = plan.detection.as_ref().expect("a detector");
        let site = |name: &str| SiteId::new(name).expect("a name");
        assert_eq!(detection.labelled_at(&site("site-a")), [true, true]);
        assert_eq!(detection.labelled_at(&site("site-b")), [true, false]);
        assert_eq!(Plan::from_canonical(&plan.to_canonical()), Ok(plan));
    }

    #[test]
    fn classes_fit_the_network_and_are_told_apart() {
        refused(&detector(""), "detection", "classes");
        refused(&format!("{PLAN}\n{GOOD}"), "detection", "classes");
        for classes in ["[\"cell\"]", "[\"cell\", \"cell\"]", "[\"cell\", \" \"]", "[\"White cell\", \"white_cell\"]"] {
            refused(&detector(&format!("[detection]\nclasses = {classes}")), "detection", "classes");
        }
    }

    #[test]
    fn what_a_site_has_not_marked_is_a_class_and_not_all_of_them() {
        for unlabelled in ["[\"blob\"]", "[\"cell\", \"speck\"]"] {
            let text =
                format!("[detection]\nclasses = [\"cell\", \"speck\"]\nunlabelled = {{ site-b = {unlabelled} }}");
            refused(&detector(&text), "detection", "unlabelled");
        }
    }

    #[test]
    fn froc_points_rise() {
        let with = |points: &str| detector(&format!("{GOOD}\nfroc_points = {points}"));
        assert!(Plan::from_toml(&with("[0.25, 1.0, 8.0]")).is_ok());
        for points in ["[]", "[1.0, 0.5]", "[0.0, 1.0]", "[nan]", "[1.0, inf]", "[1.0, 1.0]"] {
            refused(&with(points), "detection", "froc_points");
        }
    }

    #[test]
    fn a_detector_is_measured_as_one_and_a_segmenter_too() {
        let overlap = detector(GOOD).replace("ap@0.50.patient", "dice.foreground");
        refused(&overlap, "evaluation", "metrics");
        refused(&PLAN.replace("dice.foreground", "ap@0.50.patient"), "evaluation", "metrics");
    }
}
