//! Whose upload it is.

use std::fmt;

/// Longest owner: room for a role and a site's name.
const OWNER_BYTES_MAX: usize = 100;

/// The sender of uploads, by a name that is also the name of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(String);

/// Why a name is no owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` cannot own uploads: use 1 to {OWNER_BYTES_MAX} of a-z, 0-9, `-` and `.`, beginning with a letter or digit"
)]
pub struct OwnerError {
    given: String,
}

impl Owner {
    /// Checks the name: 1 to 100 of `a-z`, `0-9`, `-`, `.`, beginning with a letter or digit.
    pub fn new(name: impl Into<String>) -> Result<Self, OwnerError> {
        let name = name.into();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good = (1..=OWNER_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'.')
            && name.bytes().next().is_some_and(plain);
        if good { Ok(Self(name)) } else { Err(OwnerError { given: name.chars().take(80).collect() }) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&wardround_plan::SiteId> for Owner {
    fn from(site: &wardround_plan::SiteId) -> Self {
        Self(site.as_str().to_owned())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_plain_folder_names() {
        for good in ["a", "site-a", "admin.anna", &"x".repeat(100)] {
            assert!(Owner::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../a", ".a", "-a", "A", "a\0", &"x".repeat(101)] {
            assert!(Owner::new(bad).is_err(), "{bad}");
        }
    }
}
