//! The one-time code with which a hospital joins: read out on the phone, typed once.
//!
//! 128 random bits in Crockford's base 32 (no I, L, O, U), seven groups of four: `4KQ9-Z2WD-...`. The last twelve bits
//! are a checksum, so that a slip of the finger is told at once, without asking the coordinator. The authority stores a
//! hash; since the code is random in full, no slow hash is needed.

use crate::IdentityError;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fmt;
use std::str::FromStr;
use wardround_plan::{Digest, Hasher};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const SECRET_BYTES: usize = 16;
/// The secret and twelve bits of checksum, padded to whole bytes.
const ENCODED_BYTES: usize = SECRET_BYTES + 2;
const SYMBOLS: usize = 28;
const GROUP: usize = 4;
/// Longest text that is looked at.
const TEXT_BYTES_MAX: usize = 128;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A one-time enrolment code. `Debug` does not print it; [`EnrolmentCode::reveal`] does.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EnrolmentCode([u8; SECRET_BYTES]);

/// Why a text is no enrolment code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too few or too many characters.
    #[error("an enrolment code has {SYMBOLS} letters and digits in groups of {GROUP}; this one has {got}")]
    Length {
        /// Letters and digits given.
        got: usize,
    },
    /// A character that no code contains.
    #[error("`{0}` does not occur in enrolment codes; check the code")]
    Symbol(char),
    /// The checksum does not fit.
    #[error("the enrolment code is mistyped somewhere; compare it group by group")]
    Checksum,
}

impl EnrolmentCode {
    /// Draws a code from the operating system.
    pub(crate) fn draw() -> Result<Self, IdentityError> {
        let mut secret = Self([0; SECRET_BYTES]);
        SysRng.try_fill_bytes(&mut secret.0)?;
        Ok(secret)
    }

    /// The code as it is handed over: seven groups of four.
    pub fn reveal(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(self.with_checksum());
        // Made at its full size, so that growing leaves no copies behind.
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS + SYMBOLS / GROUP));
        for index in 0..SYMBOLS {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[symbol_at(&bytes, index)]));
        }
        text
    }

    /// What the authority stores instead of the code.
    pub(crate) fn digest(&self) -> Digest {
        hashed(b"wardround/enrolment-code/v1\0", &self.0)
    }

    fn with_checksum(&self) -> [u8; ENCODED_BYTES] {
        let mut bytes = [0; ENCODED_BYTES];
        bytes[..SECRET_BYTES].copy_from_slice(&self.0);
        let checksum = hashed(b"wardround/enrolment-code-checksum/v1\0", &self.0);
        bytes[SECRET_BYTES] = checksum.as_bytes()[0];
        bytes[SECRET_BYTES + 1] = checksum.as_bytes()[1] & 0xf0;
        bytes
    }
}

impl FromStr for EnrolmentCode {
    type Err = CodeError;

    /// Reads a code as people type it: any case, any grouping, `O` for `0`, `I` or `L` for `1`.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let typed = || text.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let got = typed().count();
        if got != SYMBOLS || text.len() > TEXT_BYTES_MAX {
            return Err(CodeError::Length { got });
        }
        let mut bytes = Zeroizing::new([0; ENCODED_BYTES]);
        for (index, typed) in typed().enumerate() {
            put_symbol(&mut bytes, index, value_of(typed).ok_or(CodeError::Symbol(typed))?);
        }
        let mut code = Self([0; SECRET_BYTES]);
        code.0.copy_from_slice(&bytes[..SECRET_BYTES]);
        if code.with_checksum() == *bytes { Ok(code) } else { Err(CodeError::Checksum) }
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode")
    }
}

fn hashed(domain: &[u8], secret: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(domain);
    hasher.update(secret);
    hasher.finish()
}

/// Five bits from bit `5 * index` on.
fn symbol_at(bytes: &[u8; ENCODED_BYTES], index: usize) -> usize {
    let (byte, bit) = (index * 5 / 8, index * 5 % 8);
    let window = usize::from(bytes[byte]) << 8 | usize::from(bytes[byte + 1]);
    window >> (11 - bit) & 31
}

/// Sets what [`symbol_at`] reads; the place must hold zeros.
fn put_symbol(bytes: &mut [u8; ENCODED_BYTES], index: usize, symbol: u16) {
    let (byte, bit) = (index * 5 / 8, index * 5 % 8);
    let [high, low] = (symbol << (11 - bit)).to_be_bytes();
    bytes[byte] |= high;
    bytes[byte + 1] |= low;
}

fn value_of(typed: char) -> Option<u16> {
    let meant = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|symbol| char::from(*symbol) == meant).and_then(|at| u16::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_typed() {
        let code = EnrolmentCode::draw().expect("randomness");
        let shown = code.reveal();
        let typed = [shown.to_string(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('0', "o")];
        for text in typed {
            let read: EnrolmentCode = text.parse().expect("the same code");
            assert_eq!(read.digest(), code.digest(), "{text}");
        }
    }

    #[test]
    fn the_text_form_is_crockfords() {
        // 16 zero bytes are 25 zeros and the upper bits of the next symbol, by Crockford's table.
        let shown = EnrolmentCode([0; 16]).reveal();
        assert!(shown.starts_with("0000-0000-0000-0000-0000-0000-0"), "{}", *shown);
        let shown = EnrolmentCode([0xff; 16]).reveal();
        assert!(shown.starts_with("ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-Z"), "{}", *shown);
    }

    #[test]
    fn every_single_slip_is_told() {
        let code = EnrolmentCode([7; 16]).reveal().replace('-', "");
        for place in 0..SYMBOLS {
            let mut slip: Vec<char> = code.chars().collect();
            slip[place] = if slip[place] == '7' { '8' } else { '7' };
            let slip: String = slip.into_iter().collect();
            assert_eq!(slip.parse::<EnrolmentCode>().map(|_| ()), Err(CodeError::Checksum), "{slip}");
        }
    }

    #[test]
    fn wrong_length_and_foreign_letters_are_refused() {
        assert!(matches!("".parse::<EnrolmentCode>(), Err(CodeError::Length { got: 0 })));
        assert!(matches!("0".repeat(29).parse::<EnrolmentCode>(), Err(CodeError::Length { got: 29 })));
        assert!(matches!("U".repeat(28).parse::<EnrolmentCode>(), Err(CodeError::Symbol('U'))));
        assert!(matches!("é".repeat(28).parse::<EnrolmentCode>(), Err(CodeError::Symbol('é'))));
    }

    #[test]
    fn debug_does_not_show_the_code() {
        assert_eq!(format!("{:?}", EnrolmentCode([1; 16])), "EnrolmentCode");
    }
}
