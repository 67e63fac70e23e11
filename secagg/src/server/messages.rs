//! What the coordinator checks of each site's message: early, so that the faulty one is left out and not the session.

use super::Server;
use super::rejection::{Rejection, ServerStage};
use super::upload::read;
use crate::keys::AgreementSecret;
use crate::shamir::SecretScalar;
use crate::wire::{Consistency, EncryptedShares, Index, KeyAdvert, MessageType, Unmask};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A message that can be read.
pub(super) enum Answer {
    Keys(KeyAdvert),
    Shares(EncryptedShares),
    Consistency(Consistency),
    Unmask(BTreeMap<Index, SecretScalar>),
}

impl Answer {
    pub(super) fn read(server: &Server, from: Index, message: &[u8]) -> Result<Self, Rejection> {
        let session = server.session;
        Ok(match MessageType::of(message)? {
            MessageType::KeyAdvert => Self::Keys(read(message, session, from)?),
            MessageType::EncryptedShares => Self::Shares(read(message, session, from)?),
            MessageType::Consistency => Self::Consistency(read(message, session, from)?),
            MessageType::Unmask => Self::Unmask(scalars(from, &read(message, session, from)?)?),
            got => return Err(Rejection::OutOfTurn { got, stage: server.stage }),
        })
    }

    /// The stage that asks for it.
    pub(super) fn stage(&self) -> ServerStage {
        match self {
            Self::Keys(_) => ServerStage::Keys,
            Self::Shares(_) => ServerStage::Shares,
            Self::Consistency(_) => ServerStage::Consistency,
            Self::Unmask(_) => ServerStage::Unmasking,
        }
    }

    /// Whether it says what this site has to say in this session.
    pub(super) fn check(&self, server: &Server, from: Index) -> Result<(), Rejection> {
        match self {
            Self::Keys(advert) => server.check_keys(from, advert),
            Self::Shares(shares) => server.check_shares(from, shares),
            Self::Consistency(consistency) => server.check_consistency(from, consistency),
            Self::Unmask(shares) => server.check_unmask(from, shares),
        }
    }
}

fn scalars(from: Index, unmask: &Unmask) -> Result<BTreeMap<Index, SecretScalar>, Rejection> {
    let scalar = |bytes| SecretScalar::from_canonical(bytes).map_err(|_| Rejection::NotCanonical { index: from });
    unmask.shares.iter().map(|revealed| Ok((revealed.owner, scalar(&revealed.share)?))).collect()
}

impl Server {
    fn check_keys(&self, from: Index, advert: &KeyAdvert) -> Result<(), Rejection> {
        let statement = advert.keys.statement(self.session, from);
        if !self.signer(from)?.has_signed(&statement, &advert.signature) {
            return Err(Rejection::Signature { index: from });
        }
        let probe = AgreementSecret::new(Zeroizing::new([0; 32]));
        let own = [advert.keys.mask.0, advert.keys.share.0];
        let contribute = own.iter().all(|key| probe.agree(key).is_some());
        let mut others = self.adverts.values().flat_map(|other| [other.keys.mask.0, other.keys.share.0]);
        let distinct = own[0] != own[1] && others.all(|key| !own.contains(&key));
        match contribute && distinct {
            true => Ok(()),
            false => Err(Rejection::Keys { index: from }),
        }
    }

    fn check_shares(&self, from: Index, shares: &EncryptedShares) -> Result<(), Rejection> {
        if Some(shares.first_set) != self.first_digest {
            return Err(Rejection::Sets { index: from });
        }
        let near = self.neighbourhoods.of(from);
        let expected = self.first_set.iter().filter(|index| *index != from && near.contains(*index));
        match expected.eq(shares.shares.iter().map(|share| share.peer)) {
            true => Ok(()),
            false => Err(Rejection::ShareList { index: from }),
        }
    }

    fn check_consistency(&self, from: Index, consistency: &Consistency) -> Result<(), Rejection> {
        if Some(consistency.sets) != self.set_digests() {
            return Err(Rejection::Sets { index: from });
        }
        let statement = consistency.sets.statement(self.session, from);
        match self.signer(from)?.has_signed(&statement, &consistency.signature) {
            true => Ok(()),
            false => Err(Rejection::Signature { index: from }),
        }
    }

    fn check_unmask(&self, from: Index, shares: &BTreeMap<Index, SecretScalar>) -> Result<(), Rejection> {
        let near = self.neighbourhoods.of(from);
        let expected = self.second_set.iter().filter(|index| near.contains(*index));
        match expected.eq(shares.keys().copied()) {
            true => Ok(()),
            false => Err(Rejection::ShareList { index: from }),
        }
    }
}
