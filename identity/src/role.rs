//! What a certificate's holder is in the federation, and its SPIFFE form: `spiffe://lung-study/site/st-anna`.

use crate::{AdminName, FederationName};
use std::fmt;
use std::str::FromStr;
use wardround_plan::SiteId;

/// What the holder of a certificate is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A hospital's node.
    Site(SiteId),
    /// The one that serves rounds.
    Coordinator,
    /// One who manages the federation or submits studies.
    Admin(AdminName),
}

/// A federation and a role in it: the one name that is authorised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    /// The trust domain.
    pub federation: FederationName,
    /// The path.
    pub role: Role,
}

/// Why a text is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` names nobody in a federation: expected spiffe://FEDERATION/site/NAME, .../coordinator or .../admin/NAME"
)]
pub struct SpiffeError {
    found: String,
}

const SCHEME: &str = "spiffe://";

impl Role {
    /// The path of the SPIFFE id, without a leading slash.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Site(site) => format!("site/{site}"),
            Self::Coordinator => "coordinator".to_owned(),
            Self::Admin(name) => format!("admin/{name}"),
        }
    }

    /// Reads what [`Role::path`] writes.
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        match path.split_once('/') {
            None if path == "coordinator" => Some(Self::Coordinator),
            Some(("site", name)) => SiteId::new(name).ok().map(Self::Site),
            Some(("admin", name)) => AdminName::new(name).ok().map(Self::Admin),
            _ => None,
        }
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;

    /// Strict: what the authority writes, and nothing else that a URI parser might take for the same.
    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let refused = || SpiffeError { found: text.chars().take(200).collect() };
        let (domain, path) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).ok_or_else(refused)?;
        let federation = FederationName::new(domain).map_err(|_| refused())?;
        let role = Role::from_path(path).ok_or_else(refused)?;
        Ok(Self { federation, role })
    }
}

/// The identity of the authority itself: the trust domain without a path.
pub(crate) fn trust_domain(federation: &FederationName) -> String {
    format!("{SCHEME}{federation}")
}

/// Reads what [`trust_domain`] writes.
pub(crate) fn federation_of(trust_domain: &str) -> Result<FederationName, SpiffeError> {
    let refused = || SpiffeError { found: trust_domain.chars().take(200).collect() };
    let name = trust_domain.strip_prefix(SCHEME).ok_or_else(refused)?;
    FederationName::new(name).map_err(|_| refused())
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.federation, self.role.path())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(site) => write!(f, "site {site}"),
            Self::Coordinator => f.write_str("coordinator"),
            Self::Admin(name) => write!(f, "admin {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_comes_back_as_it_was() {
        for text in ["spiffe://lung/site/st-anna", "spiffe://lung/coordinator", "spiffe://lung/admin/eva"] {
            assert_eq!(text.parse::<SpiffeId>().expect("good").to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let bad = [
            "",
            "https://lung/site/a",
            "SPIFFE://lung/site/a",
            "spiffe://lung",
            "spiffe://lung/",
            "spiffe://lung/site/",
            "spiffe://lung/site/a/b",
            "spiffe://lung/site/A",
            "spiffe://lung/site/..",
            "spiffe://lung/coordinator/",
            "spiffe://lung/coordinator?x=1",
            "spiffe://user@lung/site/a",
            "spiffe://lung:443/site/a",
            "spiffe:///site/a",
            "spiffe://lung/worker/1",
        ];
        for text in bad {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
    }
}
