//! Where the ledger ended when it was last written, kept apart from it: in the credentials folder, `NUMBER:HASH`.
//!
//! It is written after each link, so a crash between the two leaves it one link behind, which is fine. A ledger that does not
//! contain its anchor was cut off, replaced or restored from an old copy.

use super::SiteLedgerError;
use std::path::{Path, PathBuf};
use wardround_identity::files::{Draft, FileError, Readers, read};
use wardround_plan::LedgerHead;

const FILE: &str = "ledger.anchor";
/// More than any anchor: 20 digits, a colon, 64 hex digits, a line end.
const BYTES_MAX: u64 = 128;

/// The anchor's file.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    path: PathBuf,
}

impl Anchor {
    pub(super) fn in_folder(credentials: &Path) -> Self {
        Self { path: credentials.join(FILE) }
    }

    /// The last head that was written; `None` where there is no anchor.
    pub(super) fn head(&self) -> Result<Option<LedgerHead>, SiteLedgerError> {
        let content = match read(&self.path, BYTES_MAX) {
            Ok(content) => content,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = std::str::from_utf8(&content).unwrap_or_default();
        let head = text.trim_end().parse().map_err(|_| SiteLedgerError::Anchor { path: self.path.clone() })?;
        Ok(Some(head))
    }

    /// The next anchor, written and synced beside this one; `put` makes it the anchor.
    pub(super) fn draft(&self, head: LedgerHead) -> Result<Draft, FileError> {
        Draft::write(&self.path, format!("{head}\n").as_bytes(), Readers::Owner)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::Digest;

    #[test]
    fn what_is_written_is_read_and_garbage_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let anchor = Anchor::in_folder(folder.path());
        assert_eq!(anchor.head().expect("readable"), None);
        let head = LedgerHead { seq: 7, hash: Digest::of(b"link") };
        anchor.draft(head).expect("writable").put().expect("writable");
        assert_eq!(anchor.head().expect("readable"), Some(head));
        std::fs::write(anchor.path(), "7:abc").expect("writable");
        assert!(anchor.head().expect_err("garbage").to_string().contains("ledger.anchor"));
    }
}
