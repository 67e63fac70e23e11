//! What a site, a coordinator or an administrator shows: a private key with its certificate.
//!
//! Both lie in one file, `identity.pem`, so that no crash can leave a key beside the certificate of another: a renewal
//! writes the new pair completely, then renames it over the old one.

use crate::files::{self, Readers};
use crate::{Certificate, IdentityError, PeerId, PrivateKey, x509};
use std::path::{Path, PathBuf};
use wardround_plan::{Digest, Timestamp};
use zeroize::Zeroizing;

/// The file of a key and its certificate.
const FILE: &str = "identity.pem";

/// A private key and its certificate, at home in a folder.
#[derive(Debug)]
pub struct Credentials {
    folder: PathBuf,
    key: PrivateKey,
    certificate: Certificate,
}

impl Credentials {
    /// Loads the pair from `folder`.
    ///
    /// # Errors
    /// No or an unreadable file (named), one that others can read, a certificate for another key, and one that has
    /// expired at `now`, with what to do.
    pub fn load(folder: &Path, now: Timestamp) -> Result<Self, IdentityError> {
        let path = folder.join(FILE);
        let content = files::read_private(&path, x509::PEM_BYTES_MAX)?;
        let (key, certificate) = read_pair(&content).map_err(|error| error.in_file(&path))?;
        Self { folder: folder.to_owned(), key, certificate }.checked(now).map_err(|error| error.in_file(&path))
    }

