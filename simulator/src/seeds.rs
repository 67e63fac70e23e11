//! Everything that is random in a simulation: a counter-based stream for each purpose, round, attempt and site.
//!
//! A stream depends on its key alone, so neither the number of workers, nor who finished first, nor a restart changes a bit.

use crate::{Attempt, SiteNumber};
use wardround_plan::{Purpose, RoundNumber, Stream, StreamKey};

/// The families of streams of one run. Two families never share a stream.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    cohort: StreamKey,
    presence: StreamKey,
    faults: StreamKey,
    speeds: StreamKey,
    poison: StreamKey,
    partition: StreamKey,
    work: StreamKey,
}

impl Seeds {
    /// From the scenario's seed.
    pub(crate) fn new(seed: u64) -> Self {
        let root = StreamKey::from_public_seed(seed).derive("wardround/simulation/v1");
        Self {
            cohort: root.derive("cohort"),
            presence: root.derive("presence"),
            faults: root.derive("faults"),
            speeds: root.derive("speeds"),
            poison: root.derive("poison"),
            partition: root.derive("partition"),
            work: root.derive("work"),
        }
    }

    /// Who is asked to an attempt at a round.
    pub(crate) fn cohort(&self, round: RoundNumber, attempt: Attempt) -> Stream {
        self.cohort.stream(Purpose::Sampling, round, u64::from(attempt.get()))
    }

    /// When a site joins and leaves.
    pub(crate) fn presence(&self, site: SiteNumber) -> Stream {
        self.presence.stream(Purpose::Sampling, RoundNumber::FIRST, u64::from(site.get()))
    }

    /// What goes wrong at a site in an attempt at a round.
    pub(crate) fn faults(&self, round: RoundNumber, attempt: Attempt, site: SiteNumber) -> Stream {
        self.faults.stream(Purpose::Sampling, round, of_attempt(attempt, site))
    }

    /// How fast a site's machine and line are, for the whole run.
    pub(crate) fn speed(&self, site: SiteNumber) -> Stream {
        self.speeds.stream(Purpose::Sampling, RoundNumber::FIRST, u64::from(site.get()))
    }

    /// Which sites poison.
    pub(crate) fn poisoners(&self) -> Stream {
        self.poison.derive("who").stream(Purpose::Sampling, RoundNumber::FIRST, 0)
    }

    /// What a poisoning site adds in an attempt at a round.
    pub(crate) fn poison(&self, round: RoundNumber, attempt: Attempt, site: SiteNumber) -> Stream {
        self.poison.stream(Purpose::Sampling, round, of_attempt(attempt, site))
    }

    /// Which sites of an attempt at a round are a group.
    pub(crate) fn groups(&self, round: RoundNumber, attempt: Attempt) -> Stream {
        self.cohort.derive("groups").stream(Purpose::Sampling, round, u64::from(attempt.get()))
    }

    /// Who gets what of one data set.
    pub(crate) fn partition(&self) -> Stream {
        self.partition.stream(Purpose::Split, RoundNumber::FIRST, 0)
    }

    /// What sites draw for their own work: batches, augmentation, noise.
    pub(crate) fn work(&self) -> &StreamKey {
        &self.work
    }
}

/// Attempts and sites both stay below 2^32, so no two pairs meet.
fn of_attempt(attempt: Attempt, site: SiteNumber) -> u64 {
    u64::from(attempt.get()) << 32 | u64::from(site.get())
}
