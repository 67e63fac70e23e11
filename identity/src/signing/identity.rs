//! A site's own signing key, in the folder of its credentials.

use super::{create_key, draw_key, read_key, signing_key_fingerprint};
use crate::{IdentityError, files};
use std::path::Path;
use wardround_plan::Digest;
use wardround_secagg::roster::{PublicKey, SigningKey};

/// The file of the key.
const FILE: &str = "signing.key";

/// The key with which this site signs in secure aggregation. It is made once and stays through every renewal of the TLS
/// certificate; a site that loses it enrols again, and every other site has to approve the changed roster.
#[derive(Debug)]
pub struct SigningIdentity(SigningKey);

impl SigningIdentity {
    /// Takes up the key in `folder`, or makes one (readable by its owner alone) where none is.
    ///
    /// # Errors
    /// A folder or file that cannot be read or written, and a key that others can read or that is cut short: a key that
    /// is there is never replaced.
    pub fn open_or_generate(folder: &Path) -> Result<Self, IdentityError> {
        files::create_private_folder(folder)?;
        match Self::open(folder) {
            Err(IdentityError::File(error)) if error.is_absent() => Self::generate(folder),
            opened => opened,
        }
    }

    /// Takes up the key in `folder`.
    ///
    /// # Errors
    /// As [`SigningIdentity::open_or_generate`], and a folder without a key.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        read_key(&folder.join(FILE)).map(Self)
    }

    fn generate(folder: &Path) -> Result<Self, IdentityError> {
        let key = draw_key()?;
        match create_key(&folder.join(FILE), &key) {
            Ok(()) => Ok(Self(key)),
            // Another process made one just now; two would enrol two sites.
            Err(IdentityError::File(error)) if error.is_taken() => Self::open(folder),
            Err(error) => Err(error),
        }
    }

    /// The key, for the sessions in which this site takes part.
    pub fn key(&self) -> &SigningKey {
        &self.0
    }

    /// The public half, as it stands in the roster.
    pub fn public(&self) -> PublicKey {
        self.0.public()
    }

    /// SHA-256 of the public half: what others compare before they approve a roster.
    pub fn fingerprint(&self) -> Digest {
        signing_key_fingerprint(&self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SiteKeys;
    use crate::testing::{Federation, NOW, after_h};
    use std::fs;

    #[test]
    fn the_key_is_made_once_and_not_printed() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(SigningIdentity::open(folder.path()).is_err(), "nothing to open yet");
        let first = SigningIdentity::open_or_generate(folder.path()).expect("made");
        let second = SigningIdentity::open_or_generate(folder.path()).expect("found");
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(format!("{first:?}"), "SigningIdentity(SigningKey)");
    }

    #[test]
    fn a_damaged_key_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("folder");
        SigningIdentity::open_or_generate(folder.path()).expect("made");
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).expect("readable");
        let cut = &whole[..whole.len() / 2];
        files::replace(&path, cut, files::Readers::Owner).expect("writable");
        let error = SigningIdentity::open_or_generate(folder.path()).expect_err("cut").to_string();
        assert!(error.contains(FILE), "{error}");
        assert_eq!(fs::read(&path).expect("readable"), cut);
    }

    #[test]
    fn of_two_processes_at_once_both_have_one_key() {
        let folder = tempfile::tempdir().expect("folder");
        let make = || SigningIdentity::generate(folder.path()).expect("made or found").fingerprint();
        let both = std::thread::scope(|scope| {
            [scope.spawn(make), scope.spawn(make)].map(|thread| thread.join().expect("no panic"))
        });
        assert_eq!(both[0], both[1]);
    }

    #[tokio::test]
    async fn the_key_survives_renewals_of_the_certificate() {
        let federation = Federation::new("lung").await;
        let credentials = federation.enrolled("st-anna").await;
        let folder = credentials.folder();
        let before = SigningIdentity::open(folder).expect("made at enrolment").fingerprint();
        let keys = SiteKeys::open_or_generate(folder).expect("a fresh TLS key");
        let request = keys.csr_pem().expect("request");
        let renewed = federation.authority.renew(credentials.peer(), &request, after_h(100)).await.expect("renewed");
        keys.install(&renewed, federation.authority.fingerprint(), NOW).expect("installed");
        assert_eq!(SigningIdentity::open(folder).expect("still there").fingerprint(), before);
    }
}
