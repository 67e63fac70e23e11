//! RDP against exact sums, quadrature and dp-accounting.

use crate::charges::{delta, noise, rate, sampled_gaussian, scale};
use crate::vectors::cases;
use wardround_privacy::{Adjacency, FixedBatch, Mechanism, Repetitions, epsilon_pld, epsilon_rdp, rdp};

#[test]
fn rdp_curves_agree_with_quadrature() {
    for case in cases("rdp_curve_poisson_gaussian") {
        let noise_multiplier = noise(case.parameter("noise_multiplier"));
        let sampling_rate = rate(case.parameter("sampling_rate"));
        let orders = case.raw("orders").as_array().expect("orders");
        let truth = case.results("quadrature").next().expect("a result")["values"].as_array().expect("values");
        for (order, truth) in orders.iter().zip(truth) {
            let (order, truth) = (order.as_f64().expect("a number"), truth.as_f64().expect("a number"));
            let ours = rdp(Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, order);
            let tolerance = if order == order.trunc() { 1e-10 } else { 1e-8 };
            assert!((ours / truth - 1.0).abs() < tolerance, "{} order {order}: {ours:e} and {truth:e}", case.id());
        }
    }
}

#[test]
fn rdp_is_no_looser_than_the_library_and_no_tighter_than_pld() {
    for case in cases("poisson_subsampled_gaussian") {
        let steps = case.parameter("steps") as u64;
        let charge = sampled_gaussian(case.parameter("noise_multiplier"), case.parameter("sampling_rate"), steps);
        let delta = delta(case.parameter("delta"));
        let ours = epsilon_rdp(&[charge], delta).expect("finite");
        let theirs = case.result("rdp", "epsilon").expect("a result");
        assert!(ours.epsilon.get() <= theirs * (1.0 + 1e-6), "{}: {} and {theirs}", case.id(), ours.epsilon);
        let pld = epsilon_pld(&[charge], delta, Adjacency::AddOrRemoveOne).expect("finite").epsilon;
        assert!(ours.epsilon >= pld, "{}: RDP {} is below PLD {pld}", case.id(), ours.epsilon);
        assert!(!ours.order_at_end, "{}: best order {}", case.id(), ours.order);
    }
}

/// Trap 14: an answer from the end of the list of orders says so.
#[test]
fn a_best_order_at_the_end_of_the_list_is_told() {
    let tiny = epsilon_rdp(&[sampled_gaussian(1e3, 0.9, 1)], delta(1e-5)).expect("finite");
    assert!(tiny.order_at_end && tiny.order == 1024.0, "{tiny:?}");
    let usual = epsilon_rdp(&[sampled_gaussian(1.0, 0.01, 1000)], delta(1e-5)).expect("finite");
    assert!(!usual.order_at_end, "{usual:?}");
}

#[test]
fn rdp_rises_with_the_order_for_every_mechanism() {
    let (noise_multiplier, sampling_rate) = (noise(0.8), rate(0.05));
    for mechanism in [
        Mechanism::SampledGaussian { noise_multiplier, sampling_rate },
        Mechanism::SampledGaussian { noise_multiplier: noise(0.1), sampling_rate },
        Mechanism::Laplace { scale: scale(0.3) },
        Mechanism::SampledLaplace { scale: scale(0.3), sampling_rate },
        Mechanism::SampledLaplace { scale: scale(5.0), sampling_rate: rate(1.0) },
        Mechanism::DiscreteGaussian { sigma: noise_multiplier, sensitivity: 2 },
        Mechanism::DiscreteLaplace { scale: scale(2.0), sensitivity: 3 },
    ] {
        let values: Vec<f64> = (11..300).map(|tenth| rdp(mechanism, f64::from(tenth) / 10.0)).collect();
        assert!(values.iter().all(|value| value.is_finite() && *value > 0.0), "{mechanism:?}: {values:?}");
        assert!(values.windows(2).all(|pair| pair[1] >= pair[0] * (1.0 - 1e-9)), "{mechanism:?}: {values:?}");
        assert_eq!(rdp(mechanism, 1.0), f64::INFINITY);
    }
}

