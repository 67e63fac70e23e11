//! A run: rounds in virtual time from a scenario to a last model, in a folder that survives any kill.
//!
//! ```text
//! round ─► cohort ─► fates (who vanishes, who is late) ─► training ─► sum ─► next model ─► event ─► checkpoint
//!            ▲                                                  │ too few updates
//!            └──────────── next attempt ────────────────────────┘
//! ```

mod attempt;
mod checkpoint;
mod error;
mod folder;
mod manifest;
mod observer;
mod options;
mod reading;
mod record;
mod state;
mod verify;

pub use error::RunError;
pub use manifest::Manifest;
pub use observer::{Nobody, Observer, Progress};
pub use options::{Ending, Options, Outcome, Secagg};
pub use reading::{RunSummary, Traffic};
pub use record::{AttemptRecord, EvaluationRecord, Event, RoundRecord};
pub use verify::{Comparison, verify};

use crate::crew::Crew;
use crate::rule::Next;
use crate::{Attempt, LocalWork, Scenario};
use attempt::{Begin, World};
use checkpoint::Checkpoint;
pub(crate) use checkpoint::model_digest;
use folder::{MANIFEST, RunFolder, SCENARIO};
use state::State;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;
use wardround_plan::RoundNumber;

/// A run under way.
pub struct Run<'a, W: LocalWork> {
    world: World<'a>,
    crew: Crew<'a, W>,
    folder: RunFolder,
    state: State,
    observer: &'a dyn Observer,
    options: Options,
}

impl<'a, W: LocalWork> Run<'a, W> {
    /// Runs `scenario` with `work` at its sites, in the new folder `dir`.
    ///
    /// # Errors
    /// [`RunError`]; where rounds were made, the folder can be resumed.
    pub fn start(
        scenario: &'a Scenario,
        work: &'a W,
        dir: &Path,
        options: &Options,
        observer: &'a dyn Observer,
    ) -> Result<Outcome, RunError> {
        let folder = RunFolder::create(dir)?;
        let initial = work.initial();
        let manifest = Manifest::new(scenario, work, initial.values());
        let world = World::new(scenario, work, initial.layout())?;
        let state = State::before_first(&world.rule.strategy, initial.values());
        let mut run = Self::new(world, work, folder, state, options, observer)?;
        run.folder.put(SCENARIO, &[scenario.text().as_bytes()])?;
        run.checkpoint()?;
        // Last, so that a folder with a manifest can be resumed.
        let text = serde_json::to_vec_pretty(&manifest).expect("text and numbers become JSON");
        run.folder.put(MANIFEST, &[&text])?;
        run.observer.began(&manifest, 0, scenario.plan().study.rounds);
        run.rounds()
    }

    /// Goes on with the run in `dir` from its last checkpoint; `scenario` is [`scenario_of`] the folder.
    ///
    /// # Errors
    /// [`RunError`], among them [`RunError::Otherwise`] where scenario, work or version are not those it was begun with.
    pub fn resume(
        scenario: &'a Scenario,
        work: &'a W,
        dir: &Path,
        options: &Options,
        observer: &'a dyn Observer,
    ) -> Result<Outcome, RunError> {
        let initial = work.initial();
        let manifest = Manifest::read(dir)?;
        manifest.resumes_as(&Manifest::new(scenario, work, initial.values()))?;
        let world = World::new(scenario, work, initial.layout())?;
        let checkpoint = Checkpoint::read(dir)?;
        let folder = RunFolder::reopen(dir, checkpoint.head.lengths)?;
        let state = State::at(&world.rule.strategy, initial.values(), checkpoint);
        let state = state.map_err(|what| RunError::broken(dir, what))?;
        let run = Self::new(world, work, folder, state, options, observer)?;
        let done = run.state.done.map_or(0, RoundNumber::get);
        run.observer.began(&manifest, done, scenario.plan().study.rounds);
        run.rounds()
    }

    fn new(
        world: World<'a>,
        work: &'a W,
        folder: RunFolder,
        state: State,
        options: &Options,
        observer: &'a dyn Observer,
    ) -> Result<Self, RunError> {
        if let (Secagg::Full, Some(reason)) = (options.secagg, world.rule.unmaskable()) {
            return Err(RunError::Secagg { round: RoundNumber::FIRST, reason: reason.into() });
        }
        let workers = options.workers.or_else(|| std::thread::available_parallelism().ok());
        let (shape, weights) = (world.rule.strategy.server().message(), state.server.model().len());
        let crew = Crew::new(work, workers.unwrap_or(NonZeroUsize::MIN), shape, weights)?;
        Ok(Self { world, crew, folder, state, observer, options: *options })
    }

    fn rounds(mut self) -> Result<Outcome, RunError> {
        let rounds = self.world.plan.study.rounds;
        let mut saved = Instant::now();
        let mut ending = Ending::Complete;
        while self.state.done.map_or(0, RoundNumber::get) < rounds {
            let round = self.state.done.map_or(RoundNumber::FIRST, RoundNumber::next);
            let stop = self.round(round)?.is_break();
            if stop || round.get() == rounds || saved.elapsed() >= self.options.checkpoint_after {
                self.checkpoint()?;
                saved = Instant::now();
            }
            if stop && round.get() < rounds {
                ending = Ending::Stopped;
                break;
            }
        }
        let State { done, clock_s, server, .. } = self.state;
        let (model, _) = server.into_parts();
        let digest = model_digest(&model);
        Ok(Outcome { rounds: done.map_or(0, RoundNumber::get), ending, model, digest, clock_s })
    }

