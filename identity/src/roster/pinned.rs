//! The roster that a site's operator has approved, in the folder of the site's credentials.

use super::SignedRoster;
use crate::IdentityError;
use crate::files::{self, Readers};
use crate::roster::ROSTER_BYTES_MAX;
use std::path::Path;
use wardround_secagg::roster::Roster;
use wardround_secagg::wire::RosterDigest;

/// The file of the roster.
const FILE: &str = "pinned.roster";

/// The roster that is in force at this site. Only [`RosterReview::approve`](super::RosterReview::approve) changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedRoster(SignedRoster);

impl PinnedRoster {
    /// Loads the pinned roster from the folder of the credentials; `None` where none was approved yet.
    ///
    /// # Errors
    /// A file that cannot be read, that others can read or write, or that was changed.
    pub fn load(folder: &Path) -> Result<Option<Self>, IdentityError> {
        let path = folder.join(FILE);
        // Nothing in it is secret; but whoever may write it chooses with whom this site adds up.
        match files::read_private(&path, ROSTER_BYTES_MAX as u64) {
            Ok(bytes) => match SignedRoster::from_bytes(&bytes) {
                Ok(roster) => Ok(Some(Self(roster))),
                Err(refusal) => Err(IdentityError::from(refusal).in_file(&path)),
            },
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts an approved roster in the place of whatever was there.
    pub(super) fn replace(folder: &Path, roster: SignedRoster) -> Result<Self, IdentityError> {
        files::replace(&folder.join(FILE), &roster.to_bytes(), Readers::Owner)?;
        Ok(Self(roster))
    }

    /// The certificates, for a session.
    pub fn into_roster(self) -> Roster {
        self.0.into_roster()
    }

    /// The certificates, for secure aggregation.
    pub fn roster(&self) -> &Roster {
        self.0.roster()
    }

    /// The digest that sessions have to name.
    pub fn digest(&self) -> RosterDigest {
        self.0.digest()
    }

    /// The roster as its authority signed it.
    pub fn signed(&self) -> &SignedRoster {
        &self.0
    }
}