#[test]
fn laplace_without_sampling_is_the_closed_form_and_its_discrete_twin_is_near() {
    for order in [1.5, 2.0, 7.0, 40.0] {
        let plain = rdp(Mechanism::Laplace { scale: scale(2.0) }, order);
        let sampled = rdp(Mechanism::SampledLaplace { scale: scale(2.0), sampling_rate: rate(1.0) }, order);
        assert!((plain / sampled - 1.0).abs() < 1e-9, "order {order}: {plain} and {sampled}");
        let discrete = rdp(Mechanism::DiscreteLaplace { scale: scale(2e3), sensitivity: 1000 }, order);
        assert!((plain / discrete - 1.0).abs() < 2e-3, "order {order}: {plain} and {discrete}");
    }
}

#[test]
fn discrete_laplace_is_the_sum_over_its_outcomes() {
    for (b, sensitivity) in [(10.0_f64, 1_u32), (2.0, 1), (3.0, 5)] {
        for order in [1.3, 2.0, 9.5] {
            let mass = |x: i32| (-f64::from(x.abs()) / b).exp();
            let total: f64 = (-2000..=2000).map(mass).sum();
            let moment: f64 = (-2000..=2000)
                .map(|x| {
                    let loss = f64::from((x - sensitivity as i32).abs() - x.abs()) / b;
                    mass(x) / total * ((order - 1.0) * loss).exp()
                })
                .sum();
            let exact = moment.ln() / (order - 1.0);
            let ours = rdp(Mechanism::DiscreteLaplace { scale: scale(b), sensitivity }, order);
            assert!(
                (ours / exact - 1.0).abs() < 1e-9,
                "b {b}, sensitivity {sensitivity}, order {order}: {ours} {exact}"
            );
        }
    }
}

#[test]
fn a_fixed_batch_costs_at_most_what_the_library_says() {
    for case in cases("fixed_batch_without_replacement_gaussian") {
        let batch = FixedBatch {
            noise: noise(case.parameter("noise_multiplier")),
            patients: case.parameter("dataset_size") as u64,
            batch: case.parameter("batch_size") as u64,
            steps: case.parameter("steps") as u64,
        };
        let ours = batch.epsilon(delta(case.parameter("delta"))).expect("finite");
        let theirs = case.result("rdp", "epsilon").expect("a result");
        let near = ours.epsilon.get() <= theirs * (1.0 + 1e-6) && ours.epsilon.get() > theirs * 0.99;
        assert!(near, "{}: {ours:?} and {theirs}", case.id());
        // Never below Poisson sampling of the same rate, replacing one, with the same physical noise.
        let rate = batch.batch as f64 / batch.patients as f64;
        let poisson = sampled_gaussian(2.0 * batch.noise.get(), rate, batch.steps);
        let pld = epsilon_pld(&[poisson], delta(case.parameter("delta")), Adjacency::ReplaceOne).expect("finite");
        assert!(ours.epsilon > pld.epsilon, "{}: {} and {}", case.id(), ours.epsilon, pld.epsilon);
        assert!(FixedBatch { batch: 0, ..batch }.epsilon(delta(1e-5)).is_err());
        assert!(FixedBatch { batch: batch.patients + 1, ..batch }.epsilon(delta(1e-5)).is_err());
    }
}

#[test]
fn the_best_of_several_runs_costs_what_the_library_says() {
    for case in cases("repeat_and_select_tuning") {
        let repetitions =
            Repetitions::NegativeBinomial { mean_runs: case.parameter("mean_runs"), shape: case.parameter("shape") };
        let steps = case.parameter("steps") as u64;
        let run = [sampled_gaussian(case.parameter("noise_multiplier"), case.parameter("sampling_rate"), steps)];
        let delta = delta(case.parameter("delta"));
        let ours = repetitions.epsilon(&run, delta).expect("finite").epsilon.get();
        let theirs = case.result("rdp", "epsilon").expect("a result");
        assert!(ours <= theirs * (1.0 + 1e-6) && ours > theirs * 0.99, "{}: {ours} and {theirs}", case.id());
        let poisson = Repetitions::Poisson { mean_runs: case.parameter("mean_runs") };
        let once = epsilon_rdp(&run, delta).expect("finite").epsilon.get();
        assert!(poisson.epsilon(&run, delta).expect("finite").epsilon.get() > once);
    }
    let none = Repetitions::Poisson { mean_runs: 0.5 };
    assert!(none.epsilon(&[], delta(1e-5)).is_err());
}
