//! Decisions of officers: proposed, signed, and made true.

use super::key;
use super::officers::{ApproveArguments, LowerArguments, Signing, WriteOffArguments, failure, load, open};
use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use wardround_client::SiteLedger;
use wardround_identity::files::{Readers, create, read};
use wardround_privacy::{Budget, Decision, OfficerSignature, Proposal};

/// More than any proposal.
const PROPOSAL_BYTES_MAX: u64 = 64 * 1024;

/// A proposal with the signatures it has so far, as officers hand it to each other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    proposal: Proposal,
    signatures: Vec<OfficerSignature>,
}

/// `wardround budget approve`
pub async fn approve(arguments: ApproveArguments, output: Output) -> Result<(), Failure> {
    let config = load(&arguments.config)?;
    let ledger = open(&config).await?;
    let decision = match (arguments.epsilon, arguments.delta) {
        (Some(epsilon), Some(delta)) => {
            let (composition, adjacency) = (arguments.composition.into(), arguments.adjacency.into());
            let data_set = arguments.data_set.unwrap_or(config.data.name);
            Some(Decision::Budget { data_set, budget: Budget { epsilon, delta, composition, adjacency } })
        }
        _ => None,
    };
    sign_and_decide(&ledger, decision, &arguments.signing, output).await
}

/// `wardround budget lower`
pub async fn lower(arguments: LowerArguments, output: Output) -> Result<(), Failure> {
    let config = load(&arguments.config)?;
    let ledger = open(&config).await?;
    let data_set = arguments.data_set.unwrap_or(config.data.name);
    let now = ledger.standing(data_set.clone()).await.map_err(failure)?.account.map(|account| account.budget);
    let Some(now) = now else {
        return Err(Failure::refused(format!(
            "no budget is approved for data set `{data_set}`: there is nothing to lower"
        )));
    };
    let budget = Budget { epsilon: arguments.epsilon, delta: arguments.delta.unwrap_or(now.delta), ..now };
    if !budget.is_within(&now) {
        let words =
            format!("{budget} is not lower than {now}: raise it with `wardround budget approve`, which two sign");
        return Err(Failure::refused(words));
    }
    let signing = Signing { proposal: None, keys: vec![arguments.key], out: None };
    sign_and_decide(&ledger, Some(Decision::Budget { data_set, budget }), &signing, output).await
}

/// `wardround budget write-off`
pub async fn write_off(arguments: WriteOffArguments, output: Output) -> Result<(), Failure> {
    let config = load(&arguments.config)?;
    let opened = SiteLedger::open_with_gap(&config.state, &config.credentials).await;
    let (ledger, lost) = opened.map_err(failure)?;
    let furthest = match (arguments.gap, lost) {
        (Some(gap), Some(lost)) if gap.seq < lost.seq => {
            let words = format!("the anchor of this site names a later link, {lost}: the gap goes up to there");
            return Err(Failure::input(words));
        }
        (gap, lost) => gap.or(lost),
    };
    if furthest.is_none() && arguments.signing.proposal.is_none() {
        let words = "this ledger contains its anchor; name the gap's end as the site's refusal says it, with --gap";
        return Err(Failure::input(words));
    }
    let decision = furthest.filter(|_| arguments.signing.proposal.is_none()).map(|gap| Decision::WriteOff { gap });
    sign_and_decide(&ledger, decision, &arguments.signing, output).await
}

/// Adds the signatures of the keys given; with enough of them, and no file to write to, the decision is made.
async fn sign_and_decide(
    ledger: &SiteLedger,
    decision: Option<Decision>,
    signing: &Signing,
    output: Output,
) -> Result<(), Failure> {
    let mut signed = match (decision, &signing.proposal) {
        (Some(decision), _) => {
            let (proposal, _) = ledger.propose(decision).await.map_err(failure)?;
            Signed { proposal, signatures: Vec::new() }
        }
        (None, Some(path)) => read_proposal(path)?,
        (None, None) => return Err(Failure::input("name what is to be decided, or a proposal")),
    };
    for path in &signing.keys {
        let signature = key::load(path)?.sign(&signed.proposal);
        signed.signatures.push(signature);
    }
    match &signing.out {
        Some(path) => hand_on(&signed, path, output),
        None => make_true(ledger, signed, output).await,
    }
}

fn hand_on(signed: &Signed, path: &Path, output: Output) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(signed).map_err(Failure::failed)?;
    create(path, text.as_bytes(), Readers::Everyone).map_err(Failure::failed)?;
    let count = signed.signatures.len();
    output.show(&json!({ "proposal": path, "signatures": count, "decided": false }), || {
        let what = in_words(&signed.proposal.decision);
        format!("{what}\n{count} signed; nothing is changed yet. The next officer signs {}", path.display())
    });
    Ok(())
}

async fn make_true(ledger: &SiteLedger, signed: Signed, output: Output) -> Result<(), Failure> {
    let Signed { proposal, signatures } = signed;
    let decision = proposal.decision.clone();
    ledger.decide(clock(), proposal, signatures).await.map_err(failure)?;
    let head = ledger.head().await.map_err(failure)?;
    output.show(&json!({ "decision": decision, "decided": true, "head": head.to_string() }), || {
        format!("decided: {}\nledger {}", in_words(&decision), head.short())
    });
    Ok(())
}

fn read_proposal(path: &Path) -> Result<Signed, Failure> {
    let content = read(path, PROPOSAL_BYTES_MAX).map_err(Failure::input)?;
    let no_proposal = |error| Failure::input(format!("`{}` is no proposal: {error}", path.display()));
    serde_json::from_slice(&content).map_err(no_proposal)
}

fn in_words(decision: &Decision) -> String {
    match decision {
        Decision::Budget { data_set, budget } => {
            format!("data set `{data_set}` may cost a patient {budget} in all ({})", budget.composition)
        }
        Decision::WriteOff { gap } => {
            format!("links up to {} are lost: every budget counts as used up, every study is over", gap.short())
        }
    }
}
