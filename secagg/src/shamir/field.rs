//! What interpolation needs of a field.

use curve25519_dalek::Scalar;
use zeroize::Zeroize;

/// A prime field.
pub trait Field: Copy + PartialEq + Zeroize {
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// The element of a number. Points have to stay distinct and differ from 0.
    fn from_index(index: u32) -> Self;
    /// a + b
    fn plus(self, other: Self) -> Self;
    /// a - b
    fn minus(self, other: Self) -> Self;
    /// a b
    fn times(self, other: Self) -> Self;
    /// 1/a; only of public values.
    fn inverse(self) -> Self;
}

impl Field for Scalar {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;

    fn from_index(index: u32) -> Self {
        Self::from(index)
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn times(self, other: Self) -> Self {
        self * other
    }

    fn inverse(self) -> Self {
        self.invert()
    }
}
