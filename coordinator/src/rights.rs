//! Who may call what: one table, deny by default, asked on every call.

use crate::listener::Connections;
use tonic::Extensions;
use wardround_identity::{PeerId, Role};
use wardround_plan::SiteId;
use wardround_proto::CallRefusal;

/// Something a caller may have the right to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Open a control stream, send updates and scores, renew its own certificate.
    TakePart,
    /// Submit, watch and stop studies, send initial models.
    LeadStudies,
    /// Fetch models.
    FetchModels,
}

/// Checks callers against the revocation list and the table.
#[derive(Clone)]
pub struct Gate {
    connections: Connections,
}

impl Gate {
    /// A gate that knows which certificates are revoked.
    pub fn new(connections: Connections) -> Self {
        Self { connections }
    }

    /// The caller, if it has the right.
    ///
    /// # Errors
    /// No certificate, a revoked one, or a role without the right.
    pub fn admit(&self, extensions: &Extensions, right: Right) -> Result<PeerId, CallRefusal> {
        let peer = extensions.get::<PeerId>().ok_or(CallRefusal::Unknown)?;
        if self.connections.is_revoked(&peer.serial) {
            return Err(CallRefusal::Unknown);
        }
        if has(&peer.role, right) { Ok(peer.clone()) } else { Err(CallRefusal::Forbidden) }
    }

    /// The calling site.
    ///
    /// # Errors
    /// As [`Gate::admit`].
    pub fn admit_site(&self, extensions: &Extensions) -> Result<SiteId, CallRefusal> {
        match self.admit(extensions, Right::TakePart)?.role {
            Role::Site(site) => Ok(site),
            _ => Err(CallRefusal::Forbidden),
        }
    }
}

fn has(role: &Role, right: Right) -> bool {
    match (role, right) {
        (Role::Site(_), Right::TakePart | Right::FetchModels) => true,
        (Role::Admin(_), Right::LeadStudies | Right::FetchModels) => true,
        (Role::Site(_) | Role::Admin(_) | Role::Coordinator, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_this_one() {
        let site = Role::Site(SiteId::new("a").expect("a name"));
        for (right, allowed) in [(Right::TakePart, true), (Right::LeadStudies, false), (Right::FetchModels, true)] {
            assert_eq!(has(&site, right), allowed, "{right:?}");
            assert!(!has(&Role::Coordinator, right), "{right:?}");
        }
    }

    #[test]
    fn without_a_certificate_nothing_is_allowed() {
        let gate = Gate::new(Connections::default());
        assert_eq!(gate.admit_site(&Extensions::new()), Err(CallRefusal::Unknown));
    }
}
