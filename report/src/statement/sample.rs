//! A statement for tests.

use super::record::*;
use crate::Promise;
use crate::samples::{DIGEST, HOSTILE};

pub(crate) fn statement() -> PrivacyStatement {
    PrivacyStatement {
        site: "north".into(),
        study: "heart-study".into(),
        purpose: "research: outline the left ventricle".into(),
        plan_sha256: DIGEST.into(),
        state: "finished".into(),
        written_ms: 1_767_225_600_000,
        software: "wardround 0.2.0".into(),
        promise: Promise::Patient { epsilon: 2.0, delta: 1e-5 },
        reading: Some(PlainReading {
            odds_factor: 7.389_056_1,
            attack_advantage: 0.761_596_6,
            band: "common in private learning".into(),
            epsilon_ten_years: Some(8.3),
        }),
        unit: ProtectedUnit {
            unit: "one patient with all her scans".into(),
            images_per_patient_max: Some(4),
            adjacency: "with and without one patient".into(),
        },
        mechanism: Some(training()),
        accounting: Some(accounting()),
        charges: vec![
            charge("training", "Gaussian, σ = 1.23, q = 0.1", 400, 1.9),
            charge("evaluation", "discrete Laplace, scale 20", 4, 0.2),
            charge("tuning", "Gaussian, σ = 4", 1, 0.1),
        ],
        budgets: vec![
            budget("this study", 2.0, 2.0),
            budget("all studies on these scans", 8.0, 4.0),
            budget("the hospital, for all time", 10.0, 4.0),
        ],
        officers: officers(),
        trust: Trust {
            sees_unnoised: "the hospital alone".into(),
            sees_updates: "the coordinator, with noise".into(),
            colluders: "any number".into(),
            dropouts: "change nothing: each site adds its own noise".into(),
        },
        public_data: vec![],
        audit: Some(AuditBound {
            epsilon_at_least: 1.5,
            confidence: 0.95,
            how: "one canary patient, 10 000 trials".into(),
        }),
        ledger: LedgerState { entries: 412, head_sha256: DIGEST.into(), verified: "The chain was verified.".into() },
        assumptions: vec!["The patients of the hospitals are disjoint.".into()],
    }
}

/// A statement in which every text tries to be more than text.
pub(crate) fn hostile() -> PrivacyStatement {
    let mut value = serde_json::to_value(statement()).expect("own record");
    poison(&mut value);
    value["promise"] = serde_json::json!("no_guarantee");
    serde_json::from_value(value).expect("texts stay texts")
}

fn poison(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = HOSTILE.into(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(poison),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(poison),
        _ => {}
    }
}

fn training() -> NoisyTraining {
    NoisyTraining {
        name: "DP-SGD (Abadi et al. 2016)".into(),
        noise_multiplier: 1.234_567,
        clip: 1.0,
        clip_kind: "scaled to just below C (Bu et al. 2023)".into(),
        sampling_rate: 0.1,
        expected_batch_patients: 16,
        steps_planned: 440,
        steps_spare: 40,
        steps_charged: 400,
        sampling_planned: "Poisson".into(),
        sampling_executed: "a coin for each patient and step".into(),
        noise: "rounded Gaussian on a grid".into(),
        generator: "ChaCha20, seeded by the operating system".into(),
        arithmetic: "sums and norms in 64-bit floats".into(),
    }
}

fn accounting() -> Accounting {
    let curve = [(1e-3, 1.2), (1e-4, 1.6), (1e-5, 2.0), (1e-6, 2.3)];
    Accounting {
        accountant: "PLD by connecting the dots (Doroshenko et al. 2022), upper bound".into(),
        version: "wardround-privacy 0.2.0".into(),
        grid: 2.5e-4,
        epsilon_spent: 1.9,
        epsilon_planned: 2.0,
        delta: 1e-5,
        curve: curve.into_iter().map(|(delta, epsilon)| CurvePoint { delta, epsilon }).collect(),
        second_opinion: Some(SecondOpinion { epsilon: 2.2, order: 6.5, order_at_end: false }),
    }
}

fn charge(what: &str, mechanism: &str, times: u64, epsilon_alone: f64) -> ChargeLine {
    ChargeLine { what: what.into(), mechanism: mechanism.into(), times, epsilon_alone }
}

fn budget(scope: &str, allowed: f64, reserved: f64) -> BudgetLine {
    BudgetLine {
        scope: scope.into(),
        allowed_epsilon: Some(allowed),
        allowed_delta: Some(1e-5),
        spent_epsilon: reserved - 0.1,
        reserved_epsilon: reserved,
    }
}

fn officers() -> Officers {
    Officers {
        named: vec!["Anna Meier, key 3f2a".into(), "Jan Novak, key 91bc".into()],
        signatures_to_raise: 2,
        signatures_to_lower: 1,
        decisions: vec![DecisionLine {
            at_ms: 1_767_225_600_000,
            entry: 2,
            what: "data set `scans`: ε = 8 at δ = 1e-5 for all time".into(),
            signed_by: vec!["key 3f2a".into(), "key 91bc".into()],
        }],
    }
}
