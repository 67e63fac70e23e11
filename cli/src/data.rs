//! `wardround data`: prepare scans.

use crate::args::{DataCommand, PhantomTask};
use crate::exit::Failure;
use crate::output::Output;
use serde_json::json;
use std::process::ExitCode;
use wardround_imaging::{SynthPlan, synth};

pub fn run(command: DataCommand, output: Output) -> Result<ExitCode, Failure> {
    let DataCommand::Synth { sites, task, seed, out } = command;
    let phantoms = match task {
        PhantomTask::Seg => SynthPlan::default(),
        PhantomTask::Det => SynthPlan::detection(),
        PhantomTask::Vol => SynthPlan::volumes(),
    };
    synth(&out, &SynthPlan { sites, seed, ..phantoms }).map_err(Failure::failed)?;
    output.show(&json!({ "out": out, "sites": sites, "seed": seed }), || {
        format!("{sites} site folders of phantoms are in {}", out.display())
    });
    Ok(ExitCode::SUCCESS)
}
