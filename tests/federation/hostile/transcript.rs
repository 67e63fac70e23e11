//! What crossed the line between the coordinator and its sites, one JSON object a line.

use crate::process::lines;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use wardround_plan::SiteId;
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{Decode, MessageType};

/// Being written by the coordinator's process.
pub struct Transcript(File);

/// Which way, or neither.
#[derive(Debug, Clone, Copy)]
pub enum Direction {
    /// To a site.
    Said,
    /// From a site.
    Heard,
    /// Meant for a site, which never hears it.
    Withheld,
}

impl Transcript {
    /// A new file; one that was there goes on.
    pub fn create(path: &Path) -> Self {
        Self(File::options().create(true).append(true).open(path).expect("a folder of ours"))
    }

    /// Writes one message down; whoever reads the file sees it at once.
    pub fn note(&mut self, direction: Direction, study: &str, site: &SiteId, message: &[u8]) {
        let direction = format!("{direction:?}").to_lowercase();
        let line = json!({ "study": study, "site": site, direction: kind(message) });
        writeln!(self.0, "{line}").expect("room for a line");
    }
}

/// The name of a message's type; the parameters have none.
pub fn kind(message: &[u8]) -> String {
    match (SessionParams::from_bytes(message), MessageType::of(message)) {
        (Ok(_), _) => "Params".into(),
        (_, Ok(kind)) => format!("{kind:?}"),
        (_, Err(error)) => format!("no message: {error}"),
    }
}

/// Who has `said`, `heard` or was `withheld` a message of this type in a study so far, once for each time.
pub fn sites(transcript: &Path, study: &str, direction: &str, kind: &str) -> Vec<String> {
    let lines = lines(transcript).into_iter().filter(|line| line["study"] == study && line[direction] == kind);
    lines.filter_map(|line: Value| line["site"].as_str().map(str::to_owned)).collect()
}
