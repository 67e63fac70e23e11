//! `sweep.json`: what a sweep's folder holds, and how far it is.

use super::{Setting, Variant};
use crate::{RunError, RunSummary};
use serde::{Deserialize, Serialize};
use std::path::Path;
use wardround_plan::Digest;

const FILE: &str = "sweep.json";
const FORMAT: u32 = 1;

/// The variants of a sweep; each has a run in the folder of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepManifest {
    /// Of this file.
    pub format: u32,
    /// The version that wrote it.
    pub wardround: String,
    /// In the order in which they are run.
    pub variants: Vec<VariantRecord>,
}

/// One variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantRecord {
    /// Also its folder's.
    pub name: String,
    /// What was chosen.
    pub settings: Vec<Setting>,
    /// Seed of the simulation.
    pub seed: u64,
    /// Digest of its scenario.
    pub scenario: Digest,
    /// Rounds that are over.
    pub rounds: u32,
    /// Whether these are all.
    pub complete: bool,
    /// Digest of the model after them; none before the first.
    pub model: Option<Digest>,
    /// Digest of what its sites learn from; none before it is begun.
    pub data: Option<Digest>,
}

impl SweepManifest {
    /// Of variants that were not begun.
    pub fn new(variants: &[Variant]) -> Self {
        let record = |variant: &Variant| VariantRecord {
            name: variant.name.clone(),
            settings: variant.settings.clone(),
            seed: variant.seed,
            scenario: variant.scenario.digest(),
            rounds: 0,
            complete: false,
            model: None,
            data: None,
        };
        Self {
            format: FORMAT,
            wardround: env!("CARGO_PKG_VERSION").into(),
            variants: variants.iter().map(record).collect(),
        }
    }

    /// That of the sweep in `dir`, or `None` where there is none.
    ///
    /// # Errors
    /// [`RunError::File`] and [`RunError::Broken`].
    pub fn find(dir: &Path) -> Result<Option<Self>, RunError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path).map_err(RunError::file(&path))?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| RunError::broken(&path, error))?;
        // Names become paths.
        let is_name = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && name != ".." && name != ".";
        match manifest.variants.iter().find(|variant| !is_name(&variant.name)) {
            Some(variant) => Err(RunError::broken(&path, format!("`{}` is no name of a folder", variant.name))),
            None => Ok(Some(manifest)),
        }
    }

    /// Writes it into `dir`, all at once.
    ///
    /// # Errors
    /// [`RunError::File`]
    pub fn write(&self, dir: &Path) -> Result<(), RunError> {
        let (path, part) = (dir.join(FILE), dir.join(format!("{FILE}.part")));
        let text = serde_json::to_vec_pretty(self).expect("text and numbers become JSON");
        std::fs::write(&part, text).map_err(RunError::file(&part))?;
        std::fs::rename(&part, &path).map_err(RunError::file(&path))
    }
}

impl VariantRecord {
    /// How far its run is.
    pub fn tell(&mut self, run: &RunSummary) {
        self.rounds = run.rounds.last().map_or(0, |round| round.attempt.round.get());
        self.complete = run.is_complete();
        self.model = run.rounds.last().map(|round| round.model);
        self.data = Some(run.manifest.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_and_leads_nowhere_else() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(SweepManifest::find(dir.path()).expect("no sweep is no mistake"), None);
        let record = VariantRecord {
            name: "epsilon-3_seed-1".into(),
            settings: vec![Setting { key: "privacy.epsilon".into(), value: "3".into() }],
            seed: 1,
            scenario: Digest::of(b"a"),
            rounds: 4,
            complete: true,
            model: Some(Digest::of(b"m")),
            data: None,
        };
        let mut sweep = SweepManifest { variants: vec![record], ..SweepManifest::new(&[]) };
        sweep.write(dir.path()).expect("written");
        assert_eq!(SweepManifest::find(dir.path()).expect("whole").as_ref(), Some(&sweep));
        for name in ["../elsewhere", "..", "", "a/b"] {
            sweep.variants[0].name = name.into();
            sweep.write(dir.path()).expect("written");
            let error = SweepManifest::find(dir.path()).expect_err(name).to_string();
            assert!(error.contains("no name of a folder"), "{error}");
        }
        std::fs::write(dir.path().join(FILE), b"{").expect("written");
        assert!(matches!(SweepManifest::find(dir.path()), Err(RunError::Broken { .. })));
    }
}
