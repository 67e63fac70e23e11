//! Federations with known answers, for the tests of the strategies.

use crate::{
    Aggregation, Collected, Correction, Effort, FedAvg, LocalError, LocalSteps, Mean, Received, ServerRule,
    ServerState, Strategy, TotalWeight, fold, group_ranges, local_round,
};
use wardround_plan::{Layout, TensorSpec};

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

/// Of the models of [`Quadratics`].
pub(crate) fn layout() -> Layout {
    let tensor = |name: &str| TensorSpec { name: name.into(), shape: vec![1] };
    Layout::new(vec![tensor("first.norm.scale"), tensor("head.weight")]).expect("two tensors")
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

    /// Sites that nearly agree, near (3, -2).
    pub(crate) fn alike(sites: usize) -> Self {
        let near = |site: usize| vec![3.0 + 0.1 * (site as f64).sin(), -2.0 + 0.1 * (site as f64).cos()];
        Self {
            curvature: vec![vec![1.0, 0.5]; sites],
            centre: (0..sites).map(near).collect(),
            steps: vec![1; sites],
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
        let (state, kept) = self.run_to_state(strategy, rounds);
        (state.into_parts().0, kept)
    }

    /// What the server keeps, and what each site does.
    pub(crate) fn run_to_state(&self, strategy: &Strategy, rounds: usize) -> (ServerState, Vec<Vec<f32>>) {
        let (local, weights) = (strategy.local(), self.centre[0].len());
        let mut state = ServerState::new(strategy.server(), vec![0.0; weights]);
        let mut kept = vec![vec![0.0; local.site_state_len(weights)]; self.centre.len()];
        kept.iter_mut().for_each(|site| local.start(state.model(), site));
        for round in 0..rounds {
            let present: Vec<usize> = (0..kept.len()).filter(|site| (self.present)(round, *site)).collect();
            let message = |site: &usize| self.message(strategy, &state, *site, &mut kept[*site]);
            let messages: Vec<Vec<f32>> = present.iter().map(message).collect();
            let share = present.len() as f64 / kept.len() as f64;
            advance(strategy, &mut state, share, &messages);
        }
        (state, kept)
    }

    fn message(&self, strategy: &Strategy, state: &ServerState, site: usize, kept: &mut [f32]) -> Vec<f32> {
        let (local, server) = (strategy.local(), strategy.server());
        let vectors: Vec<&[f32]> = state.vectors()[..server.broadcast_vectors()].iter().map(Vec::as_slice).collect();
        let received = Received { model: state.model(), server: &vectors };
        let mut message = vec![f32::NAN; local.message().len(state.model().len())];
        local_round(local, received, kept, &mut Descent { of: self, site }, &mut message).expect("trains");
        message
    }

    pub(crate) fn distance(&self, model: &[f32], point: &[f64]) -> f64 {
        model.iter().zip(point).map(|(got, expected)| (f64::from(*got) - expected).powi(2)).sum::<f64>().sqrt()
    }

    pub(crate) fn assert_near(&self, model: &[f32], point: &[f64], tolerance: f64) {
        let far = self.distance(model, point);
        assert!(far < tolerance, "{model:?} is {far} from {point:?}");
    }
}

/// The model of a federation whose first few sites send the opposite of what they found, tenfold.
pub(crate) fn poisoned(sites: &Quadratics, strategy: &Strategy, corrupt: usize) -> Vec<f32> {
    let mut state = ServerState::new(strategy.server(), vec![0.0; sites.centre[0].len()]);
    for _ in 0..200 {
        let mut messages: Vec<Vec<f32>> =
            (0..sites.centre.len()).map(|site| sites.message(strategy, &state, site, &mut [])).collect();
        // Far from each other, so that they come into different groups.
        messages
            .iter_mut()
            .step_by(4)
            .take(corrupt)
            .flatten()
            .for_each(|change| *change = (-10.0 * *change).clamp(-9.0, 9.0));
        advance(strategy, &mut state, 1.0, &messages);
    }
    state.into_parts().0
}

/// One round with every site's weight 1, over exact fixed-point sums wherever the strategy takes sums.
fn advance(strategy: &Strategy, state: &mut ServerState, share: f64, messages: &[Vec<f32>]) {
    let sum_of = |messages: &[Vec<f32>]| {
        let mut sum = vec![0; messages[0].len()];
        messages.iter().for_each(|message| fold(&mut sum, message, 1).expect("in range"));
        (sum, TotalWeight::of(messages.iter().map(|_| 1)).expect("somebody is present"))
    };
    let list: Vec<&[f32]> = messages.iter().map(Vec::as_slice).collect();
    let advanced = match strategy.aggregation() {
        Aggregation::Mean => {
            let (sum, total) = sum_of(messages);
            strategy.advance(state, share, Collected::Mean(Mean::Sum(&sum, total)))
        }
        Aggregation::Single(_) => strategy.advance(state, share, Collected::Single(&list)),
        Aggregation::Groups { size, .. } => {
            let groups = group_ranges(messages.len(), *size);
            let sums: Vec<_> = groups.into_iter().map(|group| sum_of(&messages[group])).collect();
            let sums: Vec<_> = sums.iter().map(|(sum, total)| (sum.as_slice(), *total)).collect();
            strategy.advance(state, share, Collected::Groups(&sums))
        }
    };
    advanced.expect("fits");
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
