//! What goes wrong, decided before anyone trains: who is there, who vanishes, who is late under the virtual clock, who harms.
//!
//! All of it follows from the seed, so a fault can be taken away without changing anything else.

use crate::draw::{some_of, unit};
use crate::section::{FaultsSection, Spread};
use crate::seeds::Seeds;
use crate::{Attempt, Poison, SiteNumber};
use rand_distr::{Distribution, StandardNormal};
use std::collections::BTreeSet;
use wardround_plan::{Plan, RoundNumber, Stream};

const BITS_IN_MEGABIT: f64 = 1e6;

/// The faults of a run.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    section: FaultsSection,
    seeds: Seeds,
    rounds: u32,
    deadline_s: f64,
    absence_s: f64,
    traffic_bits: f64,
    poisoners: BTreeSet<SiteNumber>,
}

/// What becomes of an asked site in an attempt at a round, in seconds of virtual time after the invitation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// Its update is there at this time.
    Arrives { after_s: f64 },
    /// It vanishes at once.
    Dropped,
    /// It would have been there at this time, after the deadline.
    Late { after_s: f64 },
}

impl Faults {
    /// Of `population` sites that train `plan`, where so many `f32` numbers go down and up for a site and round.
    pub(crate) fn new(section: &FaultsSection, plan: &Plan, population: u32, numbers: usize, seeds: &Seeds) -> Self {
        let everyone: Vec<SiteNumber> = (0..population).map(SiteNumber::new).collect();
        let poisoners = section.poison.map(|poison| some_of(everyone, poison.sites as usize, &mut seeds.poisoners()));
        Self {
            section: section.clone(),
            seeds: seeds.clone(),
            rounds: plan.study.rounds,
            deadline_s: plan.study.deadline_s as f64,
            absence_s: plan.study.absence_s as f64,
            traffic_bits: numbers as f64 * 32.0,
            poisoners: poisoners.into_iter().flatten().collect(),
        }
    }

    /// Whether `site` is in the federation in `round`.
    pub(crate) fn is_present(&self, site: SiteNumber, round: RoundNumber) -> bool {
        if self.section.late_joiners.is_none() && self.section.leavers.is_none() {
            return true;
        }
        let mut stream = self.seeds.presence(site);
        // Both are always drawn, so that one fault does not change the other.
        let [late, joins, leaves, gone] = std::array::from_fn(|_| unit(&mut stream));
        let first = self.section.late_joiners.filter(|joiners| late < joiners.share);
        let first = first.map_or(1, |joiners| one_of(2, joiners.last_round, joins));
        let gone = self.section.leavers.filter(|leavers| leaves < leavers.share).map(|it| (it.first_round, gone));
        let gone = gone.map_or(u32::MAX, |(from, when)| one_of(from, self.rounds, when));
        (first..gone).contains(&round.get())
    }

    /// What becomes of `site`.
    pub(crate) fn fate(&self, site: SiteNumber, round: RoundNumber, attempt: Attempt) -> Fate {
        let FaultsSection { dropout, compute_s, line_mbit_s, .. } = self.section;
        if dropout == 0.0 && compute_s.is_none() && line_mbit_s.is_none() {
            return Fate::Arrives { after_s: 0.0 };
        }
        let mut now = self.seeds.faults(round, attempt, site);
        if unit(&mut now) < dropout {
            return Fate::Dropped;
        }
        let mut always = self.seeds.speed(site);
        let compute = drawn(compute_s, &mut always, &mut now).unwrap_or(0.0);
        let line = drawn(line_mbit_s, &mut always, &mut now);
        let travel = line.map_or(0.0, |mbit_s| self.traffic_bits / (mbit_s * BITS_IN_MEGABIT));
        let after_s = compute + travel;
        if after_s > self.deadline_s { Fate::Late { after_s } } else { Fate::Arrives { after_s } }
    }

    /// How long an attempt with these fates lasts: until the last update is there, until a vanished site has been missed for
    /// the plan's `absence_s`, or until the deadline.
    pub(crate) fn duration_s(&self, fates: impl IntoIterator<Item = Fate>) -> f64 {
        let lasts = fates.into_iter().map(|fate| match fate {
            Fate::Arrives { after_s } => after_s,
            Fate::Dropped => self.absence_s.min(self.deadline_s),
            Fate::Late { .. } => self.deadline_s,
        });
        lasts.fold(0.0, f64::max)
    }

    /// What `site` does to its updates, if it harms.
    pub(crate) fn poison(&self, site: SiteNumber) -> Option<Poison> {
        let poison = self.section.poison?;
        self.poisoners.contains(&site).then_some(poison.attack)
    }
}

/// A round from `first` to `last`, both included, by a share of one.
fn one_of(first: u32, last: u32, share: f64) -> u32 {
    let rounds = f64::from(last.max(first) - first) + 1.0;
    first + (share * rounds) as u32
}

/// One draw: the site's own logarithm, and that of the round. Both streams move on even where nothing is spread.
fn drawn(spread: Option<Spread>, always: &mut Stream, now: &mut Stream) -> Option<f64> {
    let [site, round]: [f64; 2] = [StandardNormal.sample(always), StandardNormal.sample(now)];
    let Spread { median, between_sites, between_rounds } = spread?;
    Some(median * (between_sites * site + between_rounds * round).exp())
}
