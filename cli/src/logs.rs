//! Structured logs on standard error: words on a terminal, JSON lines otherwise. `RUST_LOG` sets the level.

use crate::args::Command;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. The servers log what happens; the other commands only what went wrong.
pub fn start(json: bool, command: &Command) {
    let default = if command.serves() { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if json || !std::io::stderr().is_terminal() {
        builder.json().flatten_event(true).with_current_span(false).init();
    } else {
        builder.compact().init();
    }
}
