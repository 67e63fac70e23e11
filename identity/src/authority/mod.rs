//! The federation's certificate authority: a folder that both the manager's command and the coordinator open.
//!
//! | file | content |
//! |---|---|
//! | `authority.key` | the private key, PKCS#8 PEM, readable by its owner alone |
//! | `authority.pem` | the self-signed certificate; its SHA-256 is what sites pin |
//! | `authority.sqlite` | invitations, certificates, revocations: the truth about who belongs |
//! | `crl.pem` | the revocation list, made from the database and written anew from it when they differ |
//!
//! Every change is one SQL transaction that takes the write lock first, so two processes never decide on the same state.

mod enrolment;
mod invitation;
mod issue;
mod revocation;
mod roster;
mod signing;
mod store;

pub use enrolment::{Enrolment, EnrolmentRefusal, Pending};
pub use invitation::{Approval, INVITATION_VALID, Invitation};
pub use issue::{CERTIFICATE_LIFETIME, RenewalRefusal, ServerNames};
pub use revocation::{CRL_REFRESH, CrlRefresh};
pub use roster::{Member, MemberState};

use crate::files::{self, Readers};
use crate::{FederationName, IdentityError, PrivateKey, Serial, calendar, role, x509};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyUsagePurpose, SanType, SerialNumber};
use rustls::pki_types::CertificateDer;
use std::path::{Path, PathBuf};
use store::Store;
use wardround_plan::{Digest, Duration, Timestamp};

const KEY_FILE: &str = "authority.key";
pub(crate) const CERTIFICATE_FILE: &str = "authority.pem";
pub(crate) const CRL_FILE: &str = "crl.pem";
const DATABASE_FILE: &str = "authority.sqlite";

const DAY_S: u64 = 24 * 60 * 60;
/// How long the authority's own certificate is valid: ten years.
const AUTHORITY_LIFETIME: Duration = Duration::from_s(3653 * DAY_S);
/// Certificates begin this long before they are issued, for sites whose clock is behind.
const BACKDATING_MS: u64 = 5 * 60 * 1000;

/// The certificate authority of one federation.
pub struct Authority {
    folder: PathBuf,
    federation: FederationName,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    issuer: Issuer<'static, PrivateKey>,
    store: Store,
}

impl Authority {
    /// Makes a new authority in `folder`.
    ///
    /// # Errors
    /// [`IdentityError::AuthorityExists`] where there is one already, also one that was only half made; and a folder or
    /// file that cannot be written.
    pub async fn init(folder: &Path, federation: &FederationName, now: Timestamp) -> Result<Self, IdentityError> {
        files::create_private_folder(folder)?;
        let key = PrivateKey::generate()?;
        let certificate = self_signed(&key, federation, now)?;
        // The key comes first: of two commands at once, only one gets past this line.
        files::create(&folder.join(KEY_FILE), key.to_pem().as_bytes(), Readers::Owner).map_err(|error| {
            if error.is_taken() { IdentityError::AuthorityExists(folder.to_owned()) } else { error.into() }
        })?;
        files::replace(&folder.join(CERTIFICATE_FILE), certificate.pem().as_bytes(), Readers::Everyone)?;
        Store::create(&folder.join(DATABASE_FILE)).await?;
        let authority = Self::open(folder).await?;
        authority.refresh_crl(now).await?;
        Ok(authority)
    }

    /// Opens the authority in `folder`. Several processes may have it open.
    ///
    /// # Errors
    /// Files that are absent, unreadable or not of one authority (each named), and a key that others can read.
    pub async fn open(folder: &Path) -> Result<Self, IdentityError> {
        let key_path = folder.join(KEY_FILE);
        let key = files::read_private(&key_path, x509::PEM_BYTES_MAX)?;
        let key = PrivateKey::from_pem(&key).map_err(|error| error.in_file(&key_path))?;
        check_complete(folder)?;
        let path = folder.join(CERTIFICATE_FILE);
        let text = files::read(&path, x509::PEM_BYTES_MAX)?;
        let (certificate, federation) = read_certificate(&text).map_err(|error| error.in_file(&path))?;
        if Digest::of(x509::certificate(&certificate)?.public_key().raw) != key.fingerprint() {
            return Err(IdentityError::AuthorityTorn(folder.to_owned()));
        }
        let authority = Self {
            folder: folder.to_owned(),
            federation,
            issuer: Issuer::from_ca_cert_der(&certificate, key)?,
            certificate,
            certificate_pem: String::from_utf8_lossy(&text).into_owned(),
            store: Store::open(&folder.join(DATABASE_FILE)).await?,
        };
        authority.publish_if_changed().await?;
        Ok(authority)
    }

    /// The federation it speaks for.
    pub fn federation(&self) -> &FederationName {
        &self.federation
    }

    /// Its certificate as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its certificate as DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-256 of its certificate: what `--ca-sha256` pins.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.certificate)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authority({})", self.federation)
    }
}

/// A key without the rest was left by a crash while the authority was made, or the rest was lost since.
fn check_complete(folder: &Path) -> Result<(), IdentityError> {
    let absent =
        [CERTIFICATE_FILE, DATABASE_FILE].map(|name| folder.join(name)).into_iter().find(|path| !path.is_file());
    absent.map_or(Ok(()), |path| Err(IdentityError::AuthorityIncomplete(path)))
}

fn read_certificate(text: &[u8]) -> Result<(CertificateDer<'static>, FederationName), IdentityError> {
    let certificate: CertificateDer<'static> = x509::first_in_pem("authority certificate (PEM)", text)?;
    let federation = x509::federation(&certificate)?;
    Ok((certificate, federation))
}

fn self_signed(
    key: &PrivateKey,
    federation: &FederationName,
    now: Timestamp,
) -> Result<rcgen::Certificate, IdentityError> {
    let mut params = CertificateParams::default();
    // The key's fingerprint tells apart two authorities of one name, so that a certificate of the wrong one is refused
    // as coming from an unknown authority, not as having a bad signature.
    let name = format!("Wardround authority of {federation} ({})", key.fingerprint().short());
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![uri(role::trust_domain(federation))?];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from_slice(Serial::draw()?.as_bytes()));
    params.not_before = calendar::date_time(backdated(now));
    params.not_after = calendar::date_time(now + AUTHORITY_LIFETIME);
    Ok(params.self_signed(key)?)
}

fn uri(text: String) -> Result<SanType, IdentityError> {
    Ok(SanType::URI(text.try_into()?))
}

fn backdated(now: Timestamp) -> Timestamp {
    Timestamp::from_ms(now.as_ms().saturating_sub(BACKDATING_MS))
}

#[cfg(test)]
mod tests;
