//! What any accountant must obey, at random parameters: more costs more, order does not matter, and nothing is free.

use crate::charges::{delta, epsilon, gaussian, laplace, noise, rate, sampled_gaussian, scale};
use proptest::prelude::*;
use wardround_privacy::{Adjacency, Charge, Mechanism, Profile, epsilon_pld, epsilon_rdp, gaussian_epsilon};

fn pld(charges: &[Charge], at: f64) -> f64 {
    epsilon_pld(charges, delta(at), Adjacency::AddOrRemoveOne).expect("finite").epsilon.get()
}

/// What refining may leave between two computations of the same thing.
const SLACK: f64 = 2e-4;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn more_steps_less_noise_and_larger_samples_never_cost_less(
        sigma in 0.5_f64..8.0, log_q in -4.0_f64..-0.3, log_steps in 0.0_f64..7.0, log_delta in -20.0_f64..-3.0
    ) {
        let (q, steps, at) = (log_q.exp(), log_steps.exp() as u64, log_delta.exp());
        let base = pld(&[sampled_gaussian(sigma, q, steps)], at);
        for dearer in [
            sampled_gaussian(sigma, q, steps + steps / 4 + 1),
            sampled_gaussian(sigma * 0.9, q, steps),
            sampled_gaussian(sigma, (q * 1.2).min(1.0), steps),
        ] {
            prop_assert!(pld(&[dearer], at) >= base * (1.0 - SLACK), "{dearer:?} costs less than {base}");
        }
        prop_assert!(pld(&[sampled_gaussian(sigma, q, steps)], at * 0.5) >= base * (1.0 - SLACK));
    }

    #[test]
    fn a_sample_costs_at_most_what_everyone_does(sigma in 0.7_f64..10.0, log_q in -6.0_f64..-0.1, steps in 1_u64..300) {
        let everyone = gaussian_epsilon(noise(sigma), steps, delta(1e-6)).expect("finite").get();
        let sample = pld(&[sampled_gaussian(sigma, log_q.exp(), steps)], 1e-6);
        prop_assert!(sample <= everyone * (1.0 + 1e-5), "{sample} is more than {everyone}");
    }

    #[test]
    fn rdp_is_never_below_pld(sigma in 0.5_f64..8.0, log_q in -6.0_f64..-0.1, steps in 1_u64..2000) {
        let charge = [sampled_gaussian(sigma, log_q.exp(), steps)];
        let rdp = epsilon_rdp(&charge, delta(1e-5)).expect("finite").epsilon.get();
        let pld = pld(&charge, 1e-5);
        prop_assert!(rdp >= pld * (1.0 - 1e-5), "{rdp} by RDP, {pld} by PLD");
    }

    #[test]
    fn the_order_and_the_grouping_of_charges_do_not_matter(
        sigma in 0.8_f64..5.0, q in 0.01_f64..0.3, b in 2.0_f64..20.0, steps in 4_u64..200
    ) {
        let once = [sampled_gaussian(sigma, q, steps), laplace(b, 3), gaussian(10.0 * sigma, 5)];
        let again = [
            gaussian(10.0 * sigma, 2),
            sampled_gaussian(sigma, q, steps - 3),
            laplace(b, 1),
            gaussian(10.0 * sigma, 3),
            sampled_gaussian(sigma, q, 3),
            laplace(b, 2),
        ];
        let (once, again) = (pld(&once, 1e-6), pld(&again, 1e-6));
        prop_assert!((once / again - 1.0).abs() < 1e-9, "{once} and {again}");
    }

    #[test]
    fn composing_costs_at_most_the_sum_and_at_least_each_part(sigma in 0.8_f64..5.0, q in 0.01_f64..0.5, b in 1.0_f64..20.0) {
        let (training, release) = (sampled_gaussian(sigma, q, 50), laplace(b, 2));
        let (first, second, both) = (pld(&[training], 1e-6), pld(&[release], 1e-6), pld(&[training, release], 2e-6));
        prop_assert!(both <= first + second + 1e-6, "{both} is more than {first} + {second}");
        let both = pld(&[training, release], 1e-6);
        prop_assert!(both >= first.max(second) * (1.0 - SLACK), "{both} is less than {first} or {second}");
    }

    #[test]
    fn a_profile_says_what_the_accountant_says(sigma in 0.6_f64..5.0, q in 0.01_f64..0.5, steps in 1_u64..500, log_delta in -30.0_f64..-4.0) {
        let charge = [sampled_gaussian(sigma, q, steps)];
        let profile = Profile::compose(&charge, Adjacency::AddOrRemoveOne).expect("composes");
        let at = log_delta.exp();
        let (one, other) = (pld(&charge, at), profile.epsilon(delta(at)).expect("finite").get());
        prop_assert!((one - other).abs() <= 1e-3 * one + 1e-6, "{one} and {other}");
        // And back: δ at that ε is δ again, from above or just below.
        let back = profile.delta(epsilon(other));
        prop_assert!(back <= at * (1.0 + 1e-6), "delta {at:e} came back as {back:e}");
        prop_assert!(other < 1e-3 || back >= at * 0.99, "delta {at:e} came back as {back:e}");
    }
}

