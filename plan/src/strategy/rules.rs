//! What a plan may not say about its strategy: each rule refuses one false comfort.

use super::{StrategyConfig, Weighting};
use crate::plan::Draft;
use crate::rules::Place;
use crate::{Optimizer, PrivacyMode, RuleError, SecaggSection, StrategySection, StudySection};

/// Largest sum of public weights: with updates bounded by 2^10 and 2^-32 steps, 2^20 keeps every sum below 2^62.
const WEIGHT_SUM_MAX: u64 = 1 << 20;

pub(crate) fn check(plan: &Draft) -> Result<(), RuleError> {
    let config = &plan.strategy.config;
    config.check()?;
    weights(&plan.strategy, &plan.study)?;
    sites(config, &plan.study)?;
    secagg(config, &plan.secagg)?;
    alike(&plan.strategy)?;
    optimizer(config, plan.training.optimizer)?;
    match plan.privacy.mode {
        PrivacyMode::Site => patients(config),
        PrivacyMode::Distributed => sum_of_all(config),
        PrivacyMode::Client => whole_sites(config),
        PrivacyMode::None => Ok(()),
    }
}

fn at(key: &'static str) -> Place {
    Place("strategy", key)
}

fn weights(strategy: &StrategySection, study: &StudySection) -> Result<(), RuleError> {
    if strategy.weighting == Weighting::Equal {
        return at("weights").require(
            strategy.weights.is_empty(),
            "are given, but weighting is \"equal\"",
            "remove them or write `weighting = \"public\"`",
        );
    }
    let named = strategy.weights.len() as u64;
    at("weights").require(
        named >= u64::from(study.min_sites),
        &format!("name {named} sites, but min_sites is {}", study.min_sites),
        "give every site of the study its weight",
    )?;
    at("weights").require(strategy.weights.values().all(|weight| *weight > 0), "hold a zero", "leave that site out")?;
    let sum: u64 = strategy.weights.values().map(|weight| u64::from(*weight)).sum();
    at("weights").require(
        sum <= WEIGHT_SUM_MAX,
        &format!("add up to {sum}, above {WEIGHT_SUM_MAX}"),
        "scale them down; only their ratios count",
    )
}

/// A rule below its number of sites gives a result all the same, and it means nothing.
fn sites(config: &StrategyConfig, study: &StudySection) -> Result<(), RuleError> {
    let (needed, kind) = (config.sites_min(), config.kind());
    at("kind").require(
        u64::from(study.min_sites) >= needed,
        &format!("\"{kind}\" with these settings needs {needed} sites, but min_sites is {}", study.min_sites),
        &format!("write `min_sites = {needed}` or more in [study], or bear fewer corrupt sites"),
    )
}

fn secagg(config: &StrategyConfig, secagg: &SecaggSection) -> Result<(), RuleError> {
    if !secagg.enabled {
        return Ok(());
    }
    let remedy = match config {
        StrategyConfig::NormBound(_) => "write `bounded_by = \"site\"`: a bound that is trusted, not proved",
        _ => {
            "write `kind = \"grouped_median\"`, or `enabled = false` in [secagg], which shows the coordinator every update"
        }
    };
    at("kind").require(
        !config.needs_single_updates(),
        &format!("\"{}\" has to see every single update, and secure aggregation hides them", config.kind()),
        remedy,
    )?;
    let Some(group) = config.group_size() else { return Ok(()) };
    at("group_size").require(
        secagg.threshold(group).is_some(),
        &format!("of {group} leaves no threshold that a group can reach: each group is a session of its own"),
        "raise it, or lower `assumed_corrupt` in [secagg]",
    )
}

/// With weights one heavy site is many, and no number of corrupt sites means anything.
fn alike(strategy: &StrategySection) -> Result<(), RuleError> {
    at("weighting").require(
        strategy.weighting == Weighting::Equal || !strategy.config.is_robust(),
        &format!("is \"public\", but \"{}\" counts every site alike", strategy.config.kind()),
        "write `weighting = \"equal\"`",
    )
}

/// Steps of Adam are no sum of gradients: what SCAFFOLD and FedNova would divide by is not defined.
fn optimizer(config: &StrategyConfig, optimizer: Optimizer) -> Result<(), RuleError> {
    let needs_sgd = matches!(config, StrategyConfig::Scaffold(_) | StrategyConfig::FedNova(_));
    Place("training", "optimizer").require(
        optimizer == Optimizer::Sgd || !needs_sgd,
        &format!("is adaptive, but \"{}\" needs the mean gradient behind an update", config.kind()),
        "write `optimizer = \"sgd\"`",
    )
}

