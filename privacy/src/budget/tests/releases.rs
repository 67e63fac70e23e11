//! What may leave, and how often.

use super::*;
use crate::{LaplaceScale, Paid, Released, histogram_charges};

fn scale() -> LaplaceScale {
    LaplaceScale::new(2.0).expect("in range")
}

/// A reservation of four histograms, with the accountants that know them.
fn measuring() -> (Ledger<Memory>, Memory, ReservationId) {
    let (_, memory) = allowed(8.0, Composition::Declared);
    let mut ledger = reopened(&memory);
    let charges: Vec<Charge> =
        histogram_charges(scale()).into_iter().map(|charge| Charge { times: 4, ..charge }).collect();
    let id = reserve(&mut ledger, 1, &charges).expect("fits");
    (ledger, memory, id)
}

fn reopened(memory: &Memory) -> Ledger<Memory> {
    Ledger::open(memory.links(), None, memory.clone()).expect("sound")
}

fn histogram(ledger: &mut Ledger<Memory>, id: ReservationId) -> Paid<Vec<i64>> {
    let purpose = Purpose::Evaluation { round: None };
    let receipt = ledger.debit(NOW, id, purpose, &histogram_charges(scale())).expect("fits");
    Paid::histogram(&[1, 2, 3], receipt).expect("paid")
}

fn content(number: u8) -> Digest {
    Digest::of(&[number])
}

#[test]
fn what_is_on_record_may_leave_again_after_a_restart_and_costs_nothing_more() {
    let (mut ledger, memory, id) = measuring();
    let paid = histogram(&mut ledger, id);
    let value = paid.value().clone();
    let first: Released<Vec<i64>> = ledger.record(NOW, paid, content(1)).expect("paid");
    let links = memory.links().len();
    let again = reopened(&memory).released(value, content(1)).expect("on record");
    assert_eq!((again.value(), again.guarantee()), (first.value(), first.guarantee()));
    assert_eq!(memory.links().len(), links);
}

#[test]
fn what_is_not_on_record_does_not_leave() {
    let (mut ledger, memory, id) = measuring();
    let paid = histogram(&mut ledger, id);
    assert_eq!(ledger.released(0, content(1)), Err(Refused::NotReleased(content(1))), "paid for, but not recorded");
    let _first = ledger.record(NOW, paid, content(1)).expect("paid");
    assert_eq!(reopened(&memory).released(0, content(2)), Err(Refused::NotReleased(content(2))));
}

#[test]
fn a_receipt_of_another_ledger_records_nothing() {
    let (mut ledger, _, id) = measuring();
    let (mut other, memory, its) = measuring();
    let _paid = histogram(&mut other, its);
    let paid = histogram(&mut other, its);
    let _mine = histogram(&mut ledger, id);
    let seq = other.head().seq;
    assert_eq!(refused(ledger.record(NOW, paid, content(1))), Refused::NothingToRelease(seq));
    assert!(memory.links().iter().all(|link| !matches!(link.entry(), Entry::Released { .. })));
}

#[test]
fn a_log_that_fails_lets_nothing_leave() {
    let (mut ledger, memory, id) = measuring();
    let paid = histogram(&mut ledger, id);
    memory.trouble.replace(Trouble::Before);
    assert!(matches!(ledger.record(NOW, paid, content(1)), Err(DecisionError::Log(Full))));
    assert!(reopened(&memory).released(0, content(1)).is_err());
}

#[test]
fn a_chain_that_releases_twice_for_one_debit_is_not_one_of_ours() {
    let (mut ledger, memory, id) = measuring();
    let paid = histogram(&mut ledger, id);
    let _first = ledger.record(NOW, paid, content(1)).expect("paid");
    let debit = memory.links().len() as u64 - 1;
    let forged = Link::after(ledger.head(), NOW, Entry::Released { debit, content: content(2) });
    let error = ledger.catch_up([forged]).expect_err("one release a debit");
    assert!(matches!(error, LedgerError::Rule { problem: Refused::NothingToRelease(_), .. }), "{error}");
}
