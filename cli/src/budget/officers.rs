//! What officers decide about a site's budget, and what its ledger says.

use crate::exit::Failure;
use crate::output::Output;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum OfficersCommand {}

pub async fn run(command: OfficersCommand, _output: Output) -> Result<ExitCode, Failure> {
    match command {}
}
