//! Reading X.509: whole inputs only, and every refusal says what was expected.

use crate::{FederationName, IdentityError, calendar, role};
use rustls::pki_types::pem::PemObject;
use wardround_plan::Timestamp;
use x509_parser::asn1_rs::FromDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

/// Largest certificate, request or key text that is looked at.
pub(crate) const PEM_BYTES_MAX: u64 = 64 * 1024;

/// Reads all of `der` as one certificate.
pub(crate) fn certificate(der: &[u8]) -> Result<X509Certificate<'_>, IdentityError> {
    whole("certificate", X509Certificate::from_der(der))
}

/// The value, where nothing follows it.
pub(crate) fn whole<T, E: std::fmt::Display>(
    what: &'static str,
    parsed: Result<(&[u8], T), E>,
) -> Result<T, IdentityError> {
    match parsed {
        Ok(([], value)) => Ok(value),
        Ok(_) => Err(IdentityError::unreadable(what, "bytes follow its end")),
        Err(error) => Err(IdentityError::unreadable(what, error)),
    }
}

/// The one URI among the alternative names. Two would let one reader authorise another name than the next.
pub(crate) fn only_uri<'a>(certificate: &'a X509Certificate<'_>) -> Result<&'a str, IdentityError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| IdentityError::unreadable("alternative names", error))?
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.count()) {
        (Some(uri), 0) => Ok(uri),
        (first, others) => Err(IdentityError::UriNames { found: usize::from(first.is_some()) + others }),
    }
}

/// The federation of an authority's certificate.
pub(crate) fn federation(authority_der: &[u8]) -> Result<FederationName, IdentityError> {
    let authority = certificate(authority_der)?;
    if !authority.is_ca() {
        return Err(IdentityError::unreadable("authority certificate", "this one may not sign others"));
    }
    Ok(role::federation_of(only_uri(&authority)?)?)
}

/// Reads the first section of the wanted kind, within the size limit.
pub(crate) fn first_in_pem<T: PemObject>(what: &'static str, text: &[u8]) -> Result<T, IdentityError> {
    if text.len() as u64 > PEM_BYTES_MAX {
        return Err(IdentityError::unreadable(what, format!("longer than {PEM_BYTES_MAX} bytes")));
    }
    T::from_pem_slice(text).map_err(|error| IdentityError::unreadable(what, error))
}

pub(crate) fn timestamp(time: ASN1Time) -> Timestamp {
    calendar::from_seconds(time.timestamp())
}
