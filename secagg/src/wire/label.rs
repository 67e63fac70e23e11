//! What each hash, key and signature is for stands at the front of its input, so that none can serve as another.

use wardround_plan::Hasher;

/// The family of all labels; a second version of the protocol has another.
const FAMILY: &[u8] = b"wardround-secagg-v1/";

/// The purpose of a hash, a derived key or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    pub(crate) const SESSION: Self = Self("sid");
    pub(crate) const ROSTER: Self = Self("roster");
    pub(crate) const CERTIFICATE: Self = Self("certificate");
    pub(crate) const CLIENT_ID: Self = Self("client-id");
    pub(crate) const STUDY_ID: Self = Self("study-id");
    pub(crate) const MASK_SECRET: Self = Self("mask-sk");
    pub(crate) const SEED_COMMITMENT: Self = Self("beta-com");
    pub(crate) const SHARE_KEY: Self = Self("share");
    pub(crate) const PAIR_MASK: Self = Self("pair");
    pub(crate) const SELF_MASK: Self = Self("self");
    pub(crate) const ADVERT: Self = Self("advert");
    pub(crate) const MASKED: Self = Self("masked");
    pub(crate) const CONSISTENCY: Self = Self("consistency");
    pub(crate) const RESULT: Self = Self("result");
    pub(crate) const FIRST_SET: Self = Self("u1");
    pub(crate) const SECOND_SET: Self = Self("u2");
    pub(crate) const THIRD_SET: Self = Self("u3");
    pub(crate) const DETAIL: Self = Self("detail");

    /// The label and what follows it.
    pub(crate) fn prefixed(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = [FAMILY, self.0.as_bytes(), &[0]].concat();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// A hash that has taken the label in.
    pub(crate) fn hasher(self) -> Hasher {
        let mut hasher = Hasher::new();
        hasher.update(&self.prefixed(&[]));
        hasher
    }

    /// The hash of the label and what follows it.
    pub(crate) fn hash(self, parts: &[&[u8]]) -> wardround_plan::Digest {
        let mut hasher = self.hasher();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::Digest;

    #[test]
    fn a_label_ends_where_its_input_begins() {
        assert_eq!(Label::SESSION.prefixed(&[b"P"]), b"wardround-secagg-v1/sid\0P");
        assert_eq!(Label::FIRST_SET.hash(&[b"a", b"b"]), Digest::of(b"wardround-secagg-v1/u1\0ab"));
    }
}
