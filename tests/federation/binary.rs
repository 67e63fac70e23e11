//! The `wardround` binary, and its commands that run to an end.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The exit codes that `wardround --help` documents.
pub const FAILED: i32 = 1;
pub const INPUT: i32 = 3;
pub const UNREACHABLE: i32 = 4;
pub const REFUSED: i32 = 5;

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    /// The last JSON document it printed.
    pub result: Value,
    /// Everything on standard error, the error document included.
    pub complaint: String,
}

/// The command itself, which cargo has built for this test.
pub fn wardround() -> PathBuf {
    env!("CARGO_BIN_EXE_wardround").into()
}

/// Runs `wardround ARGUMENTS --json` to its end.
pub fn run(arguments: &[&str]) -> Ended {
    run_in(Path::new("."), arguments)
}

/// As [`run`], from within `folder`.
pub fn run_in(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(wardround());
    command.current_dir(folder).args(arguments).arg("--json").stdin(Stdio::null()).env_remove("RUST_LOG");
    let output = command.output().expect("the binary can be started");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let result = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).next_back().unwrap_or_default();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { code: output.status.code().unwrap_or(-1), result, complaint }
}

/// Runs a command that has to succeed.
pub fn succeed(arguments: &[&str]) -> Value {
    let ended = run(arguments);
    assert_eq!(ended.code, 0, "wardround {}: {}", arguments.join(" "), ended.complaint);
    ended.result
}

/// Runs a command that has to fail with this exit code and all of these words.
pub fn refuse(arguments: &[&str], code: i32, words: &[&str]) -> Ended {
    let ended = run(arguments);
    let told = format!("wardround {} ended with {}: {}", arguments.join(" "), ended.code, ended.complaint);
    assert_eq!(ended.code, code, "{told}");
    words.iter().for_each(|word| assert!(ended.complaint.contains(word), "`{word}` is not said: {told}"));
    ended
}
