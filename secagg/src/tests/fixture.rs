//! A federation of made-up sites, and parameters that they all accept.

use crate::client::{Client, History, Policy, Site, Trained};
use crate::roster::{Enrolment, Roster, SigningKey};
use crate::session::{Encoding, Graph, Lane, SUITE, SessionParams, Thresholds, VectorShape};
use crate::wire::{Attempt, ClientId, ConfigDigest, FederationId, Index, ModelDigest, Round, StudyId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;
use std::sync::Arc;
use wardround_plan::{Digest, SiteId, Timestamp};
use zeroize::Zeroizing;

pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_000_000);
const FEDERATION: FederationId = FederationId([1; 16]);

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn index(number: u32) -> Index {
    Index::new(number).expect("from 1")
}

/// Sites in the order of their ids, so that place i has index i + 1 where all take part.
pub(crate) struct Federation {
    pub(crate) roster: Arc<Roster>,
    pub(crate) keys: Vec<Arc<SigningKey>>,
    pub(crate) clients: Vec<ClientId>,
}

fn site_key(number: usize) -> SigningKey {
    let mut secret = Zeroizing::new([7; 32]);
    secret[..8].copy_from_slice(&(number as u64).to_le_bytes());
    SigningKey::from_secret(&secret)
}

impl Federation {
    pub(crate) fn of(count: usize) -> Self {
        let authority = SigningKey::from_secret(&Zeroizing::new([9; 32]));
        let name = |number: usize| SiteId::new(format!("site-{number}")).expect("a name");
        let mut sites: Vec<(ClientId, usize)> =
            (0..count).map(|number| (ClientId::of_site(&name(number)), number)).collect();
        sites.sort_unstable();
        let certify = |(client, number): &(ClientId, usize)| {
            Enrolment {
                federation: FEDERATION,
                client: *client,
                name: name(*number),
                key: site_key(*number).public(),
                tls_key_sha256: [*number as u8; 32],
                not_before: Timestamp::from_ms(0),
                not_after: Timestamp::from_ms(2_000_000),
                serial: *number as u64,
            }
            .certify(&authority)
        };
        let certificates = sites.iter().map(certify).collect();
        let roster = Roster::new(FEDERATION, &authority.public(), certificates, BTreeSet::new()).expect("sound");
        Self {
            roster: Arc::new(roster),
            keys: sites.iter().map(|(_, number)| Arc::new(site_key(*number))).collect(),
            clients: sites.iter().map(|(client, _)| *client).collect(),
        }
    }

    /// Parameters with everyone, changed as asked for.
    pub(crate) fn params(&self, change: impl FnOnce(&mut SessionParams)) -> SessionParams {
        let mut params = SessionParams {
            suite: SUITE,
            federation: FEDERATION,
            study: StudyId([2; 16]),
            round: Round(3),
            attempt: Attempt(1),
            model: ModelDigest(Digest::of(b"model")),
            config: ConfigDigest(Digest::of(b"plan")),
            roster: self.roster.digest(),
            participants: self.clients.clone(),
            thresholds: Thresholds::recommended(self.clients.len().max(3) as u32).expect("three or more"),
            graph: Graph::Complete,
            vector: VectorShape::new(Lane::Bits32, 10, 4096).expect("sound"),
            encoding: Encoding { scale: 1000.0, clip_linf: 10.0, clip_l2: 1e6, weight_max: 9 },
            noise: None,
        };
        change(&mut params);
        params
    }

    pub(crate) fn site(&self, place: usize, policy: Policy) -> Site {
        let (client, key) = (self.clients[place], self.keys[place].clone());
        Site { client, key, roster: self.roster.clone(), policy }
    }

    /// A site that trained for exactly these parameters.
    pub(crate) fn client(&self, place: usize, params: &SessionParams) -> Client {
        self.client_with(place, params, Policy::default(), History::default())
    }

    pub(crate) fn client_with(&self, place: usize, params: &SessionParams, policy: Policy, history: History) -> Client {
        Client::new(self.site(place, policy), trained(params), history)
    }
}

pub(crate) fn trained(params: &SessionParams) -> Trained {
    Trained {
        study: params.study,
        round: params.round,
        model: params.model,
        config: params.config,
        coordinates: params.vector.coordinates(),
    }
}

pub(crate) fn params_of(count: usize, change: impl FnOnce(&mut SessionParams)) -> SessionParams {
    Federation::of(count).params(change)
}
