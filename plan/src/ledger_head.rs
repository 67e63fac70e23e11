//! How far a hash chain has come: what a site shows of its ledger, and nothing else of it.

use crate::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Number and hash of the last link of a site's ledger. The hash names everything before it, so that whoever kept a head can
/// tell later whether the ledger still contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerHead {
    /// The link's number, from 1; 0 for an empty ledger.
    pub seq: u64,
    /// The link's hash.
    pub hash: Digest,
}

/// Why a text is not a head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no head of a ledger: write NUMBER:HASH with 64 hex digits, as the site printed it")]
pub struct LedgerHeadError {
    given: String,
}

impl LedgerHead {
    /// Before the first link.
    pub const EMPTY: Self = Self { seq: 0, hash: Digest::from_bytes([0; 32]) };

    /// The number and the first hex digits, for people.
    pub fn short(&self) -> String {
        format!("{}:{}", self.seq, self.hash.short())
    }
}

impl fmt::Display for LedgerHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for LedgerHead {
    type Err = LedgerHeadError;
    fn from_str(text: &str) -> Result<Self, LedgerHeadError> {
        let parts = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.parse().ok()?)));
        let (seq, hash) = parts.ok_or_else(|| LedgerHeadError { given: text.chars().take(100).collect() })?;
        Ok(Self { seq, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_typed() {
        let head = LedgerHead { seq: 55, hash: Digest::of(b"link") };
        assert_eq!(head.to_string().parse(), Ok(head));
        for bad in ["", "55", "55:abc", "x:y", &head.short()] {
            assert!(bad.parse::<LedgerHead>().is_err(), "{bad}");
        }
    }
}
