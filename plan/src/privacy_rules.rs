//! What a plan may not say about privacy: each rule refuses one false comfort.

use crate::plan::Draft;
use crate::privacy::{PrivacyMode, PrivacySection, PrivacyUnit, Sampling};
use crate::rules::Place;
use crate::sections::{Optimizer, TrainingSection};
use crate::{RuleError, Weighting};

/// Above this, a promise excludes nothing that matters.
const EPSILON_MAX: f64 = 1000.0;
/// Larger than the chance that any hospital accepts for a whole data set to be lost.
const DELTA_MAX: f64 = 0.01;

pub(crate) fn check(plan: &Draft) -> Result<(), RuleError> {
    let (privacy, training) = (&plan.privacy, &plan.training);
    match privacy.mode {
        PrivacyMode::None => promises_nothing(privacy)?,
        PrivacyMode::Site => site(privacy)?,
        PrivacyMode::Distributed => distributed(plan)?,
        PrivacyMode::Client => client(privacy)?,
    }
    match privacy.mode {
        PrivacyMode::Site | PrivacyMode::Distributed => patients(training)?,
        PrivacyMode::Client | PrivacyMode::None => no_patients(training)?,
    }
    let share = plan.evaluation.epsilon_share;
    let at = Place("evaluation", "epsilon_share");
    match privacy.mode {
        PrivacyMode::Site | PrivacyMode::Distributed => at.within(share.unwrap_or(0.0), 0.0, 0.5),
        PrivacyMode::Client | PrivacyMode::None => {
            at.require(share.is_none(), "is given, but no site adds noise", "remove it, or write `mode = \"site\"`")
        }
    }
}

fn promises_nothing(privacy: &PrivacySection) -> Result<(), RuleError> {
    let given = [
        ("epsilon", privacy.epsilon.is_some()),
        ("delta", privacy.delta.is_some()),
        ("sampling_rate", privacy.sampling_rate.is_some()),
        ("clip", privacy.clip.is_some()),
        ("clip_kind", privacy.clip_kind.is_some()),
        ("clip_quantile", privacy.clip_quantile.is_some()),
        ("noise", privacy.noise.is_some()),
        ("share", privacy.share.is_some()),
        ("spare_rounds", privacy.spare_rounds.is_some()),
        ("adjacency", privacy.adjacency.is_some()),
        ("sampling", privacy.sampling.is_some()),
        ("accountant", privacy.accountant.is_some()),
    ];
    let said = given.iter().find(|(_, given)| *given).map(|(key, _)| *key);
    let problem = "is given, but mode is \"none\": without noise it promises nothing";
    Place("privacy", said.unwrap_or("mode")).require(said.is_none(), problem, "remove it, or write `mode = \"site\"`")
}

fn site(privacy: &PrivacySection) -> Result<(), RuleError> {
    Place("privacy", "share").require(privacy.share.is_none(), "is for mode \"distributed\"", "remove it")?;
    of_patients(privacy)
}

/// Noise that only the sum has enough of: what is sound is one clipped gradient step, with nothing in it that has no noise.
fn distributed(plan: &Draft) -> Result<(), RuleError> {
    let (privacy, training) = (&plan.privacy, &plan.training);
    of_patients(privacy)?;
    Place("privacy", "noise").require(
        privacy.noise.is_none(),
        "is for mode \"site\"; a share of noise has a law of its own",
        "write `share = \"skellam\"` or `share = \"discrete_gaussian\"`, or nothing",
    )?;
    Place("secagg", "enabled").require(
        plan.secagg.enabled,
        "is false, but with mode \"distributed\" no single contribution has enough noise to be seen",
        "write `enabled = true`, or `mode = \"site\"`",
    )?;
    let at = |key| Place("training", key);
    at("local_steps").require(
        training.local_steps == 1,
        "is more than 1: what a patient changes in the second local step is clipped nowhere and has no noise yet",
        "write `local_steps = 1`, or `mode = \"site\"`",
    )?;
    at("optimizer").require(
        training.optimizer == Optimizer::Sgd && training.weight_decay == 0.0,
        "is none that steps by the sum of gradients alone, which is all that is private",
        "write `optimizer = \"sgd\"` without `weight_decay`",
    )?;
    Place("strategy", "weighting").require(
        plan.strategy.weighting == Weighting::Equal,
        "is \"public\": a weight would multiply what a patient can change",
        "write `weighting = \"equal\"`",
    )
}

