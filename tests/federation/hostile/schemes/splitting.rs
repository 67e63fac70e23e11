//! Two stories of who is in the sum: to one half site 4 has fallen out, to the other it is there. Who believed both would give
//! both kinds of its shares: its mask and its seed, which are its update.

use super::{Delivery, Scheme, index, says};
use std::collections::BTreeMap;
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{
    Consistency, Countersignature, Decode, Envelope, Index, IndexSet, SignatureSet, Survivors,
};

/// Which signatures a site is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// Of everybody whom its story has in the sum: enough, of which some are for the other story.
    All,
    /// Those for its own story: too few.
    Matching,
}

/// Sites 1 and 2 hear one story, 3 and 4 the other.
pub struct Splitting {
    shown: Signatures,
    signed: BTreeMap<Index, Consistency>,
}

impl Splitting {
    /// Nobody has signed yet.
    pub fn with(shown: Signatures) -> Self {
        Self { shown, signed: BTreeMap::new() }
    }

    fn story(session: &SessionParams, to: Index) -> IndexSet {
        let hears_of_loss = to <= index(2);
        let there = session.indices().filter(|one| *one != index(4) || !hears_of_loss);
        IndexSet::of(session.participants.len(), there)
    }

    fn signatures_for(&self, session: &SessionParams, to: Index) -> SignatureSet {
        let (story, own) = (Self::story(session, to), self.signed.get(&to).map(|signed| signed.sets));
        let shown = self.signed.iter().filter(|(signer, signed)| {
            story.contains(**signer) && (self.shown == Signatures::All || Some(signed.sets) == own)
        });
        let one = |(signer, signed): (&Index, &Consistency)| Countersignature {
            signer: *signer,
            signature: signed.signature,
        };
        SignatureSet { signatures: shown.map(one).collect() }
    }
}

impl Scheme for Splitting {
    fn say(&mut self, session: &SessionParams, to: Index, message: Vec<u8>) -> Vec<Delivery> {
        let message = match Envelope::<Survivors>::from_bytes(&message) {
            Ok(_) => says(session, Survivors { third_set: Self::story(session, to) }),
            Err(_) => message,
        };
        vec![Delivery::ToSite(to, message)]
    }

    fn hear(&mut self, session: &SessionParams, from: Index, message: Vec<u8>) -> Vec<Delivery> {
        let Ok(signed) = Envelope::<Consistency>::from_bytes(&message) else {
            return vec![Delivery::ToCoordinator(from, message)];
        };
        self.signed.insert(from, signed.body);
        if self.signed.len() < session.participants.len() {
            return Vec::new();
        }
        let say = |to| Delivery::ToSite(to, says(session, self.signatures_for(session, to)));
        session.indices().map(say).collect()
    }
}
