//! M1 is out; M2 brings everybody's keys. From here on the coordinator cannot put its own in between.

use super::check::Check;
use super::seat::Seat;
use super::shared::{Peer, Shared};
use super::{Output, Step};
use crate::keys::{AgreementSecret, KeySchedule, ShareKey, SharePair};
use crate::refusal::{Refusal, Stage};
use crate::shamir::{SecretScalar, split};
use crate::wire::{
    AdvertKeys, EncryptedShares, FirstSetDigest, Index, IndexSet, KeyAdvert, KeySet, MaskPublicKey, SealedShare,
    SharePublicKey,
};
use rand::CryptoRng;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// What a session's keys come from; fresh in each.
pub(super) struct SessionSecrets {
    /// σ, from which the pair masks follow.
    pub(super) sigma: SecretScalar,
    /// β, from which the own mask follows.
    pub(super) beta: SecretScalar,
    pub(super) share: AgreementSecret,
}

impl SessionSecrets {
    fn draw(rng: &mut impl CryptoRng) -> Self {
        let (sigma, beta) = (SecretScalar::random(rng), SecretScalar::random(rng));
        let mut share = Zeroizing::new([0; 32]);
        rng.fill_bytes(share.as_mut());
        Self { sigma, beta, share: AgreementSecret::new(share) }
    }

    fn keys(&self, seat: &Seat) -> AdvertKeys {
        let schedule = KeySchedule::new(seat.session);
        AdvertKeys {
            mask: MaskPublicKey(schedule.mask_secret(seat.index, &self.sigma).public()),
            share: SharePublicKey(self.share.public()),
            seed: schedule.seed_commitment(seat.index, &self.beta),
        }
    }
}

/// A site whose keys are out.
pub(super) struct Advertised {
    pub(super) seat: Seat,
    secrets: SessionSecrets,
    advert: KeyAdvert,
}

impl Advertised {
    pub(super) fn begin(seat: Seat, rng: &mut impl CryptoRng) -> (Self, Vec<u8>) {
        let secrets = SessionSecrets::draw(rng);
        let keys = secrets.keys(&seat);
        let signature = seat.site.key.sign(&keys.statement(seat.session, seat.index));
        let advert = KeyAdvert { keys, signature };
        let message = seat.says(advert);
        (Self { seat, secrets, advert }, message)
    }

    /// Takes U1 in and shares this site's secrets among it.
    pub(super) fn share(self, message: &[u8], rng: &mut impl CryptoRng) -> Result<Step<Shared>, Refusal> {
        let first: KeySet = self.seat.hears(message)?;
        self.check_signatures(&first)?;
        check_distinct(&first)?;
        let own = first.adverts.iter().find(|entry| entry.index == self.seat.index).map(|entry| entry.advert);
        Check::OwnAdvert.requires(own == Some(self.advert), || Refusal::OwnEntry { what: "keys" })?;
        let digest = first.digest(self.seat.session);
        let first_set = IndexSet::of(self.seat.params.participants.len(), first.adverts.iter().map(|one| one.index));
        self.seat.requires_enough(Check::FirstSetSize, Stage::Keys, self.seat.near(&first_set))?;
        let peers = self.peers(&first, digest)?;
        Ok(self.shared(first_set, digest, peers, rng))
    }

    fn check_signatures(&self, first: &KeySet) -> Result<(), Refusal> {
        for entry in &first.adverts {
            let index = entry.index;
            let signer = self.seat.signer(index);
            Check::AdvertListed.requires(signer.is_some(), || Refusal::Stranger { index })?;
            let statement = entry.advert.keys.statement(self.seat.session, index);
            // Whoever has no key was refused above.
            let signed = signer.is_none_or(|key| key.has_signed(&statement, &entry.advert.signature));
            Check::AdvertSigned.requires(signed, || Refusal::Signature { index, what: "keys" })?;
        }
        Ok(())
    }

    /// Those this site shares masks with, and the keys to write to them and to read from them.
    fn peers(&self, first: &KeySet, digest: FirstSetDigest) -> Result<Vec<Peer>, Refusal> {
        let near = |index| index != self.seat.index && self.seat.neighbourhood.contains(index);
        let mut peers = Vec::new();
        for entry in first.adverts.iter().filter(|entry| near(entry.index)) {
            let peer = self.peer(entry.index, &entry.advert.keys, digest);
            let refusal =
                || Refusal::Key { index: entry.index, what: "of small order, so everybody could agree with them" };
            Check::KeysContribute.requires(peer.is_some(), refusal)?;
            peers.extend(peer);
        }
        Ok(peers)
    }

    fn peer(&self, index: Index, keys: &AdvertKeys, digest: FirstSetDigest) -> Option<Peer> {
        let own = (self.seat.index, self.advert.keys.share);
        let (other, session, secret) = ((index, keys.share), self.seat.session, &self.secrets.share);
        let sending = ShareKey::between(session, digest, secret, &keys.share, own, other)?;
        let receiving = ShareKey::between(session, digest, secret, &keys.share, other, own)?;
        let mask_secret = KeySchedule::new(session).mask_secret(self.seat.index, &self.secrets.sigma);
        mask_secret.agree(&keys.mask.0)?;
        Some(Peer { index, mask: keys.mask, sending, receiving })
    }

    fn shared(
        self,
        first_set: IndexSet,
        digest: FirstSetDigest,
        peers: Vec<Peer>,
        rng: &mut impl CryptoRng,
    ) -> Step<Shared> {
        let Self { seat, secrets, advert } = self;
        let points: Vec<Index> = std::iter::once(seat.index).chain(peers.iter().map(|peer| peer.index)).collect();
        let threshold = seat.params.thresholds.threshold;
        let sigma = split(&secrets.sigma, threshold, points.iter().copied(), rng);
        let beta = split(&secrets.beta, threshold, points.iter().copied(), rng);
        let mut pairs = sigma.into_iter().zip(beta).map(|(mask, seed)| SharePair { mask, seed });
        let own = pairs.next().expect("this site is the first of the points");
        let seal =
            |(peer, pair): (&Peer, SharePair)| SealedShare { peer: peer.index, ciphertext: peer.sending.seal(&pair) };
        let shares = peers.iter().zip(pairs).map(seal).collect();
        let message = seat.says(EncryptedShares { first_set: digest, shares });
        let next = Shared { seat, secrets, mask: advert.keys.mask, first_set, digest, peers, own };
        Step { next, outputs: vec![Output::Send(message.clone())], reply: Some(message) }
    }
}

/// One site under two names, or one key that both ends of a pair hold, would make masks that others know.
fn check_distinct(first: &KeySet) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for entry in &first.adverts {
        let keys = [entry.advert.keys.mask.0, entry.advert.keys.share.0];
        let refusal = || Refusal::Key { index: entry.index, what: "those of another site" };
        Check::KeysDistinct.requires(keys.into_iter().all(|key| seen.insert(key)), refusal)?;
    }
    Ok(())
}
