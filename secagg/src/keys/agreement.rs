//! X25519 (RFC 7748).

use curve25519_dalek::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret key; clamped when used.
pub(crate) struct AgreementSecret(Zeroizing<[u8; 32]>);

impl AgreementSecret {
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(*self.0).to_bytes()
    }

    /// The shared secret; `None` where the other key is of small order, so that everybody would know it.
    pub(crate) fn agree(&self, public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let shared = Zeroizing::new(MontgomeryPoint(*public).mul_clamped(*self.0).to_bytes());
        (!bool::from(shared.ct_eq(&[0; 32]))).then_some(shared)
    }
}
