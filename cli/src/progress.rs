//! Bars on a terminal, lines elsewhere, nothing but the result with `--json`.

use crate::output::Output;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Where a command shows how far it is.
pub struct Progress {
    bars: Option<MultiProgress>,
    quiet: bool,
}

/// How far one thing is.
pub struct Bar {
    bar: Option<ProgressBar>,
    line: Option<String>,
}

impl Progress {
    /// Bars if a person watches a terminal.
    pub fn new(output: Output) -> Self {
        let terminal = std::io::stderr().is_terminal() && !output.is_json();
        Self { bars: terminal.then(MultiProgress::new), quiet: output.is_json() }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        match &self.bars {
            // A terminal that cannot be written to shows nothing; the work goes on.
            Some(bars) => drop(bars.println(line)),
            None if !self.quiet => eprintln!("{line}"),
            None => {}
        }
    }

    /// A bar of `length` steps.
    pub fn bar(&self, name: &str, length: u64) -> Bar {
        let style = ProgressStyle::with_template("{prefix:>12} {bar:32} {pos:>6}/{len:<6} {msg}");
        let bar = self.bars.as_ref().map(|bars| bars.add(ProgressBar::new(length)).with_prefix(name.to_owned()));
        if let (Some(bar), Ok(style)) = (&bar, style) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Bar { bar, line: (self.bars.is_none() && !self.quiet).then(|| name.to_owned()) }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

impl Bar {
    /// Moves on.
    pub fn set(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Something worth a word: beside the bar, or a line of its own.
    pub fn tell(&self, message: &str) {
        match (&self.bar, &self.line) {
            (Some(bar), _) => bar.set_message(message.to_owned()),
            (None, Some(name)) => eprintln!("{name}: {message}"),
            (None, None) => {}
        }
    }

    /// Something that changes too often for lines of its own.
    pub fn whisper(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
        }
    }
}
