//! Other parameters than those that the plan gives: the coordinator holds a session of its own with the sites, and its own
//! driver waits for nothing.

use super::{Delivery, Scheme};
use crate::hostile::coordinator::now;
use std::sync::Arc;
use wardround_plan::{Digest, SiteId};
use wardround_secagg::roster::Roster;
use wardround_secagg::server::{Server, ServerOutput};
use wardround_secagg::session::{DistributedNoise, Lane, NoiseLaw, SessionParams, VectorShape};
use wardround_secagg::wire::{ClientId, ConfigDigest, Index, ModelDigest, RosterDigest};

/// Proposes what `forge` makes of the honest parameters, and is an honest server of that.
struct OwnSession {
    forge: fn(&mut SessionParams),
    roster: Arc<Roster>,
    server: Option<Server>,
}

/// The forgery of this name.
pub fn of_study(study: &str, roster: Arc<Roster>) -> Option<Box<dyn Scheme>> {
    let forge: fn(&mut SessionParams) = match study {
        "low-threshold" => |params| params.thresholds.threshold = 2,
        "two-sums" => |params| params.thresholds.corrupt = 2,
        "no-traitors" => |params| params.thresholds.corrupt = 0,
        "small-cohort" => |params| params.participants.truncate(3),
        "invented-site" => add_stranger,
        "other-roster" => |params| params.roster = RosterDigest(Digest::of(b"a roster of the coordinator's own")),
        "other-model" => |params| params.model = ModelDigest(Digest::of(b"a model made to remember patients")),
        "other-plan" => |params| params.config = ConfigDigest(Digest::of(b"a plan that nobody allowed")),
        "narrow-ring" => |params| params.vector = narrow(&params.vector),
        "finer-ring" => |params| params.encoding.scale *= 2.0,
        "traitors-noise" => |params| params.noise = Some(noise(params.participants.len() as u32)),
        _ => return None,
    };
    Some(Box::new(OwnSession { forge, roster, server: None }))
}

/// A site that nobody enrolled, so that the coordinator knows an input of the sum.
fn add_stranger(params: &mut SessionParams) {
    params.participants.push(ClientId::of_site(&SiteId::new("nobody").expect("a name")));
    params.participants.sort_unstable();
}

fn narrow(honest: &VectorShape) -> VectorShape {
    VectorShape::new(Lane::Bits16, honest.coordinates(), honest.chunk_words()).expect("as many as before")
}

/// Noise of which the traitors are to bring their part.
fn noise(honest: u32) -> DistributedNoise {
    DistributedNoise { law: NoiseLaw::DiscreteGaussian, total_variance: 1e6, honest }
}

impl OwnSession {
    fn perform(&self, session: &SessionParams, outputs: Vec<ServerOutput>) -> Vec<Delivery> {
        let Some(server) = &self.server else { return Vec::new() };
        let place = |to: Index| server.params().client_at(to).and_then(|client| session.index_of(client));
        let delivery = |output| match output {
            ServerOutput::Send { to, message } => place(to).map(|to| Delivery::ToSite(to, message)),
            _ => None,
        };
        outputs.into_iter().filter_map(delivery).collect()
    }
}

impl Scheme for OwnSession {
    fn say(&mut self, session: &SessionParams, _to: Index, _message: Vec<u8>) -> Vec<Delivery> {
        if self.server.is_some() {
            return Vec::new();
        }
        let mut forged = session.clone();
        (self.forge)(&mut forged);
        let (server, outputs) = Server::open(forged, &self.roster, now());
        self.server = Some(server);
        self.perform(session, outputs)
    }

    fn hear(&mut self, session: &SessionParams, from: Index, message: Vec<u8>) -> Vec<Delivery> {
        let Some(server) = &mut self.server else { return Vec::new() };
        let from = session.client_at(from).and_then(|client| server.params().index_of(client));
        let heard = from.map(|from| server.handle(from, &message));
        match heard {
            Some(Ok(outputs)) => self.perform(session, outputs),
            Some(Err(rejection)) => {
                tracing::warn!(%rejection, "the forged session took no notice");
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}
