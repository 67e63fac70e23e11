//! `wardround coordinator`: serve rounds.

use crate::args::CoordinatorCommand;
use crate::exit::Failure;
use crate::output::Output;
use crate::{clock, site};
use serde_json::json;
use std::process::ExitCode;
use wardround_coordinator::{Coordinator, CoordinatorConfig};

pub async fn run(command: CoordinatorCommand, output: Output) -> Result<ExitCode, Failure> {
    let CoordinatorCommand::Run { config } = command;
    let config = CoordinatorConfig::load(&config).map_err(Failure::input)?;
    let coordinator = Coordinator::start(&config, clock).await.map_err(Failure::failed)?;
    let address = coordinator.address();
    output.show(&json!({ "listening": address.to_string() }), || format!("listening on {address}"));
    tokio::select! {
        ended = coordinator.serve() => ended.map_err(Failure::failed).map(|()| ExitCode::SUCCESS),
        () = site::stopped() => Ok(ExitCode::SUCCESS),
    }
}
