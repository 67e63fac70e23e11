//! M3 is out; M4 brings the shares of others. With them this site can help to unmask, so from here on it matters what
//! it is told.

use super::Step;
use super::advertised::SessionSecrets;
use super::check::Check;
use super::masking::Masking;
use super::seat::Seat;
use crate::keys::{KeySchedule, PairEnds, ShareKey, SharePair};
use crate::mask::{MaskSum, Sign};
use crate::refusal::{Refusal, Stage};
use crate::wire::{FirstSetDigest, Index, IndexSet, MaskPublicKey, SealedShare, ShareSet};
use std::collections::BTreeMap;

/// A site that this one shares masks with.
pub(super) struct Peer {
    pub(super) index: Index,
    pub(super) mask: MaskPublicKey,
    pub(super) sending: ShareKey,
    pub(super) receiving: ShareKey,
}

/// A site whose shares are out.
pub(super) struct Shared {
    pub(super) seat: Seat,
    pub(super) secrets: SessionSecrets,
    pub(super) mask: MaskPublicKey,
    pub(super) first_set: IndexSet,
    pub(super) digest: FirstSetDigest,
    pub(super) peers: Vec<Peer>,
    /// This site's share of its own secrets.
    pub(super) own: SharePair,
}

impl Shared {
    /// Takes U2 and its shares in, and makes the masks.
    pub(super) fn receive(self, message: &[u8]) -> Result<Step<Masking>, Refusal> {
        let ShareSet { second_set, shares } = self.seat.hears(message)?;
        let inside = second_set.fits(self.seat.params.participants.len()) && second_set.is_subset(&self.first_set);
        Check::SecondSetInFirst.requires(inside, || Refusal::NotSubset { stage: Stage::Shares })?;
        let has_own = second_set.contains(self.seat.index);
        Check::SecondSetHasOwn.requires(has_own, || Refusal::OwnEntry { what: "place in U2" })?;
        self.seat.requires_enough(Check::SecondSetSize, Stage::Shares, self.seat.near(&second_set))?;
        let held = self.open_all(&second_set, &shares)?;
        Ok(self.masking(second_set, held))
    }

    fn open_all(&self, second_set: &IndexSet, shares: &[SealedShare]) -> Result<BTreeMap<Index, SharePair>, Refusal> {
        let expected = self.peers.iter().filter(|peer| second_set.contains(peer.index));
        let complete = expected.map(|peer| peer.index).eq(shares.iter().map(|share| share.peer));
        Check::SharesComplete.requires(complete, || Refusal::ShareList)?;
        let mut held = BTreeMap::new();
        for share in shares {
            let Some(peer) = self.peers.iter().find(|peer| peer.index == share.peer) else { continue };
            let from = peer.index;
            let opened = peer.receiving.open(&share.ciphertext);
            Check::SharesOpen.requires(opened.is_some(), || Refusal::Decrypt { from })?;
            let Some(opened) = opened else { continue };
            let pair = opened.scalars().ok();
            Check::SharesCanonical.requires(pair.is_some(), || Refusal::NotCanonical { from })?;
            held.extend(pair.map(|pair| (from, pair)));
        }
        Ok(held)
    }

    fn masking(self, second_set: IndexSet, mut held: BTreeMap<Index, SharePair>) -> Step<Masking> {
        let masks = self.masks(&second_set);
        held.insert(self.seat.index, self.own);
        let next = Masking { seat: self.seat, first_set: self.digest, second_set, masks, held };
        Step { next, outputs: vec![super::Output::Encode], reply: None }
    }

    /// This site's own mask, and one with each other of U2. σ and β are not needed again and are wiped with `self`.
    fn masks(&self, second_set: &IndexSet) -> MaskSum {
        let (index, schedule) = (self.seat.index, KeySchedule::new(self.seat.session));
        let mut masks = MaskSum::new(self.seat.params.vector.lane);
        masks.push(Sign::Plus, &schedule.self_mask(index, &self.secrets.beta));
        let secret = schedule.mask_secret(index, &self.secrets.sigma);
        for peer in self.peers.iter().filter(|peer| second_set.contains(peer.index)) {
            // Keys of small order were refused with M2.
            if let Some(agreed) = secret.agree(&peer.mask.0) {
                let ends = PairEnds::new((index, self.mask), (peer.index, peer.mask));
                masks.push(Sign::of_pair(index, peer.index), &schedule.pair_mask(&agreed, &ends));
            }
        }
        masks
    }
}
