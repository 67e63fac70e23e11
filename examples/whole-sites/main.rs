//! Two thousand virtual sites fit a line together; each is protected as a whole. See the README beside this file.

use wardround_plan::{Accountant, ClientPrivacy, NoiseKind, Plan, StreamKey};
use wardround_privacy::{
    Adjacency, Charge, ClientLevel, ClipNorm, Delta, Epsilon, PoissonSample, Quantile, SamplingRate, SimulatedNoise,
    Target, calibrate_noise, epsilon_pld,
};

/// Virtual sites.
const SITES: usize = 2000;
/// The line that all measure: offset and slope.
const TRUTH: [f32; 2] = [1.0, -2.0];
/// How far from the truth the example may end; without noise it ends within 0.01.
const TOLERANCE: f32 = 0.2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = Plan::from_toml(include_str!("plan.toml"))?;
    let terms = plan.privacy.client().ok_or("the plan is not of mode \"client\"")?;
    let level = level(&plan, terms)?;
    let (mut model, mut clip) = ([0.0f32; 2], ClipNorm::new(terms.clip)?);
    let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(plan.study.seed), "whole sites");
    for _ in 0..plan.study.rounds {
        let mut round = level.open(clip, model.len());
        for site in PoissonSample::draw(SITES, level.sampling_rate, &mut noise)? {
            round.add(update(site, model, plan.training.learning_rate as f32))?;
        }
        let step = round.close(&mut noise)?;
        model.iter_mut().zip(&step.mean).for_each(|(weight, change)| *weight += *change as f32);
        clip = step.next_clip;
    }
    let charge = Charge { times: u64::from(plan.study.rounds), ..level.charge() };
    let spent = epsilon_pld(&[charge], Delta::new(terms.delta)?, Adjacency::AddOrRemoveOne)?.epsilon;
    println!("line {:.2} + {:.2} x, of {} + {} x", model[0], model[1], TRUTH[0], TRUTH[1]);
    println!(
        "epsilon {spent:.3} of {} for each site; the clip norm went from {} to {:.3}",
        terms.epsilon,
        terms.clip,
        clip.get()
    );
    let far = model.iter().zip(TRUTH).any(|(weight, truth)| (weight - truth).abs() > TOLERANCE);
    if far || spent.get() > terms.epsilon { Err("the line was not found within the budget".into()) } else { Ok(()) }
}

/// The noise that keeps the plan's promise over all its rounds.
fn level(plan: &Plan, terms: ClientPrivacy) -> Result<ClientLevel, Box<dyn std::error::Error>> {
    let sampling_rate = SamplingRate::new(terms.sampling_rate)?;
    let target = Target {
        epsilon: Epsilon::new(terms.epsilon)?,
        delta: Delta::new(terms.delta)?,
        sampling_rate,
        steps: u64::from(plan.study.rounds),
        adjacency: Adjacency::AddOrRemoveOne,
        accountant: Accountant::Pld,
    };
    Ok(ClientLevel {
        noise_multiplier: calibrate_noise(&target, &[])?,
        sampling_rate,
        sites: SITES,
        kind: NoiseKind::Fast,
        clip_quantile: terms.clip_quantile.map(Quantile::new).transpose()?,
    })
}

/// One gradient step on a site's own measurements: four points of the line, each a little off.
fn update(site: usize, model: [f32; 2], rate: f32) -> Vec<f32> {
    let points = (0..4).map(|point| {
        let x = ((site * 4 + point) as f32 * 0.7).sin();
        let off = ((site * 7 + point * 3) as f32).cos() * 0.3;
        (x, TRUTH[0] + TRUTH[1] * x + off)
    });
    let gradient = points.fold([0.0f32; 2], |sum, (x, y)| {
        let error = model[0] + model[1] * x - y;
        [sum[0] + error / 4.0, sum[1] + error * x / 4.0]
    });
    gradient.iter().map(|slope| -rate * slope).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_line_is_found_within_the_budget() {
        super::main().expect("as its README says");
    }
}
