//! What a durable debit costs, and how long a site needs to verify its ledger: `cargo bench -p wardround-client --bench ledger`.
//!
//! Each debit is a turn of its own: lock, read, decide, two syncs for the link, two for the anchor.

use std::path::Path;
use std::time::{Duration, Instant};
use wardround_client::SiteLedger;
use wardround_plan::{DataSetName, Digest, PlanDigest, RoundNumber, StudyId, Timestamp};
use wardround_privacy::{
    Adjacency, Budget, Charge, Composition, Decision, Delta, Epsilon, LedgerId, Mechanism, NoiseMultiplier,
    OfficerSecret, Purpose, ReservationId,
};

const DEBITS: u32 = 2_000;
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path()).await;
    let id = reservation(&ledger).await;
    let mut times: Vec<Duration> = Vec::new();
    for round in 1..=DEBITS {
        let begun = Instant::now();
        pay(&ledger, id, round).await;
        times.push(begun.elapsed());
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, worst) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{DEBITS} debits: median {:.2} ms, 99th percentile {:.2} ms", ms(median), ms(worst));
    let begun = Instant::now();
    let again = open(folder.path()).await;
    let links = again.head().await.expect("whole").seq;
    println!("opening and verifying {links} links: {:.1} ms", ms(begun.elapsed()));
}

async fn open(folder: &Path) -> SiteLedger {
    let [state, credentials] = ["state", "credentials"].map(|name| folder.join(name));
    for part in [&state, &credentials] {
        std::fs::create_dir_all(part).expect("writable");
    }
    SiteLedger::open(&state, &credentials).await.expect("usable")
}

async fn reservation(ledger: &SiteLedger) -> ReservationId {
    let officers = [OfficerSecret::from_seed(&[1; 32]), OfficerSecret::from_seed(&[2; 32])];
    let public = officers.iter().map(OfficerSecret::public).collect();
    ledger.pin(NOW, LedgerId(Digest::of(b"bench")), public).await.expect("empty");
    let data_set = DataSetName::new("scans").expect("a name");
    let (epsilon, delta) = (Epsilon::new(8.0).expect("in range"), Delta::new(1e-5).expect("in range"));
    let budget = Budget { epsilon, delta, composition: Composition::Declared, adjacency: Adjacency::AddOrRemoveOne };
    let decision = Decision::Budget { data_set: data_set.clone(), budget };
    let (proposal, _) = ledger.propose(decision).await.expect("opened");
    let signatures = officers.iter().map(|officer| officer.sign(&proposal)).collect();
    ledger.decide(NOW, proposal, signatures).await.expect("two officers");
    let study = StudyId::new("study").expect("a name");
    let charges = steps(u64::from(DEBITS));
    ledger.reserve(NOW, data_set, study, PlanDigest(Digest::of(b"plan")), charges).await.expect("fits")
}

async fn pay(ledger: &SiteLedger, id: ReservationId, round: u32) {
    let round = RoundNumber::new(round).expect("from 1");
    let purpose = Purpose::Training { round, attempt: std::num::NonZeroU32::MIN };
    let _receipt = ledger.debit(NOW, id, purpose, steps(1)).await.expect("fits");
}

fn steps(times: u64) -> Vec<Charge> {
    let noise_multiplier = NoiseMultiplier::new(100.0).expect("in range");
    vec![Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times }]
}
