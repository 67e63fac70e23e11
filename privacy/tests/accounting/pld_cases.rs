//! PLD against dp-accounting, the PRV accountant and an independent finer grid.

use crate::charges::{delta, epsilon, gaussian, laplace, noise, rate, sampled_gaussian, scale};
use crate::vectors::{Case, cases};
use wardround_privacy::{
    Adjacency, Charge, Mechanism, Profile, TruncatedPoisson, epsilon_pld, epsilon_rdp, gaussian_epsilon,
};

/// Within the window that all references leave: nowhere below the truth, nowhere much above the best known bound.
fn check(case: &Case, charges: &[Charge], adjacency: Adjacency, library: &str) {
    let ours = epsilon_pld(charges, delta(case.parameter("delta")), adjacency).expect("a finite epsilon").epsilon.get();
    let id = case.id();
    if let Some(fine) = case.result("pld_fine_independent", "epsilon") {
        assert!(ours >= fine * (1.0 - 1e-4), "{id}: {ours} is below the finer grid's {fine}");
    }
    if let Some(lower) = case.result("prv", "epsilon_lower") {
        assert!(ours >= lower, "{id}: {ours} is below the rigorous lower bound {lower}");
    }
    let upper = case.result(library, "epsilon").unwrap_or_else(|| panic!("{id} has no {library}"));
    assert!(ours <= upper * (1.0 + 2e-3), "{id}: {ours} is above dp-accounting's {upper}");
    // Equal or tighter, to what its own grid of 1e-4 can tell.
    assert!(ours <= upper * (1.0 + 1e-5), "{id}: {ours} is looser than dp-accounting's {upper}");
}

fn steps(case: &Case) -> u64 {
    case.parameter("steps") as u64
}

fn training(case: &Case) -> Charge {
    sampled_gaussian(case.parameter("noise_multiplier"), case.parameter("sampling_rate"), steps(case))
}

const PLD: &str = "pld_connect_dots_pessimistic";

#[test]
fn poisson_sampled_gaussians_are_within_the_window() {
    for case in cases("poisson_subsampled_gaussian") {
        check(&case, &[training(&case)], Adjacency::AddOrRemoveOne, PLD);
    }
}

#[test]
fn replacing_a_patient_costs_what_the_reference_says() {
    for case in cases("poisson_subsampled_gaussian_adjacency") {
        check(&case, &[training(&case)], Adjacency::AddOrRemoveOne, PLD);
        let replaced = case.results(PLD).find(|result| result["neighbouring"] == "replace_one").expect("a result");
        let theirs = replaced["epsilon"].as_f64().expect("a number");
        let ours = epsilon_pld(&[training(&case)], delta(case.parameter("delta")), Adjacency::ReplaceOne);
        let ours = ours.expect("a finite epsilon").epsilon.get();
        // Theirs is at a grid of 1e-3, a little high.
        assert!(ours <= theirs && ours > theirs * (1.0 - 1e-3), "{}: {ours} and {theirs}", case.id());
    }
}

#[test]
fn different_mechanisms_compose() {
    for case in cases("heterogeneous_composition") {
        let segments = case.raw("segments").as_array().expect("segments").iter();
        let number = |segment: &serde_json::Value, name: &str| segment[name].as_f64().expect("a number");
        let charge = |segment: &serde_json::Value| {
            let times = number(segment, "steps") as u64;
            sampled_gaussian(number(segment, "noise_multiplier"), number(segment, "sampling_rate"), times)
        };
        let charges: Vec<Charge> = segments.map(charge).collect();
        check(&case, &charges, Adjacency::AddOrRemoveOne, PLD);
        let rdp = epsilon_rdp(&charges, delta(case.parameter("delta"))).expect("a finite epsilon").epsilon.get();
        let theirs = case.result("rdp", "epsilon").expect("a result");
        assert!(rdp <= theirs * (1.0 + 1e-6), "{}: RDP gives {rdp}, theirs {theirs}", case.id());
    }
}

#[test]
fn every_grid_of_the_reference_is_above_ours() {
    for case in cases("grid_study") {
        let ours = epsilon_pld(&[training(&case)], delta(case.parameter("delta")), Adjacency::AddOrRemoveOne);
        let ours = ours.expect("a finite epsilon").epsilon.get();
        for result in case.results(PLD) {
            let theirs = result["epsilon"].as_f64().expect("a number");
            assert!(ours <= theirs * (1.0 + 1e-5), "{}: {ours} and {theirs}", case.id());
        }
        let finest = case.results(PLD).last().and_then(|result| result["epsilon"].as_f64()).expect("a number");
        assert!(ours >= finest * (1.0 - 1e-4), "{}: {ours} and {finest}", case.id());
    }
}

