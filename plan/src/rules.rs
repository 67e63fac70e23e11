//! What a plan may not say. Each rule refuses one way to fool oneself, and says what to write instead.

use crate::plan::Draft;
use crate::sections::*;
use crate::{detection, privacy_rules, strategy};

/// A broken rule: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("[{section}] {key}: {problem}; {remedy}")]
pub struct RuleError {
    /// The section at fault.
    pub section: &'static str,
    /// The key at fault.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

pub(crate) fn check(plan: &Draft) -> Result<(), RuleError> {
    study(&plan.study)?;
    model(&plan.model)?;
    imaging(&plan.imaging)?;
    training(&plan.training, plan.model.kind)?;
    secagg(&plan.secagg, &plan.study)?;
    strategy::rules::check(plan)?;
    detection::check(plan.detection.as_ref(), &plan.model)?;
    evaluation(&plan.evaluation, &plan.study, plan.model.kind.task())?;
    privacy_rules::check(plan)
}

fn study(study: &StudySection) -> Result<(), RuleError> {
    let at = |key| Place("study", key);
    at("purpose").require(!study.purpose.trim().is_empty(), "is empty", "say why patients' scans are used")?;
    at("purpose").require(study.purpose.len() <= 500, "is longer than 500 bytes", "say it shorter")?;
    at("rounds").within(study.rounds, 1, 100_000)?;
    at("min_sites").within(study.min_sites, 1, 10_000)?;
    at("deadline_s").within(study.deadline_s, 1, 30 * 86_400)?;
    at("gather_s").within(study.gather_s, 0, 86_400)?;
    at("absence_s").within(study.absence_s, 1, 86_400)?;
    at("attempts").within(study.attempts, 1, 100)
}

fn model(model: &ModelSection) -> Result<(), RuleError> {
    let at = |key| Place("model", key);
    at("width").within(model.width, 4, 256)?;
    at("width").require(
        model.width.is_multiple_of(4),
        "is no multiple of 4",
        "group normalisation needs 4, 8, 12, 16 ...",
    )?;
    at("depth").within(model.depth, 1, 6)?;
    at("classes").within(model.classes, 2, 255)?;
    at("channels").within(model.channels, 1, 4)?;
    at("input_px").within(model.input_px, 8, 2048)?;
    slices(model)?;
    at("depth").require(
        model.kind.task() == Task::Segment || model.depth >= 2,
        "is too small for boxes, which are found at half the resolution",
        "write 2 or more",
    )?;
    let step = 1 << (model.depth - 1);
    at("input_px").require(
        model.input_px.is_multiple_of(step),
        &format!("{} cannot be halved {} times", model.input_px, model.depth - 1),
        &format!("use a multiple of {step}, for example {}", model.input_px.next_multiple_of(step)),
    )
}

/// Slices are for volumes, where they are halved like the sides.
fn slices(model: &ModelSection) -> Result<(), RuleError> {
    let at = Place("model", "input_slices");
    match (model.kind, model.input_slices) {
        (ModelKind::Unet3d, None) => {
            at.require(false, "is missing", "say how many slices the network sees: `input_slices = 32`")
        }
        (ModelKind::Unet3d, Some(slices)) => {
            let step = 1 << (model.depth - 1);
            at.within(slices, 1, 1024)?;
            at.require(
                slices.is_multiple_of(step),
                &format!("{slices} cannot be halved {} times", model.depth - 1),
                &format!("use a multiple of {step}, for example {}", slices.next_multiple_of(step)),
            )
        }
        (_, Some(_)) => at.require(false, "is for volumes", "leave it out, or write `kind = \"unet3d\"`"),
        (_, None) => Ok(()),
    }
}

fn imaging(imaging: &ImagingSection) -> Result<(), RuleError> {
    Place("imaging", "field_of_view").within(imaging.field_of_view, 0.05, 1.0)?;
    imaging.spacing_mm.iter().flatten().try_for_each(|mm| Place("imaging", "spacing_mm").within(*mm, 0.01, 100.0))
}

fn training(training: &TrainingSection, kind: ModelKind) -> Result<(), RuleError> {
    let at = |key| Place("training", key);
    at("learning_rate").within(training.learning_rate, 1e-9, 10.0)?;
    at("weight_decay").within(training.weight_decay, 0.0, 1.0)?;
    at("local_steps").within(training.local_steps, 1, 1_000_000)?;
    at("batch_images").within(training.batch_images, 1, 4096)?;
    let mut seen = training.augment.clone();
    seen.sort();
    seen.dedup();
    let turned = seen.iter().any(|change| matches!(change, Augmentation::Rotate | Augmentation::Scale));
    at("augment").require(
        !(turned && kind == ModelKind::Unet3d),
        "turns or zooms volumes, which are only mirrored and recoloured",
        "leave \"rotate\" and \"scale\" out",
    )?;
    at("augment").require(seen.len() == training.augment.len(), "names a change twice", "name each once")
}

fn secagg(secagg: &SecaggSection, study: &StudySection) -> Result<(), RuleError> {
    let at = |key| Place("secagg", key);
    at("stage_s").within(secagg.stage_s, 1, 86_400)?;
    let corrupt = secagg.assumed_corrupt.unwrap_or(0);
    at("assumed_corrupt").within(corrupt, 0, 10_000)?;
    let few = study.min_sites < 3;
    at("enabled").require(
        !(secagg.enabled && few),
        &format!("hides nothing among {} sites: each can subtract itself from the sum", study.min_sites),
        "write `min_sites = 3` or more in [study]",
    )?;
    at("assumed_corrupt").require(
        !secagg.enabled || secagg.threshold(study.min_sites).is_some(),
        &format!("of {corrupt} leaves no threshold that {} sites can reach", study.min_sites),
        "assume fewer, or raise `min_sites` in [study]",
    )
}

fn evaluation(evaluation: &EvaluationSection, study: &StudySection, task: Task) -> Result<(), RuleError> {
    let at = |key| Place("evaluation", key);
    let metrics = MetricName::ALL.into_iter().find(|metric| metric.task() == task).map_or("", MetricName::as_str);
    let remedy = format!("write `metrics = [\"{metrics}\"]`");
    at("metrics").require(evaluation.metrics.len() == 1, "is not one metric", &remedy)?;
    let fits = evaluation.metrics.iter().all(|metric| metric.task() == task);
    at("metrics").require(fits, "does not measure what the network does", &remedy)?;
    at("every").within(evaluation.every, 1, study.rounds.max(1))
}

/// A section and a key: where a rule looks.
pub(crate) struct Place(pub(crate) &'static str, pub(crate) &'static str);

impl Place {
    pub(crate) fn require(&self, holds: bool, problem: &str, remedy: &str) -> Result<(), RuleError> {
        if holds {
            return Ok(());
        }
        Err(RuleError { section: self.0, key: self.1, problem: problem.into(), remedy: remedy.into() })
    }

