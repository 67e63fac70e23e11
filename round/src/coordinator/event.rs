//! What happened, as it is stored: the study is the sum of its events.

use super::Rejection;
use crate::{Attempt, ModelRef, Refusal, ReportedScore, RoundId, StudyOutcome, Summand, UpdateRef};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{Digest, RoundNumber, SiteId, StudyId, Timestamp};
use wardround_secagg::server::ServerEvent;
use wardround_secagg::wire::{Decode, Encode};

/// One thing that happened, with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A cohort was invited.
    RoundOpened {
        /// The round.
        id: RoundId,
        /// The sites invited.
        cohort: BTreeSet<SiteId>,
        /// The model they start from.
        model: ModelRef,
        /// When the round closes.
        closes_at: Timestamp,
    },
    /// After a restart of the coordinator the round stays open longer, so that sites can come back.
    RoundExtended {
        /// When the round closes now.
        closes_at: Timestamp,
    },
    /// An update is in the running sum.
    UpdateCounted {
        /// Whose.
        site: SiteId,
        /// Which.
        update: UpdateRef,
        /// The running sum with it.
        sum: Digest,
    },
    /// A session of the secure aggregation went on.
    Secagg {
        /// What its machine has to remember, in order.
        entries: Vec<Sealed>,
    },
    /// A masked update is in the running sum.
    MaskedCounted {
        /// Whose.
        site: SiteId,
        /// Which.
        update: UpdateRef,
        /// The running sum with it.
        sum: Digest,
        /// What the session's machine has to remember of it: in one event with the sum, so that no crash parts them.
        entries: Vec<Sealed>,
    },
    /// An update was refused; the site is out of this round.
    UpdateRejected {
        /// Whose.
        site: SiteId,
        /// Why.
        rejection: Rejection,
    },
    /// A site left the round with a reason.
    RoundRefused {
        /// Who.
        site: SiteId,
        /// Why.
        refusal: Refusal,
    },
    /// The round made a model.
    RoundCommitted {
        /// The model.
        model: ModelRef,
    },
    /// The round ended without a model.
    RoundAbandoned {
        /// Why, in words.
        reason: String,
    },
    /// A site reported validation scores.
    ScoresReported {
        /// Who.
        site: SiteId,
        /// Of which round's model.
        round: RoundNumber,
        /// The scores.
        scores: Vec<ReportedScore>,
    },
    /// A masked sum of scores was read: nothing is known of any one site.
    ScoresSummed {
        /// Of which round's model.
        round: RoundNumber,
        /// How many sites are in the sum.
        sites: u32,
        /// One score a metric, over the patients of all of them.
        scores: Vec<ReportedScore>,
    },
    /// There is no sum of scores; the study goes on without.
    ScoresMissed {
        /// Of which round's model.
        round: RoundNumber,
        /// Why, in words.
        reason: String,
    },
    /// The study is over.
    StudyEnded {
        /// How.
        outcome: StudyOutcome,
    },
}

/// What the machine of a session has to remember, in its own encoding, as hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    pub(super) fn of(event: &ServerEvent) -> Self {
        Self(hex::encode(event.to_bytes()))
    }

    pub(super) fn open(&self) -> Option<ServerEvent> {
        ServerEvent::from_bytes(&hex::decode(&self.0).ok()?).ok()
    }
}

/// Where a study stands: what its events add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub(super) study: StudyId,
    pub(super) round: RoundNumber,
    pub(super) attempt: Attempt,
    pub(super) model: ModelRef,
    pub(super) open: Option<Open>,
    /// The last round whose scores were summed, or given up.
    pub(super) scored: Option<RoundNumber>,
    /// Why the last attempt at this round was abandoned.
    pub(super) abandoned: Option<String>,
    pub(super) outcome: Option<StudyOutcome>,
}

/// A round that is open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    pub(super) id: RoundId,
    pub(super) cohort: BTreeSet<SiteId>,
    pub(super) closes_at: Timestamp,
    pub(super) counted: BTreeMap<SiteId, UpdateRef>,
    pub(super) out: BTreeMap<SiteId, String>,
    pub(super) sum: Option<Digest>,
    /// The session, while one is open.
    pub(super) session: Vec<Sealed>,
}

impl Progress {
    pub(super) fn new(study: StudyId, model: ModelRef) -> Self {
        Self {
            study,
            round: RoundNumber::FIRST,
            attempt: Attempt::FIRST,
            model,
            open: None,
            scored: None,
            abandoned: None,
            outcome: None,
        }
    }

    /// The open round, or the next to make a model.
    pub(super) fn id(&self) -> RoundId {
        match &self.open {
            Some(open) => open.id.clone(),
            None => self.id_of(Summand::Update, self.round, self.attempt),
        }
    }

    pub(super) fn id_of(&self, summand: Summand, round: RoundNumber, attempt: Attempt) -> RoundId {
        RoundId { study: self.study.clone(), round, attempt, summand }
    }

    /// The round that made the last model.
    pub(super) fn committed(&self) -> Option<RoundNumber> {
        RoundNumber::new(self.round.get() - 1)
    }

    /// Takes an event in. The same function serves the live machine and the replay after a restart.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::RoundOpened { id, cohort, closes_at, .. } => {
                if id.summand == Summand::Update {
                    (self.round, self.attempt) = (id.round, id.attempt);
                }
                self.open = Some(Open::new(id.clone(), cohort.clone(), *closes_at));
            }
            Event::RoundExtended { closes_at } => self.with_open(|open| open.closes_at = *closes_at),
            Event::UpdateCounted { site, update, sum } => self.with_open(|open| {
                open.counted.insert(site.clone(), *update);
                open.sum = Some(*sum);
            }),
            Event::Secagg { entries } => self.with_open(|open| open.session.extend_from_slice(entries)),
            Event::MaskedCounted { site, update, sum, entries } => self.with_open(|open| {
                open.counted.insert(site.clone(), *update);
                open.sum = Some(*sum);
                open.session.extend_from_slice(entries);
            }),
            Event::UpdateRejected { site, rejection } => self.with_open(|open| open.leave(site, rejection.to_string())),
            Event::RoundRefused { site, refusal } => self.with_open(|open| open.leave(site, refusal.to_string())),
            Event::RoundCommitted { model } => {
                self.model = *model;
                self.open = None;
                self.abandoned = None;
                self.round = self.round.next();
                self.attempt = Attempt::FIRST;
            }
            Event::RoundAbandoned { reason } => {
                self.open = None;
                self.abandoned = Some(reason.clone());
                self.attempt = self.attempt.next();
            }
            Event::ScoresReported { .. } => {}
            Event::ScoresSummed { round, .. } | Event::ScoresMissed { round, .. } => {
                self.open = None;
                self.scored = Some(*round);
            }
            Event::StudyEnded { outcome } => {
                self.open = None;
                self.outcome = Some(outcome.clone());
            }
        }
    }

    fn with_open(&mut self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = &mut self.open {
            change(open);
        }
    }
}

impl Open {
    fn new(id: RoundId, cohort: BTreeSet<SiteId>, closes_at: Timestamp) -> Self {
        Self { id, cohort, closes_at, counted: BTreeMap::new(), out: BTreeMap::new(), sum: None, session: Vec::new() }
    }

    fn leave(&mut self, site: &SiteId, why: String) {
        self.out.insert(site.clone(), why);
    }

    /// Sites whose update may still come.
    pub(super) fn pending(&self) -> impl Iterator<Item = &SiteId> {
        self.cohort.iter().filter(|site| !self.counted.contains_key(*site) && !self.out.contains_key(*site))
    }
}
