//! The control stream: messages on the wire to messages of the round, and back.

use crate::v1;
use crate::{FieldError, digest, plan_digest, round, round_id, site, study};
use bytes::Bytes;
use std::collections::BTreeSet;
use wardround_plan::{Digest, LedgerHead, MetricName, Timestamp};
use wardround_round::{
    Closing, Ending, FromSite, Invitation, ModelRef, NoisedHistogram, Offer, Refusal, RefusalReason, ReportedScore,
    RoundId, Score, StudyOutcome, Summand, ToSite,
};

/// Most sites of one cohort.
const COHORT_MAX: usize = 10_000;
/// Most links of a privacy ledger.
const LEDGER_LINKS_MAX: u64 = 1 << 48;
/// Longest message of the secure aggregation: the keys or shares of ten thousand sites.
const SECAGG_BYTES_MAX: usize = 3 << 20;
/// Most scores of one report.
const SCORES_MAX: usize = 64;

impl From<FromSite> for v1::FromSite {
    fn from(message: FromSite) -> Self {
        use v1::from_site::Message;
        let message = match message {
            FromSite::StudyAnswer { study, plan, answer } => Message::StudyAnswer(v1::StudyAnswer {
                study: study.into(),
                plan_digest: bytes(&plan.0),
                answer: Some(match answer {
                    Ok(()) => v1::study_answer::Answer::Accepted(v1::StudyAccepted {}),
                    Err(refusal) => v1::study_answer::Answer::Refusal(refusal.into()),
                }),
            }),
            FromSite::RoundAnswer { id, answer } => Message::RoundAnswer(v1::RoundAnswer {
                scores: is_scores(&id),
                study: id.study.into(),
                round: id.round.get(),
                attempt: id.attempt.get(),
                answer: Some(match answer {
                    Ok(()) => v1::round_answer::Answer::Accepted(v1::RoundAccepted {}),
                    Err(refusal) => v1::round_answer::Answer::Refusal(refusal.into()),
                }),
            }),
            FromSite::Progress { id, steps_done, steps_total } => Message::Progress(v1::Progress {
                study: id.study.into(),
                round: id.round.get(),
                attempt: id.attempt.get(),
                steps_done,
                steps_total,
            }),
            FromSite::Scores { study, round, scores } => Message::Scores(v1::Scores {
                study: study.into(),
                round: round.get(),
                scores: scores.into_iter().map(v1::Score::from).collect(),
            }),
            FromSite::Ledger(head) => Message::LedgerHead(ledger_head(head)),
            FromSite::Ready(id) => {
                let scores = is_scores(&id);
                let (round, attempt) = (id.round.get(), id.attempt.get());
                Message::Ready(v1::Ready { study: id.study.into(), round, attempt, scores })
            }
            FromSite::Secagg(id, message) => Message::Secagg(secagg(id, message)),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<v1::FromSite> for FromSite {
    type Error = FieldError;

    /// A `Hello` is no message of a round; it is answered before.
    fn try_from(message: v1::FromSite) -> Result<Self, FieldError> {
        use v1::from_site::Message;
        match message.message.ok_or_else(|| FieldError::new("message", "is missing"))? {
            Message::Hello(_) => Err(FieldError::new("message", "a hello comes once, first")),
            Message::StudyAnswer(answer) => Ok(Self::StudyAnswer {
                study: study("study", &answer.study)?,
                plan: plan_digest("plan_digest", &answer.plan_digest)?,
                answer: match answer.answer.ok_or_else(|| FieldError::new("answer", "is missing"))? {
                    v1::study_answer::Answer::Accepted(_) => Ok(()),
                    v1::study_answer::Answer::Refusal(refusal) => Err(refusal.try_into()?),
                },
            }),
            Message::RoundAnswer(answer) => Ok(Self::RoundAnswer {
                id: round_id(&answer.study, answer.round, answer.attempt, answer.scores)?,
                answer: match answer.answer.ok_or_else(|| FieldError::new("answer", "is missing"))? {
                    v1::round_answer::Answer::Accepted(_) => Ok(()),
                    v1::round_answer::Answer::Refusal(refusal) => Err(refusal.try_into()?),
                },
            }),
            Message::Progress(progress) => Ok(Self::Progress {
                id: round_id(&progress.study, progress.round, progress.attempt, false)?,
                steps_done: progress.steps_done,
                steps_total: progress.steps_total,
            }),
            Message::LedgerHead(head) => Ok(Self::Ledger(head.try_into()?)),
            Message::Ready(ready) => Ok(Self::Ready(round_id(&ready.study, ready.round, ready.attempt, ready.scores)?)),
            Message::Secagg(carried) => opened(carried).map(|(id, message)| Self::Secagg(id, message)),
            Message::Scores(report) => Ok(Self::Scores {
                study: study("study", &report.study)?,
                round: round("round", report.round)?,
                scores: bounded("scores", report.scores, SCORES_MAX)?
                    .into_iter()
                    .map(ReportedScore::try_from)
                    .collect::<Result<_, _>>()?,
            }),
        }
    }
}

impl From<ToSite> for v1::ToSite {
    fn from(message: ToSite) -> Self {
        use v1::to_site::Message;
        let message = match message {
            ToSite::Offer(offer) => Message::StudyOffer(v1::StudyOffer {
                study: offer.study.into(),
                plan: offer.plan.into(),
                plan_digest: bytes(&offer.plan_digest.0),
                layout_digest: bytes(&offer.layout),
            }),
            ToSite::Invitation(invitation) => Message::RoundInvitation(v1::RoundInvitation {
                scores: is_scores(&invitation.id),
                study: invitation.id.study.into(),
                round: invitation.id.round.get(),
                attempt: invitation.id.attempt.get(),
                cohort: invitation.cohort.into_iter().map(String::from).collect(),
                model_digest: bytes(&invitation.model.digest),
                model_bytes: invitation.model.bytes,
                closes_at_ms: invitation.closes_at.as_ms(),
            }),
            ToSite::Closed(closing) => Message::RoundClosed(v1::RoundClosed {
                scores: is_scores(&closing.id),
                study: closing.id.study.into(),
                round: closing.id.round.get(),
                attempt: closing.id.attempt.get(),
                outcome: match closing.model {
                    Some(_) => v1::RoundOutcome::Committed,
                    None => v1::RoundOutcome::Abandoned,
                }
                .into(),
                model_digest: closing.model.map(|model| bytes(&model.digest)).unwrap_or_default(),
                model_bytes: closing.model.map(|model| model.bytes).unwrap_or_default(),
            }),
            ToSite::Ended(ending) => Message::StudyEnded(ended(ending)),
            ToSite::Witness(head) => Message::LedgerWitness(ledger_head(head)),
            ToSite::Secagg(id, message) => Message::Secagg(secagg(id, message)),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<v1::ToSite> for ToSite {
    type Error = FieldError;

    fn try_from(message: v1::ToSite) -> Result<Self, FieldError> {
        use v1::to_site::Message;
        match message.message.ok_or_else(|| FieldError::new("message", "is missing"))? {
            Message::StudyOffer(offer) => Ok(Self::Offer(Offer {
                study: study("study", &offer.study)?,
                plan: offer.plan.to_vec(),
                plan_digest: plan_digest("plan_digest", &offer.plan_digest)?,
                layout: digest("layout_digest", &offer.layout_digest)?,
            })),
            Message::RoundInvitation(invitation) => Ok(Self::Invitation(Invitation {
                id: round_id(&invitation.study, invitation.round, invitation.attempt, invitation.scores)?,
                cohort: bounded("cohort", invitation.cohort, COHORT_MAX)?
                    .iter()
                    .map(|name| site("cohort", name))
                    .collect::<Result<BTreeSet<_>, _>>()?,
                model: model(&invitation.model_digest, invitation.model_bytes)?,
                closes_at: Timestamp::from_ms(invitation.closes_at_ms),
            })),
            Message::RoundClosed(closed) => Ok(Self::Closed(Closing {
                id: round_id(&closed.study, closed.round, closed.attempt, closed.scores)?,
                model: match v1::RoundOutcome::try_from(closed.outcome) {
                    Ok(v1::RoundOutcome::Committed) => Some(model(&closed.model_digest, closed.model_bytes)?),
                    Ok(v1::RoundOutcome::Abandoned) => None,
                    _ => return Err(FieldError::new("outcome", "is unknown")),
                },
            })),
            Message::LedgerWitness(head) => Ok(Self::Witness(head.try_into()?)),
            Message::Secagg(carried) => opened(carried).map(|(id, message)| Self::Secagg(id, message)),
            Message::StudyEnded(ended) => Ok(Self::Ended(Ending {
                study: study("study", &ended.study)?,
                outcome: match v1::StudyOutcome::try_from(ended.outcome) {
                    Ok(v1::StudyOutcome::Finished) => StudyOutcome::Finished,
                    Ok(v1::StudyOutcome::Stopped) => StudyOutcome::Stopped,
                    Ok(v1::StudyOutcome::Failed) => StudyOutcome::Failed(ended.text),
                    _ => return Err(FieldError::new("outcome", "is unknown")),
                },
                round: wardround_plan::RoundNumber::new(ended.round),
                model: model(&ended.model_digest, ended.model_bytes)?,
            })),
        }
    }
}

fn ended(ending: Ending) -> v1::StudyEnded {
    let (outcome, text) = match ending.outcome {
        StudyOutcome::Finished => (v1::StudyOutcome::Finished, String::new()),
        StudyOutcome::Stopped => (v1::StudyOutcome::Stopped, String::new()),
        StudyOutcome::Failed(reason) => (v1::StudyOutcome::Failed, reason),
    };
    v1::StudyEnded {
        study: ending.study.into(),
        outcome: outcome.into(),
        text,
        model_digest: bytes(&ending.model.digest),
        model_bytes: ending.model.bytes,
        round: ending.round.map(|round| round.get()).unwrap_or_default(),
    }
}

fn secagg(id: RoundId, message: Vec<u8>) -> v1::Secagg {
    let scores = is_scores(&id);
    let (round, attempt) = (id.round.get(), id.attempt.get());
    v1::Secagg { study: id.study.into(), round, attempt, message: message.into(), scores }
}

fn opened(carried: v1::Secagg) -> Result<(RoundId, Vec<u8>), FieldError> {
    if carried.message.len() > SECAGG_BYTES_MAX {
        return Err(FieldError::new("message", "is longer than 3 MiB"));
    }
    Ok((round_id(&carried.study, carried.round, carried.attempt, carried.scores)?, carried.message.to_vec()))
}

fn ledger_head(head: LedgerHead) -> v1::LedgerHead {
    v1::LedgerHead { seq: head.seq, hash: bytes(&head.hash) }
}

impl TryFrom<v1::LedgerHead> for LedgerHead {
    type Error = FieldError;

    fn try_from(head: v1::LedgerHead) -> Result<Self, FieldError> {
        if !(1..=LEDGER_LINKS_MAX).contains(&head.seq) {
            return Err(FieldError::new("seq", format!("{}, expected 1 to {LEDGER_LINKS_MAX}", head.seq)));
        }
        Ok(Self { seq: head.seq, hash: digest("hash", &head.hash)? })
    }
}

impl From<Refusal> for v1::Refusal {
    fn from(refusal: Refusal) -> Self {
        use v1::RefusalReason as Wire;
        let reason = match refusal.reason() {
            RefusalReason::PlanNotAllowed => Wire::PolicyPlanNotAllowed,
            RefusalReason::PurposeNotAllowed => Wire::PolicyPurpose,
            RefusalReason::PrivacyRequired => Wire::PolicyNoPrivacy,
            RefusalReason::CohortTooSmall => Wire::PolicyCohortTooSmall,
            RefusalReason::PlanUnreadable => Wire::PlanUnreadable,
            RefusalReason::PlanDigestMismatch => Wire::PlanDigestMismatch,
            RefusalReason::ModelUnknown => Wire::ModelUnknown,
            RefusalReason::DataUnusable => Wire::DataUnusable,
            RefusalReason::TrainingFailed => Wire::TrainingFailed,
            RefusalReason::BudgetExceeded => Wire::BudgetExceeded,
            RefusalReason::LedgerUnusable => Wire::LedgerUnusable,
            RefusalReason::Internal => Wire::Internal,
        };
        Self { reason: reason.into(), text: refusal.text().to_owned() }
    }
}

impl TryFrom<v1::Refusal> for Refusal {
    type Error = FieldError;

    fn try_from(refusal: v1::Refusal) -> Result<Self, FieldError> {
        use v1::RefusalReason as Wire;
        let reason = match Wire::try_from(refusal.reason) {
            Ok(Wire::PolicyPlanNotAllowed) => RefusalReason::PlanNotAllowed,
            Ok(Wire::PolicyPurpose) => RefusalReason::PurposeNotAllowed,
            Ok(Wire::PolicyNoPrivacy) => RefusalReason::PrivacyRequired,
            Ok(Wire::PolicyCohortTooSmall) => RefusalReason::CohortTooSmall,
            Ok(Wire::PlanUnreadable) => RefusalReason::PlanUnreadable,
            Ok(Wire::PlanDigestMismatch) => RefusalReason::PlanDigestMismatch,
            Ok(Wire::ModelUnknown) => RefusalReason::ModelUnknown,
            Ok(Wire::DataUnusable) => RefusalReason::DataUnusable,
            Ok(Wire::TrainingFailed) => RefusalReason::TrainingFailed,
            Ok(Wire::BudgetExceeded) => RefusalReason::BudgetExceeded,
            Ok(Wire::LedgerUnusable) => RefusalReason::LedgerUnusable,
            Ok(Wire::Internal) => RefusalReason::Internal,
            Ok(Wire::Unspecified) | Err(_) => return Err(FieldError::new("reason", "is unknown")),
        };
        // Control characters of a peer must not reach a terminal.
        let text: String = refusal.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Ok(Self::new(reason, text))
    }
}

impl From<ReportedScore> for v1::Score {
    fn from(score: ReportedScore) -> Self {
        let metric = score.metric().as_str().into();
        match score {
            ReportedScore::Exact(Score { mean, patients, .. }) => Self { metric, mean, patients, noised: None },
            ReportedScore::Noised { histogram, .. } => {
                let noised = v1::NoisedHistogram { counts: histogram.counts().to_vec(), scale: histogram.scale() };
                Self { metric, mean: 0.0, patients: 0, noised: Some(noised) }
            }
        }
    }
}

impl TryFrom<v1::Score> for ReportedScore {
    type Error = FieldError;

    fn try_from(score: v1::Score) -> Result<Self, FieldError> {
        let known = MetricName::ALL.into_iter().find(|metric| metric.as_str() == score.metric);
        let metric = known.ok_or_else(|| FieldError::new("metric", "is unknown"))?;
        if let Some(noised) = score.noised {
            let histogram = NoisedHistogram::new(noised.counts, noised.scale);
            let histogram = histogram.map_err(|_| FieldError::new("noised", "is no histogram"))?;
            return Ok(Self::Noised { metric, histogram });
        }
        if !score.mean.is_finite() {
            return Err(FieldError::new("mean", "is not a finite number"));
        }
        Ok(Self::Exact(Score { metric, mean: score.mean, patients: score.patients }))
    }
}

fn is_scores(id: &RoundId) -> bool {
    id.summand == Summand::Scores
}

fn model(bytes: &[u8], size: u64) -> Result<ModelRef, FieldError> {
    Ok(ModelRef { digest: digest("model_digest", bytes)?, bytes: size })
}

fn bytes(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

fn bounded<T>(field: &'static str, items: Vec<T>, most: usize) -> Result<Vec<T>, FieldError> {
    if items.len() > most {
        return Err(FieldError::new(field, format!("{} items, at most {most}", items.len())));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message;
    use wardround_plan::{PlanDigest, RoundNumber, SiteId, StudyId};
    use wardround_round::Attempt;

    fn id() -> RoundId {
        let study = StudyId::new("s").expect("a name");
        RoundId { study, round: RoundNumber::FIRST, attempt: Attempt::FIRST, summand: Summand::Update }
    }

    fn model_ref() -> ModelRef {
        ModelRef { digest: Digest::of(b"model"), bytes: 40 }
    }

    fn head() -> LedgerHead {
        LedgerHead { seq: LEDGER_LINKS_MAX, hash: Digest::of(b"link") }
    }

    #[test]
    fn a_ledger_of_no_or_too_many_links_is_refused() {
        for seq in [0, LEDGER_LINKS_MAX + 1, u64::MAX] {
            assert!(LedgerHead::try_from(v1::LedgerHead { seq, ..ledger_head(head()) }).is_err(), "{seq}");
        }
    }

    #[test]
    fn every_message_of_a_site_comes_back() {
        let refusal = || Refusal::new(RefusalReason::TrainingFailed, "loss is NaN");
        let (study, plan) = (id().study, PlanDigest(Digest::of(b"plan")));
        let metric = MetricName::DiceForeground;
        let exact = ReportedScore::Exact(Score { metric, mean: 0.75, patients: 3 });
        let histogram = NoisedHistogram::new(vec![-1, 0, 0, 0, 0, 0, 0, 1, 9, 2], 1.5).expect("ten counts");
        let noised = ReportedScore::Noised { metric, histogram };
        for message in [
            FromSite::StudyAnswer { study: study.clone(), plan, answer: Ok(()) },
            FromSite::StudyAnswer { study: study.clone(), plan, answer: Err(refusal()) },
            FromSite::RoundAnswer { id: id(), answer: Ok(()) },
            FromSite::RoundAnswer { id: id(), answer: Err(refusal()) },
            FromSite::Progress { id: id(), steps_done: 1, steps_total: 2 },
            FromSite::Scores { study, round: RoundNumber::FIRST, scores: vec![exact, noised] },
            FromSite::Ledger(head()),
        ] {
            assert_eq!(FromSite::try_from(v1::FromSite::from(message.clone())), Ok(message));
        }
    }

    #[test]
    fn every_message_to_a_site_comes_back() {
        let study = id().study;
        let cohort = BTreeSet::from([SiteId::new("a").expect("a name")]);
        let ending = |outcome, round| Ending { study: study.clone(), outcome, round, model: model_ref() };
        let digest = Digest::of(b"");
        for message in [
            ToSite::Offer(Offer {
                study: study.clone(),
                plan: vec![1],
                plan_digest: PlanDigest(digest),
                layout: digest,
            }),
            ToSite::Invitation(Invitation { id: id(), cohort, model: model_ref(), closes_at: Timestamp::from_ms(9) }),
            ToSite::Closed(Closing { id: id(), model: Some(model_ref()) }),
            ToSite::Closed(Closing { id: id(), model: None }),
            ToSite::Ended(ending(StudyOutcome::Finished, Some(RoundNumber::FIRST))),
            ToSite::Ended(ending(StudyOutcome::Failed("why".into()), None)),
            ToSite::Witness(head()),
        ] {
            assert_eq!(ToSite::try_from(v1::ToSite::from(message.clone())), Ok(message));
        }
    }

    #[test]
    fn nan_scores_and_unknown_metrics_are_refused() {
        let score = |metric: &str, mean| v1::Score { metric: metric.into(), mean, patients: 1, noised: None };
        assert!(ReportedScore::try_from(score("dice.foreground", f64::NAN)).is_err());
        assert!(ReportedScore::try_from(score("dice", 0.5)).is_err());
        let noised = Some(v1::NoisedHistogram { counts: vec![1; 1000], scale: 1.0 });
        assert!(ReportedScore::try_from(v1::Score { noised, ..score("dice.foreground", 0.5) }).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_only_err(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(message) = v1::FromSite::decode(&bytes[..]) {
                let _ = FromSite::try_from(message);
            }
            if let Ok(message) = v1::ToSite::decode(&bytes[..]) {
                let _ = ToSite::try_from(message);
            }
        }
    }
}
