//! Privacy officers: their keys, what they decide, and their signatures (Ed25519, RFC 8032).
//!
//! A signature is for one decision at one point of one ledger: the signed bytes name the ledger, the decision with every number
//! of it, and the head of the chain at which it was proposed. It counts only while no other decision follows that head, so that
//! a signature can never be used twice, in another ledger, or after the officers decided something else. Debits may follow: a
//! proposal can wait for its second signature while a study trains.

use super::{Budget, exact_text};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use wardround_plan::{DataSetName, Digest, LedgerHead, Timestamp};

/// What the signed bytes begin with, so that the signature of a decision is one of nothing else.
const DOMAIN: &[u8] = b"wardround officers' decision, version 1\n";

/// An officer's public key; written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OfficerKey([u8; 32]);

/// An officer's secret key. Wiped when dropped; never printed.
pub struct OfficerSecret(SigningKey);

/// One officer's yes to one proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficerSignature {
    /// Who signed.
    pub officer: OfficerKey,
    signature: SignatureText,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct SignatureText([u8; 64]);

/// A ledger's own name, drawn at random when it is opened first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LedgerId(pub Digest);

/// A decision at one point of one ledger, to be signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The ledger it is for.
    pub ledger: LedgerId,
    /// The head of that ledger when it was proposed.
    pub head: LedgerHead,
    /// What is to be decided.
    pub decision: Decision,
}

/// What officers decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// From now on this is the budget of a data set.
    Budget {
        /// The data set.
        data_set: DataSetName,
        /// Its budget.
        budget: Budget,
    },
    /// Links up to `gap` are lost. What may have been spent in them is written off: every budget counts as used up, every open
    /// study is over, and the data sets need new budgets, which come on top.
    WriteOff {
        /// The last link that a witness has seen.
        gap: LedgerHead,
    },
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { data_set, budget } => {
                write!(f, "data set `{data_set}` may spend {budget}, over all studies")
            }
            Self::WriteOff { gap } => {
                write!(f, "links up to {} are lost: every budget counts as used up", gap.seq)
            }
        }
    }
}

/// What officers decided, when, and who signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// When the site took the decision in.
    pub at: Timestamp,
    /// The number of its link.
    pub seq: u64,
    /// What.
    pub decision: Decision,
    /// Whose signatures it has.
    pub officers: Vec<OfficerKey>,
}

/// Why a text is no officer's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no officer's public key: write the 64 hex digits that `wardround budget key` printed")]
pub struct OfficerKeyError {
    given: String,
}

impl OfficerSecret {
    /// The key of 32 secret random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Signs a proposal as it is.
    pub fn sign(&self, proposal: &Proposal) -> OfficerSignature {
        let signature = SignatureText(self.0.sign(&proposal.signed_bytes()).to_bytes());
        OfficerSignature { officer: self.public(), signature }
    }

    /// The public key.
    pub fn public(&self) -> OfficerKey {
        OfficerKey(self.0.verifying_key().to_bytes())
    }

    /// The 32 secret bytes, to be stored where only the officer can read them.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl OfficerKey {
    /// A key from its 32 bytes; keys for which anybody can sign are refused.
    ///
    /// # Errors
    /// [`OfficerKeyError`]
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, OfficerKeyError> {
        let sound = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        sound.map(|_| Self(bytes)).ok_or_else(|| OfficerKeyError { given: hex::encode(bytes) })
    }
}

impl OfficerSignature {
    /// True if it was made with the officer's secret for this very proposal.
    pub fn is_for(&self, proposal: &Proposal) -> bool {
        let signature = Signature::from_bytes(&self.signature.0);
        VerifyingKey::from_bytes(&self.officer.0)
            .is_ok_and(|key| key.verify_strict(&proposal.signed_bytes(), &signature).is_ok())
    }
}

impl Proposal {
    fn signed_bytes(&self) -> Vec<u8> {
        [DOMAIN, exact_text(self).as_bytes()].concat()
    }
}

impl fmt::Display for OfficerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for OfficerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "officer:{}", hex::encode(&self.0[..6]))
    }
}

impl fmt::Debug for OfficerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret of {:?}", self.public())
    }
}

impl FromStr for OfficerKey {
    type Err = OfficerKeyError;
    fn from_str(text: &str) -> Result<Self, OfficerKeyError> {
        let mut bytes = [0; 32];
        let given = || OfficerKeyError { given: text.chars().take(80).collect() };
        hex::decode_to_slice(text, &mut bytes).map_err(|_| given())?;
        Self::from_bytes(bytes)
    }
}

impl TryFrom<String> for OfficerKey {
    type Error = OfficerKeyError;
    fn try_from(text: String) -> Result<Self, OfficerKeyError> {
        text.parse()
    }
}

impl From<OfficerKey> for String {
    fn from(key: OfficerKey) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for SignatureText {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| "a signature has 128 hex digits".to_owned())?;
        Ok(Self(bytes))
    }
}

impl From<SignatureText> for String {
    fn from(signature: SignatureText) -> String {
        hex::encode(signature.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(seq: u64) -> Proposal {
        let head = LedgerHead { seq, hash: Digest::of(b"head") };
        Proposal { ledger: LedgerId(Digest::of(b"a")), head, decision: Decision::WriteOff { gap: head } }
    }

    #[test]
    fn a_signature_is_for_one_proposal_only() {
        let signature = OfficerSecret::from_seed(&[7; 32]).sign(&proposal(1));
        assert!(signature.is_for(&proposal(1)));
        assert!(!signature.is_for(&proposal(2)));
        let elsewhere = Proposal { ledger: LedgerId(Digest::of(b"b")), ..proposal(1) };
        assert!(!signature.is_for(&elsewhere));
    }

    #[test]
    fn a_signature_under_another_officers_name_is_none() {
        let mut signature = OfficerSecret::from_seed(&[7; 32]).sign(&proposal(1));
        signature.officer = OfficerSecret::from_seed(&[8; 32]).public();
        assert!(!signature.is_for(&proposal(1)));
    }

    #[test]
    fn keys_agree_with_rfc_8032() {
        // Section 7.1, test 1.
        let mut seed = [0; 32];
        let text = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        hex::decode_to_slice(text, &mut seed).expect("hex");
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(OfficerSecret::from_seed(&seed).public().to_string(), public);
    }

    #[test]
    fn a_secret_is_not_printed_and_a_weak_key_is_refused() {
        let secret = OfficerSecret::from_seed(&[7; 32]);
        assert!(!format!("{secret:?}").contains(&hex::encode([7; 32])));
        assert!("00".repeat(32).parse::<OfficerKey>().is_err(), "the point of small order");
        assert!("zz".parse::<OfficerKey>().is_err());
    }
}