    /// One round, and what is known of its model.
    fn round(&mut self, round: RoundNumber) -> Result<ControlFlow<()>, RunError> {
        let begin = Instant::now();
        let record = self.model_of(round)?;
        let evaluation = if self.is_measured(round) { Some(self.evaluate(round)?) } else { None };
        let wall = begin.elapsed();
        let per_s = f64::from(record.attempt.asked) / wall.as_secs_f64().max(1e-9);
        self.folder.timing.append(&format!("{round},{:.3},{per_s:.1}\n", wall.as_secs_f64() * 1e3))?;
        let (rounds, model) = (self.world.plan.study.rounds, self.state.server.model());
        let progress = Progress { round: &record, evaluation: evaluation.as_ref(), rounds, wall, model };
        Ok(self.observer.round_done(&progress))
    }

    /// The round's model, with as many attempts as the plan allows.
    fn model_of(&mut self, round: RoundNumber) -> Result<RoundRecord, RunError> {
        let attempts = self.world.plan.study.attempts;
        let mut attempt = Attempt::FIRST;
        loop {
            let State { clock_s, clip, server, sites, .. } = &mut self.state;
            let begin = Begin { round, clock_s: *clock_s, clip: *clip, states: sites };
            let (observer, secagg) = (self.observer, self.options.secagg);
            let tried = self.world.attempt(begin, attempt, &mut self.crew, server, observer, secagg)?;
            self.folder.sites.append(&tried.rows)?;
            self.state.clock_s = tried.record.ends_s;
            if let Some(next) = tried.next {
                return self.adopt(tried.record, next);
            }
            self.folder.events.append(&Event::Abandoned(tried.record.clone()).line())?;
            if attempt.get() >= attempts {
                let needed = self.world.plan.study.min_sites;
                return Err(RunError::TooFew { round, got: tried.record.summed, needed, attempts });
            }
            attempt = attempt.next();
        }
    }

    /// Tells of the next model, and lets its sites keep what they moved.
    fn adopt(&mut self, attempt: AttemptRecord, next: Next) -> Result<RoundRecord, RunError> {
        let Next { clip, chosen } = next;
        let model = model_digest(self.state.server.model());
        let record = RoundRecord { attempt, model, next_clip: clip, chosen };
        self.folder.events.append(&Event::Round(record.clone()).line())?;
        (self.state.done, self.state.clip) = (Some(record.attempt.round), clip);
        self.state.sites.move_on(self.crew.moved());
        Ok(record)
    }

    fn is_measured(&self, round: RoundNumber) -> bool {
        let plan = self.world.plan;
        round.get().is_multiple_of(plan.evaluation.every) || round.get() == plan.study.rounds
    }

    /// Measures the model at every site that is there.
    fn evaluate(&mut self, round: RoundNumber) -> Result<EvaluationRecord, RunError> {
        let sites = self.world.present(round);
        let State { server, sites: states, .. } = &self.state;
        let scores = self.crew.evaluate(&sites, server.model(), self.world.rule.strategy.local(), states)?;
        let failed = scores.iter().filter(|score| score.is_err()).count();
        let measured: Vec<_> =
            sites.iter().zip(&scores).filter_map(|(site, score)| Some((*site, finite(score)?))).collect();
        let rows: String = measured.iter().map(|(site, score)| format!("{round},{site},{score}\n")).collect();
        self.folder.scores.append(&rows)?;
        let worst = measured.iter().copied().min_by(|(_, a), (_, b)| a.total_cmp(b));
        let sum: f64 = measured.iter().map(|(_, score)| score).sum();
        let record = EvaluationRecord {
            round,
            sites: measured.len() as u32,
            failed: failed as u32,
            mean: (!measured.is_empty()).then(|| sum / measured.len() as f64),
            worst: worst.map(|(_, score)| score),
            worst_site: worst.map(|(site, _)| site),
        };
        self.folder.events.append(&Event::Evaluated(record.clone()).line())?;
        Ok(record)
    }

    fn checkpoint(&mut self) -> Result<(), RunError> {
        let lengths = self.folder.sync()?;
        self.state.write(&self.folder, lengths)
    }
}

/// The scenario of the run in `dir`, as it was begun.
///
/// # Errors
/// [`RunError::File`] and [`RunError::Scenario`].
pub fn scenario_of(dir: &Path) -> Result<Scenario, RunError> {
    let path = dir.join(SCENARIO);
    let text = std::fs::read_to_string(&path).map_err(RunError::file(&path))?;
    Ok(Scenario::from_toml(&text)?)
}

/// A score that counts.
fn finite(score: &Result<Option<f64>, crate::WorkError>) -> Option<f64> {
    score.as_ref().ok().copied().flatten().filter(|score| score.is_finite())
}
