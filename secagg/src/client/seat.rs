//! A site's place in a session, and what it needs at every step.

use super::check::Check;
use super::policy::{Agreement, Policy};
use crate::refusal::{Refusal, Stage};
use crate::roster::{PublicKey, Roster, SigningKey};
use crate::session::SessionParams;
use crate::wire::{Body, ClientId, Decode, Encode, Envelope, Index, IndexSet, Sender, SessionId};
use std::sync::Arc;

/// Who a site is and what it asks for, in all its sessions.
#[derive(Clone)]
pub struct Site {
    /// Its id.
    pub client: ClientId,
    /// Its signing key.
    pub key: Arc<SigningKey>,
    /// The pinned roster.
    pub roster: Arc<Roster>,
    /// Its own minimum.
    pub policy: Policy,
}

/// A place in a session that passed every check.
pub(super) struct Seat {
    pub(super) site: Site,
    pub(super) params: SessionParams,
    pub(super) session: SessionId,
    pub(super) index: Index,
    /// This site and those it shares masks with.
    pub(super) neighbourhood: IndexSet,
    /// The signing key of each participant, in order.
    pub(super) signers: Vec<PublicKey>,
}

impl Seat {
    /// A message of this site.
    pub(super) fn says<T: Body>(&self, body: T) -> Vec<u8> {
        Envelope { session: self.session, sender: Sender::Client(self.index), body }.to_bytes()
    }

    /// A message of the coordinator.
    pub(super) fn hears<T: Body>(&self, message: &[u8]) -> Result<T, Refusal> {
        let Envelope { session, sender, body } = Envelope::<T>::from_bytes(message)?;
        Check::Session.requires(session == self.session && sender == Sender::Server, || Refusal::WrongSession)?;
        Ok(body)
    }

    /// How many of a set matter to this site: all of them in a complete graph.
    pub(super) fn near(&self, set: &IndexSet) -> usize {
        set.iter().filter(|index| self.neighbourhood.contains(*index)).count()
    }

    /// Refuses a set of fewer than t.
    pub(super) fn requires_enough(&self, check: Check, stage: Stage, got: usize) -> Result<(), Refusal> {
        let required = self.params.thresholds.threshold;
        check.requires(got as u64 >= u64::from(required), || Refusal::TooFew { stage, got, required })
    }

    /// The key of a participant.
    pub(super) fn signer(&self, index: Index) -> Option<&PublicKey> {
        self.signers.get(index.place())
    }

    pub(super) fn agreement(&self) -> Agreement {
        let cohort = self.params.participants.len() as u32;
        let thresholds = self.params.thresholds;
        Agreement {
            cohort,
            thresholds,
            dropouts_tolerated: thresholds
                .dropouts_tolerated(self.params.graph.neighbourhood_size(cohort as usize) as u32),
            honest_inputs: thresholds.honest_inputs(),
            noise_shares: self.params.noise.map(|noise| noise.honest),
        }
    }
}
