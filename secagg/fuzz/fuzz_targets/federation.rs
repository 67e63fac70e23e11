//! Three sites that both stateful targets use.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;
use std::sync::Arc;
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::client::{Client, History, Policy, Site, Trained};
use wardround_secagg::roster::{Enrolment, Roster, SigningKey};
use wardround_secagg::session::{Encoding, Graph, Lane, SUITE, SessionParams, Thresholds, VectorShape};
use wardround_secagg::wire::{Attempt, ClientId, ConfigDigest, FederationId, ModelDigest, Round, StudyId};

pub const NOW: Timestamp = Timestamp::from_ms(1);
pub const SITES: usize = 3;

pub struct Federation {
    pub roster: Arc<Roster>,
    pub params: SessionParams,
    keys: Vec<Arc<SigningKey>>,
}

pub fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

impl Federation {
    pub fn new() -> Self {
        let mut rng = rng();
        let authority = SigningKey::generate(&mut rng);
        let federation = FederationId([1; 16]);
        let mut members: Vec<(ClientId, SiteId, Arc<SigningKey>)> = (0..SITES)
            .map(|number| {
                let name = SiteId::new(format!("site-{number}")).expect("a name");
                (ClientId::of_site(&name), name, Arc::new(SigningKey::generate(&mut rng)))
            })
            .collect();
        members.sort_by_key(|(client, ..)| *client);
        let certificates = members
            .iter()
            .map(|(client, name, key)| {
                Enrolment {
                    federation,
                    client: *client,
                    name: name.clone(),
                    key: key.public(),
                    tls_key_sha256: [0; 32],
                    not_before: Timestamp::from_ms(0),
                    not_after: Timestamp::from_ms(9),
                    serial: 0,
                }
                .certify(&authority)
            })
            .collect();
        let roster = Roster::new(federation, &authority.public(), certificates, BTreeSet::new()).expect("sound");
        let digest = Digest::of(b"fuzz");
        let params = SessionParams {
            suite: SUITE,
            federation,
            study: StudyId([2; 16]),
            round: Round(1),
            attempt: Attempt(1),
            model: ModelDigest(digest),
            config: ConfigDigest(digest),
            roster: roster.digest(),
            participants: members.iter().map(|(client, ..)| *client).collect(),
            thresholds: Thresholds::recommended(SITES as u32).expect("three"),
            graph: Graph::Complete,
            vector: VectorShape::new(Lane::Bits32, 5, 4096).expect("sound"),
            encoding: Encoding { scale: 16.0, clip_linf: 4.0, clip_l2: 9.0, weight_max: 3 },
            noise: None,
        };
        Self { roster: Arc::new(roster), params, keys: members.into_iter().map(|(.., key)| key).collect() }
    }

    pub fn client(&self, place: usize) -> Client {
        let (client, key) = (self.params.participants[place], self.keys[place].clone());
        let site = Site { client, key, roster: self.roster.clone(), policy: Policy::default() };
        let (model, config) = (self.params.model, self.params.config);
        let (study, round) = (self.params.study, self.params.round);
        Client::new(site, Trained { study, round, model, config, coordinates: 5 }, History::default())
    }
}
