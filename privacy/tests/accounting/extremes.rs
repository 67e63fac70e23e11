//! At the ends of what can be asked there is an error or a finite bound: no panic, no NaN, and no long wait.

use crate::charges::{delta, epsilon, gaussian, laplace, noise, rate, sampled_gaussian, scale};
use std::time::{Duration, Instant};
use wardround_plan::Accountant;
use wardround_privacy::{
    AccountError, Adjacency, Charge, MECHANISMS_MAX, Mechanism, Profile, Target, calibrate_noise, epsilon_pld,
    epsilon_rdp, gaussian_delta, gaussian_epsilon,
};

/// One step with the patient against without, exactly: q times the Gaussian's δ at the ε that q makes of ε. What many steps
/// cost is no less.
fn delta_of_one_step(sigma: f64, q: f64, at: f64) -> f64 {
    let unsampled = if at > 30.0 { at - q.ln() } else { (at.exp_m1() / q).ln_1p() };
    q * gaussian_delta(noise(sigma), 1, epsilon(unsampled))
}

/// No answer takes longer, on a slow and busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// ε by PLD, where there is one.
fn check(charges: &[Charge], at: f64, adjacency: Adjacency) -> Option<f64> {
    let start = Instant::now();
    let pld = epsilon_pld(charges, delta(at), adjacency).ok();
    assert!(pld.is_none_or(|answer| answer.epsilon.get().is_finite() && answer.grid >= 0.0), "{charges:?}: {pld:?}");
    if let Ok(answer) = epsilon_rdp(charges, delta(at)) {
        assert!(answer.epsilon.get().is_finite(), "{charges:?}: {answer:?}");
    }
    assert!(start.elapsed() < WAIT_MAX, "{charges:?} at delta {at:e} took {:?}", start.elapsed());
    Some(pld?.epsilon.get())
}

