//! M6, M7 and M8: which vectors are in the sum, and that everyone was told the same.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer, increasing};
use super::envelope::{Body, MessageType, header};
use super::ids::{Index, Sender, SessionId};
use super::label::Label;
use super::{FirstSetDigest, IndexSet, SecondSetDigest, ThirdSetDigest};
use crate::roster::{SIGNATURE_BYTES, Signature};
use crate::session::PARTICIPANTS_MAX;

/// M6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivors {
    /// U3: whose vectors are complete.
    pub third_set: IndexSet,
}

/// The three sets of a session as a site saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetDigests {
    /// U1 with its keys.
    pub first: FirstSetDigest,
    /// U2.
    pub second: SecondSetDigest,
    /// U3.
    pub third: ThirdSetDigest,
}

/// M7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consistency {
    /// The sets that the sender saw.
    pub sets: SetDigests,
    /// Over session, sender and sets.
    pub signature: Signature,
}

/// One entry of M8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Countersignature {
    /// Who signed.
    pub signer: Index,
    /// The signature of its M7.
    pub signature: Signature,
}

/// M8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureSet {
    /// In strictly increasing order of the signer.
    pub signatures: Vec<Countersignature>,
}

impl IndexSet {
    /// The hash that names this set as U2 of `session`.
    pub fn second_digest(&self, session: SessionId) -> SecondSetDigest {
        SecondSetDigest(Label::SECOND_SET.hash(&[session.0.as_bytes(), &self.to_bytes()]))
    }

    /// The hash that names this set as U3 of `session`.
    pub fn third_digest(&self, session: SessionId) -> ThirdSetDigest {
        ThirdSetDigest(Label::THIRD_SET.hash(&[session.0.as_bytes(), &self.to_bytes()]))
    }
}

impl SetDigests {
    /// What `index` signs of the sets it saw.
    pub fn statement(&self, session: SessionId, index: Index) -> Vec<u8> {
        let header = header(session, MessageType::Consistency, Sender::Client(index));
        Label::CONSISTENCY.prefixed(&[&header, &self.to_bytes()])
    }
}

impl Body for Survivors {
    const TYPE: MessageType = MessageType::Survivors;
}

impl Encode for Survivors {
    fn write(&self, out: &mut Writer) {
        self.third_set.write(out);
    }
}

impl Decode for Survivors {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { third_set: IndexSet::read(from)? })
    }
}

impl Encode for SetDigests {
    fn write(&self, out: &mut Writer) {
        self.first.write(out);
        self.second.write(out);
        self.third.write(out);
    }
}

impl Decode for SetDigests {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (first, second) = (FirstSetDigest::read(from)?, SecondSetDigest::read(from)?);
        Ok(Self { first, second, third: ThirdSetDigest::read(from)? })
    }
}

impl Body for Consistency {
    const TYPE: MessageType = MessageType::Consistency;
}

impl Encode for Consistency {
    fn write(&self, out: &mut Writer) {
        self.sets.write(out);
        self.signature.write(out);
    }
}

impl Decode for Consistency {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { sets: SetDigests::read(from)?, signature: Signature::read(from)? })
    }
}

impl Encode for Countersignature {
    fn write(&self, out: &mut Writer) {
        self.signer.write(out);
        self.signature.write(out);
    }
}

impl Decode for Countersignature {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { signer: Index::read(from)?, signature: Signature::read(from)? })
    }
}

impl Body for SignatureSet {
    const TYPE: MessageType = MessageType::SignatureSet;
}

impl Encode for SignatureSet {
    fn write(&self, out: &mut Writer) {
        out.list(&self.signatures);
    }
}

impl Decode for SignatureSet {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signatures = from.list("signatures", PARTICIPANTS_MAX, 4 + SIGNATURE_BYTES)?;
        Ok(Self { signatures: increasing("signatures", signatures, |signed: &Countersignature| signed.signer)? })
    }
}
