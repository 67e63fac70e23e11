//! What studies may reserve and debit.

use super::*;

#[test]
fn a_plan_that_costs_exactly_the_budget_is_admitted_and_one_step_more_is_not() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let error = refused(reserve(&mut ledger, 1, &[charge(1.0, 9)]));
    assert!(matches!(error, Refused::OverBudget { .. }), "{error}");
    reserve(&mut ledger, 1, &[charge(1.0, 8)]).expect("exactly");
    assert!(matches!(refused(reserve(&mut ledger, 2, &[charge(1e6, 1)])), Refused::OverBudget { .. }));
}

#[test]
fn the_refusal_says_what_is_asked_and_what_is_left_and_rounds_against_itself() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    reserve(&mut ledger, 1, &[charge(1000.0, 4896)]).expect("fits");
    let error = refused(reserve(&mut ledger, 2, &[charge(1000.0, 7991)])).to_string();
    assert!(error.contains("study `study-2` asks for epsilon 8.00 at delta 1e-5"), "{error}");
    assert!(error.contains("data set `scans` has 3.10 of 8 left (12.89 with this study)"), "{error}");
}

#[test]
fn asking_again_gives_the_same_reservation_also_after_a_restart() {
    let (mut ledger, memory) = allowed(8.0, Composition::Declared);
    let first = reserve(&mut ledger, 1, &[charge(1.0, 8)]).expect("fits");
    assert_eq!(reserve(&mut ledger, 1, &[charge(1.0, 8)]).expect("the same"), first);
    let links = memory.links().len();
    let mut ledger = memory.reopen();
    assert_eq!(reserve(&mut ledger, 1, &[charge(1.0, 5), charge(1.0, 3)]).expect("the same"), first);
    assert_eq!(memory.links().len(), links);
    let other = refused(reserve(&mut ledger, 1, &[charge(1.0, 7)]));
    assert_eq!(other, Refused::OtherCharges(study(1).0));
}

#[test]
fn nothing_is_reserved_without_a_budget_or_without_charges() {
    let memory = Memory::default();
    let mut ledger = memory.reopen();
    assert_eq!(refused(reserve(&mut ledger, 1, &[charge(1.0, 1)])), Refused::NotOpened);
    ledger.pin(NOW, id("a"), &[secret(1).public(), secret(2).public()]).expect("empty");
    assert_eq!(refused(reserve(&mut ledger, 1, &[charge(1.0, 1)])), Refused::NoBudget(scans()));
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    for bad in [vec![], vec![charge(1.0, 0)], vec![charge(1e9, u64::MAX)], vec![charge(1.0, 1); 65]] {
        assert_eq!(refused(reserve(&mut ledger, 1, &bad)), Refused::Charges);
    }
}

#[test]
fn a_debit_beyond_the_reservation_or_of_another_mechanism_is_refused() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let id = reserve(&mut ledger, 1, &[charge(1.0, 4)]).expect("fits");
    let receipt = ledger.debit(NOW, id, training(1), &[charge(1.0, 3)]).expect("fits");
    assert_eq!(
        (receipt.charges(), receipt.purpose(), receipt.link()),
        (&[charge(1.0, 3)][..], training(1), ledger.head())
    );
    let exceeds = |charge, left| Refused::Exceeds { reservation: id, charge, left };
    let twice = [charge(1.0, 1), charge(1.0, 1)];
    assert_eq!(refused(ledger.debit(NOW, id, training(2), &twice)), exceeds(charge(1.0, 2), 1));
    assert_eq!(refused(ledger.debit(NOW, id, training(2), &[charge(0.5, 1)])), exceeds(charge(0.5, 1), 0));
    let _rest = ledger.debit(NOW, id, training(2), &[charge(1.0, 1)]).expect("exactly the rest");
}

#[test]
fn a_round_that_is_trained_again_is_paid_again_and_counted_as_lost() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let id = reserve(&mut ledger, 1, &[charge(1.0, 4)]).expect("fits");
    for round in [1, 2, 2] {
        let _receipt = ledger.debit(NOW, id, training(round), &[charge(1.0, 1)]).expect("fits");
    }
    let standing = ledger.standing(&scans()).expect("accountable");
    assert_eq!((standing.studies[0].rounds, standing.studies[0].lost), (2, 1));
    assert_eq!(standing.account.expect("approved").spent_pld.get(), 3.0);
    assert_eq!(standing.account.expect("approved").spent_rdp.map(Epsilon::get), Some(3.375));
}

#[test]
fn declared_keeps_the_whole_cost_of_a_study_that_released_anything() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let used = reserve(&mut ledger, 1, &[charge(1.0, 5)]).expect("fits");
    let unused = reserve(&mut ledger, 2, &[charge(1.0, 3)]).expect("fits");
    let _receipt = ledger.debit(NOW, used, training(1), &[charge(1.0, 1)]).expect("fits");
    ledger.settle(NOW, used).expect("open");
    ledger.settle(NOW, unused).expect("open");
    let account = ledger.standing(&scans()).expect("accountable").account.expect("approved");
    assert_eq!((account.reserved.get(), account.spent_pld.get(), account.left.get()), (5.0, 1.0, 3.0));
    assert!(reserve(&mut ledger, 3, &[charge(1.0, 4)]).is_err());
    reserve(&mut ledger, 3, &[charge(1.0, 3)]).expect("what the unused study gave back");
}

