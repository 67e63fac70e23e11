//! Messages of one kind, each exchanged for another as it is said.

use super::{Delivery, Scheme, index, says};
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{
    Body, Countersignature, Decode, Envelope, Index, IndexSet, KeySet, MaskPublicKey, MessageType, SharePublicKey,
    ShareSet, SignatureSet, Survivors,
};

/// Exchanges every message of type `T`.
struct Rewriting<T> {
    rewrite: fn(&SessionParams, Index, T) -> Vec<u8>,
}

impl<T: Body> Scheme for Rewriting<T> {
    fn say(&mut self, session: &SessionParams, to: Index, message: Vec<u8>) -> Vec<Delivery> {
        // Of the parameters, which are no envelope, the type is no part.
        let is_one = MessageType::of(&message).is_ok_and(|kind| kind == T::TYPE);
        let body = is_one.then(|| Envelope::<T>::from_bytes(&message).ok()).flatten();
        let message = body.map_or(message, |envelope| (self.rewrite)(session, to, envelope.body));
        vec![Delivery::ToSite(to, message)]
    }
}

/// The exchange of this name.
pub fn of_study(study: &str) -> Option<Box<dyn Scheme>> {
    Some(match study {
        "swapped-keys" => Box::new(Rewriting { rewrite: swap_keys }),
        "swapped-shares" => Box::new(Rewriting { rewrite: swap_shares }),
        "survivors-first" => Box::new(Rewriting { rewrite: skip_shares }),
        "few-survivors" => Box::new(Rewriting { rewrite: few_survivors }),
        "left-out" => Box::new(Rewriting { rewrite: leave_out }),
        "repeated-signer" => Box::new(Rewriting { rewrite: repeat_signer }),
        "borrowed-signature" => Box::new(Rewriting { rewrite: borrow_signature }),
        _ => return None,
    })
}

/// Keys whose secret halves everybody knows: those of RFC 7748, section 6.1.
const OWN_KEYS: [[u8; 32]; 2] = [
    [
        0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf,
        0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
    ],
    [
        0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61, 0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83,
        0x43, 0xc8, 0x5b, 0x78, 0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f,
    ],
];

/// The coordinator in the place of site 1, towards all others, with the signature that site 1 gave for other keys.
fn swap_keys(session: &SessionParams, to: Index, mut set: KeySet) -> Vec<u8> {
    let [mask, share] = OWN_KEYS;
    for entry in set.adverts.iter_mut().filter(|entry| entry.index == index(1) && to != index(1)) {
        (entry.advert.keys.mask, entry.advert.keys.share) = (MaskPublicKey(mask), SharePublicKey(share));
    }
    says(session, set)
}

/// What one site sealed, in another's name.
fn swap_shares(session: &SessionParams, _to: Index, mut set: ShareSet) -> Vec<u8> {
    if let [first, second, ..] = &mut set.shares[..] {
        std::mem::swap(&mut first.ciphertext, &mut second.ciphertext);
    }
    says(session, set)
}

fn skip_shares(session: &SessionParams, _to: Index, set: ShareSet) -> Vec<u8> {
    says(session, Survivors { third_set: set.second_set })
}

/// The site and one other: their sum, of which the other is a traitor.
fn few_survivors(session: &SessionParams, to: Index, _: Survivors) -> Vec<u8> {
    let other = if to == index(1) { index(2) } else { index(1) };
    says(session, Survivors { third_set: IndexSet::of(session.participants.len(), [to, other]) })
}

/// A site that is not in the sum would give the others' secrets alone.
fn leave_out(session: &SessionParams, to: Index, survivors: Survivors) -> Vec<u8> {
    let others = survivors.third_set.iter().filter(|one| *one != to);
    says(session, Survivors { third_set: IndexSet::of(session.participants.len(), others) })
}

/// t signatures, all of one site.
fn repeat_signer(session: &SessionParams, _to: Index, set: SignatureSet) -> Vec<u8> {
    let first = set.signatures.first().copied();
    says(session, SignatureSet { signatures: first.into_iter().cycle().take(set.signatures.len()).collect() })
}

/// t signers, of which one has signed.
fn borrow_signature(session: &SessionParams, _to: Index, set: SignatureSet) -> Vec<u8> {
    let signature = set.signatures.first().map(|one| one.signature);
    let borrow = |one: &Countersignature| signature.map(|signature| Countersignature { signature, ..*one });
    says(session, SignatureSet { signatures: set.signatures.iter().filter_map(borrow).collect() })
}
