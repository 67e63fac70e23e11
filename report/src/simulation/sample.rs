//! A sweep for the tests: two promises, two strategies, two seeds.

use super::record::{
    RunRecord, RunSetting, SimulatedRound, SimulatedScores, SimulatedSite, SimulatedTraffic, SimulationRecord,
};
use crate::samples::DIGEST;

pub(crate) fn sweep() -> SimulationRecord {
    let kinds = ["fedavg", "scaffold"];
    let runs = ["3", "none"].into_iter().flat_map(|epsilon| {
        kinds.into_iter().flat_map(move |kind| [1, 2].into_iter().map(move |seed| run(epsilon, kind, seed)))
    });
    SimulationRecord {
        title: "heart-study".into(),
        metric: "dice.foreground".into(),
        runs: runs.collect(),
        not_begun: vec![],
    }
}

fn run(epsilon: &str, kind: &str, seed: u64) -> RunRecord {
    let setting = |key: &str, value: &str| RunSetting { key: key.into(), value: value.into() };
    let gain = if epsilon == "none" { 0.2 } else { 0.0 };
    let score = |round: u32| {
        let mean = 0.5 + gain + 0.02 * f64::from(round) + 0.02 * seed as f64;
        SimulatedScores { round, mean: Some(mean), worst: Some(mean - 0.1) }
    };
    let round = |round: u32| SimulatedRound { round, loss: Some(1.0 / f64::from(round)), wall_s: 0.5, ends_s: 60.0 };
    let site = |number: u32| SimulatedSite { site: format!("site-{number}"), score: 0.4 + 0.1 * f64::from(number) };
    RunRecord {
        name: format!("epsilon-{epsilon}_kind-{kind}_seed-{seed}"),
        settings: vec![setting("privacy.epsilon", epsilon), setting("strategy.kind", kind)],
        seed,
        complete: true,
        rounds: (1..=4).map(round).collect(),
        evaluations: vec![score(2), SimulatedScores { mean: Some(0.58 + gain + 0.02 * seed as f64), ..score(4) }],
        sites: (0..4).map(site).collect(),
        epsilon: epsilon.parse().ok(),
        traffic: Some(SimulatedTraffic { down_bytes: 4_000_000, up_bytes: 3_000_000 }),
        model_sha256: DIGEST.into(),
        data_sha256: DIGEST.into(),
    }
}
