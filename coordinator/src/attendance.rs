//! Which sites are connected, and where their messages go.

use crate::driver::AttendanceId;
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use wardround_plan::SiteId;
use wardround_round::ToSite;

/// The connected sites. A site that dials in again replaces its older stream.
#[derive(Default)]
pub struct Attendance {
    sites: BTreeMap<SiteId, (AttendanceId, mpsc::Sender<ToSite>)>,
}

impl Attendance {
    /// A site's stream is open.
    pub fn arrive(&mut self, site: SiteId, id: AttendanceId, messages: mpsc::Sender<ToSite>) {
        self.sites.insert(site, (id, messages));
    }

    /// A stream ended; false if a newer one of the same site is open.
    pub fn leave(&mut self, site: &SiteId, id: AttendanceId) -> bool {
        if self.sites.get(site).is_some_and(|(open, _)| *open != id) {
            return false;
        }
        self.sites.remove(site);
        true
    }

    /// The connected sites.
    pub fn sites(&self) -> Vec<SiteId> {
        self.sites.keys().cloned().collect()
    }

    /// Sends to a site if it is connected. A site that does not read its messages loses its stream, and is told again
    /// when it comes back: a slow reader must not make the coordinator hold more and more.
    pub fn send(&mut self, site: &SiteId, message: ToSite) {
        let Some((_, messages)) = self.sites.get(site) else { return };
        if messages.try_send(message).is_err() {
            tracing::warn!(%site, "does not read its messages; its stream is closed");
            self.sites.remove(site);
        }
    }
}
