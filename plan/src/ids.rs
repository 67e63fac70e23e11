//! Names that cross module and process borders.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name: one DNS label, so that a name can stand in a certificate and a file name.
const NAME_BYTES_MAX: usize = 63;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a name: use 1 to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit")]
pub struct IdError {
    given: String,
}

fn checked(given: String) -> Result<String, IdError> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=NAME_BYTES_MAX).contains(&given.len())
        && given.chars().all(inner)
        && !given.starts_with('-')
        && !given.ends_with('-');
    if good { Ok(given) } else { Err(IdError { given: given.chars().take(80).collect() }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the name: 1 to 63 of `a-z`, `0-9`, `-`, not beginning or ending with `-`.
            pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
                checked(name.into()).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl std::str::FromStr for $type {
            type Err = IdError;
            fn from_str(name: &str) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// One hospital's node.
    SiteId
);
name!(
    /// One training project in a federation; unique at its coordinator.
    StudyId
);
name!(
    /// One collection of patients of one site: what a privacy budget is for.
    DataSetName
);

/// One pass coordinator → sites → coordinator, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoundNumber(u32);

impl RoundNumber {
    /// The first round of a study.
    pub const FIRST: Self = Self(1);

    /// A round by its number, counted from 1; `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    /// The round after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RoundNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_one_dns_label() {
        for good in ["a", "site-a", "st-gertrude-2", &"x".repeat(63)] {
            assert!(SiteId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "../a", "ä", &"x".repeat(64)] {
            assert!(SiteId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn deserialising_goes_through_the_same_check() {
        assert!(serde_json::from_str::<SiteId>("\"site-a\"").is_ok());
        assert!(serde_json::from_str::<SiteId>("\"../../etc\"").is_err());
    }
}