/// With `mode = "site"` a charge covers the noised local steps of a round, and what is computed from their results. SCAFFOLD's
/// control variates are such results (Noble et al. 2022), a proximal term too; what follows here is not.
fn patients(config: &StrategyConfig) -> Result<(), RuleError> {
    match config {
        StrategyConfig::FedNova(_) => at("kind").require(
            false,
            "\"fednova\" sends how much each site worked, which no noise covers",
            "write `kind = \"fedavg\"`: with `mode = \"site\"` all make the same number of steps, and it is the same rule",
        ),
        StrategyConfig::Ditto(_) => at("kind").require(
            false,
            "\"ditto\" trains a personal model by further steps on the same patients, which no charge covers",
            "write `kind = \"local_layers\"` or `kind = \"fedprox\"`, whose steps are all noised",
        ),
        _ => Ok(()),
    }
}

/// With `mode = "distributed"` nothing has enough noise before all sites' contributions are added up. What a site keeps, sends
/// beside its one clipped step, or changes by what it kept, and the sum of a group, have too little. What follows the sum of
/// all is post-processing.
fn sum_of_all(config: &StrategyConfig) -> Result<(), RuleError> {
    let after_the_sum = matches!(
        config,
        StrategyConfig::FedAvg(_)
            | StrategyConfig::FedAvgm(_)
            | StrategyConfig::FedAdam(_)
            | StrategyConfig::FedYogi(_)
            | StrategyConfig::FedAdagrad(_)
    );
    at("kind").require(
        after_the_sum,
        &format!(
            "\"{}\" uses more than the sum of all sites, and with `mode = \"distributed\"` nothing else has enough noise",
            config.kind()
        ),
        "write `kind = \"fedavg\"`, `\"fedavgm\"`, `\"fedadam\"`, `\"fedyogi\"` or `\"fedadagrad\"`, or `mode = \"site\"` in [privacy]",
    )
}

