//! What noise a promise needs, and what noise promises: no state, no scan.

use crate::exit::Failure;
use crate::output::Output;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum FiguresCommand {}

pub async fn run(command: FiguresCommand, _output: Output) -> Result<ExitCode, Failure> {
    match command {}
}
