//! A secret scalar: drawn uniformly, read canonically, wiped when dropped, never printed.

use curve25519_dalek::Scalar;
use rand::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Why bytes are no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the canonical bytes of a scalar")]
pub struct ShareError;

/// A secret, or a share of one. It is neither printed nor copied, and compared in constant time only:
///
/// ```compile_fail,E0277
/// # use wardround_secagg::shamir::SecretScalar;
/// fn log(secret: &SecretScalar) -> String { format!("{secret:?}") }
/// ```
/// ```compile_fail,E0599
/// # use wardround_secagg::shamir::SecretScalar;
/// fn keep(secret: SecretScalar) -> [SecretScalar; 2] { [secret.clone(), secret] }
/// ```
/// ```compile_fail,E0369
/// # use wardround_secagg::shamir::SecretScalar;
/// fn same(one: &SecretScalar, other: &SecretScalar) -> bool { one == other }
/// ```
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// Uniform: 64 random bytes modulo the group's order.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Self::draw(rng))
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    /// [`ShareError`] where a number is not below the group's order: two spellings of one share are one too many.
    pub fn from_canonical(bytes: &[u8; 32]) -> Result<Self, ShareError> {
        Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)).map(Self).ok_or(ShareError)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    pub(super) fn new(scalar: Scalar) -> Self {
        Self(scalar)
    }

    pub(super) fn scalar(&self) -> &Scalar {
        &self.0
    }

    pub(super) fn draw(rng: &mut impl CryptoRng) -> Scalar {
        let mut wide = Zeroizing::new([0; 64]);
        rng.fill_bytes(wide.as_mut());
        Scalar::from_bytes_mod_order_wide(&wide)
    }
}

impl ConstantTimeEq for SecretScalar {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Drop for SecretScalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
