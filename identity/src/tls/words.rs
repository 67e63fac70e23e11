//! What a failed connection means, for the people at a hospital who have to do something about it.

use super::ServerRefusal;
use rustls::{AlertDescription, CertificateError, OtherError};
use std::error::Error;
use std::io;

/// How many causes of causes are looked at.
const CAUSES_MAX: usize = 32;

/// Looks for a failure of TLS among the causes of `error` and says what it means and what to do. `None` where TLS was not
/// the cause.
pub fn alert_in_words(error: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(error), |error| cause(*error));
    causes.take(CAUSES_MAX).find_map(|error| error.downcast_ref::<rustls::Error>()).and_then(words)
}

/// `io::Error` hides the error it was made from behind that one's own cause.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn words(error: &rustls::Error) -> Option<String> {
    match error {
        rustls::Error::AlertReceived(alert) => from_the_coordinator(*alert).map(str::to_owned),
        rustls::Error::InvalidCertificate(reason) => about_the_coordinator(reason),
        rustls::Error::PeerIncompatible(_) | rustls::Error::InvalidMessage(_) => Some(NO_TLS13.to_owned()),
        _ => None,
    }
}

/// The coordinator refused us.
fn from_the_coordinator(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRevoked => {
            "the federation has revoked this site's certificate; if the site is to take part again, ask the \
             federation's manager for a new invitation and enrol with it"
        }
        AlertDescription::CertificateExpired => {
            "this site's certificate has expired, or one of the two clocks is wrong; check the time here, then ask the \
             federation's manager for a new invitation and enrol with it"
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError | AlertDescription::BadCertificate => {
            "the coordinator does not know the authority that issued this site's certificate; it belongs to another \
             federation, or the federation's authority was made anew: compare the fingerprint with its manager"
        }
        AlertDescription::CertificateRequired => {
            "the coordinator was shown no certificate; enrol this site first, or ask IT whether a proxy on the way \
             inspects TLS, since such a proxy cannot pass certificates on: the coordinator's address must be exempt"
        }
        AlertDescription::UnsupportedCertificate | AlertDescription::AccessDenied => {
            "the coordinator does not accept this kind of certificate; check which folder of credentials is in use"
        }
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::NoApplicationProtocol => NO_TLS13,
        _ => return None,
    })
}

/// We refused the coordinator.
fn about_the_coordinator(reason: &CertificateError) -> Option<String> {
    Some(match reason {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => UNKNOWN_ISSUER.to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the coordinator's certificate has expired, or the clock of this machine is ahead; check the time here, then \
             tell the federation's manager"
                .to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the coordinator's certificate is not valid yet: the clock of this machine is behind".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "who answered holds a certificate of the federation but is not its coordinator: the address leads to the \
             wrong machine"
                .to_owned()
        }
        CertificateError::Other(OtherError(reason)) => reason.downcast_ref::<ServerRefusal>()?.to_string(),
        _ => return None,
    })
}

const UNKNOWN_ISSUER: &str = "the certificate shown was not issued by the federation's authority; most often a proxy on the \
                              way inspects TLS and shows its own: ask IT to exempt the coordinator's address. Otherwise \
                              the address belongs to another federation";
const NO_TLS13: &str = "the other side does not speak this program's protocol over TLS 1.3; check address and port, and \
                        whether a proxy on the way changes TLS";

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Wrapped(#[source] io::Error);

    fn wrapped(error: rustls::Error) -> Wrapped {
        Wrapped(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn check(error: rustls::Error, expected: &str) {
        let words = alert_in_words(&wrapped(error.clone())).unwrap_or_default();
        assert!(words.contains(expected), "{error:?}: {words}");
    }

    #[test]
    fn each_alert_says_what_to_do() {
        check(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked), "new invitation");
        check(rustls::Error::AlertReceived(AlertDescription::CertificateExpired), "expired");
        check(rustls::Error::AlertReceived(AlertDescription::UnknownCA), "another federation");
        check(rustls::Error::AlertReceived(AlertDescription::CertificateRequired), "enrol");
        check(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.3");
        check(CertificateError::UnknownIssuer.into(), "proxy");
        check(CertificateError::Expired.into(), "clock");
    }

    #[test]
    fn other_failures_are_left_to_others() {
        assert_eq!(alert_in_words(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
        assert_eq!(alert_in_words(&wrapped(rustls::Error::AlertReceived(AlertDescription::InternalError))), None);
    }
}
