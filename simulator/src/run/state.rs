//! What one round leaves to the next, in memory and in a checkpoint.

use super::RunError;
use super::checkpoint::{self, Checkpoint, Head};
use super::folder::{Lengths, RunFolder};
use crate::states::SiteStates;
use wardround_plan::RoundNumber;
use wardround_strategy::{ServerState, Strategy};

/// What one round leaves to the next.
pub(crate) struct State {
    pub(crate) done: Option<RoundNumber>,
    pub(crate) clock_s: f64,
    pub(crate) clip: Option<f64>,
    pub(crate) server: ServerState,
    pub(crate) sites: SiteStates,
}

impl State {
    /// Of a study that starts from `initial`.
    pub(crate) fn before_first(strategy: &Strategy, initial: &[f32]) -> Self {
        let server = ServerState::new(strategy.server(), initial.to_vec());
        Self { done: None, clock_s: 0.0, clip: None, server, sites: SiteStates::new(strategy.local(), initial) }
    }

    /// As a checkpoint says.
    ///
    /// # Errors
    /// In words: a checkpoint of another strategy or model.
    pub(crate) fn at(strategy: &Strategy, initial: &[f32], checkpoint: Checkpoint) -> Result<Self, String> {
        let Checkpoint { head, vectors } = checkpoint;
        let mut vectors = vectors.into_iter();
        let model = vectors.next().filter(|model| model.len() == initial.len()).ok_or("it holds another model")?;
        let state = vectors.by_ref().take(head.server_vectors).collect();
        let server = ServerState::from_parts(strategy.server(), model, state).map_err(|error| error.to_string())?;
        let mut sites = SiteStates::new(strategy.local(), initial);
        let kept: Vec<_> = head.sites.into_iter().zip(vectors).collect();
        if kept.iter().any(|(_, vector)| vector.len() != sites.len()) {
            return Err("a site's state has another length".into());
        }
        sites.move_on(kept);
        Ok(Self { done: head.done, clock_s: head.clock_s, clip: head.clip, server, sites })
    }

    /// Makes it durable in `folder`, whose tables are so long.
    ///
    /// # Errors
    /// [`RunError::File`]
    pub(crate) fn write(&self, folder: &RunFolder, lengths: Lengths) -> Result<(), RunError> {
        let Self { done, clock_s, clip, server, sites } = self;
        let head = Head {
            done: *done,
            clock_s: *clock_s,
            clip: *clip,
            lengths,
            server_vectors: server.vectors().len(),
            sites: sites.kept().map(|(site, _)| site).collect(),
            counts: Vec::new(),
        };
        let mut vectors = vec![server.model()];
        vectors.extend(server.vectors().iter().map(Vec::as_slice));
        vectors.extend(sites.kept().map(|(_, vector)| vector));
        checkpoint::write(folder, head, &vectors)
    }
}
