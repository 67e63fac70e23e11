//! From events to what a study lead reads: one line a round. Every number comes from a recorded event.

use std::collections::BTreeMap;
use wardround_plan::SiteId;
use wardround_proto::v1;
use wardround_round::coordinator::{Event, Recorded};
use wardround_round::{ReportedScore, Summand};

/// Committed rounds in order, with the latest scores that each site reported for each.
pub fn rounds(events: &[Recorded]) -> Vec<v1::RoundSummary> {
    let mut rounds: Vec<v1::RoundSummary> = Vec::new();
    let mut open = v1::RoundSummary::default();
    let mut scores: BTreeMap<(u32, SiteId), Vec<ReportedScore>> = BTreeMap::new();
    let mut summed: BTreeMap<u32, v1::SummedScores> = BTreeMap::new();
    for Recorded { at, event } in events {
        match event {
            Event::RoundOpened { id, .. } if id.summand == Summand::Update => {
                open = v1::RoundSummary { round: id.round.get(), started_ms: at.as_ms(), ..Default::default() };
            }
            // Of scores too; the next round begins anew.
            Event::UpdateCounted { site, .. } | Event::MaskedCounted { site, .. } => {
                open.included.push(site.to_string())
            }
            Event::RoundCommitted { model } => {
                open.committed_ms = at.as_ms();
                open.included.sort();
                open.model_digest = model.digest.as_bytes().to_vec().into();
                rounds.push(std::mem::take(&mut open));
            }
            Event::ScoresReported { site, round, scores: reported } => {
                scores.insert((round.get(), site.clone()), reported.clone());
            }
            Event::ScoresSummed { round, sites, scores } => {
                let scores = scores.iter().cloned().map(v1::Score::from).collect();
                summed.insert(round.get(), v1::SummedScores { sites: *sites, scores, missing: String::new() });
            }
            Event::ScoresMissed { round, reason } => {
                summed.insert(round.get(), v1::SummedScores { missing: reason.clone(), ..Default::default() });
            }
            _ => {}
        }
    }
    rounds.iter_mut().for_each(|round| round.summed = summed.remove(&round.round));
    for ((number, site), reported) in scores {
        if let Some(round) = rounds.iter_mut().find(|round| round.round == number) {
            let scores = reported.into_iter().map(v1::Score::from).collect();
            round.scores.push(v1::SiteScore { site: site.to_string(), scores });
        }
    }
    rounds
}
