//! The numbers of a forecast: the promise that is asked for, others around it, and other batch sizes.

use super::charges::in_words;
use super::reading::Reading;
use super::scenario::Scenario;
use crate::exit::Failure;
use wardround_plan::{Accountant, Plan};
use wardround_privacy::{Adjacency, Confidence, Delta, Epsilon, Mechanism, NoisyRun, Outlook, StudyCost, half_width};
use wardround_report::{BatchCurve, BudgetForecast, ForecastFact, ForecastRow, ScoreForecast};

/// Other promises that are shown.
const EPSILONS: [f64; 7] = [0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0];
/// Other batches that are shown, as multiples of the study's.
const BATCH_FACTORS: [f64; 4] = [0.0625, 0.25, 1.0, 4.0];
/// Of the interval that is printed for each bin of a histogram of scores.
const CONFIDENCE: f64 = 0.95;
/// Weights of a small decoder on a frozen encoder, for comparison.
const FEW_WEIGHTS: u64 = 20_000;

/// How much of a forecast is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The table alone.
    Table,
    /// With the picture of the trade-off, which takes some seconds.
    Picture,
}

/// The forecast of a scenario.
///
/// # Errors
/// A promise that no noise keeps.
pub fn forecast(scenario: &Scenario, extent: Extent) -> Result<BudgetForecast, Failure> {
    let cost = StudyCost::of(&scenario.plan).map_err(Failure::failed)?;
    let asked = Promised::new(scenario, &scenario.plan, &cost);
    let (epsilon, delta) = cost.budget();
    let rows = side_by_side(&epsilons(epsilon), |epsilon| row(scenario, *epsilon));
    let batches = match extent {
        Extent::Table => Vec::new(),
        Extent::Picture => curves(scenario, epsilon),
    };
    let (title, plan_sha256) = scenario.written.clone().unwrap_or_else(|| ("What if".into(), String::new()));
    Ok(BudgetForecast {
        title,
        plan_sha256,
        facts: facts(scenario, &cost),
        wanted: asked.row(),
        delta: delta.get(),
        advice: advice(scenario, &asked),
        rows: rows.into_iter().flatten().collect(),
        batches: batches.into_iter().filter(|curve| !curve.points.is_empty()).collect(),
        scores: scores(&cost),
    })
}

/// A promise with the noise it needs.
struct Promised {
    epsilon: Epsilon,
    delta: Delta,
    run: NoisyRun,
}

impl Promised {
    fn new(scenario: &Scenario, plan: &Plan, cost: &StudyCost) -> Self {
        let (epsilon, delta) = cost.budget();
        let run = NoisyRun {
            noise_multiplier: cost.noise_multiplier(),
            expected_batch: plan.training.expected_batch_patients.unwrap_or(1),
            weights: scenario.weights,
            steps: scenario.steps(),
            sites: scenario.sites,
            shared_by: scenario.shared_by().map(|(threshold, corrupt)| threshold - corrupt),
        };
        Self { epsilon, delta, run }
    }

    fn row(&self) -> ForecastRow {
        let reading = Reading::of(self.epsilon, self.delta);
        ForecastRow {
            epsilon: self.epsilon.get(),
            noise_multiplier: self.run.noise_multiplier.get(),
            noise_per_coordinate: self.run.noise_per_number(),
            noise_over_signal: self.run.noise_over_signal(),
            noise_over_signal_in_all: self.run.noise_over_signal_in_all(),
            odds_factor: reading.odds_factor,
            attack_advantage: reading.attack_advantage,
            outlook: self.run.outlook().to_string(),
        }
    }
}

/// A promise that no noise keeps has no row.
fn row(scenario: &Scenario, epsilon: f64) -> Option<ForecastRow> {
    let plan = scenario.with_epsilon(epsilon);
    StudyCost::of(&plan).ok().map(|cost| Promised::new(scenario, &plan, &cost).row())
}

/// The usual promises and the one asked for, ascending.
fn epsilons(asked: Epsilon) -> Vec<f64> {
    let mut epsilons: Vec<f64> = EPSILONS.into_iter().chain([asked.get()]).collect();
    epsilons.sort_by(f64::total_cmp);
    epsilons.dedup();
    epsilons
}

fn curves(scenario: &Scenario, asked: Epsilon) -> Vec<BatchCurve> {
    let batch = f64::from(scenario.batch());
    let mut batches: Vec<u32> = BATCH_FACTORS.iter().map(|factor| (batch * factor).round() as u32).collect();
    batches.dedup();
    let scenarios: Vec<Scenario> = batches.into_iter().filter_map(|batch| scenario.with_batch(batch)).collect();
    let epsilons = epsilons(asked);
    let places: Vec<(&Scenario, f64)> =
        scenarios.iter().flat_map(|scenario| epsilons.iter().map(move |epsilon| (scenario, *epsilon))).collect();
    let points =
        side_by_side(&places, |(scenario, epsilon)| Some((*epsilon, row(scenario, *epsilon)?.noise_over_signal)));
    let curve = |(scenario, points): (&Scenario, &[Option<(f64, f64)>])| BatchCurve {
        batch_patients: scenario.batch(),
        points: points.iter().copied().flatten().collect(),
    };
    scenarios.iter().zip(points.chunks(epsilons.len())).map(curve).collect()
}

