//! A process that is killed with SIGKILL while it pays: what it has released is paid for when the ledger is opened again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wardround_client::SiteLedger;
use wardround_plan::{DataSetName, Digest, PlanDigest, RoundNumber, StudyId, Timestamp};
use wardround_privacy::{
    Adjacency, Budget, Charge, Composition, Decision, Delta, Epsilon, LedgerId, Mechanism, NoiseMultiplier,
    OfficerSecret, Purpose, ReservationId,
};

/// Names the site's folder to the process that is to be killed.
const FOLDER: &str = "WARDROUND_TEST_LEDGER";
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);
const KILLS: u64 = 40;
/// A part of the time that one debit takes.
const SPINS: u64 = 100_000;

fn scans() -> DataSetName {
    DataSetName::new("scans").expect("a name")
}

fn steps(times: u64) -> Vec<Charge> {
    let noise_multiplier = NoiseMultiplier::new(1000.0).expect("in range");
    vec![Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times }]
}

async fn open(folder: &Path) -> SiteLedger {
    SiteLedger::open(&folder.join("state"), &folder.join("credentials")).await.expect("whole after any kill")
}

async fn reserve(ledger: &SiteLedger) -> ReservationId {
    let study = StudyId::new("study").expect("a name");
    ledger.reserve(NOW, scans(), study, PlanDigest(Digest::of(b"plan")), steps(1_000_000)).await.expect("fits")
}

async fn allow(folder: &Path) {
    for name in ["state", "credentials"] {
        std::fs::create_dir(folder.join(name)).expect("writable");
    }
    let ledger = open(folder).await;
    let officers = [OfficerSecret::from_seed(&[1; 32]), OfficerSecret::from_seed(&[2; 32])];
    ledger
        .pin(NOW, LedgerId(Digest::of(b"a")), officers.iter().map(OfficerSecret::public).collect())
        .await
        .expect("empty");
    let (epsilon, delta) = (Epsilon::new(8.0).expect("in range"), Delta::new(1e-5).expect("in range"));
    let budget = Budget { epsilon, delta, composition: Composition::Declared, adjacency: Adjacency::AddOrRemoveOne };
    let (proposal, _) = ledger.propose(Decision::Budget { data_set: scans(), budget }).await.expect("opened");
    let signatures = officers.iter().map(|officer| officer.sign(&proposal)).collect();
    ledger.decide(NOW, proposal, signatures).await.expect("two officers");
    reserve(&ledger).await;
}

/// Not a test of its own: the process that pays, and says what it has a receipt for, until it is killed.
#[tokio::test]
async fn pays_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let ledger = open(Path::new(&folder)).await;
    let id = reserve(&ledger).await;
    for round in 1.. {
        let round = RoundNumber::new(round).expect("from 1");
        let purpose = Purpose::Training { round, attempt: std::num::NonZeroU32::MIN };
        let receipt = ledger.debit(NOW, id, purpose, steps(1)).await.expect("fits");
        println!("released under link {}", receipt.link().seq);
    }
}

fn payer(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "pays_until_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Reads `count` releases, then kills at once, and counts what was still said.
fn kill_after(mut child: Child, count: u64, spins: u64) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let is_release = |line: &String| line.starts_with("released");
    let heard = lines.by_ref().map_while(Result::ok).filter(is_release).take(count as usize).count() as u64;
    assert_eq!(heard, count, "the payer ended by itself");
    // Another instant of the next debit each time.
    (0..spins).for_each(|_| std::hint::spin_loop());
    child.kill().expect("SIGKILL");
    let rest = lines.map_while(Result::ok).filter(is_release).count() as u64;
    child.wait().expect("was killed");
    heard + rest
}

#[tokio::test]
async fn a_kill_at_any_instant_loses_budget_and_never_regains_any() {
    let folder = tempfile::tempdir().expect("a folder");
    allow(folder.path()).await;
    let (mut released, mut paid) = (0, 0);
    for kill in 0..KILLS {
        released += kill_after(payer(folder.path()), kill % 3, (kill % 8) * SPINS);
        let ledger = open(folder.path()).await;
        let reservations = ledger.reservations().await.expect("whole");
        let now = reservations[0].debited().iter().map(|charge| charge.times).sum();
        assert!(now >= released, "kill {kill}: {now} paid, {released} released");
        assert!(now >= paid, "kill {kill}: what was paid stays paid");
        paid = now;
    }
    println!("{KILLS} kills: {released} released, {paid} paid");
    assert!(released > 0);
}
