//! M8 and M9: when t sites have signed what this one saw, it gives its shares: one kind for each site, never both.

use super::check::Check;
use super::seat::Seat;
use super::{Output, Step};
use crate::keys::SharePair;
use crate::refusal::{Refusal, Stage};
use crate::wire::{Index, IndexSet, RevealedShare, SetDigests, SignatureSet, Unmask};
use std::collections::BTreeMap;

/// A site that has signed the sets.
pub(super) struct Signed {
    pub(super) seat: Seat,
    pub(super) sets: SetDigests,
    pub(super) third_set: IndexSet,
    pub(super) held: BTreeMap<Index, SharePair>,
}

/// A site that has answered; its secrets are gone.
pub(super) struct Done {
    pub(super) seat: Seat,
}

impl Signed {
    /// Takes the others' signatures in and answers: the seed of each in U3, the mask secret of each that fell out.
    pub(super) fn unmask(self, message: &[u8]) -> Result<Step<Done>, Refusal> {
        let SignatureSet { signatures } = self.seat.hears(message)?;
        let mut near = 0;
        for signed in &signatures {
            let index = signed.signer;
            Check::SignersInThirdSet.requires(self.third_set.contains(index), || Refusal::Stranger { index })?;
            let statement = self.sets.statement(self.seat.session, index);
            // A signer that is no participant was refused above.
            let holds = self.seat.signer(index).is_none_or(|key| key.has_signed(&statement, &signed.signature));
            Check::SetsSigned.requires(holds, || Refusal::Signature { index, what: "sets" })?;
            near += usize::from(self.seat.neighbourhood.contains(index));
        }
        self.seat.requires_enough(Check::SignersEnough, Stage::Consistency, near)?;
        Ok(self.answered())
    }

    fn answered(self) -> Step<Done> {
        let reveal = |(owner, pair): (&Index, &SharePair)| {
            let secret = if self.third_set.contains(*owner) { &pair.seed } else { &pair.mask };
            RevealedShare { owner: *owner, share: *secret.to_bytes() }
        };
        let message = self.seat.says(Unmask { shares: self.held.iter().map(reveal).collect() });
        let outputs = vec![Output::Send(message.clone()), Output::Finished];
        Step { next: Done { seat: self.seat }, outputs, reply: Some(message) }
    }
}
