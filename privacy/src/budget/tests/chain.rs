//! What is noticed about a log that is not what was written.

use super::*;

fn busy() -> (Ledger<Memory>, Memory) {
    let (mut ledger, memory) = allowed(8.0, Composition::Declared);
    let id = reserve(&mut ledger, 1, &[charge(1.0, 4)]).expect("fits");
    for round in 1..=3 {
        let _receipt = ledger.debit(NOW, id, training(round), &[charge(1.0, 1)]).expect("fits");
    }
    (ledger, memory)
}

fn open(links: Vec<Link>, anchor: Option<LedgerHead>) -> Result<Ledger<Memory>, LedgerError> {
    Ledger::measured_by(by_sums(), links, anchor, Memory::default())
}

#[test]
fn a_deleted_moved_or_doubled_link_is_noticed() {
    let (_, memory) = busy();
    let links = memory.links();
    for place in 0..links.len() - 1 {
        let mut without = links.clone();
        without.remove(place);
        assert!(matches!(open(without, None), Err(LedgerError::Order { .. })), "without {place}");
        let mut swapped = links.clone();
        swapped.swap(place, place + 1);
        assert!(open(swapped, None).is_err(), "swapped at {place}");
        let mut doubled = links.clone();
        doubled.insert(place, links[place].clone());
        assert!(open(doubled, None).is_err(), "doubled at {place}");
    }
}

#[test]
fn a_cut_end_is_noticed_by_the_anchor_and_only_by_it() {
    let (ledger, memory) = busy();
    let links = memory.links();
    for kept in 0..links.len() {
        let error = open(links[..kept].to_vec(), Some(ledger.head())).expect_err("cut");
        assert!(matches!(error, LedgerError::Cut { .. }), "{error}");
    }
    assert!(open(links[..3].to_vec(), None).is_ok(), "nothing but an anchor or a witness can tell");
    assert!(open(links.clone(), Some(ledger.head())).is_ok());
    assert!(open(links.clone(), Some(links[4].head())).is_ok(), "a crash came between the link and its anchor");
}

#[test]
fn another_chain_of_the_same_length_does_not_pass_for_this_one() {
    let (ledger, _) = busy();
    let (other, memory) = busy();
    assert_eq!(ledger.head(), other.head(), "the same decisions at the same time give the same chain");
    let mut forged = memory.links();
    forged.pop();
    let last = forged.last().expect("not empty").head();
    let entry = Entry::Settled { reservation: serde_json::from_str("3").expect("a number") };
    forged.push(Link::after(last, NOW, entry));
    assert!(matches!(open(forged, Some(ledger.head())), Err(LedgerError::Cut { .. })));
}

#[test]
fn a_chain_rewritten_with_good_hashes_cannot_raise_a_budget_or_overdraw() {
    let (_, memory) = busy();
    let rewritten = |change: &dyn Fn(&Entry) -> Entry| {
        let (mut head, mut links) = (LedgerHead::EMPTY, Vec::new());
        for link in memory.links() {
            links.push(Link::after(head, link.at(), change(link.entry())));
            head = links.last().expect("pushed").head();
        }
        open(links, None)
    };
    assert!(rewritten(&Entry::clone).is_ok());
    let raised = rewritten(&|entry| match entry.clone() {
        Entry::Decided { mut proposal, signatures } => {
            proposal.decision = Decision::Budget { data_set: scans(), budget: budget(80.0, Composition::Declared) };
            Entry::Decided { proposal, signatures }
        }
        other => other,
    });
    assert!(matches!(raised, Err(LedgerError::Rule { problem: Refused::BadSignature(_), .. })));
    let overdrawn = rewritten(&|entry| match entry.clone() {
        Entry::Debited { reservation, purpose, .. } => {
            Entry::Debited { reservation, purpose, charges: vec![charge(1.0, 2)] }
        }
        other => other,
    });
    assert!(matches!(overdrawn, Err(LedgerError::Rule { problem: Refused::Exceeds { .. }, .. })));
}

#[test]
fn two_ledgers_on_one_log_follow_each_other() {
    let (mut first, memory) = busy();
    let mut second = memory.reopen();
    let known = memory.links().len();
    decide(&mut second, budget(7.0, Composition::Declared), &[1]).expect("one lowers");
    first.catch_up(memory.links().split_off(known)).expect("follows");
    assert_eq!(first.budget(&scans()), Ok(budget(7.0, Composition::Declared)));
    assert!(first.catch_up(memory.links()).is_err(), "links that are known do not follow again");
}

