//! The coordinator's settings file.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wardround_plan::{DocumentError, parse_document};

/// `coordinator.toml`. Paths are relative to the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinatorConfig {
    /// Where sites dial in; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Database, models and uploads.
    pub state: PathBuf,
    /// The federation's authority, made by `wardround authority init`.
    pub authority: PathBuf,
    /// Key and certificate of this coordinator, made by `wardround authority init`.
    pub credentials: PathBuf,
    /// The roster of signing keys, made by `wardround authority sign-roster`. It is passed on to sites as it is; where
    /// the file is absent there is none yet.
    #[serde(default = "default_roster")]
    pub roster: PathBuf,
    /// Bounds on what peers can make this coordinator hold.
    #[serde(default)]
    pub limits: Limits,
}

fn default_roster() -> PathBuf {
    "federation.roster".into()
}

/// Bounds on what peers can make this coordinator hold.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest model or update.
    pub upload_bytes_max: u64,
    /// Uploads that one site may have under way.
    pub uploads_per_site_max: u32,
    /// Uploads of all sites together.
    pub uploads_max: u32,
    /// TLS handshakes under way.
    pub handshakes_max: u32,
    /// Connections of all sites together.
    pub connections_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes_max: 8 << 30,
            uploads_per_site_max: 2,
            uploads_max: 64,
            handshakes_max: 256,
            connections_max: 16_384,
        }
    }
}

/// The settings could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{path}: {source}")]
    Document {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: DocumentError,
    },
}

impl CoordinatorConfig {
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
        for relative in [&mut config.state, &mut config.authority, &mut config.credentials, &mut config.roster] {
            *relative = base.join(&*relative);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_good_and_shows_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/coordinator.toml");
        let config = CoordinatorConfig::load(&path).expect("good");
        assert_eq!(config.roster, path.with_file_name(default_roster()));
        assert_eq!(format!("{:?}", config.limits), format!("{:?}", Limits::default()));
    }
}
