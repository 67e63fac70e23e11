//! A strategy from outside our crates, in `lion.rs`, and a federation of three sites that tries it. See the README beside it.

mod lion;

use lion::Lion;
use wardround_strategy::{
    Aggregation, Collected, Correction, Effort, FedAvg, LocalError, LocalSteps, Mean, Received, ServerState, Strategy,
    TotalWeight, fold, local_round,
};

/// What each site would like the two weights to be; all care alike, so together they want the mean.
const WISHES: [[f32; 2]; 3] = [[1.0, -4.0], [2.0, 0.5], [6.0, 0.5]];
/// Rounds of the study.
const ROUNDS: usize = 400;
/// How far from the mean of the wishes the example may end.
const TOLERANCE: f32 = 0.05;

/// One site: five steps of gradient descent on ‖w - wish‖² / 2.
struct Site([f32; 2]);

impl LocalSteps for Site {
    fn train(&mut self, weights: &mut [f32], correction: &Correction<'_>) -> Result<Effort, LocalError> {
        for _ in 0..5 {
            let mut gradient = [weights[0] - self.0[0], weights[1] - self.0[1]];
            // Without this line no strategy could bend the steps.
            correction.apply(weights, &mut gradient);
            weights.iter_mut().zip(gradient).for_each(|(weight, slope)| *weight -= 0.05 * slope);
        }
        Ok(Effort::sgd(5, 0.05))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lion = Lion { server_learning_rate: 0.2, beta1: 0.9, beta2: 0.99 };
    let strategy = Strategy::new(Box::new(FedAvg), Aggregation::Mean, Box::new(lion))?;
    let mut state = ServerState::new(strategy.server(), vec![0.0; 2]);
    for round in 0..ROUNDS {
        if round % 80 == 0 {
            println!(
                "round {round:3}: {:?}, {:.3} from the mean of all wishes",
                state.model(),
                distance(state.model())
            );
        }
        play(&strategy, &mut state)?;
    }
    let far = distance(state.model());
    println!("round {ROUNDS}: {:?}, {far:.3} from the mean of all wishes", state.model());
    if far < TOLERANCE { Ok(()) } else { Err(format!("ended {far} away, above {TOLERANCE}").into()) }
}

/// One round: every site trains, the messages become an exact sum, the sum moves the model.
fn play(strategy: &Strategy, state: &mut ServerState) -> Result<(), Box<dyn std::error::Error>> {
    let mut sum = vec![0; strategy.server().message().len(state.model().len())];
    for wish in WISHES {
        let (received, mut message) = (Received { model: state.model(), server: &[] }, vec![0.0; sum.len()]);
        local_round(strategy.local(), received, &mut [], &mut Site(wish), &mut message)?;
        fold(&mut sum, &message, 1)?;
    }
    let total = TotalWeight::of(WISHES.map(|_| 1)).ok_or("no sites")?;
    strategy.advance(state, 1.0, Collected::Mean(Mean::Sum(&sum, total)))?;
    Ok(())
}

fn distance(model: &[f32]) -> f32 {
    let mean = [0, 1].map(|at| WISHES.iter().map(|wish| wish[at]).sum::<f32>() / WISHES.len() as f32);
    model.iter().zip(mean).map(|(weight, mean)| (weight - mean).powi(2)).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    #[test]
    fn three_sites_agree_by_lion() {
        super::main().expect("as its README says");
    }
}
