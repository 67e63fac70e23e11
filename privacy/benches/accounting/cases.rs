//! What is accounted for: five trainings that are quoted often, and the shared vectors.

use crate::Outcome;
use serde_json::Value;
use wardround_plan::Accountant;
use wardround_privacy::{
    Adjacency, Charge, Delta, Epsilon, Mechanism, NoiseMultiplier, SamplingRate, Target, calibrate_noise, epsilon_pld,
    epsilon_rdp,
};

/// (σ, q, steps), at δ = 1e-5: the standard cases.
const STANDARD: [(f64, f64, f64); 5] =
    [(1.0, 0.01, 1e3), (1.1, 0.00427, 14_062.0), (2.0, 0.1, 1e3), (4.0, 0.3, 600.0), (0.6, 0.001, 1e4)];
const STANDARD_DELTA: f64 = 1e-5;

/// Kinds of vectors that are trainings whose ε is asked for.
const KINDS: [&str; 2] = ["poisson_subsampled_gaussian", "heterogeneous_composition"];

/// A training whose ε is asked for.
pub struct Training {
    /// What to call it.
    pub name: String,
    /// (σ, q, steps) of each part.
    pub segments: Vec<(f64, f64, f64)>,
    /// δ
    pub delta: f64,
    /// ε below which the truth is not, where it is known.
    pub lower: Option<f64>,
    /// What an independent accountant says on a fine grid: within 0.1 % of the truth, from above.
    pub fine: Option<f64>,
}

impl Training {
    /// ε by PLD, or by RDP.
    pub fn epsilon(&self, accountant: Accountant) -> Outcome<f64> {
        let (charges, delta) = (self.charges()?, Delta::new(self.delta)?);
        Ok(match accountant {
            Accountant::Pld => epsilon_pld(&charges, delta, Adjacency::AddOrRemoveOne)?.epsilon.get(),
            Accountant::Rdp => epsilon_rdp(&charges, delta)?.epsilon.get(),
        })
    }

    fn charges(&self) -> Outcome<Vec<Charge>> {
        let charge = |(sigma, rate, steps): &(f64, f64, f64)| {
            let (noise_multiplier, sampling_rate) = (NoiseMultiplier::new(*sigma)?, SamplingRate::new(*rate)?);
            let mechanism = Mechanism::SampledGaussian { noise_multiplier, sampling_rate };
            Ok(Charge { mechanism, times: *steps as u64 })
        };
        self.segments.iter().map(charge).collect()
    }
}

/// A budget whose noise is asked for.
pub struct Budget {
    /// What to call it.
    pub name: String,
    /// ε
    pub epsilon: f64,
    /// δ
    pub delta: f64,
    /// q
    pub sampling_rate: f64,
    /// T
    pub steps: f64,
}

impl Budget {
    /// σ by PLD.
    pub fn noise(&self) -> Outcome<f64> {
        let target = Target {
            epsilon: Epsilon::new(self.epsilon)?,
            delta: Delta::new(self.delta)?,
            sampling_rate: SamplingRate::new(self.sampling_rate)?,
            steps: self.steps as u64,
            adjacency: Adjacency::AddOrRemoveOne,
            accountant: Accountant::Pld,
        };
        Ok(calibrate_noise(&target, &[])?.get())
    }
}

/// The standard cases, then the vectors.
pub fn trainings() -> Outcome<Vec<Training>> {
    let mut trainings: Vec<Training> = STANDARD.into_iter().map(standard).collect();
    for case in vectors(&KINDS)? {
        trainings.push(training(&case)?);
    }
    Ok(trainings)
}

/// Budgets of the vectors, and one if there are none.
pub fn budgets() -> Outcome<Vec<Budget>> {
    let standard = Budget { name: "standard".into(), epsilon: 1.0, delta: 1e-5, sampling_rate: 0.01, steps: 1000.0 };
    let mut budgets = vec![standard];
    for case in vectors(&["calibrate_sigma"])? {
        let parameter = |key| number(&case["params"], key);
        budgets.push(Budget {
            name: name(&case),
            epsilon: parameter("target_epsilon")?,
            delta: parameter("delta")?,
            sampling_rate: parameter("sampling_rate")?,
            steps: parameter("steps")?,
        });
    }
    Ok(budgets)
}

fn standard(segment: (f64, f64, f64)) -> Training {
    let name = "standard".into();
    Training { name, segments: vec![segment], delta: STANDARD_DELTA, lower: None, fine: None }
}

fn training(case: &Value) -> Outcome<Training> {
    let parameters = &case["params"];
    let segments = match parameters["segments"].as_array() {
        Some(several) => several.iter().map(segment).collect::<Outcome<Vec<_>>>()?,
        None => vec![segment(parameters)?],
    };
    let result = |method: &str, field: &str| {
        let results = case["results"].as_array().into_iter().flatten();
        results.filter(|one| one["method"] == method).find_map(|one| one[field].as_f64())
    };
    Ok(Training {
        name: name(case),
        segments,
        delta: number(parameters, "delta")?,
        lower: result("prv", "epsilon_lower"),
        fine: result("pld_fine_independent", "epsilon"),
    })
}

fn segment(of: &Value) -> Outcome<(f64, f64, f64)> {
    Ok((number(of, "noise_multiplier")?, number(of, "sampling_rate")?, number(of, "steps")?))
}

fn vectors(kinds: &[&str]) -> Outcome<Vec<Value>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors/accounting.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped the vectors {kinds:?}: there are none at {path}");
        return Ok(Vec::new());
    };
    let file: Value = serde_json::from_str(&text)?;
    let all = file["cases"].as_array().ok_or("the vectors have no cases")?.iter();
    Ok(all.filter(|case| kinds.iter().any(|kind| case["kind"] == *kind)).cloned().collect())
}

fn number(of: &Value, key: &str) -> Outcome<f64> {
    Ok(of[key].as_f64().ok_or_else(|| format!("no number `{key}` in {of}"))?)
}

fn name(case: &Value) -> String {
    case["id"].as_str().unwrap_or("nameless").to_owned()
}
