//! Names that stand in a certificate beside those of sites. All follow the one rule of `wardround-plan`'s ids.

use serde::{Deserialize, Serialize};
use std::fmt;
use wardround_plan::{IdError, SiteId};

macro_rules! label {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the name: 1 to 63 of `a-z`, `0-9`, `-`, not beginning or ending with `-`.
            pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
                SiteId::new(name).map(|label| Self(label.into()))
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

label!(
    /// A federation; its SPIFFE trust domain is this name.
    FederationName
);
label!(
    /// A person or program that manages the federation or its studies.
    AdminName
);