#[test]
fn a_log_that_fails_gives_no_receipt_and_has_to_be_read_again() {
    for (trouble, rest) in [(Trouble::Before, 1), (Trouble::After, 0)] {
        let (mut ledger, memory) = busy();
        let id = ledger.reservations().next().expect("one").id();
        let known = memory.links().len();
        memory.trouble.replace(trouble);
        let failed = ledger.debit(NOW, id, training(4), &[charge(1.0, 1)]);
        assert!(matches!(failed, Err(DecisionError::Log(Full))));
        let again = refused(ledger.debit(NOW, id, training(4), &[charge(1.0, 1)]));
        assert_eq!(again, Refused::Uncertain);
        ledger.catch_up(memory.links().split_off(known)).expect("follows");
        let left = ledger.reservations().next().expect("one").rest().first().map_or(0, |charge| charge.times);
        assert_eq!(left, rest, "{trouble:?}: what was stored is paid, though nothing was released for it");
    }
}

#[test]
fn a_witness_that_the_chain_does_not_contain_stops_everything_until_it_is_written_off() {
    let (ahead, _) = busy();
    let (_, memory) = busy();
    memory.links.borrow_mut().truncate(4);
    let mut restored = memory.reopen();
    let own = restored.head();
    assert_eq!(restored.witnessed(own), Ok(()));
    let rolled_back = Refused::RolledBack { own, witnessed: ahead.head() };
    assert_eq!(restored.witnessed(ahead.head()), Err(rolled_back.clone()));
    let id = restored.reservations().next().expect("one").id();
    assert_eq!(refused(restored.debit(NOW, id, training(2), &[charge(1.0, 1)])), rolled_back);
    assert_eq!(refused(reserve(&mut restored, 2, &[charge(1.0, 1)])), rolled_back);
    assert!(rolled_back.to_string().contains(&format!("--gap {}", ahead.head())), "{rolled_back}");
    assert!(rolled_back.to_string().len() <= 500, "it fits into a refusal on the wire");

    write_off(&mut restored, ahead.head(), &[1]).expect_err("one officer");
    write_off(&mut restored, ahead.head(), &[1, 2]).expect("two officers");
    assert_eq!(restored.head().seq, ahead.head().seq + 1, "the numbers of the lost links are not used again");
    assert_eq!(restored.witnessed(ahead.head()), Ok(()), "a known gap");
    assert_eq!(refused(restored.debit(NOW, id, training(2), &[charge(1.0, 1)])), Refused::Closed(id));
    assert_eq!(refused(reserve(&mut restored, 1, &[charge(1.0, 1)])), Refused::NoBudget(scans()));
    let standing = memory.reopen().standing(&scans()).expect("accountable");
    assert_eq!(standing.written_off, [budget(8.0, Composition::Declared)], "as if all had been spent");
    assert_eq!((standing.account, standing.studies[0].state), (None, ReservationState::WrittenOff));
}

#[test]
fn after_a_write_off_a_new_budget_starts_empty_and_the_old_reservation_stays_closed() {
    let (ahead, memory) = busy();
    memory.links.borrow_mut().truncate(4);
    let mut ledger = memory.reopen();
    decide(&mut ledger, budget(2.0, Composition::Declared), &[1]).expect("lowered before the loss is noticed");
    write_off(&mut ledger, ahead.head(), &[1, 2]).expect("two officers");
    decide(&mut ledger, budget(1.0, Composition::Declared), &[1, 2]).expect("two officers");
    let old = ledger.reservations().next().expect("one").id();
    assert_eq!(refused(ledger.debit(NOW, old, training(9), &[charge(1.0, 1)])), Refused::Closed(old));
    reserve(&mut ledger, 1, &[charge(1.0, 1)]).expect("a new reservation of the same study");
    let standing = ledger.standing(&scans()).expect("accountable");
    assert_eq!(standing.written_off, [budget(8.0, Composition::Declared)], "the highest budget there was");
    assert_eq!(standing.account.expect("approved").reserved.get(), 1.0);
}

#[test]
fn what_is_not_lost_or_absurdly_far_cannot_be_written_off() {
    let (mut ledger, memory) = busy();
    let known = memory.links()[2].head();
    assert_eq!(refused(write_off(&mut ledger, known, &[1, 2])), Refused::NoGap(known));
    let far = LedgerHead { seq: ledger.head().seq + GAP_LINKS_MAX + 1, hash: Digest::of(b"lie") };
    assert_eq!(refused(write_off(&mut ledger, far, &[1, 2])), Refused::NoGap(far));
}

fn write_off(ledger: &mut Ledger<Memory>, gap: LedgerHead, signers: &[u8]) -> Result<(), DecisionError<Full>> {
    let proposal = ledger.propose(Decision::WriteOff { gap }).expect("opened");
    let signatures = signers.iter().map(|signer| secret(*signer).sign(&proposal)).collect();
    ledger.decide(NOW, proposal, signatures)
}
