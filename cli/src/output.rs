//! What a command prints: one JSON document with `--json`, words otherwise. Progress and errors go to standard error.

use crate::exit::Failure;
use serde::Serialize;
use std::io::Write;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON or words.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// True where the reader is a program.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result, one line of JSON or the words.
    pub fn show(self, value: &impl Serialize, words: impl FnOnce() -> String) {
        let text = if self.json { json_line(value) } else { words() };
        // A reader that closed the pipe has seen enough.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Prints why a command failed.
    pub fn failure(self, failure: &Failure) {
        let text = if self.json {
            json_line(&serde_json::json!({ "error": failure.message, "kind": format!("{:?}", failure.kind) }))
        } else {
            format!("error: {}", failure.message)
        };
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

fn json_line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"not printable: {error}\"}}"))
}
