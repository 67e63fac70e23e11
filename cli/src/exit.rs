//! How a command ends, for people and for scripts.

use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// For the exit code.
    pub kind: Kind,
    /// What happened, where, and what to do.
    pub message: String,
}

/// The documented exit codes; 0 is success and 2 is clap's for a command line that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 1: it was tried and failed.
    Failed,
    /// 3: a file given to the command says something wrong: settings, plan, data.
    Input,
    /// 4: the coordinator was not reached.
    Unreachable,
    /// 5: somebody who may say no said no: policy, authority, coordinator.
    Refused,
    /// 130: stopped by Ctrl-C or SIGTERM.
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed => 1,
            Self::Input => 3,
            Self::Unreachable => 4,
            Self::Refused => 5,
            Self::Interrupted => 130,
        })
    }
}

impl Failure {
    /// It was tried and failed.
    pub fn failed(message: impl ToString) -> Self {
        Self { kind: Kind::Failed, message: message.to_string() }
    }

    /// A file given to the command is wrong.
    pub fn input(message: impl ToString) -> Self {
        Self { kind: Kind::Input, message: message.to_string() }
    }

    /// The coordinator was not reached.
    pub fn unreachable(message: impl ToString) -> Self {
        Self { kind: Kind::Unreachable, message: message.to_string() }
    }

    /// Somebody said no.
    pub fn refused(message: impl ToString) -> Self {
        Self { kind: Kind::Refused, message: message.to_string() }
    }

    /// Stopped from outside.
    pub fn interrupted() -> Self {
        Self { kind: Kind::Interrupted, message: "stopped".into() }
    }
}

/// The exit codes, for `--help`.
pub const HELP: &str = "Exit codes: 0 done; 1 failed; 2 unknown arguments; 3 a file says something wrong (settings, plan, \
                        scans); 4 coordinator not reached; 5 refused (policy, authority, coordinator); 130 interrupted.";
