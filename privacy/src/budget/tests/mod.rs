//! The ledger's rules, one by one and in random sequences with crashes.

mod chain;
mod crashes;
mod officers;
mod releases;
mod studies;

use super::*;
use crate::{Adjacency, Charge, Delta, Epsilon, Mechanism, NoiseMultiplier};
use std::cell::RefCell;
use std::rc::Rc;
use wardround_plan::{DataSetName, Digest, LedgerHead, PlanDigest, RoundNumber, StudyId, Timestamp};

/// A log in memory that survives its ledger, and fails when told to.
#[derive(Debug, Clone, Default)]
struct Memory {
    links: Rc<RefCell<Vec<(String, Digest)>>>,
    trouble: Rc<RefCell<Trouble>>,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
enum Trouble {
    #[default]
    None,
    /// The next link is not stored.
    Before,
    /// The next link is stored, but nobody hears of it.
    After,
}

#[derive(Debug, thiserror::Error)]
#[error("no space left")]
struct Full;

impl Log for Memory {
    type Error = Full;
    fn append(&mut self, link: &Link) -> Result<(), Full> {
        let trouble = self.trouble.take();
        if trouble != Trouble::Before {
            self.links.borrow_mut().push((link.to_canonical(), link.head().hash));
        }
        if trouble == Trouble::None { Ok(()) } else { Err(Full) }
    }
}

impl Memory {
    fn links(&self) -> Vec<Link> {
        let read = |(text, hash): &(String, Digest)| Link::from_canonical(text, *hash).expect("as it was written");
        self.links.borrow().iter().map(read).collect()
    }

    /// What a process finds when it starts.
    fn reopen(&self) -> Ledger<Memory> {
        Ledger::measured_by(by_sums(), self.links(), None, self.clone()).expect("a sound chain")
    }
}

/// An accountant that can be checked by hand: ε is the sum of times / σ, and more by the looser ways.
fn by_sums() -> Accountant {
    fn sum(charges: &[Charge]) -> f64 {
        let cost = |charge: &Charge| match charge.mechanism {
            Mechanism::Gaussian { noise_multiplier } => charge.times as f64 / noise_multiplier.get(),
            _ => f64::NAN,
        };
        charges.iter().map(cost).sum()
    }
    Accountant {
        pld: |charges, _, _| Epsilon::new(sum(charges)).map_err(|error| error.to_string()),
        filter: |charges, _| Epsilon::new(1.25 * sum(charges)).map_err(|error| error.to_string()),
        rdp: |charges, _| Epsilon::new(1.125 * sum(charges)).map_err(|error| error.to_string()),
    }
}

fn charge(sigma: f64, times: u64) -> Charge {
    Charge {
        mechanism: Mechanism::Gaussian { noise_multiplier: NoiseMultiplier::new(sigma).expect("in range") },
        times,
    }
}

fn budget(epsilon: f64, composition: Composition) -> Budget {
    let (epsilon, delta) = (Epsilon::new(epsilon).expect("in range"), Delta::new(1e-5).expect("in range"));
    Budget { epsilon, delta, composition, adjacency: Adjacency::AddOrRemoveOne }
}

fn scans() -> DataSetName {
    DataSetName::new("scans").expect("a name")
}

fn study(number: u8) -> (StudyId, PlanDigest) {
    let name = StudyId::new(format!("study-{number}")).expect("a name");
    (name, PlanDigest(Digest::of(&[number])))
}

fn training(round: u32) -> Purpose {
    let round = RoundNumber::new(round).expect("from 1");
    Purpose::Training { round, attempt: std::num::NonZeroU32::MIN }
}

fn secret(number: u8) -> OfficerSecret {
    OfficerSecret::from_seed(&[number; 32])
}

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn id(name: &str) -> LedgerId {
    LedgerId(Digest::of(name.as_bytes()))
}

/// A ledger with officers 1 and 2 and a budget for `scans`.
fn allowed(epsilon: f64, composition: Composition) -> (Ledger<Memory>, Memory) {
    let memory = Memory::default();
    let mut ledger = memory.reopen();
    ledger.pin(NOW, id("a"), &[secret(1).public(), secret(2).public()]).expect("empty");
    decide(&mut ledger, budget(epsilon, composition), &[1, 2]).expect("two officers");
    (ledger, memory)
}

fn decide(ledger: &mut Ledger<Memory>, budget: Budget, signers: &[u8]) -> Result<(), DecisionError<Full>> {
    let proposal = ledger.propose(Decision::Budget { data_set: scans(), budget }).expect("opened");
    let signatures = signers.iter().map(|signer| secret(*signer).sign(&proposal)).collect();
    ledger.decide(NOW, proposal, signatures)
}

fn reserve(ledger: &mut Ledger<Memory>, number: u8, charges: &[Charge]) -> Result<ReservationId, DecisionError<Full>> {
    let (name, plan) = study(number);
    ledger.reserve(NOW, &scans(), &name, plan, charges)
}

fn refused<T: std::fmt::Debug>(result: Result<T, DecisionError<Full>>) -> Refused {
    match result {
        Err(DecisionError::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}