#[test]
fn no_charges_cost_nothing() {
    for charges in [vec![], vec![sampled_gaussian(1.0, 0.1, 0)], vec![gaussian(1.0, 0), laplace(1.0, 0)]] {
        assert_eq!(pld(&charges, 1e-5), 0.0);
        assert_eq!(epsilon_rdp(&charges, delta(1e-5)).expect("finite").epsilon.get(), 0.0);
        let profile = Profile::compose(&charges, Adjacency::ReplaceOne).expect("composes");
        assert_eq!(profile.delta(epsilon(0.0)), 0.0);
    }
}

/// Trap 13: δ is that of the whole composition, not of its parts. With ε of each part, the δ of both is more than of either.
#[test]
fn deltas_of_parts_add_up_in_the_whole() {
    let part = [sampled_gaussian(1.0, 0.05, 100)];
    let whole = [sampled_gaussian(1.0, 0.05, 100), gaussian(4.0, 1)];
    let profile = |charges: &[Charge]| Profile::compose(charges, Adjacency::AddOrRemoveOne).expect("composes");
    let at = profile(&part).epsilon(delta(1e-5)).expect("finite");
    let (alone, together) = (profile(&part).delta(at), profile(&whole).delta(at));
    assert!(together > 1.5 * alone, "{alone:e} alone, {together:e} together");
}

/// Trap 14: every grid's answer is above the closed form, for pure mechanisms whose loss is bounded.
#[test]
fn pure_mechanisms_cost_no_more_than_their_epsilons_add_up_to() {
    for (b, times) in [(0.5, 2), (1.0, 1), (10.0, 3)] {
        let ours = pld(&[laplace(b, times)], 1e-9);
        let pure = times as f64 / b;
        // One use: δ = 1/2 (1 - e^(ε - 1/b)) exactly above ε = 0.
        // The grid is refined until ε moves by less than 0.1 %, always from above.
        assert!(ours <= pure * (1.0 + 1e-3), "{ours} is more than {pure}");
        if times == 1 {
            let exact = pure + (-2e-9_f64).ln_1p();
            assert!(ours >= exact && ours <= exact * (1.0 + 1e-3), "{ours} and {exact}");
        }
    }
    let discrete = Mechanism::DiscreteLaplace { scale: scale(2.0), sensitivity: 4 };
    assert!(pld(&[Charge { mechanism: discrete, times: 1 }], 1e-9) <= 2.0 * (1.0 + 1e-3));
}

#[test]
fn replacing_costs_more_than_removing_and_at_most_twice_the_losses() {
    let charge = [sampled_gaussian(1.2, 0.05, 200), laplace(10.0, 2)];
    let removed = pld(&charge, 1e-6);
    let replaced = epsilon_pld(&charge, delta(1e-6), Adjacency::ReplaceOne).expect("finite").epsilon.get();
    assert!(replaced > removed);
    // Group privacy: ε twice, δ times 1 + e^ε.
    let twice = 2.0 * pld(&charge, 1e-6 / (1.0 + removed.exp() * 2.0));
    assert!(replaced <= twice, "{replaced} is more than {twice}");
}

#[test]
fn sampling_everyone_is_not_sampling() {
    let mechanism = Mechanism::SampledLaplace { scale: scale(4.0), sampling_rate: rate(1.0) };
    for adjacency in [Adjacency::AddOrRemoveOne, Adjacency::ReplaceOne] {
        let sampled = epsilon_pld(&[Charge { mechanism, times: 7 }], delta(1e-6), adjacency).expect("finite");
        let plain = epsilon_pld(&[laplace(4.0, 7)], delta(1e-6), adjacency).expect("finite");
        assert_eq!(sampled, plain);
    }
}
