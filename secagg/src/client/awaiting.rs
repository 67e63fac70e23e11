//! M6 and M7: told whose vectors are in the sum, a site signs that once.

use super::check::Check;
use super::journal::JournalStage;
use super::seat::Seat;
use super::signed::Signed;
use super::{Output, Step};
use crate::keys::SharePair;
use crate::refusal::{Refusal, Stage};
use crate::wire::{Consistency, FirstSetDigest, Index, IndexSet, SetDigests, Survivors};
use std::collections::BTreeMap;

/// A site whose vector is out.
pub(super) struct Awaiting {
    pub(super) seat: Seat,
    pub(super) first_set: FirstSetDigest,
    pub(super) second_set: IndexSet,
    pub(super) held: BTreeMap<Index, SharePair>,
}

impl Awaiting {
    /// Takes U3 in and signs the three sets. The journal has to hold that before the signature leaves.
    pub(super) fn sign(self, message: &[u8]) -> Result<Step<Signed>, Refusal> {
        let Survivors { third_set } = self.seat.hears(message)?;
        let inside = third_set.fits(self.seat.params.participants.len()) && third_set.is_subset(&self.second_set);
        Check::ThirdSetInSecond.requires(inside, || Refusal::NotSubset { stage: Stage::Upload })?;
        let has_own = third_set.contains(self.seat.index);
        Check::ThirdSetHasOwn.requires(has_own, || Refusal::OwnEntry { what: "place in U3" })?;
        self.seat.requires_enough(Check::ThirdSetSize, Stage::Upload, self.seat.near(&third_set))?;
        Ok(self.signed(third_set))
    }

    fn signed(self, third_set: IndexSet) -> Step<Signed> {
        let Self { seat, first_set, second_set, held } = self;
        let second = second_set.second_digest(seat.session);
        let sets = SetDigests { first: first_set, second, third: third_set.third_digest(seat.session) };
        let signature = seat.site.key.sign(&sets.statement(seat.session, seat.index));
        let message = seat.says(Consistency { sets, signature });
        let outputs = vec![Output::Persist(seat.record(JournalStage::Signed)), Output::Send(message.clone())];
        Step { next: Signed { seat, sets, third_set, held }, outputs, reply: Some(message) }
    }
}