/// Applies `work` to all items on all processors, keeping their order.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let started: Vec<_> =
            items.chunks(share).map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>())).collect();
        let joined =
            started.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

fn scores(cost: &StudyCost) -> Option<ScoreForecast> {
    let Mechanism::DiscreteLaplace { scale, sensitivity } = cost.evaluation()?.mechanism else { return None };
    let reserved = cost.reservation();
    let evaluations = reserved.iter().filter(|charge| matches!(charge.mechanism, Mechanism::DiscreteLaplace { .. }));
    // A patient who is exchanged for another leaves one bin and enters another.
    let bins = match cost.adjacency() {
        Adjacency::AddOrRemoveOne => 1.0,
        Adjacency::ReplaceOne => 2.0,
    };
    let confidence = Confidence::new(CONFIDENCE).ok()?;
    Some(ScoreForecast {
        evaluations: evaluations.map(|charge| charge.times).sum(),
        epsilon_each: bins * f64::from(sensitivity) / scale.get(),
        scale: scale.get(),
        half_width_patients: half_width(scale, confidence) as u64,
        confidence: confidence.get(),
    })
}

fn facts(scenario: &Scenario, cost: &StudyCost) -> Vec<ForecastFact> {
    let plan = &scenario.plan;
    let spare = plan.privacy.patients().map_or(0, |terms| terms.spare_rounds);
    let accountant = match plan.privacy.accountant.unwrap_or_default() {
        Accountant::Pld => "privacy loss distributions, upper bound",
        Accountant::Rdp => "Rényi divergence",
    };
    let fact = |name: &str, value: String| ForecastFact { name: name.into(), value };
    let shared = scenario.shared_by().map(|(threshold, corrupt)| {
        format!(
            "{} honest sites (m): {threshold} of {} have to answer, {corrupt} of them may be traitors; with more traitors the \
             promise is void",
            threshold - corrupt,
            scenario.sites
        )
    });
    let shared = shared.map(|value| fact("Noise is counted from the shares of", value));
    let facts = vec![
        fact("Training patients of a typical site", scenario.patients.to_string()),
        fact("Patients expected in a step", scenario.batch().to_string()),
        fact("Sampling rate q", format!("{:.6}, by a coin for each patient and step", scenario.rate())),
        fact("Rounds", format!("{}, and {spare} spare ones that are paid for", plan.study.rounds)),
        fact("Steps of a site in a round", plan.training.local_steps.to_string()),
        fact("Sites whose updates are averaged", scenario.sites.to_string()),
        fact("Weights that are trained", scenario.weights.to_string()),
        fact("Neighbouring data", in_words(cost.adjacency()).into()),
        fact("Accountant", accountant.into()),
    ];
    facts.into_iter().chain(shared).collect()
}

fn advice(scenario: &Scenario, asked: &Promised) -> Vec<String> {
    let run = asked.run;
    let outlook = run.outlook();
    let mut advice = vec![
        format!(
            "This study {outlook}. The noise of one step is {:.2} times as long as its signal can be at most; over all \
             steps it is {:.3} times, if the signal is steady. That is a rule of thumb: measure it on public scans or on \
             phantoms first.",
            run.noise_over_signal(),
            run.noise_over_signal_in_all()
        ),
        "One large organ is a realistic task under such noise; small lesions are not.".into(),
        Reading::of(asked.epsilon, asked.delta).in_words(),
    ];
    if outlook >= Outlook::FewWeights {
        let few = NoisyRun { weights: FEW_WEIGHTS.min(run.weights), ..run };
        advice.push(format!(
            "Train fewer weights: with a frozen public encoder and {} weights on top, it would be {:.3} times over all \
             steps ({}).",
            few.weights,
            few.noise_over_signal_in_all(),
            few.outlook()
        ));
    }
    advice.extend(larger_batches(scenario, asked));
    if asked.delta.get() * scenario.patients as f64 >= 1.0 {
        advice.push(format!(
            "δ is not below one in {} patients: such a promise may be kept by publishing one of them. Write a smaller one.",
            scenario.patients
        ));
    }
    advice
}

/// Larger batches help only where noise is at its least already; elsewhere σ grows with them.
fn larger_batches(scenario: &Scenario, asked: &Promised) -> Option<String> {
    let batch = u32::try_from(scenario.patients.div_ceil(NOISE_BOUND_PART)).ok()?;
    if asked.run.outlook() == Outlook::LittleLost || batch <= scenario.batch() {
        return None;
    }
    let ratio = row(&scenario.with_batch(batch)?, asked.epsilon.get())?.noise_over_signal_in_all;
    (ratio < WORTHWHILE * asked.run.noise_over_signal_in_all()).then(|| {
        format!(
            "Take larger batches: with {batch} patients, a tenth of them, it would be {ratio:.3} times over all steps."
        )
    })
}

/// Where noise decides, a batch should hold at least one in so many patients (De et al. 2022).
const NOISE_BOUND_PART: u64 = 10;
/// Less than a tenth of improvement is no advice.
const WORTHWHILE: f64 = 0.9;
