//! What the coordinator asks of each site at each stage: M0, M2, M4, M6 and M8.

use super::Server;
use super::rejection::ServerStage;
use crate::roster::Signature;
use crate::wire::{
    Advert, Body, Countersignature, Encode, EncryptedShares, Envelope, Index, KeyAdvert, KeySet, SealedShare, Sender,
    SetDigests, ShareSet, SignatureSet, Survivors,
};

impl Server {
    pub(super) fn announcement(&self, to: Index) -> Option<Vec<u8>> {
        match self.stage {
            ServerStage::Keys => Some(self.params.to_bytes()),
            ServerStage::Shares => Some(self.says(self.key_set())),
            ServerStage::Upload => Some(self.says(self.shares_for(to))),
            ServerStage::Consistency => Some(self.says(Survivors { third_set: self.third_set.clone() })),
            ServerStage::Unmasking => Some(self.says(self.signature_set())),
            ServerStage::Closed | ServerStage::Failed => None,
        }
    }

    fn says<T: Body>(&self, body: T) -> Vec<u8> {
        Envelope { session: self.session, sender: Sender::Server, body }.to_bytes()
    }

    pub(super) fn key_set(&self) -> KeySet {
        let advert = |(index, advert): (&Index, &KeyAdvert)| Advert { index: *index, advert: *advert };
        KeySet { adverts: self.adverts.iter().map(advert).collect() }
    }

    /// The shares of everyone in U2 that are for one of them.
    fn shares_for(&self, to: Index) -> ShareSet {
        let ciphertext =
            |shares: &EncryptedShares| shares.shares.iter().find(|share| share.peer == to).map(|one| one.ciphertext);
        let from = |(peer, shares): (&Index, &EncryptedShares)| {
            ciphertext(shares).map(|ciphertext| SealedShare { peer: *peer, ciphertext })
        };
        ShareSet { second_set: self.second_set.clone(), shares: self.shares.iter().filter_map(from).collect() }
    }

    fn signature_set(&self) -> SignatureSet {
        let one =
            |(signer, signature): (&Index, &Signature)| Countersignature { signer: *signer, signature: *signature };
        SignatureSet { signatures: self.signatures.iter().map(one).collect() }
    }

    pub(super) fn set_digests(&self) -> Option<SetDigests> {
        let second = self.second_set.second_digest(self.session);
        let third = self.third_set.third_digest(self.session);
        self.first_digest.map(|first| SetDigests { first, second, third })
    }
}
