//! The types that voxels are stored as, and their bytes in both orders.

/// How a file stores one voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoxelType {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 32 bits.
    I32,
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 64 bits.
    F64,
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// The lowest.
    Little,
    /// The highest.
    Big,
}

impl VoxelType {
    /// All types that are read and written.
    pub const ALL: [Self; 8] = [Self::U8, Self::I8, Self::U16, Self::I16, Self::U32, Self::I32, Self::F32, Self::F64];

    pub(super) fn of_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|stored| stored.code() == code)
    }

    /// As nifti1.h numbers it.
    pub(super) fn code(self) -> i16 {
        match self {
            Self::U8 => 2,
            Self::I16 => 4,
            Self::I32 => 8,
            Self::F32 => 16,
            Self::F64 => 64,
            Self::I8 => 256,
            Self::U16 => 512,
            Self::U32 => 768,
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The number in `bytes`, which are as many as [`VoxelType::bytes`] says. Exact for every type.
    pub(super) fn decode(self, bytes: &[u8], order: ByteOrder) -> f64 {
        match self {
            Self::U8 => u8::from_le_bytes(order.sorted(bytes)).into(),
            Self::I8 => i8::from_le_bytes(order.sorted(bytes)).into(),
            Self::U16 => u16::from_le_bytes(order.sorted(bytes)).into(),
            Self::I16 => i16::from_le_bytes(order.sorted(bytes)).into(),
            Self::U32 => u32::from_le_bytes(order.sorted(bytes)).into(),
            Self::I32 => i32::from_le_bytes(order.sorted(bytes)).into(),
            Self::F32 => f32::from_le_bytes(order.sorted(bytes)).into(),
            Self::F64 => f64::from_le_bytes(order.sorted(bytes)),
        }
    }

    /// Appends `value`, lowest byte first. The caller asked [`VoxelType::holds`].
    pub(super) fn encode(self, value: f32, to: &mut Vec<u8>) {
        match self {
            Self::U8 => to.extend((value as u8).to_le_bytes()),
            Self::I8 => to.extend((value as i8).to_le_bytes()),
            Self::U16 => to.extend((value as u16).to_le_bytes()),
            Self::I16 => to.extend((value as i16).to_le_bytes()),
            Self::U32 => to.extend((value as u32).to_le_bytes()),
            Self::I32 => to.extend((value as i32).to_le_bytes()),
            Self::F32 => to.extend(value.to_le_bytes()),
            Self::F64 => to.extend(f64::from(value).to_le_bytes()),
        }
    }

    /// Whether `value` can be stored without changing it.
    pub(super) fn holds(self, value: f32) -> bool {
        let whole = |lowest: f64, highest: f64| value.fract() == 0.0 && (lowest..=highest).contains(&f64::from(value));
        match self {
            Self::U8 => whole(0.0, u8::MAX.into()),
            Self::I8 => whole(i8::MIN.into(), i8::MAX.into()),
            Self::U16 => whole(0.0, u16::MAX.into()),
            Self::I16 => whole(i16::MIN.into(), i16::MAX.into()),
            Self::U32 => whole(0.0, u32::MAX.into()),
            Self::I32 => whole(i32::MIN.into(), i32::MAX.into()),
            Self::F32 | Self::F64 => value.is_finite(),
        }
    }
}

impl ByteOrder {
    /// `bytes` with the lowest first.
    pub(super) fn sorted<const N: usize>(self, bytes: &[u8]) -> [u8; N] {
        let mut sorted = [0; N];
        sorted.copy_from_slice(bytes);
        if self == Self::Big {
            sorted.reverse();
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_give_the_same_number() {
        for stored in VoxelType::ALL {
            for value in [0.0f32, 1.0, 42.0, 127.0] {
                let mut bytes = Vec::new();
                stored.encode(value, &mut bytes);
                assert_eq!(bytes.len(), stored.bytes());
                assert_eq!(stored.decode(&bytes, ByteOrder::Little), f64::from(value));
                bytes.reverse();
                assert_eq!(stored.decode(&bytes, ByteOrder::Big), f64::from(value));
            }
            assert_eq!(VoxelType::of_code(stored.code()), Some(stored));
        }
        assert_eq!(VoxelType::of_code(128), None, "RGB");
    }

    #[test]
    fn types_know_their_limits() {
        assert!(VoxelType::U8.holds(255.0) && !VoxelType::U8.holds(256.0) && !VoxelType::U8.holds(-1.0));
        assert!(VoxelType::I16.holds(-32_768.0) && !VoxelType::I16.holds(0.5));
        assert!(VoxelType::I32.holds(-2_147_483_648.0) && !VoxelType::I32.holds(2_147_483_648.0));
        assert!(!VoxelType::F32.holds(f32::NAN) && VoxelType::F64.holds(0.1));
    }
}
