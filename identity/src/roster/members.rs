//! What the enrolment authority hands to the roster authority, which may be on another machine: who enrolled with which
//! signing key, with the sites' own proofs.

use crate::FederationName;
use crate::signing::is_possession;
use serde::{Deserialize, Serialize};
use wardround_plan::{Digest, SiteId};
use wardround_secagg::roster::{PublicKey, Signature};

/// The signing keys of a federation's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeys {
    /// The federation.
    pub federation: FederationName,
    /// SHA-256 of the certificate of the authority that they enrolled with.
    pub ca_sha256: Digest,
    /// Who has a signing key, by name.
    pub members: Vec<SigningMember>,
    /// Members that enrolled before there were signing keys. They are in no roster until they enrol again.
    pub without_key: Vec<SiteId>,
}

/// One member with a signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningMember {
    /// Its name.
    pub site: SiteId,
    /// What it signs with.
    #[serde(with = "public_key")]
    pub key: PublicKey,
    /// SHA-256 of the TLS key that it enrolled with. TLS keys change with every renewal; this one stays what people
    /// compared when they approved the site.
    pub tls_key_sha256: Digest,
    /// The proof that whoever enrolled under this name holds the signing key.
    #[serde(with = "signature")]
    pub possession: Signature,
}

impl SigningKeys {
    /// No member yet.
    pub(crate) fn none(federation: FederationName, ca_sha256: Digest) -> Self {
        Self { federation, ca_sha256, members: Vec::new(), without_key: Vec::new() }
    }

    /// Whether the owner of the listed key signed for enrolling under this name here.
    pub(super) fn is_proven(&self, member: &SigningMember) -> bool {
        is_possession(&member.key, &member.possession, self.ca_sha256, &member.site, member.tls_key_sha256)
    }
}

/// Keys as hex, for people and files.
mod public_key {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use wardround_secagg::roster::PublicKey;

    pub fn serialize<S: Serializer>(key: &PublicKey, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(key.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PublicKey, D::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(String::deserialize(from)?, &mut bytes).map_err(D::Error::custom)?;
        Ok(PublicKey(bytes))
    }
}

/// Signatures as hex.
mod signature {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use wardround_secagg::roster::Signature;

    pub fn serialize<S: Serializer>(signature: &Signature, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(signature.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Signature, D::Error> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(String::deserialize(from)?, &mut bytes).map_err(D::Error::custom)?;
        Ok(Signature(bytes))
    }
}
