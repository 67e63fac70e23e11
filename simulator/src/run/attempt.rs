//! Attempts at a round: who is asked, what becomes of them, and whether enough updates came.

use super::record::SiteRow;
use super::{AttemptRecord, Observer, RunError, Secagg};
use crate::crew::{Assignment, Crew, Ended};
use crate::draw::some_of;
use crate::faults::{Fate, Faults};
use crate::rule::{Next, Rule, Training};
use crate::scenario_rules::site_name;
use crate::seeds::Seeds;
use crate::states::SiteStates;
use crate::{Attempt, LocalWork, Scenario, SiteNumber};
use wardround_plan::{Layout, Plan, RoundNumber, SiteId};
use wardround_strategy::ServerState;

/// What does not change from round to round.
pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    seeds: Seeds,
    faults: Faults,
    pub(crate) rule: Rule,
    population: u32,
    cohort: Option<u32>,
    /// How much each site counts.
    weights: Vec<u32>,
}

/// Where a round begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin<'s> {
    pub(crate) round: RoundNumber,
    pub(crate) clock_s: f64,
    pub(crate) clip: Option<f64>,
    pub(crate) states: &'s SiteStates,
}

/// How an attempt went.
pub(crate) struct Tried {
    pub(crate) record: AttemptRecord,
    /// A row of CSV for each asked site.
    pub(crate) rows: String,
    /// `None` with too few updates.
    pub(crate) next: Option<Next>,
}

/// An asked site, and what becomes of it before it trains.
#[derive(Debug, Clone, Copy)]
struct Asked {
    site: SiteNumber,
    fate: Fate,
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario, work: &impl LocalWork, layout: &Layout) -> Result<Self, RunError> {
        let (plan, simulation, seeds) = (scenario.plan(), scenario.simulation(), scenario.seeds());
        let population = simulation.population;
        let weight = |site| SiteId::new(site_name(site)).ok().and_then(|name| plan.weight_of(&name)).unwrap_or(1);
        let weights: Vec<u32> = (0..population).map(weight).collect();
        let strategy = work.strategy(plan).map_err(|error| RunError::Strategy(error.0))?;
        let rule = Rule::of(plan, strategy, &weights)?;
        let down = layout.len() * (1 + rule.strategy.server().broadcast_vectors());
        let up = rule.strategy.server().message().len(layout.len());
        let faults = Faults::new(&simulation.faults, plan, population, down + up, &seeds);
        Ok(Self { plan, seeds, faults, rule, population, cohort: simulation.cohort, weights })
    }

    /// The sites that are in the federation in `round`.
    pub(crate) fn present(&self, round: RoundNumber) -> Vec<SiteNumber> {
        let everyone = (0..self.population).map(SiteNumber::new);
        everyone.filter(|site| self.faults.is_present(*site, round)).collect()
    }

    /// One attempt at a round.
    ///
    /// # Errors
    /// [`RunError`] where not a site is at fault.
    pub(crate) fn attempt<W: LocalWork>(
        &self,
        begin: Begin<'_>,
        attempt: Attempt,
        crew: &mut Crew<'_, W>,
        state: &mut ServerState,
        observer: &dyn Observer,
        secagg: Secagg,
    ) -> Result<Tried, RunError> {
        let asked = self.asked(begin.round, attempt)?;
        let jobs: Vec<Assignment> = asked.iter().filter_map(|asked| self.job(asked)).collect();
        let progress = |done| observer.site_done(done, jobs.len());
        let training = Training {
            round: begin.round,
            attempt,
            jobs: &jobs,
            clip: begin.clip,
            plan: self.plan,
            seeds: &self.seeds,
            states: begin.states,
            secagg,
            progress: &progress,
        };
        let (ended, next) = self.rule.apply(crew, &training, state)?;
        let (record, rows) = self.told(begin, attempt, &asked, &ended);
        Ok(Tried { record, rows, next })
    }

    fn asked(&self, round: RoundNumber, attempt: Attempt) -> Result<Vec<Asked>, RunError> {
        let cohort = match self.rule.coins() {
            // A coin for everybody, there or not, so that nobody's coin depends on who joined or left.
            Some(coins) => {
                let drawn = coins.cohort(self.population, &self.seeds, round, attempt)?;
                drawn.into_iter().filter(|site| self.faults.is_present(*site, round)).collect()
            }
            None => {
                let most = self.cohort.unwrap_or(self.population) as usize;
                some_of(self.present(round), most, &mut self.seeds.cohort(round, attempt))
            }
        };
        Ok(cohort.into_iter().map(|site| Asked { site, fate: self.faults.fate(site, round, attempt) }).collect())
    }

    fn job(&self, asked: &Asked) -> Option<Assignment> {
        let Asked { site, fate } = *asked;
        let arrives = matches!(fate, Fate::Arrives { .. });
        arrives.then(|| Assignment { site, weight: self.weights[site.place()], poison: self.faults.poison(site) })
    }

    /// Counts, and a row for each site.
    fn told(&self, begin: Begin<'_>, attempt: Attempt, asked: &[Asked], ended: &[Ended]) -> (AttemptRecord, String) {
        let lasts_s = self.faults.duration_s(asked.iter().map(|asked| asked.fate));
        let mut record = AttemptRecord {
            round: begin.round,
            attempt,
            asked: asked.len() as u32,
            summed: 0,
            dropped: 0,
            late: 0,
            failed: 0,
            refused: 0,
            begins_s: begin.clock_s,
            ends_s: begin.clock_s + lasts_s,
            loss: None,
        };
        let (mut rows, mut losses, mut ended) =
            (String::with_capacity(asked.len() * 32), Losses::default(), ended.iter());
        for asked in asked {
            let trained = matches!(asked.fate, Fate::Arrives { .. }).then(|| ended.next()).flatten();
            let row = row_of(asked, trained);
            *record.count_of(row.outcome) += 1;
            losses.add(row.loss);
            row.write(begin.round, attempt, &mut rows);
        }
        record.loss = losses.mean();
        (record, rows)
    }
}

/// Losses that were reported, in the order of the cohort.
#[derive(Debug, Default)]
struct Losses {
    sum: f64,
    count: u32,
}

impl Losses {
    fn add(&mut self, loss: Option<f64>) {
        if let Some(loss) = loss.filter(|loss| loss.is_finite()) {
            self.sum += loss;
            self.count += 1;
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl AttemptRecord {
    fn count_of(&mut self, outcome: &str) -> &mut u32 {
        match outcome {
            "summed" => &mut self.summed,
            "dropped" => &mut self.dropped,
            "late" => &mut self.late,
            "refused" => &mut self.refused,
            _ => &mut self.failed,
        }
    }
}

fn row_of<'e>(asked: &Asked, ended: Option<&'e Ended>) -> SiteRow<'e> {
    let (outcome, after_s) = match asked.fate {
        Fate::Arrives { after_s } => ("failed", Some(after_s)),
        Fate::Dropped => ("dropped", None),
        Fate::Late { after_s } => ("late", Some(after_s)),
    };
    let row = SiteRow { site: asked.site, outcome, loss: None, steps: None, after_s, reason: "" };
    match ended {
        Some(Ended::Taken(report)) => SiteRow {
            outcome: "summed",
            loss: report.loss.filter(|loss| loss.is_finite()),
            steps: Some(report.effort.steps),
            ..row
        },
        Some(Ended::Failed(reason)) => SiteRow { reason, ..row },
        Some(Ended::Refused(reason)) => SiteRow { outcome: "refused", reason, ..row },
        None => row,
    }
}
