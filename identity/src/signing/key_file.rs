//! An Ed25519 key in a file of its owner's: PKCS#8 in PEM, as RFC 8410 writes it, so that other tools can examine it.

use crate::files::{self, Readers};
use crate::{IdentityError, x509};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::path::Path;
use wardround_secagg::roster::SigningKey;
use zeroize::{Zeroize, Zeroizing};

/// PKCS#8 of an Ed25519 key is this and the 32 secret bytes (RFC 8410, 7).
const PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const SECRET_BYTES: usize = 32;
const DER_BYTES: usize = PREFIX.len() + SECRET_BYTES;
/// 48 bytes in base 64: one line, without padding.
const BASE64_BYTES: usize = DER_BYTES / 3 * 4;
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----\n";
const END: &str = "\n-----END PRIVATE KEY-----\n";

/// Reads the key in a file that nobody but its owner can read.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey, IdentityError> {
    let text = files::read_private(path, x509::PEM_BYTES_MAX)?;
    from_pem(&text).map_err(|error| error.in_file(path))
}

/// Puts the key where nothing is yet; one that is there stays.
pub(crate) fn create_key(path: &Path, key: &SigningKey) -> Result<(), IdentityError> {
    Ok(files::create(path, &to_pem(key), Readers::Owner)?)
}

fn to_pem(key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let mut der = Zeroizing::new([0; DER_BYTES]);
    der[..PREFIX.len()].copy_from_slice(&PREFIX);
    der[PREFIX.len()..].copy_from_slice(key.to_secret().as_ref());
    let mut digits = Zeroizing::new([0; BASE64_BYTES]);
    STANDARD.encode_slice(der.as_ref(), digits.as_mut()).expect("as many digits as three quarters make bytes");
    // Made at its full size, so that growing leaves no copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(BEGIN.len() + BASE64_BYTES + END.len()));
    for part in [BEGIN.as_bytes(), digits.as_ref(), END.as_bytes()] {
        text.extend_from_slice(part);
    }
    text
}

fn from_pem(text: &[u8]) -> Result<SigningKey, IdentityError> {
    let mut der: PrivatePkcs8KeyDer<'static> = x509::first_in_pem("signing key (PKCS#8 PEM)", text)?;
    let key = from_der(der.secret_pkcs8_der());
    der.zeroize();
    key.ok_or(IdentityError::SigningKeyKind)
}

fn from_der(der: &[u8]) -> Option<SigningKey> {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    secret.copy_from_slice(der.strip_prefix(&PREFIX).filter(|rest| rest.len() == SECRET_BYTES)?);
    Some(SigningKey::from_secret(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    /// The example of RFC 8410, 10.3, with its public key.
    const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const RFC_8410_PUBLIC: &str = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

    #[test]
    fn the_key_of_rfc_8410_is_read_and_written() {
        let key = from_pem(RFC_8410.as_bytes()).expect("its example");
        assert_eq!(hex::encode(key.public().0), RFC_8410_PUBLIC);
        assert_eq!(*to_pem(&key), RFC_8410.as_bytes());
    }

    #[test]
    fn another_kind_of_key_and_a_cut_one_are_refused() {
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("key").serialize_pem();
        assert!(matches!(from_pem(other.as_bytes()), Err(IdentityError::SigningKeyKind)));
        for end in 0..RFC_8410.len() - END.len() {
            assert!(from_pem(&RFC_8410.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_key_is_its_owners_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.key");
        let [first, second] = [1, 2].map(|byte| SigningKey::from_secret(&Zeroizing::new([byte; 32])));
        create_key(&path, &first).expect("nothing there");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let taken = create_key(&path, &second).expect_err("taken");
        assert!(matches!(&taken, IdentityError::File(error) if error.is_taken()), "{taken}");
        assert!(read_key(&path).expect("the first").public() == first.public());

        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("own file");
        let error = read_key(&path).expect_err("open to others").to_string();
        assert!(error.contains("chmod 600") && error.contains("a.key"), "{error}");
    }
}
