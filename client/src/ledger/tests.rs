//! The ledger as a file: several processes, full disks, and everything that can be done to the file behind our back.

use super::*;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use std::path::PathBuf;
use wardround_plan::RoundNumber;
use wardround_privacy::{
    Adjacency, Budget, Composition, Delta, Epsilon, Mechanism, NoiseMultiplier, OfficerSecret, Refused,
};

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// The folders of one site.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("state")).expect("writable");
        std::fs::create_dir(folder.path().join("credentials")).expect("writable");
        Self { folder }
    }

    /// With officers, a budget of ε = 8, a reservation of ten steps and `debits` of them paid.
    async fn busy(debits: u32) -> (Self, SiteLedger, ReservationId) {
        let place = Self::new();
        let ledger = place.open().await.expect("opens");
        ledger.pin(NOW, LedgerId(Digest::of(b"a")), officers()).await.expect("empty");
        decide(&ledger, budget(8.0), &[1, 2]).await.expect("two officers");
        let id = reserve(&ledger, 1).await.expect("fits");
        for round in 1..=debits {
            let _receipt = pay(&ledger, id, round).await.expect("fits");
        }
        (place, ledger, id)
    }

    async fn open(&self) -> Result<SiteLedger, SiteLedgerError> {
        SiteLedger::open(&self.state(), &self.credentials()).await
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    fn file(&self) -> PathBuf {
        self.state().join("ledger.sqlite")
    }

    fn anchor(&self) -> PathBuf {
        self.credentials().join("ledger.anchor")
    }

    /// Somebody with a SQLite of his own.
    async fn tamper(&self, statements: &[String]) {
        let mut connection = self.raw().await;
        for statement in ["drop trigger links_stay", "drop trigger links_stay_as_they_are"] {
            sqlx::query(statement).execute(&mut connection).await.expect("a trigger");
        }
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut connection).await.expect("good SQL");
        }
        connection.close().await.expect("closes");
    }

    async fn raw(&self) -> SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
        options.connect().await.expect("opens")
    }

    fn copy(&self) -> Copy {
        let read = |path| std::fs::read(path).expect("readable");
        Copy { ledger: read(self.file()), anchor: read(self.anchor()) }
    }

    fn restore(&self, copy: &Copy) {
        std::fs::write(self.file(), &copy.ledger).expect("writable");
        std::fs::write(self.anchor(), &copy.anchor).expect("writable");
    }
}

/// A backup. Every turn closes its connection, so that the main file is whole between turns.
struct Copy {
    ledger: Vec<u8>,
    anchor: Vec<u8>,
}

fn secret(number: u8) -> OfficerSecret {
    OfficerSecret::from_seed(&[number; 32])
}

fn officers() -> Vec<OfficerKey> {
    vec![secret(1).public(), secret(2).public()]
}

fn scans() -> DataSetName {
    DataSetName::new("scans").expect("a name")
}

fn budget(epsilon: f64) -> Decision {
    let (epsilon, delta) = (Epsilon::new(epsilon).expect("in range"), Delta::new(1e-5).expect("in range"));
    let (composition, adjacency) = (Composition::Declared, Adjacency::AddOrRemoveOne);
    Decision::Budget { data_set: scans(), budget: Budget { epsilon, delta, composition, adjacency } }
}

/// Steps with noise that makes ten of them cost about ε = 3.
fn steps(times: u64) -> Vec<Charge> {
    let noise_multiplier = NoiseMultiplier::new(5.0).expect("in range");
    vec![Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times }]
}

async fn decide(ledger: &SiteLedger, decision: Decision, signers: &[u8]) -> Result<(), SiteLedgerError> {
    let (proposal, _) = ledger.propose(decision).await?;
    let signatures = signers.iter().map(|signer| secret(*signer).sign(&proposal)).collect();
    ledger.decide(NOW, proposal, signatures).await
}

async fn reserve(ledger: &SiteLedger, number: u8) -> Result<ReservationId, SiteLedgerError> {
    let study = StudyId::new(format!("study-{number}")).expect("a name");
    ledger.reserve(NOW, scans(), study, PlanDigest(Digest::of(&[number])), steps(10)).await
}

