//! The number that tells one certificate of an authority from every other.

use crate::IdentityError;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fmt;

/// Bytes of a serial number, all of them drawn at random except the two top bits.
const SERIAL_BYTES: usize = 16;

/// The serial number of a certificate: 16 random bytes. The two top bits are `01`, so that the number is positive and
/// its DER form is always these 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; SERIAL_BYTES]);

impl Serial {
    /// Draws a serial number from the operating system.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`] where the system has none to give.
    pub(crate) fn draw() -> Result<Self, IdentityError> {
        let mut bytes = [0; SERIAL_BYTES];
        SysRng.try_fill_bytes(&mut bytes)?;
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Ok(Self(bytes))
    }

    /// From the bytes in a certificate; `None` where no authority of ours can have written them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; SERIAL_BYTES] = bytes.try_into().ok()?;
        (bytes[0] & 0xc0 == 0x40).then_some(Self(bytes))
    }

    /// The bytes as they stand in a certificate.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_serials_differ_and_have_one_der_form() {
        let (one, two) = (Serial::draw().expect("randomness"), Serial::draw().expect("randomness"));
        assert_ne!(one, two);
        assert_eq!(Serial::from_bytes(one.as_bytes()), Some(one));
    }

    #[test]
    fn foreign_serials_are_refused() {
        for bad in [&[][..], &[0x40; 15], &[0x40; 17], &[0x00; 16], &[0x80; 16]] {
            assert_eq!(Serial::from_bytes(bad), None);
        }
    }
}
