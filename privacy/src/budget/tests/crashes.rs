//! Random sequences of everything, with crashes between any two steps, judged by a replay that knows none of the book's code.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Reserve { number: u8, sigma: u8, times: u64 },
    Debit { nth: usize, sigma: u8, times: u64 },
    Settle { nth: usize },
    Decide { epsilon: u8, adaptive: bool, signers: Vec<u8> },
    Crash,
    Trouble(Trouble),
}

fn step() -> impl Strategy<Value = Step> {
    let trouble = prop_oneof![Just(Trouble::Before), Just(Trouble::After)];
    prop_oneof![
        3 => (0..4_u8, 1..3_u8, 1..6_u64).prop_map(|(number, sigma, times)| Step::Reserve { number, sigma, times }),
        6 => (0..6_usize, 1..3_u8, 1..4_u64).prop_map(|(nth, sigma, times)| Step::Debit { nth, sigma, times }),
        1 => (0..6_usize).prop_map(|nth| Step::Settle { nth }),
        2 => (0..12_u8, any::<bool>(), prop::collection::vec(1..4_u8, 0..3))
            .prop_map(|(epsilon, adaptive, signers)| Step::Decide { epsilon, adaptive, signers }),
        2 => Just(Step::Crash),
        1 => trouble.prop_map(Step::Trouble),
    ]
}

/// One reservation, by its links alone.
#[derive(Default)]
struct Tracked {
    declared: BTreeMap<String, u64>,
    debited: BTreeMap<String, u64>,
    settled: bool,
}

/// What the links say, added up without the book: charges by their text.
#[derive(Default)]
struct Oracle {
    budget: Option<Budget>,
    reservations: BTreeMap<String, Tracked>,
}

fn add(sum: &mut BTreeMap<String, u64>, charges: &[Charge]) {
    charges.iter().for_each(|charge| *sum.entry(format!("{:?}", charge.mechanism)).or_default() += charge.times);
}

impl Oracle {
    fn of(links: &[Link]) -> Self {
        let mut oracle = Self::default();
        for link in links {
            match link.entry() {
                Entry::Decided { proposal, .. } => match &proposal.decision {
                    Decision::Budget { budget, .. } => oracle.budget = Some(*budget),
                    Decision::WriteOff { .. } => unreachable!("no step writes off"),
                },
                Entry::Reserved { charges, .. } => {
                    let tracked = oracle.reservations.entry(link.head().seq.to_string()).or_default();
                    add(&mut tracked.declared, charges);
                }
                Entry::Debited { reservation, charges, .. } => {
                    add(&mut oracle.reservations.entry(reservation.to_string()).or_default().debited, charges);
                }
                Entry::Settled { reservation } => {
                    oracle.reservations.entry(reservation.to_string()).or_default().settled = true;
                }
                Entry::Opened { .. } | Entry::Released { .. } => {}
            }
        }
        oracle
    }

    /// ε of what counts, by hand.
    fn cost(&self) -> f64 {
        let adaptive = self.budget.is_some_and(|budget| budget.composition == Composition::Adaptive);
        let counts = |tracked: &Tracked| {
            let whole = !tracked.settled || (!adaptive && !tracked.debited.is_empty());
            let counted = if whole { &tracked.declared } else { &tracked.debited };
            let sigma = |name: &str| if name.contains("NoiseMultiplier(1.0)") { 1.0 } else { 2.0 };
            counted.iter().map(|(name, times)| *times as f64 / sigma(name)).sum::<f64>()
        };
        self.reservations.values().map(counts).sum::<f64>() * if adaptive { 1.25 } else { 1.0 }
    }

    fn fits(&self) -> bool {
        self.budget.is_some_and(|budget| self.cost() <= budget.epsilon.get() + 1e-9)
    }

    fn is_overdrawn(&self) -> bool {
        let over = |tracked: &Tracked| {
            tracked.debited.iter().any(|(name, times)| tracked.declared.get(name).copied().unwrap_or(0) < *times)
        };
        self.reservations.values().any(over)
    }
}

/// A site that crashes, with everything it has released.
struct Site {
    ledger: Ledger<Memory>,
    memory: Memory,
    released: Vec<Receipt>,
}

impl Site {
    fn new() -> Self {
        let (ledger, memory) = allowed(6.0, Composition::Declared);
        Self { ledger, memory, released: Vec::new() }
    }

    fn perform(&mut self, step: &Step) {
        let nth = |nth: &usize| self.ledger.reservations().nth(*nth).map(Reservation::id);
        match step {
            Step::Reserve { number, sigma, times } => {
                let charges = [charge(f64::from(*sigma), *times)];
                if reserve(&mut self.ledger, *number, &charges).is_ok() && !self.was_there_before() {
                    assert!(Oracle::of(&self.memory.links()).fits(), "a reservation beyond the budget");
                }
            }
            Step::Debit { nth: place, sigma, times } => {
                let Some(id) = nth(place) else { return };
                let charges = [charge(f64::from(*sigma), *times)];
                if let Ok(receipt) = self.ledger.debit(NOW, id, training(1), &charges) {
                    let last = self.memory.links().pop().expect("a receipt has its link");
                    assert_eq!(last.head(), receipt.link(), "a receipt before its link");
                    assert!(Oracle::of(&self.memory.links()).fits(), "a debit from a frozen data set");
                    self.released.push(receipt);
                }
            }
            Step::Settle { nth: place } => {
                let Some(id) = nth(place) else { return };
                drop(self.ledger.settle(NOW, id));
            }
            Step::Decide { epsilon, adaptive, signers } => {
                let composition = if *adaptive { Composition::Adaptive } else { Composition::Declared };
                drop(decide(&mut self.ledger, budget(f64::from(*epsilon), composition), signers));
            }
            Step::Crash => self.ledger = self.memory.reopen(),
            Step::Trouble(trouble) => drop(self.memory.trouble.replace(*trouble)),
        }
    }

    /// Asking for an open reservation again succeeds also while the data set is frozen, and appends nothing.
    fn was_there_before(&self) -> bool {
        !matches!(self.memory.links().last().map(|link| link.entry().clone()), Some(Entry::Reserved { .. }))
    }

    fn check(&self) {
        let links = self.memory.links();
        let (oracle, mut paid, mut released) = (Oracle::of(&links), BTreeMap::new(), BTreeMap::new());
        assert!(!oracle.is_overdrawn(), "a debit beyond its reservation");
        self.released.iter().for_each(|receipt| add(&mut released, receipt.charges()));
        let replayed = self.memory.reopen();
        replayed.reservations().for_each(|known| add(&mut paid, known.debited()));
        for (mechanism, times) in released {
            assert!(paid.get(&mechanism).copied().unwrap_or(0) >= times, "{mechanism}: more released than paid");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn replay_never_gives_less_than_was_released(steps in prop::collection::vec(step(), 1..60)) {
        let mut site = Site::new();
        for step in &steps {
            site.perform(step);
            site.check();
        }
    }
}
