//! MA: the sender takes no further part.

use super::DetailDigest;
use super::codec::{Decode, DecodeError, Encode, Reader, Writer};
use super::envelope::{Body, MessageType};
use crate::refusal::AbortCode;

/// Why a session ended for its sender; the words stay in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// The kind of reason.
    pub code: AbortCode,
    /// The hash of the words, so that two logs can be compared.
    pub detail: DetailDigest,
}

impl Body for Abort {
    const TYPE: MessageType = MessageType::Abort;
}

impl Encode for Abort {
    fn write(&self, out: &mut Writer) {
        out.u16(self.code as u16);
        self.detail.write(out);
    }
}

impl Decode for Abort {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { code: AbortCode::read(from)?, detail: DetailDigest::read(from)? })
    }
}
