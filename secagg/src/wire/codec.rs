//! The canonical encoding of everything that is signed, hashed or sent: fixed order, integers little-endian at fixed
//! width, byte strings as u32 length and bytes, lists as u32 count and items, no optional fields.
//!
//! Protobuf only carries these blobs. A blob has one meaning and a meaning has one blob: whatever else decodes to the
//! same value is refused, so a signature covers what was understood.

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("the bytes end in `{field}`: {needed} are needed, {left} are left")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Bytes it needs.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// Something follows the end of the message.
    #[error("{left} bytes follow the end of the message")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A count or length above its limit.
    #[error("`{field}` counts {count}, the most allowed is {limit}")]
    TooMany {
        /// What was being read.
        field: &'static str,
        /// The count given.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// A value that its field cannot have.
    #[error("`{field}` is {found}; it has to be {expected}")]
    Value {
        /// What was being read.
        field: &'static str,
        /// The value given.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A list that is not in strictly increasing order, so that an entry could stand in it twice.
    #[error("`{field}` is not in strictly increasing order")]
    NotIncreasing {
        /// What was being read.
        field: &'static str,
    },
}

/// Writes the canonical encoding.
#[derive(Default)]
pub struct Writer(Vec<u8>);

/// Reads the canonical encoding, front to back.
pub struct Reader<'a>(&'a [u8]);

/// What has a canonical encoding.
pub trait Encode {
    /// Appends the encoding.
    fn write(&self, out: &mut Writer);

    /// The encoding.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.finish()
    }
}

/// What can be read back from its canonical encoding, and from nothing else.
pub trait Decode: Sized {
    /// Reads one value from the front.
    ///
    /// # Errors
    /// [`DecodeError`]; memory taken is bounded by the bytes given and by named limits.
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads the whole of `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`], also where bytes are left over.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader(bytes);
        let value = Self::read(&mut from)?;
        match from.0.len() {
            0 => Ok(value),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

impl Writer {
    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends a length and the bytes. Nothing here is longer than a chunk, far below 2^32.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// Appends a count and the items.
    pub fn list<T: Encode>(&mut self, items: &[T]) {
        self.count(items.len());
        items.iter().for_each(|item| item.write(self));
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.raw(&[value]);
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// Appends the IEEE 754 bits.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("lists and chunks are limited far below 2^32"));
    }
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their front.
    pub fn over(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// Here and below: [`DecodeError`].
    pub fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.0.split_at_checked(count) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { field, needed: count, left: self.0.len() }),
        }
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        Ok(self.take(field, N)?.try_into().expect("as many bytes were taken"))
    }

    /// A length of at most `limit`, and the bytes.
    pub fn bytes(&mut self, field: &'static str, limit: usize) -> Result<&'a [u8], DecodeError> {
        let length = self.count(field, limit)?;
        self.take(field, length)
    }

    /// A count of at most `limit`, and the items, each at least `item_bytes` long, so that memory is taken for items
    /// that can be there alone.
    pub fn list<T: Decode>(
        &mut self,
        field: &'static str,
        limit: usize,
        item_bytes: usize,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(field, limit)?;
        let needed = count.saturating_mul(item_bytes);
        if needed > self.0.len() {
            return Err(DecodeError::Truncated { field, needed, left: self.0.len() });
        }
        (0..count).map(|_| T::read(self)).collect()
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_le_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A number above zero. Infinity and NaN are no numbers, and negative zero is no second zero.
    pub fn positive(&mut self, field: &'static str) -> Result<f64, DecodeError> {
        let value = f64::from_bits(self.u64(field)?);
        match value.is_finite() && value > 0.0 {
            true => Ok(value),
            false => Err(refused(field, value, "a finite number above 0")),
        }
    }

    fn count(&mut self, field: &'static str, limit: usize) -> Result<usize, DecodeError> {
        let count = self.u32(field)?;
        match usize::try_from(count) {
            Ok(count) if count <= limit => Ok(count),
            _ => Err(DecodeError::TooMany { field, count: u64::from(count), limit: limit as u64 }),
        }
    }
}

/// A value that its field cannot have.
pub(crate) fn refused(field: &'static str, found: impl std::fmt::Display, expected: &'static str) -> DecodeError {
    DecodeError::Value { field, found: found.to_string(), expected }
}

/// A list whose keys increase strictly, or the refusal.
pub(crate) fn increasing<T, K: Ord>(
    field: &'static str,
    items: Vec<T>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, DecodeError> {
    match items.is_sorted_by(|a, b| key(a) < key(b)) {
        true => Ok(items),
        false => Err(DecodeError::NotIncreasing { field }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Item(u16);

    impl Decode for Item {
        fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
            from.u16("item").map(Item)
        }
    }

    impl Encode for Item {
        fn write(&self, out: &mut Writer) {
            out.u16(self.0);
        }
    }

    #[test]
    fn integers_are_little_endian_and_lists_counted() {
        let mut out = Writer::default();
        out.u8(1);
        out.u16(2);
        out.u32(3);
        out.u64(4);
        out.bytes(b"ab");
        out.list(&[Item(5), Item(6)]);
        let expected = b"\x01\x02\0\x03\0\0\0\x04\0\0\0\0\0\0\0\x02\0\0\0ab\x02\0\0\0\x05\0\x06\0";
        assert_eq!(out.0, expected);
    }

    #[test]
    fn a_count_beyond_the_bytes_takes_no_memory() {
        let mut from = Reader(b"\xff\xff\xff\x00\x01\x02");
        let error = from.list::<Item>("items", 1 << 30, 2).expect_err("16 million items in two bytes");
        assert_eq!(error, DecodeError::Truncated { field: "items", needed: 2 * 0xff_ffff, left: 2 });
        let mut from = Reader(b"\x03\0\0\0\0\0");
        let error = from.list::<Item>("items", 2, 2).expect_err("three where two are allowed");
        assert_eq!(error, DecodeError::TooMany { field: "items", count: 3, limit: 2 });
    }

    #[test]
    fn what_follows_the_end_is_refused() {
        assert_eq!(Item::from_bytes(&[1, 0]), Ok(Item(1)));
        assert_eq!(Item::from_bytes(&[1, 0, 0]), Err(DecodeError::Trailing { left: 1 }));
        assert!(matches!(Item::from_bytes(&[1]), Err(DecodeError::Truncated { .. })));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for bad in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Reader(&bad.to_le_bytes()).positive("scale").is_err(), "{bad}");
        }
        assert_eq!(Reader(&1.5_f64.to_le_bytes()).positive("scale"), Ok(1.5));
    }
}
