//! Which labels of a map a metric looks at.

use std::fmt;
use std::num::NonZeroU8;

/// Label of the background.
pub(crate) const BACKGROUND: u8 = 0;

/// A class of a label map; 0 is the background and no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(NonZeroU8);

impl Class {
    /// The class with this label; none for the background.
    pub fn new(label: u8) -> Option<Self> {
        NonZeroU8::new(label).map(Self)
    }

    /// Its label in a map.
    pub fn label(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class{}", self.0)
    }
}

/// The voxels that count as the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Region {
    /// Everything that is not background.
    Foreground,
    /// One class; all others are background then.
    Class(Class),
}

impl Region {
    /// Whether a voxel with this label belongs to the object.
    pub fn contains(self, label: u8) -> bool {
        match self {
            Self::Foreground => label != BACKGROUND,
            Self::Class(class) => label == class.label(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_no_class() {
        assert_eq!(Class::new(0), None);
        assert_eq!(Class::new(7).map(|class| (class.label(), class.to_string())), Some((7, "class7".to_owned())));
    }

    #[test]
    fn foreground_is_all_classes_and_a_class_is_itself_only() {
        let class = Region::Class(Class::new(2).expect("not the background"));
        assert_eq!([0, 1, 2, 255].map(|label| Region::Foreground.contains(label)), [false, true, true, true]);
        assert_eq!([0, 1, 2, 255].map(|label| class.contains(label)), [false, false, true, false]);
    }
}
