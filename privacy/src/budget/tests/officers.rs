//! Who may decide what.

use super::*;

fn change(budget: Budget) -> Decision {
    Decision::Budget { data_set: scans(), budget }
}

#[test]
fn raising_takes_two_officers_and_lowering_one() {
    let (mut ledger, _) = allowed(3.0, Composition::Declared);
    let raised = budget(8.0, Composition::Declared);
    assert_eq!(refused(decide(&mut ledger, raised, &[1])), Refused::TooFewSignatures { needed: 2, got: 1 });
    assert_eq!(ledger.budget(&scans()), Ok(budget(3.0, Composition::Declared)));
    decide(&mut ledger, raised, &[1, 2]).expect("two officers");
    decide(&mut ledger, budget(1.0, Composition::Declared), &[2]).expect("one lowers");
    assert_eq!(ledger.budget(&scans()), Ok(budget(1.0, Composition::Declared)));
}

#[test]
fn the_first_budget_and_another_composition_take_two() {
    let memory = Memory::default();
    let mut ledger = memory.reopen();
    ledger.pin(NOW, id("a"), &[secret(1).public(), secret(2).public()]).expect("empty");
    let few = Refused::TooFewSignatures { needed: 2, got: 1 };
    assert_eq!(refused(decide(&mut ledger, budget(0.1, Composition::Declared), &[1])), few);
    decide(&mut ledger, budget(1.0, Composition::Declared), &[1, 2]).expect("two officers");
    assert_eq!(refused(decide(&mut ledger, budget(0.5, Composition::Adaptive), &[1])), few);
}

#[test]
fn one_officer_twice_or_somebody_else_is_refused() {
    let (mut ledger, _) = allowed(3.0, Composition::Declared);
    let raised = budget(8.0, Composition::Declared);
    assert_eq!(refused(decide(&mut ledger, raised, &[1, 1])), Refused::SameOfficer(secret(1).public()));
    assert_eq!(refused(decide(&mut ledger, raised, &[1, 3])), Refused::NotAnOfficer(secret(3).public()));
    assert_eq!(refused(decide(&mut ledger, raised, &[])), Refused::TooFewSignatures { needed: 2, got: 0 });
}

#[test]
fn a_signature_for_other_numbers_is_refused() {
    let (mut ledger, _) = allowed(3.0, Composition::Declared);
    let proposal = |epsilon| ledger.propose(change(budget(epsilon, Composition::Declared))).expect("opened");
    let (asked, signed) = (proposal(80.0), proposal(8.0));
    let signatures = vec![secret(1).sign(&signed), secret(2).sign(&signed)];
    let bad = Refused::BadSignature(secret(1).public());
    assert_eq!(refused(ledger.decide(NOW, asked, signatures)), bad);
}

#[test]
fn a_decision_cannot_be_replayed() {
    let (mut ledger, _) = allowed(3.0, Composition::Declared);
    let proposal = ledger.propose(change(budget(8.0, Composition::Declared))).expect("opened");
    let signatures = vec![secret(1).sign(&proposal), secret(2).sign(&proposal)];
    ledger.decide(NOW, proposal.clone(), signatures.clone()).expect("two officers");
    decide(&mut ledger, budget(1.0, Composition::Declared), &[1]).expect("lowered");
    let stale = Refused::Stale { head: proposal.head };
    assert_eq!(refused(ledger.decide(NOW, proposal, signatures)), stale, "raised again by old signatures");
}

#[test]
fn a_half_signed_proposal_ends_with_the_next_decision_and_not_with_a_debit() {
    let (mut ledger, _) = allowed(8.0, Composition::Declared);
    let proposal = ledger.propose(change(budget(9.0, Composition::Declared))).expect("opened");
    let first = secret(1).sign(&proposal);
    let reservation = reserve(&mut ledger, 1, &[charge(1.0, 4)]).expect("fits");
    let _paid = ledger.debit(NOW, reservation, training(1), &[charge(1.0, 1)]).expect("fits");
    let both = vec![first.clone(), secret(2).sign(&proposal)];
    ledger.decide(NOW, proposal.clone(), both.clone()).expect("a study went on meanwhile");
    assert_eq!(refused(ledger.decide(NOW, proposal.clone(), both)), Refused::Stale { head: proposal.head });
}

#[test]
fn a_decision_for_another_ledger_is_refused() {
    let (other, _) = allowed(3.0, Composition::Declared);
    let memory = Memory::default();
    let mut ledger = memory.reopen();
    ledger.pin(NOW, id("b"), &[secret(1).public(), secret(2).public()]).expect("empty");
    let proposal = other.propose(change(budget(8.0, Composition::Declared))).expect("opened");
    let signatures = vec![secret(1).sign(&proposal), secret(2).sign(&proposal)];
    assert_eq!(refused(ledger.decide(NOW, proposal.clone(), signatures.clone())), Refused::OtherLedger);
    // The same name given to the proposal breaks the signatures.
    let renamed = Proposal { ledger: id("b"), head: ledger.head(), ..proposal };
    assert_eq!(refused(ledger.decide(NOW, renamed, signatures)), Refused::BadSignature(secret(1).public()));
}

#[test]
fn officers_are_named_once_and_are_two_at_least() {
    let memory = Memory::default();
    let mut ledger = memory.reopen();
    let one = secret(1).public();
    assert_eq!(refused(ledger.pin(NOW, id("a"), &[one])), Refused::Officers);
    assert_eq!(refused(ledger.pin(NOW, id("a"), &[one, one])), Refused::Officers);
    assert_eq!(ledger.propose(change(budget(1.0, Composition::Declared))), Err(Refused::NotOpened));
    ledger.pin(NOW, id("a"), &[one, secret(2).public()]).expect("two");
    let again = ledger.pin(NOW, id("a"), &[secret(3).public(), secret(4).public()]);
    assert_eq!(refused(again), Refused::AlreadyOpened);
}

#[test]
fn the_meaning_of_a_neighbour_stays() {
    let (mut ledger, _) = allowed(3.0, Composition::Declared);
    let other = Budget { adjacency: Adjacency::ReplaceOne, ..budget(8.0, Composition::Declared) };
    assert_eq!(refused(decide(&mut ledger, other, &[1, 2])), Refused::Adjacency(scans()));
    let no_filter = Budget { composition: Composition::Adaptive, ..other };
    assert_eq!(refused(decide(&mut ledger, no_filter, &[1, 2])), Refused::NoFilter(scans()));
}
