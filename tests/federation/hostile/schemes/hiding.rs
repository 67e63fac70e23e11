//! One site is told that another took no part, so that it makes no mask with it; the coordinator itself is told nothing of it.

use super::{Delivery, Scheme, index, says};
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{
    Ciphertext, Decode, Encode, EncryptedShares, Envelope, FirstSetDigest, Index, IndexSet, KeySet, SealedShare,
    ShareSet,
};

/// Site 1 does not hear of site 4.
#[derive(Default)]
pub struct Hiding {
    /// What the others were told, which site 1 has to have said.
    told: Option<FirstSetDigest>,
}

impl Hiding {
    fn deceived() -> Index {
        index(1)
    }

    fn hidden() -> Index {
        index(4)
    }

    fn keys(&mut self, session: &SessionParams, mut set: KeySet) -> Vec<u8> {
        self.told = Some(set.digest(session.session_id()));
        set.adverts.retain(|entry| entry.index != Self::hidden());
        says(session, set)
    }

    fn shares(session: &SessionParams, mut set: ShareSet) -> Vec<u8> {
        let known = set.second_set.iter().filter(|one| *one != Self::hidden());
        set.second_set = IndexSet::of(session.participants.len(), known);
        set.shares.retain(|share| share.peer != Self::hidden());
        says(session, set)
    }

    /// M3 is not signed: the coordinator can make it say that it knows of all.
    fn completed(&self, mut heard: Envelope<EncryptedShares>) -> Vec<u8> {
        heard.body.first_set = self.told.unwrap_or(heard.body.first_set);
        let made_up = SealedShare { peer: Self::hidden(), ciphertext: Ciphertext([0; 80]) };
        heard.body.shares.push(made_up);
        heard.to_bytes()
    }
}

impl Scheme for Hiding {
    fn say(&mut self, session: &SessionParams, to: Index, message: Vec<u8>) -> Vec<Delivery> {
        let (keys, shares) = (Envelope::<KeySet>::from_bytes(&message), Envelope::<ShareSet>::from_bytes(&message));
        let message = match (keys, shares) {
            (Ok(keys), _) if to == Self::deceived() => self.keys(session, keys.body),
            (_, Ok(shares)) if to == Self::deceived() => Self::shares(session, shares.body),
            _ => message,
        };
        vec![Delivery::ToSite(to, message)]
    }

    fn hear(&mut self, _session: &SessionParams, from: Index, message: Vec<u8>) -> Vec<Delivery> {
        let message = match Envelope::<EncryptedShares>::from_bytes(&message) {
            Ok(shares) if from == Self::deceived() => self.completed(shares),
            _ => message,
        };
        vec![Delivery::ToCoordinator(from, message)]
    }
}
