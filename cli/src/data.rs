//! `wardround data`: prepare scans.

use crate::args::DataCommand;
use crate::exit::Failure;
use crate::output::Output;
use serde_json::json;
use std::process::ExitCode;
use wardround_imaging::{SynthPlan, synth};

pub fn run(command: DataCommand, output: Output) -> Result<ExitCode, Failure> {
    let DataCommand::Synth { sites, task: _, seed, out } = command;
    synth(&out, &SynthPlan { sites, seed, ..SynthPlan::default() }).map_err(Failure::failed)?;
    output.show(&json!({ "out": out, "sites": sites, "seed": seed }), || {
        format!("{sites} site folders of phantoms are in {}", out.display())
    });
    Ok(ExitCode::SUCCESS)
}