#[test]
fn extremes_of_the_sampled_gaussian_end_well() {
    for sigma in [1e-3, 0.1, 1.0, 1e3, 1e6] {
        for q in [1e-9, 1e-4, 0.5, 1.0 - 1e-9, 1.0] {
            for steps in [0, 1, 1_000_000, 1_000_000_000] {
                for at in [1e-15, 1e-5, 0.5] {
                    let charge = [sampled_gaussian(sigma, q, steps)];
                    if let (1.., Some(bound)) = (steps, check(&charge, at, Adjacency::AddOrRemoveOne)) {
                        let truth = delta_of_one_step(sigma, q, bound);
                        assert!(truth <= at * (1.0 + 1e-9), "{charge:?} at {at:e}: {bound} leaves {truth:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn extremes_of_other_mechanisms_end_well() {
    for mechanism in [
        Mechanism::Laplace { scale: scale(1e-3) },
        Mechanism::Laplace { scale: scale(1e6) },
        Mechanism::Laplace { scale: scale(1e100) },
        Mechanism::SampledLaplace { scale: scale(1e-3), sampling_rate: rate(1e-9) },
        Mechanism::SampledLaplace { scale: scale(1e6), sampling_rate: rate(0.5) },
        Mechanism::DiscreteGaussian { sigma: noise(1e-3), sensitivity: 1 },
        Mechanism::DiscreteGaussian { sigma: noise(1e5), sensitivity: u32::MAX },
        Mechanism::DiscreteGaussian { sigma: noise(1e12), sensitivity: 1 },
        Mechanism::DiscreteLaplace { scale: scale(1e-3), sensitivity: 1 },
        Mechanism::DiscreteLaplace { scale: scale(1e12), sensitivity: u32::MAX },
        Mechanism::DiscreteLaplace { scale: scale(3.0), sensitivity: 0 },
        Mechanism::DiscreteGaussian { sigma: noise(3.0), sensitivity: 0 },
        Mechanism::Gaussian { noise_multiplier: noise(1e-100) },
        Mechanism::Gaussian { noise_multiplier: noise(1e100) },
        Mechanism::SampledGaussian { noise_multiplier: noise(1e100), sampling_rate: rate(0.5) },
        Mechanism::SampledGaussian { noise_multiplier: noise(1e-100), sampling_rate: rate(0.5) },
        Mechanism::SampledGaussian { noise_multiplier: noise(1.0), sampling_rate: rate(f64::MIN_POSITIVE) },
    ] {
        for times in [1, 1_000_000, u64::MAX] {
            for adjacency in [Adjacency::AddOrRemoveOne, Adjacency::ReplaceOne] {
                check(&[Charge { mechanism, times }], 1e-6, adjacency);
                check(&[Charge { mechanism, times }, gaussian(3.0, 2)], 1e-12, adjacency);
            }
        }
    }
}

#[test]
fn replacing_at_extremes_ends_well() {
    for (sigma, q) in [(1e-3, 0.5), (0.02, 1e-9), (1e6, 1e-9), (1e3, 0.999)] {
        for steps in [1, 1_000_000_000] {
            check(&[sampled_gaussian(sigma, q, steps)], 1e-6, Adjacency::ReplaceOne);
        }
    }
}

#[test]
fn mechanisms_of_very_different_size_compose() {
    let (rare, many, large) =
        (sampled_gaussian(0.05, 1e-4, 3), sampled_gaussian(100.0, 1e-3, 1_000_000), laplace(1e-2, 1));
    let alone = |charge, at| check(&[charge], at, Adjacency::AddOrRemoveOne).expect("finite");
    let together = check(&[rare, many, large], 1e-6, Adjacency::AddOrRemoveOne).expect("finite");
    // Basic composition is looser: Laplace noise costs 100, the rare large loss 244 and all others nearly nothing.
    let apart = alone(rare, 0.9e-6) + alone(many, 0.1e-6) + 100.0;
    assert!(together < apart, "{together} is more than {apart}");
    // Half of the outcomes of Laplace noise have a loss of 100, and 0.31 of them one of 98 to 100; the three steps with rare
    // large losses have one nearly three times as often as one step has.
    let delta_at = |at: f64| {
        let one = |rest: f64| delta_of_one_step(0.05, 1e-4, at - rest);
        2.99 * (0.5 * one(100.0) + 0.31 * one(98.0))
    };
    assert!(delta_at(together) <= 1e-6, "{together} leaves {:e}", delta_at(together));
    assert!(delta_at(together - 2.0) > 1e-6, "{together} is far above the truth");
}

#[test]
fn a_rare_giant_loss_costs_what_it_does_once() {
    let charge = [sampled_gaussian(1e-3, 1e-9, 1_000_000)];
    let bound = check(&charge, 1e-5, Adjacency::AddOrRemoveOne).expect("finite");
    // A million steps draw her once with a chance of 0.999e-3; twice is rarer than δ.
    let truth = |at: f64| 0.999e-3 * gaussian_delta(noise(1e-3), 1, epsilon(at - 1e-9_f64.ln()));
    assert!(truth(bound) <= 1e-5, "{bound} leaves {:e}", truth(bound));
    assert!(truth(bound * 0.999) > 1e-5, "{bound} is far above the truth");
}

#[test]
fn limits_are_told() {
    let many: Vec<Charge> = (0..=MECHANISMS_MAX).map(|k| sampled_gaussian(1.0 + k as f64, 0.1, 1)).collect();
    let error = epsilon_pld(&many, delta(1e-5), Adjacency::AddOrRemoveOne).expect_err("too many mechanisms");
    assert_eq!(error, AccountError::TooManyMechanisms { max: MECHANISMS_MAX });
    let long = [sampled_gaussian(1.0, 0.1, u64::MAX), laplace(1.0, u64::MAX)];
    let error = epsilon_pld(&long, delta(1e-5), Adjacency::AddOrRemoveOne).expect_err("too many steps");
    assert!(matches!(error, AccountError::TooManySteps { .. }), "{error}");
    let wide = Mechanism::DiscreteGaussian { sigma: noise(1e9), sensitivity: 1 };
    let error = epsilon_pld(&[Charge { mechanism: wide, times: 1 }], delta(1e-5), Adjacency::AddOrRemoveOne);
    assert!(matches!(error, Err(AccountError::NoiseTooWide { .. })), "{error:?}");
    let narrow = epsilon_pld(&[sampled_gaussian(1e-5, 0.5, 1)], delta(1e-5), Adjacency::AddOrRemoveOne);
    assert!(matches!(narrow, Err(AccountError::NoiseTooNarrow { .. })), "{narrow:?}");
    let many_of_one: Vec<Charge> = (0..10_000).map(|_| sampled_gaussian(1.0, 0.01, 1)).collect();
    let merged = epsilon_pld(&many_of_one, delta(1e-5), Adjacency::AddOrRemoveOne).expect("one mechanism");
    let whole = epsilon_pld(&[sampled_gaussian(1.0, 0.01, 10_000)], delta(1e-5), Adjacency::AddOrRemoveOne);
    assert_eq!(Ok(merged), whole);
}

#[test]
fn profiles_answer_at_any_epsilon_and_delta() {
    let charges = [sampled_gaussian(1.0, 0.01, 1000), laplace(5.0, 2)];
    let profile = Profile::compose(&charges, Adjacency::AddOrRemoveOne).expect("composes");
    let mut last = 1.0;
    for at in [0.0, 1e-9, 0.1, 1.0, 3.0, 6.0, 10.0, 100.0, 1e6] {
        let value = profile.delta(epsilon(at));
        assert!((0.0..=last * (1.0 + 1e-6)).contains(&value), "delta({at}) = {value:e} after {last:e}");
        last = value;
    }
    let mut last = f64::INFINITY;
    for at in [1e-20, 1e-15, 1e-10, 1e-5, 0.1, 0.9, 0.999_999] {
        let value = profile.epsilon(delta(at)).expect("finite").get();
        assert!(value <= last, "epsilon({at:e}) = {value} after {last}");
        last = value;
    }
    assert!(profile.epsilon(delta(1e-300)).is_err());
}

#[test]
fn calibration_at_extremes_ends_well() {
    for (target, at, q, steps) in [
        (1e-9, 1e-15, 1.0, 1_000_000_000),
        (1e-6, 1e-12, 1e-9, 1),
        (1e5, 0.5, 0.5, 10),
        (1e-3, 1e-5, 0.1, 1000),
        (700.0, 1e-5, 1.0, 1),
        (0.0, 1e-5, 0.1, 10),
        (1.0, 1e-5, 0.01, 0),
    ] {
        let target = Target {
            epsilon: epsilon(target),
            delta: delta(at),
            sampling_rate: rate(q),
            steps,
            adjacency: Adjacency::AddOrRemoveOne,
            accountant: Accountant::Pld,
        };
        let start = Instant::now();
        if let Ok(noise) = calibrate_noise(&target, &[]) {
            let charge = [sampled_gaussian(noise.get(), q, steps)];
            let cost = epsilon_pld(&charge, target.delta, target.adjacency).expect("finite").epsilon;
            assert!(cost <= target.epsilon, "{target:?}: {noise} costs {cost}");
        }
        assert!(start.elapsed() < WAIT_MAX, "{target:?} took {:?}", start.elapsed());
    }
}

#[test]
fn gaussian_epsilon_ends_well() {
    for sigma in [1e-100, 1e-3, 1.0, 1e6, 1e100] {
        for steps in [0, 1, u64::MAX] {
            if let Ok(epsilon) = gaussian_epsilon(noise(sigma), steps, delta(1e-10)) {
                assert!(epsilon.get().is_finite());
            }
        }
    }
}