#[test]
fn laplace_noise_costs_what_the_reference_says() {
    for case in cases("laplace") {
        let charge = laplace(case.parameter("scale_over_l1_sensitivity"), steps(&case));
        check(&case, &[charge], Adjacency::AddOrRemoveOne, PLD);
        let rdp = epsilon_rdp(&[charge], delta(case.parameter("delta"))).expect("a finite epsilon").epsilon.get();
        assert!(rdp <= case.result("rdp", "epsilon").expect("a result") * (1.0 + 1e-6), "{}", case.id());
    }
    for case in cases("poisson_subsampled_laplace") {
        let (scale, sampling_rate) =
            (scale(case.parameter("scale_over_l1_sensitivity")), rate(case.parameter("sampling_rate")));
        let charge = Charge { mechanism: Mechanism::SampledLaplace { scale, sampling_rate }, times: steps(&case) };
        check(&case, &[charge], Adjacency::AddOrRemoveOne, PLD);
    }
}

#[test]
fn integer_noise_costs_what_the_reference_says() {
    for case in cases("discrete_gaussian") {
        let sigma = noise(case.parameter("sigma"));
        let sensitivity = case.parameter("sensitivity") as u32;
        let charge = Charge { mechanism: Mechanism::DiscreteGaussian { sigma, sensitivity }, times: steps(&case) };
        check(&case, &[charge], Adjacency::AddOrRemoveOne, "pld_pessimistic");
        // Many steps of a wide discrete Gaussian are all but a continuous one.
        let continuous = noise(case.parameter("sigma") / case.parameter("sensitivity"));
        let exact = gaussian_epsilon(continuous, steps(&case), delta(case.parameter("delta"))).expect("finite").get();
        let ours = epsilon_pld(&[charge], delta(case.parameter("delta")), Adjacency::AddOrRemoveOne);
        let ours = ours.expect("a finite epsilon").epsilon.get();
        assert!((ours / exact - 1.0).abs() < 1e-2, "{}: {ours} and {exact}", case.id());
    }
    for case in cases("discrete_laplace") {
        // Its parameter is the inverse of the scale.
        let scale = scale(1.0 / case.parameter("noise_parameter"));
        let sensitivity = case.parameter("sensitivity") as u32;
        let charge = Charge { mechanism: Mechanism::DiscreteLaplace { scale, sensitivity }, times: steps(&case) };
        check(&case, &[charge], Adjacency::AddOrRemoveOne, PLD);
    }
}

#[test]
fn truncated_poisson_sampling_costs_what_the_reference_says() {
    for case in cases("truncated_poisson_gaussian") {
        let truncated = TruncatedPoisson {
            noise: noise(case.parameter("noise_multiplier")),
            sampling_rate: rate(case.parameter("sampling_rate")),
            patients: case.parameter("dataset_size") as u64,
            batch_max: case.parameter("max_batch") as u64,
            steps: steps(&case),
        };
        let ours = truncated.epsilon(delta(case.parameter("delta"))).expect("a finite epsilon").epsilon.get();
        let theirs = case.result(PLD, "epsilon").expect("a result");
        assert!(ours <= theirs * (1.0 + 1e-5) && ours > theirs * (1.0 - 1e-3), "{}: {ours} and {theirs}", case.id());
    }
}

#[test]
fn one_step_is_never_below_its_exact_delta() {
    for case in cases("single_step_subsampled_gaussian_delta") {
        let charge = sampled_gaussian(case.parameter("noise_multiplier"), case.parameter("sampling_rate"), 1);
        let profile = Profile::compose(&[charge], Adjacency::AddOrRemoveOne).expect("composes");
        let ours = profile.delta(epsilon(case.parameter("epsilon")));
        let exact = case.result("exact", "delta").expect("a result");
        assert!(ours >= exact && ours <= exact * (1.0 + 1e-4), "{}: {ours:e} and {exact:e}", case.id());
    }
}

#[test]
fn gaussians_composed_on_a_grid_are_just_above_the_closed_form() {
    // A sampled mechanism of no weight keeps the closed form from being used.
    let nothing = sampled_gaussian(1e6, 1e-9, 1);
    for case in cases("gaussian") {
        let charge = gaussian(case.parameter("noise_multiplier"), steps(&case));
        let ours = epsilon_pld(&[charge, nothing], delta(case.parameter("delta")), Adjacency::AddOrRemoveOne);
        let ours = ours.expect("a finite epsilon");
        let exact = case.result("exact_balle_wang", "epsilon").expect("a result");
        assert!(ours.grid > 0.0, "{}: the closed form was used", case.id());
        let over = ours.epsilon.get() / exact - 1.0;
        assert!((0.0..1e-4).contains(&over), "{}: {} is {over:e} above {exact}", case.id(), ours.epsilon);
    }
}
