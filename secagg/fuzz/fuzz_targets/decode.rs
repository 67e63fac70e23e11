//! Any bytes as any message: an error, or the one encoding of what was read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wardround_plan::Digest;
use wardround_secagg::client::JournalRecord;
use wardround_secagg::roster::{EnrolmentCertificate, Roster};
use wardround_secagg::server::ServerEvent;
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{
    Abort, Chunk, Consistency, Decode, Encode, EncryptedShares, Envelope, KeyAdvert, KeySet, MaskedHeader,
    MaskedTrailer, Outcome, ShareSet, SignatureSet, Survivors, Unmask,
};

fn canonical<T: Decode + Encode>(bytes: &[u8]) {
    if let Ok(value) = T::from_bytes(bytes) {
        assert!(value.to_bytes() == bytes, "a second spelling of one message");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 18 {
        0 => canonical::<SessionParams>(rest),
        1 => canonical::<Roster>(rest),
        2 => canonical::<EnrolmentCertificate>(rest),
        3 => canonical::<JournalRecord>(rest),
        4 => canonical::<ServerEvent>(rest),
        kind => message(kind - 4, rest),
    }
});

/// With the session and the type in front, so that all of the input is the body.
fn message(kind: u8, rest: &[u8]) {
    let bytes = [Digest::of(b"session").as_bytes(), &[kind][..], rest].concat();
    match kind {
        1 => canonical::<Envelope<KeyAdvert>>(&bytes),
        2 => canonical::<Envelope<KeySet>>(&bytes),
        3 => canonical::<Envelope<EncryptedShares>>(&bytes),
        4 => canonical::<Envelope<ShareSet>>(&bytes),
        5 => canonical::<Envelope<MaskedHeader>>(&bytes),
        6 => canonical::<Envelope<Survivors>>(&bytes),
        7 => canonical::<Envelope<Consistency>>(&bytes),
        8 => canonical::<Envelope<SignatureSet>>(&bytes),
        9 => canonical::<Envelope<Unmask>>(&bytes),
        10 => canonical::<Envelope<Abort>>(&bytes),
        11 => canonical::<Envelope<Outcome>>(&bytes),
        12 => canonical::<Envelope<Chunk>>(&bytes),
        _ => canonical::<Envelope<MaskedTrailer>>(&bytes),
    }
}
