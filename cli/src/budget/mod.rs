//! `wardround budget`: the privacy officer's commands. Figures read no state; the officers' commands act on a site's ledger.

mod decide;
mod figures;
mod key;
mod officers;
mod show;

use crate::exit::Failure;
use crate::output::Output;
use clap::Subcommand;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    #[command(flatten)]
    Figures(figures::FiguresCommand),
    #[command(flatten)]
    Officers(officers::OfficersCommand),
}

pub async fn run(command: BudgetCommand, output: Output) -> Result<ExitCode, Failure> {
    match command {
        BudgetCommand::Figures(command) => figures::run(command, output).await,
        BudgetCommand::Officers(command) => officers::run(command, output).await,
    }
}
