//! An officer's key in a file: PKCS#8 in PEM (RFC 8410), as other programs read and write Ed25519 keys, too.

use crate::exit::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use wardround_identity::files::{Readers, create, read_private};
use wardround_privacy::OfficerSecret;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Everything of the structure but the 32 secret bytes: version 0, the algorithm 1.3.101.112, two octet strings.
const PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// More than any such file.
const BYTES_MAX: u64 = 1024;

/// Draws a key from the operating system and stores it where only its owner can read it (mode 0600).
pub fn make(path: &Path) -> Result<OfficerSecret, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut *seed).map_err(Failure::failed)?;
    let secret = OfficerSecret::from_seed(&seed);
    create(path, encode(&secret).as_bytes(), Readers::Owner).map_err(|error| {
        if error.is_taken() {
            Failure::input(format!("`{}` is there already; a key is never overwritten", path.display()))
        } else {
            Failure::failed(error)
        }
    })?;
    Ok(secret)
}

/// Reads a key that nobody but its owner can read.
pub fn load(path: &Path) -> Result<OfficerSecret, Failure> {
    let content = read_private(path, BYTES_MAX).map_err(Failure::input)?;
    let no_key = || {
        let made = "an Ed25519 key in PEM, as `wardround budget key` makes it";
        Failure::input(format!("`{}` is not {made}", path.display()))
    };
    decode(&content).ok_or_else(no_key)
}

fn encode(secret: &OfficerSecret) -> Zeroizing<String> {
    let bytes = Zeroizing::new([PREFIX.as_slice(), secret.seed()].concat());
    let body = Zeroizing::new(STANDARD.encode(&*bytes));
    Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", *body))
}

fn decode(content: &[u8]) -> Option<OfficerSecret> {
    let text = std::str::from_utf8(content).ok()?.trim();
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let bytes = Zeroizing::new(STANDARD.decode(&*body).ok()?);
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.strip_prefix(&PREFIX)?.try_into().ok()?);
    Some(OfficerSecret::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_comes_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("officer.pem");
        let made = make(&path).expect("nothing there");
        assert_eq!(load(&path).expect("just written").public(), made.public());
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        assert!(make(&path).is_err());
        assert_eq!(load(&path).expect("still there").public(), made.public());
    }

    #[test]
    fn the_example_of_rfc_8410_is_read() {
        // Section 10.3, the first private key.
        let pem = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let secret = decode(pem).expect("an Ed25519 key");
        let public = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert_eq!(secret.public().to_string(), public, "section 10.1 has its public key");
        assert_eq!(encode(&secret).as_bytes(), pem);
    }

    #[test]
    fn other_files_are_refused_by_name_and_open_ones_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("officer.pem");
        make(&path).expect("nothing there");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("own file");
        assert!(load(&path).expect_err("open to others").message.contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("own file");
        std::fs::write(&path, format!("{BEGIN}\nMC4C\n{END}\n")).expect("writable");
        assert!(load(&path).expect_err("no key").message.contains("officer.pem"));
        assert!(decode(b"").is_none() && decode(b"\xff").is_none());
    }
}