fn of_patients(privacy: &PrivacySection) -> Result<(), RuleError> {
    budget(privacy)?;
    let at = |key| Place("privacy", key);
    at("unit").require(
        privacy.unit == PrivacyUnit::Patient,
        "is \"site\", but this mode protects patients",
        "write `unit = \"patient\"`, or `mode = \"client\"`",
    )?;
    at("clip_quantile").require(privacy.clip_quantile.is_none(), "is for mode \"client\"", "remove it")?;
    at("spare_rounds").within(privacy.spare_rounds.unwrap_or(0), 0, 100_000)?;
    let sampling = privacy.sampling.unwrap_or_default();
    at("sampling").require(
        sampling == Sampling::Poisson,
        "has no tight accountant, and the Poisson one would under-report it (Chua et al. 2024)",
        "write `sampling = \"poisson\"`",
    )
}

fn client(privacy: &PrivacySection) -> Result<(), RuleError> {
    budget(privacy)?;
    let at = |key| Place("privacy", key);
    at("unit").require(
        privacy.unit == PrivacyUnit::Site,
        "is \"patient\", but mode \"client\" protects a site as a whole",
        "write `unit = \"site\"`, or `mode = \"site\"`",
    )?;
    at("clip_quantile").within(privacy.clip_quantile.unwrap_or(0.5), 0.05, 0.95)?;
    for (key, given) in [
        ("spare_rounds", privacy.spare_rounds.is_some()),
        ("clip_kind", privacy.clip_kind.is_some()),
        ("adjacency", privacy.adjacency.is_some()),
        ("sampling", privacy.sampling.is_some()),
        ("share", privacy.share.is_some()),
    ] {
        at(key).require(!given, "is for modes \"site\" and \"distributed\"", "remove it")?;
    }
    Ok(())
}

fn budget(privacy: &PrivacySection) -> Result<(), RuleError> {
    let at = |key| Place("privacy", key);
    let missing = |key, value: Option<f64>, remedy: &str| {
        let problem = "is missing, and without it there is no promise";
        at(key).require(value.is_some(), problem, remedy).map(|()| value.unwrap_or_default())
    };
    let epsilon = missing("epsilon", privacy.epsilon, "write, for example, `epsilon = 8.0`")?;
    at("epsilon").within(epsilon, 1e-3, EPSILON_MAX)?;
    let delta =
        missing("delta", privacy.delta, "write, for example, `delta = 1e-5`: below one in the patients of a site")?;
    at("delta").within(delta, 1e-15, DELTA_MAX)?;
    let rate = missing("sampling_rate", privacy.sampling_rate, "write, for example, `sampling_rate = 0.1`")?;
    at("sampling_rate").within(rate, 1e-6, 1.0)?;
    let clip = missing("clip", privacy.clip, "write, for example, `clip = 1.0`")?;
    at("clip").within(clip, 1e-6, 1e6)
}

fn patients(training: &TrainingSection) -> Result<(), RuleError> {
    let at = |key| Place("training", key);
    let expected = training.expected_batch_patients;
    let remedy =
        "write the sampling rate times the patients of a typical site, for example `expected_batch_patients = 16`";
    at("expected_batch_patients").require(expected.is_some(), "is missing: noisy sums are divided by it", remedy)?;
    at("expected_batch_patients").within(expected.unwrap_or(1), 1, 1_000_000)?;
    at("images_per_patient").within(training.images_per_patient.unwrap_or(1), 1, 1024)?;
    at("views").within(training.views.unwrap_or(1), 1, 64)
}

