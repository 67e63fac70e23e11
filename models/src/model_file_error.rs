//! Why a model file cannot be written or read, in words that name the file.

use safetensors::tensor::SafeTensorError;
use std::path::PathBuf;
use wardround_plan::WeightsError;

/// Why a model file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The file system said no.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: std::io::Error,
    },
    /// The bytes are no safetensors file, or only a part of one.
    #[error("{}: not a whole safetensors file ({error}); copy it again", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: SafeTensorError,
    },
    /// The file is larger than this network can need.
    #[error("{}: {bytes} bytes, but a model of this plan has at most {bytes_max}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// Largest size of a model with this layout.
        bytes_max: u64,
    },
    /// The metadata lacks an entry, or it cannot be read.
    #[error("{}: `{key}` in the metadata is {found}; was it written by wardround?", .path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: &'static str,
        /// What stands there.
        found: String,
    },
    /// The tensors are another network's.
    #[error("{}: {what}; this is the model of another plan", .path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// The first difference.
        what: String,
    },
    /// The values are no weights.
    #[error("{}: {error}", .path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        error: WeightsError,
    },
}
