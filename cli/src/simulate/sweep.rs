//! `wardround simulate PLAN --sweep KEY=V1,V2 --seeds N`: the variants of a plan, one after the other, each in a folder of its own.
//!
//! A sweep that was killed is begun again by the same command: finished variants stay, the one under way goes on.

use super::{How, Rehearsal, failure, phantoms, until_stopped};
use crate::exit::Failure;
use crate::output::Output;
use crate::progress::Progress;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use wardround_simulator::{Ending, Override, RunSummary, SweepManifest, Variant, variants};

/// What is swept, and where to.
pub(super) struct Sweep {
    pub(super) overrides: Vec<Override>,
    pub(super) seeds: NonZeroU32,
    pub(super) out: PathBuf,
    pub(super) how: How,
}

/// Runs every variant of the scenario `text` that is not finished yet.
pub(super) async fn run(text: &str, sweep: Sweep, output: Output) -> Result<ExitCode, Failure> {
    let Sweep { overrides, seeds, out, how } = sweep;
    let variants = variants(text, &overrides, seeds).map_err(Failure::input)?;
    let folder = out.clone();
    let job = move |stop: &AtomicBool| Course::begin(&variants, folder, how, output)?.run(stop);
    let done: SweepManifest = until_stopped(job).await??;
    output.show(&done, || {
        let (runs, out) = (done.variants.len(), out.display());
        format!(
            "{runs} runs in {out}; `wardround report {out}` compares them\nno guarantee: their coins and noise repeat"
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// A sweep under way.
struct Course<'a> {
    variants: &'a [Variant],
    manifest: SweepManifest,
    out: PathBuf,
    how: How,
    output: Output,
    progress: Progress,
}

impl<'a> Course<'a> {
    fn begin(variants: &'a [Variant], out: PathBuf, how: How, output: Output) -> Result<Self, Failure> {
        std::fs::create_dir_all(&out).map_err(|error| Failure::failed(format!("{}: {error}", out.display())))?;
        let how = with_data(variants, &out, how)?;
        let manifest = SweepManifest::new(variants);
        Ok(Self { variants, manifest, out, how, output, progress: Progress::new(output) })
    }

    fn run(mut self, stop: &AtomicBool) -> Result<SweepManifest, Failure> {
        for (place, variant) in self.variants.iter().enumerate() {
            let folder = self.out.join(&variant.name);
            if let Some(run) = begun(&folder, variant)? {
                self.manifest.variants[place].tell(&run);
            }
        }
        self.manifest.write(&self.out).map_err(|error| failure(&error))?;
        for place in 0..self.variants.len() {
            self.variant(place, stop)?;
        }
        Ok(self.manifest)
    }

    fn variant(&mut self, place: usize, stop: &AtomicBool) -> Result<(), Failure> {
        let (variant, record) = (&self.variants[place], &self.manifest.variants[place]);
        let said = format!("variant {} of {}: {}", place + 1, self.variants.len(), variant.name);
        if record.complete {
            self.progress.say(&format!("{said}: finished before"));
            return Ok(());
        }
        self.progress.say(&said);
        let (out, begun) = (self.out.join(&variant.name), Instant::now());
        let (scenario, how, fresh) = (variant.scenario.clone(), self.how.clone(), record.data.is_none());
        let outcome = Rehearsal { scenario, out: out.clone(), how, fresh }.run(stop, self.output);
        let outcome =
            outcome.map_err(|error| Failure { message: format!("{}: {}", variant.name, error.message), ..error })?;
        let run = RunSummary::read(&out).map_err(|error| failure(&error))?;
        self.manifest.variants[place].tell(&run);
        self.manifest.write(&self.out).map_err(|error| failure(&error))?;
        if outcome.ending == Ending::Stopped {
            return Err(Failure::interrupted());
        }
        let last = run.evaluations.last().and_then(|last| Some((last.mean?, last.worst?)));
        let scores = last.map_or(String::new(), |(mean, worst)| {
            format!(", {} {mean:.3}, worst site {worst:.3}", run.scenario.plan().evaluation.title())
        });
        let (rounds, wall_s) = (outcome.rounds, begun.elapsed().as_secs_f64());
        self.progress.say(&format!("{said}: {rounds} rounds in {wall_s:.1} s{scores}"));
        Ok(())
    }
}

/// The run in a variant's folder, which must be the variant's.
fn begun(folder: &Path, variant: &Variant) -> Result<Option<RunSummary>, Failure> {
    let run = RunSummary::find(folder).map_err(|error| failure(&error))?;
    match run {
        Some(run) if run.manifest.scenario != variant.scenario.digest() => Err(Failure::input(format!(
            "`{}` holds the run of another plan: name another --out, or take that folder away",
            folder.display()
        ))),
        run => Ok(run),
    }
}

/// All variants learn from the same scans: without `--data`, from phantoms of the plan's own seed.
fn with_data(variants: &[Variant], out: &Path, how: How) -> Result<How, Failure> {
    let Some(first) = variants.first().filter(|_| how.data.is_none()) else { return Ok(how) };
    let folder = out.join(format!("phantoms-{}", first.seed));
    phantoms(&folder, first.seed)?;
    Ok(How { data: Some(folder), images_are_patients: true, ..how })
}