#[test]
fn adaptive_gives_back_what_a_study_did_not_use() {
    let (mut ledger, _) = allowed(10.0, Composition::Adaptive);
    let id = reserve(&mut ledger, 1, &[charge(1.0, 8)]).expect("8 at 1.25 each");
    assert!(reserve(&mut ledger, 2, &[charge(1.0, 1)]).is_err(), "an open study may still use all");
    let _receipt = ledger.debit(NOW, id, training(1), &[charge(1.0, 2)]).expect("fits");
    ledger.settle(NOW, id).expect("open");
    reserve(&mut ledger, 2, &[charge(1.0, 6)]).expect("2 + 6 at 1.25 each");
    assert!(reserve(&mut ledger, 3, &[charge(100.0, 1)]).is_err());
}

#[test]
fn a_study_that_is_over_debits_nothing_more() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let id = reserve(&mut ledger, 1, &[charge(1.0, 5)]).expect("fits");
    ledger.settle(NOW, id).expect("open");
    assert_eq!(refused(ledger.debit(NOW, id, training(1), &[charge(1.0, 1)])), Refused::Closed(id));
    assert_eq!(refused(ledger.settle(NOW, id)), Refused::Closed(id));
    let unknown: ReservationId = serde_json::from_str("99").expect("a number");
    assert_eq!(refused(ledger.settle(NOW, unknown)), Refused::NoReservation(unknown));
}

#[test]
fn a_budget_lowered_below_what_is_reserved_freezes_every_study_until_it_is_raised() {
    for composition in [Composition::Declared, Composition::Adaptive] {
        let (mut ledger, memory) = allowed(10.0, composition);
        let first = reserve(&mut ledger, 1, &[charge(1.0, 6)]).expect("fits");
        let second = reserve(&mut ledger, 2, &[charge(1.0, 2)]).expect("fits");
        let _receipt = ledger.debit(NOW, first, training(1), &[charge(1.0, 1)]).expect("fits");
        decide(&mut ledger, budget(5.0, composition), &[1]).expect("one lowers");
        let mut ledger = memory.reopen();
        let frozen = Refused::Frozen { data_set: scans(), budget: budget(5.0, composition) };
        assert_eq!(refused(ledger.debit(NOW, second, training(1), &[charge(1.0, 1)])), frozen);
        assert_eq!(refused(reserve(&mut ledger, 3, &[charge(1.0, 1)])), frozen);
        let account = ledger.standing(&scans()).expect("accountable").account.expect("approved");
        assert!(account.frozen && account.left.get() == 0.0);
        decide(&mut ledger, budget(10.0, composition), &[1, 2]).expect("two raise");
        let _receipt = ledger.debit(NOW, second, training(1), &[charge(1.0, 1)]).expect("thawed");
    }
}

#[test]
fn a_frozen_data_set_thaws_when_an_unused_study_ends() {
    let (mut ledger, _) = allowed(10.0, Composition::Declared);
    let used = reserve(&mut ledger, 1, &[charge(1.0, 4)]).expect("fits");
    let unused = reserve(&mut ledger, 2, &[charge(1.0, 6)]).expect("fits");
    decide(&mut ledger, budget(5.0, Composition::Declared), &[1]).expect("one lowers");
    assert!(ledger.debit(NOW, used, training(1), &[charge(1.0, 1)]).is_err());
    ledger.settle(NOW, unused).expect("open");
    let _receipt = ledger.debit(NOW, used, training(1), &[charge(1.0, 1)]).expect("thawed");
}

#[test]
fn a_cost_without_a_bound_is_not_admitted() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let scale = crate::LaplaceScale::new(1.0).expect("in range");
    let unknown = Charge { mechanism: Mechanism::Laplace { scale }, times: 1 };
    assert!(matches!(refused(reserve(&mut ledger, 1, &[unknown])), Refused::Unaccountable(_)));
}

#[test]
fn data_sets_do_not_share_a_budget() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    reserve(&mut ledger, 1, &[charge(1.0, 8)]).expect("fits");
    let other = DataSetName::new("other").expect("a name");
    let (name, plan) = study(1);
    let result = ledger.reserve(NOW, &other, &name, plan, &[charge(1.0, 1)]);
    assert_eq!(refused(result), Refused::NoBudget(other));
}

#[test]
fn with_the_real_accountants_a_calibrated_plan_fits_its_own_epsilon_and_a_second_one_does_not() {
    use crate::{SamplingRate, Target, calibrate_noise};
    let (epsilon, delta) = (Epsilon::new(8.0).expect("in range"), Delta::new(1e-5).expect("in range"));
    let sampling_rate = SamplingRate::new(0.1).expect("in range");
    let adjacency = Adjacency::AddOrRemoveOne;
    let accountant = wardround_plan::Accountant::Pld;
    let target = Target { epsilon, delta, sampling_rate, steps: 300, adjacency, accountant };
    let histograms = charge(40.0, 3);
    let noise_multiplier = calibrate_noise(&target, &[histograms]).expect("possible");
    let training = Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times: 300 };
    let (_, memory) = allowed(8.0, Composition::Declared);
    let mut ledger = Ledger::open(memory.links(), None, memory.clone()).expect("sound");
    let id = reserve(&mut ledger, 1, &[training, histograms]).expect("exactly what was asked for");
    assert!(matches!(refused(reserve(&mut ledger, 2, &[charge(5.0, 1)])), Refused::OverBudget { .. }));
    let _receipt = ledger.debit(NOW, id, super::training(1), &[Charge { times: 30, ..training }]).expect("one of ten");
    let account = ledger.standing(&scans()).expect("accountable").account.expect("approved");
    assert!(account.reserved.get() <= 8.0 && account.reserved.get() > 7.95, "{}", account.reserved);
    assert!(account.spent_pld < account.reserved && Some(account.spent_pld) < account.spent_rdp);
}
