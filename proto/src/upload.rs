//! What an upload announces, checked.

use crate::v1::{OpenUploadRequest, UploadKind};
use crate::{FieldError, digest, round_id};
use bytes::Bytes;
use wardround_plan::{Digest, Hasher};
use wardround_round::{ModelRef, RoundId, Summand};

/// An object by its digest, with the size it is said to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Announced {
    /// SHA-256 of the whole.
    pub digest: Digest,
    /// Size of the whole, from 1.
    pub size_bytes: u64,
}

/// What an upload is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UploadPurpose {
    /// A site's update in a round, or its scores of the round's model.
    Summand(RoundId),
    /// The model that a study starts from.
    InitialModel,
}

/// A request to open an upload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadRequest {
    /// What it is for.
    pub purpose: UploadPurpose,
    /// What will be sent.
    pub object: Announced,
}

impl From<ModelRef> for Announced {
    fn from(model: ModelRef) -> Self {
        Self { digest: model.digest, size_bytes: model.bytes }
    }
}

impl UploadRequest {
    /// Names this upload of `sender` in later messages: a digest, so that the same announcement gives the same id, also after a restart.
    pub fn id(&self, sender: &str) -> Bytes {
        let (study, round, attempt) = self.place();
        let mut hasher = Hasher::new();
        hasher.update(&i32::from(self.kind()).to_le_bytes());
        for part in [sender, study] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&round.to_le_bytes());
        hasher.update(&attempt.to_le_bytes());
        hasher.update(&self.object.size_bytes.to_le_bytes());
        hasher.update(self.object.digest.as_bytes());
        Bytes::copy_from_slice(hasher.finish().as_bytes())
    }

    fn kind(&self) -> UploadKind {
        match &self.purpose {
            UploadPurpose::Summand(RoundId { summand: Summand::Update, .. }) => UploadKind::Update,
            UploadPurpose::Summand(RoundId { summand: Summand::Scores, .. }) => UploadKind::Scores,
            UploadPurpose::InitialModel => UploadKind::InitialModel,
        }
    }

    /// Study, round and attempt as they cross the wire; empty and 0 where there are none.
    fn place(&self) -> (&str, u32, u32) {
        match &self.purpose {
            UploadPurpose::Summand(id) => (id.study.as_str(), id.round.get(), id.attempt.get()),
            UploadPurpose::InitialModel => ("", 0, 0),
        }
    }
}

impl TryFrom<OpenUploadRequest> for UploadRequest {
    type Error = FieldError;

    fn try_from(wire: OpenUploadRequest) -> Result<Self, FieldError> {
        let purpose = match wire.kind() {
            UploadKind::Update => UploadPurpose::Summand(round_id(&wire.study, wire.round, wire.attempt, false)?),
            UploadKind::Scores => UploadPurpose::Summand(round_id(&wire.study, wire.round, wire.attempt, true)?),
            UploadKind::InitialModel if wire.study.is_empty() && wire.round == 0 && wire.attempt == 0 => {
                UploadPurpose::InitialModel
            }
            UploadKind::InitialModel => return Err(FieldError::new("study", "set for an initial model")),
            UploadKind::Unspecified => return Err(FieldError::new("kind", "missing or unknown")),
        };
        if wire.size_bytes == 0 {
            return Err(FieldError::new("size_bytes", "0, expected 1 or more"));
        }
        Ok(Self { purpose, object: Announced { digest: digest("sha256", &wire.sha256)?, size_bytes: wire.size_bytes } })
    }
}

impl From<&UploadRequest> for OpenUploadRequest {
    fn from(request: &UploadRequest) -> Self {
        let (study, round, attempt) = request.place();
        Self {
            kind: request.kind().into(),
            study: study.to_owned(),
            round,
            attempt,
            size_bytes: request.object.size_bytes,
            sha256: Bytes::copy_from_slice(request.object.digest.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn update() -> UploadRequest {
        UploadRequest {
            purpose: UploadPurpose::Summand(round_id("hearts", 1, 2, false).expect("good")),
            object: Announced { digest: Digest::of(b"x"), size_bytes: 1 },
        }
    }

    #[test]
    fn requests_survive_the_wire() {
        let initial = UploadRequest { purpose: UploadPurpose::InitialModel, ..update() };
        for request in [update(), initial] {
            assert_eq!(UploadRequest::try_from(OpenUploadRequest::from(&request)), Ok(request));
        }
    }

    #[test]
    fn each_wrong_field_is_refused() {
        let good = || OpenUploadRequest::from(&update());
        let bad = [
            OpenUploadRequest { kind: 0, ..good() },
            OpenUploadRequest { kind: 77, ..good() },
            OpenUploadRequest { kind: UploadKind::InitialModel.into(), ..good() },
            OpenUploadRequest { study: "..".into(), ..good() },
            OpenUploadRequest { round: 0, ..good() },
            OpenUploadRequest { attempt: 0, ..good() },
            OpenUploadRequest { size_bytes: 0, ..good() },
            OpenUploadRequest { sha256: Bytes::from_static(b"short"), ..good() },
        ];
        for wire in bad {
            assert!(UploadRequest::try_from(wire.clone()).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn ids_depend_on_the_sender_and_on_every_field() {
        let mut later = update();
        later.purpose = UploadPurpose::InitialModel;
        let ids = [update().id("site-a"), update().id("site-b"), later.id("site-a")];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert_eq!(update().id("site-a"), update().id("site-a"));
    }

    proptest! {
        #[test]
        fn any_bytes_only_err(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            use prost::Message as _;
            if let Ok(wire) = OpenUploadRequest::decode(bytes.as_slice()) {
                let _ = UploadRequest::try_from(wire);
            }
        }
    }
}
