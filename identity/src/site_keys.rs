//! A key on its way to a certificate. The hospital asks again and again with the same key until someone approves it, so
//! the key outlives the process that made it.

use crate::credentials::{Credentials, installed_key};
use crate::files::{self, Readers};
use crate::{Certificate, IdentityError, PrivateKey, x509};
use std::path::{Path, PathBuf};
use wardround_plan::{Digest, Timestamp};

/// The file of a key that has no certificate yet.
const FILE: &str = "pending.key";

/// A private key in a folder, waiting for its certificate. It never leaves the folder.
#[derive(Debug)]
pub struct SiteKeys {
    folder: PathBuf,
    key: PrivateKey,
}

impl SiteKeys {
    /// Takes up the key that waits in `folder`, or makes one (readable by its owner alone).
    ///
    /// # Errors
    /// A folder or file that cannot be written, a waiting key that others can read or that is cut short.
    pub fn open_or_generate(folder: &Path) -> Result<Self, IdentityError> {
        files::create_private_folder(folder)?;
        let path = folder.join(FILE);
        match files::read_private(&path, x509::PEM_BYTES_MAX) {
            Ok(content) => {
                let key = PrivateKey::from_pem(&content).map_err(|error| error.in_file(&path))?;
                // A crash after installing left it behind; a certified key is not used for another certificate.
                if installed_key(folder) == Some(key.fingerprint()) {
                    Self::generate(folder)
                } else {
                    Ok(Self::new(folder, key))
                }
            }
            Err(error) if error.is_absent() => Self::generate(folder),
            Err(error) => Err(error.into()),
        }
    }

    fn generate(folder: &Path) -> Result<Self, IdentityError> {
        let key = PrivateKey::generate()?;
        files::replace(&folder.join(FILE), key.to_pem().as_bytes(), Readers::Owner)?;
        Ok(Self::new(folder, key))
    }

    fn new(folder: &Path, key: PrivateKey) -> Self {
        Self { folder: folder.to_owned(), key }
    }

    /// The request to send to the authority.
    ///
    /// # Errors
    /// [`IdentityError::Signing`] where the system has no randomness to give.
    pub fn csr_pem(&self) -> Result<String, IdentityError> {
        self.key.request_pem()
    }

    /// SHA-256 of the public key: what to read out to the federation's manager.
    pub fn fingerprint(&self) -> Digest {
        self.key.fingerprint()
    }

    /// Stores the key with its certificate; from then on the folder holds [`Credentials`].
    ///
    /// # Errors
    /// A certificate for another key, from another authority than `ca_sha256`, or expired at `now`.
    pub fn install(
        self,
        certificate: &Certificate,
        ca_sha256: Digest,
        now: Timestamp,
    ) -> Result<Credentials, IdentityError> {
        let found = certificate.authority_sha256();
        if found != ca_sha256 {
            return Err(IdentityError::OtherAuthority { expected: ca_sha256, found });
        }
        let credentials = Credentials::install(&self.folder, self.key, certificate, now)?;
        files::remove(&self.folder.join(FILE))?;
        Ok(credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Federation, NOW};

    #[test]
    fn the_same_key_waits_across_restarts() {
        let folder = tempfile::tempdir().expect("folder");
        let first = SiteKeys::open_or_generate(folder.path()).expect("made");
        let second = SiteKeys::open_or_generate(folder.path()).expect("found");
        assert_eq!(first.fingerprint(), second.fingerprint());
    }

    #[tokio::test]
    async fn a_crash_between_installing_and_cleaning_up_leads_to_a_fresh_key() {
        let federation = Federation::new("lung").await;
        let folder = tempfile::tempdir().expect("folder");
        let keys = SiteKeys::open_or_generate(folder.path()).expect("made");
        let certificate = federation.certify("st-anna", &keys.csr_pem().expect("request")).await;
        let (used, waiting) = (keys.fingerprint(), std::fs::read(folder.path().join(FILE)).expect("readable"));
        keys.install(&certificate, federation.authority.fingerprint(), NOW).expect("installed");
        files::replace(&folder.path().join(FILE), &waiting, Readers::Owner).expect("writable");
        assert_ne!(SiteKeys::open_or_generate(folder.path()).expect("fresh").fingerprint(), used);
    }

    #[tokio::test]
    async fn a_certificate_of_another_authority_is_not_installed() {
        let federation = Federation::new("lung").await;
        let folder = tempfile::tempdir().expect("folder");
        let keys = SiteKeys::open_or_generate(folder.path()).expect("made");
        let certificate = federation.certify("st-anna", &keys.csr_pem().expect("request")).await;
        let error = keys.install(&certificate, Digest::of(b"another"), NOW).expect_err("another pin");
        assert!(matches!(error, IdentityError::OtherAuthority { .. }), "{error}");
        assert!(Credentials::load(folder.path(), NOW).is_err());
    }
}