fn no_patients(training: &TrainingSection) -> Result<(), RuleError> {
    for (key, given) in [
        ("expected_batch_patients", training.expected_batch_patients.is_some()),
        ("images_per_patient", training.images_per_patient.is_some()),
        ("views", training.views.is_some()),
    ] {
        let remedy = "remove it, or write `mode = \"site\"` in [privacy]";
        Place("training", key).require(!given, "is for a `privacy.mode` that protects patients", remedy)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::PLAN;
    use crate::{Plan, PlanError};

    const SITE: &str = "mode = \"site\"\nepsilon = 8.0\ndelta = 1e-5\nsampling_rate = 0.1\nclip = 1.0";

    fn private() -> String {
        let text = PLAN.replace("mode = \"none\"", SITE);
        text.replace("batch_images = 4", "batch_images = 4\nexpected_batch_patients = 16")
    }

    fn refused(from: &str, to: &str, key: &str) {
        let text = private().replace(from, to);
        assert_ne!(text, private(), "`{from}` is not in the plan");
        match Plan::from_toml(&text) {
            Err(PlanError::Rule { rule, .. }) => assert_eq!(rule.key, key, "{rule}"),
            other => panic!("{to}: expected a broken rule, got {other:?}"),
        }
    }

    #[test]
    fn a_private_plan_has_complete_terms() {
        let plan = Plan::from_toml(&private()).expect("good");
        let terms = plan.privacy.patients().expect("mode site");
        assert_eq!((terms.epsilon, terms.delta, terms.spare_rounds), (8.0, 1e-5, 2));
        assert_eq!(Plan::from_canonical(&plan.to_canonical()), Ok(plan));
    }

    #[test]
    fn each_missing_or_senseless_promise_is_refused() {
        refused("epsilon = 8.0\n", "", "epsilon");
        refused("epsilon = 8.0", "epsilon = -1.0", "epsilon");
        refused("epsilon = 8.0", "epsilon = nan", "epsilon");
        refused("delta = 1e-5\n", "", "delta");
        refused("delta = 1e-5", "delta = 0.5", "delta");
        refused("delta = 1e-5", "delta = 0.0", "delta");
        refused("sampling_rate = 0.1", "sampling_rate = 1.5", "sampling_rate");
        refused("clip = 1.0", "clip = inf", "clip");
        refused("clip = 1.0", "clip = 1.0\nunit = \"site\"", "unit");
        refused("clip = 1.0", "clip = 1.0\nsampling = \"fixed_batch\"", "sampling");
        refused("clip = 1.0", "clip = 1.0\nsampling = \"shuffle\"", "sampling");
        refused("clip = 1.0", "clip = 1.0\nclip_quantile = 0.5", "clip_quantile");
        refused("expected_batch_patients = 16", "", "expected_batch_patients");
        refused("expected_batch_patients = 16", "expected_batch_patients = 0", "expected_batch_patients");
        refused("mode = \"site\"", "mode = \"none\"", "epsilon");
        refused("mode = \"site\"", "mode = \"client\"", "unit");
    }

    fn distributed() -> String {
        let text =
            private().replace("mode = \"site\"", "mode = \"distributed\"").replace("enabled = false", "enabled = true");
        let text =
            text.replace("optimizer = \"adam\"", "optimizer = \"sgd\"").replace("min_sites = 2", "min_sites = 3");
        let steps =
            text.lines().find(|line| line.starts_with("local_steps")).expect("a plan has local steps").to_owned();
        text.replace(&steps, "local_steps = 1")
    }

    #[test]
    fn only_one_clipped_step_can_share_its_noise() {
        let plan = Plan::from_toml(&distributed()).expect("a good plan");
        let terms = plan.privacy.patients().expect("terms");
        assert_eq!(terms.share, Some(crate::ShareLaw::Skellam), "unless the plan says otherwise");
        assert_eq!(Plan::from_canonical(&plan.to_canonical()), Ok(plan));
        for (from, to, key) in [
            ("enabled = true", "enabled = false", "enabled"),
            ("local_steps = 1", "local_steps = 2", "local_steps"),
            ("optimizer = \"sgd\"", "optimizer = \"adam\"", "optimizer"),
            ("optimizer = \"sgd\"", "optimizer = \"sgd\"\nweight_decay = 0.1", "optimizer"),
            ("clip = 1.0", "clip = 1.0\nnoise = \"exact\"", "noise"),
            ("clip = 1.0", "clip = 1.0\nunit = \"site\"", "unit"),
            ("mode = \"distributed\"", "mode = \"site\"\nshare = \"skellam\"", "share"),
        ] {
            let text = distributed().replace(from, to);
            assert_ne!(text, distributed(), "`{from}` is not in the plan");
            match Plan::from_toml(&text) {
                Err(PlanError::Rule { rule, .. }) => assert_eq!(rule.key, key, "{rule}"),
                other => panic!("{to}: expected a broken rule, got {other:?}"),
            }
        }
    }

    #[test]
    fn a_typed_noise_scale_is_no_key_of_a_plan() {
        let text = private().replace("clip = 1.0", "clip = 1.0\nnoise_multiplier = 0.1");
        assert!(matches!(Plan::from_toml(&text), Err(PlanError::Document(_))));
    }

    #[test]
    fn whole_sites_are_protected_in_mode_client() {
        let text = PLAN.replace("mode = \"none\"", &SITE.replace("\"site\"", "\"client\"\nunit = \"site\""));
        let plan = Plan::from_toml(&text).expect("good");
        assert!(plan.privacy.client().is_some() && plan.privacy.patients().is_none());
    }
}