    /// Stores a new pair in `folder` in place of whatever was there.
    pub(crate) fn install(
        folder: &Path,
        key: PrivateKey,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<Self, IdentityError> {
        let pair = Self { folder: folder.to_owned(), key, certificate: certificate.clone() }.checked(now)?;
        let key_pem = pair.key.to_pem();
        let mut content = Zeroizing::new(String::with_capacity(key_pem.len() + certificate.to_pem().len() + 1));
        content.push_str(&key_pem);
        content.push_str(certificate.to_pem());
        files::replace(&folder.join(FILE), content.as_bytes(), Readers::Owner)?;
        Ok(pair)
    }

    /// Puts a renewed pair in place of this one, in the same folder; the old pair works until the new one is whole.
    ///
    /// # Errors
    /// A certificate for another key, holder or authority, one that has expired, or a file that cannot be written. The
    /// old pair is still there then.
    pub fn replace(&self, key: PrivateKey, certificate: &Certificate, now: Timestamp) -> Result<Self, IdentityError> {
        let (expected, found) = (self.authority_sha256(), certificate.authority_sha256());
        if expected != found {
            return Err(IdentityError::OtherAuthority { expected, found });
        }
        let (expected, found) = (self.peer().spiffe_id(), certificate.peer().spiffe_id());
        if expected != found {
            return Err(IdentityError::OtherIdentity { expected, found });
        }
        Self::install(&self.folder, key, certificate, now)
    }

    /// Whether two thirds of the certificate's life are over, so that it should be renewed.
    pub fn renew_due(&self, now: Timestamp) -> bool {
        now >= self.renew_at()
    }

    /// When two thirds of the certificate's life are over.
    pub fn renew_at(&self) -> Timestamp {
        let (from, to) = (self.certificate.not_before(), self.certificate.not_after());
        Timestamp::from_ms(from.as_ms() + to.since(from).as_ms() / 3 * 2)
    }

    /// Who we are.
    pub fn peer(&self) -> &PeerId {
        self.certificate.peer()
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// SHA-256 of the authority's certificate.
    pub fn authority_sha256(&self) -> Digest {
        self.certificate.authority_sha256()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }

    fn checked(self, now: Timestamp) -> Result<Self, IdentityError> {
        if self.key.fingerprint() != self.certificate.key_fingerprint() {
            return Err(IdentityError::KeyMismatch);
        }
        let at = self.certificate.not_after();
        if now >= at {
            return Err(IdentityError::Expired { holder: self.peer().role.clone(), at });
        }
        Ok(self)
    }
}

/// The fingerprint of the key in `folder`, where there is a readable pair.
pub(crate) fn installed_key(folder: &Path) -> Option<Digest> {
    let content = files::read_private(&folder.join(FILE), x509::PEM_BYTES_MAX).ok()?;
    read_pair(&content).ok().map(|(key, _)| key.fingerprint())
}

fn read_pair(content: &[u8]) -> Result<(PrivateKey, Certificate), IdentityError> {
    let text = std::str::from_utf8(content).map_err(|error| IdentityError::unreadable("PEM text", error))?;
    let key = PrivateKey::from_pem(content)?;
    // Only the part after the key: the certificate keeps its text, and must not keep the key's.
    let start = text.find("-----BEGIN CERTIFICATE-----").unwrap_or(text.len());
    Ok((key, Certificate::from_pem(&text[start..])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Federation, NOW, after_h};
    use std::os::unix::fs::PermissionsExt;

    async fn enrolled() -> (Federation, Credentials, PathBuf) {
        let federation = Federation::new("lung").await;
        let credentials = federation.enrolled("st-anna").await;
        let path = credentials.folder.join(FILE);
        (federation, credentials, path)
    }

    fn load_error(credentials: &Credentials, now: Timestamp) -> String {
        Credentials::load(&credentials.folder, now).expect_err("must be refused").to_string()
    }

    #[tokio::test]
    async fn what_was_installed_is_loaded() {
        let (_federation, credentials, _) = enrolled().await;
        let loaded = Credentials::load(&credentials.folder, NOW).expect("just installed");
        assert_eq!(loaded.peer(), credentials.peer());
    }

    #[tokio::test]
    async fn an_expired_certificate_is_refused_with_when_and_what_to_do() {
        let (_federation, credentials, _) = enrolled().await;
        let end = credentials.certificate().not_after();
        assert!(Credentials::load(&credentials.folder, Timestamp::from_ms(end.as_ms() - 1)).is_ok());
        let error = load_error(&credentials, end);
        assert!(error.contains("expired on 2026-11-") && error.contains("enrol again"), "{error}");
    }

    #[tokio::test]
    async fn a_file_open_to_others_is_refused() {
        let (_federation, credentials, path) = enrolled().await;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("own file");
        let error = load_error(&credentials, NOW);
        assert!(error.contains("chmod 600") && error.contains("identity.pem"), "{error}");
    }

    #[tokio::test]
    async fn a_file_cut_anywhere_is_refused_with_its_name() {
        let (_federation, credentials, path) = enrolled().await;
        let whole = std::fs::read(&path).expect("readable");
        for end in (0..whole.len() - 30).step_by(37) {
            files::replace(&path, &whole[..end], Readers::Owner).expect("writable");
            let error = load_error(&credentials, NOW);
            assert!(error.contains("identity.pem"), "cut at {end}: {error}");
        }
    }

    #[tokio::test]
    async fn a_certificate_for_another_key_is_refused() {
        let (_federation, credentials, path) = enrolled().await;
        let other = PrivateKey::generate().expect("key");
        let content = format!("{}{}", *other.to_pem(), credentials.certificate.to_pem());
        files::replace(&path, content.as_bytes(), Readers::Owner).expect("writable");
        assert!(load_error(&credentials, NOW).contains("another private key"));
    }

    #[tokio::test]
    async fn renewal_is_due_at_two_thirds() {
        let (_federation, credentials, _) = enrolled().await;
        assert!(!credentials.renew_due(after_h(4 * 24)));
        assert!(credentials.renew_due(credentials.renew_at()));
        assert!(credentials.renew_due(after_h(5 * 24)));
    }

    #[tokio::test]
    async fn a_renewal_for_someone_else_leaves_the_old_pair() {
        let (federation, credentials, _) = enrolled().await;
        let (key, certificate) = federation.certified("st-berta").await;
        let error = credentials.replace(key, &certificate, NOW).expect_err("another site");
        assert!(matches!(error, IdentityError::OtherIdentity { .. }), "{error}");
        assert!(Credentials::load(&credentials.folder, NOW).is_ok());

        let impostor = Federation::new("lung").await;
        let (key, certificate) = impostor.certified("st-anna").await;
        let error = credentials.replace(key, &certificate, NOW).expect_err("another authority");
        assert!(matches!(error, IdentityError::OtherAuthority { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_draft_left_by_a_crash_does_no_harm() {
        let (_federation, credentials, path) = enrolled().await;
        std::fs::write(path.with_file_name("identity.pem.0123.draft"), "half").expect("writable");
        assert!(Credentials::load(&credentials.folder, NOW).is_ok());
    }
}
