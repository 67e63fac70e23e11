//! The revocation list as those who check certificates read it, and a watch that notices a new one.

use crate::authority::{CERTIFICATE_FILE, CRL_FILE};
use crate::{IdentityError, Serial, files, x509};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wardround_plan::{Digest, Timestamp};
use x509_parser::asn1_rs::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// Largest revocation list: room for some 100,000 certificates, revoked within a week.
const CRL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A revocation list whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    /// Which certificates are revoked.
    pub serials: BTreeSet<Serial>,
    /// Counts up with every list that the authority signs.
    pub number: u64,
    /// When the authority signed it.
    pub this_update: Timestamp,
    /// By when the next one should have come; a later time is worth a warning, and is not enforced.
    pub next_update: Timestamp,
    der: CertificateRevocationListDer<'static>,
}

impl Crl {
    /// Reads a list and checks it against the authority's certificate.
    ///
    /// # Errors
    /// Unreadable bytes, a signature by someone else, a serial number that the authority cannot have issued.
    pub fn from_pem(text: &[u8], authority_der: &[u8]) -> Result<Self, IdentityError> {
        let der: CertificateRevocationListDer<'static> = pem_section(text)?;
        let list = x509::whole("revocation list", CertificateRevocationList::from_der(&der))?;
        let authority = x509::certificate(authority_der)?;
        if list.issuer() != authority.subject() || list.verify_signature(authority.public_key()).is_err() {
            return Err(IdentityError::CrlSignature);
        }
        Ok(Self {
            serials: serials(&list)?,
            number: number(&list)?,
            this_update: x509::timestamp(list.last_update()),
            next_update: list.next_update().map(x509::timestamp).ok_or_else(|| unreadable("it has no next update"))?,
            der: der.clone(),
        })
    }

    /// Whether the certificate with this number is revoked.
    pub fn revokes(&self, serial: &Serial) -> bool {
        self.serials.contains(serial)
    }

    pub(crate) fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }
}

/// Reads the list in an authority's folder and checks it against the certificate there.
///
/// # Errors
/// As [`Crl::from_pem`], and files that cannot be read; each names its file.
pub fn load_crl(folder: &Path) -> Result<Crl, IdentityError> {
    CrlWatch::open(folder).map(|watch| watch.current)
}

/// Notices when the authority signs a new list, also from another process.
#[derive(Debug)]
pub struct CrlWatch {
    path: PathBuf,
    authority: CertificateDer<'static>,
    content: Digest,
    current: Crl,
}

impl CrlWatch {
    /// Loads the list in an authority's folder.
    ///
    /// # Errors
    /// As [`load_crl`].
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        let certificate_path = folder.join(CERTIFICATE_FILE);
        let certificate = files::read(&certificate_path, x509::PEM_BYTES_MAX)?;
        let authority: CertificateDer<'static> = x509::first_in_pem("authority certificate (PEM)", &certificate)
            .map_err(|error| error.in_file(&certificate_path))?;
        let path = folder.join(CRL_FILE);
        let text = files::read(&path, CRL_BYTES_MAX)?;
        let current = Crl::from_pem(&text, &authority).map_err(|error| error.in_file(&path))?;
        Ok(Self { path, authority, content: Digest::of(&text), current })
    }

    /// Looks at the file again: the new list, or `None` where nothing changed. Cheap enough for every few seconds.
    ///
    /// # Errors
    /// As [`load_crl`], and [`IdentityError::CrlWentBack`] for a list older than the current one. The current list stays
    /// in force then.
    pub fn poll(&mut self) -> Result<Option<&Crl>, IdentityError> {
        let text = files::read(&self.path, CRL_BYTES_MAX)?;
        let content = Digest::of(&text);
        if content == self.content {
            return Ok(None);
        }
        let next = Crl::from_pem(&text, &self.authority).map_err(|error| error.in_file(&self.path))?;
        if next.number < self.current.number {
            return Err(IdentityError::CrlWentBack { seen: self.current.number, found: next.number });
        }
        (self.content, self.current) = (content, next);
        Ok(Some(&self.current))
    }

    /// The list in force.
    pub fn current(&self) -> &Crl {
        &self.current
    }
}

fn pem_section(text: &[u8]) -> Result<CertificateRevocationListDer<'static>, IdentityError> {
    use rustls::pki_types::pem::PemObject;
    CertificateRevocationListDer::from_pem_slice(text).map_err(unreadable)
}

fn serials(list: &CertificateRevocationList<'_>) -> Result<BTreeSet<Serial>, IdentityError> {
    list.iter_revoked_certificates()
        .map(|revoked| Serial::from_bytes(revoked.raw_serial()).ok_or_else(|| unreadable("it names a foreign serial")))
        .collect()
}

fn number(list: &CertificateRevocationList<'_>) -> Result<u64, IdentityError> {
    let number = list.crl_number().ok_or_else(|| unreadable("it has no number"))?;
    u64::try_from(number).map_err(unreadable)
}

fn unreadable(reason: impl ToString) -> IdentityError {
    IdentityError::unreadable("revocation list", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Federation, NOW, site};

    #[tokio::test]
    async fn a_revocation_is_noticed_once() {
        let federation = Federation::new("lung").await;
        let anna = federation.enrolled("st-anna").await;
        let mut watch = CrlWatch::open(&federation.folder()).expect("readable");
        assert!(!watch.current().revokes(&anna.peer().serial));
        assert_eq!(watch.poll().expect("readable"), None);
        federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
        assert!(watch.poll().expect("readable").expect("new").revokes(&anna.peer().serial));
        assert_eq!(watch.poll().expect("readable"), None);
    }

    #[tokio::test]
    async fn a_changed_or_foreign_list_is_refused() {
        let federation = Federation::new("lung").await;
        let other = Federation::new("lung").await;
        std::fs::copy(other.folder().join(CRL_FILE), federation.folder().join(CRL_FILE)).expect("copied");
        let error = load_crl(&federation.folder()).expect_err("another authority's");
        assert!(error.to_string().contains("crl.pem") && error.to_string().contains("not signed"), "{error}");
    }

    #[tokio::test]
    async fn no_single_changed_character_gets_through() {
        let federation = Federation::new("lung").await;
        let path = federation.folder().join(CRL_FILE);
        let text = std::fs::read(&path).expect("readable");
        let good = load_crl(&federation.folder()).expect("good");
        for place in (30..text.len() - 30).filter(|place| text[*place] != b'\n') {
            let mut changed = text.clone();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            std::fs::write(&path, &changed).expect("writable");
            if let Ok(read) = load_crl(&federation.folder()) {
                // What lies outside the signed part, such as unused bits of the last digit, changes no meaning.
                let meaning = |crl: &Crl| (crl.serials.clone(), crl.number, crl.this_update, crl.next_update);
                assert_eq!(meaning(&read), meaning(&good), "changed at {place}");
            }
        }
    }

    #[tokio::test]
    async fn an_old_list_put_back_is_refused_and_the_newer_stays() {
        let federation = Federation::new("lung").await;
        let anna = federation.enrolled("st-anna").await;
        let path = federation.folder().join(CRL_FILE);
        let old = std::fs::read(&path).expect("readable");
        federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
        let mut watch = CrlWatch::open(&federation.folder()).expect("readable");
        std::fs::write(&path, old).expect("writable");
        assert!(matches!(watch.poll(), Err(IdentityError::CrlWentBack { .. })));
        assert!(watch.current().revokes(&anna.peer().serial));
    }
}