    /// NaN is within nothing.
    pub(crate) fn within<T: PartialOrd + std::fmt::Display>(&self, value: T, low: T, high: T) -> Result<(), RuleError> {
        let holds = value >= low && value <= high;
        self.require(holds, &format!("{value} is out of range"), &format!("write {low} to {high}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::{Plan, PlanError};

    pub(crate) const PLAN: &str = r#"
[study]
name = "left-ventricle"
purpose = "research"
rounds = 3
min_sites = 2
deadline_s = 60

[model]
kind = "unet2d"
width = 8
depth = 3
classes = 2
channels = 1
input_px = 64

[training]
optimizer = "adam"
learning_rate = 0.001
local_steps = 5
batch_images = 4

[privacy]
mode = "none"

[secagg]
enabled = false

[strategy]
kind = "fedavg"
weighting = "equal"

[evaluation]
metrics = ["dice.foreground"]
"#;

    fn refused(from: &str, to: &str, section: &str, key: &str) {
        let text = PLAN.replace(from, to);
        assert_ne!(text, PLAN, "`{from}` is not in the plan");
        match Plan::from_toml(&text) {
            Err(PlanError::Rule { line, rule }) => {
                assert_eq!((rule.section, rule.key), (section, key), "{rule}");
                assert!(line.is_some() || key == "weights", "{rule} has no line");
            }
            other => panic!("{to}: expected a broken rule, got {other:?}"),
        }
    }

    #[test]
    fn traitors_that_leave_no_threshold_are_refused() {
        let hidden = |sites: u32, corrupt: u32| {
            let plan = PLAN.replace("min_sites = 2", &format!("min_sites = {sites}"));
            Plan::from_toml(&plan.replace("enabled = false", &format!("enabled = true\nassumed_corrupt = {corrupt}")))
        };
        assert!(hidden(3, 1).is_ok() && hidden(10, 5).is_ok());
        for (sites, corrupt) in [(3, 2), (4, 3), (10, 9)] {
            assert!(matches!(hidden(sites, corrupt), Err(PlanError::Rule { .. })), "{corrupt} of {sites}");
        }
    }

    #[test]
    fn the_good_plan_is_good() {
        Plan::from_toml(PLAN).expect("good");
    }

    #[test]
    fn each_rule_refuses_its_fault_at_its_line() {
        refused("rounds = 3", "rounds = 0", "study", "rounds");
        refused("min_sites = 2", "min_sites = 0", "study", "min_sites");
        refused("purpose = \"research\"", "purpose = \" \"", "study", "purpose");
        refused("width = 8", "width = 6", "model", "width");
        refused("input_px = 64", "input_px = 66", "model", "input_px");
        refused("classes = 2", "classes = 1", "model", "classes");
        refused("learning_rate = 0.001", "learning_rate = nan", "training", "learning_rate");
        refused("learning_rate = 0.001", "learning_rate = -1.0", "training", "learning_rate");
        refused("batch_images = 4", "batch_images = 4\naugment = [\"flip\", \"flip\"]", "training", "augment");
        refused("enabled = false", "enabled = true", "secagg", "enabled");
        refused("enabled = false", "enabled = false\nstage_s = 0", "secagg", "stage_s");
        refused("enabled = false", "enabled = false\nassumed_corrupt = 20000", "secagg", "assumed_corrupt");
        refused("metrics = [\"dice.foreground\"]", "metrics = []", "evaluation", "metrics");
        refused("weighting = \"equal\"", "weighting = \"public\"", "strategy", "weights");
        refused("weighting = \"equal\"", "weighting = \"equal\"\nweights = { a = 1 }", "strategy", "weights");
        refused(
            "weighting = \"equal\"",
            "weighting = \"public\"\nweights = { a = 4000000000, b = 1 }",
            "strategy",
            "weights",
        );
    }

    #[test]
    fn volumes_have_slices_that_can_be_halved_and_images_have_none() {
        let volume =
            |line: &str| PLAN.replace("unet2d", "unet3d").replace("input_px = 64", &format!("input_px = 64\n{line}"));
        assert!(Plan::from_toml(&volume("input_slices = 12")).is_ok());
        for line in ["", "input_slices = 0", "input_slices = 6", "input_slices = 2048"] {
            assert!(
                matches!(Plan::from_toml(&volume(line)), Err(PlanError::Rule { rule, .. }) if rule.key == "input_slices"),
                "{line}"
            );
        }
        refused("input_px = 64", "input_px = 64\ninput_slices = 4", "model", "input_slices");
    }

    #[test]
    fn promises_this_version_cannot_keep_are_refused() {
        let text = PLAN.replace("mode = \"none\"", "mode = \"none\"\nepsilon = 1.0");
        assert!(Plan::from_toml(&text).is_err(), "an epsilon without noise is false comfort");
        let text = PLAN.replace("mode = \"none\"", "mode = \"site\"");
        assert!(Plan::from_toml(&text).is_err(), "a mode without a budget is no promise");
    }
}
