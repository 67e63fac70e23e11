//! What every message after the parameters begins with: session, type, sender.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer, refused};
use super::ids::{Sender, SessionId};

/// The kinds of messages, M1 to MB of the specification; the parts of M5 are three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// M1: the keys of a site.
    KeyAdvert = 1,
    /// M2: the keys of all.
    KeySet = 2,
    /// M3: a site's encrypted shares for the others.
    EncryptedShares = 3,
    /// M4: the others' encrypted shares for a site.
    ShareSet = 4,
    /// M5: what a masked vector belongs to.
    MaskedHeader = 5,
    /// M6: whose vectors are complete.
    Survivors = 6,
    /// M7: a site's signature over the sets it saw.
    Consistency = 7,
    /// M8: the signatures of all.
    SignatureSet = 8,
    /// M9: a site's shares for unmasking the sum.
    Unmask = 9,
    /// MA: the sender takes no further part.
    Abort = 10,
    /// MB: what came out.
    Outcome = 11,
    /// M5: a piece of a masked vector.
    Chunk = 12,
    /// M5: the end of a masked vector.
    MaskedTrailer = 13,
}

impl MessageType {
    const ALL: [Self; 13] = [
        Self::KeyAdvert,
        Self::KeySet,
        Self::EncryptedShares,
        Self::ShareSet,
        Self::MaskedHeader,
        Self::Survivors,
        Self::Consistency,
        Self::SignatureSet,
        Self::Unmask,
        Self::Abort,
        Self::Outcome,
        Self::Chunk,
        Self::MaskedTrailer,
    ];

    /// The type of a message, without reading the rest.
    ///
    /// # Errors
    /// Bytes that do not begin like a message.
    pub fn of(message: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::over(message);
        SessionId::read(&mut from)?;
        Self::read(&mut from)
    }
}

impl Decode for MessageType {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = from.u8("message type")?;
        let known = Self::ALL.into_iter().find(|kind| *kind as u8 == tag);
        known.ok_or_else(|| refused("message type", tag, "1 to 13"))
    }
}

/// What a message carries.
pub trait Body: Encode + Decode {
    /// Its type on the wire.
    const TYPE: MessageType;
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<T> {
    /// The session it belongs to.
    pub session: SessionId,
    /// Who sent it.
    pub sender: Sender,
    /// What it says.
    pub body: T,
}

/// The bytes before the body; what a signature over a body begins with.
pub(crate) fn header(session: SessionId, kind: MessageType, sender: Sender) -> Vec<u8> {
    let mut out = Writer::default();
    session.write(&mut out);
    out.u8(kind as u8);
    sender.write(&mut out);
    out.finish()
}

impl<T: Body> Encode for Envelope<T> {
    fn write(&self, out: &mut Writer) {
        out.raw(&header(self.session, T::TYPE, self.sender));
        self.body.write(out);
    }
}

impl<T: Body> Decode for Envelope<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let session = SessionId::read(from)?;
        let kind = MessageType::read(from)?;
        if kind != T::TYPE {
            return Err(refused("message type", kind as u8, "the type that is read"));
        }
        Ok(Self { session, sender: Sender::read(from)?, body: T::read(from)? })
    }
}