async fn pay(ledger: &SiteLedger, id: ReservationId, round: u32) -> Result<Receipt, SiteLedgerError> {
    let round = RoundNumber::new(round).expect("from 1");
    let purpose = Purpose::Training { round, attempt: std::num::NonZeroU32::MIN };
    ledger.debit(NOW, id, purpose, steps(1)).await
}

async fn rounds(ledger: &SiteLedger) -> u64 {
    ledger.standing(scans()).await.expect("accountable").studies[0].rounds
}

#[tokio::test]
async fn what_was_paid_is_paid_after_a_restart() {
    let (place, ledger, id) = Place::busy(3).await;
    let head = ledger.head().await.expect("whole");
    drop(ledger);
    let ledger = place.open().await.expect("opens");
    assert_eq!((ledger.head().await.expect("whole"), rounds(&ledger).await), (head, 3));
    assert_eq!(reserve(&ledger, 1).await.expect("the same"), id);
    let standing = ledger.standing(scans()).await.expect("accountable");
    let account = standing.account.expect("approved");
    let rdp = account.spent_rdp.expect("it has a bound");
    assert!(account.spent_pld.get() > 0.0 && account.spent_pld < account.reserved && account.spent_pld < rdp);
}

#[tokio::test]
async fn two_processes_take_turns_and_see_each_other() {
    let (place, site, id) = Place::busy(1).await;
    let officer = place.open().await.expect("opens");
    for round in 2..6 {
        let payer = if round % 2 == 0 { &officer } else { &site };
        let _receipt = pay(payer, id, round).await.expect("fits");
    }
    assert_eq!((rounds(&site).await, rounds(&officer).await), (5, 5));
    decide(&officer, budget(0.5), &[2]).await.expect("one lowers");
    let frozen = pay(&site, id, 6).await.expect_err("lowered below what is reserved").to_string();
    assert!(frozen.contains("was lowered to epsilon 0.5 at delta 1e-5"), "{frozen}");
    decide(&officer, budget(8.0), &[1, 2]).await.expect("two raise");
    let _receipt = pay(&site, id, 6).await.expect("thawed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_at_once_never_debit_more_than_was_reserved() {
    let (place, site, id) = Place::busy(0).await;
    let other = place.open().await.expect("opens");
    let attempts: Vec<_> = (1..=16)
        .map(|round| {
            let ledger = if round % 2 == 0 { site.clone() } else { other.clone() };
            tokio::spawn(async move { pay(&ledger, id, round).await.is_ok() })
        })
        .collect();
    let mut paid = 0;
    for attempt in attempts {
        paid += u32::from(attempt.await.expect("no panic"));
    }
    assert_eq!(paid, 10, "ten steps were reserved");
    assert_eq!(rounds(&place.open().await.expect("opens")).await, 10);
}

#[tokio::test]
async fn the_head_is_told_after_each_link_of_any_process() {
    let (place, site, id) = Place::busy(0).await;
    let mut heads = site.heads();
    heads.mark_unchanged();
    let receipt = pay(&site, id, 1).await.expect("fits");
    assert!(heads.has_changed().expect("open") && *heads.borrow_and_update() == receipt.link());
    let officer = place.open().await.expect("opens");
    decide(&officer, budget(7.0), &[1]).await.expect("one lowers");
    let head = site.head().await.expect("whole");
    assert_eq!(*heads.borrow_and_update(), head);
}

#[tokio::test]
async fn a_changed_bit_of_any_row_is_noticed() {
    let (place, ledger, _) = Place::busy(2).await;
    drop(ledger);
    place.tamper(&[]).await;
    let good = place.copy();
    let mut connection = place.raw().await;
    let rows = sqlx::query("select seq, link, hash from links").fetch_all(&mut connection).await.expect("rows");
    connection.close().await.expect("closes");
    for (number, row) in rows.iter().enumerate() {
        let seq: i64 = row.get("seq");
        for column in ["link", "hash"] {
            let bytes = row.get::<String, _>(column).into_bytes();
            // Every bit of a link is tried in `privacy`; here one of every 9th byte, that it reaches the check.
            for byte in (number..bytes.len()).step_by(9) {
                let mut changed = bytes.clone();
                changed[byte] ^= 1 << (byte % 8);
                let hex: String = changed.iter().map(|byte| format!("{byte:02x}")).collect();
                place.restore(&good);
                let mut connection = place.raw().await;
                let update = format!("update links set {column} = cast(x'{hex}' as text) where seq = {seq}");
                sqlx::query(sqlx::AssertSqlSafe(update)).execute(&mut connection).await.expect("good SQL");
                connection.close().await.expect("closes");
                assert!(place.open().await.is_err(), "link {seq}, {column}, byte {byte}");
            }
        }
    }
    place.restore(&good);
    assert!(place.open().await.is_ok(), "the triggers are made again, and nothing else was changed");
}

#[tokio::test]
async fn deleted_moved_and_renumbered_rows_are_noticed() {
    let cases: [&[&str]; 6] = [
        &["delete from links where seq = 3"],
        &["delete from links where seq = (select max(seq) from links)"],
        &["delete from links where seq = 1"],
        &["delete from links"],
        &["update links set seq = seq + 100"],
        &[
            "update links set seq = 99 where seq = 4",
            "update links set seq = 4 where seq = 5",
            "update links set seq = 5 where seq = 99",
        ],
    ];
    for case in cases {
        let (place, ledger, _) = Place::busy(3).await;
        drop(ledger);
        place.tamper(&case.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).await;
        assert!(place.open().await.is_err(), "{case:?}");
    }
}

#[tokio::test]
async fn sqlite_itself_refuses_to_change_or_delete_a_link() {
    let (place, ledger, _) = Place::busy(1).await;
    drop(ledger);
    let mut connection = place.raw().await;
    for statement in ["delete from links", "update links set link = ''"] {
        let error = sqlx::query(statement).execute(&mut connection).await.expect_err("a trigger");
        assert!(error.to_string().contains("never"), "{error}");
    }
}

#[tokio::test]
async fn a_lost_ledger_or_anchor_is_not_made_anew_in_silence() {
    let (place, ledger, _) = Place::busy(2).await;
    drop(ledger);
    let copy = place.copy();
    std::fs::remove_file(place.file()).expect("there");
    let error = place.open().await.err().expect("lost");
    assert!(matches!(error, SiteLedgerError::NoLedger { .. }), "{error}");
    assert!(!place.file().exists(), "no empty ledger in its place");
    std::fs::write(place.file(), b"").expect("writable");
    assert!(matches!(place.open().await.err(), Some(SiteLedgerError::NoLedger { .. })), "an empty file is none");
    place.restore(&copy);
    std::fs::remove_file(place.anchor()).expect("there");
    let error = place.open().await.err().expect("lost");
    assert!(matches!(error, SiteLedgerError::NoAnchor { links: 5, .. }), "{error}");
    place.restore(&copy);
    assert!(place.open().await.is_ok());
}

#[tokio::test]
async fn an_anchor_one_link_behind_is_what_a_crash_leaves() {
    let (place, ledger, id) = Place::busy(2).await;
    let behind = place.copy().anchor;
    let _receipt = pay(&ledger, id, 3).await.expect("fits");
    drop(ledger);
    std::fs::write(place.anchor(), behind).expect("writable");
    let ledger = place.open().await.expect("the chain contains its anchor");
    assert_eq!(rounds(&ledger).await, 3, "the debit counts, whatever became of its release");
}

#[tokio::test]
async fn a_file_that_is_exchanged_under_a_running_site_is_noticed() {
    let (place, ledger, id) = Place::busy(1).await;
    let old = place.copy();
    let _receipt = pay(&ledger, id, 2).await.expect("fits");
    place.restore(&old);
    let error = pay(&ledger, id, 3).await.expect_err("rolled back");
    assert!(matches!(error, SiteLedgerError::Exchanged { .. }), "{error}");
    std::fs::remove_file(place.file()).expect("there");
    assert!(pay(&ledger, id, 3).await.is_err());
    assert!(!place.file().exists());
}

#[tokio::test]
async fn a_site_restored_from_an_old_backup_trains_nothing_until_two_officers_write_the_gap_off() {
    let (place, ledger, id) = Place::busy(1).await;
    let old = place.copy();
    let _receipt = pay(&ledger, id, 2).await.expect("fits");
    let witnessed = ledger.head().await.expect("whole");
    drop(ledger);
    place.restore(&old);
    let site = place.open().await.expect("an old ledger with its old anchor looks whole");
    let error = site.witnessed(witnessed).await.expect_err("the coordinator has seen more");
    assert!(matches!(&error, SiteLedgerError::Refused(Refused::RolledBack { .. })), "{error}");
    assert!(pay(&site, id, 2).await.is_err() && reserve(&site, 2).await.is_err());
    assert!(error.refusal().text().contains("write-off --gap"), "the coordinator's log says what to do");

    let (officer, lost) = SiteLedger::open_with_gap(&place.state(), &place.credentials()).await.expect("opens");
    assert_eq!(lost, None, "the anchor is as old as the ledger");
    decide(&officer, Decision::WriteOff { gap: witnessed }, &[1, 2]).await.expect("two officers");
    let error = reserve(&site, 2).await.expect_err("nothing is allowed until a new budget is").to_string();
    assert!(error.contains("no budget is approved"), "{error}");
    site.witnessed(witnessed).await.expect("a known gap");
    decide(&officer, budget(4.0), &[1, 2]).await.expect("two officers");
    reserve(&site, 2).await.expect("the running site sees it");
}

#[tokio::test]
async fn a_ledger_that_was_cut_below_its_anchor_can_be_written_off() {
    let (place, ledger, _) = Place::busy(3).await;
    let head = ledger.head().await.expect("whole");
    drop(ledger);
    place.tamper(&["delete from links where seq > 4".into()]).await;
    assert!(matches!(place.open().await.err(), Some(SiteLedgerError::Broken(LedgerError::Cut { .. }))));
    let (officer, lost) = SiteLedger::open_with_gap(&place.state(), &place.credentials()).await.expect("opens");
    assert_eq!(lost, Some(head));
    decide(&officer, Decision::WriteOff { gap: head }, &[1, 2]).await.expect("two officers");
    assert!(place.open().await.is_ok(), "whole again, with a known gap");
}

#[tokio::test]
async fn without_room_for_the_anchor_no_link_is_paid() {
    let (place, ledger, id) = Place::busy(1).await;
    let away = place.folder.path().join("away");
    std::fs::rename(place.credentials(), &away).expect("movable");
    assert!(matches!(pay(&ledger, id, 2).await, Err(SiteLedgerError::File(_))));
    std::fs::rename(&away, place.credentials()).expect("movable");
    assert_eq!(rounds(&ledger).await, 1, "the failed debit cost nothing");
    let _receipt = pay(&ledger, id, 2).await.expect("goes on");
}

#[tokio::test]
async fn a_full_disk_refuses_the_debit_and_the_site_goes_on_after() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place.state()) else { return };
    let ledger = place.open().await.expect("opens");
    ledger.pin(NOW, LedgerId(Digest::of(b"a")), officers()).await.expect("empty");
    decide(&ledger, budget(8.0), &[1, 2]).await.expect("two officers");
    let id = reserve(&ledger, 1).await.expect("fits");
    let _receipt = pay(&ledger, id, 1).await.expect("fits");
    let filler = disk.fill();
    let error = pay(&ledger, id, 2).await.expect_err("full").to_string();
    assert!(error.contains("look for free space on this disk"), "{error}");
    std::fs::remove_file(filler).expect("there");
    let _receipt = pay(&ledger, id, 2).await.expect("space again");
    assert_eq!(rounds(&place.open().await.expect("whole")).await, 2);
}

/// A memory file system, which only root may mount; unmounted when dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        let mount =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self { folder: folder.to_owned() }),
            other => {
                println!("SKIPPED: a full disk needs the right to mount a small one: {other:?}");
                None
            }
        }
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let path = self.folder.join("filler");
        let mut file = std::fs::File::create(&path).expect("writable");
        while file.write_all(&[0; 512]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
