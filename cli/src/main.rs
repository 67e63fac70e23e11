//! The `wardround` command: everything a hospital, a study lead and a federation's manager do.

mod args;
mod authority;
mod budget;
mod coordinator;
mod data;
mod demo;
mod eval;
mod exit;
mod logs;
mod output;
mod progress;
mod report;
mod roster;
mod simulate;
mod site;
mod study;

use args::{Arguments, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = output::Output::new(arguments.json);
    if std::env::var_os(demo::DIE_WITH_PARENT).is_some() {
        demo::die_with_parent();
    }
    logs::start(arguments.json, &arguments.command);
    match run(arguments, output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.kind.code()
        }
    }
}

fn run(arguments: Arguments, output: output::Output) -> Result<ExitCode, exit::Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| exit::Failure::failed(format!("cannot start: {error}")))?;
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Demo(demo) => demo::run(demo, output).await,
            Command::Authority(command) => authority::run(command, output).await,
            Command::Coordinator(command) => coordinator::run(command, output).await,
            Command::Site(command) => site::run(command, output).await,
            Command::Study(command) => study::run(command, output).await,
            Command::Budget(command) => budget::run(command, output).await,
            Command::Data(command) => data::run(command, output),
            Command::Report(arguments) => report::run(&arguments, output),
            Command::Eval(arguments) => eval::run(arguments, output),
            Command::Simulate(arguments) => simulate::run(arguments, output).await,
        }
    });
    // A training step that still runs on a worker thread must not hold up the exit.
    runtime.shutdown_background();
    done
}

/// The one place where the wall clock is read.
fn clock() -> wardround_plan::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    wardround_plan::Timestamp::from_ms(since.as_millis() as u64)
}
