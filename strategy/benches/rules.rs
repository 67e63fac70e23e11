//! What a strategy costs the server, beside the limit of the same memory in the same run.
//! `cargo bench --profile dev -p wardround-strategy --bench rules -- [--weights 1e7]`
//!
//! One thread, processor time of that thread, least of several repeats. A server's rule takes an exact sum to the next model;
//! the limit reads the sum once, and reads and writes the model and the rule's state once. Robust rules take single updates
//! to one, the time is for each number of each update.

use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::hint::black_box;
use wardround_plan::{
    AdaptiveConfig, BoundedBy, CorruptConfig, FedAdagradConfig, FedAvgmConfig, GeometricMedianConfig, MultiKrumConfig,
    NormBoundConfig, ScaffoldConfig,
};
use wardround_strategy::{
    Bulyan, FedAdagrad, FedAdam, FedAvg, FedAvgm, FedYogi, GeometricMedian, Krum, Mean, Median, MultiKrum, NormBound,
    RobustRule, Scaffold, ServerRule, ServerState, TotalWeight, TrimmedMean, Updates, combine, fold,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const WEIGHTS: usize = 10_000_000;
const REPEATS: usize = 5;
const SITES: [usize; 2] = [11, 51];
/// Of the weights of a server's rule, so that all updates fit into memory.
const ROBUST_SHARE: usize = 20;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|one| one == "--weights").and_then(|place| arguments.get(place + 1));
    let weights = given.map_or(Ok(WEIGHTS as f64), |text| text.parse::<f64>())? as usize;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        sums(weights).and_then(|()| server_rules(weights)).and_then(|()| robust_rules(weights / ROBUST_SHARE))
    })
}

fn sums(weights: usize) -> Outcome<()> {
    let (mut sum, update) = (vec![0; weights], update(0, weights));
    for weight in [1, 3] {
        let seconds = least(|| Ok(fold(&mut sum, &update, weight)?))?;
        println!("an update of weight {weight} into the sum: {:.2} ns a number", seconds * 1e9 / weights as f64);
    }
    Ok(())
}

fn server_rules(weights: usize) -> Outcome<()> {
    let adaptive = AdaptiveConfig { server_learning_rate: 0.01, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
    let adagrad = FedAdagradConfig { server_learning_rate: 0.01, beta1: 0.0, tau: 1e-3 };
    let rules: [(&str, Box<dyn ServerRule>); 6] = [
        ("fedavg", Box::new(FedAvg)),
        ("fedavgm", Box::new(FedAvgm::new(FedAvgmConfig { server_learning_rate: 1.0, momentum: 0.9 })?)),
        ("fedadam", Box::new(FedAdam::new(adaptive)?)),
        ("fedyogi", Box::new(FedYogi::new(adaptive)?)),
        ("fedadagrad", Box::new(FedAdagrad::new(adagrad)?)),
        ("scaffold", Box::new(Scaffold::new(ScaffoldConfig { server_learning_rate: 1.0 })?)),
    ];
    println!("rule, {weights} weights | ms | limit ms | times the limit | GB/s");
    for (name, rule) in &rules {
        let mut sum = vec![0; rule.message().len(weights)];
        let update: Vec<f32> = (0..sum.len()).map(|at| (at as f32 * 0.1).sin() * 0.01).collect();
        fold(&mut sum, &update, 1)?;
        let total = TotalWeight::of([1]).ok_or("a weight of one")?;
        let mut state = ServerState::new(rule.as_ref(), vec![0.5; weights]);
        let ours = least(|| Ok(state.step(rule.as_ref(), 1.0, Mean::Sum(&sum, total))?))?;
        let (model, vectors) = state.into_parts();
        let limit = touch(model, vectors, &sum)?;
        let bytes = sum.len() * 8 + weights * 8 * (1 + rule.state_vectors());
        println!(
            "{name} | {:.1} | {:.1} | {:.2} | {:.1}",
            ours * 1e3,
            limit * 1e3,
            ours / limit,
            bytes as f64 / ours / 1e9
        );
    }
    Ok(())
}

/// Seconds to read the sum, and to read and write the model and the state.
fn touch(mut model: Vec<f32>, mut vectors: Vec<Vec<f32>>, sum: &[i64]) -> Outcome<f64> {
    let weights = model.len();
    least(|| {
        model.iter_mut().zip(sum).for_each(|(weight, sum)| *weight += *sum as f32);
        let rest = sum[weights..].iter().copied().fold(0, i64::wrapping_add);
        for vector in &mut vectors {
            vector.iter_mut().for_each(|value| *value += 1.0);
        }
        black_box((&model, &vectors, rest));
        Ok(())
    })
}

fn robust_rules(weights: usize) -> Outcome<()> {
    for sites in SITES {
        println!("rule, {sites} updates of {weights} weights | ms | ns a number");
        let list: Vec<Vec<f32>> = (0..sites).map(|site| update(site, weights)).collect();
        let refs: Vec<&[f32]> = list.iter().map(Vec::as_slice).collect();
        let (updates, mut mean) = (Updates::new(&refs)?, vec![0.0; weights]);
        for (name, rule) in robust()? {
            let seconds = least(|| Ok(combine(rule.as_ref(), &updates, &mut mean).map(|_| ())?))?;
            println!("{name} | {:.1} | {:.2}", seconds * 1e3, seconds * 1e9 / (sites * weights) as f64);
        }
    }
    Ok(())
}

fn robust() -> Outcome<[(&'static str, Box<dyn RobustRule>); 7]> {
    let two = CorruptConfig { corrupt: 2 };
    Ok([
        ("median", Box::new(Median)),
        ("trimmed_mean", Box::new(TrimmedMean::new(two)?)),
        ("krum", Box::new(Krum::new(two)?)),
        ("multi_krum", Box::new(MultiKrum::new(MultiKrumConfig { corrupt: 2, selected: None })?)),
        ("bulyan", Box::new(Bulyan::new(two)?)),
        ("geometric_median", Box::new(GeometricMedian::new(GeometricMedianConfig { smoothing: 1e-6, passes: 100 })?)),
        ("norm_bound", Box::new(NormBound::new(NormBoundConfig { bound: 1.0, bounded_by: BoundedBy::Server })?)),
    ])
}

/// Numbers without order, the same in every run.
fn update(site: usize, weights: usize) -> Vec<f32> {
    (0..weights).map(|at| ((at * 7919 + site * 104_729) as f64 * 0.618_033_988_75).fract() as f32 - 0.5).collect()
}

fn least(mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..REPEATS {
        let before = processor_seconds();
        work()?;
        least = least.min(processor_seconds() - before);
    }
    Ok(least)
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
