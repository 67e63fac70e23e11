//! zCDP, trees and distributed noise against their published formulas.

use crate::charges::{delta, noise};
use crate::vectors::cases;
use wardround_plan::ShareLaw;
use wardround_privacy::{ClipNorm, DistributedNoise, TreeAggregation, Zcdp};

fn near(ours: f64, theirs: f64, tolerance: f64) -> bool {
    (ours / theirs - 1.0).abs() <= tolerance
}

#[test]
fn zcdp_converts_at_the_best_order() {
    for case in cases("zcdp_to_approx_dp") {
        let rho = Zcdp::new(case.parameter("rho")).expect("a parameter");
        let delta = delta(case.parameter("delta"));
        let tight = rho.epsilon(delta).expect("finite");
        assert!(near(tight.epsilon.get(), case.result("renyi", "epsilon").expect("a result"), 1e-9), "{}", case.id());
        assert!(near(tight.order, case.result("renyi", "optimal_order").expect("a result"), 1e-4), "{}", case.id());
        let simple = rho.simple_epsilon(delta).expect("finite").get();
        assert!(near(simple, case.result("simple", "epsilon").expect("a result"), 1e-12), "{}", case.id());
    }
    assert!(Zcdp::new(f64::NAN).is_err() && Zcdp::new(-1.0).is_err());
}

#[test]
fn a_tree_costs_one_node_of_each_level() {
    for case in cases("tree_aggregation_single_epoch") {
        let noise = noise(case.parameter("noise_multiplier"));
        let tree = TreeAggregation { noise, steps: case.parameter("step_counts") as u64 };
        let ours = tree.epsilon(delta(case.parameter("delta"))).expect("finite").epsilon.get();
        assert!(near(ours, case.result("rdp", "epsilon").expect("a result"), 1e-9), "{}: {ours}", case.id());
    }
}

#[test]
fn distributed_noise_costs_what_its_theorems_say() {
    for case in cases("distributed_discrete_noise") {
        let noise = DistributedNoise {
            sites: case.parameter("clients") as u32,
            dimension: case.parameter("dimension") as u64,
            clip: ClipNorm::new(case.parameter("clip")).expect("a clip norm"),
            local_stddev: case.parameter("local_stddev"),
            granularity: case.parameter("granularity"),
            beta: case.parameter("beta"),
        };
        let result = |method, field| case.result(method, field).expect("a result");
        assert!(near(noise.inflated_l2(), result("ddgauss", "inflated_l2_grid_units"), 1e-12), "{}", case.id());
        assert!(
            (noise.tau() - result("ddgauss", "tau")).abs() <= 1e-9 * noise.tau() + 1e-20,
            "{}: {}",
            case.id(),
            noise.tau()
        );
        for (kind, method) in [(ShareLaw::DiscreteGaussian, "ddgauss"), (ShareLaw::Skellam, "skellam")] {
            let one = noise.rdp(kind, 8);
            assert!(near(one, result(method, "rdp_alpha8_one_round"), 1e-12), "{} {method}: {one}", case.id());
            let rounds = case.parameter("rounds") as u64;
            let all = noise.epsilon(kind, rounds, delta(case.parameter("delta"))).expect("finite");
            assert!(near(all.epsilon.get(), result(method, "epsilon"), 1e-9), "{} {method}: {all:?}", case.id());
            assert_eq!(all.order, result(method, "optimal_order"), "{} {method}", case.id());
        }
        assert!(DistributedNoise { granularity: 0.0, ..noise }.epsilon(ShareLaw::Skellam, 1, delta(1e-5)).is_err());
    }
}
