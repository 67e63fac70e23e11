//! Who and what, at fixed width.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer, refused};
use super::label::Label;
use std::fmt;
use wardround_plan::{Digest, SiteId};

/// Bytes of an id: half a SHA-256 is enough where the roster refuses doubles.
const ID_BYTES: usize = 16;

macro_rules! fixed_bytes {
    ($($(#[$doc:meta])* $type:ident, $length:expr, $field:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub [u8; $length]);

        impl crate::wire::Encode for $type {
            fn write(&self, out: &mut crate::wire::Writer) {
                out.raw(&self.0);
            }
        }

        impl crate::wire::Decode for $type {
            fn read(from: &mut crate::wire::Reader<'_>) -> Result<Self, crate::wire::DecodeError> {
                from.array($field).map(Self)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    )*};
}
pub(crate) use fixed_bytes;

fixed_bytes! {
    /// One enrolled site (in simulations: one client).
    ClientId, ID_BYTES, "client id";
    /// The federation whose authority certified the sites.
    FederationId, ID_BYTES, "federation id";
    /// One training project.
    StudyId, ID_BYTES, "study id";
}

impl ClientId {
    /// The id of a site by its name.
    pub fn of_site(site: &SiteId) -> Self {
        Self(half(Label::CLIENT_ID.hash(&[site.as_str().as_bytes()])))
    }
}

impl StudyId {
    /// The id of a study by its name.
    pub fn of_study(study: &wardround_plan::StudyId) -> Self {
        Self(half(Label::STUDY_ID.hash(&[study.as_str().as_bytes()])))
    }
}

fn half(digest: Digest) -> [u8; ID_BYTES] {
    let (half, _) = digest.as_bytes().split_first_chunk().expect("a digest is twice as long");
    *half
}

macro_rules! digests {
    ($($(#[$doc:meta])* $type:ident, $field:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub Digest);

        impl Encode for $type {
            fn write(&self, out: &mut Writer) {
                out.raw(self.0.as_bytes());
            }
        }

        impl Decode for $type {
            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                from.array($field).map(|bytes| Self(Digest::from_bytes(bytes)))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.short())
            }
        }
    )*};
}

digests! {
    /// One session: the hash of its parameters.
    SessionId, "session id";
    /// SHA-256 of the canonical bytes of the model that is trained from.
    ModelDigest, "model hash";
    /// The training configuration.
    ConfigDigest, "plan hash";
    /// The pinned roster.
    RosterDigest, "roster hash";
    /// U1 with all its keys.
    FirstSetDigest, "u1 hash";
    /// U2.
    SecondSetDigest, "u2 hash";
    /// U3.
    ThirdSetDigest, "u3 hash";
    /// The chunks of a masked vector, in order.
    VectorDigest, "vector digest";
    /// The reason of an abort, for comparing logs.
    DetailDigest, "detail hash";
}

/// A round of a study, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub u64);

/// A try at a round; every one has fresh keys, masks and noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u32);

/// The place of a participant in a session's list, from 1. It is also the point at which its shares are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(u32);

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// The coordinator; 0 on the wire.
    Server,
    /// A participant.
    Client(Index),
}

impl Index {
    /// An index from 1; `None` for 0, at which a polynomial is its secret.
    pub fn new(index: u32) -> Option<Self> {
        (index > 0).then_some(Self(index))
    }

    /// From a place in a list that is counted from 0.
    pub(crate) fn of_place(place: usize) -> Self {
        Self(u32::try_from(place + 1).expect("participants are limited far below 2^32"))
    }

    /// The place in a list that is counted from 0.
    pub(crate) fn place(self) -> usize {
        self.0 as usize - 1
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Encode for Index {
    fn write(&self, out: &mut Writer) {
        out.u32(self.0);
    }
}

impl Decode for Index {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let index = from.u32("index")?;
        Self::new(index).ok_or_else(|| refused("index", index, "counted from 1"))
    }
}

impl Encode for Sender {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Server => out.u32(0),
            Self::Client(index) => index.write(out),
        }
    }
}

impl Decode for Sender {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Index::new(from.u32("sender")?).map_or(Self::Server, Self::Client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_never_zero_where_shares_are_evaluated() {
        assert_eq!(Index::new(0), None);
        assert!(Index::from_bytes(&[0; 4]).is_err());
        assert_eq!(Sender::from_bytes(&[0; 4]), Ok(Sender::Server));
        assert_eq!(Index::of_place(0).get(), 1);
    }

    #[test]
    fn sites_and_studies_of_one_name_have_different_ids() {
        let site = ClientId::of_site(&SiteId::new("a").expect("a name"));
        let study = StudyId::of_study(&wardround_plan::StudyId::new("a").expect("a name"));
        assert_ne!(site.0, study.0);
        assert_eq!(site, ClientId::of_site(&SiteId::new("a").expect("a name")));
    }
}
