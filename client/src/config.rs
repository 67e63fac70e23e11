//! The hospital's settings file: where its scans are, whom it dials, and what it allows.

use serde::Deserialize;
use std::path::{Path, PathBuf};
use wardround_plan::{DataSetName, DocumentError, PlanDigest, parse_document};

/// `site.toml`. Paths are relative to the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// The coordinator's address, `https://HOST:PORT`. The site dials it; nothing dials the site.
    pub coordinator: String,
    /// Key and certificate, made by `wardround site enroll`.
    pub credentials: PathBuf,
    /// Database, models and updates.
    pub state: PathBuf,
    /// The scans.
    pub data: DataConfig,
    /// What the hospital allows. What is not allowed here is refused.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// What computes.
    #[serde(default)]
    pub compute: ComputeConfig,
}

/// `[data]`: the scans.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The name under which the privacy budget of these patients is kept. Another name is another budget: give the same
    /// patients the same name for ever.
    #[serde(default = "scans")]
    pub name: DataSetName,
    /// Folder with `manifest.csv`, `images/` and `masks/`.
    pub folder: PathBuf,
}

/// `[policy]`: what the hospital allows. Everything defaults to no.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Digests of the plans that may run here, as `wardround study digest PLAN` prints them.
    pub plans: Vec<PlanDigest>,
    /// Allowed beginnings of a plan's purpose; empty allows any purpose of an allowed plan.
    pub purposes: Vec<String>,
    /// Fewest sites of a round that this site joins.
    pub min_cohort: u32,
    /// Allow plans without privacy: whoever receives an update may learn about single patients.
    pub allow_without_privacy: bool,
    /// Allow plans without secure aggregation: the coordinator sees this site's updates.
    pub allow_visible_updates: bool,
    /// Treat every image as a patient of its own. Wrong wherever one person has several images.
    pub images_are_patients: bool,
    /// What a session of the secure aggregation has to guarantee.
    pub secagg: SecaggPolicy,
}

/// `[policy.secagg]`: what this site asks of a masked sum, whatever the coordinator proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecaggPolicy {
    /// Fewest sites that have to be assumed in league with the coordinator.
    pub assumed_corrupt: u32,
    /// Fewest honest sites in every sum that can come out; below 2 nothing is ever summed.
    pub min_honest: u32,
    /// How often one round may be tried.
    pub attempts: u32,
}

impl Default for SecaggPolicy {
    fn default() -> Self {
        Self { assumed_corrupt: 1, min_honest: 2, attempts: 2 }
    }
}

/// `[compute]`: what computes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComputeConfig {
    /// `cpu`, `cuda:0` or `vulkan:0`.
    pub device: String,
    /// Processor threads; 0 takes all.
    pub threads: usize,
}

fn scans() -> DataSetName {
    DataSetName::new("scans").expect("a good name")
}

impl Default for ComputeConfig {
    fn default() -> Self {
        Self { device: "cpu".into(), threads: 0 }
    }
}

/// The settings could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{}: {source}", .path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: DocumentError,
    },
}

impl SiteConfig {
    /// Reads a settings file.
    ///
    /// # Errors
    /// Unreadable files and unknown keys, with line and suggestion.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
        let mut config: Self =
            parse_document(&text).map_err(|source| ConfigError::Document { path: path.into(), source })?;
        let base = path.parent().unwrap_or(Path::new("."));
        for relative in [&mut config.credentials, &mut config.state, &mut config.data.folder] {
            *relative = base.join(&*relative);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_good_and_allows_nothing() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/site.toml");
        let config = SiteConfig::load(&path).expect("good");
        assert!(config.policy.plans.is_empty() && !config.policy.allow_without_privacy);
        assert_eq!(config.data.name.as_str(), "scans");
        assert!(config.data.folder.ends_with("configs/scans"), "paths are relative to the file");
    }

    #[test]
    fn a_mistyped_permission_is_an_error_and_not_a_silent_no() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("site.toml");
        let text = "coordinator = \"https://x\"\ncredentials = \"c\"\nstate = \"s\"\n[data]\nfolder = \"d\"\n[policy]\nmin_cohrt = 3\n";
        std::fs::write(&path, text).expect("written");
        let error = SiteConfig::load(&path).expect_err("unknown key").to_string();
        assert!(error.contains("line 7") && error.contains("did you mean `min_cohort`?"), "{error}");
    }
}
