//! FedAvg: the weighted mean of the updates (McMahan et al., AISTATS 2017, algorithm 1).

use crate::fixed::{TotalWeight, UNITS};

/// Moves a model by the weighted mean of its sites' updates: `x + Σ w_i Δ_i / Σ w_i`.
#[derive(Debug, Clone, Copy)]
pub struct FedAvg {
    per_unit: f64,
}

impl FedAvg {
    /// The rule for a sum of updates with this total weight.
    pub fn new(total: TotalWeight) -> Self {
        Self { per_unit: 1.0 / (total.as_f64() * UNITS) }
    }

    /// The rule for a sum of gradients of which one unit changes the model by `per_unit`: FedSGD, a step of the server by the
    /// gradient of all sites' patients (McMahan et al. 2017, section 2).
    pub fn of_gradients(per_unit: f64) -> Self {
        Self { per_unit }
    }

    /// The next model, a slice at a time; `model` and `sum` are of equal length.
    pub fn apply<'a>(&self, model: &'a [f32], sum: &'a [i64]) -> impl Iterator<Item = f32> + 'a {
        let per_unit = self.per_unit;
        model.iter().zip(sum).map(move |(weight, sum)| (f64::from(*weight) + *sum as f64 * per_unit) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold;

    #[test]
    fn the_mean_of_weighted_updates_is_the_textbook_one() {
        let mut sum = [0; 2];
        fold(&mut sum, &[1.0, -2.0], 1).expect("in range");
        fold(&mut sum, &[4.0, 0.5], 3).expect("in range");
        let next: Vec<f32> =
            FedAvg::new(TotalWeight::of([1, 3]).expect("not zero")).apply(&[10.0, 0.0], &sum).collect();
        assert_eq!(next, [10.0 + 13.0 / 4.0, -0.5 / 4.0]);
    }

    #[test]
    fn no_sites_make_no_mean() {
        assert_eq!(TotalWeight::of([]), None);
    }

    #[test]
    fn fixed_point_costs_less_than_a_float() {
        let updates = [[0.123_456_79_f32], [1e-6], [-0.7]];
        let mut sum = [0];
        updates.iter().for_each(|update| fold(&mut sum, update, 1).expect("in range"));
        let exact = updates.iter().map(|update| f64::from(update[0])).sum::<f64>() / 3.0;
        let next: Vec<f32> = FedAvg::new(TotalWeight::of([1; 3]).expect("not zero")).apply(&[0.0], &sum).collect();
        assert!((f64::from(next[0]) - exact).abs() < 2e-8, "{next:?} against {exact}");
    }
}
