//! Federations with known answers, for the tests of the strategies.

use crate::{
    Aggregation, Correction, Effort, FedAvg, LocalError, LocalSteps, Mean, Received, ServerRule, ServerState, Strategy,
    TotalWeight, fold, local_round,
};

/// Means of the updates of three rounds.
pub(crate) const CHANGES: [f64; 3] = [0.5, -0.25, 0.125];

/// Whether `rule` leads a model of one weight over these values when the means are [`CHANGES`].
pub(crate) fn assert_trajectory(rule: &dyn ServerRule, start: f32, by_hand: [f64; 3]) {
    let mut state = ServerState::new(rule, vec![start]);
    for (round, (change, expected)) in CHANGES.iter().zip(by_hand).enumerate() {
        state.step(rule, 1.0, Mean::Values(&[*change])).expect("fits");
        let got = f64::from(state.model()[0]);
        assert!((got - expected).abs() < 1e-6, "round {round}: {got} instead of {expected}");
    }
}

/// What the others are compared with.
pub(crate) fn fedavg() -> Strategy {
    Strategy::new(Box::new(FedAvg), Aggregation::Mean, Box::new(FedAvg)).expect("one message")
}

/// Sites with f_i(x) = Σ_j a_ij/2 (x_j - b_ij)², trained by exact gradient steps from 0; their size is 0.1 if nothing else is said.
#[derive(Clone)]
pub(crate) struct Quadratics {
    pub(crate) curvature: Vec<Vec<f64>>,
    pub(crate) centre: Vec<Vec<f64>>,
    steps: Vec<u32>,
    rate: f64,
    present: fn(usize, usize) -> bool,
}

impl Quadratics {
    /// Three sites that disagree about the answer and about how much it matters.
    pub(crate) fn heterogeneous() -> Self {
        Self {
            curvature: vec![vec![1.0, 0.1], vec![0.2, 0.9], vec![0.05, 0.4]],
            centre: vec![vec![-2.0, 3.0], vec![1.0, -1.0], vec![4.0, 0.5]],
            steps: vec![1; 3],
            rate: 0.1,
            present: |_, _| true,
        }
    }

    pub(crate) fn steps(mut self, steps: u32) -> Self {
        self.steps.fill(steps);
        self
    }

    /// A number of steps for each site.
    pub(crate) fn steps_of(mut self, steps: [u32; 3]) -> Self {
        self.steps = steps.to_vec();
        self
    }

    pub(crate) fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    pub(crate) fn present(mut self, present: fn(usize, usize) -> bool) -> Self {
        self.present = present;
        self
    }

    /// x* = Σ a_i b_i / Σ a_i
    pub(crate) fn optimum(&self) -> Vec<f64> {
        self.weighted_centre(|site, at| self.curvature[site][at])
    }

    /// Σ p_i b_i / Σ p_i for each coordinate.
    pub(crate) fn weighted_centre(&self, pull: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let coordinate = |at: usize| {
            let pulls: Vec<f64> = (0..self.centre.len()).map(|site| pull(site, at)).collect();
            let sum: f64 = pulls.iter().enumerate().map(|(site, pull)| pull * self.centre[site][at]).sum();
            sum / pulls.iter().sum::<f64>()
        };
        (0..self.centre[0].len()).map(coordinate).collect()
    }

    /// The model after `rounds` rounds over exact fixed-point sums.
    pub(crate) fn run(&self, strategy: &Strategy, rounds: usize) -> Vec<f32> {
        self.run_with_sites(strategy, rounds).0
    }

    /// The model, and what each site keeps.
    pub(crate) fn run_with_sites(&self, strategy: &Strategy, rounds: usize) -> (Vec<f32>, Vec<Vec<f32>>) {
        let (local, server) = (strategy.local(), strategy.server());
        let weights = self.centre[0].len();
        let mut state = ServerState::new(server, vec![0.0; weights]);
        let mut kept = vec![vec![0.0; local.site_state_len(weights)]; self.centre.len()];
        kept.iter_mut().for_each(|site| local.start(state.model(), site));
        for round in 0..rounds {
            let present: Vec<usize> = (0..kept.len()).filter(|site| (self.present)(round, *site)).collect();
            let mut sum = vec![0; server.message().len(weights)];
            for site in &present {
                let vectors: Vec<&[f32]> =
                    state.vectors()[..server.broadcast_vectors()].iter().map(Vec::as_slice).collect();
                let received = Received { model: state.model(), server: &vectors };
                let mut message = vec![f32::NAN; sum.len()];
                local_round(local, received, &mut kept[*site], &mut self.trainer(*site), &mut message).expect("trains");
                fold(&mut sum, &message, 1).expect("in range");
            }
            let total = TotalWeight::of(present.iter().map(|_| 1)).expect("somebody is present");
            let share = present.len() as f64 / kept.len() as f64;
            state.step(server, share, Mean::Sum(&sum, total)).expect("fits");
        }
        (state.into_parts().0, kept)
    }

    pub(crate) fn distance(&self, model: &[f32], point: &[f64]) -> f64 {
        model.iter().zip(point).map(|(got, expected)| (f64::from(*got) - expected).powi(2)).sum::<f64>().sqrt()
    }

    pub(crate) fn assert_near(&self, model: &[f32], point: &[f64], tolerance: f64) {
        let far = self.distance(model, point);
        assert!(far < tolerance, "{model:?} is {far} from {point:?}");
    }

    fn trainer(&self, site: usize) -> Descent<'_> {
        Descent { of: self, site }
    }
}

/// Gradient descent on one site's quadratic.
struct Descent<'a> {
    of: &'a Quadratics,
    site: usize,
}

impl LocalSteps for Descent<'_> {
    fn train(&mut self, weights: &mut [f32], correction: &Correction<'_>) -> Result<Effort, LocalError> {
        let (curvature, centre) = (&self.of.curvature[self.site], &self.of.centre[self.site]);
        for _ in 0..self.of.steps[self.site] {
            let slope = |at: usize, weight: f32| (curvature[at] * (f64::from(weight) - centre[at])) as f32;
            let mut gradient: Vec<f32> = weights.iter().enumerate().map(|(at, weight)| slope(at, *weight)).collect();
            correction.apply(weights, &mut gradient);
            weights.iter_mut().zip(&gradient).for_each(|(weight, slope)| *weight -= self.of.rate as f32 * slope);
        }
        Ok(Effort::sgd(self.of.steps[self.site], self.of.rate))
    }
}
