//! `wardround budget show`: what the ledger says.

use super::officers::{failure, open};
use crate::exit::Failure;
use crate::output::Output;
use serde_json::{Value, json};
use std::fmt::Write;
use wardround_client::SiteConfig;
use wardround_plan::LedgerHead;
use wardround_privacy::{
    AccountStanding, Budget, Decided, Epsilon, OfficerKey, ReservationState, Standing, StudyStanding,
};

pub async fn show(config: &SiteConfig, output: Output) -> Result<(), Failure> {
    let ledger = open(config).await?;
    let officers = ledger.officers().await.map_err(failure)?;
    let mut standings = ledger.standings().await.map_err(failure)?;
    if standings.iter().all(|standing| standing.data_set != config.data.name) {
        standings.push(ledger.standing(config.data.name.clone()).await.map_err(failure)?);
    }
    let decisions = ledger.decisions().await.map_err(failure)?;
    let head = ledger.head().await.map_err(failure)?;
    let book = Book { officers, decisions, standings, head };
    output.show(&book.document(), || book.words());
    Ok(())
}

/// What is shown of a ledger.
struct Book {
    officers: Vec<OfficerKey>,
    decisions: Vec<Decided>,
    standings: Vec<Standing>,
    head: LedgerHead,
}

impl Book {
    fn document(&self) -> Value {
        let data_sets: Vec<Value> = self.standings.iter().map(data_set).collect();
        let decisions: Vec<Value> = self.decisions.iter().map(decision).collect();
        json!({
            "officers": self.officers, "decisions": decisions, "chain": "verified", "links": self.head.seq,
            "head": self.head.to_string(), "data_sets": data_sets,
        })
    }

    fn words(&self) -> String {
        let mut text = match &self.officers[..] {
            [] => "no officers are named yet: `wardround budget officers`\n".to_owned(),
            _ => format!("ledger of {} links, every link verified; head {}\n", self.head.seq, self.head),
        };
        for officer in &self.officers {
            let _ = writeln!(text, "officer {officer}");
        }
        for decided in &self.decisions {
            let _ =
                writeln!(text, "link {}: {} ({})", decided.seq, decided.decision, signatures(decided.officers.len()));
        }
        for standing in &self.standings {
            let _ = write!(text, "\n{}", section(standing));
        }
        text.trim_end().to_owned()
    }
}

fn signatures(count: usize) -> String {
    if count == 1 { "one signature".into() } else { format!("{count} signatures") }
}

fn decision(decided: &Decided) -> Value {
    json!({
        "link": decided.seq, "at_ms": decided.at.as_ms(), "decision": decided.decision.to_string(),
        "signed_by": decided.officers,
    })
}

fn data_set(standing: &Standing) -> Value {
    let account = standing.account.as_ref();
    let number = |of: fn(&AccountStanding) -> Epsilon| account.map(|account| of(account).get());
    json!({
        "data_set": standing.data_set,
        "allowed": account.map(|account| budget(&account.budget)),
        "reserved_epsilon": number(|account| account.reserved),
        "spent_epsilon_pld": number(|account| account.spent_pld),
        "spent_epsilon_rdp": account.and_then(|account| account.spent_rdp),
        "left_epsilon": number(|account| account.left),
        "frozen": account.is_some_and(|account| account.frozen),
        "written_off": standing.written_off.iter().map(budget).collect::<Vec<_>>(),
        "studies": standing.studies,
    })
}

/// Numbers as numbers; the ledger's own form keeps them as text.
fn budget(budget: &Budget) -> Value {
    json!({
        "epsilon": budget.epsilon, "delta": budget.delta,
        "composition": budget.composition, "adjacency": budget.adjacency,
    })
}

fn section(standing: &Standing) -> String {
    let mut text = format!("data set {}\n", standing.data_set);
    match &standing.account {
        Some(account) => text += &account_lines(account),
        None => text += "  allowed   nothing: no budget is approved\n",
    }
    for gone in &standing.written_off {
        let _ = writeln!(text, "  written off with a gap of the ledger, on top: {gone}");
    }
    if !standing.studies.is_empty() {
        let columns = ("study", "state", "declared", "spent", "rounds", "lost");
        let _ = writeln!(
            text,
            "  {:<24} {:<12} {:>9} {:>9} {:>7} {:>5}",
            columns.0, columns.1, columns.2, columns.3, columns.4, columns.5
        );
        standing.studies.iter().for_each(|study| text += &study_line(study));
    }
    text
}

fn account_lines(account: &AccountStanding) -> String {
    let budget = &account.budget;
    let frozen = if account.frozen { "  frozen    more is reserved than allowed: nothing is debited\n" } else { "" };
    format!(
        "  allowed   {budget} ({}, {:?})\n  reserved  {}\n  spent     {} (PLD), {} (RDP)\n  left      {}\n{frozen}",
        budget.composition,
        budget.adjacency,
        up(account.reserved),
        up(account.spent_pld),
        account.spent_rdp.map_or("no bound".into(), up),
        down(account.left),
    )
}

fn study_line(study: &StudyStanding) -> String {
    let state = match study.state {
        ReservationState::Open => "open",
        ReservationState::Settled => "over",
        ReservationState::WrittenOff => "written off",
    };
    let epsilon = |epsilon: Option<Epsilon>| epsilon.map_or("-".to_owned(), up);
    let (declared, spent) = (epsilon(study.declared), epsilon(study.spent));
    let name = study.study.as_str();
    format!("  {name:<24} {state:<12} {declared:>9} {spent:>9} {:>7} {:>5}\n", study.rounds, study.lost)
}

/// Three digits, never less than the number.
fn up(epsilon: Epsilon) -> String {
    format!("{:.3}", (epsilon.get() * 1000.0).ceil() / 1000.0)
}

/// Three digits, never more than the number.
fn down(epsilon: Epsilon) -> String {
    format!("{:.3}", (epsilon.get() * 1000.0).floor() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_against_the_study_and_for_the_patient() {
        let epsilon = |value| Epsilon::new(value).expect("in range");
        assert_eq!((up(epsilon(1.0001)), down(epsilon(1.9999))), ("1.001".into(), "1.999".into()));
        assert_eq!((up(epsilon(2.0)), down(epsilon(2.0))), ("2.000".into(), "2.000".into()));
    }
}