/// With `mode = "client"` the noise is made for the mean of updates of clipped length.
fn whole_sites(config: &StrategyConfig) -> Result<(), RuleError> {
    let kind = config.kind();
    at("kind").require(
        !config.is_robust(),
        &format!("\"{kind}\" moves more than a mean does when one site changes, and `mode = \"client\"` makes noise for a mean"),
        "write `kind = \"fedavg\"`, or `mode = \"site\"` in [privacy]",
    )?;
    at("kind").require(
        !matches!(config, StrategyConfig::Scaffold(_) | StrategyConfig::FedNova(_)),
        &format!("\"{kind}\" sends more than the update, and `mode = \"client\"` clips and covers the update alone"),
        "write `kind = \"fedprox\"` or `kind = \"fedavg\"`",
    )
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::PLAN;
    use crate::{Plan, PlanError, StrategyConfig};

    const KINDS: [&str; 19] = [
        "fedavg",
        "fedavgm",
        "fedadam",
        "fedyogi",
        "fedadagrad",
        "fedprox",
        "scaffold",
        "fednova",
        "ditto",
        "local_layers",
        "median",
        "trimmed_mean",
        "krum",
        "multi_krum",
        "bulyan",
        "geometric_median",
        "norm_bound",
        "grouped_median",
        "grouped_trimmed_mean",
    ];
    const SITE: &str = "mode = \"site\"\nepsilon = 8.0\ndelta = 1e-5\nsampling_rate = 0.1\nclip = 1.0";

    /// A plan of ten sites that is sound with every strategy.
    fn plan(strategy: &str) -> String {
        let needed = match strategy {
            "local_layers" => "\ntensors = [\"norm\"]",
            "norm_bound" => "\nbound = 10.0",
            _ => "",
        };
        let text = PLAN.replace("kind = \"fedavg\"", &format!("kind = \"{strategy}\"{needed}"));
        text.replace("optimizer = \"adam\"", "optimizer = \"sgd\"").replace("min_sites = 2", "min_sites = 10")
    }

    fn private(text: &str) -> String {
        let text = text.replace("mode = \"none\"", SITE);
        text.replace("batch_images = 4", "batch_images = 4\nexpected_batch_patients = 16")
    }

    fn whole_sites(text: &str) -> String {
        text.replace("mode = \"none\"", &SITE.replace("\"site\"", "\"client\"\nunit = \"site\""))
    }

    fn with(kind: &str, setting: &str) -> String {
        plan(kind).replace("weighting =", &format!("{setting}\nweighting ="))
    }

    fn refused(text: &str, key: &str, words: &str) {
        match Plan::from_toml(text) {
            Err(PlanError::Rule { rule, line }) => {
                assert_eq!(rule.key, key, "{rule}");
                assert!(rule.to_string().contains(words) && line.is_some(), "`{words}` is not in: {rule}");
            }
            other => panic!("expected a broken rule about {key}, got {other:?}"),
        }
    }

    /// The kinds whose plan is refused once it has gone through `change`.
    fn refused_kinds(change: impl Fn(String) -> String) -> Vec<&'static str> {
        KINDS.into_iter().filter(|kind| Plan::from_toml(&change(plan(kind))).is_err()).collect()
    }

    #[test]
    fn every_strategy_can_be_named_and_comes_back() {
        for kind in KINDS {
            let plan = Plan::from_toml(&plan(kind)).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(plan.strategy.config.kind(), kind);
            assert_eq!(Plan::from_canonical(&plan.to_canonical()), Ok(plan), "{kind}");
        }
    }

    #[test]
    fn a_plan_of_fedavg_has_the_canonical_form_it_always_had() {
        let canonical = Plan::from_toml(PLAN).expect("good").to_canonical();
        let text = String::from_utf8(canonical).expect("JSON");
        assert!(text.contains(r#""strategy":{"kind":"fedavg","weighting":"equal"}"#), "{text}");
    }

    #[test]
    fn settings_of_another_strategy_and_unknown_kinds_are_refused() {
        for text in
            [with("fedavg", "mu = 0.1"), with("krum", "tau = 0.1"), with("fedprox", "my = 0.1"), plan("fedavgg")]
        {
            let Err(PlanError::Document(error)) = Plan::from_toml(&text) else { panic!("refused as text") };
            assert!(error.line().is_some(), "{error}");
        }
        let text = with("fedprox", "my = 0.1");
        let error = Plan::from_toml(&text).expect_err("a typing error").to_string();
        let line = text.lines().position(|line| line == "my = 0.1").expect("written above") + 1;
        assert!(error.contains(&format!("line {line}: ")) && error.contains("did you mean `mu`?"), "{error}");
    }

    #[test]
    fn settings_out_of_range_are_refused_at_their_line() {
        for (kind, setting, key) in [
            ("fedavgm", "momentum = 1.0", "momentum"),
            ("fedadam", "beta2 = 1.5", "beta2"),
            ("fedyogi", "tau = 0.0", "tau"),
            ("fedadagrad", "server_learning_rate = -1.0", "server_learning_rate"),
            ("fedprox", "mu = nan", "mu"),
            ("scaffold", "server_learning_rate = inf", "server_learning_rate"),
            ("ditto", "lambda = -0.5", "lambda"),
            ("krum", "corrupt = 5000", "corrupt"),
            ("multi_krum", "selected = 0", "selected"),
            ("geometric_median", "passes = 0", "passes"),
            ("grouped_median", "group_size = 2", "group_size"),
        ] {
            refused(&with(kind, setting), key, "");
        }
        refused(&plan("norm_bound").replace("bound = 10.0", "bound = 0.0"), "bound", "write");
        refused(&plan("local_layers").replace("[\"norm\"]", "[]"), "tensors", "norm");
    }

    #[test]
    fn rules_that_see_single_updates_are_refused_under_secure_aggregation() {
        let hidden = |text: String| text.replace("enabled = false", "enabled = true");
        let single = ["median", "trimmed_mean", "krum", "multi_krum", "bulyan", "geometric_median", "norm_bound"];
        assert_eq!(refused_kinds(hidden), single);
        refused(&hidden(plan("krum")), "kind", "grouped_median");
        refused(&hidden(plan("norm_bound")), "kind", "bounded_by");
        Plan::from_toml(&hidden(with("norm_bound", "bounded_by = \"site\""))).expect("trusted, not proved");
    }

    #[test]
    fn a_group_that_no_threshold_fits_is_refused() {
        let hidden = |corrupt: u32| {
            let text = plan("grouped_median").replace("min_sites = 10", "min_sites = 12");
            text.replace("enabled = false", &format!("enabled = true\nassumed_corrupt = {corrupt}"))
        };
        Plan::from_toml(&hidden(1)).expect("two of three honest");
        // A threshold for all twelve sites there is, but not for the three of a group.
        refused(&hidden(4).replace("weighting =", "group_size = 3\nweighting ="), "group_size", "assumed_corrupt");
    }

    #[test]
    fn fewer_sites_than_a_rule_needs_are_refused_and_as_many_are_not() {
        for (kind, setting, needed) in [
            ("median", "", 3),
            ("geometric_median", "", 3),
            ("trimmed_mean", "corrupt = 2", 5),
            ("krum", "corrupt = 2", 7),
            ("multi_krum", "corrupt = 2", 7),
            ("multi_krum", "corrupt = 1\nselected = 6", 9),
            ("bulyan", "corrupt = 2", 11),
            ("grouped_median", "", 9),
            ("grouped_median", "group_size = 4", 12),
            ("grouped_trimmed_mean", "corrupt = 2", 15),
            ("grouped_trimmed_mean", "corrupt = 0", 9),
        ] {
            let of = |sites: u32| with(kind, setting).replace("min_sites = 10", &format!("min_sites = {sites}"));
            Plan::from_toml(&of(needed)).unwrap_or_else(|error| panic!("{kind} of {needed}: {error}"));
            refused(&of(needed - 1), "kind", &format!("write `min_sites = {needed}`"));
        }
    }

    #[test]
    fn robust_rules_count_every_site_alike() {
        let weighted = |text: String| {
            let sites: Vec<String> = (0..10).map(|site| format!("s{site} = 2")).collect();
            let weights = format!("weighting = \"public\"\nweights = {{ {} }}", sites.join(", "));
            text.replace("weighting = \"equal\"", &weights)
        };
        assert_eq!(refused_kinds(weighted), KINDS[10..]);
        refused(&weighted(plan("median")), "weighting", "equal");
    }

    #[test]
    fn control_variates_and_normalised_updates_need_sgd() {
        let adam = |text: String| text.replace("optimizer = \"sgd\"", "optimizer = \"adam\"");
        assert_eq!(refused_kinds(adam), ["scaffold", "fednova"]);
        refused(&adam(plan("scaffold")), "optimizer", "sgd");
    }

    #[test]
    fn what_no_charge_of_a_patient_covers_is_refused() {
        assert_eq!(refused_kinds(|text| private(&text)), ["fednova", "ditto"]);
        refused(&private(&plan("ditto")), "kind", "no charge covers");
        refused(&private(&plan("fednova")), "kind", "same rule");
    }

    #[test]
    fn with_shares_of_noise_only_what_follows_the_sum_of_all_is_allowed() {
        let shared = |text: String| {
            let text = private(&text).replace("mode = \"site\"", "mode = \"distributed\"");
            text.replace("enabled = false", "enabled = true").replace("local_steps = 5", "local_steps = 1")
        };
        assert_eq!(refused_kinds(shared), KINDS[5..]);
        // Groups are sound under secure aggregation, and their sums have a part of the noise.
        refused(&shared(plan("grouped_median")), "kind", "nothing else has enough noise");
        refused(&shared(plan("local_layers")), "kind", "nothing else has enough noise");
    }

    #[test]
    fn noise_for_a_mean_of_updates_covers_nothing_else() {
        let refused_here: Vec<&str> = ["scaffold", "fednova"].into_iter().chain(KINDS[10..].iter().copied()).collect();
        assert_eq!(refused_kinds(|text| whole_sites(&text)), refused_here);
        refused(&whole_sites(&plan("krum")), "kind", "noise for a mean");
        refused(&whole_sites(&plan("scaffold")), "kind", "the update alone");
    }

    #[test]
    fn the_deployment_runs_fedavg_and_says_so_of_the_others() {
        for kind in KINDS {
            let config: StrategyConfig = Plan::from_toml(&plan(kind)).expect("good").strategy.config;
            match config.deployable() {
                Ok(()) => assert_eq!(kind, "fedavg"),
                Err(text) => assert!(text.contains(kind) && text.contains("simulations only"), "{text}"),
            }
        }
    }
}
