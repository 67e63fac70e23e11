//! What can go wrong with identities, and what to do about it.

use crate::calendar::in_words;
use crate::{CodeError, EnrolmentRefusal, FileError, RenewalRefusal, Role, RosterRefusal, SpiffeError, SpiffeId};
use std::path::{Path, PathBuf};
use wardround_plan::{IdError, SiteId, Timestamp};

/// Why something about an identity was refused or failed. Details are for the log of the side where it happened; what a
/// peer may see of it is decided where the wire is mapped.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A name breaks the rule for names.
    #[error(transparent)]
    Name(#[from] IdError),
    /// A certificate names nobody in a federation.
    #[error(transparent)]
    Spiffe(#[from] SpiffeError),
    /// An enrolment code was mistyped.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// A file could not be read or written, or others can read it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content of a file was refused.
    #[error("`{}`: {reason}", .path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        reason: Box<IdentityError>,
    },
    /// Bytes are not what they should be.
    #[error("no readable {what}: {reason}")]
    Unreadable {
        /// What was expected.
        what: &'static str,
        /// What came.
        reason: String,
    },
    /// A certificate must carry exactly one URI.
    #[error("expected exactly one URI among the certificate's alternative names, found {found}")]
    UriNames {
        /// How many there are.
        found: usize,
    },
    /// The request was not signed with the key that it names.
    #[error("the certificate request is not signed by the key that it names")]
    NoProofOfPossession,
    /// The key is not one of the kind used here.
    #[error("the key is not an ECDSA P-256 key: make one with `wardround site enroll`")]
    KeyKind,
    /// The certificate belongs to another key.
    #[error("the certificate belongs to another private key than the one beside it")]
    KeyMismatch,
    /// The certificate was not signed by the authority that comes with it.
    #[error("the certificate was not signed by the authority that comes with it")]
    NotSignedByAuthority,
    /// The chain ends at another authority than the pinned one.
    #[error("the certificate comes from authority {found}, expected {expected}: check --ca-sha256 with the federation")]
    OtherAuthority {
        /// The pinned fingerprint.
        expected: wardround_plan::Digest,
        /// The fingerprint that came.
        found: wardround_plan::Digest,
    },
    /// A certificate for someone else.
    #[error("the certificate is for {found}, expected one for {expected}")]
    OtherIdentity {
        /// Who we are.
        expected: SpiffeId,
        /// Who the certificate names.
        found: SpiffeId,
    },
    /// The certificate is no longer valid.
    #[error("the certificate of the {holder} expired on {}; enrol again with a new invitation \
             (or set this machine's clock, if that is wrong)", in_words(*.at))]
    Expired {
        /// Whose it is.
        holder: Role,
        /// When it expired.
        at: Timestamp,
    },
    /// There is an authority in the folder already.
    #[error("`{}` holds an authority already; a federation has one, and making it anew would lock every site out",
            .0.display())]
    AuthorityExists(PathBuf),
    /// The authority's folder has a key and lacks a file.
    #[error("`{}` is missing beside the authority's key: restore it from a backup, or, if this authority was never \
             used, remove the folder and make a new one with `wardround authority init`", .0.display())]
    AuthorityIncomplete(PathBuf),
    /// The key in the authority's folder does not fit its certificate.
    #[error("authority.key in `{}` does not belong to authority.pem: restore both from one backup", .0.display())]
    AuthorityTorn(PathBuf),
    /// The database was written by a later version.
    #[error("`{}` was written by a later version of Wardround (schema {found}): update this one", .path.display())]
    Schema {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
    },
    /// An invitation would be open for too long.
    #[error("an invitation can be valid for {max_h} hours at most")]
    InvitationTooLong {
        /// The limit.
        max_h: u64,
    },
    /// An enrolment was refused.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentRefusal),
    /// A renewal was refused.
    #[error(transparent)]
    Renewal(#[from] RenewalRefusal),
    /// A signing key or its proof has another form.
    #[error("no Ed25519 signing key: expected 32 bytes of key and 64 of signature, or PKCS#8 as RFC 8410 writes it")]
    SigningKeyKind,
    /// A roster was refused.
    #[error(transparent)]
    Roster(#[from] RosterRefusal),
    /// A key may be certified once.
    #[error("this key has been certified before; make a fresh one for every certificate")]
    KeyReused,
    /// Nobody waits under this name.
    #[error("{0} is not waiting for approval; `wardround authority roster` lists who is")]
    NothingToApprove(SiteId),
    /// Nobody by this name was invited or certified.
    #[error("the federation knows no {0}; `wardround authority roster` lists whom it knows")]
    Unknown(Role),
    /// The revocation list was not signed by the authority.
    #[error("the revocation list is not signed by the federation's authority: it was changed or belongs to another")]
    CrlSignature,
    /// An older revocation list came after a newer one.
    #[error("revocation list {found} came after {seen}: someone put an old one back; the newer one stays in force")]
    CrlWentBack {
        /// Number of the list in force.
        seen: u64,
        /// Number of the list that came.
        found: u64,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(#[from] rand::rngs::SysError),
    /// A certificate, request or list could not be made.
    #[error("cannot sign: {0}")]
    Signing(#[from] rcgen::Error),
    /// The authority's database failed.
    #[error("the authority's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row of the authority's database makes no sense.
    #[error("the authority's database holds an unreadable {0}: restore it from a backup")]
    DatabaseContent(&'static str),
    /// A TLS configuration could not be built.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A verifier could not be built.
    #[error("cannot set up the check of client certificates: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

impl IdentityError {
    /// Adds the file in which the content was found.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), reason: Box::new(self) }
    }

    pub(crate) fn unreadable(what: &'static str, reason: impl ToString) -> Self {
        Self::Unreadable { what, reason: reason.to_string() }
    }
}
