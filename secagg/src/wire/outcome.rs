//! MB: what came out, signed by the coordinator, so that sites can compare what each was told.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer};
use super::envelope::{Body, MessageType, header};
use super::ids::{Sender, SessionId};
use super::label::Label;
use super::{IndexSet, VectorDigest};
use crate::roster::{PublicKey, Signature, SigningKey};

/// The sum's digest and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// SHA-256 over the words of the unmasked sum, little-endian, in order.
    pub aggregate: VectorDigest,
    /// U3.
    pub third_set: IndexSet,
    /// The coordinator's.
    pub signature: Signature,
}

impl Outcome {
    /// Signs what came out of `session`.
    pub fn sign(session: SessionId, aggregate: VectorDigest, third_set: IndexSet, key: &SigningKey) -> Self {
        let signature = key.sign(&statement(session, aggregate, &third_set));
        Self { aggregate, third_set, signature }
    }

    /// Whether the coordinator with `key` said this of `session`.
    pub fn is_signed_by(&self, session: SessionId, key: &PublicKey) -> bool {
        key.has_signed(&statement(session, self.aggregate, &self.third_set), &self.signature)
    }
}

fn statement(session: SessionId, aggregate: VectorDigest, third_set: &IndexSet) -> Vec<u8> {
    let header = header(session, MessageType::Outcome, Sender::Server);
    Label::RESULT.prefixed(&[&header, aggregate.0.as_bytes(), &third_set.to_bytes()])
}

impl Body for Outcome {
    const TYPE: MessageType = MessageType::Outcome;
}

impl Encode for Outcome {
    fn write(&self, out: &mut Writer) {
        self.aggregate.write(out);
        self.third_set.write(out);
        self.signature.write(out);
    }
}

impl Decode for Outcome {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (aggregate, third_set) = (VectorDigest::read(from)?, IndexSet::read(from)?);
        Ok(Self { aggregate, third_set, signature: Signature::read(from)? })
    }
}
