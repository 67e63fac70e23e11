//! What noise a promise needs, and what noise promises: no state, no scan. Only the statement reads a site's ledger.

mod charges;
mod epsilon;
mod forecast;
mod plan;
mod reading;
mod scenario;
mod sigma;
mod statement;

use crate::exit::Failure;
use crate::output::Output;
use clap::Subcommand;
use epsilon::EpsilonArguments;
use scenario::PlanArguments;
use sigma::SigmaArguments;
use statement::StatementArguments;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum FiguresCommand {
    /// What noise promises: ε by privacy loss distributions and by Rényi divergence
    #[command(
        after_help = "Examples:\n  wardround budget epsilon --noise-multiplier 1.0 --sampling-rate 0.01 --steps 1000 --delta 1e-5\n  wardround budget epsilon --segment 8,1,50 --segment 1.2,0.01,2000 --delta 1e-6 --json"
    )]
    Epsilon(EpsilonArguments),
    /// What noise a promise needs: the least noise multiplier that keeps ε
    #[command(
        after_help = "Example:\n  wardround budget sigma --epsilon 1 --delta 1e-5 --sampling-rate 0.01 --steps 1000"
    )]
    Sigma(SigmaArguments),
    /// What a promise would cost: noise, what to expect of learning, and the same for other promises
    #[command(
        after_help = "Examples:\n  wardround budget plan --patients 500 --rounds 20 --local-steps 15 --batch 50 --epsilon 3\n  wardround budget plan --plan configs/cardiac.toml --out forecast.html"
    )]
    Plan(PlanArguments),
    /// Write what a study promises to this site's patients, how that is kept, and what it rests on
    #[command(
        after_help = "Example:\n  wardround budget statement --config site.toml --study left-ventricle --out statement"
    )]
    Statement(StatementArguments),
}

pub async fn run(command: FiguresCommand, output: Output) -> Result<ExitCode, Failure> {
    match command {
        FiguresCommand::Epsilon(arguments) => epsilon::run(&arguments, output),
        FiguresCommand::Sigma(arguments) => sigma::run(&arguments, output),
        FiguresCommand::Plan(arguments) => plan::run(&arguments, output),
        FiguresCommand::Statement(arguments) => statement::run(&arguments, output).await,
    }
}
