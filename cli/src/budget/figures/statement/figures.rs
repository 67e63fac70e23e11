//! From evidence to the statement: every number is recomputed from the charges that the ledger holds.

use super::assumptions::assumptions;
use super::terms::{self, Unit};
use crate::budget::figures::reading::{Reading, curve};
use crate::exit::Failure;
use wardround_client::KeptStudy;
use wardround_plan::{DataSetName, LedgerHead, PatientPrivacy, Timestamp};
use wardround_privacy::{
    Adjacency, Charge, Decided, Delta, Epsilon, Mechanism, OfficerKey, Reservation, RoundAudit, Standing, StudyCost,
    epsilon_pld, epsilon_rdp,
};
use wardround_report::{
    Accounting, BudgetLine, ChargeLine, DecisionLine, LedgerState, Officers, PlainReading, PrivacyStatement, Promise,
    SecondOpinion,
};

/// What a statement is made from.
pub struct Evidence {
    /// The plan as the site accepted it, and how the study stands.
    pub kept: KeptStudy,
    /// Whose images count as one.
    pub unit: Unit,
    /// What this study set aside and paid, for this plan.
    pub reservations: Vec<Reservation>,
    /// Every data set of the site.
    pub standings: Vec<Standing>,
    /// The data set that the site trains on.
    pub data_set: DataSetName,
    /// Who decides about budgets.
    pub officers: Vec<OfficerKey>,
    /// All they have decided.
    pub decisions: Vec<Decided>,
    /// The last link of the ledger.
    pub head: LedgerHead,
    /// What an attack on a round of the study achieved, if one was made.
    pub audit: Option<RoundAudit>,
    /// When the statement is written.
    pub now: Timestamp,
}

/// The whole statement.
///
/// # Errors
/// A cost without a bound.
pub fn statement(evidence: &Evidence) -> Result<PrivacyStatement, Failure> {
    let plan = &evidence.kept.plan;
    let mut statement = without_promise(evidence);
    if let Some(site) = plan.privacy.patients() {
        promised(&mut statement, evidence, &site)?;
    }
    Ok(statement)
}

/// What is true of every study, with a promise or without.
fn without_promise(evidence: &Evidence) -> PrivacyStatement {
    let KeptStudy { site, plan, state } = &evidence.kept;
    PrivacyStatement {
        site: site.clone(),
        study: plan.study.name.to_string(),
        purpose: plan.study.purpose.clone(),
        plan_sha256: plan.digest().to_string(),
        state: state.clone(),
        written_ms: evidence.now.as_ms(),
        software: concat!("wardround ", env!("CARGO_PKG_VERSION")).into(),
        promise: Promise::NoGuarantee,
        reading: None,
        unit: terms::unit(plan, evidence.unit, Adjacency::default()),
        mechanism: None,
        accounting: None,
        charges: Vec::new(),
        budgets: evidence.standings.iter().flat_map(budgets).collect(),
        officers: officers(evidence),
        trust: terms::trust(plan),
        public_data: Vec::new(),
        audit: evidence.audit.as_ref().map(terms::audit),
        ledger: LedgerState {
            entries: evidence.head.seq,
            head_sha256: evidence.head.hash.to_string(),
            verified:
                "When this was written, every link, every officer’s signature and the anchor beside the site’s keys \
                       were verified."
                    .into(),
        },
        assumptions: Vec::new(),
    }
}

fn promised(statement: &mut PrivacyStatement, evidence: &Evidence, site: &PatientPrivacy) -> Result<(), Failure> {
    let plan = &evidence.kept.plan;
    let cost = StudyCost::of(plan).map_err(Failure::failed)?;
    let bill = Bill::of(evidence, &cost);
    let planned = bill.epsilon(&bill.declared)?;
    // A study that was reserved again after a write-off, or by another version, costs what its reservations cost together.
    let promised = if planned.epsilon > bill.budget { planned.epsilon } else { bill.budget };
    if promised > bill.budget {
        statement.state.push_str(
            "; the ledger holds more for it than its plan promises, and this statement says what the ledger holds",
        );
    }
    let composition = evidence.standings.iter().find(|standing| standing.data_set == evidence.data_set);
    let composition = composition.and_then(|standing| standing.account).map(|account| account.budget.composition);
    statement.promise = Promise::Patient { epsilon: promised.get(), delta: bill.delta.get() };
    statement.reading = Some(bill.reading(promised));
    statement.unit = terms::unit(plan, evidence.unit, bill.adjacency);
    statement.mechanism = Some(terms::training(plan, site, &cost, &bill.debited));
    statement.accounting = Some(bill.accounting(planned.epsilon, planned.grid)?);
    statement.charges = bill.lines()?;
    statement.budgets.insert(0, bill.budget_line(planned.epsilon)?);
    statement.assumptions = assumptions(site, evidence.unit, composition);
    Ok(())
}

/// What the study may charge and has charged.
struct Bill {
    budget: Epsilon,
    delta: Delta,
    adjacency: Adjacency,
    declared: Vec<Charge>,
    debited: Vec<Charge>,
}

impl Bill {
    /// From the ledger; of a study that has reserved nothing yet, what its plan says.
    fn of(evidence: &Evidence, cost: &StudyCost) -> Self {
        let (budget, delta) = cost.budget();
        let all = |charges: fn(&Reservation) -> &[Charge]| -> Vec<Charge> {
            evidence.reservations.iter().flat_map(|known| charges(known).iter().copied()).collect()
        };
        let declared = if evidence.reservations.is_empty() { cost.reservation() } else { all(Reservation::declared) };
        Self { budget, delta, adjacency: cost.adjacency(), declared, debited: all(Reservation::debited) }
    }

