//! What is said between sites and coordinator (specification, 5.1 and 5.5).

mod abort;
mod advert;
mod codec;
mod envelope;
mod ids;
mod index_set;
mod label;
mod masked;
mod outcome;
mod sets;
mod shares;

pub use abort::Abort;
pub use advert::{Advert, AdvertKeys, KeyAdvert, KeySet, MaskPublicKey, SeedCommitment, SharePublicKey};
pub use codec::{Decode, DecodeError, Encode, Reader, Writer};
pub use envelope::{Body, Envelope, MessageType};
pub use ids::{
    Attempt, ClientId, ConfigDigest, DetailDigest, FederationId, FirstSetDigest, Index, ModelDigest, RosterDigest,
    Round, SecondSetDigest, Sender, SessionId, StudyId, ThirdSetDigest, VectorDigest,
};
pub use index_set::IndexSet;
pub use label::Label;
pub use masked::{CHUNK_BYTES_MAX, Chunk, MaskedHeader, MaskedTrailer};
pub use outcome::Outcome;
pub use sets::{Consistency, Countersignature, SetDigests, SignatureSet, Survivors};
pub use shares::{Ciphertext, EncryptedShares, RevealedShare, SealedShare, ShareSet, Unmask};

pub(crate) use codec::{increasing, refused};
pub(crate) use envelope::header;

#[cfg(test)]
mod tests;
