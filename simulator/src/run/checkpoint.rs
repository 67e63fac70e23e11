//! Everything a run needs to go on after a kill: one file, whole or not there.
//!
//! A line of JSON (the head), then the vectors it names as little-endian `f32`, then the SHA-256 of all before it.

use super::RunError;
use super::folder::{CHECKPOINT, Lengths, RunFolder};
use crate::SiteNumber;
use serde::{Deserialize, Serialize};
use std::path::Path;
use wardround_plan::{Digest, Hasher, RoundNumber};

const DIGEST_BYTES: usize = 32;

/// Where a run is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) head: Head,
    /// The model, the server's state, then what sites keep.
    pub(crate) vectors: Vec<Vec<f32>>,
}

/// The small part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// Rounds that are over; none at the start.
    pub(crate) done: Option<RoundNumber>,
    /// Virtual seconds since the start.
    pub(crate) clock_s: f64,
    /// The clip norm of the next round, where it moves.
    pub(crate) clip: Option<f64>,
    /// The tables' lengths.
    pub(crate) lengths: Lengths,
    /// Vectors of the server's state.
    pub(crate) server_vectors: usize,
    /// The sites that keep something, in order.
    pub(crate) sites: Vec<SiteNumber>,
    /// Numbers in each vector; filled in when it is written.
    pub(crate) counts: Vec<usize>,
}

/// Makes a checkpoint of `vectors` durable in `folder`, in the place of the last one.
pub(crate) fn write(folder: &RunFolder, mut head: Head, vectors: &[&[f32]]) -> Result<(), RunError> {
    head.counts = vectors.iter().map(|vector| vector.len()).collect();
    let mut bytes = serde_json::to_vec(&head).expect("finite numbers become JSON");
    bytes.push(b'\n');
    bytes.reserve(head.counts.iter().map(|count| count * 4).sum::<usize>() + DIGEST_BYTES);
    for vector in vectors {
        bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
    }
    folder.put(CHECKPOINT, &[&bytes, Digest::of(&bytes).as_bytes()])
}

impl Checkpoint {
    /// The checkpoint in `dir`.
    ///
    /// # Errors
    /// [`RunError::File`], and [`RunError::Broken`] for bytes that are not those that were written.
    pub(crate) fn read(dir: &Path) -> Result<Self, RunError> {
        let path = dir.join(CHECKPOINT);
        let bytes = std::fs::read(&path).map_err(RunError::file(&path))?;
        Self::parse(&bytes).map_err(|what| RunError::broken(&path, what))
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let end = bytes.len().checked_sub(DIGEST_BYTES).ok_or("it is too short")?;
        let (body, digest) = bytes.split_at(end);
        if Digest::of(body).as_bytes() != digest {
            return Err("its digest does not fit");
        }
        let line = body.iter().position(|byte| *byte == b'\n').ok_or("it has no head")?;
        let head: Head = serde_json::from_slice(&body[..line]).map_err(|_| "its head cannot be read")?;
        let mut numbers = body[line + 1..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let whole = head.counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count));
        if whole.and_then(|whole| whole.checked_mul(4)) != Some(body.len() - line - 1) {
            return Err("its vectors have other lengths than its head says");
        }
        let vectors = head.counts.iter().map(|count| numbers.by_ref().take(*count).collect()).collect();
        Ok(Self { head, vectors })
    }
}

/// Digest of a model, as every event names it: SHA-256 of its little-endian `f32` bytes, as in a deployment.
pub(crate) fn model_digest(model: &[f32]) -> Digest {
    /// Weights that are turned to bytes at a time.
    const BLOCK: usize = 4096;
    let (mut hasher, mut bytes) = (Hasher::new(), Vec::with_capacity(BLOCK * 4));
    for block in model.chunks(BLOCK) {
        bytes.clear();
        bytes.extend(block.iter().flat_map(|value| value.to_le_bytes()));
        hasher.update(&bytes);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(folder: &mut RunFolder, counts: Vec<usize>) -> Head {
        let lengths = folder.sync().expect("synced");
        let sites = vec![SiteNumber::new(4)];
        Head { done: RoundNumber::new(3), clock_s: 1.5, clip: None, lengths, server_vectors: 1, sites, counts }
    }

    #[test]
    fn it_comes_back_as_it_was_and_any_changed_byte_is_seen() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut folder = RunFolder::create(dir.path()).expect("created");
        let head = head(&mut folder, vec![2, 0, 1]);
        let vectors = [vec![1.0, -0.0], vec![], vec![f32::MIN_POSITIVE]];
        write(&folder, head.clone(), &vectors.each_ref().map(Vec::as_slice)).expect("written");
        assert_eq!(Checkpoint::read(dir.path()).expect("whole"), Checkpoint { head, vectors: vectors.into() });
        let bytes = std::fs::read(dir.path().join(CHECKPOINT)).expect("there");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(Checkpoint::parse(&changed).is_err(), "byte {place}");
            assert!(Checkpoint::parse(&bytes[..place]).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn lengths_that_overflow_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut folder = RunFolder::create(dir.path()).expect("created");
        for counts in [vec![usize::MAX, 4], vec![usize::MAX / 2], vec![1]] {
            let mut bytes = serde_json::to_vec(&head(&mut folder, counts)).expect("JSON");
            bytes.push(b'\n');
            let digest = Digest::of(&bytes);
            bytes.extend(digest.as_bytes());
            assert!(Checkpoint::parse(&bytes).is_err());
        }
    }

    #[test]
    fn a_models_digest_is_that_of_its_bytes() {
        let model: Vec<f32> = (0..10_001).map(|index| index as f32 / 7.0).collect();
        let bytes: Vec<u8> = model.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(model_digest(&model), Digest::of(&bytes));
    }
}