    fn epsilon(&self, charges: &[Charge]) -> Result<wardround_privacy::PldEpsilon, Failure> {
        epsilon_pld(charges, self.delta, self.adjacency).map_err(Failure::failed)
    }

    fn reading(&self, promised: Epsilon) -> PlainReading {
        let reading = Reading::of(promised, self.delta);
        let decade: Vec<Charge> = self
            .declared
            .iter()
            .map(|charge| Charge { times: charge.times.saturating_mul(TEN_YEARS), ..*charge })
            .collect();
        PlainReading {
            odds_factor: reading.odds_factor,
            attack_advantage: reading.attack_advantage,
            band: reading.band.into(),
            epsilon_ten_years: self.epsilon(&decade).ok().map(|ten| ten.epsilon.get()),
        }
    }

    fn accounting(&self, planned: Epsilon, grid: f64) -> Result<Accounting, Failure> {
        let second = match self.adjacency {
            Adjacency::AddOrRemoveOne => Some(epsilon_rdp(&self.declared, self.delta).map_err(Failure::failed)?),
            Adjacency::ReplaceOne => None,
        };
        Ok(Accounting {
            accountant: "privacy loss distributions by connecting the dots (Doroshenko et al. 2022), an upper bound"
                .into(),
            version: concat!("wardround-privacy ", env!("CARGO_PKG_VERSION")).into(),
            grid,
            epsilon_spent: self.epsilon(&self.debited)?.epsilon.get(),
            epsilon_planned: planned.get(),
            delta: self.delta.get(),
            curve: curve(&self.declared, self.adjacency)?,
            second_opinion: second.map(|second| SecondOpinion {
                epsilon: second.epsilon.get(),
                order: second.order,
                order_at_end: second.order_at_end,
            }),
        })
    }

    fn lines(&self) -> Result<Vec<ChargeLine>, Failure> {
        let line = |charge: &Charge| {
            let (what, mechanism) = in_words(charge.mechanism);
            let epsilon_alone = self.epsilon(std::slice::from_ref(charge))?.epsilon.get();
            Ok(ChargeLine { what: what.into(), mechanism, times: charge.times, epsilon_alone })
        };
        self.debited.iter().map(line).collect()
    }

    fn budget_line(&self, planned: Epsilon) -> Result<BudgetLine, Failure> {
        Ok(BudgetLine {
            scope: "this study, by its plan".into(),
            allowed_epsilon: Some(self.budget.get()),
            allowed_delta: Some(self.delta.get()),
            spent_epsilon: self.epsilon(&self.debited)?.epsilon.get(),
            reserved_epsilon: planned.get(),
        })
    }
}

/// What a mechanism was used for, and itself.
fn in_words(mechanism: Mechanism) -> (&'static str, String) {
    match mechanism {
        Mechanism::SampledGaussian { noise_multiplier, sampling_rate } => (
            "training steps, tuning included",
            format!("Gaussian, σ = {:.6}, each patient with probability {sampling_rate}", noise_multiplier.get()),
        ),
        Mechanism::Gaussian { noise_multiplier } => {
            ("training steps, tuning included", format!("Gaussian, σ = {:.6}", noise_multiplier.get()))
        }
        Mechanism::DiscreteLaplace { scale, sensitivity } => (
            "evaluation: histogram of validation scores",
            format!("discrete Laplace, scale {:.6}, sensitivity {sensitivity}", scale.get()),
        ),
        Mechanism::DiscreteGaussian { sigma, sensitivity } => {
            ("numbers", format!("discrete Gaussian, σ = {:.6}, sensitivity {sensitivity}", sigma.get()))
        }
        Mechanism::Laplace { scale } => ("numbers", format!("Laplace, scale {:.6}", scale.get())),
        Mechanism::SampledLaplace { scale, sampling_rate } => {
            ("numbers", format!("Laplace, scale {:.6}, each patient with probability {sampling_rate}", scale.get()))
        }
    }
}

/// The budget of a data set, and those that were written off with lost parts of the ledger.
fn budgets(standing: &Standing) -> Vec<BudgetLine> {
    let name = &standing.data_set;
    let current = standing.account.map(|account| BudgetLine {
        scope: format!("data set `{name}`: all studies, for all time{}", if account.frozen { " (frozen)" } else { "" }),
        allowed_epsilon: Some(account.budget.epsilon.get()),
        allowed_delta: Some(account.budget.delta.get()),
        spent_epsilon: account.spent_pld.get(),
        reserved_epsilon: account.reserved.get(),
    });
    let lost = standing.written_off.iter().map(|budget| BudgetLine {
        scope: format!("data set `{name}`: written off with a lost part of the ledger, on top"),
        allowed_epsilon: Some(budget.epsilon.get()),
        allowed_delta: Some(budget.delta.get()),
        spent_epsilon: budget.epsilon.get(),
        reserved_epsilon: budget.epsilon.get(),
    });
    current.into_iter().chain(lost).collect()
}

fn officers(evidence: &Evidence) -> Officers {
    Officers {
        named: evidence.officers.iter().map(|key| format!("Ed25519 key {key}")).collect(),
        signatures_to_raise: SIGNATURES_TO_RAISE,
        signatures_to_lower: SIGNATURES_TO_LOWER,
        decisions: evidence.decisions.iter().map(decision).collect(),
    }
}

fn decision(decided: &Decided) -> DecisionLine {
    DecisionLine {
        at_ms: decided.at.as_ms(),
        entry: decided.seq,
        what: decided.decision.to_string(),
        signed_by: decided.officers.iter().map(ToString::to_string).collect(),
    }
}

const TEN_YEARS: u64 = 10;
/// As the ledger has it.
const SIGNATURES_TO_RAISE: u32 = 2;
const SIGNATURES_TO_LOWER: u32 = 1;
